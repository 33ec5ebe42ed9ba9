"""The recordings to mutate: of every kind that can be saved, as small as possible."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny_recordings import (
    joint_layers,
    tiny_recording,
    with_concepts,
    with_effects,
    with_gradients,
    with_self_attention,
)

LONG = 'a naïve 🦓, mother-in-law’s don\'t; 漢字 and a cat — 3.14 <x> & "it"'


def originals(into: Path) -> list[Path]:
    """Write one recording of each kind into a folder; their folders."""
    runs = {
        "steps": tiny_recording(steps=2),
        "sum": tiny_recording(LONG, kept="sum", length=30, dtype=torch.float32),
        "replay": tiny_recording(kept="replay", steps=2, negative="bad", length=8),
        "some": tiny_recording(kept_steps=[1], tokens=[1, 2], negative="ugly", latents=False),
        "effects": with_effects(tiny_recording(steps=2)),
        "gradients": with_gradients(tiny_recording(steps=2)),
        "concepts": with_concepts(tiny_recording(steps=2)),
        "joint concepts": with_concepts(tiny_recording(layers=joint_layers(1, 1), steps=2)),
        "self": with_self_attention(tiny_recording(steps=2, heads=(1, 1))),
        "joint": tiny_recording(layers=joint_layers(1, 2), steps=2, image=False),
        "cut": tiny_recording("a cat and a dog and a bird", length=6, steps=1, heads=(1, 1)),
    }
    return [run.save(into / name) for name, run in runs.items()]
