"""Presence of two objects in an image, by a judge, a detector or people."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from daam_nb.errors import StudyError, WrongKindError, nearest_name, unknown_names_message
from daam_nb.kinds import check_path, check_text, kind_of
from daam_nb.studies import arguments
from daam_nb.studies.oracles.nouns import forms
from daam_nb.studies.oracles.protocols import Judge

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.studies.corpus.generation import Run

ANSWERS: dict[str, float] = {"neither": 0.0, "one": 1.0, "both": 2.0}
"""What people answer -> objects seen."""


@dataclass(frozen=True)
class Seen:
    """Presence of two objects in an image.

    Attributes
    ----------
    both
        1.0 or 0.0; with several raters, the share who saw both.
    objects
        Number of the two that are present, 0 to 2; with several raters, the mean.
    first, second
        Whether each is present; None if only their number is known.
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
    """Protocol: finds which of two objects a recording's image shows; None if not known."""

    @property
    def name(self) -> str:
        """Name in tables."""

    def __call__(self, run: Run, first: str, second: str) -> Seen | None:
        """Look for two nouns."""


class JudgePresence:
    """Presence by a `Judge`: a noun is present if enough pixels are labeled with it."""

    def __init__(self, judge: Judge, *, name: str | None = None) -> None:
        self.judge = judge
        self.name = name or str(getattr(judge, "name", type(judge).__name__))

    def __call__(self, run: Run, first: str, second: str) -> Seen:
        """Look for two nouns in a recording's image."""
        return self.look(image_of(run), first, second)

    def look(self, image: Image, first: str, second: str) -> Seen:
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
        present = self.judge.present(image)
        return Seen.of(first in present, second in present)


class DetectorPresence:
    """Presence by an object detector of transformers.

    Parameters
    ----------
    detector
        A pipeline ``"object-detection"`` (its labels must name the nouns) or
        ``"zero-shot-object-detection"`` (queried with the two nouns): image -> list of
        ``{"label", "score", ...}``.
    threshold
        Minimum score of a detection, 0 to 1.
    synonyms
        Noun -> the detector's name for it.
    name
        Name in tables; by default the model's.

    Raises
    ------
    StudyError
        For an invalid threshold, and for a synonym for which the detector has no label.
    WrongKindError
        For a detector that cannot be called.
    """

    def __init__(
        self,
        detector: Callable[..., Any],
        *,
        threshold: float = 0.5,
        synonyms: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(detector):
            raise WrongKindError(
                f"A detector must be a function of an image, not {kind_of(detector)}. Give "
                "transformers.pipeline('object-detection', model=...)."
            )
        self.detector = detector
        self.threshold = threshold = arguments.share(threshold, "threshold")
        if synonyms is not None and not isinstance(synonyms, Mapping):
            raise StudyError(
                "synonyms= must map nouns to the detector's names for them, not "
                f"{kind_of(synonyms)}."
            )
        self.synonyms = {
            check_text(noun, "A noun of synonyms="): check_text(label, "A name in synonyms=")
            for noun, label in (synonyms or {}).items()
        }
        config = getattr(getattr(detector, "model", None), "config", None)
        model = getattr(config, "_name_or_path", "") or type(detector).__name__
        self.name = f"{name or model}, score >= {threshold:g}"
        self.labels = _labels(config) if not self._by_name else None
        for label in self.synonyms.values():
            if self.labels is not None and label.lower() not in self.labels:
                raise StudyError(
                    unknown_names_message(
                        [label], sorted(self.labels), where="The detector", what="label"
                    )
                )

    @property
    def _by_name(self) -> bool:
        return getattr(self.detector, "task", "") == "zero-shot-object-detection"

    def __call__(self, run: Run, first: str, second: str) -> Seen:
        """Look for two nouns in a recording's image."""
        return self.look(image_of(run), first, second)

    def look(self, image: Image, first: str, second: str) -> Seen:
        """Look for two nouns.

        Raises
        ------
        StudyError
            For a noun that is not among the detector's labels.
        """
        for noun in (first, second):
            near = [name for name in self.synonyms if _is_slip(name, noun)]
            if noun not in self.synonyms and near:
                raise StudyError(
                    f"synonyms= has {near[0]!r}, but the noun is {noun!r}. Write it like the noun: "
                    f"synonyms={{{noun!r}: {self.synonyms[near[0]]!r}}}."
                )
        labels = [self.synonyms.get(noun, noun).lower() for noun in (first, second)]
        for noun in labels:
            if self.labels is not None and noun not in self.labels:
                raise StudyError(
                    f"The detector has no label {noun!r}; it has {', '.join(sorted(self.labels))}. "
                    f"Name its label: synonyms={{{noun!r}: ...}}."
                )
        if self._by_name:
            detections = self.detector(image, candidate_labels=labels)
        else:
            detections = self.detector(image, threshold=self.threshold)
        labels_seen = {
            str(item["label"]).lower() for item in detections if item["score"] >= self.threshold
        }
        return Seen.of(labels[0] in labels_seen, labels[1] in labels_seen)


class RatedPresence:
    """Presence by human ratings; images without ratings are left out.

    Parameters
    ----------
    ratings
        A table, or its CSV file: one row per rater and image, with ``prompt``, ``seed`` and
        ``answer``: "both", "one" or "neither". Of a file or table of `rating`, which also has
        ``rater``, ``item`` and ``act``, the last row of each rater and item counts, by its
        ``number``, and those who skipped it are left out.

    Raises
    ------
    StudyError
        If a column is missing or an answer is not one of these.
    """

    def __init__(
        self, ratings: pd.DataFrame | str | os.PathLike[str], *, name: str = "people"
    ) -> None:
        text = {"prompt": str, "answer": str}  # else the prompt "null" would be no text
        if isinstance(ratings, pd.DataFrame):
            read = ratings
        else:
            read = _ratings_of(check_path(ratings, "ratings"), text)
        if {"rater", "item", "act"} <= set(read.columns):
            read = _in_order(read).drop_duplicates(["rater", "item"], keep="last")
            read = read[read.act == "answer"]
        if lacking := [c for c in ("prompt", "seed", "answer") if c not in read.columns]:
            raise StudyError(
                f"The ratings have no column {lacking[0]!r}; they have {', '.join(read.columns)}. "
                "The columns prompt, seed and answer are needed."
            )
        if read.empty:
            raise StudyError(
                "The ratings hold no answers: there are no rows, or every image was skipped."
            )
        for number, row in enumerate(read[["prompt", "seed"]].itertuples(index=False), 1):
            if not isinstance(row.prompt, str) or not row.prompt.strip() or not _is_whole(row.seed):
                raise StudyError(
                    f"Row {number} of the answers has the prompt {row.prompt!r} and the seed "
                    f"{row.seed!r}; these must be a text and a whole number."
                )
        unknown = [answer for answer in read.answer if answer not in ANSWERS]
        if unknown:
            raise StudyError(
                f"{unknown[0]!r} is not an answer; use {', '.join(map(repr, ANSWERS))}."
            )
        self.name = name
        self._seen: dict[tuple[str, int], Seen] = {}
        for (prompt, seed), answers in read.groupby(["prompt", "seed"]).answer:
            both = float((answers == "both").mean())
            objects = float(answers.map(ANSWERS).mean())
            self._seen[_plain(prompt), int(seed)] = Seen(both, objects)

    def __call__(self, run: Run, first: str, second: str) -> Seen | None:
        """Look up the image."""
        return self._seen.get((_plain(run.facts["prompt"]), int(run.facts["seed"])))


def who_looks(presence: Any) -> Presence:
    """Read who looks at the images: a `Presence`, or a `Judge` that is asked as one.

    Raises
    ------
    WrongKindError
        For anything else.
    """
    if isinstance(presence, Judge) and not isinstance(presence, type):
        return JudgePresence(presence)
    named = isinstance(getattr(presence, "name", None), str) and not isinstance(presence, type)
    if not named or not callable(presence):
        raise WrongKindError(
            "presence= must be a judge, oracles.DetectorPresence, oracles.RatedPresence, or an "
            "object with a name that is called with (run, first noun, second noun), not "
            f"{kind_of(presence)}."
        )
    looking: Presence = presence
    return looking


def _ratings_of(path: Path, text: Mapping[str, Any]) -> pd.DataFrame:
    """A table of a CSV file; a `StudyError` where it cannot be read as one."""
    try:
        return pd.read_csv(path, converters=dict(text))
    except (OSError, ValueError) as error:  # pandas' errors of empty and broken files are such
        raise StudyError(
            f"The ratings {path} cannot be read as a CSV file ({error}). Give the path of one, or "
            f"a table, with prompt, seed and answer."
        ) from None


def _in_order(read: pd.DataFrame) -> pd.DataFrame:
    """Rows as they were answered, which their numbers say: a spreadsheet may have sorted them."""
    if "number" not in read:
        return read
    numbers = pd.to_numeric(read["number"], errors="coerce")
    if numbers.isna().any():
        raise StudyError(
            f"The column number holds {read['number'][numbers.isna()].iloc[0]!r}, which is not a "
            "number: it marks the last of several answers."
        )
    return read.loc[numbers.sort_values(kind="stable").index]


def _plain(prompt: object) -> str:
    """A prompt as it is compared: blanks around it are lost in many a spreadsheet."""
    return str(prompt).strip()


def _is_whole(seed: Any) -> bool:
    try:
        return float(seed) == int(float(seed)) and not isinstance(seed, bool)
    except (TypeError, ValueError, OverflowError):  # NaN and blank cells, too
        return False


def image_of(run: Run) -> Image:
    """The image of a run.

    Raises
    ------
    StudyError
        If the recording holds none.
    """
    image = run.load().image
    if image is None:
        raise StudyError(
            f"The recording of {run.facts['prompt']!r} holds no image: the pipeline returned "
            "latents."
        )
    return image


def _is_slip(name: str, noun: str) -> bool:
    return nearest_name(name, [noun]) is not None and name not in forms(noun)


def _labels(config: Any) -> frozenset[str] | None:
    known: Mapping[int, str] | Sequence[str] | None = getattr(config, "id2label", None)
    if not known:
        return None
    values = known.values() if isinstance(known, Mapping) else known
    return frozenset(str(label).lower() for label in values)
