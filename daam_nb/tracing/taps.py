"""The functions that compute attention, observed or changed while a context is attached.

A tap calls the original first. If an intervention changes the attention module that is running in
this thread, the difference is added to the result; otherwise the result is passed through
unchanged. Then query, key, mask and scale, and any change, are passed to the module's observers.
Without editors and observers a tap only passes through. Patches are counted: the first holder
applies them, the last one removes them, whatever the order and the thread in which they close.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from daam_nb.tracing.edits import Changed, KernelCall, Part, with_probabilities, with_values


class Observer(Protocol):
    """Receives the queries and keys of a running attention module."""

    def see(self, call: KernelCall, result: Tensor, changed: Changed) -> None:
        """Receive one call, its result, and the rows that interventions changed."""

    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """One of the module's projections was called; `output` is None before it is computed."""

    def see_bare(self, linear: nn.Module, output: Any) -> None:
        """Such a projection returned this, before any hook on it."""


class Reader(Protocol):
    """Receives only the inputs and outputs of a running module's projections."""

    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """As of an `Observer`."""


class Editor(Protocol):
    """Changes the attention of a running module."""

    def edit(self, call: KernelCall, changed: dict[int, Part]) -> None:
        """Change rows of one call: add to `changed`, or continue from its entries."""


class _Running(threading.local):
    """Observers of the attention module running in this thread, innermost last."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.editors: list[Editor] = []
        self.readers: list[Reader] = []


running = _Running()


@dataclass
class _Patch:
    owner: Any
    name: str
    wrapper: Any
    original: Any  # _MISSING where the attribute came from the class or a base
    holders: set[int] = field(default_factory=set)

    def put_on(self) -> None:
        """Set the wrapper."""
        setattr(self.owner, self.name, self.wrapper)

    def take_off(self) -> None:
        """Restore the original."""
        # Only what is still ours: somebody who wrapped our wrapper meanwhile keeps a working
        # chain, in which ours passes everything through.
        if vars(self.owner).get(self.name, _MISSING) is not self.wrapper:
            return
        if self.original is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


_MISSING = object()
_lock = threading.RLock()
_patches: dict[tuple[int, str], _Patch] = {}


def hold(holder: object, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace ``owner.name`` with ``wrap(present value)``, or share an existing patch.

    Parameters
    ----------
    holder
        The holder: give the same object to `release`.
    owner
        A module, a class or an instance.
    name
        The attribute.
    wrap
        Makes the wrapper; called only for the first holder.
    """
    with _lock:
        key = (id(owner), name)
        patch = _patches.get(key)
        if patch is not None:
            patch.holders.add(id(holder))
            return
        original = vars(owner).get(name, _MISSING)
        patch = _Patch(owner, name, wrap(getattr(owner, name)), original, {id(holder)})
        # Known before it is on: an interrupt in between leaves nothing that `release` misses.
        _patches[key] = patch
        patch.put_on()


def is_own(owner: Any, name: str) -> bool:
    """Whether an attribute is the owner's own, not a base's or a patch."""
    patch = _patches.get((id(owner), name))
    present = vars(owner).get(name, _MISSING)
    if patch is not None and present is patch.wrapper:
        present = patch.original
    return present is not _MISSING


def release(holder: object) -> None:
    """Release every patch of a holder; those without holders are removed. Safe to repeat."""
    with _lock:
        for key, patch in tuple(_patches.items()):
            patch.holders.discard(id(holder))
            if not patch.holders:
                patch.take_off()
                del _patches[key]


def _edited(call: KernelCall) -> Changed:
    """Apply the editors, outermost first, to a call's attention."""
    changed: dict[int, Part] = {}
    # A copy: an editor that has seen all of its module takes itself off the list.
    for editor in tuple(running.editors):
        editor.edit(call, changed)
    return changed


def _show(call: KernelCall, result: Tensor, changed: Changed) -> None:
    for observer in tuple(running.observers):
        observer.see(call, result, changed)


def _tap_sdpa(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def scaled_dot_product_attention(  # noqa: PLR0917 (the original's signature)
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        result = original(query, key, value, attn_mask, dropout_p, is_causal,
                          scale=scale, enable_gqa=enable_gqa)  # fmt: skip
        if running.observers or running.editors:
            call = KernelCall(query, key, attn_mask, _scale(scale, query), flat=False, value=value)
            changed = _edited(call)
            if changed:
                result = with_values(result, value, changed)
            _show(call, result, changed)
        return result

    return scaled_dot_product_attention


def _tap_scores(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def get_attention_scores(
        self: Any, query: Tensor, key: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:
        result = original(self, query, key, attention_mask)
        if running.observers or running.editors:
            call = KernelCall(query, key, attention_mask, self.scale, flat=True)
            changed = _edited(call)
            if changed:
                result = with_probabilities(result, changed)
            _show(call, result, changed)
        return result

    return get_attention_scores


def _tap_xformers(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def memory_efficient_attention(  # noqa: PLR0917 (the original's signature)
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_bias: Tensor | None = None,
        p: float = 0.0,
        scale: float | None = None,
        **options: Any,
    ) -> Tensor:
        result = original(query, key, value, attn_bias, p, scale, **options)
        if running.observers or running.editors:
            flat = query.ndim == 3  # (batch*head, n, dim); else (batch, n, head, dim)
            if not flat:
                query, key, value = (t.transpose(1, 2) for t in (query, key, value))
            call = KernelCall(query, key, attn_bias, _scale(scale, query), flat=flat, value=value)
            changed = _edited(call)
            if changed:
                swapped = result if flat else result.transpose(1, 2)
                swapped = with_values(swapped, value, changed)
                result = swapped if flat else swapped.transpose(1, 2)
            _show(call, result if flat else result.transpose(1, 2), changed)
        return result

    return memory_efficient_attention


@contextmanager
def unwatched() -> Iterator[None]:
    """Hide a module's computations in this thread from observers: they are daam_nb's own."""
    before = running.observers, running.editors, running.readers
    running.observers, running.editors, running.readers = [], [], []
    try:
        yield
    finally:
        running.observers, running.editors, running.readers = before


def hold_projections(holder: object, linears: Iterable[nn.Module]) -> None:
    """Watch calls of these modules' classes while there are observers.

    Both ``forward``, which gets the input after its hooks, and ``__call__``, which returns the
    output after its hooks and exists even if offloading replaces ``forward``.
    """
    for linear in linears:
        kind = type(linear)
        hold(holder, kind, "forward", functools.partial(_tap_projection, kind, inside=True))
        hold(holder, kind, "__call__", functools.partial(_tap_projection, kind, inside=False))


def _tap_projection(
    kind: type, original: Callable[..., Any], *, inside: bool
) -> Callable[..., Any]:
    @functools.wraps(original)
    def projection(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        told = running.observers or running.readers
        if not told or type(self) is not kind or not args:
            return original(self, *args, **kwargs)
        if inside:
            _tell(self, args[0], None)
        output = original(self, *args, **kwargs)
        if inside:
            for observer in tuple(running.observers):
                observer.see_bare(self, output)
        else:
            _tell(self, args[0], output)
        return output

    return projection


def _tell(linear: nn.Module, projected: Any, output: Any) -> None:
    for told in (*running.readers, *running.observers):
        told.see_projection(linear, projected, output)


def _scale(scale: float | None, query: Tensor) -> float:
    return float(query.shape[-1] ** -0.5) if scale is None else scale


def hold_attention(holder: object) -> None:
    """Put the taps on every function that computes attention in a denoiser.

    torch's ``scaled_dot_product_attention``, which diffusers looks up at call time; the explicit
    computation of sliced and upcast attention; xformers', if it is loaded.
    """
    from diffusers.models.attention import AttentionModuleMixin
    from diffusers.models.attention_processor import Attention

    hold(holder, torch.nn.functional, "scaled_dot_product_attention", _tap_sdpa)
    for owner in (Attention, AttentionModuleMixin):
        if "get_attention_scores" in vars(owner):
            hold(holder, owner, "get_attention_scores", _tap_scores)
    xformers = sys.modules.get("xformers.ops")
    if xformers is not None:
        hold(holder, xformers, "memory_efficient_attention", _tap_xformers)


_eager_holders: set[int] = set()
_stance: list[Any] = []


def hold_eager(holder: object) -> None:
    """Let compiled modules run eagerly, process-wide, until the last holder releases it."""
    with _lock:
        _eager_holders.add(id(holder))
        if not _stance:
            _stance.append(torch.compiler.set_stance("force_eager"))


def release_eager(holder: object) -> None:
    """Restore the compiler's former stance with the last holder. Safe to repeat."""
    with _lock:
        _eager_holders.discard(id(holder))
        if not _eager_holders and _stance:
            _stance[0].__exit__(None, None, None)
            _stance.clear()
