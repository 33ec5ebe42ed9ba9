"""DAAM 0.2.0's calls and numbers, for people who come from there.

``from daam import trace, set_seed`` becomes ``from daam_nb.compat import trace, set_seed``: scripts
and their numbers stay (step-summed maps, bicubic to the latent grid, all occurrences of a word
averaged). What was a defect there is mended and listed in ``docs/from-daam.md``; new work is better
written with `daam_nb.trace` and `daam_nb.heat_maps`.

References
----------
Tang et al. 2023, "What the DAAM", https://aclanthology.org/2023.acl-long.310
"""

from __future__ import annotations

from daam_nb.compat.experiment import GenerationExperiment
from daam_nb.compat.heatmaps import GlobalHeatMap, WordHeatMap
from daam_nb.compat.tracer import set_seed, trace

__all__ = ["GenerationExperiment", "GlobalHeatMap", "WordHeatMap", "set_seed", "trace"]
