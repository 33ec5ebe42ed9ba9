"""A pipeline -> its family, or a refusal by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.tracing.families import known
from daam_nb.tracing.families.family import Family
from daam_nb.tracing.families.flux import Flux
from daam_nb.tracing.families.sd3 import StableDiffusion3
from daam_nb.tracing.families.unets import UNets

_UNETS = UNets()

# By the class of the transformer: other transformers have other sequences of text and image.
_TRANSFORMERS: dict[str, Family] = {
    "SD3Transformer2DModel": StableDiffusion3(),
    "FluxTransformer2DModel": Flux(),
}

_KNOWN = (
    "Known: Stable Diffusion 1.x, 2.x, XL and their img2img, inpaint, ControlNet, PAG and LCM "
    "variants, Stable Diffusion 3 and 3.5, and FLUX.1 (docs/models.md lists the classes)."
)


def denoiser(pipe: Any) -> nn.Module:
    """The UNet or transformer of a pipeline, without the compiler's wrapper.

    Raises
    ------
    UnsupportedPipelineError
        Where there is none, or its text attention cannot be told from other attention.
    """
    name = type(pipe).__name__
    try:
        known.check_refused(pipe)
    except UnsupportedPipelineError as error:
        raise UnsupportedPipelineError(f"{error} {_KNOWN}") from None
    family = family_of(pipe)
    net = _part(pipe, family.part)
    if not isinstance(net, nn.Module):
        raise UnsupportedPipelineError(
            f"The `{family.part}` of {name}, a {type(net).__name__}, is no network. {_KNOWN}"
        )
    try:
        family.check(pipe, net)
    except UnsupportedPipelineError as error:
        raise UnsupportedPipelineError(f"{error} {_KNOWN}") from None
    if not hasattr(pipe, "encode_prompt") and not hasattr(pipe, "_encode_prompt"):
        raise UnsupportedPipelineError(f"{name} has no `encode_prompt`. {_KNOWN}")
    known.check_known(pipe)
    return net


def family_of(pipe: Any) -> Family:
    """The family of a pipeline.

    Raises
    ------
    UnsupportedPipelineError
        Where it is of none that is known.
    """
    if _part(pipe, "unet") is not None:
        return _UNETS
    transformer = _part(pipe, "transformer")
    family = _TRANSFORMERS.get(type(transformer).__name__)
    if family is not None:
        return family
    name = type(pipe).__name__
    if transformer is None:
        raise UnsupportedPipelineError(
            f"{name} has no `unet` and no `transformer`, so there is nothing that this version "
            f"can watch. {_KNOWN}"
        )
    raise UnsupportedPipelineError(
        f"The `transformer` of {name}, a {type(transformer).__name__}, is of a family that this "
        f"version cannot read. {_KNOWN}"
    )


def _part(pipe: Any, name: str) -> Any:
    part = getattr(pipe, name, None)
    return getattr(part, "_orig_mod", part)
