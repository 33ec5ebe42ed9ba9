"""The denoiser's prediction, differentiated with respect to the text embeddings.

Forward mode (`change_along`): along one direction of the text, by dual numbers; one run of the
network gives the prediction and its first-order change at every location. Reverse mode
(`gradient_of`): of one number of the prediction, with respect to every embedding. Both are exact up
to the rounding of the network's own precision. Fused attention kernels have no forward derivative,
so softmax and products are computed separately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from daam_nb.errors import DaamError, UnsupportedPipelineError
from daam_nb.tracing import taps
from daam_nb.tracing.gradients.passes import TEXT

WAY_OUT = (
    "Use layers and attention processors of torch and diffusers (set_default_attn_processor()), "
    "without caches between steps and not quantized."
)


@torch.inference_mode(mode=False)
@torch.no_grad()
def change_along(
    net: nn.Module, arguments: Mapping[str, Any], direction: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the prediction, and its first-order change along a direction of the text.

    Parameters
    ----------
    net
        The denoiser.
    arguments
        Its arguments, of one row.
    direction
        (key, channel): the direction of the text embeddings.

    Returns
    -------
    prediction, change
        (channel, y, x) each; the change is the derivative times the direction.

    Raises
    ------
    UnsupportedPipelineError
        If something in the network has no forward derivative.
    """
    text: Tensor = arguments[TEXT].clone()  # a tensor of inference mode has no derivative
    with differentiable(net), forward_ad.dual_level():
        dual: Tensor = forward_ad.make_dual(text, direction[None].to(text).clone())  # type: ignore[no-untyped-call]
        output = _run(net, {**arguments, TEXT: dual})
        prediction, change = forward_ad.unpack_dual(output)  # type: ignore[no-untyped-call]
        if change is None:
            raise UnsupportedPipelineError(
                f"The output of this {type(net).__name__} has no derivative with respect to its "
                "text: something in it cuts the graph (detach(), a cache of an earlier step). "
                f"{WAY_OUT}"
            )
    return prediction[0], change[0]


@torch.inference_mode(mode=False)
@torch.enable_grad()
def gradient_of(
    net: nn.Module, arguments: Mapping[str, Any], number: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Compute a number of the prediction, and its gradient with respect to the text.

    Parameters
    ----------
    net
        The denoiser.
    arguments
        Its arguments, of one row.
    number
        (channel, y, x) of the prediction, float32 or better -> a number.

    Returns
    -------
    value, gradient
        The number, and (key, channel).
    """
    text = arguments[TEXT].detach().clone().requires_grad_(True)
    with differentiable(net):
        prediction = _run(net, {**arguments, TEXT: text})[0]
        value = number(raised(prediction))
        (gradient,) = torch.autograd.grad(value, text)
    return value.detach(), gradient[0]


@contextmanager
def differentiable(net: nn.Module) -> Iterator[None]:
    """Use kernels with derivatives and nothing compiled, and name operations without one.

    Raises
    ------
    UnsupportedPipelineError
        If something in the network has no derivative.
    """
    holder = object()
    taps.hold_eager(holder)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    except torch.OutOfMemoryError:
        raise
    except (NotImplementedError, RuntimeError) as error:
        if isinstance(error, DaamError):
            raise
        raise UnsupportedPipelineError(
            f"Something in this {type(net).__name__} cannot be differentiated: {error!s:.400} "
            f"{WAY_OUT}"
        ) from error
    finally:
        taps.release_eager(holder)


def raised(values: Tensor) -> Tensor:
    """Convert to float32 from lower precision."""
    return values if values.dtype == torch.float64 else values.float()


def _run(net: nn.Module, arguments: Mapping[str, Any]) -> Tensor:
    """(row, channel, y, x) of the prediction."""
    output: Tensor = net(**{**arguments, "return_dict": False})[0]
    return output
