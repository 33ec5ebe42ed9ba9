"""Words of a prompt that name objects, and where a judge sees each object in the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.prompt import Prompt, Word
from daam_nb.studies.oracles.nouns import mentions
from daam_nb.studies.oracles.protocols import Judge

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ObjectWord:
    """A word that names an object, and where the image shows it.

    Attributes
    ----------
    word
        Of the prompt.
    noun
        The object's name, in the singular.
    mask
        (y, x), bool; None if the image does not show it.
    """

    word: Word
    noun: str
    mask: Mask | None


def judged_objects(prompt: Prompt, image: Any, judge: Judge) -> tuple[list[ObjectWord], Mask]:
    """The objects that a prompt names once each, with a judge's masks; and the background's mask.

    A noun that stands twice is left out: it cannot be said which word is which object.
    """
    labels = judge.labels(image)
    present = judge.present(image)
    words = mentions(prompt, judge.names[1:])
    objects = [
        ObjectWord(each[0], noun, labels == judge.names.index(noun) if noun in present else None)
        for noun, each in words.items()
        if len(each) == 1
    ]
    return sorted(objects, key=lambda each: each.word.start), labels == 0
