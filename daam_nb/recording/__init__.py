"""What was seen: `Layer`, `Recording` and the facts and the manifest that travel with it.

A recording is plain data. `tracing` makes it, `maps` reads it, neither knows the other; it can be
saved, sent and opened where there is no model, no diffusers and no GPU. May import `storage`,
`prompt` and `errors`.

    layers.py     Layer, the table they make, select_layers
    effects.py    Effects: what hiding each word would change, where that was recorded
    gradients.py  Gradients: first-order change of the prediction, where that was added
    concepts.py   Concepts: attention to words that are not in the prompt
    self_attention.py  SelfAttention: what the image attends to in itself
    extra.py      what these have in common; extras.py: which there are, saved and read
    facts.py      Facts, Manifest, Skipped
    recording.py  Recording
    checks.py     its parts fit together, or it is not born
    picking.py    one layer, step, head, token by hand
    kinds.py      where a recording is expected and something else is given
    files.py      save
    loading.py    load, sample
    format_1.py   layers of the first format
    genuine.py    whether it still holds what the pipeline made
    view.py       how it shows itself
    xarrays.py    its attention as labeled arrays
    later.py      fields that are read from disk on first use
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
