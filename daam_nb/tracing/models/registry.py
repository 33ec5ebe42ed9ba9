"""The pipelines that can be traced: known by class, not by appearance.

A pipeline is more than its denoiser. Its loop decides what a pass of the denoiser is: the whole
image or a view of it, one step or several, this prompt or another. So a class is accepted because
its loop was read and compared with an independent computation, or because the user vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from weakref import WeakSet

from daam_nb.errors import UnsupportedPipelineError, WrongKindError
from daam_nb.tracing import taps
from daam_nb.tracing.models.adapter import Adapter, unwrapped
from daam_nb.tracing.models.flux import Flux
from daam_nb.tracing.models.sd3 import StableDiffusion3
from daam_nb.tracing.models.unet import UNet

_BUILT_IN: tuple[type[Adapter], ...] = (UNet, StableDiffusion3, Flux)
_registered: list[type[Adapter]] = []  # newest first

AdapterT = TypeVar("AdapterT", bound=type[Adapter])
ClassT = TypeVar("ClassT", bound=type)
_vouched: WeakSet[type] = WeakSet()


def register_adapter(adapter: AdapterT) -> AdapterT:
    """Register the adapter of a model family, whose pipelines can be traced from then on.

    Parameters
    ----------
    adapter
        A subclass of `Adapter` that names its `networks` (or defines its own `matches`) and the
        `pipelines` whose loop it knows. Of the adapters that match a pipeline the latest is used,
        before those that ship. The function can be used as a decorator.

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    WrongKindError
        If it is not such a class, or names no pipelines.

    Notes
    -----
    The registration lasts until Python exits. ``docs/add-a-model-family.md`` shows how to write an
    adapter, and the tests that it has to pass.
    """
    if not isinstance(adapter, type) or not issubclass(adapter, Adapter):
        raise WrongKindError(
            f"register_adapter() takes a subclass of Adapter, not {adapter!r:.80}. See "
            "docs/add-a-model-family.md."
        )
    if not adapter.pipelines:
        raise WrongKindError(
            f"{adapter.__name__} names no pipelines, so none would be watched. Name the classes "
            'whose loop it supports: pipelines = ("PixArtAlphaPipeline",).'
        )
    if adapter in _registered:
        _registered.remove(adapter)
    _registered.insert(0, adapter)
    return adapter


def adapter_of(pipe: Any) -> Adapter:
    """Return the adapter of a pipeline, bound to it.

    Raises
    ------
    UnsupportedPipelineError
        If the pipeline's family or class is not known, or its text attention cannot be
        distinguished from other attention.
    WrongKindError
        If the adapter's `batch_orders` give no order.
    """
    try:
        _check_refused(pipe)
        adapter = adapter_class_of(pipe)(pipe)
        adapter.check()
        if not hasattr(pipe, "encode_prompt") and not hasattr(pipe, "_encode_prompt"):
            raise UnsupportedPipelineError(f"{type(pipe).__name__} has no `encode_prompt`.")
    except UnsupportedPipelineError as error:
        raise UnsupportedPipelineError(f"{error} {_known_families()}") from None
    _check_known(pipe)
    adapter.loop_name = known_name(type(pipe))
    adapter.is_vouched = is_vouched(type(pipe))
    _check_batch_orders(adapter)
    return adapter


def adapter_class_of(pipe: Any) -> type[Adapter]:
    """Return the adapter class of a pipeline's family.

    Raises
    ------
    UnsupportedPipelineError
        If the family is not known.
    """
    adapter = next((adapter for adapter in _adapters() if adapter.matches(pipe)), None)
    if adapter is not None:
        return adapter
    name = type(pipe).__name__
    transformer = unwrapped(getattr(pipe, "transformer", None))
    if transformer is None:
        raise UnsupportedPipelineError(
            f"{name} has no `unet` and no `transformer`, so there is nothing to watch."
        )
    raise UnsupportedPipelineError(
        f"The `transformer` of {name}, a {type(transformer).__name__}, is of a family that this "
        "version cannot read."
    )


def vouch_for(pipeline_class: ClassT) -> ClassT:
    """Declare that pipelines of your own class can be traced like those of diffusers.

    A class needs this if it has its own ``__call__``; a subclass that inherits that of a known
    class is known. Its call must work as Stable Diffusion's does: run the denoiser once for each
    step of its loop (twice if guidance takes a second pass), each time on the whole image, with one
    row of text for each image and branch of the guidance, each with the embeddings that
    ``encode_prompt`` returned; and then call ``scheduler.step`` once.

    Parameters
    ----------
    pipeline_class
        The class, not an instance. The function can be used as a decorator.

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    WrongKindError
        If it is not a class.
    UnsupportedPipelineError
        If it is a class of diffusers that is known to work differently.

    Notes
    -----
    The declaration lasts until Python exits, and recordings state it in their manifest. What can be
    checked is still checked, and raises a `WatchError` with the images: the rows of each pass, one
    pass for each step, the scheduler's timesteps one by one, the grid's size against the image's,
    and the attention against each layer's output.

    Examples
    --------
    >>> vouch_for(MyPipeline)  # doctest: +SKIP
    >>> run = generate(MyPipeline.from_pretrained(...), "a red fox")  # doctest: +SKIP
    """
    if not isinstance(pipeline_class, type):
        raise WrongKindError(
            f"vouch_for() takes a class, not a {type(pipeline_class).__name__}. Give its class: "
            "vouch_for(type(pipe))."
        )
    if why := _why_refused(_loop_of(pipeline_class)):
        raise UnsupportedPipelineError(
            f"{pipeline_class.__name__} cannot be vouched for: {why}. A class with another "
            "`__call__` can."
        )
    _vouched.add(pipeline_class)
    return pipeline_class


def is_vouched(kind: type) -> bool:
    """Whether a class is accepted only because the user vouches for it."""
    return not _is_known(_loop_of(kind)) and any(base in _vouched for base in _down_to_loop(kind))


def known_name(kind: type) -> str:
    """Return the name of the known class whose loop this one runs, or an empty string."""
    loop = _loop_of(kind)
    return loop.__name__ if _is_known(loop) else ""


def _check_refused(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` for a class whose loop is known to be different."""
    kind = type(pipe)
    why = _why_refused(_loop_of(kind))
    if why and not is_vouched(kind):
        raise UnsupportedPipelineError(f"{kind.__name__} is not watched: {why}.")


def _check_batch_orders(adapter: Adapter) -> None:
    """Raise a `WrongKindError` unless an adapter's `batch_orders` have one letter per block."""
    orders: Any = adapter.batch_orders
    if isinstance(orders, Mapping) and all(
        isinstance(blocks, int) and isinstance(order, str) and len(order) == blocks
        for blocks, order in orders.items()
    ):
        return
    raise WrongKindError(
        f"batch_orders of the adapter {type(adapter).__name__} is {orders!r:.200}. It must map "
        "each number of blocks in a batch to a text of as many letters, p for the prompt, n for "
        'the negative prompt: {1: "p", 2: "np"}.'
    )


def _check_known(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` for a class that nobody knows or vouches for."""
    kind = type(pipe)
    if known_name(kind) or is_vouched(kind):
        return
    base = next((base.__name__ for base in kind.__mro__[1:] if _is_known(base)), "")
    own = f"has a `__call__` of its own, so its loop is not known to be that of {base}"
    raise UnsupportedPipelineError(
        f"{kind.__name__} {own if base else 'is not a known class'}, and whether each pass of its "
        "denoiser is one step of the whole image cannot be checked from outside. If you know that "
        f"it is, vouch for it: daam_nb.vouch_for({kind.__name__}); what can be checked at run time "
        "still is."
    )


def _adapters() -> tuple[type[Adapter], ...]:
    return (*_registered, *_BUILT_IN)


def _known_families() -> str:
    *titles, last = (adapter.title or adapter.__name__ for adapter in (*_BUILT_IN, *_registered))
    return f"Known: {', '.join(titles)}, and {last} (docs/models.md lists the classes)."


def _why_refused(loop: type) -> str:
    if not _of_diffusers(loop) or _is_known(loop):
        return ""
    return next((why for adapter in _adapters() if (why := adapter.why_refused(loop))), "")


def _is_known(loop: type) -> bool:
    names = {known for adapter in _adapters() for known in adapter.pipelines}
    return loop in names or (_of_diffusers(loop) and loop.__name__ in names)


def _of_diffusers(kind: type) -> bool:
    return kind.__module__.split(".", 1)[0] == "diffusers"


def _loop_of(kind: type) -> type:
    """The class that defines this class's ``__call__``."""
    return list(_down_to_loop(kind))[-1]


def _down_to_loop(kind: type) -> Iterator[type]:
    """The class and its bases, up to the one that defines its ``__call__``."""
    for base in kind.__mro__:
        yield base
        if taps.is_own(base, "__call__"):
            return
