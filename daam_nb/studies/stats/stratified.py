"""Strata: groups that are no sample but all there is, such as the nouns that a model knows.

An interval within strata speaks of these groups and new clusters of them, and the mix of strata
stays as it is: what clusters of one stratum differ by is chance, what strata differ by is not. In
each stratum of m clusters the variance has m - 1 in its denominator, however few they are, so that
two images of each noun are not understated.

A stratum with a single cluster says nothing about how its clusters differ. Such strata are put
together into one, and if there is but one of them, into the smallest other. What differs between
them then counts as chance, so that the interval becomes wider than it need be, and never narrower
(collapsed strata: Cochran 1977, "Sampling Techniques", section 5A.12).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def numbered(names: Sequence[Hashable], what: str) -> Places:
    """Number names in order of first appearance.

    Raises
    ------
    StudyError
        If one is missing (None or NaN): nobody knows what it belongs to.
    """
    try:
        codes: Places = pd.factorize(pd.Series(names, dtype=object))[0].astype(np.int64)
    except TypeError:  # not hashable
        raise StudyError(f"{names[0]!r:.60} is not a valid name of a {what}.") from None
    if (codes < 0).any():
        raise StudyError(
            f"Value {int(np.argmax(codes < 0)) + 1} has no {what}; each value needs one."
        )
    return codes


def nested(clusters: Places, strata: Places) -> Places:
    """The stratum of each cluster.

    Raises
    ------
    StudyError
        If a cluster lies in two: drawn within one, it would have to appear in the other, too.
    """
    strata_of = np.full(int(clusters.max(initial=-1)) + 1, -1, dtype=np.int64)
    strata_of[clusters] = strata
    if (strata_of[clusters] != strata).any():
        raise StudyError(
            "A cluster is in two strata, but clusters are drawn within strata. Make strata of "
            "whole clusters, or leave them out to draw whole clusters."
        )
    return strata_of


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
