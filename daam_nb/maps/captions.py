"""A choice of layers, steps and heads in words, for captions and errors."""

from __future__ import annotations

from daam_nb.recording import UNET_STAGES, Layer, all_joint, select_layers
from daam_nb.selection import in_words


def layers_in_words(chosen: tuple[Layer, ...], total: tuple[Layer, ...]) -> str:
    """Describe the layers chosen: ``down and up blocks (15 of 16 layers)``.

    If image and text are keys of one attention, the layers are called joint: their values are
    shares of all keys, and there are no down and up blocks.
    """
    layers = "joint layers" if all_joint(total) else "layers"
    counted = f"{len(chosen)} of {len(total)} {layers}"
    if chosen == total:
        return f"all {len(total)} {layers}" if len(total) > 1 else f"the only {layers[:-1]}"
    if len(chosen) == 1:
        return f"layer {chosen[0].name}"
    stages = dict.fromkeys(layer.stage for layer in total)
    if stages.keys() <= set(UNET_STAGES) and chosen == select_layers(total, "paper"):
        return f"down and up blocks ({counted})"
    for stage in stages:
        if chosen == tuple(layer for layer in total if layer.stage == stage):
            return f"{stage} blocks ({counted})"
    return counted


def heads_in_words(
    heads: tuple[int, ...] | tuple[tuple[str, int], ...] | None,
    layers: tuple[Layer, ...],
    chosen_by: str = "",
) -> str:
    """Describe the heads chosen: ``heads 0-2``, or how many if they were chosen one by one.

    Of relevant heads: by what they were chosen, and on what.
    """
    if chosen_by and heads is not None:
        return f"{len(heads)} relevant head{'s' * (len(heads) > 1)} ({chosen_by})"
    if heads is None:
        return "all heads"
    numbers = [head if isinstance(head, int) else head[1] for head in heads]
    if isinstance(heads[0], int) or len(layers) == 1:
        return f"head{'s' * (len(numbers) > 1)} {in_words(numbers)}"
    return f"{len(heads)} single heads"
