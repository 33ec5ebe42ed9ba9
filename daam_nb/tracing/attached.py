"""Attaching to a pipeline and detaching completely: the common base of traces and interventions.

The ``__call__`` of the pipeline and of its modules reports when a call begins, and which pass and
layer is running; ``encode_prompt`` and the scheduler's ``step`` report its progress. All of them
are patched on their classes, and only while the context is open. Objects are not changed, so their
copies (``copy.deepcopy``, pickle, ``from_pipe``) carry no patches, and calls of other threads on
the same object pass through unchanged, whenever a context opens or closes there.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, Self, TypeVar

from torch import Tensor, nn

from daam_nb.errors import (
    BusyPipelineError,
    NothingRecordedError,
    ShapeError,
    UnsupportedPipelineError,
)
from daam_nb.tracing import busy, inputs, taps
from daam_nb.tracing.arguments import refuse_unread
from daam_nb.tracing.asking import asking, listening
from daam_nb.tracing.effects.hidden import hiding
from daam_nb.tracing.encodings import EncoderMemory
from daam_nb.tracing.models import Adapter
from daam_nb.tracing.running import RunningCall

# What is open in this context, outermost first, and the calls running in it, each with the one
# that follows it. A pipeline that another thread runs is not in the context, so it is neither
# recorded nor changed by accident.
_open: ContextVar[tuple[Attached[Any], ...]] = ContextVar("daam_nb_open", default=())
_running: ContextVar[tuple[tuple[Attached[Any], RunningCall], ...]] = ContextVar(
    "daam_nb_running", default=()
)

CallT = TypeVar("CallT", bound=RunningCall)
ModuleInputs = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named arguments of a module's call."""

_Before = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], ModuleInputs | None]
_After = Callable[[nn.Module, Any], None]


class Attached(ABC, Generic[CallT]):
    """Context manager that observes one pipeline while it is open.

    Attributes
    ----------
    pipe, adapter
        The pipeline, and the adapter of its model family.
    change
        Its change of the attention, in words; None if it only observes.
    kind
        Its name in messages.
    """

    change: object | None = None
    kind: str = "trace"

    def __init__(self, adapter: Adapter) -> None:
        self.adapter, self.pipe = adapter, adapter.pipe
        self._net = adapter.net
        self._scheduler = self.pipe.scheduler
        self._calls: list[CallT] = []
        self._is_open = False
        self._layers: dict[nn.Module, str] = {}
        self._before: dict[nn.Module, _Before] = {}
        self._after: dict[nn.Module, _After] = {}
        self._encoders: tuple[nn.Module, ...] = ()
        self._hands_text_on = adapter.hands_text_on
        self._memory = EncoderMemory()

    # On and off ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self in _open.get():
            raise NothingRecordedError(
                f"This {self.kind} is already open; make another with {self.kind}(pipe)."
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
        whole = getattr(self.pipe, self.adapter.component)
        if any(_is_compiled(module) for module in (whole, *self._net.modules())):
            taps.hold_eager(self)
        taps.hold_attention(self)
        kind, scheduler = type(self.pipe), type(self._scheduler)
        taps.hold(self, kind, "__call__", partial(_watch_calls, kind))
        taps.hold(self, kind, _encoder(self.pipe), partial(Method, kind, _watch_encoding))
        taps.hold(self, scheduler, "step", partial(Method, scheduler, _watch_steps))
        self._watch_modules()

    def _watch_modules(self) -> None:
        self._encoders = tuple(self.adapter.text_encoders())
        for encoder in self._encoders:
            self._watch(encoder)
        # Where the denoiser is compiled, this is the compiler's wrapper, which runs it.
        whole = getattr(self.pipe, self.adapter.component)
        self._watch(whole, before=self._before_denoiser, after=self._after_denoiser)
        entrance = self.adapter.entrance()
        if entrance is not None:
            self._watch(entrance, before=self._before_entrance)
        for name, module in self.adapter.modules():
            self._layers[module] = name
            self._watch(module, before=self._before_attention, after=self._after_attention)

    def _watch(
        self, module: nn.Module, *, before: _Before | None = None, after: _After | None = None
    ) -> None:
        """Watch a module's calls; `before` may replace its arguments."""
        if before is not None:
            self._before[module] = before
        if after is not None:
            self._after[module] = after
        kind = type(module)
        taps.hold(self, kind, "__call__", partial(_watch_module_calls, kind))

    def _take_off(self) -> None:
        """Remove all patches; an interrupt meanwhile is raised after that."""
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
        taps.release(self)
        taps.release_eager(self)
        self._before.clear()
        self._after.clear()
        self._memory.clear()
        self._is_open = False  # another context may still name this trace as open
        _open.set(tuple(t for t in _open.get() if t is not self))
        for call in self._calls:
            self._let_go(call)

    # What modules tell -----------------------------------------------------------------------

    def _call(self) -> RunningCall | None:
        """The innermost call of this context manager that runs in this context."""
        own = [call for attached, call in _running.get() if attached is self]
        return own[-1] if own else None

    def _before_denoiser(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._call()
        if call is None:
            return
        self._let_go(call)  # what an exception inside attention may have left
        # The class's signature: offloading replaces the instance's `forward`.
        net = self._net
        bound = inspect.signature(type(net).forward).bind_partial(net, *args, **kwargs)
        call.begin_pass(net, bound.arguments)

    def _before_entrance(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._call()
        if call is not None and args:
            call.on_entrance(args[0])

    def _after_denoiser(self, module: nn.Module, output: Any) -> None:
        call = self._call()
        if call is not None:
            call.end_pass()
            call.ran += 1

    def _before_attention(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        call = self._call()
        if call is None:
            return
        name = self._layers[module]
        image = kwargs.get("hidden_states", args[0] if args else None)
        text = kwargs.get("encoder_hidden_states", args[1] if len(args) > 1 else None)
        if isinstance(text, tuple):  # behind an IP-Adapter's text stand its images
            text = text[0]
        if self._hands_text_on:
            call.on_layer_text(name, text)
        self._enter_layer(call, name, module)
        layer = call.followed(name)
        if layer is not None:
            own = inputs.Original.of(text) if isinstance(text, Tensor) else None
            whole = call.given_text if self._hands_text_on else own
            inputs.follow(self, inputs.LayerReader(call, layer, module, image, whole))

    def _after_attention(self, module: nn.Module, output: Any) -> None:
        call = self._call()
        if call is not None:
            reader = inputs.unfollow(call, self._layers[module])
            if reader is not None and (why := reader.why_unread()):
                self._refuse(call, ShapeError(why))
            self._leave_layer(call, self._layers[module], output)

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
    def _leave_layer(self, call: Any, name: str, output: Any) -> None:
        """It returned its output."""

    @abstractmethod
    def _refuse(self, call: Any, error: ShapeError) -> None:
        """Watching a call failed."""

    def _let_go(self, call: Any) -> None:
        """Detach a call from the kernels. Safe to repeat."""
        inputs.unfollow(call)

    def _begin(self, arguments: dict[str, Any]) -> CallT:
        for name, watched in ((self.adapter.component, self._net), ("scheduler", self._scheduler)):
            present = getattr(self.pipe, name)
            if getattr(present, "_orig_mod", present) is not watched:
                raise UnsupportedPipelineError(
                    f"The pipeline's {name} was replaced after the {self.kind} was opened, so it "
                    f"is not watched. Replace it first, then open the {self.kind}."
                )
        call = self._new_call(arguments)
        call.memory = self._memory
        self._calls.append(call)
        return call


def open_changes(pipe: Any) -> tuple[Attached[Any], ...]:
    """Return the interventions open on a pipeline in this context, outermost first."""
    return tuple(a for a in _open.get() if a.pipe is pipe and a.change is not None)


def _calls() -> list[RunningCall]:
    """The calls that run in this context, outermost first."""
    return [call for _, call in _running.get()]


def _watch_calls(kind: type[Any], original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        busy.note_inner_call(_calls(), self)
        attached = [one for one in _open.get() if one.pipe is self and one._is_open]
        if type(self) is not kind or not attached:  # a subclass calls on; or nobody watches
            busy.disturb(getattr(self, "scheduler", None))
            return original(self, *args, **kwargs)
        refuse_unread(self, kwargs)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:
            return original(self, *args, **kwargs)  # raises, in the pipeline's own words
        arguments = _by_name(signature, bound.arguments)
        nested = any(call.scheduler is self.scheduler for call in _calls())
        with busy.on(self.scheduler, nested=nested) as disturbances:
            begun = [(one, one._begin(arguments)) for one in attached]
            changes = tuple(str(one.change) for one in attached if one.change is not None)
            bound.apply_defaults()
            for _, call in begun:
                call.changes = changes
                call.defaults = _by_name(signature, bound.arguments)
                call.disturbances = disturbances
            before = _running.get()
            try:  # an interrupt may come at any line: all that is set is set inside
                _running.set((*before, *begun))
                for _, call in begun:
                    call.memory.hold()
                output = original(self, *args, **kwargs)
            except Exception as error:
                if why := busy.why_out_of_step(begun[0][1], error):
                    raise BusyPipelineError(why) from error
                raise
            finally:
                _running.set(before)
                for one, call in begun:
                    one._let_go(call)
                    call.memory.release()
            for one, call in begun:
                one._end(call, output)
        return output

    return __call__


def _by_name(signature: inspect.Signature, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call's arguments by name, including those in ``**kwargs``."""
    named = dict(arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD and name in named:
            named |= named.pop(name)
    return named


def _watch_module_calls(kind: type, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        running = _running.get()
        # Text is read between the calls, too: embeddings are often made before a call.
        readers = [attached for attached in _open.get() if self in attached._encoders]
        hidden = hiding.get()
        if hidden is not None and self in hidden.encoders and type(self) is kind:
            _check_unhidden(self, [call for _, call in running])
            return original(self, *args, **hidden.with_mask(self, args, kwargs))
        ours = listening.get()
        if ours is not None and type(self) is kind:
            output = original(self, *args, **kwargs)
            ours.add(self, args[0] if args else kwargs.get("input_ids"), output)
            return output
        if not (running or readers) or type(self) is not kind or asking.get():
            return original(self, *args, **kwargs)
        every = list(dict.fromkeys(attached for attached, _ in running))
        for attached in every:
            before = attached._before.get(self)
            if before is not None:
                args, kwargs = before(self, args, kwargs) or (args, kwargs)
        output = original(self, *args, **kwargs)
        for attached in every:
            after = attached._after.get(self)
            if after is not None:
                after(self, output)
        for attached in readers:
            attached._memory.add(self, args[0] if args else kwargs.get("input_ids"), output)
        return output

    return __call__


def _check_unhidden(encoder: nn.Module, calls: Sequence[RunningCall]) -> None:
    """Check that no intervention hides words in a text encoder used for effects."""
    if any(encoder in getattr(call, "hidden_in", ()) for call in calls):
        raise UnsupportedPipelineError(
            "Words are hidden in the text encoder (text_encoder=True), so the effect of hiding "
            "another one cannot be measured at the same time. Leave out effects=, or record "
            "without the change."
        )


class Method:
    """A method of a class, watched on the objects of calls that run in this context.

    A data descriptor: it takes precedence over an object's own dictionary, so that a method that a
    user put there is watched, too, and the dictionary is not changed.

    Parameters
    ----------
    kind
        The patched class; calls of its subclasses pass through it.
    watch
        Object and bound method -> the method to be called; the same one if nobody watches.
    original
        The class's original attribute.
    """

    def __init__(
        self, kind: type, watch: Callable[[Any, Any], Any], original: Callable[..., Any]
    ) -> None:
        self.kind, self.watch, self.original = kind, watch, original
        self.name = original.__name__

    def __get__(self, thing: Any, kind: type | None = None) -> Any:
        if thing is None:
            return self.original
        own = vars(thing).get(self.name)
        method = self.original.__get__(thing, kind) if own is None else own
        return self.watch(thing, method) if type(thing) is self.kind else method

    def __set__(self, thing: Any, value: Any) -> None:
        vars(thing)[self.name] = value

    def __delete__(self, thing: Any) -> None:
        if self.name not in vars(thing):
            raise AttributeError(self.name)
        del vars(thing)[self.name]


def _watch_encoding(pipe: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    if not any(call.pipe is pipe for call in _calls()):
        return method

    @functools.wraps(method)
    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        for call in _calls():
            if call.pipe is pipe:
                call.on_encode(result, partial(method, *args, **kwargs))
        return result

    return encode_prompt


def watch_decoding(vae: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    """Pass what is decoded to the calls of this VAE's pipelines."""
    if not any(getattr(call.pipe, "vae", None) is vae for call in _calls()):
        return method

    @functools.wraps(method)
    def decode(*args: Any, **kwargs: Any) -> Any:
        for call in _calls():
            if getattr(call.pipe, "vae", None) is vae:
                call.on_decode(next(iter((*args, *kwargs.values())), None))
        return method(*args, **kwargs)

    return decode


def _watch_steps(scheduler: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    if not any(call.scheduler is scheduler for call in _calls()):
        return method

    @functools.wraps(method)
    def step(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        running = [call for call in _calls() if call.scheduler is scheduler]
        if running:
            # The class's own signature: what a user put on the instance may take anything.
            signature = inspect.signature(type(scheduler).step)
            arguments = signature.bind(scheduler, *args, **kwargs).arguments
            for call in running:
                if call.timesteps_set is None:
                    call.timesteps_set = scheduler.timesteps
                call.on_step(arguments.get("timestep"), arguments.get("sample"), result)
                call.ran = 0
        return result

    return step


def _encoder(pipe: Any) -> str:
    return "encode_prompt" if hasattr(pipe, "encode_prompt") else "_encode_prompt"


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
