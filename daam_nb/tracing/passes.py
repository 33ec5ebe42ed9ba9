"""What a watched call keeps, and of each pass which rows: plain data."""

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
    """Where it is kept what else is recorded of one image in one pass; None: it is not."""

    effects: EffectBuffers | None = None
    concepts: ConceptBuffers | None = None
    streams: StreamBuffers | None = None
    self_attention: SelfAttentionBuffers | None = None


@dataclass(frozen=True)
class Target:
    """One batch row that is kept: where it goes, which of its key columns, and as which step."""

    row: int
    buffers: Buffers
    columns: Tensor
    step_index: int
    beside: Beside = Beside()


@dataclass(frozen=True)
class Pass:
    """One run of the denoiser: what its batch looks like and which rows are kept."""

    inputs: DenoiserInputs
    targets: tuple[Target, ...]
