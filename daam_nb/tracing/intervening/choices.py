"""The choices of an intervention, checked when it is made and resolved when a call begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from daam_nb.errors import DaamError, SelectionError, ShapeError
from daam_nb.kinds import kind_of, whole_number
from daam_nb.kinds import whole_numbers as read_whole
from daam_nb.masks import read_mask
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Layer, LayerChoice, read_layer_choice, select_layers
from daam_nb.selection import HeadChoice, Heads, StepChoice, Steps

Passes = Literal["prompt", "both"]
"""``"prompt"``: the conditional rows alone; ``"both"``: those of the negative prompt as well."""

WordChoice = str | Word | tuple[int, int]
WordsChoice = WordChoice | Sequence[WordChoice] | None
ColumnChoice = int | Iterable[int] | Sequence[Iterable[int]] | None
"""Key positions, the same for every image; or a sequence of them for each."""

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Where:
    """Layers, heads, steps and passes that an intervention changes.

    Attributes
    ----------
    layers
        As for `daam_nb.recording.select_layers`; None: every layer.
    heads
        Head numbers, which every chosen layer must have, or (layer, head) pairs.
    steps
        As `keep_steps` of `trace`.
    passes
        The rows of the batch.
    """

    layers: LayerChoice | None
    heads: Heads
    steps: Steps
    passes: Passes

    @property
    def nowhere(self) -> bool:
        """Whether a list of choices is empty, so that nothing is changed."""
        return self.layers == () or self.heads.none or self.steps.choice == ()

    def chosen_heads(self, every: Sequence[Layer]) -> dict[Layer, tuple[int, ...]]:
        """Return the heads chosen in each layer of a network, in the network's order.

        Raises
        ------
        SelectionError
            If a chosen layer lacks a head, or a head belongs to a layer that is not chosen.
        """
        if self.nowhere:
            return {}
        layers = select_layers(every, "all" if self.layers is None else self.layers)
        heads: dict[Layer, list[int]] = {}
        for layer, head in self.heads.of(layers, every=every)[0]:
            heads.setdefault(layer, []).append(head)
        return {layer: tuple(numbers) for layer, numbers in heads.items()}

    def chosen_steps(self, steps: int) -> frozenset[int]:
        """Return the steps of a loop that are chosen; raises `SelectionError` if there are none."""
        return frozenset() if self.nowhere else frozenset(self.steps.of(steps))

    def __str__(self) -> str:
        parts = [
            f"layers={self.layers if isinstance(self.layers, str) else _named(self.layers)}"
            if self.layers is not None
            else "",
            "" if self.heads.all else str(self.heads),
            "" if self.steps.choice is None else str(self.steps),
            f"passes={self.passes!r}",
        ]
        return ", ".join(part for part in parts if part)


def _named(layers: LayerChoice | None) -> str:
    if callable(layers):
        return getattr(layers, "__name__", "a function")
    items = [layers] if isinstance(layers, str | Layer) else list(layers or ())
    return repr([item.name if isinstance(item, Layer) else item for item in items])


def read_where(
    layers: LayerChoice | None, heads: HeadChoice, steps: StepChoice, passes: Passes
) -> Where:
    """Check choices as far as possible without a network.

    Raises
    ------
    SelectionError
        If one cannot be read.
    """
    if not isinstance(passes, str) or passes not in get_args(Passes):
        raise SelectionError(f"passes={passes!r} is neither 'prompt' nor 'both'.")
    layers = None if layers is None else read_layer_choice(layers)
    return Where(layers, Heads.read(heads, empty=True), Steps.read(steps, empty=True), passes)


def whole_numbers(what: str, choice: Any) -> tuple[int, ...]:
    """Whole numbers >= 0, one or several, as a tuple; a `SelectionError` for anything else."""
    try:
        numbers = read_whole(choice, what.removesuffix("s"))
    except SelectionError:
        numbers = (-1,)
    if any(number < 0 for number in numbers):
        raise SelectionError(f"{what}={choice!r}: {what} must be whole numbers >= 0.")
    return numbers


@dataclass(frozen=True)
class KeyPositions:
    """Chosen key positions: one choice for all images, or one for each.

    Attributes
    ----------
    choices
        One choice, or as many as there are images.
    each
        Whether there is one for each image.
    """

    choices: tuple[Columns, ...]
    each: bool = False

    def per_image(self, images: int) -> tuple[Columns, ...]:
        """Return the choice of every image; raises a `SelectionError` if their numbers differ."""
        if not self.each:
            return self.choices * images
        if len(self.choices) != images:
            raise SelectionError(
                f"tokens= holds {len(self.choices)} lists of key positions, one for each image, "
                f"and this call makes {images} images."
            )
        return self.choices

    def __str__(self) -> str:
        shown = [list(choice) for choice in self.choices]
        return str(shown if self.each else shown[0])


NO_COLUMNS = KeyPositions(((),))

HIDDEN_IN_TEXT = "hidden in the text encoder"
"""What an intervention says of itself where words are hidden there."""


def read_columns(tokens: ColumnChoice) -> KeyPositions | None:
    """Read key positions; raises a `SelectionError` for anything else."""
    if tokens is None:
        return None
    if isinstance(tokens, str | bytes):
        raise SelectionError(
            f"tokens={tokens!r}: tokens must be key positions, whole numbers. Give words as words=."
        )
    several = isinstance(tokens, Iterable) and getattr(tokens, "ndim", None) != 0
    items: list[Any] = list(tokens) if several else [tokens]  # type: ignore[arg-type]
    if items and several and not any(hasattr(item, "__index__") for item in items):
        return KeyPositions(tuple(whole_numbers("tokens", item) for item in items), each=True)
    return KeyPositions((whole_numbers("tokens", items),))


def read_words(words: Any) -> tuple[WordChoice, ...] | None:
    """Read words as a tuple; raises a `SelectionError` for anything else."""
    if words is None:
        return None
    if isinstance(words, str | Word) or _is_span(words):
        return (words,)
    items = tuple(words) if isinstance(words, list | tuple | set | Iterator) else (words,)
    for item in items:
        if not isinstance(item, str | Word) and not _is_span(item):
            raise SelectionError(
                f"words={kind_of(words)}: a word must be a text, a Word or (start, end) in "
                "characters. Give key positions as tokens=."
            )
    return items


def check_occurrence(occurrence: int | None, words: Sequence[WordChoice] | None) -> None:
    """Raise a `SelectionError` if there is nothing to choose among."""
    if occurrence is None:
        return
    whole_number(occurrence, "occurrence")
    if not any(isinstance(word, str) for word in words or ()):
        raise SelectionError(
            f"occurrence={occurrence!r} chooses among several equal words, but no word is given as "
            "text. Leave it out, or give the word."
        )


def _is_span(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(type(place) is int for place in item)


def columns_of(
    prompt: Prompt,
    words: Sequence[WordChoice] | None,
    tokens: Sequence[int] | None,
    *,
    occurrence: int | None,
) -> tuple[int, ...]:
    """Key positions of words and tokens in one prompt, ascending, each once.

    Raises
    ------
    WordNotFoundError, AmbiguousWordError, TruncatedWordError
        As `Prompt.token_indices`.
    SelectionError
        For a key position that the prompt does not have.
    """
    found: set[int] = set()
    for word in words or ():
        chosen = occurrence if isinstance(word, str) else None
        found.update(prompt.token_indices(word, occurrence=chosen))
    return tuple(sorted(found | set(check_columns(tokens or (), len(prompt.tokens)))))


def check_columns(tokens: Sequence[int], keys: int) -> Sequence[int]:
    """Raise a `SelectionError` unless every key position exists."""
    for token in tokens:
        if not 0 <= token < keys:
            raise SelectionError(
                f"tokens={token} is not a key position; this prompt has 0 to {keys - 1}."
            )
    return tokens


def read_area(area: Any) -> Tensor:
    """Read a mask of the image, (y, x), bool; raises a `SelectionError` for anything else.

    Accepts the result of `WordHeatMap.mask`, and whatever `daam_nb.masks.read_mask` takes.
    """
    try:
        return read_mask(area, what="It")
    except DaamError as error:
        raise SelectionError(
            "area= must be a mask of the image, (y, x) of bool, such as "
            f"maps.word('cat').mask(0.4). {error}"
        ) from None


def area_at(area: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the cells of a grid (height, width) that lie in the area by at least half.

    Raises
    ------
    ShapeError
        If the area's aspect ratio is not the image's, as when its axes are swapped.
    """
    height, width = area.shape
    if abs(height * size[1] - width * size[0]) > max(height, width):  # more than one cell
        raise ShapeError(
            f"area= is {height} x {width} (height x width), and the attention of this image has a "
            f"grid of {size[0]} x {size[1]}: their aspect ratios differ. Give a mask of the whole "
            "image; arrays are (height, width), PIL's sizes (width, height)."
        )
    shares = torch.nn.functional.interpolate(area[None, None].float(), size, mode="area")
    return shares[0, 0] >= 0.5
