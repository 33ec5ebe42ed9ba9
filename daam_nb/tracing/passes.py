"""What a watched call keeps, and which rows of each pass: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from daam_nb.prompt import Prompt
from daam_nb.recording import Layer
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.keys import ConceptBuffers
from daam_nb.tracing.concepts.streams import StreamBuffers
from daam_nb.tracing.effects.watching import EffectBuffers
from daam_nb.tracing.models import DenoiserInputs, TextStream
from daam_nb.tracing.self_attention.sums import SelfAttentionBuffers


@dataclass(frozen=True)
class Plan:
    """What a call keeps, settled before its first step."""

    layers: tuple[Layer, ...]
    every_layer: tuple[Layer, ...]
    steps: tuple[int, ...]
    prompts: tuple[Prompt, ...]
    negatives: tuple[Prompt, ...]
    stream: TextStream
    latent_size: tuple[int, int]
    dtype: str
    device: str


@dataclass(frozen=True)
class Beside:
    """Buffers of the optional data of one image in one pass; None: not recorded."""

    effects: EffectBuffers | None = None
    concepts: ConceptBuffers | None = None
    streams: StreamBuffers | None = None
    self_attention: SelfAttentionBuffers | None = None


@dataclass(frozen=True)
class Target:
    """One batch row that is kept: its destination, its key columns, and its step."""

    row: int
    buffers: Buffers
    columns: Tensor
    step_index: int
    beside: Beside = Beside()


@dataclass(frozen=True)
class Pass:
    """One run of the denoiser: the layout of its batch and the rows that are kept."""

    inputs: DenoiserInputs
    targets: tuple[Target, ...]
