"""Checks that a map fits the figure it is passed to: same run, same selection."""

from __future__ import annotations

import numpy as np
from PIL import Image

from daam_nb.errors import SelectionError
from daam_nb.maps.heatmap import HeatMaps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.recording import Provenance, Recording
from daam_nb.show.pixels import rgb


def check_own_run(word_map: WordHeatMap, run: Recording, *, where: str) -> None:
    """Refuse the map of another run than the one whose image is drawn and named below it.

    A copy of the run, saved and loaded or with parts left out, is the same run. A map made by hand
    says nothing of where it comes from, and is taken.

    Raises
    ------
    SelectionError
        If the map comes from another run.
    """
    if word_map.origin is None or same_run(word_map.origin.run, run):
        return
    own, other = (_in_words(each) for each in (word_map.origin.run, run))
    apart = "of another run" if own == other else f"of {own}, not of {other}"
    raise SelectionError(
        f"{where}: the map of {word_map.label!r} is {apart}. Give the recording that the map was "
        f"made of, or the word itself, {word_map.label!r}, for its map in this recording."
    )


def same_run(run: Recording | Provenance, other: Recording | Provenance) -> bool:
    """Whether two recordings are of one image: the same origin, and the same pixels."""
    if run is other:
        return True
    first, second = (
        (
            recording.prompt.text,
            recording.facts.model,
            recording.facts.seed,
            recording.facts.num_steps,
            recording.facts.created,
        )
        for recording in (run, other)
    )
    if first != second or run.facts.image_size != other.facts.image_size:
        return False
    if run.image is None or other.image is None:
        return True
    return same_pixels(run.image, other.image)


def same_pixels(image: Image.Image, other: Image.Image) -> bool:
    """Whether two images of one size are alike pixel by pixel."""
    if image is other:
        return True
    return image.size == other.size and np.array_equal(rgb(image), rgb(other))


def check_strip(word: object, maps: HeatMaps, *, parts: bool, where: str) -> None:
    """Refuse a map under another choice than the figure that takes its word apart.

    Parameters
    ----------
    word
        What was given; anything but a map is no matter of this.
    maps
        The figure's own choice.
    parts
        Whether the figure shows each layer and head alone: then the map's layers need only be
        among the figure's.

    Raises
    ------
    SelectionError
        If run or choice is another.
    """
    if not isinstance(word, WordHeatMap) or word.origin is None:
        return
    check_own_run(word, maps.run, where=where)
    own = word.origin
    names = {layer.name for layer in own.layers}, {layer.name for layer in maps.layers}
    alike = (
        own.steps == maps.steps
        and own.negative == maps.negative
        and own.reduction == maps.reduction
        and word.unit == maps.unit
        and (own.heads == maps.heads or set(own.pairs) == set(maps.pairs))
        and (names[0] <= names[1] if parts else names[0] == names[1])
    )
    if not alike:
        raise SelectionError(
            f"{where} takes the word apart under its own choice ({maps.choice}), and this map of "
            f"{word.label!r} is of another ({own.choice}). Give the word, {word.label!r}, and name "
            f"the choice: steps=, layers= and so on."
        )


def check_one_choice(maps: tuple[WordHeatMap, ...], *, where: str) -> None:
    """Refuse maps of several choices in one row, under which one caption would be false.

    Raises
    ------
    SelectionError
        If two of them were made under other choices or in other units.
    """
    choices = list(dict.fromkeys((word_map.choice, word_map.unit) for word_map in maps))
    if len(choices) > 1:
        listed = "; ".join(f"{choice} ({unit})" for choice, unit in choices)
        raise SelectionError(
            f"{where}: the maps of one row are of {len(choices)} choices ({listed}), which nothing "
            f"in it would tell apart. Give each choice a row of its own: "
            f"words_row(heat_maps(run, steps=3), heat_maps(run), words='dog')."
        )


def _in_words(run: Recording | Provenance) -> str:
    seed = "" if run.facts.seed is None else f", seed {run.facts.seed}"
    return f"{run.prompt.text!r}{seed}"
