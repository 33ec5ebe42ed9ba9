"""Which of two objects a picture shows: asked of a judge, of a detector, or of people."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.studies.protocols import Judge

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.studies.corpus import Run

ANSWERS: dict[str, float] = {"neither": 0.0, "one": 1.0, "both": 2.0}
"""What people answer -> objects seen."""


@dataclass(frozen=True)
class Seen:
    """What of two objects a picture shows.

    Attributes
    ----------
    both
        1.0 or 0.0; of several people, the share who saw both.
    objects
        How many of the two, 0 to 2; of several people, the mean.
    first, second
        Whether each is there; None where only their number is known.
    """

    both: float
    objects: float
    first: bool | None = None
    second: bool | None = None

    @classmethod
    def of(cls, first: bool, second: bool) -> Seen:
        """From what is there."""
        return cls(float(first and second), float(first) + float(second), first, second)


@runtime_checkable
class Presence(Protocol):
    """Says which of two objects a recording's picture shows; None where it does not know."""

    @property
    def name(self) -> str:
        """As it stands in tables."""

    def __call__(self, run: Run, first: str, second: str) -> Seen | None:
        """Look for two nouns."""


class JudgePresence:
    """Asks a `Judge`: a noun is there where enough pixels are labelled with it."""

    def __init__(self, judge: Judge, *, name: str | None = None) -> None:
        self.judge = judge
        self.name = name or str(getattr(judge, "name", type(judge).__name__))

    def __call__(self, run: Run, first: str, second: str) -> Seen:
        """Look for two nouns in a recording's picture."""
        return self.look(picture_of(run), first, second)

    def look(self, picture: Image, first: str, second: str) -> Seen:
        """Look for two nouns.

        Raises
        ------
        StudyError
            For a noun that the judge does not know.
        """
        for noun in (first, second):
            if noun not in self.judge.names[1:]:
                raise StudyError(
                    f"The judge does not know {noun!r}; it knows {', '.join(self.judge.names[1:])}."
                )
        there = self.judge.present(picture)
        return Seen.of(first in there, second in there)


class DetectorPresence:
    """Asks a detector of transformers.

    Parameters
    ----------
    detector
        A pipeline ``"object-detection"`` (its labels must name the nouns) or
        ``"zero-shot-object-detection"`` (asked for the two nouns by name): picture -> list of
        ``{"label", "score", ...}``.
    threshold
        Least score that counts.
    synonyms
        Noun -> another name that the detector has for it.
    name
        As it stands in tables; by default the model's.
    """

    def __init__(
        self,
        detector: Callable[..., Any],
        *,
        threshold: float = 0.5,
        synonyms: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        self.detector = detector
        self.threshold = threshold
        self.synonyms = dict(synonyms or {})
        config = getattr(getattr(detector, "model", None), "config", None)
        model = getattr(config, "_name_or_path", "") or type(detector).__name__
        self.name = f"{name or model}, score >= {threshold:g}"
        self.labels = _labels(config) if not self._by_name else None

    @property
    def _by_name(self) -> bool:
        return getattr(self.detector, "task", "") == "zero-shot-object-detection"

    def __call__(self, run: Run, first: str, second: str) -> Seen:
        """Look for two nouns in a recording's picture."""
        return self.look(picture_of(run), first, second)

    def look(self, picture: Image, first: str, second: str) -> Seen:
        """Look for two nouns.

        Raises
        ------
        StudyError
            For a noun that is none of the detector's labels.
        """
        wanted = [self.synonyms.get(noun, noun).lower() for noun in (first, second)]
        for noun in wanted:
            if self.labels is not None and noun not in self.labels:
                raise StudyError(
                    f"The detector has no label {noun!r}; it has {', '.join(sorted(self.labels))}. "
                    f"Name its word for it: synonyms={{{noun!r}: ...}}."
                )
        if self._by_name:
            found = self.detector(picture, candidate_labels=wanted)
        else:
            found = self.detector(picture, threshold=self.threshold)
        there = {str(item["label"]).lower() for item in found if item["score"] >= self.threshold}
        return Seen.of(wanted[0] in there, wanted[1] in there)


class RatedPresence:
    """Takes what people answered; pictures that nobody rated are left out.

    Parameters
    ----------
    ratings
        A table, or a CSV file of one: one row per person and picture, with ``prompt``, ``seed``
        and ``answer``: "both", "one" or "neither". Of a file or table of `rating`, which also has
        ``rater``, ``item`` and ``act``, the last row of each rater and item counts, and those who
        skipped it are left out.

    Raises
    ------
    StudyError
        Where a column is missing or an answer is none of these.
    """

    def __init__(
        self, ratings: pd.DataFrame | str | os.PathLike[str], *, name: str = "people"
    ) -> None:
        text = {"prompt": str, "answer": str}  # else the prompt "null" would be no text
        if isinstance(ratings, pd.DataFrame):
            read = ratings
        else:
            read = pd.read_csv(Path(ratings), converters=text)
        if {"rater", "item", "act"} <= set(read.columns):
            read = read.drop_duplicates(["rater", "item"], keep="last")
            read = read[read.act == "answer"]
        if lacking := [c for c in ("prompt", "seed", "answer") if c not in read.columns]:
            raise StudyError(
                f"The ratings have no column {lacking[0]!r}; they have {', '.join(read.columns)}. "
                f"It takes prompt, seed and answer."
            )
        unknown = [answer for answer in read.answer if answer not in ANSWERS]
        if unknown:
            raise StudyError(f"{unknown[0]!r} is no answer; use {', '.join(map(repr, ANSWERS))}.")
        self.name = name
        self._seen: dict[tuple[str, int], Seen] = {}
        for (prompt, seed), answers in read.groupby(["prompt", "seed"]).answer:
            both = float((answers == "both").mean())
            objects = float(answers.map(ANSWERS).mean())
            self._seen[str(prompt), int(seed)] = Seen(both, objects)

    def __call__(self, run: Run, first: str, second: str) -> Seen | None:
        """Look up the picture."""
        return self._seen.get((str(run.facts["prompt"]), int(run.facts["seed"])))


def picture_of(run: Run) -> Image:
    """The picture of a run.

    Raises
    ------
    StudyError
        Where the recording holds none.
    """
    picture = run.load().image
    if picture is None:
        raise StudyError(
            f"The recording of {run.facts['prompt']!r} holds no picture to look at: the pipeline "
            f"returned latents."
        )
    return picture


def _labels(config: Any) -> frozenset[str] | None:
    known: Mapping[int, str] | Sequence[str] | None = getattr(config, "id2label", None)
    if not known:
        return None
    values = known.values() if isinstance(known, Mapping) else known
    return frozenset(str(label).lower() for label in values)
