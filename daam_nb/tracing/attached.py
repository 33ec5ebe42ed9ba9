"""On a pipeline, off again, and nothing left behind: what a trace and an intervention share.

Forward hooks say which layer, which pass and which step is running; wrappers of the pipeline's
``__call__`` and ``encode_prompt`` and of the scheduler's ``step`` say when a call begins and how
far it is. All of them stand only while the context is open.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import torch
from torch import nn

from daam_nb.errors import NothingRecordedError, UnsupportedPipelineError
from daam_nb.tracing import families, taps
from daam_nb.tracing.running import RunningCall

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

# What is open in this context, outermost first, and the calls running in it. A pipeline that
# another thread runs is not in the context, so it is neither recorded nor changed by accident.
_open: ContextVar[tuple[Attached[Any], ...]] = ContextVar("daam_nb_open", default=())
_running: ContextVar[tuple[RunningCall, ...]] = ContextVar("daam_nb_running", default=())

CallT = TypeVar("CallT", bound=RunningCall)


class Attached(ABC, Generic[CallT]):
    """A context manager that is told what one pipeline does while it is open.

    Attributes
    ----------
    pipe, family
        The pipeline, and what is particular to its architecture.
    change
        What it changes in the attention, for people; None where it only watches.
    kind
        What it is called in messages.
    """

    change: object | None = None
    kind: str = "trace"

    def __init__(self, pipe: Any, net: nn.Module) -> None:
        self.pipe = pipe
        self.family = families.family_of(pipe)
        self._net = net
        self._scheduler = pipe.scheduler
        self._calls: list[CallT] = []
        self._handles: list[RemovableHandle] = []
        self._hooked: list[nn.Module] = []
        self._is_open = False
        self._layers: dict[nn.Module, str] = {}

    # On and off ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self in _open.get():
            raise NothingRecordedError(
                f"This {self.kind} is open already; make another with {self.kind}(pipe)."
            )
        try:
            self._put_on()
            return self
        except BaseException:
            self._take_off()
            raise

    def _put_on(self) -> None:
        self._is_open = True
        _open.set((*_open.get(), self))
        whole = getattr(self.pipe, self.family.part)
        if any(_is_compiled(module) for module in (whole, *self._net.modules())):
            taps.hold_eager(self)
        taps.hold_attention(self)
        taps.hold(self, type(self.pipe), "__call__", _watch_calls)
        taps.hold(self, self.pipe, _encoder(self.pipe), partial(_watch_encoding, self.pipe))
        taps.hold(self, self._scheduler, "step", partial(_watch_steps, self._scheduler))
        self._put_hooks_on()

    def _put_hooks_on(self) -> None:
        handles = self._handles
        before = {"with_kwargs": True, "prepend": True}
        encoders, layers = (
            self.family.encoders(self.pipe),
            list(self.family.attention_modules(self._net)),
        )
        every = (*self.family.text_encoders(self.pipe), *encoders)
        self._hooked = [*every, self._net, *(module for _, module in layers)]
        for text in encoders:
            handles.append(text.register_forward_pre_hook(self._on_text, with_kwargs=True))
        handles.append(self._net.register_forward_pre_hook(self._before_denoiser, **before))
        handles.append(self._net.register_forward_hook(self._after_denoiser))
        for name, module in layers:
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
            self._let_go(call)

    def _remove_stray_hooks(self) -> None:
        """Hooks that were put on while an interrupt kept their handle from being noted."""
        for module in self._hooked:
            for hooks in (module._forward_pre_hooks, module._forward_hooks):
                ours = [k for k, h in hooks.items() if getattr(h, "__self__", None) is self]
                for key in ours:
                    hooks.pop(key, None)
                    module._forward_pre_hooks_with_kwargs.pop(key, None)

    # What the hooks do -----------------------------------------------------------------------

    def _call(self) -> RunningCall | None:
        """This one's call that runs in this context, innermost."""
        for call in reversed(_running.get()):
            if call in self._calls:
                return call
        return None

    def _on_text(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        call = self._call()
        ids = args[0] if args else kwargs.get("input_ids")
        if call is not None and isinstance(ids, torch.Tensor):
            call.on_input_ids(module, ids)

    def _before_denoiser(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._call()
        if call is None:
            return
        self._let_go(call)  # what an exception inside attention may have left
        # The class's signature: offloading replaces the instance's `forward`.
        bound = inspect.signature(type(module).forward).bind_partial(module, *args, **kwargs)
        call.begin_pass(module, bound.arguments)

    def _after_denoiser(self, module: nn.Module, args: Any, output: Any) -> None:
        call = self._call()
        if call is not None:
            call.end_pass()
            call.ran += 1

    def _before_attention(self, module: nn.Module, args: Any) -> None:
        call = self._call()
        if call is not None:
            self._enter_layer(call, self._layers[module], module)

    def _after_attention(self, module: nn.Module, args: Any, output: Any) -> None:
        call = self._call()
        if call is not None:
            self._leave_layer(call, self._layers[module])

    # What each kind does with it -------------------------------------------------------------

    @abstractmethod
    def _new_call(self, arguments: dict[str, Any]) -> CallT:
        """The pipeline is called, inside the block."""

    @abstractmethod
    def _end(self, call: Any, output: Any) -> None:
        """The pipeline returned."""

    @abstractmethod
    def _enter_layer(self, call: Any, name: str, module: nn.Module) -> None:
        """An attention module starts."""

    @abstractmethod
    def _leave_layer(self, call: Any, name: str) -> None:
        """It returned."""

    @abstractmethod
    def _let_go(self, call: Any) -> None:
        """Take everything of a call off the kernels. Safe to repeat."""

    def _begin(self, arguments: dict[str, Any]) -> CallT:
        for name, watched in ((self.family.part, self._net), ("scheduler", self._scheduler)):
            present = getattr(self.pipe, name)
            if getattr(present, "_orig_mod", present) is not watched:
                raise UnsupportedPipelineError(
                    f"The pipeline's {name} was exchanged after the {self.kind} was opened, so it "
                    f"is not watched. Exchange it first, then open the {self.kind}."
                )
        call = self._new_call(arguments)
        self._calls.append(call)
        return call


def _watch_calls(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        attached = [one for one in _open.get() if one.pipe is self and one._is_open]
        if not attached:
            return original(self, *args, **kwargs)
        try:
            arguments = dict(signature.bind(self, *args, **kwargs).arguments)
        except TypeError:
            return original(self, *args, **kwargs)  # raises, in the pipeline's own words
        begun = [(one, one._begin(arguments)) for one in attached]
        changes = tuple(str(one.change) for one in attached if one.change is not None)
        for _, call in begun:
            call.changes = changes
        token = _running.set((*_running.get(), *(call for _, call in begun)))
        try:
            output = original(self, *args, **kwargs)
        finally:
            _running.reset(token)
            for one, call in begun:
                one._let_go(call)
        for one, call in begun:
            one._end(call, output)
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
                call.ran = 0
        return result

    return step


def _encoder(pipe: Any) -> str:
    return "encode_prompt" if hasattr(pipe, "encode_prompt") else "_encode_prompt"


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
