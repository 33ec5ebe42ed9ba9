"""`add_effects`: effects of words from a recording and its pipeline, without denoising again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import NotKeptError, ReproductionError, SelectionError
from daam_nb.prompt import Prompt
from daam_nb.recording import Effects, Recording, altered, sealed
from daam_nb.recording.effects import merged
from daam_nb.recording.kinds import check_recording
from daam_nb.selection import in_words
from daam_nb.tracing.calls import WatchedCall
from daam_nb.tracing.effects.call import check_effects
from daam_nb.tracing.effects.change import affine, output_projection, value_projection
from daam_nb.tracing.effects.hidden import HiddenWords
from daam_nb.tracing.effects.watching import EffectBuffers
from daam_nb.tracing.intervening.choices import HIDDEN_IN_TEXT
from daam_nb.tracing.making import arguments_again
from daam_nb.tracing.models import Adapter, Branch, adapter_of
from daam_nb.tracing.options import EffectChoice, read_effect_words, read_options
from daam_nb.tracing.sameness import check_model_changes, check_same_text, check_weights
from daam_nb.tracing.session import Tracer


def add_effects(run: Recording, pipe: Any, words: EffectChoice = True, **omitted: Any) -> Recording:
    """Add the effects of words to a recording, from its attention and the pipeline's weights.

    The text is encoded again, with each word hidden; no denoising step is run. The values are those
    of ``generate(..., effects=...)``, up to the rounding of the recorded attention.

    Parameters
    ----------
    run
        A recording with the attention to every column of the text, for each step:
        ``generate(..., tokens="all")`` or ``keep="replay"``.
    pipe
        The pipeline that made it.
    words
        The words whose effects to add; True for every word of the prompt.
    **omitted
        As for `reproduce`: arguments of the call that are not plain data.

    Returns
    -------
    Recording
        The same recording with these words' effects added to those that it holds: in `effects`, and
        in `negative_effects` if it holds the negative prompt's attention, too.

    Raises
    ------
    NotKeptError
        If the recording lacks columns, or holds only the sum over its steps.
    ReproductionError
        If the pipeline differs from the recording's, by a few values of each of its tensors
        (``facts.batch["weights"]``), or by adapters, FreeU or hooks; if the call cannot be
        repeated; if the recording is not what the pipeline made, or words were hidden in its text
        encoder.
    SelectionError
        For ``words=False``.
    UnsupportedPipelineError
        If effect maps do not exist for the model or the text.
    WordNotFoundError
        If a word is not in the prompt.

    Examples
    --------
    >>> run = generate(pipe, "a dog next to a car", tokens="all")  # doctest: +SKIP
    >>> run = add_effects(run, pipe, ["dog"])  # doctest: +SKIP
    """
    check_recording(run, where="add_effects()", order="add_effects(run, pipe)", other=pipe)
    adapter = adapter_of(pipe)
    check_effects(adapter)
    words = read_effect_words(words, "words")
    if words is False:
        raise SelectionError("words=False selects no word. Give True for every word, or the words.")
    _check_own(run)
    _check_kept(run)
    _check_layers(run, adapter)
    check_weights(run, pipe, what="effects")
    check_model_changes(run, pipe, what="effects")
    arguments = arguments_again(run, pipe, omitted, where="add_effects()")
    if run.facts.call.get("cross_attention_kwargs"):
        raise ReproductionError(
            "The call scaled adapters by cross_attention_kwargs, which are in force only while the "
            "denoiser runs. Record the effects while the image is made: generate(..., effects=...)."
        )
    options = read_options(
        keep="steps",
        layers=[layer.name for layer in run.layers],
        keep_steps=None,
        tokens=None,
        negative=bool(run.negative_attention),
        memory=None,
        dtype=run.attention[run.layers[0].name].dtype,
        prompt=None,
        negative_prompt=None,
        encoder=None,
        effects=words,
    )
    tracer = _Settling(adapter, options)
    with contextlib.suppress(_Settled), tracer:
        pipe(**arguments)
    call = tracer.settled
    index = int(run.facts.batch.get("index", 0))
    prompts: dict[Branch, Prompt | None] = {
        "conditional": run.prompt,
        "unconditional": run.negative_prompt,
    }
    attention: dict[Branch, Mapping[str, Tensor]] = {
        "conditional": run.attention,
        "unconditional": run.negative_attention,
    }
    effects: dict[Branch, Effects | None] = {}
    for branch, arrays in attention.items():
        hidden = call.extras.effects.hidden(branch, index) if arrays else None
        if hidden is not None and hidden.words:
            check_same_text(hidden.prompt, prompts[branch])
            effects[branch] = _worked_out(run, adapter.net, hidden, arrays)
    with_effects = replace(
        run,
        effects=merged(run.effects, effects.get("conditional")),
        negative_effects=merged(run.negative_effects, effects.get("unconditional")),
    )
    return sealed(with_effects) if run.facts.digests else with_effects


def _check_own(run: Recording) -> None:
    """Check that its attention is the model's, for the text as it is encoded now."""
    if names := altered(run):
        raise ReproductionError(
            f"{names[0]!r} of this recording is not what the pipeline made, so effects computed "
            "from it would not be the model's. Give the unmodified recording."
        )
    for change in run.facts.batch.get("interventions") or ():
        if HIDDEN_IN_TEXT in change:
            raise ReproductionError(
                f"The recording was made while words were hidden in the text encoder ({change}), "
                "but effects are computed from the whole text. Record without the change."
            )


def _check_kept(run: Recording) -> None:
    if run.kept == "sum":
        raise NotKeptError(
            "This recording holds one sum over its steps, and the norm of a sum is not the sum of "
            "norms. Record the effects while the image is made: generate(..., effects=...)."
        )
    missing = [i for i in range(len(run.prompt.tokens)) if i not in run.columns]
    if missing:
        raise NotKeptError(
            f"This recording lacks the attention to the key positions {in_words(missing)} (end of "
            "text and padding carry part of every word). Record with tokens='all', or with "
            "effects=..."
        )


def _check_layers(run: Recording, adapter: Adapter) -> None:
    heads = {name: getattr(module, "heads", None) for name, module in adapter.modules()}
    for layer in run.layers:
        if heads.get(layer.name) != layer.heads:
            raise ReproductionError(
                f"{adapter.pipe_name} has no {layer.name} with {layer.heads} heads, whose "
                "attention the recording holds. Give the pipeline that made it, "
                f"{run.facts.pipeline} of {run.facts.model}."
            )


@torch.no_grad()
def _worked_out(
    run: Recording, net: nn.Module, hidden: HiddenWords, attention: Mapping[str, Tensor]
) -> Effects:
    """Compute the effects of one image's words from its recorded attention."""
    dtype = attention[run.layers[0].name].dtype
    steps = len(run.steps)
    buffers = EffectBuffers(hidden, run.layers, steps=steps, keep="steps", dtype=dtype)
    for layer in run.layers:
        module: Any = net.get_submodule(layer.name)
        of_text = affine(value_projection(module), hidden.embeddings, module)  # (key, head * dim)
        by_head = of_text.view(len(of_text), layer.heads, -1).transpose(0, 1)
        for i in range(steps):
            p = attention[layer.name][i].flatten(2).to(by_head)  # (head, key, n)
            buffers.see(layer, module, i, p)
            attended = (p.transpose(1, 2) @ by_head).transpose(0, 1).flatten(1)  # (n, head * dim)
            buffers.see_output(layer, affine(output_projection(module), attended, module))
    return buffers.finished()


class _Settled(BaseException):
    """Raised to stop a call that has run as far as needed."""


class _Settling(Tracer):
    """Follows a call up to its first step and stops it there."""

    @property
    def settled(self) -> WatchedCall:
        """The call, with everything that depends on it decided."""
        return self._calls[-1]

    def _new_call(self, arguments: dict[str, Any]) -> WatchedCall:
        return _SettlingCall(self.adapter, self._options, arguments)


class _SettlingCall(WatchedCall):
    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        super().begin_pass(net, arguments)
        if self.settled:
            raise _Settled
