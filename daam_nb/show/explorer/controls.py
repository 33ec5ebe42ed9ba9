"""Every control of the explorer, one row each: what is chosen, from what, and what follows.

From this table come the widget's traits, the page's defaults and inputs
(`js/src/controls.data.js`), what a comparison links, what a hand-out keeps, and the table in
`docs/explorer.md`; `python -m scripts.explorer_controls` writes the files among them.
`docs/add-an-explorer-control.md` adds one.

May import `daam_nb.show.explorer.model`; no widget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from daam_nb.errors import DaamError, SelectionError, UnknownOptionError, unknown_names_message
from daam_nb.selection import RELEVANT, Heads
from daam_nb.show.colors import DEFAULT
from daam_nb.show.explorer.model.entries import first_choice
from daam_nb.show.explorer.model.facts import COLORMAPS
from daam_nb.show.explorer.model.saved import SavedSelections
from daam_nb.show.explorer.model.selection import Selected, check, layer_and_head, places_of
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.values import (
    ChoiceName,
    EntryNumber,
    Flag,
    Kind,
    MeasureName,
    Region,
    SeveralHeads,
    Share,
    Steps,
    Whole,
    one_of,
)

# What a comparison of two recordings shares: always; words, matched by their text; steps, where
# both keep the same; the network's, where both have the same layers; or nothing.
Linked = Literal["always", "words", "steps", "network", "never"]
# What the page draws again: see js/src/flags.js.
Redraws = Literal[
    "WORDS", "MAP", "BASE", "STEPS", "STRIP", "GRID", "SELECTION", "LOOK", "PANEL", "THEME", "ALL"
]


@dataclass(frozen=True)
class Control:
    """One thing that can be chosen in the explorer.

    Attributes
    ----------
    name
        Of the trait, in Python and in the page.
    kind
        What values it takes.
    default
        What holds where nothing was chosen, in Python and in the page.
    about
        What it is, for documents.
    redraws
        What the page draws again when it changes.
    linked
        Whether two recordings side by side share it.
    in_handout
        Whether a hand-out begins with what was chosen; else with the default.
    in_address
        Whether a hand-out's address says what is chosen.
    at_first
        What it is when an explorer opens, for documents, where that is not the default.
    label, title
        How the page names it, and what it says where a hand rests on it.
    panel
        Where the page puts an input for it: ``"look"`` below the image, ``"more"`` folded away,
        ``"tiles"`` above the grid of heads, ``"ranking"`` above the ranked words, ``"words"`` above
        many words of a prompt; empty for what has its own place.
    """

    name: str
    kind: Kind
    default: Any
    about: str
    redraws: tuple[Redraws, ...]
    linked: Linked = "always"
    in_handout: bool = True
    in_address: bool = True
    at_first: str = ""
    label: str = ""
    title: str = ""
    panel: Literal["", "look", "more", "tiles", "ranking", "words"] = ""

    def for_page(self) -> dict[str, Any]:
        """What the page knows of it: plain data."""
        shown = {"label": self.label, "title": self.title, "panel": self.panel}
        return {
            "kind": type(self.kind).__name__,
            "default": self.kind.for_page(self.default),
            "redraws": list(self.redraws),
            **self.kind.limits,
            **({} if self.in_handout else {"handout": False}),
            **({} if self.in_address else {"address": False}),
            **({name: text for name, text in shown.items() if text} if self.panel else {}),
        }


CONTROLS = (
    Control(
        "word", EntryNumber(), 0, "the word that is shown",
        ("WORDS", "MAP", "STRIP", "GRID", "PANEL"), linked="words",
        at_first="the first that is no article or preposition",
    ),
    Control(
        "choice", ChoiceName(), "all",
        'which layers: `"paper"`, `"all"`, `"recommended"` or `"given"`, where there is one',
        ("MAP", "STRIP", "SELECTION", "GRID"), linked="network", at_first="`layers=` of `explore`",
    ),
    Control(
        "layer", Whole(low=-1), -1, "one layer, before the choice; -1: all",
        ("MAP", "STRIP", "SELECTION"), linked="network",
    ),
    Control(
        "head", Whole(low=-1), -1, "one head; -1: all",
        ("MAP", "STRIP", "SELECTION"), linked="network",
    ),
    Control(
        "heads", SeveralHeads(), (),
        "several heads, before `head`: of the layers chosen, by number, or of any, as "
        "(layer name, head); `()`: as `head` says",
        ("MAP", "STRIP", "SELECTION"), linked="network",
    ),
    Control(
        "steps", Steps(), (), "whose mean is shown", ("MAP", "STEPS"), linked="steps",
        at_first="all that were kept",
    ),
    Control(
        "saved", SavedSelections(), (),
        "layers, heads and steps kept by name: `save_selection`, `selections`",
        ("SELECTION",), linked="never", in_address=False,
    ),
    Control(
        "word_b", EntryNumber(or_none=True), -1, "the word it is compared with; -1: none",
        ("WORDS", "MAP", "STRIP", "PANEL"), linked="words",
    ),
    Control(
        "opacity", Share(), 0.65, "of the colors over the image", ("MAP", "LOOK"),
        label="Opacity", title="Of the colors over the image", panel="look",
    ),
    Control(
        "threshold", Share(), 0.4,
        "of the mask (eq. 7), a share of the map's maximum", ("MAP", "LOOK"), label="Threshold",
        title="Share of the map's peak from which on a place belongs to the mask", panel="look",
    ),
    Control(
        "contour", Flag(), True, "whether the mask has a line around it", ("MAP", "LOOK"),
        label="Contour", title="Line around the mask (t)", panel="look",
    ),
    Control(
        "cells", Flag(), False, "whether the map's cells are shown as they were recorded",
        ("MAP", "LOOK"),
    ),
    Control(
        "follow_step", Flag(), False, "whether the image is that of the last chosen step",
        ("BASE", "MAP", "LOOK"), label="Forming image",
        title="The image as it was at the last chosen step", panel="look",
    ),
    Control(
        "colormap", one_of(*COLORMAPS), DEFAULT, "the colors of the maps",
        ("MAP", "STRIP", "GRID", "LOOK"), label="Colors", panel="look",
    ),
    Control(
        "playing", Flag(), False, "whether the steps play", ("STEPS",),
        linked="never", in_handout=False, in_address=False,
    ),
    Control(
        "interval", Whole(low=20, high=10_000), 200, "milliseconds of each step that plays",
        ("STEPS",),
    ),
    Control(
        "tile_axes", one_of(heads="heads", steps="steps"), "heads",
        "the columns of the tiles: the heads of each layer, or the steps", ("GRID", "SELECTION"),
    ),
    Control(
        "tile_measure", MeasureName(), "mean",
        "what colors the tiles that are too small for maps, and what is said of each: `mean`, "
        "`peak`, `entropy`, `overlap`, `lift`, `effect_share`, `table.relevance`, ...",
        ("GRID",),
    ),
    Control(
        "tile_sort", MeasureName(also={"network": "by network", "likeness": "by likeness"}),
        "network", "the order of the tiles", ("GRID",),
    ),
    Control(
        "tile_show", one_of(auto="maps, or colors", maps="maps", colors="colors"), "auto",
        "what the tiles show: maps, or one color each by the measure; `auto`: maps where there is "
        "room", ("GRID",), label="Show", panel="tiles",
        title="Small maps, or one color for each head by its measure",
    ),
    Control(
        "tile_scale", one_of(common="one scale", own="own scales"), "own",
        "the colors of the tiles: one scale, or each its own", ("GRID",),
        label="Scale", panel="tiles",
        title="Colors of the tiles: by the strongest of all, or each by its own peak",
    ),
    Control(
        "show_pieces", Flag(), False,
        "whether pieces of words, signs, start and end of the text can be chosen", ("WORDS",),
    ),
    Control(
        "show_syntax", Flag(), False, "whether a parse is drawn over the words", ("WORDS",)
    ),
    Control(
        "word_order", one_of(text="in the text's order", attention="most attention first"), "text",
        "the order of the words: the text's, or by the means of their maps", ("WORDS",),
        label="Order", title="Most attention: the largest mean of its map", panel="words",
    ),
    Control(
        "theme", one_of("auto", "light", "dark"), "auto", "light or dark, or as the page around",
        ("THEME",), label="Theme", panel="more",
    ),
    Control(
        "projector", Flag(), False, "large type for a lecture hall", ("ALL",),
        label="Projector", title="Large type for a lecture hall", panel="more",
    ),
    Control("region", Region(), (), "the region whose words are ranked", ("MAP", "PANEL")),
    Control(
        "rank_by", one_of(lift="by lift", share="by share"), "lift",
        "how the words at a place are ranked: by lift, their share there over their share in the "
        "whole image, or by share", ("PANEL",), label="Order",
        title="Lift: the share here over the share in the whole image. Share: of all words here.",
        panel="ranking",
    ),
    Control(
        "view", one_of(overlay="both maps", difference="A minus B"), "overlay",
        "how two words are compared", ("WORDS", "MAP", "LOOK"), label="Show", panel="look",
    ),
    Control(
        "difference_scale", one_of(own="of each peak", common="in their unit"), "own",
        "what a difference is of: shares of each map's own peak, or the maps' unit",
        ("MAP", "LOOK"),
        label="Scale", title="Each map as a share of its own peak, or as it is", panel="look",
    ),
)  # fmt: skip
SELECTION = ("word", "choice", "layer", "head", "heads", "steps")  # what a map is made of
BY_NAME = {control.name: control for control in CONTROLS}
CHOICES = tuple(BY_NAME)


# --- values of all controls -----------------------------------------------------------------------


def first_choices(subject: Subject) -> dict[str, Any]:
    """What a recording is opened with, where that is another than the controls' defaults."""
    return {
        "word": first_choice(subject.entries),
        "steps": subject.run.steps,
        "choice": next(iter(subject.choices)),
    }


def read_choices(subject: Subject, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Read choices and complete them: a value for every control.

    Raises
    ------
    DaamError
        Where a name is none of a control, a value cannot be, or they do not go together.
    """
    check_names(choices, where="The explorer")
    choices = one_or_several(choices)
    defaults = {control.name: control.default for control in CONTROLS}
    values = {**defaults, **first_choices(subject), **choices}
    for name, value in values.items():
        try:
            values[name] = BY_NAME[name].kind.read(value, subject)
        except DaamError as error:
            raise type(error)(of_choice(name, error)) from None
    check(subject, selected_of(subject, values))
    return values


def of_choice(name: str, error: Exception) -> str:
    """An error of a choice, which is named once."""
    said = str(error)
    return said if said.startswith((f"{name}:", f"{name}=")) else f"{name}: {said}"


def selected_of(
    subject: Subject, values: Mapping[str, Any], *, word: int | None = None
) -> Selected:
    """Word, layers, heads and steps of some choices, by their numbers and places."""
    number = values["word"] if word is None else word
    places = places_of(subject, values["steps"])
    layer, head = layer_and_head(subject, values["layer"], values["head"], values["heads"])
    return Selected(number, values["choice"], layer, head, places)


def one_or_several(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Complete choices, so that one head lets go of several, and several of one.

    Several heads by number keep the layer chosen before, as one head does; a layer lets go of them.

    Raises
    ------
    SelectionError
        Where one and several are chosen at once, or a layer and heads that name theirs.
    """
    value = choices.get("heads", ())
    relevant = isinstance(value, str) and value == RELEVANT  # which name their layers
    heads = Heads() if relevant else Heads.read(value, empty=True)
    if not relevant and (heads.none or heads.all):
        lets_go = {"layer", "head"} & set(choices) and "heads" not in choices
        return {**choices, "heads": ()} if lets_go else dict(choices)
    named = relevant or heads.pairs is not None
    before = {"layer": -1, "head": -1} if named else {"head": -1}
    for name in before:
        if choices.get(name, -1) != -1:
            both = f"{'heads=' + repr(value) if relevant else heads} and {name}={choices[name]!r}"
            raise SelectionError(
                f"{both} are chosen at once. Choose one head by "
                f"layer= and head=, several by heads=, which may name their layers: "
                f"heads=[(layer name, head), ...]."
            )
    return {**choices, **before}


def check_names(names: Iterable[str], *, where: str, also: Iterable[str] = ()) -> None:
    """Raise an `UnknownOptionError` for names that are neither controls nor among the others."""
    known = (*also, *CHOICES)
    if unknown := [name for name in names if name not in known]:
        raise UnknownOptionError(unknown_names_message(unknown, known, where=where, what="choice"))
