"""DAAM 0.2.0's calls and numbers, for its users.

``from daam import trace, set_seed`` becomes ``from daam_nb.compat import trace, set_seed``: scripts
and their numbers stay the same (maps summed over steps, resized bicubically to the latent grid,
averaged over all occurrences of a word). Defects of DAAM are fixed and listed in
``docs/from-daam.md``; for new code use `daam_nb.trace` and `daam_nb.heat_maps`.

References
----------
Tang et al. 2023, "What the DAAM", https://aclanthology.org/2023.acl-long.310
"""

from __future__ import annotations

from daam_nb.compat.experiment import GenerationExperiment
from daam_nb.compat.heatmaps import GlobalHeatMap, WordHeatMap
from daam_nb.compat.tracer import set_seed, trace

__all__ = ["GenerationExperiment", "GlobalHeatMap", "WordHeatMap", "set_seed", "trace"]
