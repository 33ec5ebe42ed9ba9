"""Values of a call's arguments that its model cannot take are refused before any work.

They are right for other models, so only the pipeline itself can tell: an image larger than its
positions, more layers left out than a text encoder has. diffusers fails deep within, or counts in
units that the caller did not give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daam_nb.errors import SelectionError


def check_model_values(pipe: Any, options: Mapping[str, Any]) -> None:
    """Refuse a height, width or ``clip_skip`` that this model does not have.

    Parameters
    ----------
    pipe
        The pipeline to be called.
    options
        Argument name -> value, each of the right kind; other names are not checked.

    Raises
    ------
    SelectionError
        With the value, what the model can, and the way out.
    """
    limit = _largest_side(pipe)
    for name in ("height", "width"):
        side = options.get(name)
        if side is not None and limit is not None and side > limit:
            raise SelectionError(
                f"{name}={side}: {type(pipe).__name__} draws images of at most {limit} x {limit} "
                f"pixels, for which its transformer has positions. Give {name}={limit} or less."
            )
    if options.get("clip_skip") is not None:
        _check_readable(pipe, options["clip_skip"])
    skipped, layers = options.get("clip_skip"), _layers_to_skip(pipe)
    if skipped is not None and layers is not None and not 0 <= skipped <= layers:
        raise SelectionError(
            f"clip_skip={skipped}: the number of last layers of the text encoder that are left "
            f"out, and {type(pipe).__name__} can leave out 0 to {layers}. Without clip_skip= none "
            "is left out."
        )


def _check_readable(pipe: Any, skipped: int) -> None:
    """Pipelines with one CLIP encoder norm an inner layer by a part that newer ones do not have."""
    encoder = getattr(pipe, "text_encoder", None)
    if encoder is None or hasattr(pipe, "text_encoder_2") or hasattr(encoder, "text_model"):
        return
    raise SelectionError(
        f"clip_skip={skipped}: {type(pipe).__name__} of this version of diffusers asks its text "
        f"encoder for a `text_model`, and the {type(encoder).__name__} of this version of "
        "transformers has none, so it can leave out no layers. Leave out clip_skip=, or trace a "
        "call with prompt_embeds= made of an inner layer."
    )


def _largest_side(pipe: Any) -> int | None:
    """Pixels of a side for which a transformer as Stable Diffusion 3's has positions."""
    config = getattr(getattr(pipe, "transformer", None), "config", None)
    numbers = (
        getattr(config, "pos_embed_max_size", None),
        getattr(config, "patch_size", None),
        getattr(pipe, "vae_scale_factor", None),
    )
    if not all(isinstance(number, int) for number in numbers):
        return None
    positions, patch, scale = numbers
    return int(positions * patch * scale)  # type: ignore[operator]


def _layers_to_skip(pipe: Any) -> int | None:
    """Layers of CLIP that ``clip_skip`` can leave out, in each of a pipeline's encoders."""
    encoders = [getattr(pipe, name, None) for name in ("text_encoder", "text_encoder_2")]
    encoders = [encoder for encoder in encoders if encoder is not None]
    configs = [getattr(encoder, "config", None) for encoder in encoders]
    layers = [getattr(config, "num_hidden_layers", None) for config in configs]
    counts = [number for number in layers if isinstance(number, int)]
    if not counts or len(counts) < len(layers):
        return None
    # With two encoders diffusers begins at the last layer but one, so there is one fewer.
    return min(counts) - (1 if hasattr(pipe, "text_encoder_2") else 0)
