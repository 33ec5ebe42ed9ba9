"""How well a word's cross-attention finds its object, measured with rendered scenes' exact masks.

Scenes are encoded, noised at several timesteps, and passed once through the UNet with their own
captions; each layer's attention from the image to the word's tokens is the heat map. No image
is generated and no judge is needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from daam_nb.maps.threshold import mask_of
from daam_nb.menagerie.model import card, load
from daam_nb.menagerie.world import Scene, scene
from training.vae import as_batch

TIMESTEPS = (100, 250, 400, 550, 700, 850, 999)
THRESHOLD = 0.4


class _Watcher:
    """An attention processor that computes attention plainly and keeps the probabilities."""

    def __init__(self, kept: dict[str, Tensor], name: str) -> None:
        self._kept, self._name = kept, name

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(context))
        value = attn.head_to_batch_dim(attn.to_v(context))
        attention = attn.get_attention_scores(query, key)  # (batch * head, y*x, token)
        if encoder_hidden_states is not None:
            self._kept[self._name] = attention.unflatten(0, (-1, attn.heads)).detach()
        mixed = attn.batch_to_head_dim(attention @ value)
        return attn.to_out[1](attn.to_out[0](mixed))


@torch.no_grad()
def word_maps(
    pipeline: Any, scenes: Sequence[Scene], *, seed: int = 0
) -> tuple[dict[str, Tensor], list[np.ndarray[Any, Any]]]:
    """Heat maps of every word that names an object, and the object's exact mask.

    Parameters
    ----------
    pipeline
        A menagerie pipeline in float32. Its attention processors are restored afterwards.
    scenes
        The scenes to measure.
    seed
        Of the noise.

    Returns
    -------
    maps
        Layer name to (word, timestep, head, y, x), float32, probabilities averaged over the
        word's tokens.
    masks
        One (64, 64) bool mask per word; objects that share a word share a mask.
    """
    kept: dict[str, Tensor] = {}
    before = pipeline.unet.attn_processors
    pipeline.unet.set_attn_processor(
        {name: _Watcher(kept, name.removesuffix(".processor")) for name in before}
    )
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, list[Tensor]] = {}
    masks: list[np.ndarray[Any, Any]] = []
    try:
        for shown in scenes:
            attention = _attention(pipeline, shown, kept, generator)
            for word, mask in _words(shown).items():
                masks.append(mask)
                columns = _tokens(pipeline.tokenizer, shown.caption, word)
                for name, maps in attention.items():
                    made.setdefault(name, []).append(maps[..., columns].mean(-1))
    finally:
        pipeline.unet.set_attn_processor(before)
    return {name: torch.stack(maps) for name, maps in made.items()}, masks


def _attention(
    pipeline: Any, shown: Scene, kept: dict[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    """Layer name to (timestep, head, y, x, token) of one scene."""
    pixels = as_batch(np.asarray(shown.image)[None])
    clean = pipeline.vae.encode(pixels).latent_dist.mode() * pipeline.vae.config.scaling_factor
    noise = torch.randn(clean.shape, generator=generator)
    timesteps = torch.tensor(TIMESTEPS)
    signal = pipeline.scheduler.alphas_cumprod[timesteps][:, None, None, None]
    noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
    ids = pipeline.tokenizer(shown.caption, padding="max_length", return_tensors="pt").input_ids
    words = pipeline.text_encoder(ids).last_hidden_state.expand(len(timesteps), -1, -1)
    pipeline.unet(noisy, timesteps, words)
    return {name: maps.unflatten(2, (int(maps.shape[2] ** 0.5), -1)) for name, maps in kept.items()}


def _words(shown: Scene) -> dict[tuple[int, int], np.ndarray[Any, Any]]:
    found: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    for thing, mask in zip(shown.objects, shown.masks, strict=True):
        found[thing.word] = found.get(thing.word, False) | mask
    return found


def _tokens(tokenizer: Any, caption: str, word: tuple[int, int]) -> list[int]:
    offsets = tokenizer(caption, return_offsets_mapping=True).offset_mapping
    return [
        i
        for i, (start, stop) in enumerate(offsets)
        if start < word[1] and stop > word[0] and stop > start
    ]


def scores(
    maps: dict[str, Tensor], masks: Sequence[np.ndarray[Any, Any]], layers: Sequence[str]
) -> dict[str, Any]:
    """Mean IoU and pointing game of a choice of layers.

    Layers are brought to 16 x 16 (bicubic, clamped at 0), averaged over heads and layers, then
    resized to the image's size; the mask is where the map exceeds 0.4 of its maximum.

    Returns
    -------
    dict
        `miou` and `pointing`, means over words and timesteps; `miou_by_timestep` and
        `pointing_by_timestep`; `miou_joint` and `pointing_joint`, of one map a word, the mean of
        its maps over the timesteps, as a heat map is; `whole_image`, the IoU of marking everything.
    """
    total = torch.zeros(())
    for name in layers:
        mean = maps[name].mean(2)  # (word, timestep, y, x)
        total = total + functional.interpolate(mean, (16, 16), mode="bicubic").clamp(min=0)
    exact = torch.from_numpy(np.stack(masks))[:, None]
    each, pointing = _iou(total, exact)
    joint, hits = _iou(total.mean(1, keepdim=True), exact)
    return {
        "miou": float(each.mean()),
        "pointing": float(pointing.mean()),
        "miou_by_timestep": {t: float(v) for t, v in zip(TIMESTEPS, each.mean(0), strict=True)},
        "pointing_by_timestep": {
            t: float(v) for t, v in zip(TIMESTEPS, pointing.mean(0), strict=True)
        },
        "miou_joint": float(joint.mean()),
        "pointing_joint": float(hits.mean()),
        "whole_image": float(exact.float().mean((1, 2, 3)).mean()),
    }


def _iou(maps: Tensor, exact: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and hits of (word, timestep, y, x) maps with (word, 1, 64, 64) masks."""
    large = functional.interpolate(maps, (64, 64), mode="bicubic").clamp(min=0)
    marked = mask_of(large, THRESHOLD)
    overlap = (marked & exact).sum((2, 3)) / (marked | exact).sum((2, 3))
    peak = large.flatten(2).argmax(-1, keepdim=True)
    hit = exact.expand_as(marked).flatten(2).gather(2, peak)[..., 0]
    return overlap, hit.float()


def choose_layers(maps: dict[str, Tensor], masks: Sequence[np.ndarray[Any, Any]]) -> list[str]:
    """Add layers one by one as long as the mean IoU on these scenes grows."""
    chosen: list[str] = []
    best = 0.0
    while len(chosen) < len(maps):
        tried = {n: scores(maps, masks, [*chosen, n])["miou"] for n in maps if n not in chosen}
        name = max(tried, key=lambda n: tried[n])
        if tried[name] <= best:
            break
        best, chosen = tried[name], [*chosen, name]
    return sorted(chosen)


def measure(pipeline: Any, *, choosing: int = 200, scored: int = 350) -> dict[str, Any]:
    """Choose layers on training scenes, score them on scenes never trained on.

    Returns
    -------
    dict
        The chosen layers; scores of the choice, of the paper's choice (all layers of the down
        and up blocks) and of every layer alone, on held-out scenes; numbers of words.
    """
    chosen = choose_layers(*word_maps(pipeline, [scene(i) for i in range(choosing)]))
    held = [scene(i, ("test", "unseen")[i % 2]) for i in range(scored)]
    maps, masks = word_maps(pipeline, held)
    paper = [name for name in maps if not name.startswith("mid_block")]
    return {
        "recommended": chosen,
        "words": len(masks),
        "scores": {
            "recommended": scores(maps, masks, chosen),
            "paper": scores(maps, masks, paper),
            **{name: scores(maps, masks, [name]) for name in maps},
        },
    }


def attribute(
    weights: Path, *, judge_file: Path, report: Path, choosing: int = 200, scored: int = 350
) -> dict[str, Any]:
    """Choose and score layers, note the choice in the card, score it on generated images too.

    Parameters
    ----------
    weights
        Folder of an exported pipeline; `card.json` in it receives `recommended`.
    judge_file
        The judge's weights; without them generated images are left out.
    report
        Folder that receives `attribution.json`.
    """
    # Not above: what needs the whole package is not needed to train.
    from training.attribution_generated import generated

    torch.set_num_threads(1)
    pipeline = load(folder=weights)
    pipeline.set_progress_bar_config(disable=True)
    made = {"model": card(weights).model_id, **measure(pipeline, choosing=choosing, scored=scored)}
    note = weights / "card.json"
    facts = json.loads(note.read_text()) | {"recommended": made["recommended"]}
    note.write_text(json.dumps(facts, indent=1) + "\n")
    if judge_file.exists():
        made["generated"] = generated(weights, pipeline, judge_file)
    report.mkdir(parents=True, exist_ok=True)
    (report / "attribution.json").write_text(json.dumps(made, indent=1) + "\n")
    for name in ("recommended", "paper"):
        print(name, json.dumps(made["scores"][name]))
    print("generated", json.dumps(made.get("generated")))
    return made
