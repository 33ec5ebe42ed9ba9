"""Recorded attention: `Layer`, `Recording`, and its facts and manifest.

A recording is plain data. `tracing` makes it, `maps` reads it, neither knows the other; it can be
saved, sent and opened without a model, diffusers or a GPU. May import `storage`, `prompt` and
`errors`.

    layers.py     Layer, the table of layers, select_layers
    effects.py    Effects: what hiding each word would change, if recorded
    gradients.py  Gradients: first-order change of the prediction, if added
    concepts.py   Concepts: attention to words that are not in the prompt
    self_attention.py  SelfAttention: attention of the image to itself
    word_axis.py  the words of effects and gradients, by key positions
    extra.py      what these have in common; extras.py: the list of them, saved and read
    facts.py      Facts, Manifest, Skipped
    recording.py  Recording
    checks.py     checks at construction that the parts fit together
    picking.py    one layer, step, head or token of a recording
    kinds.py      errors for arguments that should be a recording
    files.py      save
    loading.py    load, sample
    format_1.py   layers of the first format
    genuine.py    whether it still holds what the pipeline made, by digest
    view.py       its text and HTML representation
    xarrays.py    its attention as labeled arrays
    later.py      fields read from disk on first use
"""

from daam_nb.recording.concepts import Concepts
from daam_nb.recording.effects import Effects
from daam_nb.recording.facts import Facts, Kept, Manifest, Provenance, Skipped
from daam_nb.recording.genuine import (
    altered,
    attention_altered,
    image_altered,
    provenance_of,
    sealed,
)
from daam_nb.recording.gradients import Gradients
from daam_nb.recording.layers import (
    UNET_STAGES,
    Attention,
    Layer,
    LayerChoice,
    Layers,
    all_joint,
    attention_unit,
    read_layer_choice,
    select_layers,
)
from daam_nb.recording.loading import load, sample
from daam_nb.recording.recording import Recording
from daam_nb.recording.self_attention import SelfAttention

__all__ = [
    "UNET_STAGES",
    "Attention",
    "Concepts",
    "Effects",
    "Facts",
    "Gradients",
    "Kept",
    "Layer",
    "LayerChoice",
    "Layers",
    "Manifest",
    "Provenance",
    "Recording",
    "SelfAttention",
    "Skipped",
    "all_joint",
    "altered",
    "attention_altered",
    "attention_unit",
    "image_altered",
    "load",
    "provenance_of",
    "read_layer_choice",
    "sample",
    "sealed",
    "select_layers",
]
