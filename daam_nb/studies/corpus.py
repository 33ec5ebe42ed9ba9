"""Captions and seeds -> recordings on disk, each made once; what every study reads.

A corpus is a folder: ``corpus.json`` says with what it was made, ``list.jsonl`` which pictures
were asked for, in order, with what is known about each, and ``runs/`` holds one recording for each.
A recording is there whole or not at all, so that a corpus stopped at any moment goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daam_nb.errors import (
    RecordingExistsError,
    StudyError,
    UnknownOptionError,
    unknown_names_message,
)
from daam_nb.recording import Kept, LayerChoice, Recording, Skipped, load
from daam_nb.studies.corpus_settings import FILE, about_of, settle
from daam_nb.studies.fingerprints import digest, file_digest, fingerprint, recording_content
from daam_nb.studies.identity import identity, model_name
from daam_nb.studies.readers import Caption, as_captions
from daam_nb.studies.seeds import pictures_of, several
from daam_nb.studies.tables import RowFile, differences, plain, progress_bar, rows_by_name
from daam_nb.tracing import generate as record
from daam_nb.tracing.arguments import refuse_unknown
from daam_nb.tracing.making import TRACE_OPTIONS

_LIST, _RUNS = "list.jsonl", "runs"
_SETTLED = {
    "prompt": "the prompts are those of the captions.",
    "generator": "generators are made from the seeds.",
    "num_images_per_prompt": "for more pictures of a prompt give more seeds.",
    "prompt_embeds": "a corpus names its pictures by their prompts, which are texts.",
    "return_dict": "a corpus needs the pipeline's own output.",
}
"""Arguments of the pipeline's call that a corpus settles itself."""
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


def generate(
    pipe: Any,
    prompts: Iterable[str | Caption] | str,
    seeds: Iterable[int] | None = None,
    *,
    into: str | os.PathLike[str],
    keep: Kept = "sum",
    layers: LayerChoice = "all",
    tokens: str | Sequence[str | int] | None = None,
    latents: bool = False,
    batch: int = 1,
    progress: bool = True,
    **options: Any,
) -> Corpus:
    """Make a picture of every prompt, from its own noise, and keep each recording.

    What is there already is not made again, whoever was stopped when; more prompts or seeds may be
    asked for later, in the same folder.

    Parameters
    ----------
    pipe
        A diffusers pipeline, as for `daam_nb.generate`.
    prompts
        Texts or `Caption`s, whose facts travel with the recordings.
    seeds
        None: each prompt with its own, which is its caption's fact ``seed`` or is computed from the
        text (`seeds.own_seed`); `seeds.with_seeds` gives several of each. Whole numbers: every
        prompt with each of these, so that pictures of different prompts share their noise and are
        not independent of each other.
    into
        The folder of the corpus.
    keep, layers, tokens
        As for `daam_nb.trace`. ``"sum"``, the default, keeps each layer's and head's attention
        summed over the steps: all that a map of all steps needs, at a tenth of the size.
    latents
        Keep the latents of every step, too; no study of maps needs them.
    batch
        Pictures drawn at once: faster, at the cost of memory. The last digits of a picture may
        depend on its neighbours, so a batch that was stopped is drawn again with the same ones.
    progress
        Show it, with the time that is left.
    **options
        Of the pipeline's call: ``num_inference_steps``, ``guidance_scale``, ``negative_prompt``,
        ``height``, ...; and ``negative``, ``dtype``, ``keep_steps``, ``memory``, ``encoder`` of
        `daam_nb.trace`.

    Returns
    -------
    Corpus
        The recordings asked for, in the order of prompts, then seeds.

    Raises
    ------
    StudyError
        Where the folder was made with another model or other options (it says which differ), or
        the same picture is asked for twice.
    UnknownOptionError
        For an option that neither `daam_nb.trace` nor the pipeline's call takes; nothing is
        written then.

    Notes
    -----
    The model counts as the same where everything is that shapes its pictures: every part of the
    pipeline with all its weights and options (text encoders, denoiser, VAE, ControlNets, safety
    checker), tokenizers, adapters and their scales, the scheduler's class and options, changed
    attention processors, hooks, open interventions. All of it is recognised by content, not by
    name (`identity.identity`); so are options that are no plain data, such as a picture or a
    function. Reading all weights takes about three seconds for Stable Diffusion 1.5 in float32.
    The device may change; each recording keeps its own.
    """
    check_options(pipe, options, generate)
    folder = Path(into).expanduser()
    check_batch(batch)
    wanted_pairs = pictures_of(as_captions(prompts), seeds)
    watching = {"keep": keep, "layers": layers, "tokens": tokens}
    more = {"latents": latents, **({"batch": batch} if batch != 1 else {})}
    made_with = {"model": model_name(pipe), **identity(pipe), **watching, **more, **options}
    settle(folder, {name: fingerprint(value, name) for name, value in made_with.items()})
    wanted = _listed(folder, wanted_pairs)
    made = {run.key: run for run in wanted if _is_there(run)}
    bar = progress_bar(len(wanted), done=len(made), what="recording", shown=progress)
    with bar, _quiet(pipe):
        for place in range(0, len(wanted), batch):
            together = wanted[place : place + batch]
            if all(run.key in made for run in together):
                continue
            drawn = _drawn(pipe, together, {**watching, **options})
            for run, recording in zip(together, drawn, strict=True):
                if run.key not in made:
                    _keep(run, recording if latents else without_latents(recording))
                    bar.update()
    return Corpus(tuple(wanted), folder, about_of(folder)["settings"])


def check_options(pipe: Any, options: Iterable[str], *functions: Callable[..., Any]) -> None:
    """Refuse options that nothing on the way to the pipeline's call takes.

    Parameters
    ----------
    pipe
        The pipeline.
    options
        Names of the options that are handed on.
    functions
        Those that the options pass through, the one that was called first.

    Raises
    ------
    UnknownOptionError
        Before anything is drawn or written.
    """
    settled = {**_SETTLED, **({} if generate in functions else {"keep": "it is settled."})}
    own = [name for function in functions for name in _parameters(function)]
    own += [name for name in TRACE_OPTIONS if name not in settled]
    refuse_unknown(
        pipe, options, where=_called(functions[0]), own=dict.fromkeys(own), without=settled
    )


def _parameters(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name != "pipe"]


def _called(function: Callable[..., Any]) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}()"


def check_batch(batch: int) -> None:
    """Raise a `StudyError` unless so many pictures can be drawn at once."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise StudyError(f"batch is {batch!r}; it must be a whole number >= 1.")


def _drawn(pipe: Any, runs: Sequence[Run], options: Mapping[str, Any]) -> list[Recording]:
    """Pictures of one call; a single one is called for as `daam_nb.generate` does it."""
    prompts = [run.facts["prompt"] for run in runs]
    seeds = [run.facts["seed"] for run in runs]
    if len(runs) == 1:
        found = record(pipe, prompts[0], seed=seeds[0], **options)
    else:
        found = record(pipe, prompts, seed=seeds, **options)
    return [found] if isinstance(found, Recording) else found


def _keep(run: Run, recording: Recording) -> None:
    assert isinstance(run.source, Path)
    try:
        recording.save(run.source)
    except RecordingExistsError:
        if not _is_there(run):  # else another process was quicker, with the same picture
            raise


def generate_some(
    pipe: Any,
    captions: Iterable[str | Caption] | None,
    seeds: Iterable[int] | None,
    *,
    into: str | os.PathLike[str],
    pictures: int | None = None,
    study: Callable[..., Any] = generate,
    **options: Any,
) -> Corpus:
    """`generate`, with at most so many pictures; without a pipeline what is there is opened.

    Parameters
    ----------
    pipe
        A pipeline; None where `into` holds the pictures: those of the captions, or all, at most so
        many.
    captions, seeds, into, **options
        As for `generate`.
    pictures
        How many at most: the first captions that make so many.
    study
        Who was given the options, for messages.

    Raises
    ------
    StudyError
        Where there is a pipeline and no caption; without one, where pictures are missing or were
        made with other options.
    UnknownOptionError
        For an option that nothing takes.
    """
    if pictures is not None and (
        isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < 1
    ):
        raise StudyError(f"pictures is {pictures!r}; it must be a whole number >= 1.")
    if pipe is not None:
        check_options(pipe, options, study, generate)
        if captions is None:
            raise StudyError(
                "No captions were given. Read some (daam_nb.studies.readers), or write them: "
                'captions=["a zebra on the grass", ...].'
            )
    some, chosen = None, None if seeds is None else several(seeds)
    if captions is not None:
        some = as_captions(captions)
        if pictures is not None:
            chosen = None if chosen is None else chosen[:pictures]
            some = some[: pictures // len(chosen or (0,))]
    if pipe is None:
        return _opened_some(Corpus.open(into), some, chosen, pictures, study, options)
    return generate(pipe, some or (), chosen, into=into, **options)


def _opened_some(  # noqa: PLR0917 (the arguments of the one above)
    corpus: Corpus,
    captions: Sequence[Caption] | None,
    seeds: Sequence[int] | None,
    pictures: int | None,
    study: Callable[..., Any],
    options: Mapping[str, Any],
) -> Corpus:
    """What is there of the pictures asked for, made with these options."""
    given = {k: fingerprint(value, k) for k, value in options.items() if k != "progress"}
    settings = {"batch": 1, **corpus.settings}
    if unknown := [name for name in given if name not in settings]:
        own = [name for name in _parameters(study) if name not in unknown]
        raise UnknownOptionError(
            f"{unknown_names_message(unknown, own, where=_called(study))} Without a pipeline "
            "(pipe=None) nothing is drawn, and what is there was not made with it."
        )
    if different := differences({name: settings[name] for name in given}, given):
        raise StudyError(
            f"{corpus.path} was made with other settings: {different}. Leave them out, or give "
            "the pipeline and another folder: into=..."
        )
    if captions is None:
        return corpus if pictures is None else corpus[:pictures]
    pairs = pictures_of(captions, seeds)
    keys = [name_of(caption.text, seed) for caption, seed in pairs]
    there = {run.key: run for run in corpus}
    if missing := [key for key in keys if key not in there]:
        raise StudyError(
            f"{corpus.path} lacks {len(missing)} of the {len(keys)} pictures asked for, such as "
            f"{missing[0]}. Give the pipeline that makes them, or leave captions out for what is "
            "there."
        )
    runs = [_told(there[key], *pair) for key, pair in zip(keys, pairs, strict=True)]
    return dataclasses.replace(corpus, runs=tuple(runs))


def _told(run: Run, caption: Caption, seed: int) -> Run:
    """The run with the facts that its caption brings now, if any."""
    if not caption.facts:
        return run
    return dataclasses.replace(run, facts={**caption.facts, "prompt": caption.text, "seed": seed})


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


def without_latents(run: Recording) -> Recording:
    """Leave the latents of all steps out; the manifest says so."""
    if run.latents is None:
        return run
    note = Skipped("latents of every step", "the corpus was made with latents=False")
    manifest = dataclasses.replace(run.manifest, skipped=(*run.manifest.skipped, note))
    return dataclasses.replace(run, latents=None, manifest=manifest)


# --- what is in it --------------------------------------------------------------------------------


def _listed(folder: Path, pairs: Iterable[tuple[Caption, int]]) -> list[Run]:
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
    there = tuple(run for run in every if _is_there(run))
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


def _is_there(run: Run) -> bool:
    return isinstance(run.source, Recording) or (run.source / "recording.json").is_file()


@contextlib.contextmanager
def _quiet(pipe: Any) -> Iterator[None]:
    """Without the pipeline's own bar of steps, which would break ours into many lines."""
    before = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**{**before, "disable": True})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**before)
