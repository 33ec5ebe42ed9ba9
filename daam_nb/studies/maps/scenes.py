"""Rendered images whose every pixel is known, seen by the model: noised, one pass at each level.

The model does not draw: it is given a rendered scene with several levels of noise, and its caption,
so that its attention can be compared with exact masks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.errors import RecordingExistsError, StudyError, WrongKindError
from daam_nb.kinds import check_text, kind_of
from daam_nb.masks import read_mask
from daam_nb.recording import Recording
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.fingerprints import digest, fingerprint
from daam_nb.studies.corpus.generation import quiet, whole_ones
from daam_nb.studies.corpus.identity import check_pipeline, identity, model_name
from daam_nb.studies.corpus.rows import progress_bar
from daam_nb.studies.corpus.runs import Corpus, is_there, listed, name_of
from daam_nb.studies.corpus.settings import about_of, settle
from daam_nb.studies.oracles.protocols import check_proportions
from daam_nb.tracing import trace
from daam_nb.words import word_boundaries

if TYPE_CHECKING:
    from PIL.Image import Image

Mask = NDArray[np.bool_]
_DERIVED = (
    "the latents of every step are those of an image that was put in, with noise; the image is "
    "that one, and the model drew none"
)


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """An image with a caption, and exactly where the words' objects are.

    Attributes
    ----------
    image
        The pixels.
    caption
        Names the objects.
    objects
        (start, end) in the caption's characters -> (noun, mask), the mask (y, x), bool, in pixels.
    background
        (y, x), bool: what shows no object.
    number
        Tells scenes of one caption apart; also the seed of the noise.

    Raises
    ------
    StudyError
        If a span is not a word or phrase of the caption, or a mask does not fit the image.
    """

    image: Image
    caption: str
    objects: Mapping[tuple[int, int], tuple[str, Mask]]
    background: Mask | None = None
    number: int = 0

    def __post_init__(self) -> None:
        check_text(self.caption, "The caption of a scene")
        size = (self.image.height, self.image.width)
        boundaries = word_boundaries(self.caption)
        for (start, end), (noun, mask) in self.objects.items():
            if not (start < end and start in boundaries and end in boundaries):
                raise StudyError(
                    f"The object {noun!r} is given the characters {start}-{end} of "
                    f"{self.caption!r}, which are not a word."
                )
            read = read_mask(mask, what=f"The mask of {noun!r}")
            check_proportions(tuple(read.shape), size, repr(noun))

    @property
    def key(self) -> str:
        """The key, as for a recording of this caption and seed."""
        return name_of(self.caption, self.number)

    def content(self) -> str:
        """A digest of everything in it."""
        masks = [[list(span), noun, _bits(mask)] for span, (noun, mask) in self.objects.items()]
        pixels = hashlib.sha256(np.asarray(self.image.convert("RGB")).tobytes()).hexdigest()
        background = None if self.background is None else _bits(self.background)
        return digest([self.caption, self.number, pixels, masks, background])


def look_at(
    pipe: Any,
    scene: RenderedScene,
    *,
    levels: int = 7,
    record: Mapping[str, Any] | None = None,
    **call: Any,
) -> Recording:
    """Record the model's attention in an existing scene, at several noise levels.

    The scene is encoded, noised to each of the scheduler's timesteps (the same noise, of the
    scene's number), and passed through the denoiser once at each; its predictions are not used.
    There is no guidance.

    Parameters
    ----------
    pipe
        A diffusers pipeline with an autoencoder and ``callback_on_step_end``.
    scene
        The scene.
    levels
        Number of timesteps, from nearly pure noise to nearly none, as spaced by the scheduler.
    record
        Options of `daam_nb.trace`.
    **call
        Arguments of the pipeline's call.

    Returns
    -------
    Recording
        Its steps are the noise levels, its image is the scene.

    Raises
    ------
    StudyError
        If the pipeline cannot be given latents at every step, or the autoencoder gives latents
        of another shape than the denoiser takes.
    """
    check_look(pipe)
    clean = _encoded(pipe, scene.image)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(scene.number))
    noise = noise.to(clean.device, clean.dtype)
    scheduler = pipe.scheduler
    # Schedulers that noise by timestep and those that noise by sigma have different names for it.
    add_noise = getattr(scheduler, "scale_noise", None)

    def noised(timestep: Tensor) -> Tensor:
        at = timestep.reshape(1).to(clean.device)
        mixed = add_noise(clean, at, noise) if add_noise else scheduler.add_noise(clean, noise, at)
        return torch.as_tensor(mixed, dtype=clean.dtype)

    def next_level(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        timesteps = scheduler.timesteps
        if step + 1 < len(timesteps):
            return {**values, "latents": noised(timesteps[step + 1])}
        return values

    scheduler.set_timesteps(levels)
    first = noised(scheduler.timesteps[0])
    # The call multiplies what it is given by the scheduler's first sigma.
    first = first / getattr(scheduler, "init_noise_sigma", 1.0)
    with trace(pipe, **{"keep": "sum", **(record or {})}) as tracer:
        pipe(
            scene.caption,
            latents=first,
            height=scene.image.height,
            width=scene.image.width,
            num_inference_steps=levels,
            guidance_scale=1.0,
            callback_on_step_end=next_level,
            **call,
        )
    return dataclasses.replace(tracer.recording, image=scene.image.convert("RGB"), latents=None)


def check_look(pipe: Any) -> None:
    """Raise a `StudyError` unless a pipeline can be given latents at every step."""
    check_pipeline(pipe)
    takes = inspect.signature(type(pipe).__call__).parameters
    lacking = [name for name in ("latents", "callback_on_step_end") if name not in takes]
    if lacking or not hasattr(getattr(pipe, "vae", None), "encode"):
        what = f"takes no {lacking[0]}" if lacking else "has no autoencoder that encodes images"
        raise StudyError(
            f"{type(pipe).__name__} {what}, so it cannot be shown a rendered image. Leave the "
            f"scenes out: scenes=[]."
        )


def record_scenes(
    pipe: Any,
    scenes: Sequence[RenderedScene],
    *,
    into: Path,
    levels: int,
    record: Mapping[str, Any],
    progress: bool = True,
    **call: Any,
) -> Corpus:
    """`look_at` every scene once and keep the recordings; without a pipeline open existing ones.

    Returns
    -------
    Corpus
        In the order of the scenes, by their keys.

    Raises
    ------
    StudyError
        If a scene is repeated, one is missing and there is no pipeline, or the folder was made with
        another model or other options.
    """
    keys = [scene.key for scene in scenes]
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise StudyError(f"The scene {twice[0]} occurs more than once. Give each its own number.")
    if pipe is None:
        return _opened(into, keys)
    settings = {"model": model_name(pipe), **identity(pipe), "levels": levels, **record, **call}
    settle(into, {name: fingerprint(value, name) for name, value in settings.items()})
    runs = listed(into, [(Caption(scene.caption), scene.number) for scene in scenes])
    looked_at = whole_ones(into, runs)
    bar = progress_bar(len(runs), done=len(looked_at), what="looking at scenes", shown=progress)
    with bar, quiet(pipe):
        for scene, run in zip(scenes, runs, strict=True):
            if run.key in looked_at:
                continue
            assert isinstance(run.source, Path)
            recording = look_at(pipe, scene, levels=levels, record=record, **call)
            try:
                recording.save(run.source, derived=_DERIVED)
            except RecordingExistsError:
                if not is_there(run):  # else another process was quicker
                    raise
            bar.update()
    return Corpus(tuple(runs), into, about_of(into)["settings"])


def _opened(folder: Path, keys: Sequence[str]) -> Corpus:
    """The existing recordings of the scenes, which must be complete."""
    corpus = Corpus.open(folder)
    by_key = {run.key: run for run in corpus}
    if missing := [key for key in keys if key not in by_key]:
        raise StudyError(
            f"{folder} lacks {len(missing)} of the {len(keys)} scenes requested, such as "
            f"{missing[0]}. Give the pipeline to record them."
        )
    return dataclasses.replace(corpus, runs=tuple(by_key[key] for key in keys))


def scenes_of(value: Any, count: int | None) -> list[RenderedScene]:
    """Read scenes, at most `count`; None gives none.

    Raises
    ------
    WrongKindError
        For anything else.
    """
    if value is None:
        return []
    if isinstance(value, RenderedScene) or not isinstance(value, Iterable):
        raise WrongKindError(f"scenes= must be several RenderedScenes, not {kind_of(value)}.")
    scenes: list[RenderedScene] = []
    for scene in value:
        if not isinstance(scene, RenderedScene):
            raise WrongKindError(f"scenes= must hold only RenderedScenes, not {kind_of(scene)}.")
        if count is not None and len(scenes) == count:
            break
        scenes.append(scene)
    return scenes


@torch.no_grad()
def _encoded(pipe: Any, image: Image) -> Tensor:
    """Encode an image to its most likely latents, in the denoiser's scaling."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1
    vae = pipe.vae
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(vae.device, vae.dtype)
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    latents: Tensor = (vae.encode(batch).latent_dist.mode() - shift) * vae.config.scaling_factor
    return latents


def _bits(mask: Mask) -> str:
    array = np.asarray(mask, dtype=bool)
    return f"{array.shape} {hashlib.sha256(np.packbits(array).tobytes()).hexdigest()}"
