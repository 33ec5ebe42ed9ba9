"""How a kind of map is explored: by step, by head, at one place.

view.py        any kind of map, also one that a user registered, from its `word_map` alone
attention.py   attention: from the arrays, at the speed of the hand
share.py       shares: two maps of attention, one by the other
effect.py      effects: the heads from their own arrays
gradient.py    gradients: of the whole network
heads.py       what they are asked for: layers, and which of their heads

`view_of` knows which. A kind needs none of its own: it may have one where it can be quicker.
"""

from __future__ import annotations

from daam_nb.maps.methods import MapKind
from daam_nb.recording import Recording
from daam_nb.show.explorer.model.views.attention import AttentionView
from daam_nb.show.explorer.model.views.effect import EffectView
from daam_nb.show.explorer.model.views.gradient import GradientView
from daam_nb.show.explorer.model.views.heads import LayersAndHeads
from daam_nb.show.explorer.model.views.share import ShareView
from daam_nb.show.explorer.model.views.view import View

OF_KIND = {
    "attention": AttentionView,
    "share": ShareView,
    "effect": EffectView,
    "gradient": GradientView,
}


def view_of(run: Recording, kind: MapKind, negative: bool = False) -> View:
    """The maps of one kind of a recording, as the explorer asks for them."""
    return OF_KIND.get(kind.name, View)(run, kind, negative)


__all__ = ["LayersAndHeads", "View", "view_of"]
