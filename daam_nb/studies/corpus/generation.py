"""Captions and seeds -> a corpus: recordings on disk, each made once (for their layout see `runs`).

A recording is either complete or absent, so that a corpus can be interrupted at any moment and
resumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daam_nb.errors import (
    DaamError,
    RecordingExistsError,
    StudyError,
    UnknownOptionError,
    UnsupportedPipelineError,
    unknown_names_message,
)
from daam_nb.kinds import check_flag, check_path
from daam_nb.recording import Kept, LayerChoice, Recording, Skipped
from daam_nb.storage import told
from daam_nb.studies.corpus.captions import Caption, as_captions
from daam_nb.studies.corpus.fingerprints import fingerprint
from daam_nb.studies.corpus.identity import check_pipeline, identity, model_name
from daam_nb.studies.corpus.rows import differences, progress_bar
from daam_nb.studies.corpus.runs import Corpus, Run, damage, is_there, listed, name_of, runs_of
from daam_nb.studies.corpus.seeds import images_of, several
from daam_nb.studies.corpus.settings import about_of, remembered, restore_settings, settle
from daam_nb.tracing import generate as record
from daam_nb.tracing import trace
from daam_nb.tracing.arguments import refuse_unknown
from daam_nb.tracing.call_values import check_values
from daam_nb.tracing.making import TRACE_OPTIONS

__all__ = [
    "Caller",
    "Corpus",
    "Run",
    "check_batch",
    "check_options",
    "generate",
    "generate_some",
    "name_of",
    "quiet",
    "runs_of",
    "whole_ones",
    "without_latents",
]

_DAMAGED = "damaged"  # the folder of recordings that lost some of their files
_SETTLED = {
    "prompt": "the prompts are those of the captions.",
    "generator": "generators are made from the seeds.",
    "num_images_per_prompt": "for more images of a prompt give more seeds.",
    "prompt_embeds": "a corpus names its images by their prompts, which are texts.",
    "return_dict": "a corpus needs the pipeline's own output.",
}
"""Arguments of the pipeline's call that a corpus settles itself."""


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
    """Generate an image of every prompt, from its own noise, and keep each recording.

    Existing recordings are not made again, so the call can be interrupted and repeated, with more
    prompts or seeds, too. A recording that lost some of its files is moved to the folder
    ``damaged`` with a warning and made again.

    Parameters
    ----------
    pipe
        A diffusers pipeline, as for `daam_nb.generate`.
    prompts
        Texts or `Caption`s, whose facts are kept with the recordings.
    seeds
        None: each prompt has its own seed, which is its caption's fact ``seed`` or computed from
        the text (`corpus.own_seed`); `corpus.with_seeds` gives several of each. Whole numbers:
        every prompt with each of these, so that images of different prompts share their noise and
        are not independent.
    into
        The folder of the corpus.
    keep, layers, tokens
        As for `daam_nb.trace`. ``"sum"``, the default, keeps each layer's and head's attention
        summed over the steps: all that a map of all steps needs, at a tenth of the size.
    latents
        Whether to keep the latents of every step, too; no study of maps needs them.
    batch
        Images drawn at once: faster, at the cost of memory. The last digits of an image may
        depend on its neighbors, so an interrupted batch is drawn again with the same ones.
    progress
        Show it, with the time that is left.
    **options
        Options of the pipeline's call: ``num_inference_steps``, ``guidance_scale``,
        ``negative_prompt``, ``height``, ...; and ``negative``, ``dtype``, ``keep_steps``,
        ``memory``, ``encoder`` of `daam_nb.trace`.

    Returns
    -------
    Corpus
        The requested recordings, in the order of prompts, then seeds.

    Raises
    ------
    StudyError
        If the folder was made with another model or other options (the message names those that
        differ), or the same image is requested more than once.
    UnknownOptionError
        For an option that neither `daam_nb.trace` nor the pipeline's call takes; nothing is written
        then. The same holds if the first image cannot be drawn: the folder is unchanged and can be
        used for a corrected call.

    Notes
    -----
    The model counts as the same if everything is equal that affects its images: every part of the
    pipeline with all its weights and options (text encoders, denoiser, VAE, ControlNets, safety
    checker), tokenizers, adapters and their scales, the scheduler's class and options, changed
    attention processors, hooks, open interventions. All of it is identified by content, not by name
    (`identity.identity`); so are options that are not plain data, such as an image or a function.
    Reading all weights takes about three seconds for Stable Diffusion 1.5 in float32. The device
    may change; each recording keeps its own.
    """
    check_pipeline(pipe)
    check_options(pipe, options, Caller.of(generate))
    folder = check_path(into, "into")
    check_batch(batch)
    check_flag(latents, "latents")
    check_flag(progress, "progress")
    wanted_pairs = images_of(as_captions(prompts), seeds)
    watching = {"keep": keep, "layers": layers, "tokens": tokens}
    more = {"latents": latents, **({"batch": batch} if batch != 1 else {})}
    made_with = {"model": model_name(pipe), **identity(pipe), **watching, **more, **options}
    before = remembered(folder)
    settle(folder, {name: fingerprint(value, name) for name, value in made_with.items()})
    runs_wanted = listed(folder, wanted_pairs)
    after = remembered(folder)
    runs_made = whole_ones(folder, runs_wanted)
    kept, weights = 0, None
    bar = progress_bar(len(runs_wanted), done=len(runs_made), what="recording", shown=progress)
    with bar, quiet(pipe):
        for start in range(0, len(runs_wanted), batch):
            together = runs_wanted[start : start + batch]
            if all(run.key in runs_made for run in together):
                continue
            try:
                drawn = _drawn(pipe, together, {**watching, **options})
            except (DaamError, ValueError, TypeError, LookupError):
                if not kept:  # a mistake in the call: nothing is left of it
                    restore_settings(before, after)
                raise
            weights = _weights_of(drawn, weights)
            for run, recording in zip(together, drawn, strict=True):
                if run.key not in runs_made:
                    _keep(run, recording if latents else without_latents(recording))
                    kept += 1
                    bar.update()
    return Corpus(tuple(runs_wanted), folder, about_of(folder)["settings"])


@dataclass(frozen=True)
class Caller:
    """The function that received options, as the user wrote it, and the names it reads itself."""

    where: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Caller:
        """A function of a folder of studies, such as ``corpus.generate()``."""
        folder = function.__module__.split(".")[-2]  # daam_nb.studies.FOLDER.MODULE
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name != "pipe"]
        return cls(f"{folder}.{function.__name__}()", tuple(names))


def check_options(
    pipe: Any, options: Mapping[str, Any], *callers: Caller, keep_is_settled: bool = False
) -> None:
    """Refuse options that nothing between the user and the pipeline's call takes.

    Parameters
    ----------
    pipe
        The pipeline.
    options
        The options that are passed on.
    callers
        The functions that the options pass through, outermost first.
    keep_is_settled
        Whether ``keep`` cannot be given, because the measurement requires one.

    Raises
    ------
    UnknownOptionError
        Before anything is drawn or written.
    SelectionError, WrongKindError
        For an invalid value, as in `daam_nb.generate`.
    """
    settled = {**_SETTLED, **({"keep": "it is settled."} if keep_is_settled else {})}
    own = [name for caller in callers for name in caller.names]
    own += [name for name in TRACE_OPTIONS if name not in settled]
    refuse_unknown(pipe, options, where=callers[0].where, own=dict.fromkeys(own), without=settled)
    # What a caller reads itself is none of the call's, such as latents=True of a corpus.
    read_here = {name for caller in callers for name in caller.names}
    check_values(pipe, {k: value for k, value in options.items() if k not in read_here})


def _weights_of(drawn: Iterable[Recording], before: Any) -> Any:
    """The digests of the weights that images were drawn with: those of the images before.

    Raises
    ------
    StudyError
        If the weights were changed meanwhile, as a callback can do.
    """
    for recording in drawn:
        weights = recording.facts.batch.get("weights")
        if before is not None and weights != before:
            raise StudyError(
                "The weights of the model were changed while the corpus was drawn, before the "
                f"image of {recording.prompt.text!r:.60}, which was not kept. A corpus must be of "
                "one model: use another folder for the other weights."
            )
        before = weights
    return before


def check_batch(batch: int) -> None:
    """Check a number of images to be drawn at once."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise StudyError(f"batch is {batch!r}; it must be a whole number >= 1.")


def _drawn(pipe: Any, runs: Sequence[Run], options: Mapping[str, Any]) -> list[Recording]:
    """Images of one call; a single one is called for as `daam_nb.generate` does it."""
    prompts = [run.facts["prompt"] for run in runs]
    seeds = [run.facts["seed"] for run in runs]
    if len(runs) == 1:
        recordings = record(pipe, prompts[0], seed=seeds[0], **options)
    else:
        recordings = record(pipe, prompts, seed=seeds, **options)
    return [recordings] if isinstance(recordings, Recording) else recordings


def whole_ones(folder: Path, wanted: Iterable[Run]) -> dict[str, Run]:
    """The requested runs that exist and are complete, by key.

    Recordings that lost some of their files are moved aside, so that they are made again; nothing
    is deleted.
    """
    saved = {}
    for run in wanted:
        assert isinstance(run.source, Path)
        if not os.path.lexists(run.source):
            continue
        why = damage(run)
        if not why:
            saved[run.key] = run
            continue
        damaged_folder = folder / _DAMAGED / f"{run.key}-{secrets.token_hex(4)}"
        with told(damaged_folder, "written"):
            damaged_folder.parent.mkdir(exist_ok=True)
            run.source.rename(damaged_folder)
        warnings.warn(
            f"A recording is damaged and is made again; its remains are in {damaged_folder}. {why}",
            stacklevel=3,
        )
    return saved


def _keep(run: Run, recording: Recording) -> None:
    assert isinstance(run.source, Path)
    try:
        recording.save(run.source)
    except RecordingExistsError:
        if not is_there(run):  # else another process was quicker, with the same image
            raise


def generate_some(
    pipe: Any,
    captions: Iterable[str | Caption] | None,
    seeds: Iterable[int] | None,
    *,
    into: str | os.PathLike[str],
    images: int | None = None,
    caller: Caller | None = None,
    **options: Any,
) -> Corpus:
    """`generate` with a limited number of images; without a pipeline existing ones are opened.

    Parameters
    ----------
    pipe
        A pipeline; None if `into` already holds the images: those of the captions, or all, up to
        `images`.
    captions, seeds, into, **options
        As for `generate`.
    images
        Maximum number of images, made from the first captions.
    caller
        The function that received the options; None: this one.

    Raises
    ------
    StudyError
        If there is a pipeline but no caption; without a pipeline, if images are missing or were
        made with other options.
    UnknownOptionError
        For an option that nothing takes.
    """
    if images is not None and (
        isinstance(images, bool) or not isinstance(images, int) or images < 1
    ):
        raise StudyError(f"images is {images!r}; it must be a whole number >= 1.")
    caller = Caller.of(generate_some) if caller is None else caller
    if pipe is not None:
        check_options(pipe, options, caller, Caller.of(generate))
        if captions is None:
            raise StudyError(
                "No captions were given. Read them (corpus.from_text, ...), or list them: "
                'captions=["a zebra on the grass", ...].'
            )
    some, chosen = None, None if seeds is None else several(seeds)
    if captions is not None:
        some = as_captions(captions)
        if images is not None:
            chosen = None if chosen is None else chosen[:images]
            some = some[: images // len(chosen or (0,))]
    if pipe is None:
        return _opened_some(Corpus.open(into), some, chosen, images, caller, options)
    return generate(pipe, some or (), chosen, into=into, **options)


def _opened_some(  # noqa: PLR0917 (the arguments of the one above)
    corpus: Corpus,
    captions: Sequence[Caption] | None,
    seeds: Sequence[int] | None,
    images: int | None,
    caller: Caller,
    options: Mapping[str, Any],
) -> Corpus:
    """The requested images that exist and were made with these options."""
    given_options = {k: fingerprint(value, k) for k, value in options.items() if k != "progress"}
    settings = {"batch": 1, **corpus.settings}
    if unknown := [name for name in given_options if name not in settings]:
        own = [name for name in caller.names if name not in unknown]
        raise UnknownOptionError(
            f"{unknown_names_message(unknown, own, where=caller.where)} Without a pipeline "
            "(pipe=None) nothing is drawn, so arguments of the drawing have no effect."
        )
    if different := differences({name: settings[name] for name in given_options}, given_options):
        raise StudyError(
            f"{corpus.path} was made with other settings: {different}. Leave them out, or give "
            "the pipeline and another folder: into=..."
        )
    if captions is None:
        return corpus if images is None else corpus[:images]
    pairs = images_of(captions, seeds)
    keys = [name_of(caption.text, seed) for caption, seed in pairs]
    by_key = {run.key: run for run in corpus}
    if missing := [key for key in keys if key not in by_key]:
        raise StudyError(
            f"{corpus.path} lacks {len(missing)} of the {len(keys)} images requested, such as "
            f"{missing[0]}. Give the pipeline that makes them, or leave captions out to use the "
            "existing images."
        )
    runs = [_told(by_key[key], *pair) for key, pair in zip(keys, pairs, strict=True)]
    return dataclasses.replace(corpus, runs=tuple(runs))


def _told(run: Run, caption: Caption, seed: int) -> Run:
    """The run with the present facts of its caption, if any."""
    if not caption.facts:
        return run
    return dataclasses.replace(run, facts={**caption.facts, "prompt": caption.text, "seed": seed})


def without_latents(run: Recording) -> Recording:
    """Leave the latents of all steps out, and state it in the manifest."""
    if run.latents is None:
        return run
    note = Skipped("latents of every step", "the corpus was made with latents=False")
    manifest = dataclasses.replace(run.manifest, skipped=(*run.manifest.skipped, note))
    return dataclasses.replace(run, latents=None, manifest=manifest)


@contextlib.contextmanager
def quiet(pipe: Any) -> Iterator[None]:
    """Hide a pipeline's own progress bar, which would break daam_nb's into many lines."""
    before = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**{**before, "disable": True})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**before)


def records(pipe: Any, **options: Any) -> bool:
    """Whether a pipeline's images can be recorded with these options of `trace`."""
    try:
        trace(pipe, **options)
    except UnsupportedPipelineError:
        return False
    return True
