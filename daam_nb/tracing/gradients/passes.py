"""The recorded passes of one image's prompt: the denoiser's inputs in each step.

The pipeline's own loop is run again and handed the recorded latents after every step, so that
whatever else the denoiser is given (timesteps, scaled latents, added conditions, residuals) is made
by the pipeline itself, and the latents are the recorded ones whatever its scheduler draws. Nothing
after the last recorded step is run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import (
    NotKeptError,
    ReproductionError,
    SelectionError,
    UnsupportedPipelineError,
    WordNotFoundError,
)
from daam_nb.recording import Recording, altered
from daam_nb.recording.kinds import check_recording
from daam_nb.recording.looks import look_in_words
from daam_nb.tracing.attached import open_changes
from daam_nb.tracing.calls import WatchedCall
from daam_nb.tracing.effects.hidden import HiddenWords
from daam_nb.tracing.making import arguments_again
from daam_nb.tracing.models import Adapter, DenoiserInputs, adapter_of
from daam_nb.tracing.models.rows import of_row
from daam_nb.tracing.options import EffectChoice, Options, read_effect_words, read_options
from daam_nb.tracing.sameness import check_model_changes, check_same_text, check_weights
from daam_nb.tracing.session import Tracer

TEXT = "encoder_hidden_states"
"""The denoiser's argument that holds the text embeddings."""

ALIKE = 1e-2
"""How far what is computed again may be from what was recorded, as a share of it."""


@dataclass(frozen=True, eq=False)
class PromptPass:
    """One pass of the denoiser, only of the row of one image's prompt.

    Attributes
    ----------
    arguments
        The denoiser's arguments, by the names of its signature; batched tensors have one row.
    prediction
        (channel, y, x): the denoiser's output for the row within its batch.
    """

    arguments: Mapping[str, Any]
    prediction: Tensor


@dataclass(frozen=True, eq=False)
class PromptPasses:
    """The passes of one recording to be differentiated.

    Attributes
    ----------
    net
        The denoiser.
    passes
        One for each step of the recording.
    hidden
        Changes of the text embeddings by hiding each word.
    """

    net: nn.Module
    passes: tuple[PromptPass, ...]
    hidden: HiddenWords


def prompt_passes(
    run: Recording, pipe: Any, words: EffectChoice, omitted: Mapping[str, Any], *, where: str
) -> PromptPasses:
    """Follow the pipeline's loop through the steps of a recording.

    Parameters
    ----------
    run, pipe
        The recording, and the pipeline that made it.
    words
        True for every word of the prompt, or the words.
    omitted
        Arguments of the call that the recording does not keep.
    where
        The calling function, as the user wrote it: ``"add_gradients()"``.

    Raises
    ------
    NotKeptError, ReproductionError, SelectionError, UnsupportedPipelineError, WordNotFoundError
        As `add_gradients`; all but a few before anything is run.
    """
    order = f"{where.removesuffix('()')}(run, pipe)"
    check_recording(run, where=where, order=order, other=pipe)
    adapter = adapter_of(pipe)
    _check_family(adapter)
    words = read_effect_words(words, "words")
    _check_run(run, pipe, words)
    check_weights(run, pipe, what="gradients")
    check_model_changes(run, pipe, what="gradients")
    arguments = arguments_again(run, pipe, omitted, where=where)
    smallest = min(run.layers, key=lambda layer: layer.size[0] * layer.size[1] * layer.heads)
    options = read_options(
        keep="steps",
        layers=[smallest.name],
        keep_steps=run.steps,
        tokens=None,
        negative=False,
        memory=None,
        dtype=torch.float16,
        prompt=None,
        negative_prompt=None,
        encoder=None,
        effects=words,
    )
    tracer = _Following(adapter, options, run)
    with contextlib.suppress(_Followed), _told_of_gradients(), tracer:
        pipe(**arguments)
    call = tracer.followed
    if call is None or len(call.passes) != len(run.steps):
        raise ReproductionError(
            f"{adapter.pipe_name} ran {0 if call is None else len(call.passes)} of the "
            f"{len(run.steps)} steps that the recording holds. Give the pipeline that made it."
        )
    hidden = call.extras.effects.hidden("conditional", call.index)
    if hidden is None or not hidden.words:
        raise WordNotFoundError(
            f"None of {words!r:.200} is a word of {run.prompt.text!r:.200}, so there are no "
            "gradients. Give words of the prompt, or True for all."
        )
    check_same_text(hidden.prompt, run.prompt)
    return PromptPasses(adapter.net, tuple(call.passes), hidden)


def _check_family(adapter: Adapter) -> None:
    if adapter.attention == "cross" and adapter.hands_text_on:
        return
    why = (
        "several text encoders read its prompt as different tokens, and a vector of the whole text "
        "also enters every block, so hiding a word is not a single direction of its text embeddings"
        if adapter.attention == "joint"
        else "its layers read something that is computed from the text embeddings"
    )
    raise UnsupportedPipelineError(f"There are no gradients of {adapter.pipe_name}: {why}.")


def _check_run(run: Recording, pipe: Any, words: EffectChoice) -> None:
    if words is False:
        raise SelectionError("words=False selects no word. Give True for every word, or the words.")
    if run.latents is None:
        raise NotKeptError(
            "This recording holds no latents, at which the denoiser would be differentiated. "
            "Record it again: generate() and trace() keep them."
        )
    if look := look_in_words(run.facts):
        raise ReproductionError(
            f"This recording is a look ({look}), whose loop was not the pipeline's own, so it "
            "cannot be run again. Gradients are computed only for images that the pipeline drew."
        )
    if names := altered(run):
        raise ReproductionError(
            f"{names[0]!r} of this recording is not what the pipeline made, so its gradients would "
            "not be the model's. Give the unmodified recording."
        )
    changes = [*(run.facts.batch.get("interventions") or ()), *map(_change, open_changes(pipe))]
    if changes:
        raise ReproductionError(
            f"The attention is or was changed ({changes[0]}), but gradients are computed for the "
            "unchanged model. Close the intervention, and give a recording that was made without "
            "one."
        )


def _change(attached: Any) -> str:
    return str(attached.change)


@contextlib.contextmanager
def _told_of_gradients() -> Iterator[None]:
    """Words are hidden as for effects; errors name gradients instead."""
    try:
        yield
    except UnsupportedPipelineError as error:
        why = str(error).replace("there are no effect maps", "there are no gradients")
        for way_out, instead in ((", or leave out effects=.", "."), (" Leave out effects=.", "")):
            why = why.replace(way_out, instead)
        raise UnsupportedPipelineError(why) from error.__cause__


class _Followed(BaseException):
    """Raised when every recorded step has been run."""


class _Following(Tracer):
    """Follows a call through the recorded steps and stops it after them."""

    def __init__(self, adapter: Adapter, options: Options, run: Recording) -> None:
        super().__init__(adapter, options)
        self._run = run

    @property
    def followed(self) -> _FollowedCall | None:
        """The call, once the pipeline was called."""
        last = self._calls[-1] if self._calls else None
        assert last is None or isinstance(last, _FollowedCall)
        return last

    def _new_call(self, arguments: dict[str, Any]) -> WatchedCall:
        return _FollowedCall(self.adapter, self._options, arguments, self._run)

    def _after_denoiser(self, module: nn.Module, output: Any) -> None:
        call = self._call()
        if isinstance(call, _FollowedCall):
            call.answer(output)
        super()._after_denoiser(module, output)


class _FollowedCall(WatchedCall):
    """A call that is given the recorded latents, and whose passes of the prompt are noted."""

    def __init__(
        self, adapter: Adapter, options: Options, arguments: Mapping[str, Any], run: Recording
    ) -> None:
        super().__init__(adapter, options, arguments)
        self.run = run
        self.index = int(run.facts.batch.get("index", 0))
        self.passes: list[PromptPass] = []
        self._pending: tuple[dict[str, Any], int] | None = None  # of the pass that is running

    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        super().begin_pass(net, arguments)
        self._check()
        passing, self.passing = self.passing, None  # no attention is recorded
        if passing is not None and passing.targets:
            self._note(passing.inputs, passing.targets[self.index].row, arguments)

    @torch.inference_mode(mode=False)  # whose tensors would have no derivatives
    def _note(self, inputs: DenoiserInputs, row: int, arguments: Mapping[str, Any]) -> None:
        """Note the denoiser's inputs in the prompt's row."""
        if not isinstance(arguments.get(TEXT), Tensor):
            raise UnsupportedPipelineError(
                f"The {self.adapter.component} of {self.adapter.pipe_name} receives its text under "
                f"another name than {TEXT}, so it cannot be differentiated with respect to it."
            )
        if self.batch_rows(inputs.text, self.encoding(inputs.text)).again:
            raise UnsupportedPipelineError(
                f"{self.adapter.pipe_name} has the prompt's row twice in a batch (perturbed or "
                "image guidance), by processors that read all rows together, so the row cannot be "
                "differentiated alone. Draw without that guidance."
            )
        cut = {
            name: of_row(value, row, rows=inputs.rows)
            for name, value in arguments.items()
            if value is not self.adapter.net  # `self`, which the signature names
        }
        self._pending = cut, row

    def answer(self, output: Any) -> None:
        """The denoiser returned its prediction."""
        if self._pending is None:
            return
        (arguments, row), self._pending = self._pending, None
        values: Tensor = output[0] if isinstance(output, tuple) else output.sample
        if tuple(values.shape[-2:]) != self.run.facts.latent_size or values.ndim != 4:
            raise UnsupportedPipelineError(
                f"The {self.adapter.component} of {self.adapter.pipe_name} predicts the shape "
                f"{tuple(values.shape)}, not a value for each cell of the latents."
            )
        self.passes.append(PromptPass(arguments, values[row].detach().clone()))

    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        super().on_step(timestep, sample, result)
        self._check()
        step, run = self.step - 1, self.run
        recorded = run.latents
        assert recorded is not None  # checked before the call
        if step >= len(run.timesteps) or float(timestep) != run.timesteps[step]:
            raise ReproductionError(
                f"Step {step} of the loop is at the timestep {float(timestep):g} now, and the "
                f"recording's are {', '.join(f'{t:g}' for t in run.timesteps[:10])}, ... Give the "
                "pipeline that made it, with its scheduler."
            )
        own = sample[self.index].detach().cpu().double()
        if not bool((own - recorded[step].double()).norm() <= ALIKE * own.norm()):
            raise ReproductionError(
                f"The latents of step {step} differ from the recorded ones: the noise is drawn "
                "differently now, or something changes the latents between the steps "
                "(callback_on_step_end=). Give the pipeline and the arguments that made the "
                "recording."
            )
        following: Tensor = result[0] if isinstance(result, tuple) else result.prev_sample
        following[self.index].copy_(recorded[step + 1])
        if step == run.steps[-1]:
            raise _Followed

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
