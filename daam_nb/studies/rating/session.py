"""One rater's session: the items in that rater's order, and the file their answers go to."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daam_nb.errors import SelectionError, StudyError, WrongKindError
from daam_nb.kinds import check_path, kind_of, number_between, real_number
from daam_nb.show.rating import Card, Form, Given
from daam_nb.storage import write_file
from daam_nb.storage.lock import locked
from daam_nb.studies import arguments
from daam_nb.studies.corpus.rows import differences, plain
from daam_nb.studies.rating.answers import PATIENCE, AnswerFile, checked_name, columns_of, file_name
from daam_nb.studies.rating.items import Deck, Item, order_of
from daam_nb.studies.rating.tasks import TASKS, Task, task_named

ABOUT = "rating.json"
_FORMAT, _VERSION = "daam_nb rating", 1
_ENOUGH_TO_TELL = 5  # answers, before a remaining time is told
_RECENT = 20  # answers, whose pace counts


class Session:
    """What `show.rating.Rating` shows and whom it tells: an `Asker`.

    Parameters
    ----------
    deck
        The items.
    rater
        Who answers.
    into
        The folder of answers, one file per rater.
    seed
        Of the raters' orders.

    Raises
    ------
    StudyError
        If the folder holds answers to other items or with other settings (it says which), or
        the rater's file is not what was written.
    """

    def __init__(
        self, deck: Deck, *, rater: str, into: str | os.PathLike[str], seed: int = 0
    ) -> None:
        folder = check_path(into, "into")
        if not isinstance(deck, Deck):
            raise WrongKindError(
                "rate() takes the items of word_items(runs) or pair_items(runs), not "
                f"{kind_of(deck)}."
            )
        self.deck = deck
        self.rater = checked_name(rater)
        seed = arguments.whole(seed, "seed")
        _settle(folder, deck, seed)
        items = {item.key: item for item in deck.items}
        order = order_of(items, rater=self.rater, seed=seed)
        self._items = [items[key] for key in order]
        self._file = AnswerFile(
            folder / file_name(self.rater),
            rater=self.rater,
            columns=list(columns_of(deck.task.columns)),
            items=items,
            answers=deck.task.form.values,
            max_lines=max(_lines(item.facts) for item in deck.items),
        )

    @property
    def form(self) -> Form:
        """What all items have in common."""
        return self.deck.task.form

    @property
    def path(self) -> Path:
        """The rater's file."""
        return self._file.path

    @property
    def kept_in(self) -> str:
        """The name of the rater's file, without its folder."""
        return self._file.path.name

    def __len__(self) -> int:
        return len(self._items)

    def card(self, place: int) -> Card:
        """What is shown at a place of the rater's order."""
        return self.deck.card(self._at(place))

    def given(self, place: int) -> Given | None:
        """The answer that counts."""
        row = self._file.standing(self._at(place).key)
        return None if row is None else Given(row["answer"], row["reason"])

    def give(self, place: int, given: Given, *, seconds: float) -> None:
        """Add the answer to the file; it is on the disk when this returns.

        Raises
        ------
        StudyError
            For a place outside of 0 to ``len(session) - 1``, an answer that is none, and seconds
            that are not numbers >= 0.
        """
        item = self._at(place)
        if not isinstance(given, Given):
            raise StudyError(
                f"An answer must be Given('3') or Given(reason='...'), not {kind_of(given)}."
            )
        if not isinstance(given.answer, str) or not isinstance(given.reason, str):
            raise StudyError(f"The answer and the reason must be texts, unlike those of {given!r}.")
        if bool(given.answer) == bool(given.reason.strip()):
            raise StudyError(
                f"{given!r} {'answers and skips' if given.answer else 'does neither'}: an answer "
                "must have no reason, and a skipped item must have one."
            )
        seconds = real_number(seconds)
        facts = texts_of(item, self.deck.task)
        self._file.append(
            item.key, answer=given.answer, reason=given.reason, seconds=seconds, facts=facts
        )

    def _at(self, place: int) -> Item:
        """The item at a place of the rater's order, from 0."""
        try:
            return self._items[number_between(place, "place", low=0, high=len(self) - 1)]
        except SelectionError as error:
            raise StudyError(f"There is no such card: {error}") from None

    def seconds_left(self) -> float | None:
        """Items that are open times the median of the last answers' seconds; None before five."""
        durations = [float(row["seconds"]) for row in self._file.rows]
        if len(durations) < _ENOUGH_TO_TELL:
            return None
        still = sum(self.given(number) is None for number in range(len(self)))
        return still * statistics.median(durations[-_RECENT:])


def about(folder: Path) -> tuple[Task, dict[str, Any]]:
    """Read what a folder of answers is about: the task, and its settings with the items' keys.

    Raises
    ------
    StudyError
        If it is no folder of answers.
    """
    path = folder / ABOUT
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT or document["version"] != _VERSION:
            raise ValueError(f"format {document['format']!r}, version {document['version']!r}")
        settings = dict(document["settings"])
        asked = {"items": list(document["items"]), "facts": _read_facts(document)}
        return task_named(settings["task"]), {**settings, **asked}
    except FileNotFoundError:
        raise StudyError(
            f"{folder} holds no answers: there is no {ABOUT}. To collect some: rating.rate(items, "
            f"rater='anna', into={os.fspath(folder)!r})."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} is not what rating.rate wrote ({error}).") from None


def texts_of(item: Item, task: Task) -> dict[str, str]:
    """The task's columns of an item, as they stand in a file of answers."""
    return {name: str(item.facts[name]) for name in task.columns}


def _read_facts(found: Mapping[str, Any]) -> dict[str, dict[str, str]] | None:
    """What is known of each item; None where an earlier version wrote the folder."""
    if "facts" not in found:
        return None
    return {
        str(key): {str(name): str(text) for name, text in texts.items()}
        for key, texts in found["facts"].items()
    }


def _settle(folder: Path, deck: Deck, seed: int) -> None:
    """Write down what is asked, or compare with what is written."""
    if deck.task.name not in TASKS:
        raise StudyError(f"{deck.task.name!r} is not a rating task.")
    folder.mkdir(parents=True, exist_ok=True)
    settings = plain({**deck.settings, "seed": seed}, "settings")
    keys = [item.key for item in deck.items]
    with locked(folder, patience=PATIENCE):
        if not (folder / ABOUT).exists():
            facts = {item.key: texts_of(item, deck.task) for item in deck.items}
            document = {"format": _FORMAT, "version": _VERSION, "settings": settings, "items": keys}
            document["facts"] = facts
            write_file(folder / ABOUT, (json.dumps(document, indent=1) + "\n").encode())
            return
    _, written = about(folder)
    then = written.pop("items")
    facts = written.pop("facts")
    if "content" not in written:  # of an earlier version, which knew layers and images by name
        settings.pop("content", None)
    parts = [differences(written, settings), _different_items(then, keys)]
    if facts is not None and not any(parts):
        now = {item.key: texts_of(item, deck.task) for item in deck.items}
        parts.append(differences(facts, now))
    if different := "; ".join(filter(None, parts)):
        raise StudyError(
            f"{folder} holds answers to other questions: {different}. Ask the same ones, or choose "
            "another folder: into=..."
        )


def _different_items(then: list[str], now: list[str]) -> str:
    before, after = set(then), set(now)
    new, gone = sorted(after - before), sorted(before - after)
    parts = []
    if new:
        parts.append(f"{len(new)} items were not asked about then, such as {new[0]!r}")
    if gone:
        parts.append(f"{len(gone)} items are not asked about now, such as {gone[0]!r}")
    return " and ".join(parts)


def _lines(facts: Mapping[str, Any]) -> int:
    return sum(str(value).count("\n") for value in facts.values())
