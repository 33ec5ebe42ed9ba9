"""A choice of layers, steps and heads, read once and checked against what a recording holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.kinds import check_choice, check_slice, read_numbers
from daam_nb.maps.captions import in_words
from daam_nb.recording import Layer, LayerChoice, Recording, select_layers

StepChoice = int | slice | range | Iterable[int] | None
HeadChoice = int | Iterable[int] | None
Reduction = Literal["mean", "sum"]
Missing = Literal["error", "skip"]


@dataclass(frozen=True)
class Selection:
    """What is reduced to one map.

    Attributes
    ----------
    layers
        The layers chosen, in the order of the network.
    steps
        Places in the sampling loop, 0-based, ascending.
    heads
        The heads chosen in each layer, ascending; None: every head of every layer.
    pairs
        Every (layer, head) that is averaged.
    skipped
        The (layer name, head) that were asked for and that the layer does not have.
    """

    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    heads: tuple[int, ...] | None
    pairs: tuple[tuple[Layer, int], ...]
    skipped: tuple[tuple[str, int], ...]


def select(
    run: Recording,
    *,
    layers: LayerChoice,
    steps: StepChoice,
    heads: HeadChoice,
    missing: Missing,
) -> Selection:
    """Read the arguments of `heat_maps`; see there."""
    check_choice(missing, "missing", ("error", "skip"))
    chosen_layers = select_layers(run.layers, layers)
    chosen_heads = None if heads is None else read_numbers(heads, "head")
    pairs, skipped = _pairs(chosen_layers, chosen_heads, missing)
    return Selection(chosen_layers, _steps(run, steps), chosen_heads, pairs, skipped)


def spans(run: Recording, steps: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Say where the steps lie among those kept, as few half-open ranges of places as possible."""
    if steps == run.steps:
        return ((0, len(steps)),)
    place = {step: i for i, step in enumerate(run.steps)}
    places = sorted(place[step] for step in steps)
    found: list[tuple[int, int]] = []
    for i in places:
        if found and found[-1][1] == i:
            found[-1] = (found[-1][0], i + 1)
        else:
            found.append((i, i + 1))
    return tuple(found)


def _steps(run: Recording, choice: StepChoice) -> tuple[int, ...]:
    if run.kept == "sum":
        if choice is not None:
            raise NotKeptError(
                f"steps={choice!r} cannot be told apart: this recording kept one sum over "
                f"{len(run.steps)} steps. Leave steps=None, or record with keep='steps'."
            )
        return run.steps
    if choice is None:
        return run.steps
    steps = _places(choice, run.facts.num_steps)
    kept = set(run.steps)
    lost = [step for step in steps if step not in kept]
    if lost:
        raise NotKeptError(
            f"Step {lost[0]} was not kept; this recording holds the steps "
            f"{in_words(run.steps)} of {run.facts.num_steps}. Choose among these, or record again "
            f"with those you need."
        )
    return steps


def _places(choice: int | slice | Iterable[int], count: int) -> tuple[int, ...]:
    if isinstance(choice, slice):
        places = range(*check_slice(choice, "steps").indices(count))
        if not places:
            raise SelectionError(
                f"steps={choice!r} selects none of the {count} steps (0 to {count - 1}); a slice "
                f"is half-open: its start must lie before its stop."
            )
        return tuple(sorted(places))
    numbers = read_numbers(choice, "step")
    for step in numbers:
        if not -count <= step < count:
            raise SelectionError(
                f"There is no step {step}: the loop has {count} steps, 0 to {count - 1} "
                f"(or -{count} to -1 from its end)."
            )
    return read_numbers([step % count for step in numbers], "step")


def _pairs(
    layers: tuple[Layer, ...], heads: tuple[int, ...] | None, missing: Missing
) -> tuple[tuple[tuple[Layer, int], ...], tuple[tuple[str, int], ...]]:
    if heads is None:
        return tuple((layer, head) for layer in layers for head in range(layer.heads)), ()
    if heads[0] < 0:
        raise SelectionError(
            f"There is no head {heads[0]}: heads count from 0, and as layers differ in how many "
            f"they have, they cannot be counted from the end."
        )
    pairs = tuple((layer, head) for layer in layers for head in heads if head < layer.heads)
    skipped = tuple((layer.name, h) for layer in layers for h in heads if h >= layer.heads)
    if skipped and (missing == "error" or not pairs):
        name, head = skipped[0]
        count = next(layer.heads for layer in layers if layer.name == name)
        way_out = (
            "Choose fewer layers or heads, or pass missing='skip' to leave out what is not there."
            if pairs
            else "No chosen layer has any of these heads."
        )
        raise SelectionError(
            f"Layer {name!r} has no head {head}: it has {count}, 0 to {count - 1}. {way_out}"
        )
    return pairs, skipped
