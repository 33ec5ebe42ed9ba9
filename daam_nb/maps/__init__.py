"""A recording -> heat maps -> numbers. Imports torch; no diffusers, no pipeline, no GPU needed.

selection   a choice of layers, steps and heads, checked against what was kept
captions    a choice in words
finding     which tokens a word is
aggregate   steps, heads and layers -> one grid (Tang et al. 2023, eq. 6)
stepsums    the chosen steps of one token, from running sums
cache       the running sums, kept while there is room
bicubic     upsampling as two small matrix products
methods     kinds of map, one file each
heatmap     `heat_maps(run)` and its `HeatMaps`: the map of every word and token
threshold   where a map is high: eq. 7
wordmap     the map of one word: its mask, its way to the image's pixels
measure     overlap, spread and location, as numbers
places      what a location of the image attends to; maps refined by that
averaging   many runs -> one map
table       maps as the last line of a notebook cell
"""

from __future__ import annotations

from daam_nb.maps.averaging import average, average_heads, average_words
from daam_nb.maps.cache import limit_cache
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.measure import (
    area,
    center_of_mass,
    entropy,
    intersection_over_area,
    iod,
    ioh,
    iou,
    peak,
    soft_iou,
    spill,
)
from daam_nb.maps.places import refined, self_attention_map
from daam_nb.maps.wordmap import WordHeatMap

__all__ = [
    "HeatMaps",
    "WordHeatMap",
    "area",
    "average",
    "average_heads",
    "average_words",
    "center_of_mass",
    "entropy",
    "heat_maps",
    "intersection_over_area",
    "iod",
    "ioh",
    "iou",
    "limit_cache",
    "peak",
    "refined",
    "self_attention_map",
    "soft_iou",
    "spill",
]
