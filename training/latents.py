"""Encode the training scenes once: shards of latents and token ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from daam_nb.storage import whole_file
from training.scenes import facts, shards
from training.vae import as_batch


@torch.no_grad()
def write_latents(
    work: Path, *, most: int | None = None, device: str = "cpu", bf16: bool = False
) -> None:
    """Encode every shard of `work/scenes` that is not yet encoded.

    Parameters
    ----------
    work
        Holds `scenes`, `vae` and `tokenizer`; receives `latents/<number>.npz` with `latents`
        (scene, channel, y, x) float16, `tokens` (scene, token) int16, `single` (scene,) bool.
    most
        Stop after this many shards are there; None encodes all.
    """
    model = AutoencoderKL.from_pretrained(work / "vae").to(device).eval()
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    folder = work / "latents"
    folder.mkdir(exist_ok=True)
    for shard in shards(work / "scenes")[:most]:
        target = folder / f"{shard.stem}.npz"
        if target.exists():
            continue
        pixels, described = np.load(shard, mmap_mode="r"), facts(shard)
        made = []
        kind = torch.device(device).type
        size = 64 if kind == "cpu" else 2048
        for start in range(0, len(pixels), size):
            with torch.autocast(kind, torch.bfloat16, enabled=bf16):
                batch = as_batch(pixels[start : start + size], device)
                made.append(model.encode(batch).latent_dist.mode().float().cpu().half().numpy())
        tokens = tokenizer(described["captions"], padding="max_length").input_ids
        with whole_file(target) as beside, beside.open("xb") as file:
            np.savez(
                file,
                latents=np.concatenate(made),
                tokens=np.array(tokens, dtype=np.int16),
                single=np.array([kind == "single" for kind in described["kinds"]]),
            )
