"""A recorded image drawn again from its own noise, step by step, under a change of its attention.

The call is the recorded one: arguments, seeds, all images of its batch. It is made by a copy of the
pipeline that shares the networks and has a scheduler and settings of its own, so that the pipeline
itself, and whoever calls it meanwhile, notices nothing.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from daam_nb.errors import ReproductionError, UnsupportedPipelineError
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.tracing.calls import WatchedCall
from daam_nb.tracing.making import arguments_again, check_drawn
from daam_nb.tracing.models import Adapter, adapter_of
from daam_nb.tracing.options import Options, read_options
from daam_nb.tracing.provenance import model_name, versions
from daam_nb.tracing.sameness import check_model_changes, check_weights
from daam_nb.tracing.session import Tracer

Change = Callable[[Any], AbstractContextManager[object]]
"""Pipeline -> what changes its attention, such as ``lambda pipe: ablate(pipe, words="dog")``."""

Progress = Callable[[int, int], None]
"""Told after each step: how many steps are done, and how many the loop has."""

_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
_SAME_NOISE = 1e-2  # another device may round otherwise


class Stopped(Exception):
    """The drawing was ended from outside; no image was made."""


def check_again(run: Recording, pipe: Any) -> None:
    """Raise an error, before anything is drawn, unless a pipeline can draw a recording again.

    Parameters
    ----------
    run
        The recording.
    pipe
        The pipeline that should have made it.

    Raises
    ------
    UnsupportedPipelineError
        If it is no pipeline, or its attention cannot be changed.
    ReproductionError
        If the recording lacks what is needed (an image, a seed, arguments that are not plain data),
        was made under an intervention, or by another pipeline: another class, model, dtype or
        scheduler.
    """
    check_recording(run, where="explore()", order="explore(run, pipe)", other=pipe)
    adapter = adapter_of(pipe)
    if "intervene" not in adapter.supports:
        raise UnsupportedPipelineError(
            f"The attention of {adapter.pipe_name} cannot be changed: {adapter.why_not}."
        )
    facts = run.facts
    check_drawn(run)
    if run.image is None:
        raise ReproductionError(
            "This recording has no image (the pipeline returned latents), so there is nothing to "
            "compare another one with."
        )
    if changes := facts.batch.get("interventions"):
        raise ReproductionError(
            f"The image was drawn while its attention was changed by {', then '.join(changes)}: "
            "without that another image is drawn. Take the recording that was made without."
        )
    if facts.omitted:
        raise ReproductionError(
            f"The call used {', '.join(facts.omitted)}, which a recording does not keep, so it "
            "cannot be made again."
        )
    present = type(pipe).__name__, type(pipe.scheduler).__name__, _dtype(adapter)
    then = facts.pipeline, facts.scheduler, facts.dtype
    for what, before, now in zip(("class", "scheduler", "dtype"), then, present, strict=True):
        if before != now:
            raise ReproductionError(
                f"The image was drawn by a pipeline whose {what} is {before}, and this one's is "
                f"{now}. Give the pipeline that made it."
            )
    if not facts.batch.get("weights") and facts.model != model_name(pipe):
        raise ReproductionError(
            f"The image was drawn by the model {facts.model}, and this pipeline is of "
            f"{model_name(pipe)}. Give the pipeline that made it."
        )
    _check_layers(run, adapter)
    check_weights(run, pipe, what="image", parts="all")
    check_model_changes(run, pipe, what="image")
    arguments_again(run, pipe, {}, where="explore()")


def cautions_again(run: Recording, pipe: Any) -> tuple[str, ...]:
    """What is otherwise than it was and may change the last digits of an image, in phrases."""
    now = {**versions(), "device": str(getattr(adapter_of(pipe).net, "device", ""))}
    then = {**run.facts.versions, "device": run.facts.device}
    return tuple(
        f"{name} {before} then, {now[name]} now"
        for name, before in then.items()
        if name not in ("python", "daam_nb") and name in now and now[name] != before
    )


def draw_again(
    run: Recording,
    pipe: Any,
    change: Change | None = None,
    *,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] | None = None,
) -> Recording:
    """Draw a recording's image again from its own noise, and record it as it was recorded.

    Without a change it is the recorded image, bit for bit.

    Parameters
    ----------
    run
        A recording.
    pipe
        The pipeline that made it; it is not changed.
    change
        Made for the copy that draws, and open while it does.
    progress
        Called after each step, in this thread.
    is_stopped
        Asked before and after each step; where it says True, nothing more is drawn.

    Raises
    ------
    Stopped
        If `is_stopped` said so.
    ReproductionError
        Where the noise that is drawn is not the recorded one; and as `check_again`.
    WatchError, InterventionError, SelectionError, WordNotFoundError, MemoryBudgetError
        As inside `trace` and the intervention.
    """
    check_again(run, pipe)
    twin = _twin(pipe)
    tracer = _Following(run, adapter_of(twin), _options_of(run), progress, is_stopped)
    with contextlib.ExitStack() as opened:
        if change is not None:
            opened.enter_context(change(twin))
        opened.enter_context(tracer)
        twin(**arguments_again(run, pipe, {}, where="explore()"))
    if is_stopped is not None and is_stopped():
        raise Stopped
    return tracer.recordings[_index(run)]


def _index(run: Recording) -> int:
    return int(run.facts.batch.get("index", 0))


def _dtype(adapter: Adapter) -> str:
    return str(getattr(adapter.net, "dtype", "")).removeprefix("torch.")


def _check_layers(run: Recording, adapter: Adapter) -> None:
    heads = {name: getattr(module, "heads", None) for name, module in adapter.modules()}
    for layer in run.layers:
        if heads.get(layer.name) != layer.heads:
            raise ReproductionError(
                f"This pipeline has no {layer.name} with {layer.heads} heads, of which the "
                f"recording holds the attention. Give the pipeline that made it, "
                f"{run.facts.pipeline} of {run.facts.model}."
            )


def _twin(pipe: Any) -> Any:
    """A pipeline with the same networks, and with a scheduler and settings of its own."""
    twin = copy.copy(pipe)
    twin.scheduler = copy.deepcopy(pipe.scheduler)
    before = getattr(pipe, "_progress_bar_config", {})
    twin._progress_bar_config = {**before, "disable": True}
    return twin


def _options_of(run: Recording) -> Options:
    """Options of a trace that keeps what a recording keeps, but for effects and the like."""
    dtype = run.attention[run.layers[0].name].dtype
    whole = run.kept == "replay"
    return read_options(
        keep=run.kept,
        layers=[layer.name for layer in run.layers],
        keep_steps=None if whole else list(run.steps),
        tokens=None if whole else list(run.columns),
        negative=bool(run.negative_attention),
        memory=None,
        dtype=dtype if dtype in _DTYPES else torch.float32,
        prompt=None,
        negative_prompt=None,
        encoder=None,
    )


class _Following(Tracer):
    """Tells how far a call is, and ends it where nobody wants it any more."""

    def __init__(
        self,
        run: Recording,
        adapter: Adapter,
        options: Options,
        progress: Progress | None,
        is_stopped: Callable[[], bool] | None,
    ) -> None:
        super().__init__(adapter, options)
        self._drawn, self._progress, self._is_stopped = run, progress, is_stopped

    def _new_call(self, arguments: dict[str, Any]) -> WatchedCall:
        call = _FollowedCall(self.adapter, self._options, arguments)
        call.drawn, call.progress, call.is_stopped = self._drawn, self._progress, self._is_stopped
        return call


class _FollowedCall(WatchedCall):
    drawn: Recording
    progress: Progress | None
    is_stopped: Callable[[], bool] | None

    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        self._go_on()
        super().begin_pass(net, arguments)

    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        if self.step == 0:
            self._check_noise(sample)
        super().on_step(timestep, sample, result)
        if self.progress is not None:
            self.progress(self.step, max(self.step, self.announced_steps()))
        self._go_on()

    def _go_on(self) -> None:
        if self.is_stopped is not None and self.is_stopped():
            raise Stopped

    def _check_noise(self, sample: Any) -> None:
        latents = self.drawn.latents
        if latents is None:
            return
        then, now = latents[0].float(), sample[_index(self.drawn)].detach().cpu().float()
        if then.shape != now.shape or not torch.allclose(
            then, now, rtol=_SAME_NOISE, atol=_SAME_NOISE
        ):
            raise ReproductionError(
                "The noise that this pipeline begins with is not the recorded one, so another "
                "image would be drawn, whatever is changed. Give the pipeline that made the "
                "recording, as it was."
            )
