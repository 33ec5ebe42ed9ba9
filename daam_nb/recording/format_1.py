"""Layers of recordings of format 1, which do not state attention, block and label.

Format 1 keeps a layer's name, stage, size and heads. It had five stages, of which ``"double"`` and
``"single"`` meant joint attention; blocks and labels were derived from the names of UNets, Stable
Diffusion 3 and FLUX.1. The format is frozen.
"""

from __future__ import annotations

import re

from daam_nb.errors import SelectionError
from daam_nb.recording.layers import Layer

_STAGES = ("down", "mid", "up", "double", "single")
_JOINT = ("double", "single")
_OF_UNET = re.compile(
    r"(?P<stage>down|mid|up)_blocks?(?:\.(?P<block>\d+))?"
    r"\.attentions\.(?P<first>\d+)(?:\.transformer_blocks\.(?P<second>\d+))?(?:\.attn2)?"
)
_OF_TRANSFORMER = re.compile(r"(?P<single>single_)?transformer_blocks\.(?P<block>\d+)\.attn")


def layer(name: str, stage: str, size: tuple[int, int], heads: int) -> Layer:
    """Complete a layer of format 1 to all fields that `Layer` has today.

    Raises
    ------
    SelectionError
        For a stage that format 1 does not have.
    """
    if stage not in _STAGES:
        stages = ", ".join(map(repr, _STAGES))
        raise SelectionError(f"Layer {name!r} has the stage {stage!r}; it must be one of {stages}.")
    return Layer(
        name,
        stage,
        size,
        heads,
        attention="joint" if stage in _JOINT else "cross",
        block=_block(name, stage),
        label=_label(name),
    )


def is_told_by(known: Layer) -> bool:
    """Whether name and stage determine the layer, as in format 1."""
    return known.stage in _STAGES and known == layer(
        known.name, known.stage, known.size, known.heads
    )


def _block(name: str, stage: str) -> str:
    if stage in _JOINT:
        return f"{stage}_blocks"
    parts = name.split(".")
    return ".".join(parts[:2] if len(parts) > 1 and parts[1].isdecimal() else parts[:1])


def _label(name: str) -> str:
    joint = _OF_TRANSFORMER.fullmatch(name)
    if joint is not None:
        return f"{'single' if joint['single'] else 'double'} {joint['block']}"
    match = _OF_UNET.fullmatch(name)
    if match is None:
        return name
    block = f" {match['block']}" if match["block"] is not None else ""
    inner = match["first"] + (f".{match['second']}" if match["second"] is not None else "")
    return f"{match['stage']}{block} · {inner}"
