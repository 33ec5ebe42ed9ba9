"""Turn a training folder into the files that ship: float16 diffusers pipelines and their cards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
)
from transformers import CLIPTokenizer

from daam_nb.menagerie.model import AUTOENCODER, JOINT_NAME, NAME
from daam_nb.menagerie.taxonomy import TIER
from training import diffusion, joint
from training.progress import load_checkpoint
from training.vae import build_vae

SHARD = "15MB"
"""Largest file of weights."""

SHARED = ("vae", "tokenizer", "tokenizer_2")
"""Parts of the second pipeline that are the first one's."""

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
        "average" (EMA), or "model", the last ones: better if the run learnt fast up to its end and
        the average lags behind.
    """
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    state = load_checkpoint(work / "diffusion.pt")
    if state is None:
        raise FileNotFoundError(f"no diffusion.pt in {work}. Run the stage `diffusion` first.")
    modules = diffusion.build_parts(config, tokenizer)
    modules.load_state_dict(state[weights])
    return StableDiffusionPipeline(
        vae=_trained_vae(config, work),
        text_encoder=modules["text"].eval(),
        tokenizer=tokenizer,
        unet=modules["unet"].eval(),
        scheduler=DPMSolverMultistepScheduler(
            **{k: v for k, v in diffusion.noise_schedule().items() if k != "clip_sample"},
            timestep_spacing="trailing",
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(config: dict[str, Any], work: Path, folder: Path, *, weights: str = "average") -> None:
    """Write the shipped files; the folder is replaced atomically.

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
    _finish(half, folder, work / "diffusion.pt", name=NAME)


def build_joint_pipeline(
    config: dict[str, Any], work: Path, *, weights: str = "average"
) -> StableDiffusion3Pipeline:
    """The second model's pipeline with weights of `work/joint.pt`, in float32.

    Parameters
    ----------
    weights
        "average" or "model", as for `build_pipeline`.
    """
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    state = load_checkpoint(work / "joint.pt")
    if state is None:
        raise FileNotFoundError(f"no joint.pt in {work}. Run the stage `joint` first.")
    parts = joint.build_parts(config, tokenizer)
    parts.load_state_dict(state[weights])
    vae = _trained_vae(config, work)
    # Stable Diffusion 3 adds a shift after it divides by the scaling factor; this one has none.
    vae.register_to_config(shift_factor=0.0)
    return StableDiffusion3Pipeline(
        **dict(parts.eval().items()),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=config["joint"]["shift"]),
        vae=vae,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )


def export_joint(
    config: dict[str, Any], work: Path, folder: Path, *, weights: str = "average"
) -> None:
    """Write the second model's own files; the folder is replaced atomically.

    Autoencoder and tokenizer are not among them: they are the first model's. The card identifies
    the autoencoder.

    Parameters
    ----------
    config, work, weights
        As for `export`.
    folder
        Receives the transformer, two text encoders and the scheduler, `model_index.json` and
        `card.json`.
    """
    half = folder.with_name(folder.name + ".partial")
    shutil.rmtree(half, ignore_errors=True)
    pipeline = build_joint_pipeline(config, work, weights=weights)
    for part in (
        pipeline.text_encoder,
        pipeline.text_encoder_2,
        pipeline.transformer,
        pipeline.vae,
    ):
        torch.nn.Module.to(part, dtype=torch.float16)
    pipeline.save_pretrained(half, max_shard_size=SHARD, safe_serialization=True)
    vae = _checksum(half / AUTOENCODER)
    for name in SHARED:
        shutil.rmtree(half / name)
    index = half / "model_index.json"
    parts = {k: v for k, v in json.loads(index.read_text()).items() if k not in SHARED}
    index.write_text(json.dumps(parts, indent=2) + "\n")
    for name in ("text_encoder", "text_encoder_2"):
        _load_as_float32(half / name / "config.json")
    needs = {AUTOENCODER: vae}
    _finish(half, folder, work / "joint.pt", name=JOINT_NAME, needs=needs)


def _trained_vae(config: dict[str, Any], work: Path) -> AutoencoderKL:
    """Rebuild the autoencoder, so that it does not name the folder it was trained in."""
    vae = build_vae(config["vae"])
    vae.load_state_dict(AutoencoderKL.from_pretrained(work / "vae").state_dict())
    return vae.eval()


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _finish(half: Path, folder: Path, checkpoint: Path, *, name: str, **more: Any) -> None:
    """Write the card of the pipeline in `half`, which then takes the place of `folder`."""
    state = load_checkpoint(checkpoint)
    assert state is not None
    checksums = {
        str(path.relative_to(half)): _checksum(path)
        for path in sorted(half.rglob("*"))
        if path.is_file()
    }
    weighed = {name: sum_ for name, sum_ in checksums.items() if name.endswith(".safetensors")}
    facts = {
        "name": name,
        "revision": hashlib.sha256(json.dumps(weighed).encode()).hexdigest()[:12],
        "tier": TIER,
        "samples": state["samples"],
        "licences": LICENCES,
        "recommended": _recommended(folder),
        "checksums": checksums,
        **more,
    }
    (half / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(half, folder)
    shutil.rmtree(old, ignore_errors=True)


def _load_as_float32(config: Path) -> None:
    """Make a plain ``from_pretrained`` give one dtype throughout.

    transformers takes the dtype from this file, diffusers takes float32 whatever the files hold.
    """
    facts = json.loads(config.read_text())
    config.write_text(json.dumps(facts | {"dtype": "float32"}, indent=2, sort_keys=True) + "\n")


def _recommended(folder: Path) -> Any:
    """The layers an earlier export recommends, if any: measured separately, kept over exports."""
    path = folder / "card.json"
    return json.loads(path.read_text())["recommended"] if path.exists() else None
