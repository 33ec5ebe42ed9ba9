"""What can be chosen in the explorer, as traits; and what travels to the browser beside them."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from daam_nb.show.colours import DEFAULT
from daam_nb.show.explorer.model.facts import COLORMAPS
from daam_nb.show.explorer.page.traits import (
    EntryNumber,
    Region,
    Share,
    StepNumbers,
    Whole,
    steps_for_page,
    steps_of_page,
)

SELECTION = ("word", "choice", "layer", "head", "steps")
CHOICES = (
    *SELECTION, "word_b", "opacity", "threshold", "contour", "colormap", "follow_step", "playing",
    "interval", "tile_scale", "tile_sort", "show_pieces", "show_syntax", "projector", "theme",
    "region", "view", "difference_scale",
)  # fmt: skip
MEASURED = ("iou", "iod", "ioh", "peak", "status")  # read only


def _shared(trait: Any) -> Any:
    """Mark a trait as one that the browser knows too."""
    return trait.tag(sync=True)


class Choices(anywidget.AnyWidget):
    """The traits of an explorer.

    Attributes
    ----------
    word, word_b
        Numbers of the words shown and compared; their texts can be set. `word_b` is -1 for none.
    steps
        The steps of the loop whose mean is shown, one behind the other among those kept: what
        `heat_maps` calls `steps`. A slice, a range, one step or several can be set; None: all.
    choice
        Name of a choice of layers: ``"paper"``, ``"all"``, and ``"recommended"`` or ``"given"``
        where there is one.
    layer, head
        One layer (before the choice) and one head; -1 for all.
    opacity, threshold
        0 to 1. The threshold is a share of the map's maximum (eq. 7).
    contour, colormap, theme, projector, show_pieces, show_syntax, follow_step
        How it looks.
    playing, interval
        Whether the steps play, and milliseconds for each.
    tile_scale, tile_sort
        The grid of heads: ``"common"`` or ``"own"``; ``"network"``, ``"entropy"``, ``"peak"`` or
        ``"overlap"``.
    region
        Corners (y, x) of a region, 0 to 1; empty for none.
    view, difference_scale
        ``"overlay"``, or ``"difference"``: word minus `word_b`, each as a share of its own peak
        (``"own"``) or in attention (``"common"``).
    iou, iod, ioh
        Of the masks of `word` (the head word) and `word_b` (the dependent) at the threshold, on the
        latent grid, exact; None without `word_b`. Read only.
    peak
        Largest value of the exact map of `word`. Read only.
    status
        What is shown, in one sentence. Read only.
    """

    word = _shared(EntryNumber(0))
    word_b = _shared(EntryNumber(-1, allow_nothing=True))
    steps = StepNumbers(()).tag(sync=True, to_json=steps_for_page, from_json=steps_of_page)
    choice = _shared(traitlets.Unicode("all"))
    layer = _shared(Whole(-1, -1))
    head = _shared(Whole(-1, -1))
    opacity = _shared(Share(0.65))
    threshold = _shared(Share(0.4))
    contour = _shared(traitlets.Bool(True))
    colormap = _shared(traitlets.Enum(COLORMAPS, DEFAULT))
    follow_step = _shared(traitlets.Bool(False))
    playing = _shared(traitlets.Bool(False))
    interval = _shared(Whole(200, 20, 10_000))
    tile_scale = _shared(traitlets.Enum(("common", "own"), "own"))
    tile_sort = _shared(traitlets.Enum(("network", "entropy", "peak", "overlap"), "network"))
    show_pieces = _shared(traitlets.Bool(False))
    show_syntax = _shared(traitlets.Bool(False))
    projector = _shared(traitlets.Bool(False))
    theme = _shared(traitlets.Enum(("auto", "light", "dark"), "auto"))
    region = _shared(Region(()))
    view = _shared(traitlets.Enum(("overlay", "difference"), "overlay"))
    difference_scale = _shared(traitlets.Enum(("own", "common"), "own"))

    iou = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    iod = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    ioh = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    peak = _shared(traitlets.Float(0.0, read_only=True))
    status = _shared(traitlets.Unicode("", read_only=True))

    _facts = _shared(traitlets.Dict())
    _pictures = _shared(traitlets.Bytes())  # the picture and the strip: `container`
    _first = _shared(traitlets.Bytes())  # the maps of one selection, to be painted first
