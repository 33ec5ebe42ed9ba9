"""`trace`: on, off, and nothing left behind."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from daam_nb.errors import (
    DaamError,
    NothingRecordedError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.recording import Kept, LayerChoice, Recording
from daam_nb.tracing import calls, families, observer, taps
from daam_nb.tracing.options import Options, StepChoice, TextChoice, TokenChoice, read_options

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

# Traces that are open in this context, and the watched calls running in it, outermost first. A
# pipeline that another thread runs is not in the context, so it is not recorded by accident.
_open: ContextVar[tuple[Tracer, ...]] = ContextVar("daam_nb_open", default=())
_running: ContextVar[tuple[calls.WatchedCall, ...]] = ContextVar("daam_nb_running", default=())


def trace(
    pipe: Any,
    *,
    keep: Kept = "steps",
    layers: LayerChoice = "all",
    steps: StepChoice = None,
    tokens: TokenChoice = None,
    negative: bool = False,
    memory: int | str | None = None,
    dtype: torch.dtype = torch.float16,
    prompt: TextChoice = None,
) -> Tracer:
    """Watch a pipeline's cross-attention while a ``with`` block runs.

    The pictures made inside are the untraced ones, bit for bit, and nothing is left on the
    pipeline afterwards.

    Parameters
    ----------
    pipe
        A diffusers pipeline with a UNet that attends to text.
    keep
        ``"steps"``: every step apart. ``"sum"``: one running sum over steps, float32.
        ``"replay"``: every step, every key column and both guidance passes.
    layers
        What `daam_nb.recording.select_layers` takes.
    steps
        Steps to keep: a slice or whole numbers, 0-based places in the sampling loop. Default: all.
    tokens
        Words (every occurrence) and key positions to keep, or ``"all"`` for the padding too.
        Default: the start of text, the prompt's tokens and the end of text.
    negative
        Keep the negative prompt's own maps as well.
    memory
        Budget in bytes or as text (``"2 GiB"``), checked before the first step. Default: 80 % of
        the memory that is free then.
    dtype
        Storage of the probabilities, which are computed in float32. float16 keeps 3 digits.
    prompt
        The text behind ``prompt_embeds``, one per prompt, for calls that give embeddings.

    Returns
    -------
    Tracer
        A context manager; afterwards ``tracer.recording`` or ``tracer.recordings``.

    Raises
    ------
    UnsupportedPipelineError
        Where the pipeline's text attention cannot be read exactly.
    SelectionError
        Where a choice cannot be read.

    Examples
    --------
    >>> with trace(pipe) as tracer:  # doctest: +SKIP
    ...     image = pipe("a red fox in the snow").images[0]
    >>> run = tracer.recording  # doctest: +SKIP
    """
    options = read_options(
        keep=keep,
        layers=layers,
        steps=steps,
        tokens=tokens,
        negative=negative,
        memory=memory,
        dtype=dtype,
        prompt=prompt,
    )
    return Tracer(pipe, families.denoiser(pipe), options)


class Tracer:
    """An open (or closed) trace of one pipeline; made by `trace`.

    Attributes
    ----------
    recordings
        One per picture, in the order of call, prompt and picture.
    """

    def __init__(self, pipe: Any, unet: nn.Module, options: Options) -> None:
        self.pipe = pipe
        self.recordings: tuple[Recording, ...] = ()
        self._unet = unet
        self._scheduler = pipe.scheduler
        self._options = options
        self._calls: list[calls.WatchedCall] = []
        self._failures: list[Exception] = []
        self._handles: list[RemovableHandle] = []
        self._is_open = False
        self._layers: dict[nn.Module, str] = {}

    @property
    def recording(self) -> Recording:
        """The recording, where there is exactly one.

        Raises
        ------
        NothingRecordedError
            Where there is none, or more than one.
        """
        if len(self.recordings) == 1:
            return self.recordings[0]
        if not self.recordings:
            raise NothingRecordedError(
                "Nothing is recorded yet: call the pipeline inside the `with trace(pipe)` block "
                "and ask for the recording after it."
            )
        raise NothingRecordedError(
            f"This trace holds {len(self.recordings)} recordings, one per picture; "
            "use tracer.recordings."
        )

    # On and off ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self in _open.get():
            raise NothingRecordedError("This trace is open already; make another with trace(pipe).")
        try:
            self._put_on()
            return self
        except BaseException:
            self._take_off()
            raise

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
                f"The pipeline finished, but watching it failed: {first} The pictures are in this "
                f"error's .images ({len(images)}); "
                f"{len(self.recordings)} recordings that did succeed are in tracer.recordings.",
                images,
            ) from (None if isinstance(first, DaamError) else first)
        if not self.recordings:
            raise NothingRecordedError(
                f"Nothing was recorded: this {type(self.pipe).__name__} was not called inside the "
                "`with` block (in the block's own thread). Call the very pipeline that was traced, "
                "not a copy of it, and not its parts."
            )

    def _put_on(self) -> None:
        self._is_open = True
        _open.set((*_open.get(), self))
        if any(_is_compiled(module) for module in (self.pipe.unet, *self._unet.modules())):
            taps.hold_eager(self)
        taps.hold_attention(self)
        taps.hold(self, type(self.pipe), "__call__", _watch_calls)
        taps.hold(self, self.pipe, _encoder(self.pipe), partial(_watch_encoding, self.pipe))
        taps.hold(self, self._scheduler, "step", partial(_watch_steps, self._scheduler))
        self._put_hooks_on()

    def _put_hooks_on(self) -> None:
        handles = self._handles
        before = {"with_kwargs": True, "prepend": True}
        text = _first_text_encoder(self.pipe)
        if text is not None:
            handles.append(text.register_forward_pre_hook(self._on_text, with_kwargs=True))
        handles.append(self._unet.register_forward_pre_hook(self._before_denoiser, **before))
        handles.append(self._unet.register_forward_hook(self._after_denoiser))
        for name, module in families.attention_modules(self._unet):
            self._layers[module] = name
            handles.append(module.register_forward_pre_hook(self._before_attention))
            handles.append(module.register_forward_hook(self._after_attention))

    def _take_off(self) -> None:
        """Remove everything; an interrupt meanwhile is kept until all is off."""
        interrupted: BaseException | None = None
        while True:
            try:
                self._remove()
                break
            except (KeyboardInterrupt, SystemExit) as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def _remove(self) -> None:
        # Each item leaves the list only after it is off, so that doing it again is safe.
        while self._handles:
            self._handles[-1].remove()
            self._handles.pop()
        self._remove_stray_hooks()
        taps.release(self)
        taps.release_eager(self)
        self._is_open = False  # another context may still name this trace as open
        _open.set(tuple(t for t in _open.get() if t is not self))
        for call in self._calls:
            observer.unobserve(call)

    def _remove_stray_hooks(self) -> None:
        """Hooks that were put on while an interrupt kept their handle from being noted."""
        text = _first_text_encoder(self.pipe)
        for module in (*((text,) if text is not None else ()), self._unet, *self._layers):
            for hooks in (module._forward_pre_hooks, module._forward_hooks):
                ours = [k for k, h in hooks.items() if getattr(h, "__self__", None) is self]
                for key in ours:
                    hooks.pop(key, None)
                    module._forward_pre_hooks_with_kwargs.pop(key, None)

    # What the hooks do -----------------------------------------------------------------------

    def _call(self) -> calls.WatchedCall | None:
        """This trace's call that runs in this context, innermost."""
        for call in reversed(_running.get()):
            if call in self._calls:
                return call
        return None

    def _on_text(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        call = self._call()
        ids = args[0] if args else kwargs.get("input_ids")
        if call is not None and isinstance(ids, torch.Tensor):
            call.on_input_ids(ids)

    def _before_denoiser(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._call()
        if call is None:
            return
        observer.unobserve(call)  # what an exception inside attention may have left
        # The class's signature: offloading replaces the instance's `forward`.
        bound = inspect.signature(type(module).forward).bind_partial(module, *args, **kwargs)
        sample, text = (bound.arguments.get(n) for n in ("sample", "encoder_hidden_states"))
        if isinstance(sample, torch.Tensor) and isinstance(text, torch.Tensor):
            call.begin_pass(module, sample, text)

    def _after_denoiser(self, module: nn.Module, args: Any, output: Any) -> None:
        call = self._call()
        if call is not None:
            call.end_pass()

    def _before_attention(self, module: nn.Module, args: Any) -> None:
        call = self._call()
        if call is not None and call.passing is not None and call.plan is not None:
            layer = call.kept_layers.get(self._layers[module])
            if layer is not None:
                observer.observe(call, layer, module)

    def _after_attention(self, module: nn.Module, args: Any, output: Any) -> None:
        call = self._call()
        if call is not None and call.plan is not None:
            layer = call.kept_layers.get(self._layers[module])
            if layer is not None:
                observer.unobserve(call, layer)

    # One call --------------------------------------------------------------------------------

    def _begin(self, arguments: dict[str, Any]) -> calls.WatchedCall:
        for name, watched in (("unet", self._unet), ("scheduler", self._scheduler)):
            present = getattr(self.pipe, name)
            if getattr(present, "_orig_mod", present) is not watched:
                raise UnsupportedPipelineError(
                    f"The pipeline's {name} was exchanged after the trace was opened, so it is not "
                    "watched. Exchange it first, then open the trace."
                )
        call = calls.WatchedCall(self.pipe, self._options, arguments)
        self._calls.append(call)
        return call

    def _end(self, call: calls.WatchedCall, output: Any) -> None:
        try:
            self.recordings += call.finish(output)
        except Exception as error:  # the picture is returned; raised when the trace closes
            self._failures.append(error)


def _watch_calls(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        tracers = [one for one in _open.get() if one.pipe is self and one._is_open]
        if not tracers:
            return original(self, *args, **kwargs)
        try:
            arguments = dict(signature.bind(self, *args, **kwargs).arguments)
        except TypeError:
            return original(self, *args, **kwargs)  # raises, in the pipeline's own words
        begun = [(tracer, tracer._begin(arguments)) for tracer in tracers]
        token = _running.set((*_running.get(), *(call for _, call in begun)))
        try:
            output = original(self, *args, **kwargs)
        finally:
            _running.reset(token)
            for _, call in begun:
                observer.unobserve(call)
        for tracer, call in begun:
            tracer._end(call, output)
        return output

    return __call__


def _watch_encoding(pipe: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        for call in _running.get():
            if call.pipe is pipe:
                call.on_encode(result)
        return result

    return encode_prompt


def _watch_steps(scheduler: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    # The class's own signature: a wrapper that somebody put on the instance may take anything.
    signature = inspect.signature(type(scheduler).step)

    @functools.wraps(original)
    def step(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        running = [call for call in _running.get() if call.pipe.scheduler is scheduler]
        if running:
            given = signature.bind(scheduler, *args, **kwargs).arguments
            for call in running:
                call.on_step(given.get("timestep"), given.get("sample"), result)
        return result

    return step


def _encoder(pipe: Any) -> str:
    return "encode_prompt" if hasattr(pipe, "encode_prompt") else "_encode_prompt"


def _first_text_encoder(pipe: Any) -> nn.Module | None:
    """The text encoder that reads what `families.tokenizer` writes."""
    for tokenizer, encoder in (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")):
        if getattr(pipe, tokenizer, None) is not None:
            found = getattr(pipe, encoder, None)
            return found if isinstance(found, nn.Module) else None
    return None


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
