"""`trace`: record the attention of any call in a ``with`` block, leaving the pipeline unchanged."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import nn

from daam_nb.errors import (
    DaamError,
    NothingRecordedError,
    ShapeError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.kinds import names_checked
from daam_nb.recording import Kept, LayerChoice, Recording
from daam_nb.selection import StepChoice
from daam_nb.tracing import calls, observer, proof, taps
from daam_nb.tracing.attached import Attached, Method, watch_decoding
from daam_nb.tracing.concepts import observing as streaming
from daam_nb.tracing.extras import check_extras
from daam_nb.tracing.models import Adapter, JointAdapter, adapter_of
from daam_nb.tracing.options import (
    ConceptChoice,
    EffectChoice,
    Options,
    SelfAttentionChoice,
    TextChoice,
    TokenChoice,
    read_options,
)
from daam_nb.tracing.self_attention import observing
from daam_nb.tracing.self_attention.call import self_modules


@names_checked
def trace(
    pipe: Any,
    *,
    keep: Kept = "steps",
    layers: LayerChoice = "all",
    keep_steps: StepChoice = None,
    tokens: TokenChoice = None,
    negative: bool = False,
    memory: int | str | None = None,
    dtype: torch.dtype = torch.float16,
    prompt: TextChoice = None,
    negative_prompt: TextChoice = None,
    encoder: str | None = None,
    effects: EffectChoice = False,
    concepts: ConceptChoice = None,
    self_attention: SelfAttentionChoice = False,
) -> Tracer:
    """Record a pipeline's attention to its text while a ``with`` block runs.

    The images made inside are the untraced ones, bit for bit, and nothing is left on the
    pipeline afterwards.

    Parameters
    ----------
    pipe
        A diffusers pipeline with a UNet that attends to text, one of Stable Diffusion 3, 3.5 or
        FLUX.1, or one whose adapter was registered (`register_adapter`).
    keep
        ``"steps"``: every step separately. ``"sum"``: only the sum over steps, float32.
        ``"replay"``: every step, every key column and both guidance passes.
    layers
        The layers to keep, as for `daam_nb.recording.select_layers`.
    keep_steps
        Steps whose attention is kept: a slice or integers, 0-based positions in the sampling loop.
        Default: all. The number of steps run is the pipeline's ``num_inference_steps``.
    tokens
        Words (every occurrence) and key positions to keep, or ``"all"``, which includes the
        padding. Default: the start of text, the prompt's tokens and the end of text.
    negative
        Whether to keep the attention to the negative prompt as well.
    memory
        Memory budget in bytes or as text (``"2 GiB"``), checked before the first step. Default: 80
        % of the memory free at that time.
    dtype
        Storage dtype of the probabilities, which are computed in float32. float16 keeps 3 digits.
    prompt
        The text behind ``prompt_embeds``, one per prompt. Not needed if the embeddings are made
        inside the block: the columns are then named by the text encoder's input. A text is compared
        with the embeddings; a `Prompt`, such as ``Prompt.from_ids(text, ids, pipe.tokenizer)``,
        names every column unchecked, also of embeddings that cannot be recognized.
    negative_prompt
        The same behind ``negative_prompt_embeds``, for ``negative=True``.
    encoder
        The text encoder whose tokens are recorded, if several make key columns side by side (Stable
        Diffusion 3): ``"clip"``, the columns shared by both CLIP encoders, or ``"t5"``. Default:
        the first. The manifest names what is left out.
    effects
        Words for which to record the change of each layer's output if the word were hidden in the
        text encoder, for ``heat_maps(run, kind="effect")``; True for every word of the prompt. The
        text is encoded once more for each word; the image does not change. For models whose layers
        read the text embeddings by cross-attention (Stable Diffusion 1, 2 and XL).
    concepts
        Words that are not in the prompt, for ``heat_maps(run, kind="concept")``:
        ``["sky", "tail"]``, or a text in which each word is a concept. They are read as a separate
        text, by the same encoders and layers, with the queries that make the image, which does not
        change. For the same models as `effects`, and in joint attention (Stable Diffusion 3,
        FLUX.1) as in ConceptAttention, for two concepts or more: docs/maps.md.
    self_attention
        Whether to record the attention of the image's cells to each other, in layers of at most 32
        x 32 cells, averaged over heads: True, summed over the steps; ``"steps"``, each step
        separately. In a UNet its layers of self-attention; in joint attention the image-to-image
        part.

    Returns
    -------
    Tracer
        A context manager; afterwards ``tracer.recording`` or ``tracer.recordings``.

    Raises
    ------
    UnsupportedPipelineError
        If the pipeline's text attention cannot be read exactly.
    SelectionError
        If a choice cannot be read.
    UnknownOptionError
        For an unknown option; inside the block also for an argument that the pipeline's call would
        silently drop.
    MissingTextError, ShapeError
        When the pipeline is called, before its first step: if the text behind the columns is not
        known, or is not the text given.

    Notes
    -----
    In cross-attention (as in UNets) the keys are the text alone, and the probabilities of all its
    columns sum to 1. In joint attention (Stable Diffusion 3, FLUX.1) image and text are keys of one
    softmax: recorded is the attention of each image cell to each text column, out of all keys. Over
    the text it sums to less than 1, and it is not renormalized.

    Examples
    --------
    >>> with trace(pipe) as tracer:  # doctest: +SKIP
    ...     image = pipe("a red fox in the snow").images[0]
    >>> run = tracer.recording  # doctest: +SKIP
    """
    options = read_options(
        effects=effects,
        concepts=concepts,
        self_attention=self_attention,
        keep=keep,
        layers=layers,
        keep_steps=keep_steps,
        tokens=tokens,
        negative=negative,
        memory=memory,
        dtype=dtype,
        prompt=prompt,
        negative_prompt=negative_prompt,
        encoder=encoder,
    )
    adapter = adapter_of(pipe)
    adapter.stream(encoder)
    check_extras(adapter, options)
    if keep == "replay" and "replay" not in adapter.supports:
        raise UnsupportedPipelineError(
            f"The {adapter.attention} attention of {adapter.pipe_name} cannot be replayed, so "
            'keep="replay" has no use. Use keep="steps", with tokens="all" and negative=True for '
            "all of the text."
        )
    return Tracer(adapter, options)


class Tracer(Attached[calls.WatchedCall]):
    """An open or closed trace of one pipeline; made by `trace`.

    Attributes
    ----------
    recordings
        The recordings, one per image, in the order of call, prompt and image.
    """

    def __init__(self, adapter: Adapter, options: Options) -> None:
        super().__init__(adapter)
        self.recordings: tuple[Recording, ...] = ()
        self._options = options
        self._failures: list[Exception] = []
        self._self_names: dict[nn.Module, str] = {}
        self._of_blocks: dict[nn.Module, str] = {}  # block of joint attention -> its layer

    @property
    def recording(self) -> Recording:
        """The recording, if there is exactly one.

        Raises
        ------
        NothingRecordedError
            If there is none, or more than one.
        """
        if len(self.recordings) == 1:
            return self.recordings[0]
        if not self.recordings:
            raise NothingRecordedError(
                "Nothing has been recorded yet: call the pipeline inside the `with trace(pipe)` "
                "block and ask for the recording after it."
            )
        raise NothingRecordedError(
            f"This trace holds {len(self.recordings)} recordings, one per image; "
            "use tracer.recordings."
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._take_off()
        except BaseException:  # an interrupt before its own `try`: doing it again is safe
            self._take_off()
            raise
        if kind is not None:
            return
        if self._failures:
            images = [image for call in self._calls for image in call.images]
            first = self._failures[0]
            raise WatchError(
                f"The pipeline finished, but watching it failed: {first} The images are in this "
                f"error's .images ({len(images)}); the {len(self.recordings)} recordings that "
                "succeeded are in tracer.recordings.",
                images,
            ) from (None if isinstance(first, DaamError) else first)
        if not self.recordings and self._calls:
            raise NothingRecordedError(
                f"Nothing was recorded: {len(self._calls)} calls of this "
                f"{type(self.pipe).__name__} began inside the `with` block, but none finished."
            )
        if not self.recordings:
            raise NothingRecordedError(
                f"Nothing was recorded: this {type(self.pipe).__name__} was not called inside the "
                "`with` block (in the block's own thread). Call the very pipeline that was traced, "
                "not a copy of it, and not its parts."
            )

    def _watch_modules(self) -> None:
        super()._watch_modules()
        kind = type(getattr(self.pipe, "vae", None))
        if callable(getattr(kind, "decode", None)):
            taps.hold(self, kind, "decode", partial(Method, kind, watch_decoding))

        if self._options.self_attention:
            for name, module in self_modules(self.adapter):
                self._self_names[module] = name
                self._watch(module, before=self._before_self, after=self._after_self)

        if self._options.concepts is not None and isinstance(self.adapter, JointAdapter):
            for name, _ in self.adapter.modules():
                block = self._net.get_submodule(name.rpartition(".")[0])
                self._of_blocks[block] = name
                self._watch(block, before=self._before_block, after=self._after_block)

    # What happens on the pipeline -------------------------------------------------------------

    def _new_call(self, arguments: dict[str, Any]) -> calls.WatchedCall:
        return calls.WatchedCall(self.adapter, self._options, arguments)

    def _end(self, call: calls.WatchedCall, output: Any) -> None:
        try:
            self.recordings += call.finish(output)
        except Exception as error:  # the image is returned; raised when the trace closes
            self._failures.append(error)

    def _enter_layer(self, call: calls.WatchedCall, name: str, module: nn.Module) -> None:
        layer = call.kept_layers.get(name)
        if layer is not None and call.passing is not None:
            if name not in call.missing:
                call.fail(
                    ShapeError(
                        f"{name} ran twice within one pass of the denoiser, in step {call.step}: "
                        "something runs parts of it again, so which of the two made the image is "
                        "unknown. Run the denoiser once per pass."
                    )
                )
                return
            taps.hold_projections(self, proof.projections(module))
            observer.observe(call, layer, module)

    def _leave_layer(self, call: calls.WatchedCall, name: str, output: Any) -> None:
        layer = call.kept_layers.get(name)
        if layer is not None:
            observer.unobserve(call, layer, output)

    def _refuse(self, call: calls.WatchedCall, error: ShapeError) -> None:
        call.fail(error)

    def _before_self(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        call = self._call()
        if call is not None:
            observing.observe(call, self._self_names[module])  # type: ignore[arg-type]

    def _after_self(self, module: nn.Module, output: Any) -> None:
        call = self._call()
        if call is not None:
            observing.unobserve(call, self._self_names[module])  # type: ignore[arg-type]

    def _before_block(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        call = self._call()
        if call is not None:
            streaming.observe(call, self._of_blocks[module], module, args, kwargs)  # type: ignore[arg-type]

    def _after_block(self, module: nn.Module, output: Any) -> None:
        call = self._call()
        if call is not None:
            streaming.unobserve(call, self._of_blocks[module], output)  # type: ignore[arg-type]

    def _let_go(self, call: calls.WatchedCall) -> None:
        super()._let_go(call)
        observer.unobserve(call)
        observing.unobserve(call)
        streaming.unobserve(call)
