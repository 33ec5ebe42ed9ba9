"""Ablations of an image: a word, with more or less of what carries it.

A causal text encoder repeats each word in the tokens after it, so "without this word" has more than
one meaning. `ABLATIONS` are three, from the least to the most; each is applied to the object's
word, to another content word of the same prompt (the control), and the first two also to as many
columns drawn at random.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Recording
from daam_nb.studies.redraw.control_words import FUNCTION_WORDS
from daam_nb.studies.redraw.redrawing import drawn_from, seed_of
from daam_nb.tracing import ablate

if TYPE_CHECKING:
    from PIL.Image import Image

OWN, REPEATED, HIDDEN = (
    "the word",
    "the word and what repeats it",
    "the word, hidden in the text encoder",
)
ABLATIONS: dict[str, str] = {
    OWN: (
        "the word's own columns of the cross-attention are zero, at every step, layer and head of "
        "the prompt's rows; the others keep their values"
    ),
    REPEATED: (
        "also the columns behind it that have little to say of their own: function words, the end "
        "of text and the padding; never those of another content word"
    ),
    HIDDEN: (
        "no other token looks at the word in the text encoder, and its own columns of the "
        "cross-attention are zero, the others scaled to the same sum: nothing of the word reaches "
        "the image"
    ),
}
"""What is taken away: name -> what that is."""

OBJECT, CONTROL, RANDOM = "object", "control", "random"
ANOTHER_SEED = "another seed"
SEED_STEP = 1_000_003
"""How far the other image's seed lies from the first one's."""


@dataclass(frozen=True)
class Taken:
    """One ablation of an image.

    Attributes
    ----------
    kind
        Whose columns: `OBJECT`, `CONTROL`, `RANDOM`.
    name
        One of `ABLATIONS`, or `ANOTHER_SEED`: no column, but other noise.
    columns
        Key positions.
    """

    kind: str
    name: str
    columns: tuple[int, ...] = ()


def taken_from(
    prompt: Prompt, target: Word, control: Word | None, names: Sequence[str], *, key: str
) -> list[Taken]:
    """All ablations of one image, one drawing each.

    Parameters
    ----------
    prompt, target, control
        Of the image.
    names
        Of `ABLATIONS`.
    key
        The image's key, which seeds the random columns.
    """
    taken_columns = []
    for kind, word in ((OBJECT, target), (CONTROL, control)):
        if word is not None:
            taken_columns += [Taken(kind, name, columns(prompt, word, name)) for name in names]
    for name in names:
        if name != HIDDEN:
            count = len(columns(prompt, target, name))
            taken_columns.append(
                Taken(RANDOM, name, random_columns(prompt, target, count, key=key))
            )
    return [*taken_columns, Taken(OBJECT, ANOTHER_SEED)]


def columns(prompt: Prompt, word: Word, name: str) -> tuple[int, ...]:
    """Key positions that are ablated with a word; see `ABLATIONS`."""
    return tuple(sorted({*prompt.token_indices(word), *repeating(prompt, word, name)}))


def repeating(prompt: Prompt, word: Word, name: str = REPEATED) -> Sequence[int]:
    """Key positions after a word that repeat it: of function words, the end and the padding."""
    if name != REPEATED:
        return ()
    behind = [
        column
        for other in prompt.read_words
        if other.start >= word.end and other.text.casefold() in FUNCTION_WORDS
        for column in prompt.token_indices(other)
    ]
    end = prompt.end_of_text
    return behind if end is None else [*behind, *range(end, len(prompt.tokens))]


def random_columns(prompt: Prompt, word: Word, count: int, *, key: str) -> tuple[int, ...]:
    """Draw as many key positions at random, except the word's own and the start of text."""
    left_out = {*prompt.token_indices(word), prompt.start_of_text}
    free_columns = [column for column in range(len(prompt.tokens)) if column not in left_out]
    seed = hashlib.sha256(f"{key} {count}".encode()).digest()
    drawn = np.random.default_rng(list(seed[:8])).permutation(free_columns)[:count]
    return tuple(sorted(int(column) for column in drawn))


def drawn_without(pipe: Any, run: Recording, taken: Sequence[Taken]) -> list[Image]:
    """Draw one image for each ablation, all in one call."""
    seed = seed_of(run)
    seeds = [seed + SEED_STEP if each.name == ANOTHER_SEED else seed for each in taken]
    return drawn_from(pipe, run, seeds, _without(pipe, taken))


@contextlib.contextmanager
def _without(pipe: Any, taken: Sequence[Taken]) -> Iterator[None]:
    columns_shown = [() if one.name == HIDDEN else one.columns for one in taken]
    hidden = [one.columns if one.name == HIDDEN else () for one in taken]
    with contextlib.ExitStack() as open_:
        if pipe is not None and any(columns_shown):
            open_.enter_context(ablate(pipe, tokens=columns_shown))
        if pipe is not None and any(hidden):
            change = ablate(pipe, tokens=hidden, text_encoder=True, renormalize=True)
            open_.enter_context(change)
        yield
