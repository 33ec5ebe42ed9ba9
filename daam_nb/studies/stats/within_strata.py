"""Two groups compared within strata: what the strata themselves differ by does not count.

Some nouns overlap more than others, and some are lost more often. The mean of all lost images
minus that of all others would then differ from 0 by the mix of nouns alone. Here each stratum has a
difference of its own, and their mean is weighted by n1 n0 / (n1 + n0), where n1 and n0 are the
values of both groups in the stratum (weights of Mantel & Haenszel 1959). It is the coefficient of
the group in least squares with a constant for each stratum. A stratum with one group alone has no
difference, so its weight is 0 and it is left out.

Its interval has the error of these least squares, with clusters as they are (`influence`): each
observation moves the difference by its residual, times how far its group differs there from the
stratum's mix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daam_nb.studies.stats import influence
from daam_nb.studies.stats.influence import LEAST
from daam_nb.studies.stats.stratified import Floats, Places, nested


@dataclass(frozen=True, eq=False)
class Within:
    """Values of two groups in strata; of these only strata with both groups.

    Attributes
    ----------
    values, first
        Each value, and whether it is of the first group.
    strata, clusters
        Numbers from 0 on. Each value may be a cluster of its own.
    left_out
        Strata with one group alone.
    """

    values: Floats
    first: NDArray[np.bool_]
    strata: Places
    clusters: Places
    left_out: int

    @classmethod
    def of(
        cls, values: Floats, first: NDArray[np.bool_], strata: Places, clusters: Places
    ) -> Within:
        """Leave out strata with one group alone."""
        size = int(strata.max(initial=-1)) + 1
        in_first, in_second = (np.bincount(strata[of], minlength=size) for of in (first, ~first))
        both = (in_first > 0) & (in_second > 0)
        kept = both[strata]
        return cls(
            values[kept],
            first[kept],
            np.unique(strata[kept], return_inverse=True)[1],
            np.unique(clusters[kept], return_inverse=True)[1],
            int(size - both.sum()),
        )

    @property
    def n(self) -> tuple[int, int]:
        """Values of each group."""
        return int(self.first.sum()), int((~self.first).sum())

    @property
    def size(self) -> int:
        """Strata with both groups."""
        return int(self.strata.max(initial=-1)) + 1

    def parts(self) -> tuple[Floats, Floats]:
        """Of each stratum: its difference times its weight, and its weight."""
        sums = np.zeros((self.size, 4))
        np.add.at(sums, self.strata, self._columns())
        return _parts(sums)

    def difference(self) -> float:
        """The weighted mean of the strata's differences; NaN where no stratum has both groups."""
        above, below = (part.sum() for part in self.parts())
        return float(above / below) if below else math.nan

    def effect(self) -> float:
        """The same in units of what values deviate by within strata and groups.

        That deviation is the one of the residuals of least squares with a constant for each
        stratum, so that with one stratum this is Cohen's d. NaN where nothing varies.
        """
        freedom = len(self.values) - self.size - 1
        if not self.size or freedom < 1:
            return math.nan
        above, below = (part.sum() for part in self.parts())
        total = (centered(self.values, self.strata) ** 2).sum()
        variance = float(total - above**2 / below) / freedom
        return float(above / below) / math.sqrt(variance) if variance > 1e-24 else math.nan

    def ends(self, *, confidence: float) -> tuple[float, float]:
        """Interval of these strata and new clusters in them; a cluster in both groups moves both.

        NaN with fewer than ten values or clusters of a group (`influence.LEAST`).
        """
        clusters = min(len(np.unique(self.clusters[of])) for of in (self.first, ~self.first))
        if min(*self.n, clusters) < LEAST:
            return math.nan, math.nan
        apart = centered(self.first.astype(np.float64), self.strata)  # of the group from the mix
        total = float((apart**2).sum())
        residuals = centered(self.values, self.strata) - self.difference() * apart
        size = int(self.clusters.max()) + 1
        squares = np.bincount(self.clusters, weights=apart**2, minlength=size) / total
        influences = np.bincount(self.clusters, weights=apart * residuals, minlength=size) / total
        # A residual is too small by what its own observation has drawn the slope towards itself.
        influences /= np.sqrt(1 - np.minimum(squares, 0.5))
        return influence.ends(
            self.difference(),
            influences,
            np.sqrt(squares),
            strata=nested(self.clusters, self.strata),
            confidence=confidence,
        )

    def ends_over_strata(self, *, confidence: float) -> tuple[float, float]:
        """Interval of what other strata might give: whole strata are the clusters.

        NaN with fewer than ten strata of both groups (`influence.LEAST`).
        """
        if self.size < LEAST:
            return math.nan, math.nan
        above, below = self.parts()
        influences = (above - self.difference() * below) / below.sum()
        return influence.ends(self.difference(), influences, below, confidence=confidence)

    def _columns(self) -> Floats:
        """(value, 4): one and the value where it is of the first group, then of the second."""
        in_first, other = self.first.astype(np.float64), (~self.first).astype(np.float64)
        return np.stack([in_first, in_first * self.values, other, other * self.values], axis=1)


def centered(values: Floats, strata: Places) -> Floats:
    """Values minus the mean of all of their stratum, of both groups.

    Summed over the first group these are `Within.difference`, but for a factor that stays the same
    when labels are shuffled within strata; and then their expectation is 0.
    """
    means = np.bincount(strata, weights=values) / np.maximum(np.bincount(strata), 1)
    centered: Floats = values - means[strata]
    return centered


def _parts(sums: Floats) -> tuple[Floats, Floats]:
    """Of (..., n1 and sum of the first group, n0 and sum of the second): n1 n0 / (n1 + n0)."""
    n1, sum1, n0, sum0 = np.moveaxis(sums, -1, 0)
    total = np.where(n1 + n0 > 0, n1 + n0, 1.0)
    return (sum1 * n0 - sum0 * n1) / total, n1 * n0 / total
