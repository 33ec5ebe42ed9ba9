"""`generate`, `reproduce`, `redraw`: make an image with its recording, and make it again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import torch

from daam_nb.errors import ReproductionError, SelectionError, UnknownOptionError, WrongKindError
from daam_nb.kinds import kind_of, number_between, whole_numbers
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.recording.looks import look_in_words
from daam_nb.tracing.arguments import call_names, refuse_unknown
from daam_nb.tracing.attached import open_changes
from daam_nb.tracing.call_values import check_values
from daam_nb.tracing.images import pil_images
from daam_nb.tracing.model_changes import model_changes
from daam_nb.tracing.models import adapter_of
from daam_nb.tracing.provenance import versions
from daam_nb.tracing.session import trace
from daam_nb.tracing.weights import weight_digests

if TYPE_CHECKING:
    from PIL.Image import Image

TRACE_OPTIONS = (
    *("keep", "layers", "keep_steps", "tokens", "negative"),
    *("memory", "dtype", "encoder", "effects", "concepts", "self_attention"),
)
"""What `trace` takes, but for the text behind embeddings."""

_SEEDS = 2**32
_LAST_SEED = 2**64 - 1  # of torch
_OTHER_TEXTS = ("prompt_2", "prompt_3", "negative_prompt_2", "negative_prompt_3")


@overload
def generate(
    pipe: Any,
    prompt: str,
    *,
    seed: int | Sequence[int] | None = None,
    num_images_per_prompt: Literal[1] = 1,
    **options: Any,
) -> Recording: ...


@overload
def generate(
    pipe: Any,
    prompt: Sequence[str],
    *,
    seed: int | Sequence[int] | None = None,
    num_images_per_prompt: int = 1,
    **options: Any,
) -> list[Recording]: ...


def generate(
    pipe: Any,
    prompt: str | Sequence[str],
    *,
    seed: int | Sequence[int] | None = None,
    num_images_per_prompt: int = 1,
    **options: Any,
) -> Recording | list[Recording]:
    """Generate images and record the attention behind them.

    Parameters
    ----------
    pipe
        A diffusers pipeline, as for `trace`.
    prompt
        A text, or a list of texts.
    seed
        An integer >= 0: image i has the seed ``seed + i`` and its own generator on the CPU, so that
        results do not depend on the device. A list gives one seed per image. None draws a random
        seed, which the recording keeps. The global random state is not changed.
    num_images_per_prompt
        Number of images per prompt.
    **options
        The options of `trace` (``keep``, ``layers``, ``keep_steps``, ``tokens``, ``negative``,
        ``memory``, ``dtype``, ``encoder``, ``effects``, ``concepts``, ``self_attention``); all
        others go to the pipeline's call (``num_inference_steps``, ``guidance_scale``,
        ``negative_prompt``, ``height``, ...).

    Returns
    -------
    Recording or list of Recording
        One for a single text and image, else a list in the order of prompt and image.

    Raises
    ------
    WatchError
        If the images were made but recording failed; the error's ``images`` holds them.
    UnknownOptionError
        For a name that neither `trace` nor the pipeline takes, before generation starts.
    WrongKindError, SelectionError
        For a prompt that is not text, a seed that is not an integer >= 0, a guidance scale that is
        not a number, a size of 0 pixels, and the like, before generation starts.

    Examples
    --------
    >>> run = generate(pipe, "a zebra and a giraffe", seed=0)  # doctest: +SKIP
    """
    adapter_of(pipe)  # refuses what is no pipeline
    if "generator" in options:
        raise SelectionError(
            "generate() makes the generators itself, from seed=. For generators of your own use "
            "`with trace(pipe) as tracer: pipe(prompt, generator=...)`."
        )
    refuse_unknown(
        pipe,
        options,
        where="generate()",
        own=("prompt", "seed", "num_images_per_prompt", *TRACE_OPTIONS),
        without={"generator": "give seed="},
    )
    check_values(pipe, options)
    single = isinstance(prompt, str)
    texts: Any = prompt if single else _texts(prompt)
    each = number_between(num_images_per_prompt, "num_images_per_prompt", low=1)
    images = each * (1 if single else len(texts))
    if images < 1:
        raise SelectionError("The list of prompts is empty. Give at least one text.")
    seeds = _seeds_of(seed, images)
    watching = {name: options.pop(name) for name in TRACE_OPTIONS if name in options}
    with trace(pipe, **watching) as tracer:
        pipe(
            prompt=texts,
            generator=_generators(seeds, "cpu"),
            num_images_per_prompt=each,
            **options,
        )
    return tracer.recording if single and images == 1 else list(tracer.recordings)


def _seeds_of(seed: Any, images: int) -> list[int]:
    """The seed of every image."""
    if seed is None:
        first = secrets.randbelow(_SEEDS)
    elif _is_several(seed):
        seeds = [number_between(item, "seed", low=0, high=_LAST_SEED) for item in seed]
        if len(seeds) != images:
            raise SelectionError(
                f"{len(seeds)} seeds were given for {images} images; give one for each, or one "
                f"number to count from."
            )
        return seeds
    else:
        first = number_between(seed, "seed", low=0, high=_LAST_SEED - images + 1)
    return [first + i for i in range(images)]


def _texts(prompt: Any) -> list[str]:
    """Prompts as a list of texts; raises a `WrongKindError` for anything else."""
    if isinstance(prompt, Recording):
        raise WrongKindError(
            "generate() takes a prompt, not a recording. For its prompt: "
            "generate(pipe, run.prompt.text, seed=run.facts.seed); for its image again: "
            "reproduce(run, pipe)."
        )
    texts: list[Any] = list(prompt) if _is_several(prompt) else [prompt]
    for text in texts:
        if not isinstance(text, str):
            raise WrongKindError(
                f"A prompt must be a text or a list of texts, not {kind_of(text)}"
                + (
                    ". Captions: generate(pipe, [caption.text for caption in captions], ...)."
                    if isinstance(getattr(text, "text", None), str)
                    else "."
                )
            )
    return texts


def _is_several(values: Any) -> bool:
    single = isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", None) == 0
    return isinstance(values, Iterable) and not single


def _generators(seeds: Sequence[int], device: str) -> torch.Generator | list[torch.Generator]:
    made = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    return made[0] if len(made) == 1 else made


@dataclass(frozen=True, eq=False)
class Reproduction:
    """An image made again, compared with the recorded one.

    Attributes
    ----------
    same
        Whether every pixel is equal.
    max_difference
        Largest difference in any channel of any pixel, 0 to 255.
    image
        The image made now.
    why
        Differences between the two calls that may explain it (versions, model, device, adapters,
        ...); empty if the images are the same and nothing differs.
    """

    same: bool
    max_difference: int
    image: Image
    why: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.same


def reproduce(run: Recording, pipe: Any, **omitted: Any) -> Reproduction:
    """Generate a recording's image again and compare it.

    The image's whole batch is run again, with the recorded seeds and arguments, untraced.

    Parameters
    ----------
    run
        A recording.
    pipe
        The pipeline that made it, or one expected to behave alike.
    **omitted
        Arguments of the call that are not plain data (``image=``, ``callback_on_step_end=``) and
        therefore not in the recording; ``run.facts.omitted`` names them.

    Returns
    -------
    Reproduction
        True if the images are the same, pixel for pixel.

    Raises
    ------
    ReproductionError
        If the recording lacks something needed, is a `look` at an existing image, or the pipeline
        takes other arguments.
    UnknownOptionError
        For an argument that is not among those omitted.
    WrongKindError
        If recording and pipeline are swapped, or are something else.
    """
    check_recording(run, where="reproduce()", order="reproduce(run, pipe)", other=pipe)
    check_drawn(run)
    arguments = arguments_again(run, pipe, omitted, where="reproduce()")
    if run.image is None:
        raise ReproductionError(
            "This recording has no image (the pipeline returned latents), so there is nothing "
            "to compare with."
        )
    images = pil_images(pipe(**arguments))
    image = images[int(run.facts.batch["index"])]
    then, now = (np.asarray(i.convert("RGB"), dtype=np.int16) for i in (run.image, image))
    if then.shape != now.shape:
        size = (f"the size differs: {then.shape[:2]} then, {now.shape[:2]} now",)
        return Reproduction(False, 255, image, (*_differences(run, pipe), *size))
    largest = int(np.abs(then - now).max())
    why = tuple(_differences(run, pipe))
    if largest and not why:
        why = (
            "nothing that was recorded: weights or settings of a part of the pipeline (also of the "
            "scheduler), or a callback",
        )
    return Reproduction(largest == 0, largest, image, why)


def redraw(run: Recording, pipe: Any, seeds: Sequence[int], **omitted: Any) -> list[Image]:
    """Generate a recording's prompt with each of several seeds, in one call, with its arguments.

    Unlike `reproduce`, it leaves out the other images of the batch; the last digits of an image may
    depend on what shares its batch.

    Parameters
    ----------
    run
        A recording.
    pipe
        The pipeline that made it.
    seeds
        The seeds of the images; the recording's own may be among them.
    **omitted
        As for `reproduce`.

    Returns
    -------
    list of PIL.Image.Image
        One for each seed.

    Raises
    ------
    ReproductionError
        If the recording lacks something needed, or its noise cannot be made without the other
        images of its batch, because one generator made the noise of all.
    """
    check_recording(run, where="redraw()", order="redraw(run, pipe, seeds)", other=pipe)
    check_drawn(run)
    seeds = whole_numbers(seeds, "seed")
    if not seeds:
        raise SelectionError("redraw() draws one image from each seed, but no seed was given.")
    batch = run.facts.batch
    index = int(batch.get("index", 0))
    if index and batch.get("shared_generator", True):
        raise ReproductionError(
            f"One generator made the noise of the whole batch, so image {index} cannot be drawn "
            "without the others. Give each image a generator, as generate(pipe, prompts, seed=...) "
            "does."
        )
    each = int(batch.get("images_per_prompt", 1))
    own_batch: dict[str, Any] = {"seeds": list(seeds), "shared_generator": False}
    own_batch |= {"index": 0, "images_per_prompt": 1}

    def own(texts: Sequence[str]) -> list[str]:
        return [texts[index // each if len(texts) > 1 else 0]] * len(seeds)

    for name in ("prompts", "negative_prompts"):
        if batch.get(name) is not None:
            own_batch[name] = own(batch[name])
    call = dict(run.facts.call)
    for name in _OTHER_TEXTS:
        if isinstance(call.get(name), list | tuple):
            call[name] = own(call[name])
    facts = replace(run.facts, batch={**batch, **own_batch}, call=call)
    arguments = arguments_again(replace(run, facts=facts), pipe, omitted, where="redraw()")
    return list(pil_images(pipe(**arguments)))


def check_drawn(run: Recording) -> None:
    """Raise a `ReproductionError` for a look, which is at an image that no model drew."""
    if words := look_in_words(run.facts):
        how = "inversion=True" if run.facts.seed is None else f"seed={run.facts.seed}"
        raise ReproductionError(
            f"This recording is a look, so it has no image to reproduce: {words}. To look again: "
            f"look(pipe, run.image, run.prompt.text, {how}, t=[...])."
        )


def arguments_again(
    run: Recording, pipe: Any, omitted: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Return the arguments of a recorded call, for the whole batch, with fresh generators.

    Raises
    ------
    ReproductionError
        If the recording lacks something needed, or the pipeline takes other arguments.
    UnknownOptionError
        For an argument that is not among those omitted.
    """
    facts, batch = run.facts, run.facts.batch
    is_look = bool(look_in_words(facts))  # whose noise is not the call's
    if other := [name for name in omitted if name not in facts.omitted]:
        raise UnknownOptionError(
            f"{where} repeats the call that was recorded, so it does not take {other[0]}=, only "
            "the arguments that the recording does not hold: "
            f"{', '.join(facts.omitted) or 'nothing'}. To draw with other arguments: "
            "generate(pipe, run.prompt.text, seed=run.facts.seed, ...)."
        )
    missing = [name for name in facts.omitted if name not in omitted]
    if missing:
        raise ReproductionError(
            f"The call used {', '.join(missing)}, which a recording does not hold. Give them "
            f"again: {where[:-1]}run, pipe, {', '.join(f'{name}=...' for name in missing)})."
        )
    if not batch.get("seeds") and not is_look:
        raise ReproductionError(
            "The image was made without a generator, so its noise cannot be reproduced. Use "
            "generate(pipe, prompt, seed=...) or give the pipeline a generator."
        )
    if not batch.get("fresh_generator", False) and not is_look:
        raise ReproductionError(
            f"The generator (seed {facts.seed}) had been used before this call, so the seed alone "
            "does not reproduce its noise. Seed a new generator for each call."
        )
    size = {"height": facts.image_size[0], "width": facts.image_size[1]}
    sized = {k: v for k, v in size.items() if k in facts.call or is_look}
    call = dict(facts.call)
    # Older recordings noted names that the pipeline dropped without reading them.
    dropped = call.pop("kwargs", {})
    known = call_names(pipe)
    call |= {name: dropped[name] for name in dropped if name in known.names}
    if foreign := known.unknown([*call, *omitted]):
        raise ReproductionError(
            f"{type(pipe).__name__} takes no {', '.join(foreign)}, which the recorded call of "
            f"{facts.pipeline} used. Give a pipeline of that class."
        )
    again = {**call, **sized, **omitted}
    if not is_look:
        again["generator"] = _generators_again(batch)
    if batch.get("prompts") is not None:
        prompts = list(batch["prompts"])
        again["prompt"] = prompts[0] if len(prompts) == 1 else prompts
    if batch.get("negative_prompts") is not None:
        negative = list(batch["negative_prompts"])
        again["negative_prompt"] = negative[0] if len(negative) == 1 else negative
    if batch.get("images_per_prompt", 1) != 1:
        again["num_images_per_prompt"] = batch["images_per_prompt"]
    again.pop("return_dict", None)
    again.pop("output_type", None)
    return again


def _generators_again(batch: Mapping[str, Any]) -> Any:
    device = str(batch.get("generator_device", "cpu"))
    made = [torch.Generator(device).manual_seed(int(seed)) for seed in batch["seeds"]]
    return made[0] if batch.get("shared_generator", True) else made


def _changed(changes: Sequence[str]) -> str:
    return f"changed by {', then '.join(changes)}" if changes else "as the model has it"


def _differences(run: Recording, pipe: Any) -> Iterator[str]:
    facts = run.facts
    before = tuple(facts.batch.get("interventions") or ())
    at_present = tuple(str(attached.change) for attached in open_changes(pipe))
    if before != at_present:
        yield f"attention: {_changed(before)} then, {_changed(at_present)} now"
    then, present = (
        "; ".join(changes) or "nothing noted"
        for changes in (facts.batch.get("model_changes") or (), model_changes(pipe))
    )
    if then != present:
        yield f"changes of the model: {then} then, {present} now"
    weights = weight_digests(pipe)
    for part, digest in (facts.batch.get("weights") or {}).items():
        if weights.get(part, digest) != digest:
            yield f"weights of {part}: {digest} then, {weights[part]} now"
    now = versions()
    nets = (getattr(pipe, name, None) for name in ("unet", "transformer"))
    net = next((part for part in nets if part is not None), None)
    for what, then, present in (
        ("pipeline", facts.pipeline, type(pipe).__name__),
        ("scheduler", facts.scheduler, type(pipe.scheduler).__name__),
        ("dtype", facts.dtype, str(getattr(net, "dtype", "")).removeprefix("torch.")),
        ("device", facts.device, str(getattr(net, "device", ""))),
        *((name, then, now.get(name, "")) for name, then in facts.versions.items()),
    ):
        if then != present:
            yield f"{what}: {then} then, {present} now"
