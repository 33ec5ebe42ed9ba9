"""One image with its recording, its words and their masks: generated and judged, or rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.studies.corpus.fingerprints import digest
from daam_nb.studies.corpus.runs import Run
from daam_nb.studies.maps.scenes import RenderedScene
from daam_nb.studies.maps.word_roles import (
    Phrases,
    RoleWord,
    role_words,
)
from daam_nb.studies.oracles.objects import ObjectWord, judged_objects
from daam_nb.studies.oracles.protocols import Judge

Field = NDArray[np.float64]

GENERATED, RENDERED = "generated", "rendered"
DATA: dict[str, str] = {
    GENERATED: "drawn by the model; masks by the judge",
    RENDERED: "rendered with exact masks, and seen by the model at several noise levels",
}
"""Where an image comes from -> how, and who says where its objects are."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An image, with its words and masks.

    Attributes
    ----------
    recording
        The recording of the image.
    words
        The words of its prompt, with their roles and masks.
    """

    recording: Recording
    words: tuple[RoleWord, ...]

    @property
    def masks(self) -> dict[Word, NDArray[np.bool_]]:
        """Word -> its mask, for words whose mask is known."""
        return {each.word: each.mask for each in self.words if each.mask is not None}


@dataclass(frozen=True, eq=False)
class Source:
    """A recording that is not yet loaded, and the source of its masks.

    Attributes
    ----------
    run
        The recording.
    phrases
        The phrases that identify roles.
    judge
        Of a generated image.
    scene
        Of a rendered one.
    causes
        (start, end) of a word -> cause -> the change in every cell.
    causes_content
        A digest of these.
    """

    run: Run
    phrases: Phrases
    judge: Judge | None = None
    scene: RenderedScene | None = None
    causes: Mapping[tuple[int, int], Mapping[str, Field]] = field(default_factory=dict)
    causes_content: str = ""

    @property
    def data(self) -> str:
        """Of `DATA`."""
        return GENERATED if self.scene is None else RENDERED

    def content(self) -> str:
        """A digest of everything that is measured."""
        scene = "" if self.scene is None else self.scene.content()
        return digest([self.run.content(), scene, self.causes_content])

    def load(self) -> Subject:
        """Load the recording, and determine the masks of its words."""
        recording = self.run.load()
        prompt = recording.prompt
        if self.scene is not None:
            objects = [
                ObjectWord(Word(prompt.text[start:end], start, end), noun, np.asarray(mask, bool))
                for (start, end), (noun, mask) in sorted(self.scene.objects.items())
            ]
            background = self.scene.background
        elif self.judge is None or recording.image is None:
            raise StudyError(
                f"The recording {self.run.key} has no "
                f"{'judge' if self.judge is None else 'image'}, so where its objects are is "
                "unknown."
            )
        else:
            objects, background = judged_objects(prompt, recording.image, self.judge)
        return Subject(recording, tuple(role_words(prompt, objects, background, self.phrases)))


def source_settings(judge: Any, phrases: Phrases) -> dict[str, Any]:
    """Settings that subjects depend on besides the recordings, by content."""
    from daam_nb.studies.corpus.fingerprints import content_of

    listed = {
        "adjectives": list(phrases.adjectives),
        "relations": list(phrases.relations),
        "backgrounds": list(phrases.backgrounds),
    }
    return {"judge": content_of(judge, "judge"), **listed}
