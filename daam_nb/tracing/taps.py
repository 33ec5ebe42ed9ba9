"""The functions that compute attention, watched while a trace is open.

A tap calls the original first and hands its result through untouched; then it shows query, key,
mask and scale to the observers of the attention module that is running in this thread. Without an
observer it is a pass-through. Patches are counted: the first trace puts them on, the last one
takes them off, whatever the order and the thread in which traces close.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor


class Observer(Protocol):
    """What a running attention module shows its queries and keys to."""

    def see(
        self, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, *, flat: bool
    ) -> None:
        """Take one call; `flat`: (batch*head, n, dim) instead of (batch, head, n, dim)."""


class _Running(threading.local):
    """The observers of the attention module running in this thread, innermost last."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []


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
    """Replace ``owner.name`` by ``wrap(present value)``, or share the patch that is on already.

    Parameters
    ----------
    holder
        Who holds it: give the same object to `release`.
    owner
        A module, a class or an instance.
    name
        The attribute.
    wrap
        Makes the wrapper; called for the first holder only.
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


def release(holder: object) -> None:
    """Let go of every patch of a holder; those without holders come off. Safe to repeat."""
    with _lock:
        for key, patch in tuple(_patches.items()):
            patch.holders.discard(id(holder))
            if not patch.holders:
                patch.take_off()
                del _patches[key]


def _show(
    query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None, *, flat: bool
) -> None:
    # A copy: an observer that is satisfied takes itself off the list.
    for observer in tuple(running.observers):
        observer.see(
            query, key, mask, query.shape[-1] ** -0.5 if scale is None else scale, flat=flat
        )


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
        if running.observers:
            _show(query, key, attn_mask, scale, flat=False)
        return result

    return scaled_dot_product_attention


def _tap_scores(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def get_attention_scores(
        self: Any, query: Tensor, key: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:
        result = original(self, query, key, attention_mask)
        if running.observers:
            _show(query, key, attention_mask, self.scale, flat=True)
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
        if running.observers:
            flat = query.ndim == 3  # (batch*head, n, dim); else (batch, n, head, dim)
            if not flat:
                query, key = query.transpose(1, 2), key.transpose(1, 2)
            _show(query, key, attn_bias, scale, flat=flat)
        return result

    return memory_efficient_attention


def hold_attention(holder: object) -> None:
    """Put the taps on every function that computes attention in a UNet.

    torch's ``scaled_dot_product_attention``, which diffusers looks up at call time; the explicit
    computation of sliced and upcast attention; xformers', where it is loaded.
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
    """Give the compiler its former stance back with the last holder. Safe to repeat."""
    with _lock:
        _eager_holders.discard(id(holder))
        if not _eager_holders and _stance:
            _stance[0].__exit__(None, None, None)
            _stance.clear()
