"""Recordings in a fixed order: what every study reads.

`corpus.generate` makes them, in a folder: ``corpus.json`` holds its settings, ``list.jsonl`` the
requested images, in order, with their facts, and ``runs/`` one recording for each. Any other folder
of recordings, and recordings in memory, can be used as well.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import pandas as pd

from daam_nb.errors import (
    RecordingFormatError,
    RecordingNotFoundError,
    RecordingVersionError,
    SelectionError,
    StudyError,
)
from daam_nb.kinds import check_path, check_slice, kind_of, whole_number
from daam_nb.recording import Facts, Recording, load
from daam_nb.storage import read_folder
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.fingerprints import digest, file_digest, fingerprint, recording_content
from daam_nb.studies.corpus.rows import RowFile, plain, rows_by_name
from daam_nb.studies.corpus.settings import FILE, about_of

_LIST, _RUNS = "list.jsonl", "runs"
_OF_THE_MODEL = (
    *("pipeline", "pipeline options", "parts", "interventions"),
    *("weights", "scheduler", "scheduler options", "dtype"),  # of earlier versions
)
_LISTED = {"prompt": "the text", "seed": "of the image", "facts": "about the caption, as JSON"}


@dataclass(frozen=True)
class Run:
    """One recording of a corpus, not yet read from disk.

    Attributes
    ----------
    key
        Its name, the same in every session; rows of tables refer to it.
    facts
        ``prompt``, ``seed``, and the facts of the caption.
    source
        The folder, or the recording itself.
    model
        Display name of the model that drew it; empty: that of the recording.
    identity
        A digest of the model's identity, or of the recording's facts about it: recordings of
        different models are not measured together.
    """

    key: str
    facts: Mapping[str, Any]
    source: Path | Recording
    model: str = ""
    identity: str = ""

    def load(self) -> Recording:
        """Open the recording; its arrays are read on first use."""
        return self.source if isinstance(self.source, Recording) else load(self.source)

    def content(self) -> str:
        """Compute a digest of the recording and of its caption's facts.

        It identifies rows measured on the recording: a replaced recording or a corrected fact
        changes it.
        """
        if isinstance(self.source, Recording):
            recorded = digest(recording_content(self.source))
        else:  # its JSON holds the checksums of its arrays and of its image
            recorded = file_digest(self.source / "recording.json")
        return digest([recorded, fingerprint(dict(self.facts), "facts")])


@dataclass(frozen=True, repr=False)
class Recordings(Sequence[Recording]):
    """The recordings of a corpus, each loaded on access and not cached.

    ``for recording in corpus.recordings``, ``corpus.recordings[0]``; a slice loads nothing.
    """

    runs: tuple[Run, ...]

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, place: int) -> Recording: ...
    @overload
    def __getitem__(self, place: slice) -> Recordings: ...
    def __getitem__(self, place: int | slice) -> Recording | Recordings:
        """One recording, or with a slice several, not loaded."""
        if isinstance(place, slice):
            return Recordings(self.runs[check_slice(place, "recordings")])
        return self.runs[whole_number(place, "recording")].load()

    def __repr__(self) -> str:
        return f"<Recordings: {len(self)}, each loaded when it is asked for>"


@dataclass(frozen=True)
class Corpus(Sequence[Run]):
    """Recordings in a fixed order: its items are `Run`s, which know their facts without arrays.

    `recordings` are the recordings themselves: ``for recording in corpus.recordings``.

    Attributes
    ----------
    runs
        In the order of captions, then seeds.
    path
        The folder; None for recordings that are in memory.
    settings
        Its settings: model, scheduler, options; empty if unknown.
    missing
        Number of requested images that are missing: ``generate`` was interrupted, and resumes when
        called again.
    """

    runs: tuple[Run, ...]
    path: Path | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    missing: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.runs, str | os.PathLike):
            raise StudyError(
                f"Corpus({os.fspath(self.runs)!r}) would be a corpus of the letters of a path. To "
                f"open a folder: Corpus.open({os.fspath(self.runs)!r})."
            )
        if not isinstance(self.runs, Iterable):
            raise StudyError(f"A Corpus takes several runs, not a {type(self.runs).__name__}.")
        runs = tuple(self.runs)
        if wrong := [run for run in runs if not isinstance(run, Run)]:
            raise StudyError(
                f"A Corpus takes runs, not a {type(wrong[0]).__name__}. Give recordings to the "
                "study directly, or call runs_of(recordings)."
            )
        object.__setattr__(self, "runs", runs)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Corpus:
        """Open a folder that `generate` wrote, or any folder of recordings and of such folders.

        Raises
        ------
        StudyError
            If there are no recordings.
        """
        if not isinstance(path, str | os.PathLike):
            raise StudyError(
                f"Corpus.open takes the path of a folder, not a {type(path).__name__}. Recordings "
                "can be given to a study directly."
            )
        folder = check_path(path, "The place of a corpus")
        if (folder / FILE).is_file():
            return _opened(folder)
        parts = [_within(folder, about.parent) for about in sorted(folder.glob(f"**/{FILE}"))]
        listed_ones = {run.source for part in parts for run in part}
        recordings = sorted(entry.parent for entry in folder.glob("**/recording.json"))
        corpora = {part.path for part in parts}
        # What a corpus does not list, or has put aside as damaged, is none of its recordings.
        loose = [
            _unlisted(folder, path)
            for path in recordings
            if path not in listed_ones and not corpora & set(path.parents)
        ]
        runs = sorted([*(run for part in parts for run in part), *loose], key=lambda run: run.key)
        if not runs:
            raise StudyError(
                f"{folder} holds no recordings. Make some: corpus.generate(pipe, captions, "
                f"into={str(path)!r})."
            )
        settings = parts[0].settings if len(parts) == 1 and not loose else {}
        return cls(tuple(runs), folder, settings, sum(part.missing for part in parts))

    def by_model(self) -> dict[str, Corpus]:
        """Split the corpus by model: name -> its recordings.

        Different models with the same name get the first digits of their digests appended.
        """
        groups: dict[tuple[str, str], list[Run]] = {}
        for run in self.runs:
            groups.setdefault(_model_of(run), []).append(run)
        names = [name for name, _ in groups]
        return {
            name if names.count(name) == 1 else f"{name} ({identity[:8]})": dataclasses.replace(
                self, runs=tuple(runs)
            )
            for (name, identity), runs in groups.items()
        }

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, place: Any) -> Any:
        """One `Run`, or with a slice a `Corpus` of several."""
        if isinstance(place, slice):
            return dataclasses.replace(self, runs=self.runs[check_slice(place, "runs")])
        try:
            return self.runs[whole_number(place, "run")]
        except SelectionError:
            raise SelectionError(
                f"A corpus is indexed by a whole number or a slice, not by {kind_of(place)}. For a "
                "key: next(run for run in corpus if run.key == ...)."
            ) from None

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def recordings(self) -> Recordings:
        """The recordings themselves, each loaded on access, in the same order."""
        return Recordings(self.runs)

    def place(self, study: str, settings: Mapping[str, Any] | None = None) -> Path | None:
        """The folder of a study's rows, next to the recordings; each settings have their own."""
        if self.path is None:
            return None
        text = json.dumps(plain(settings or {}, "settings"), sort_keys=True)
        own = f"{study}-{hashlib.sha256(f'by content {text}'.encode()).hexdigest()[:8]}"
        path = self.path / "studies" / own / "rows.jsonl"
        if not path.exists() and (old := rows_by_name(path.parent.parent, study)):
            warnings.warn(
                f"{old[0]} holds rows of an earlier version, which identified what was measured by "
                f"name only. They are not used: {study} is measured again. Delete the folder when "
                "you do not need it.",
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
    """Read the input of a study: a corpus, a folder, or recordings.

    Raises
    ------
    StudyError
        If it is something else, or empty, or of several models.
    """
    if isinstance(runs, Corpus):
        corpus = runs
    elif isinstance(runs, str | os.PathLike):
        corpus = Corpus.open(runs)
    else:
        many = [runs] if isinstance(runs, Recording) else runs
        if not isinstance(many, Iterable):
            raise StudyError(
                f"A study takes a Corpus, a folder of recordings, or recordings, not a "
                f"{type(runs).__name__}. From a pipeline: corpus.generate(pipe, captions, "
                f"into='runs/captions')."
            )
        corpus = Corpus(tuple(_in_memory(i, item) for i, item in enumerate(many)))
    if not len(corpus):
        raise StudyError("There are no recordings to study. Give at least one.")
    if len(models := corpus.by_model()) > 1:
        counts = ", ".join(f"{len(part)} of {name}" for name, part in models.items())
        raise StudyError(
            f"These recordings are of {len(models)} models ({counts}), whose mean would describe "
            f"none of them. Study each separately: runs.by_model()[{next(iter(models))!r}]"
            + (", or open its own folder." if corpus.path is not None else ".")
        )
    return corpus


def with_facts(
    table: pd.DataFrame, runs: Iterable[Run], *, but: Collection[str] = ()
) -> pd.DataFrame:
    """Add the facts of each row's recording: its model, and the facts of its caption.

    Parameters
    ----------
    table
        With the column ``run``, keys of `runs`.
    runs
        Those that were measured.
    but
        Facts that the table already has, in its own columns.

    Returns
    -------
    DataFrame
        With ``model``, and ``caption_<fact>`` for every fact of a caption of `runs`. A
        fact that is a list or an object is written as JSON; one that a caption lacks is None.
    """
    known = {run.key: run for run in runs}
    names = dict.fromkeys(name for run in known.values() for name in run.facts)
    left_out = {"prompt", "seed", "run", *but}
    facts = [name for name in names if name not in left_out]
    added = {"model": [_model_of(known[key])[0] for key in table["run"]]}
    for name in facts:
        added[f"caption_{name}"] = [_cell(known[key].facts.get(name)) for key in table["run"]]
    meanings = {"model": "what drew the image"}
    meanings |= {f"caption_{name}": f"the caption's fact {name!r}" for name in facts}
    wider = pd.concat([table, pd.DataFrame(added, index=table.index, dtype=object)], axis=1)
    wider = wider.infer_objects()
    wider.attrs.update({**table.attrs, "columns": {**table.attrs.get("columns", {}), **meanings}})
    return wider


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple | Mapping) else value


def _model_of(run: Run) -> tuple[str, str]:
    """The name and the identity of its model."""
    if run.model:
        return run.model, run.identity
    facts = run.load().facts
    return facts.model, _said_of(facts)


def _said_of(facts: Facts) -> str:
    """A recording's facts about its model, besides the name."""
    said = [facts.pipeline, list(facts.batch.get("interventions") or ())]
    weights = facts.batch.get("weights")  # of recordings of before there is no digest
    return digest([*said, dict(weights)] if weights else said)


# --- folders, and recordings in memory ------------------------------------------------------------


def listed(folder: Path, pairs: Iterable[tuple[Caption, int]]) -> list[Run]:
    """The requested runs; new ones are written to the list."""
    runs_wanted = []
    made_with = about_of(folder)["settings"]
    with RowFile.opened(folder / _LIST, columns=_LISTED, settings={}) as file:
        for caption, seed in pairs:
            key = name_of(caption.text, seed)
            row = {"prompt": caption.text, "seed": seed, "facts": dict(caption.facts)}
            if key not in file.rows or _is_corrected(file.rows[key][0], row):
                file.append(key, [row], sync=False)
            runs_wanted.append(_run(folder, key, file.rows[key][0], made_with))
    return runs_wanted


def _is_corrected(listed: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a caption has other facts than before; one without facts keeps the old ones."""
    before, now = ({**row["facts"], "seed": None} for row in (listed, asked))
    return bool(asked["facts"]) and before != plain(now, "facts")


def _opened(folder: Path) -> Corpus:
    made_with = about_of(folder)["settings"]
    # Opening never writes: a corpus may lie on storage that can only be read.
    file = RowFile.read(folder / _LIST, columns=_LISTED, settings={})
    every = [_run(folder, key, rows[0], made_with) for key, rows in file.rows.items()]
    damaged = {run.key: why for run in every if (why := damage(run))}
    if damaged:
        key = next(iter(damaged))
        warnings.warn(
            f"{len(damaged)} of {len(every)} recordings in {folder} are damaged and left out: "
            f"{damaged[key]} Call corpus.generate as before to make them again.",
            stacklevel=3,
        )
    existing = tuple(run for run in every if run.key not in damaged and _exists(run))
    return Corpus(existing, folder, made_with, missing=len(every) - len(existing))


def _run(folder: Path, key: str, row: Mapping[str, Any], made_with: Mapping[str, Any]) -> Run:
    try:
        facts = {**row["facts"], "prompt": row["prompt"], "seed": row["seed"]}
        right = name_of(row["prompt"], row["seed"])
    except (AttributeError, TypeError):
        right = ""
    if key != right:  # a stranger's list must not lead out of the folder
        raise StudyError(
            f"{folder / _LIST} lists {key!r}, which is not the key of that prompt and seed. Copy "
            "the list again from its source."
        )
    identity = digest({name: made_with.get(name) for name in _OF_THE_MODEL})
    return Run(key, facts, folder / _RUNS / key, str(made_with.get("model", "")), identity)


def _within(folder: Path, part: Path) -> Corpus:
    """A corpus in a subfolder: its runs are named by their paths from here."""
    corpus = _opened(part)
    runs = [
        dataclasses.replace(run, key=run.source.relative_to(folder).as_posix())
        for run in corpus
        if isinstance(run.source, Path)
    ]
    return dataclasses.replace(corpus, runs=tuple(runs))


def _unlisted(folder: Path, path: Path) -> Run:
    return _of_recording(path.relative_to(folder).as_posix(), load(path), path)


def _of_recording(key: str, recording: Recording, source: Path | Recording) -> Run:
    facts = {"prompt": recording.prompt.text, "seed": recording.facts.seed}
    return Run(key, facts, source, recording.facts.model, _said_of(recording.facts))


def _in_memory(place: int, item: Any) -> Run:
    if isinstance(item, Run):
        return item
    if not isinstance(item, Recording):
        raise StudyError(f"A study takes recordings, not a {type(item).__name__}.")
    key = f"{place:05d}-{name_of(item.prompt.text, item.facts.seed)}"
    return _of_recording(key, item, item)


def name_of(prompt: str, seed: int | None) -> str:
    """A file name for a prompt and a seed: readable at its start, unique by its end."""
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in prompt.lower())
    short = "-".join(filter(None, words.split("-")))[:40].strip("-")
    digest = hashlib.sha256(json.dumps([prompt, seed]).encode()).hexdigest()[:12]
    return f"{short or 'prompt'}.{seed}.{digest}"


def is_there(run: Run) -> bool:
    """Whether its recording is complete: every file that it names exists, with its size."""
    return isinstance(run.source, Recording) or (_exists(run) and not damage(run))


def _exists(run: Run) -> bool:
    return isinstance(run.source, Recording) or os.path.lexists(run.source)


def damage(run: Run) -> str:
    """Describe damage to a recording's folder; empty if there is none, or no folder.

    Raises
    ------
    RecordingVersionError
        If a later version wrote it, which this one cannot check.
    """
    if isinstance(run.source, Recording) or not _exists(run):
        return ""
    try:
        read_folder(run.source)
    except RecordingVersionError:
        raise
    except (RecordingFormatError, RecordingNotFoundError) as error:
        return str(error)
    return ""
