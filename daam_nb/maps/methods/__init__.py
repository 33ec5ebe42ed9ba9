"""Kinds of map: one file each, behind one verb, ``heat_maps(run, kind=...)``.

contract.py   MapKind, what every kind answers, and Choice, what was chosen
registry.py   the kinds there are, and `register_map_kind` for one of your own
attention.py  attention (DAAM, the default) and its share over the text
effect.py     how much the layers' outputs depend on a word
gradient.py   how the prediction begins to change where a word begins to be hidden
concept.py    attention to words that are not in the prompt
"""

from daam_nb.maps.methods.contract import Choice, MapKind
from daam_nb.maps.methods.registry import map_kind, map_kinds, register_map_kind

__all__ = ["Choice", "MapKind", "map_kind", "map_kinds", "register_map_kind"]
