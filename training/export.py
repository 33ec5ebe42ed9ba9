"""Turn a training folder into the files that ship: a float16 diffusers pipeline and its card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline
from transformers import CLIPTokenizer

from daam_nb.menagerie.model import NAME
from daam_nb.menagerie.taxonomy import TIER
from training.diffusion import build_text, build_unet, noise_schedule
from training.progress import load_checkpoint
from training.vae import build_vae

SHARD = "15MB"
"""Largest file of weights."""

LICENCES = {
    "weights": "MIT",
    "sprites": "SIL Open Font License 1.1 (Noto Color Emoji, Google Inc.)",
}


def build_pipeline(
    config: dict[str, Any], work: Path, *, weights: str = "average"
) -> StableDiffusionPipeline:
    """The pipeline with weights of `work/diffusion.pt`, in float32.

    Parameters
    ----------
    weights
        "average" (EMA), or "model", the last ones: better when the run learnt fast up to its end
        and the average lags behind.
    """
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    # Built anew, so that its configuration does not name the folder it was trained in.
    vae = build_vae(config["vae"])
    vae.load_state_dict(AutoencoderKL.from_pretrained(work / "vae").state_dict())
    vae.eval()
    state = load_checkpoint(work / "diffusion.pt")
    if state is None:
        raise FileNotFoundError(f"no diffusion.pt in {work}. Run the stage `diffusion` first.")
    modules = torch.nn.ModuleDict(
        {
            "text": build_text(config["text"], tokenizer),
            "unet": build_unet(
                config["unet"],
                channels=config["vae"]["latent_channels"],
                text_width=config["text"]["width"],
            ),
        }
    )
    modules.load_state_dict(state[weights])
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=modules["text"].eval(),
        tokenizer=tokenizer,
        unet=modules["unet"].eval(),
        scheduler=DPMSolverMultistepScheduler(
            **{k: v for k, v in noise_schedule().items() if k != "clip_sample"},
            timestep_spacing="trailing",
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(config: dict[str, Any], work: Path, folder: Path, *, weights: str = "average") -> None:
    """Write the shipped files; the folder changes at once, never half.

    Parameters
    ----------
    config
        The configuration the model was trained with.
    work
        The training folder.
    folder
        Receives the pipeline in diffusers' layout and `card.json`.
    weights
        "average" or "model", as for `build_pipeline`.
    """
    half = folder.with_name(folder.name + ".partial")
    shutil.rmtree(half, ignore_errors=True)
    pipeline = build_pipeline(config, work, weights=weights)
    for part in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        torch.nn.Module.to(part, dtype=torch.float16)
    pipeline.save_pretrained(half, max_shard_size=SHARD, safe_serialization=True)
    _load_as_float32(half / "text_encoder" / "config.json")
    state = load_checkpoint(work / "diffusion.pt")
    assert state is not None
    checksums = {
        str(path.relative_to(half)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(half.rglob("*"))
        if path.is_file()
    }
    weighed = {name: sum_ for name, sum_ in checksums.items() if name.endswith(".safetensors")}
    revision = hashlib.sha256(json.dumps(weighed).encode()).hexdigest()[:12]
    facts = {
        "name": NAME,
        "revision": revision,
        "tier": TIER,
        "samples": state["samples"],
        "licences": LICENCES,
        "recommended": _recommended(folder),
        "checksums": checksums,
    }
    (half / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(half, folder)
    shutil.rmtree(old, ignore_errors=True)


def _load_as_float32(config: Path) -> None:
    """Let a plain ``from_pretrained`` give one dtype throughout.

    transformers takes the dtype from this file, diffusers takes float32 whatever the files hold.
    """
    facts = json.loads(config.read_text())
    config.write_text(json.dumps(facts | {"dtype": "float32"}, indent=2, sort_keys=True) + "\n")


def _recommended(folder: Path) -> Any:
    """The layers an earlier export recommends, if any: measured separately, kept over exports."""
    path = folder / "card.json"
    return json.loads(path.read_text())["recommended"] if path.exists() else None
