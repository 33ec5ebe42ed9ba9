"""Bootstrap within strata: clusters are drawn inside each, and the mix of strata stays as it is.

Of the m clusters of a stratum m - 1 are drawn, with replacement, and weighted by m / (m - 1). So a
mean has the variance s²/m in each stratum, however few clusters it has; drawing m of m would give
(m - 1)/m of that, half of it where there are two (Rao & Wu 1988, "Resampling inference with complex
survey data").

A stratum with a single cluster says nothing about how its clusters differ. Such strata are put
together into one, and if there is but one of them, into the smallest other. What differs between
them then counts as chance, so that the interval becomes wider than it need be, and never narrower
(collapsed strata: Cochran 1977, "Sampling Techniques", section 5A.12).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_DRAWN = 2_000_000
"""Clusters drawn at once, which bounds the memory."""


def numbered(names: Sequence[Hashable], what: str) -> Places:
    """Number names in order of first appearance.

    Raises
    ------
    StudyError
        Where one is missing (None or NaN): nobody knows what it belongs to.
    """
    codes: Places = pd.factorize(pd.Series(names, dtype=object))[0].astype(np.int64)
    if (codes < 0).any():
        raise StudyError(f"Value {int(np.argmax(codes < 0)) + 1} has no {what}; give each its own.")
    return codes


def nested(clusters: Places, strata: Places) -> Places:
    """The stratum of each cluster.

    Raises
    ------
    StudyError
        Where a cluster lies in two: drawn within one, it would have to appear in the other, too.
    """
    found = np.full(int(clusters.max(initial=-1)) + 1, -1, dtype=np.int64)
    found[clusters] = strata
    if (found[clusters] != strata).any():
        raise StudyError(
            "A cluster lies in two strata, and clusters are drawn within strata. Make the strata "
            "of whole clusters, or leave them out: then whole clusters are drawn."
        )
    return found


def members(strata: Places) -> tuple[list[Places], int]:
    """Clusters of each stratum, single ones put together; and how many strata were single."""
    of_each = [np.flatnonzero(strata == name) for name in range(int(strata.max(initial=-1)) + 1)]
    single = [each for each in of_each if len(each) == 1]
    several = [each for each in of_each if len(each) > 1]
    if len(single) == 1 and several:
        smallest = min(range(len(several)), key=lambda place: len(several[place]))
        several[smallest] = np.concatenate([several[smallest], single[0]])
    elif single:
        several.append(np.concatenate(single))
    return several, len(single)


def drawn_sums(
    columns: Floats, strata: Sequence[Places], resamples: int, rng: np.random.Generator
) -> Floats:
    """Weighted sums over the clusters that are drawn.

    Parameters
    ----------
    columns
        (cluster, column): such as the sum and the count of its values.
    strata
        The clusters of each, at least two.

    Returns
    -------
    array
        (resample, column).
    """
    made = np.zeros((resamples, columns.shape[1]))
    for those in strata:
        size = len(those)
        part = columns[those] * (size / (size - 1))
        step = max(1, MOST_DRAWN // size)
        for start in range(0, resamples, step):
            stop = min(start + step, resamples)
            drawn = rng.integers(size, size=(stop - start, size - 1))
            for number in range(columns.shape[1]):
                made[start:stop, number] += part[drawn, number].sum(axis=1)
    return made


def ends(drawn: Floats, confidence: float) -> tuple[float, float]:
    """Percentile interval of what resamples gave; those without a value (NaN) are left out."""
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    found: Any = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(found[0]), float(found[1])
