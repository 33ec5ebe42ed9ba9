"""Choices of layers, heads and steps: one meaning for traces, maps, interventions and figures.

A choice is read on entry, before any work (`Steps.read`, `Heads.read`), and resolved when the
things to choose from are known (`Steps.of`, `Heads.of`, `select`). Layers are chosen by
`daam_nb.recording.select_layers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from daam_nb.errors import NotKeptError, SelectionError, nearest_name
from daam_nb.head_tables import relevant_heads
from daam_nb.kinds import (
    check_choice,
    check_slice,
    kind_of,
    read_numbers,
    whole_number,
    whole_numbers,
)
from daam_nb.recording import Layer, LayerChoice, Recording, select_layers

StepChoice = int | slice | range | Iterable[int] | None
LayerHead = tuple[str | Layer, int]
"""One head of one layer, by the layer's dotted name, as `HeatMaps.by_head` names it."""
HeadChoice = int | Iterable[int] | LayerHead | Iterable[LayerHead] | Literal["relevant"] | None
"""``"relevant"``: those that the table of the recording's model names (`head_tables`)."""
RELEVANT = "relevant"
Missing = Literal["error", "skip"]
Pair = tuple[Layer, int]


def in_words(numbers: Sequence[int]) -> str:
    """Write integers as ranges: ``0-9, 12, 14-15`` (ends inclusive)."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(str(end) for end in run) for run in runs)


@dataclass(frozen=True)
class Steps:
    """A choice of steps, 0-based positions in the sampling loop, before the loop is known.

    Attributes
    ----------
    choice
        None: every step; a slice, which is half-open; or step numbers, of which negative ones count
        from the end.
    name
        Name of the argument, for errors.
    """

    choice: slice | tuple[int, ...] | None = None
    name: str = "steps"

    @classmethod
    def read(cls, choice: object, *, name: str = "steps", empty: bool = False) -> Steps:
        """Check a choice of steps as far as possible before the loop is known.

        Parameters
        ----------
        choice
            None, an integer, several (a list, a range, an array), or a slice of integers.
        name
            Name of the argument, for errors.
        empty
            Whether an empty list is allowed.

        Raises
        ------
        SelectionError
            For anything else, and for one number named twice.
        """
        if choice is None:
            return cls(None, name)
        if isinstance(choice, slice):
            return cls(check_slice(choice, name), name)
        return cls(_numbers(choice, "step", name=name, empty=empty), name)

    def of(self, count: int) -> tuple[int, ...]:
        """Return the chosen steps of a loop of `count` steps, ascending.

        Raises
        ------
        SelectionError
            If one lies outside the loop, one is chosen twice (from the start and from the end), or
            a slice is empty.
        """
        if self.choice is None:
            return tuple(range(count))
        if isinstance(self.choice, slice):
            steps = range(*self.choice.indices(count))
            if not steps:
                raise SelectionError(
                    f"{self} selects none of the {count} steps (0 to {count - 1}); a slice is "
                    f"half-open: its start must lie before its stop."
                )
            return tuple(sorted(steps))
        for step in self.choice:
            if not -count <= step < count:
                raise SelectionError(
                    f"{self}: There is no step {step}: the loop has {count} steps, 0 to "
                    f"{count - 1} (or -{count} to -1 from its end)."
                )
        return _numbers([step % count for step in self.choice], "step", name=self.name, empty=True)

    def holds(self, step: int, count: int) -> bool:
        """Whether a step of a loop of `count` steps is chosen; a slice may be empty."""
        if isinstance(self.choice, slice):
            return step in range(*self.choice.indices(count))
        return step in self.of(count)

    def __str__(self) -> str:
        choice = list(self.choice) if isinstance(self.choice, tuple) else self.choice
        return f"{self.name}={choice!r}"


def _numbers(choice: object, what: str, *, name: str, empty: bool) -> tuple[int, ...]:
    """Whole numbers, ascending, each once; the name of the argument stands in the error."""
    try:
        numbers = whole_numbers(choice, what)
        return () if empty and not numbers else read_numbers(numbers, what)
    except SelectionError as error:
        raise SelectionError(f"{name}: {error}") from None


@dataclass(frozen=True)
class Heads:
    """A choice of attention heads: by number, the same in every layer, or one by one.

    Attributes
    ----------
    numbers
        Head numbers, ascending; None if all are chosen, or `pairs`.
    pairs
        (dotted layer name, head) pairs; None if heads are chosen by number.
    """

    numbers: tuple[int, ...] | None = None
    pairs: tuple[tuple[str, int], ...] | None = None

    @classmethod
    def read(cls, choice: object, *, empty: bool = False) -> Heads:
        """Check a choice of heads as far as possible before the layers are known.

        Parameters
        ----------
        choice
            None: every head; an integer or several; a (layer, head) pair or several, the layer by
            its dotted name or as a `Layer`.
        empty
            Whether an empty list is allowed.

        Raises
        ------
        SelectionError
            For anything else, for a mixture of both, and for one head named twice.
        """
        if choice is None:
            return cls()
        if isinstance(choice, str | bytes):
            raise SelectionError(f"heads={choice!r}: {_HEADS}")
        if _is_pair(choice):
            return cls(pairs=(_read_pair(choice),))
        several = isinstance(choice, Iterable) and getattr(choice, "ndim", None) != 0
        items: list[Any] = list(cast(Iterable[Any], choice)) if several else [choice]
        if any(isinstance(item, tuple | list | str | Layer) for item in items):
            pairs = tuple(_read_pair(item) for item in items)
            if twice := [pair for pair in pairs if pairs.count(pair) > 1]:
                raise SelectionError(
                    f"The choice of heads names {twice[0]} more than once. Name it once."
                )
            return cls(pairs=pairs)
        numbers = _numbers(items, "head", name="heads", empty=empty)
        if numbers and numbers[0] < 0:
            raise SelectionError(
                f"There is no head {numbers[0]}: heads count from 0. Layers have different numbers "
                "of heads, so negative numbers are not accepted."
            )
        return cls(numbers)

    @property
    def all(self) -> bool:
        """Whether every head of every layer is chosen."""
        return self.numbers is None and self.pairs is None

    @property
    def none(self) -> bool:
        """Whether an empty list was given."""
        return () in (self.numbers, self.pairs)

    def of(
        self,
        layers: Sequence[Layer],
        *,
        every: Sequence[Layer] | None = None,
        missing: Missing | None = None,
    ) -> tuple[tuple[Pair, ...], tuple[tuple[str, int], ...]]:
        """Return every (layer, head) chosen, in the order of the layers.

        Parameters
        ----------
        layers
            The layers chosen.
        every
            All layers that exist, for the error if a pair's layer is not among `layers`.
        missing
            ``"skip"``: a head that a layer lacks is left out, and returned second. None: as
            ``"error"``, for callers without this option.

        Returns
        -------
        tuple of (Layer, int)
            The pairs.
        tuple of (str, int)
            The (layer name, head) asked for that do not exist.

        Raises
        ------
        SelectionError
            If a layer lacks a head, a pair names a layer that is not chosen or does not exist, or
            nothing is left.
        """
        if self.all:
            return tuple((layer, head) for layer in layers for head in range(layer.heads)), ()
        if self.pairs is None:
            chosen = [(layer, head) for layer in layers for head in self.numbers or ()]
        else:
            by_name = {layer.name: layer for layer in layers}
            for name, _ in self.pairs:
                if name not in by_name:
                    raise SelectionError(_no_layer(name, layers, every or layers))
            order = {layer.name: i for i, layer in enumerate(layers)}
            in_order = sorted(self.pairs, key=lambda pair: (order[pair[0]], pair[1]))
            chosen = [(by_name[name], head) for name, head in in_order]
        pairs = tuple((layer, head) for layer, head in chosen if 0 <= head < layer.heads)
        skipped = tuple((layer.name, head) for layer, head in chosen if not 0 <= head < layer.heads)
        if skipped and (missing != "skip" or not pairs):
            name, head = skipped[0]
            count = next(layer.heads for layer in layers if layer.name == name)
            way_out = "Choose fewer layers or heads"
            if missing is not None:
                way_out += ", or pass missing='skip' to leave out missing ones"
            raise SelectionError(
                f"Layer {name!r} has no head {head}: it has {count}, 0 to {count - 1}. "
                + (f"{way_out}." if pairs else "No chosen layer has any of these heads.")
            )
        return pairs, skipped

    def __str__(self) -> str:
        chosen = self.numbers if self.pairs is None else self.pairs
        return f"heads={None if chosen is None else list(chosen)!r}"


_HEADS = "heads must be a whole number, several, or (layer, head) pairs, as named by by_head."


def _is_pair(item: object) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str | Layer)


def _read_pair(item: Any) -> tuple[str, int]:
    if not _is_pair(item):
        raise SelectionError(
            f"heads: {kind_of(item)} is given among (layer, head) pairs. Give only numbers or only "
            f"pairs: {_HEADS}"
        )
    layer, head = item
    number = whole_number(head, "head")
    name = layer.name if isinstance(layer, Layer) else str(layer)
    if number < 0:
        raise SelectionError(f"There is no head {number} of layer {name!r}: heads count from 0.")
    return name, number


def _no_layer(name: str, layers: Sequence[Layer], every: Sequence[Layer]) -> str:
    names = [layer.name for layer in every]
    if name in names:
        return (
            f"heads names a head of {name!r}, which is not among the {len(layers)} chosen layers "
            f"(of {len(every)}). Pass layers='all', or choose that layer, too."
        )
    nearest = nearest_name(name, names)
    return f"heads names a head of {name!r}, but there is no such layer. " + (
        f"Did you mean {nearest!r}?" if nearest else f"There are {', '.join(names[:4])} ..."
    )


@dataclass(frozen=True)
class Selection:
    """The part of one recording that is reduced to one map.

    Attributes
    ----------
    layers
        The layers chosen, in the order of the network.
    steps
        Positions in the sampling loop, 0-based, ascending.
    heads
        The heads chosen in each layer, ascending, or the (layer name, head) chosen one by one;
        None: every head of every layer.
    pairs
        The (layer, head) pairs averaged.
    skipped
        The (layer name, head) asked for that do not exist.
    chosen_by
        By what the relevant heads were chosen, and on what; empty where heads were named.
    """

    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    heads: tuple[int, ...] | tuple[tuple[str, int], ...] | None
    pairs: tuple[Pair, ...]
    skipped: tuple[tuple[str, int], ...]
    chosen_by: str = ""


def select(
    run: Recording,
    *,
    layers: LayerChoice,
    steps: StepChoice,
    heads: HeadChoice,
    missing: Missing = "error",
) -> Selection:
    """Read a choice of layers, steps and heads against what a recording holds.

    Raises
    ------
    SelectionError
        If a choice selects nothing, names something that does not exist, or cannot be read.
    NotKeptError
        If the recording does not hold a chosen step.
    """
    check_choice(missing, "missing", ("error", "skip"))
    chosen_layers = select_layers(run.layers, layers)
    chosen_by = ""
    if isinstance(heads, str) and heads == RELEVANT:
        heads, chosen_by = relevant_heads(run)
    chosen_heads = Heads.read(heads)
    pairs, skipped = chosen_heads.of(chosen_layers, every=run.layers, missing=missing)
    named: tuple[int, ...] | tuple[tuple[str, int], ...] | None = chosen_heads.numbers
    if chosen_heads.pairs is not None:
        named = tuple((layer.name, head) for layer, head in pairs)
        taking_part = {layer for layer, _ in pairs}
        chosen_layers = tuple(layer for layer in chosen_layers if layer in taking_part)
    return Selection(chosen_layers, kept_steps(run, steps), named, pairs, skipped, chosen_by)


def kept_steps(run: Recording, choice: StepChoice) -> tuple[int, ...]:
    """Read a choice of steps against those that a recording kept; ascending.

    Raises
    ------
    SelectionError
        If the choice cannot be read, or names a step that the loop does not have.
    NotKeptError
        If a chosen step was not kept, or only one sum over the steps was.
    """
    if run.kept == "sum":
        if choice is not None:
            raise NotKeptError(
                f"steps={choice!r} cannot be separated: this recording kept one sum over "
                f"{len(run.steps)} steps. Leave steps=None, or record with keep='steps'."
            )
        return run.steps
    if choice is None:
        return run.steps
    steps = Steps.read(choice).of(run.facts.num_steps)
    kept = set(run.steps)
    if lost := [step for step in steps if step not in kept]:
        raise NotKeptError(
            f"Step {lost[0]} was not kept; this recording holds the steps "
            f"{in_words(run.steps)} of {run.facts.num_steps}. Choose among these, or record again "
            f"with those you need."
        )
    return steps
