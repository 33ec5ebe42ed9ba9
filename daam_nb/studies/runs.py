"""Recordings in a fixed order: what every study reads.

`corpus.generate` makes them, in a folder: ``corpus.json`` says with what it was made,
``list.jsonl`` which pictures were asked for, in order, with what is known about each, and ``runs/``
holds one recording for each. Any other folder of recordings will do, and recordings in memory.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daam_nb.errors import StudyError
from daam_nb.recording import Recording, load
from daam_nb.studies.corpus_settings import FILE, about_of
from daam_nb.studies.fingerprints import digest, file_digest, fingerprint, recording_content
from daam_nb.studies.readers import Caption
from daam_nb.studies.tables import RowFile, plain, rows_by_name

_LIST, _RUNS = "list.jsonl", "runs"
_LISTED = {"prompt": "the text", "seed": "of the picture", "facts": "about the caption, as JSON"}


@dataclass(frozen=True)
class Run:
    """One recording of a corpus, not yet read from disk.

    Attributes
    ----------
    key
        Its name, the same in every session; rows of tables are kept by it.
    facts
        ``prompt``, ``seed``, and what is known about the caption.
    source
        The folder, or the recording itself.
    """

    key: str
    facts: Mapping[str, Any]
    source: Path | Recording

    def load(self) -> Recording:
        """Open the recording; its arrays are read on first use."""
        return self.source if isinstance(self.source, Recording) else load(self.source)

    def content(self) -> str:
        """A digest of the recording and of what is known about its caption.

        Rows that were measured on it are recognised by it: another recording in its place, or a
        corrected fact, has another one.
        """
        if isinstance(self.source, Recording):
            recorded = digest(recording_content(self.source))
        else:  # its JSON holds the checksums of its arrays and of its picture
            recorded = file_digest(self.source / "recording.json")
        return digest([recorded, fingerprint(dict(self.facts), "facts")])


@dataclass(frozen=True)
class Corpus(Sequence[Run]):
    """Recordings in a fixed order.

    Attributes
    ----------
    runs
        In the order of captions, then seeds.
    path
        The folder; None for recordings that are in memory.
    settings
        What it was made with: model, scheduler, options; empty where not known.
    missing
        Pictures asked for and not there yet: ``generate`` was stopped, and goes on when called
        again.
    """

    runs: tuple[Run, ...]
    path: Path | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    missing: int = 0

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Corpus:
        """Open a folder that `generate` wrote, or any folder of recordings.

        Raises
        ------
        StudyError
            Where there is neither.
        """
        folder = Path(path).expanduser()
        if (folder / FILE).is_file():
            return _opened(folder)
        found = sorted(entry.parent for entry in folder.glob("**/recording.json"))
        if not found:
            raise StudyError(
                f"{folder} holds no recording. Make some: corpus.generate(pipe, captions, "
                f"into={str(path)!r})."
            )
        return cls(tuple(_unlisted(folder, place) for place in found), folder)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, place: Any) -> Any:
        """One `Run`, or with a slice a `Corpus` of several."""
        if isinstance(place, slice):
            return dataclasses.replace(self, runs=self.runs[place])
        return self.runs[place]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def place(self, study: str, settings: Mapping[str, Any] | None = None) -> Path | None:
        """Where a study keeps its rows, beside the recordings; other settings, another folder."""
        if self.path is None:
            return None
        text = json.dumps(plain(settings or {}, "settings"), sort_keys=True)
        own = f"{study}-{hashlib.sha256(f'by content {text}'.encode()).hexdigest()[:8]}"
        path = self.path / "studies" / own / "rows.jsonl"
        if not path.exists() and (old := rows_by_name(path.parent.parent, study)):
            warnings.warn(
                f"{old[0]} holds rows of an earlier version, which knew what it had measured by "
                f"names alone. They are not used: {study} is measured again. Delete the folder "
                f"when you do not need it.",
                stacklevel=3,
            )
        return path

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else f"in {self.path}"
        lacking = f", {self.missing} still to be made" if self.missing else ""
        return f"<Corpus of {len(self)} recordings {where}{lacking}>"


def runs_of(
    runs: Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run],
) -> Corpus:
    """Read what a study may be given: a corpus, a folder, or recordings.

    Raises
    ------
    StudyError
        Where it is something else, or empty.
    """
    if isinstance(runs, Corpus):
        found = runs
    elif isinstance(runs, str | os.PathLike):
        found = Corpus.open(runs)
    else:
        many = [runs] if isinstance(runs, Recording) else runs
        if not isinstance(many, Iterable):
            raise StudyError(
                f"A study takes a Corpus, a folder of recordings, or recordings, not a "
                f"{type(runs).__name__}. From a pipeline: corpus.generate(pipe, captions, "
                f"into='runs/captions')."
            )
        found = Corpus(tuple(_in_memory(i, item) for i, item in enumerate(many)))
    if not len(found):
        raise StudyError("There is no recording to study. Give at least one.")
    return found


# --- folders, and recordings in memory ------------------------------------------------------------


def listed(folder: Path, pairs: Iterable[tuple[Caption, int]]) -> list[Run]:
    """The runs asked for; those that are new are written to the list."""
    wanted = []
    with RowFile.opened(folder / _LIST, columns=_LISTED, settings={}) as file:
        for caption, seed in pairs:
            key = name_of(caption.text, seed)
            row = {"prompt": caption.text, "seed": seed, "facts": dict(caption.facts)}
            if key not in file.rows or _is_corrected(file.rows[key][0], row):
                file.append(key, [row], sync=False)
            wanted.append(_run(folder, key, file.rows[key][0]))
    return wanted


def _is_corrected(listed: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a caption brings other facts than before; one that brings none keeps the old ones."""
    before, now = ({**row["facts"], "seed": None} for row in (listed, asked))
    return bool(asked["facts"]) and before != plain(now, "facts")


def _opened(folder: Path) -> Corpus:
    with RowFile.opened(folder / _LIST, columns=_LISTED, settings={}) as file:
        every = [_run(folder, key, rows[0]) for key, rows in file.rows.items()]
    there = tuple(run for run in every if is_there(run))
    return Corpus(there, folder, about_of(folder)["settings"], missing=len(every) - len(there))


def _run(folder: Path, key: str, row: Mapping[str, Any]) -> Run:
    facts = {**row["facts"], "prompt": row["prompt"], "seed": row["seed"]}
    return Run(key, facts, folder / _RUNS / key)


def _unlisted(folder: Path, place: Path) -> Run:
    run = load(place)
    facts = {"prompt": run.prompt.text, "seed": run.facts.seed}
    return Run(place.relative_to(folder).as_posix(), facts, place)


def _in_memory(place: int, item: Any) -> Run:
    if isinstance(item, Run):
        return item
    if not isinstance(item, Recording):
        raise StudyError(f"A study takes recordings, not a {type(item).__name__}.")
    facts = {"prompt": item.prompt.text, "seed": item.facts.seed}
    return Run(f"{place:05d}-{name_of(item.prompt.text, item.facts.seed)}", facts, item)


def name_of(prompt: str, seed: int | None) -> str:
    """A file name for a prompt and a seed: readable at its start, unique by its end."""
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in prompt.lower())
    short = "-".join(filter(None, words.split("-")))[:40].strip("-")
    digest = hashlib.sha256(json.dumps([prompt, seed]).encode()).hexdigest()[:12]
    return f"{short or 'prompt'}.{seed}.{digest}"


def is_there(run: Run) -> bool:
    return isinstance(run.source, Recording) or (run.source / "recording.json").is_file()
