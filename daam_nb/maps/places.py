"""Self-attention: what a location of the image attends to, and maps of words refined by that."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from daam_nb.errors import NotKeptError, SelectionError, WrongKindError
from daam_nb.kinds import kind_of, names_checked, number_between, real_number
from daam_nb.maps.aggregate import clamped
from daam_nb.maps.captions import layers_in_words
from daam_nb.maps.origin import Origin
from daam_nb.maps.wordmap import WordHeatMap, of_recording
from daam_nb.recording import (
    Layer,
    LayerChoice,
    Recording,
    SelfAttention,
    provenance_of,
    select_layers,
)
from daam_nb.recording.kinds import check_recording
from daam_nb.recording.self_attention import cells
from daam_nb.selection import StepChoice, Steps, in_words

UNIT = "self-attention, as multiples of attention to all cells alike"
MAX_POWER = 1000


@names_checked
def by_steps(run: Recording) -> bool:
    """Whether a recording holds self-attention of each step, and not its sum alone."""
    return run.self_attention is not None and run.self_attention.kept == "steps"


def self_attention_map(
    run: Recording,
    place: tuple[float, float],
    *,
    layers: LayerChoice = "all",
    steps: StepChoice = None,
) -> WordHeatMap:
    """Map what one location of the image attends to in the image itself.

    For each chosen layer: the row of the cell that contains the location, averaged over heads and
    the chosen steps, times the layer's number of cells; brought to the latent grid by bicubic
    interpolation and clamped at 0; then the mean over layers.

    Parameters
    ----------
    run
        A recording made with ``self_attention=True``, or ``"steps"``.
    place
        (y, x), each 0 to 1 from the top left corner, as `center_of_mass` returns it.
    layers
        Among ``run.self_attention.layers``, as for `select_layers`.
    steps
        As for `heat_maps`; needs ``self_attention="steps"``.

    Returns
    -------
    WordHeatMap
        (grid y, grid x), float32, >= 0. 1 is uniform attention to all cells. In joint attention,
        where a part goes to the text, the mean is below 1.

    Raises
    ------
    NotKeptError
        If the recording holds no self-attention, or steps are chosen and it holds only their sum.
    SelectionError
        If the location lies outside the image, or a choice selects nothing.

    Examples
    --------
    >>> run = generate(pipe, "a dog", self_attention=True)  # doctest: +SKIP
    >>> self_attention_map(run, (0.5, 0.5))  # doctest: +SKIP
    """
    held = _held(run, "self_attention_map()")
    y, x = _read_place(place)
    chosen = select_layers(held.layers, layers)
    chosen_steps = _read_steps(run, held, steps)
    grid = run.facts.latent_size
    total = torch.zeros(grid[0] * grid[1])
    for layer in chosen:
        height, width = layer.size
        row = min(int(y * height), height - 1) * width + min(int(x * width), width - 1)
        attention = _mean(run, held, layer, chosen_steps, row)
        total += clamped(attention[None] * cells(layer), layer.size, grid)[0]
    steps_in_words = f"step{'s' * (len(chosen_steps) > 1)} {in_words(chosen_steps)}"
    choice = (
        f"self-attention of {layers_in_words(chosen, tuple(held.layers))}, "
        f"{steps_in_words} of {run.facts.num_steps}, mean over steps and heads"
    )
    return of_recording(
        WordHeatMap(
            (total / len(chosen)).view(grid),
            label=f"({y:.2f}, {x:.2f})",
            origin=_origin(run, chosen, chosen_steps, choice),
            image_size=run.facts.image_size,
            unit=UNIT,
        )
    )


@names_checked
def refined(run: Recording, word_map: WordHeatMap, *, power: int = 1) -> WordHeatMap:
    """Refine a word's map by the self-attention of its recording.

    Each cell's value becomes the weighted mean of the values of the cells that it attends to,
    repeated `power` times: ``S ** power @ map``, where S is the self-attention of the finest layers
    kept, averaged over steps, heads and layers, its rows divided by their sums.

    Parameters
    ----------
    run
        The recording, made with ``self_attention=True``, or ``"steps"``.
    word_map
        One of the recording's maps, on the latent grid.
    power
        How many times, at least 1. Nguyen et al. take 4, with the layers of 32 x 32 cells of Stable
        Diffusion; coarser layers blur more.

    Returns
    -------
    WordHeatMap
        In the same unit. Fine detail is lost where the finest layer is coarser than the map.

    Raises
    ------
    NotKeptError
        If the recording holds no self-attention.
    SelectionError
        If the map belongs to another recording, or was made by hand, resized or averaged.

    References
    ----------
    Nguyen et al. 2023, "Dataset Diffusion", https://arxiv.org/abs/2309.14303

    Examples
    --------
    >>> refined(run, heat_maps(run)["dog"])  # doctest: +SKIP
    """
    held = _held(run, "refined()")
    times = number_between(power, "power", low=1, high=MAX_POWER)
    if not isinstance(word_map, WordHeatMap):
        raise WrongKindError(
            f"refined() takes a map of a word, heat_maps(run)['dog'], not {kind_of(word_map)}."
        )
    origin, grid = word_map.origin, run.facts.latent_size
    if origin is None or word_map.derived or word_map.size != grid:
        raise SelectionError(
            f"The map of {word_map.label!r} was averaged, resized or made by hand, so its cells "
            "are unknown. Give it as heat_maps(run) returns it."
        )
    if origin.run.facts != run.facts or origin.run.prompt != run.prompt:
        raise SelectionError(
            f"The map of {word_map.label!r} is from another recording, of "
            f"{origin.run.prompt.text!r:.200}, and self-attention is of a single image."
        )
    finest = max(cells(layer) for layer in held.layers)
    chosen = [layer for layer in held.layers if cells(layer) == finest]
    size = chosen[0].size
    matrix = torch.stack([_mean(run, held, layer, run.steps) for layer in chosen]).mean(0)
    matrix = matrix / matrix.sum(1, keepdim=True)
    values = word_map.values
    if size != grid:
        values = functional.interpolate(values[None, None], size=size, mode="area")[0, 0]
    values = values.flatten()
    for _ in range(times):
        values = matrix @ values
    choice = f"{origin.choice}, refined by self-attention of {len(chosen)} layers, power {times}"
    return word_map._with(
        values=clamped(values[None], size, grid)[0].view(grid),
        origin=replace(origin, choice=choice),
    )


def _held(run: Recording, where: str) -> SelfAttention:
    check_recording(run, where=where)
    if run.self_attention is None:
        raise NotKeptError(
            "This recording holds no self-attention of the image. Record it: generate(..., "
            "self_attention=True), or 'steps' for each step separately."
        )
    return run.self_attention


def _read_place(place: object) -> tuple[float, float]:
    try:
        y, x = (real_number(part) for part in place)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        y = x = -1.0
    if not (0 <= y <= 1 and 0 <= x <= 1):
        raise SelectionError(
            "A place must be (y, x), each from 0 to 1 from the image's top left corner, not "
            f"{place!r}."
        )
    return y, x


def _read_steps(run: Recording, held: SelfAttention, steps: StepChoice) -> tuple[int, ...]:
    if steps is None:
        return run.steps
    if held.kept == "sum":
        raise NotKeptError(
            "This recording keeps its self-attention as one sum over its steps, so steps cannot be "
            "chosen. Record with self_attention='steps'."
        )
    chosen = Steps.read(steps).of(run.facts.num_steps)
    if missing := [step for step in chosen if step not in run.steps]:
        raise NotKeptError(
            f"The steps {in_words(missing)} were not kept; this recording holds the steps "
            f"{in_words(run.steps)}."
        )
    return chosen


def _mean(
    run: Recording,
    held: SelfAttention,
    layer: Layer,
    steps: tuple[int, ...],
    row: int | None = None,
) -> Tensor:
    """(query, key), or (key,) of one query: mean over the steps, float32."""
    array = held.probabilities[layer.name]
    array = array if row is None else array[:, row]
    if held.kept == "sum":
        return array[0].float() / len(run.steps)
    return array[[run.steps.index(step) for step in steps]].float().mean(0)


def _origin(
    run: Recording, layers: tuple[Layer, ...], steps: tuple[int, ...], choice: str
) -> Origin:
    return Origin(
        run=provenance_of(run),
        prompt=run.prompt,
        layers=layers,
        steps=steps,
        heads=None,
        pairs=(),
        reduction="mean",
        negative=False,
        choice=choice,
    )
