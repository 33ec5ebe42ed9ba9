"""Pairs of words of one image: which arcs join them, and how much their maps overlap.

Words are found by their characters, so that "a cat and a cat" has two cats; a pair that cannot be
measured stays in the rows with the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.language import Arc, Parse
from daam_nb.language.pairing import LEFT_OUT, ParsedTokens, parsed_tokens
from daam_nb.maps import HeatMaps
from daam_nb.maps.threshold import mask_of
from daam_nb.maps.wordmap import read_threshold
from daam_nb.studies.visuosyntax.enhanced_dependencies import paper_arcs, printed

Names = Literal["spacy", "paper"]
Threshold = float | str  # a share from 0 to 1, "reference" or "reference mean"

REFERENCE_THRESHOLD = 0.15
"""Of the reference's notebook: attention summed over 30 steps, whatever the word's maximum."""
REFERENCE_STEPS = 30

__all__ = [
    "LEFT_OUT",
    "Overlaps",
    "arcs_of",
    "masks_of",
    "overlaps",
    "pair_rows",
    "unrelated_pairs",
]


class Overlaps(NamedTuple):
    """Each (dependent, head word), float, 0 to 1; 0 where a denominator is empty."""

    iou: NDArray[np.float64]
    iod: NDArray[np.float64]
    ioh: NDArray[np.float64]


def overlaps(masks: NDArray[np.bool_]) -> Overlaps:
    """Overlap of every word's mask with every other's.

    Parameters
    ----------
    masks
        (word, y, x), bool.

    Returns
    -------
    Overlaps
        The numbers of `daam_nb.iou`, `iod` and `ioh`, for all pairs at once.

    References
    ----------
    Tang et al. 2023, section 4, https://aclanthology.org/2023.acl-long.310

    Examples
    --------
    >>> found = overlaps(np.array([[[1, 1], [0, 0]], [[1, 0], [1, 1]]], dtype=bool))
    >>> float(found.iod[0, 1]), float(found.iou[0, 1])
    (0.5, 0.25)
    """
    if masks.dtype != np.bool_ or masks.ndim != 3:
        raise ShapeError(
            f"overlaps() takes masks (word, y, x) of bool, not {masks.shape} of {masks.dtype}: "
            "masks_of(values, threshold) makes them from maps."
        )
    flat = masks.reshape(len(masks), -1).astype(np.float64)
    both = flat @ flat.T
    areas = np.diag(both)
    whole = np.broadcast_to(areas, both.shape)
    return Overlaps(
        iou=_ratio(both, whole + whole.T - both), iod=_ratio(both, whole.T), ioh=_ratio(both, whole)
    )


def masks_of(values: NDArray[np.float32], threshold: Threshold, *, steps: int) -> NDArray[np.bool_]:
    """Where each word's map is said to lie.

    Parameters
    ----------
    values
        (word, y, x), attention averaged over the steps.
    threshold
        A share of each map's own maximum, 0 to 1 (the paper's eq. 7; a map that is 0 everywhere
        has an empty mask). ``"reference"``: more than 0.15 in attention **summed** over the steps,
        as the reference's notebook has it, so that more steps give larger masks. ``"reference
        mean"``: the same on 30 steps, 0.15 / 30 on the mean, whatever the number of steps.
    steps
        How many were averaged.
    """
    if threshold == "reference":
        return np.asarray(values * steps > REFERENCE_THRESHOLD)
    if threshold == "reference mean":
        return np.asarray(values > REFERENCE_THRESHOLD / REFERENCE_STEPS)
    if isinstance(threshold, str):
        raise SelectionError(
            f"threshold={threshold!r} is not known. Use a share of the maximum from 0 to 1, "
            f"'reference' or 'reference mean'."
        )
    return mask_of(torch.from_numpy(values), read_threshold(threshold)).numpy()


def arcs_of(parse: Parse, names: Names) -> tuple[Arc, ...]:
    """The parse's arcs, in spaCy's (ClearNLP's) labels or in the paper's.

    Raises
    ------
    SelectionError
        For names that are not known.
    """
    if names == "spacy":
        return parse.arcs
    if names == "paper":
        return tuple(
            Arc(arc.head, arc.dependent, printed(arc.relation)) for arc in paper_arcs(parse)
        )
    raise SelectionError(f"names={names!r} is not known. Use 'spacy' or 'paper'.")


def unrelated_pairs(parse: Parse, arcs: tuple[Arc, ...]) -> Iterator[tuple[int, int]]:
    """Pairs of words (earlier, later) that no arc joins in either direction."""
    joined = {frozenset((arc.head, arc.dependent)) for arc in arcs}
    for pair in itertools.combinations(range(len(parse.words)), 2):
        if frozenset(pair) not in joined:
            yield pair


@dataclass(frozen=True)
class _Measured:
    """The words of an image with a map, and their overlaps."""

    words: ParsedTokens
    place: dict[int, int]  # word -> row of the overlaps
    found: Overlaps

    def between(self, dependent: int, head: int) -> dict[str, Any]:
        nothing = {"iou": None, "iod": None, "ioh": None}
        lack = self.words.lack(dependent, head)
        if lack is not None:
            return {**nothing, "left_out": lack}
        at = self.place[dependent], self.place[head]
        numbers = {name: float(getattr(self.found, name)[at]) for name in nothing}
        return {**numbers, "left_out": ""}


def pair_rows(
    parse: Parse, maps: HeatMaps, *, names: Names, threshold: Threshold
) -> list[dict[str, Any]]:
    """Measure every arc of a caption, and every pair of words that no arc joins.

    Parameters
    ----------
    parse
        Of the prompt's text.
    maps
        Of the image, mean over steps.
    names, threshold
        As in `visuosyntax.relations`.

    Returns
    -------
    list of dict
        The columns of `visuosyntax.COLUMNS` that are about the pair. Pairs without an arc have no
        head word: `head_word` is the earlier one and the later one stands as its dependent, so that
        IoD is the share of the later one inside the earlier, and IoH the other way round.
    """
    measured = _measure(parse, maps, threshold)
    arcs = arcs_of(parse, names)
    rows = []
    for arc in arcs:
        words = _words(parse, arc.head, arc.dependent)
        numbers = measured.between(arc.dependent, arc.head)
        rows.append({"kind": "arc", "relation": arc.relation, **words, **numbers})
    for earlier, later in unrelated_pairs(parse, arcs):
        numbers = measured.between(later, earlier)
        words = _words(parse, earlier, later)
        rows.append({"kind": "unrelated", "relation": "", **words, **numbers})
    return rows


def _measure(parse: Parse, maps: HeatMaps, threshold: Threshold) -> _Measured:
    words = parsed_tokens(parse, maps.prompt, maps.columns)
    row_of: dict[int, int] = {}
    values: list[NDArray[np.float32]] = []
    for number, (word, tokens) in enumerate(zip(parse.words, words.tokens, strict=True)):
        if not isinstance(tokens, str):
            row_of[number] = len(values)
            values.append(maps.word((word.start, word.end)).values.numpy())
    stacked = np.stack(values) if values else np.zeros((0, *maps.size), dtype=np.float32)
    masks = masks_of(stacked, threshold, steps=len(maps.steps))
    return _Measured(words, row_of, overlaps(masks))


def _words(parse: Parse, head: int, dependent: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for role, index in (("head", head), ("dependent", dependent)):
        word = parse.words[index]
        columns |= {
            f"{role}_word": word.text,
            f"{role}_start": word.start,
            f"{role}_end": word.end,
            f"{role}_pos": word.pos or word.tag,
        }
    return columns


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
