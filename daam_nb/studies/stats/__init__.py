"""Means with intervals, and comparisons, of observations that come in clusters.

intervals.py      means, shares and ratios with their intervals
influence.py      the ends of an interval, from what each cluster contributes
stratified.py     groups that are no sample but all there is
within_strata.py  two groups within each of them
comparison.py     two groups: difference, permutation test, effect size; many tests
permutations.py   p of few and of many permutations
halves.py         two halves of the nouns, to choose on one and report on the other
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
