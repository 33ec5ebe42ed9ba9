"""What people are asked: how well a word's map fits, and which of two objects an image shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from daam_nb.errors import StudyError
from daam_nb.show.rating import Choice, Form

Level = Literal["ordinal", "nominal"]


@dataclass(frozen=True)
class Task:
    """A kind of question.

    Attributes
    ----------
    name
        As it stands in `TASKS` and in the folder of answers.
    form
        What people read, and what they can answer.
    level
        Of measurement, for the agreement of raters: ``"ordinal"`` or ``"nominal"``.
    values
        Answer -> its number.
    columns
        What the table says about each item: name -> what it is.
    """

    name: str
    form: Form
    level: Level
    values: Mapping[str, float]
    columns: Mapping[str, str]


_REASONS = ("I cannot tell.", "An image is missing or broken.", "I do not know the word.")

WORDS = Task(
    name="words",
    form=Form(
        title="How well do the colored places fit the word?",
        instructions=(
            "You see an image that a computer drew from a sentence and, beside it, the same "
            "image in gray with colors over it: bright where the computer looked at one word "
            "of the sentence, dark where it did not. The word is marked in the sentence.",
            "Rate how well the bright places fit what the word means in this image. A noun: is the "
            "thing bright, and little else? An adjective or a verb: what it is said of? A small "
            "word, such as “the” or “on”: what it belongs to or relates? Where the image does not "
            "show what the word means, judge by what it shows.",
            "There is no right answer, and no time limit. Go by your first impression, and use "
            "the whole scale.",
        ),
        choices=(
            Choice("1", "Bad", ("1",)),
            Choice("2", "Poor", ("2",)),
            Choice("3", "Fair", ("3",)),
            Choice("4", "Good", ("4",)),
            Choice("5", "Excellent", ("5",)),
        ),
        reasons=_REASONS,
    ),
    level="ordinal",
    values={"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0, "5": 5.0},
    columns={
        "run": "key of the recording",
        "prompt": "its text: the cluster of statistics",
        "seed": "of the image",
        "word": "the word asked about",
        "start": "its first character in the prompt",
        "end": "the character after its last one",
        "pos": "its part of speech (universal tags)",
        "parser": "the parser that tagged it, with its version",
        "control": "1 if another word's map was shown instead of its own, else 0",
        "shown": "the word whose map was shown",
        "layers": "whose attention the map is of",
    },
)
"""Generalized attribution: an opinion score from 1 to 5.

Notes
-----
The paper reports mean opinion scores of "fair to good (3.4-4.2)", Tang et al. 2023,
https://aclanthology.org/2023.acl-long.310. The labels are those of the five-point scale of ITU-T
P.800; the wording of the question and of the instructions is ours.
"""

PAIRS = Task(
    name="pairs",
    form=Form(
        title="Which of the two does the image show?",
        instructions=(
            "You see an image that a computer drew, and the names of two things.",
            "Say whether the image shows both of them, one of them, or neither. A thing counts "
            "where you would recognize it without knowing what was asked for; something in "
            "between the two counts as one.",
            "There is no time limit. Go by your first impression.",
        ),
        choices=(
            Choice("both", "Both", ("b", "2")),
            Choice("one", "One", ("o", "1")),
            Choice("neither", "Neither", ("n", "0")),
        ),
        reasons=("I cannot tell.", "An image is missing or broken.", "I do not know a name."),
    ),
    level="nominal",
    values={"neither": 0.0, "one": 1.0, "both": 2.0},
    columns={
        "run": "key of the recording",
        "prompt": "its text",
        "seed": "of the image",
        "kind": "of the pair, such as cohyponyms; empty if not known",
        "first": "the noun named first",
        "second": "the noun named second",
    },
)
"""Both, one or neither of two objects; the answers that `oracles.RatedPresence` takes."""

TASKS: dict[str, Task] = {task.name: task for task in (WORDS, PAIRS)}
"""Name -> task."""


def task_named(name: object) -> Task:
    """Look a task up.

    Raises
    ------
    StudyError
        For a name that is none.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise StudyError(f"{name!r} is not a rating task. Choose one of {', '.join(TASKS)}.")
    return TASKS[name]
