"""The layers of a recording: `Layer`, the table of layers, and the selection of layers."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.printable import printable
from daam_nb.recording.limits import MAX_HEADS, check_number, check_text

Attention = Literal["cross", "joint", "self"]

UNET_STAGES = ("down", "mid", "up")
PROBABILITY = "attention probability"
JOINT_PROBABILITY = f"{PROBABILITY} over image and text"


@dataclass(frozen=True)
class Layer:
    """One module of the denoiser in which the image attends to the text.

    Attributes
    ----------
    name
        Dotted diffusers name, as in ``dict(unet.named_modules())``.
    stage
        Part of the network, in the terms of its family: in a UNet ``"down"``, ``"mid"`` or
        ``"up"``; in other models for example ``"double"``, a block with separate weights for image
        and text, or ``"single"``, a block with shared weights.
    size
        Native grid of its queries: (height, width) in cells of that level.
    heads
        Number of attention heads.
    attention
        ``"cross"``: the keys are the text alone. ``"joint"``: image and text are keys of one
        softmax, and a probability is a share of both. ``"self"``: the keys are the image alone;
        such layers are not in a recording's `layers`, but in its `self_attention`.
    block
        The block it belongs to, as in ``"up_blocks.1"`` or ``"double_blocks"``; layers of a block
        are shown together. Default: the stage.
    label
        A short name for display, as in ``"up 1 · 0.0"`` or ``"double 3"``. Default: the name.
    """

    name: str
    stage: str
    size: tuple[int, int]
    heads: int
    attention: Attention = field(default="cross", kw_only=True)
    block: str = field(default="", kw_only=True)
    label: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.stage, str) or not self.stage:
            raise SelectionError(
                f"Layer {self.name!r} has the stage {self.stage!r}; it must be a text, such as "
                "'down', 'mid', 'up', 'double' or 'single'."
            )
        if not isinstance(self.attention, str) or self.attention not in get_args(Attention):
            raise SelectionError(
                f"Layer {self.name!r} has the attention {self.attention!r}; it must be 'cross', "
                "'joint' or 'self'."
            )
        sizes = (*self.size, self.heads) if isinstance(self.size, tuple | list) else ()
        if len(sizes) != 3 or not all(_is_count(number) for number in sizes):
            raise ShapeError(
                f"Layer {self.name!r} has the size {self.size} and {self.heads} heads; it needs "
                f"(height, width) of at least 1 x 1 and at least one head."
            )
        check_text(self.name, "The name of a layer")
        check_number(self.heads, f"heads of {self.name!r}", low=1, high=MAX_HEADS)
        object.__setattr__(self, "block", self.block or self.stage)
        object.__setattr__(self, "label", self.label or self.name)
        for what in ("stage", "block", "label"):
            check_text(getattr(self, what), f"The {what} of a layer")


def all_joint(layers: Iterable[Layer]) -> bool:
    """Whether every layer's attention is joint, so that values are shares of all keys."""
    return all(layer.attention == "joint" for layer in layers)


def attention_unit(layers: Iterable[Layer]) -> str:
    """Name the quantity of these layers' attention, by the keys it is shared among.

    Returns
    -------
    str
        ``"attention probability"`` in cross-attention, whose keys are the text alone; in joint
        attention ``"attention probability over image and text"``; for both kinds of layer, both.
    """
    kinds = {layer.attention for layer in layers}
    if kinds == {"joint"}:
        return JOINT_PROBABILITY
    return PROBABILITY if "joint" not in kinds else f"{PROBABILITY}, in part over image and text"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class Layers(tuple[Layer, ...]):
    """A tuple of layers that shows itself as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [("layer", "stage", "height x width", "heads"), *(_cells(layer) for layer in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        style = 'style="text-align:left"'
        head = "".join(f"<th {style}>{c}</th>" for c in ("layer", "stage", "size", "heads"))
        rows = "".join(
            "<tr>" + "".join(f"<td {style}>{html.escape(c)}</td>" for c in _cells(layer)) + "</tr>"
            for layer in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(layer: Layer) -> tuple[str, str, str, str]:
    return (
        printable(layer.name),
        printable(layer.stage),
        f"{layer.size[0]} x {layer.size[1]}",
        str(layer.heads),
    )


LayerChoice = str | Layer | Iterable[str | Layer] | Callable[[Layer], bool]


def select_layers(layers: Iterable[Layer], choice: LayerChoice) -> tuple[Layer, ...]:
    """Choose layers by ``"paper"``, ``"all"``, a stage, block or name, a list, or a predicate.

    Parameters
    ----------
    layers
        The layers to choose from, in the order of the network.
    choice
        ``"paper"``: the down and the up blocks of a UNet (Tang et al. 2023, section 2.2), every
        block of a transformer, which the paper does not treat; ``"all"``; a stage (in a UNet
        ``"down"``, ``"mid"``, ``"up"``; in others for example ``"double"``, ``"single"``); a block
        (``"double_blocks"``); a layer's dotted name, or a dotted prefix of it (``"up_blocks.1"``);
        a `Layer`; a list of any of these; a function of a layer.

    Returns
    -------
    tuple of Layer
        In the order of `layers`, each once.

    Raises
    ------
    SelectionError
        If the choice (or one item of a list) selects nothing.
    """
    is_single = not isinstance(layers, Iterable) or getattr(layers, "ndim", None) == 0
    every: tuple[Any, ...] = (layers,) if is_single else tuple(layers)
    if other := [layer for layer in every if not isinstance(layer, Layer)]:
        raise WrongKindError(
            f"select_layers() takes Layers, such as those of a recording, not {kind_of(other[0])}: "
            "select_layers(run.layers, 'up')."
        )
    choice = read_layer_choice(choice)
    if callable(choice):
        chosen = {layer for layer in every if _says_yes(choice, layer)}
        items: list[Any] = [choice]
    else:
        items = [choice] if isinstance(choice, str | Layer) else list(choice)
        chosen = set()
        for item in items:
            matched = {layer for layer in every if _matches(layer, item)}
            if not matched:
                raise SelectionError(_nothing_selected(item, every))
            chosen |= matched
    if not chosen:
        raise SelectionError(_nothing_selected(items[0] if items else [], every))
    return tuple(layer for layer in every if layer in chosen)


def read_layer_choice(choice: object) -> LayerChoice:
    """Check the type of a choice of layers, before the layers are known.

    Returns
    -------
    LayerChoice
        The choice; several items as a tuple, so that they can be read more than once.

    Raises
    ------
    SelectionError
        For what is neither a name, a `Layer`, a list of these, nor a function.
    """
    if isinstance(choice, str | Layer):
        return choice
    if callable(choice) and not isinstance(choice, type) and not hasattr(choice, "scheduler"):
        return choice
    several = isinstance(choice, Iterable) and getattr(choice, "ndim", None) != 0
    if not several or isinstance(choice, type | bytes | Mapping):
        raise SelectionError(
            "Layers must be chosen by 'paper', 'all', a stage, a name, a list of these or a "
            f"function of a layer, not by {kind_of(choice)}."
        )
    items: tuple[Any, ...] = tuple(choice)  # type: ignore[arg-type]
    for item in items:
        if not isinstance(item, str | Layer):
            raise SelectionError(
                f"A layer must be chosen by its name, a stage or a Layer, not by {item!r:.60} of "
                f"type {type(item).__name__}."
            )
    return items


def _says_yes(choice: Callable[[Layer], bool], layer: Layer) -> bool:
    answer = choice(layer)
    if type(answer).__name__ not in ("bool", "bool_"):
        raise SelectionError(
            f"A function that chooses layers must return True or False, not {kind_of(answer)}, as "
            f"{getattr(choice, '__name__', 'it')} did of {layer.name!r}."
        )
    return bool(answer)


def _matches(layer: Layer, item: object) -> bool:
    if isinstance(item, Layer):
        return layer == item
    assert isinstance(item, str)
    if item == "all":
        return True
    if item == "paper":
        return layer.stage != "mid"
    return item in (layer.stage, layer.block, layer.name) or layer.name.startswith(item + ".")


def _nothing_selected(item: object, layers: tuple[Layer, ...]) -> str:
    names = ", ".join(repr(layer.name) for layer in layers[:4])
    more = f" and {len(layers) - 4} more" if len(layers) > 4 else ""
    stages = ", ".join(repr(stage) for stage in dict.fromkeys(layer.stage for layer in layers))
    return (
        f"{item!r} selects none of the {len(layers)} layers. Use 'paper', 'all', a stage "
        f"({stages or 'none'}), a name or its dotted prefix; there are {names or 'none'}{more}."
    )
