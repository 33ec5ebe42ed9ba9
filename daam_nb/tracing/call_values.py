"""Checks of a pipeline's arguments: plainly wrong values are refused before any work.

diffusers checks some values with a clear message, and those are left to it (a height that is not a
multiple of 8). Others fail deep in torch, or are silently replaced: ``height=0`` is the default
height, ``guidance_scale=nan`` a black image, ``num_inference_steps=True`` one step.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import check_flag, check_text, kind_of, number_between, real_number, whole_number
from daam_nb.tracing.model_values import check_model_values

_COUNTS = ("height", "width", "num_inference_steps", "max_sequence_length")
_NUMBERS = (
    *("guidance_scale", "guidance_rescale", "true_cfg_scale", "image_guidance_scale", "eta"),
    *("strength", "denoising_start", "denoising_end", "mu", "pag_scale", "pag_adaptive_scale"),
    *("skip_layer_guidance_scale", "skip_layer_guidance_start", "skip_layer_guidance_stop"),
)
_NUMBERS_OF_EACH = (
    *("controlnet_conditioning_scale", "control_guidance_start", "control_guidance_end"),
    *("timesteps", "sigmas"),
)
_TEXTS = (
    *("prompt_2", "prompt_3", "negative_prompt", "negative_prompt_2", "negative_prompt_3"),
    "callback_on_step_end_tensor_inputs",
)
_SIZES = (
    *("original_size", "target_size", "crops_coords_top_left"),
    *("negative_original_size", "negative_target_size", "negative_crops_coords_top_left"),
)
_OBJECTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "cross_attention_kwargs": (lambda value: isinstance(value, Mapping), "a dict"),
    "joint_attention_kwargs": (lambda value: isinstance(value, Mapping), "a dict"),
    "callback_on_step_end": (callable, "a function of (pipe, step, timestep, tensors)"),
    "latents": (lambda value: isinstance(value, torch.Tensor), "a tensor"),
}
_ROLE = {
    name: role
    for role, names in {
        "count": _COUNTS, "number": _NUMBERS, "numbers": _NUMBERS_OF_EACH, "texts": _TEXTS,
        "size": _SIZES, "object": _OBJECTS,
    }.items()
    for name in names
}  # fmt: skip


def check_values(pipe: Any, options: Mapping[str, Any]) -> None:
    """Refuse values that no diffusers pipeline accepts for the arguments of these names.

    Parameters
    ----------
    pipe
        The pipeline to be called. None is accepted if it is the default in its signature, or if
        given timesteps determine the number of steps.
    options
        Argument name -> value; other names are not checked.

    Raises
    ------
    SelectionError
        For a value that is not a number, is not finite, or lies outside its range; for a size or
        a ``clip_skip`` that this model does not have.
    WrongKindError
        For a value that should be a text, dict, function or tensor and is not.
    """
    parameters = inspect.signature(type(pipe).__call__).parameters
    for name, value in options.items():
        if value is None:
            _check_none(name, parameters, options)
        else:
            _check(name, value)
    check_model_values(pipe, options)


def _check_none(
    name: str, parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any]
) -> None:
    default = parameters[name].default if name in parameters else None
    counted = name == "num_inference_steps" and any(
        options.get(other) is not None for other in ("timesteps", "sigmas")
    )
    if _ROLE.get(name) not in ("count", "number", "numbers") or counted:
        return
    if isinstance(default, int | float):
        raise SelectionError(
            f"{name}=None: it must be a number. Leave it out for this pipeline's default, "
            f"{default}."
        )


def _check(name: str, value: Any) -> None:
    match _ROLE.get(name, name):
        case "count":
            number_between(value, name, low=1)
        case "clip_skip":
            _check_whole(name, value)
        case "number":
            _check_number(name, value)
        case "numbers":
            for item in _each(value):
                _check_number(name, item)
        case "texts":
            for item in value if isinstance(value, list | tuple) else [value]:
                check_text(item, f"{name}=")
        case "size":
            _check_size(name, value)
        case "object":
            is_right, kind = _OBJECTS[name]
            if not is_right(value):
                raise WrongKindError(f"{name}= must be {kind}, not {kind_of(value)}.")
        case "return_dict":
            check_flag(value, name)
        case "output_type":
            check_text(value, f"{name}=")


def _each(value: Any) -> Iterable[Any]:
    several = isinstance(value, Iterable) and getattr(value, "ndim", None) != 0
    return list(value) if several and not isinstance(value, str | bytes | Mapping) else [value]


def _check_whole(name: str, value: Any) -> None:
    try:
        whole_number(value, name)
    except SelectionError:
        raise SelectionError(f"{name}={_said(value)}: it must be a whole number.") from None


def _check_number(name: str, value: Any) -> None:
    if not math.isfinite(real_number(value)):
        raise SelectionError(f"{name}={_said(value)}: it must be a finite number, such as 1.5.")


def _check_size(name: str, value: Any) -> None:
    pair = isinstance(value, list | tuple) and len(value) == 2
    try:
        sides = [whole_number(side, name) for side in value] if pair else []
    except SelectionError:
        sides = []
    if not sides:
        raise SelectionError(
            f"{name}={_said(value)}: it must be two whole numbers, (height, width)."
        )


def _said(value: Any) -> str:
    return repr(value) if isinstance(value, bool | int | float | str | tuple) else kind_of(value)
