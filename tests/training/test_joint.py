"""The second model: its texts are the pipeline's, one null column is many, it learns."""

from __future__ import annotations

import json
import math
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusion3Pipeline
from diffusers.models.attention_processor import JointAttnProcessor2_0
from transformers import CLIPTokenizer

from daam_nb.errors import MissingModelError
from daam_nb.menagerie import card, load
from daam_nb.menagerie.model import AUTOENCODER, JOINT, WEIGHTS
from training.export import build_joint_pipeline, export_joint
from training.joint import CountedNull, JointJob, build_parts, draw_noise_shares, embed
from training.progress import save_atomically
from training.scenes import write_scenes
from training.tokenizer import write_tokenizer
from training.vae import build_vae

CONFIG: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "training" / "short.toml").read_text()
)
CORE: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "training" / "core.toml").read_text()
)
CAPTIONS = ["a red car on the grass", "", "a giraffe to the left of a tree"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder whose latents are made up, with a checkpoint of untrained weights."""
    folder = tmp_path_factory.mktemp("work")
    tokenizer = write_tokenizer(folder / "tokenizer", length=CONFIG["text"]["length"])
    write_scenes(folder / "scenes", count=48, shard=48)
    captions = json.loads((folder / "scenes" / "0000.json").read_text())["captions"]
    torch.manual_seed(0)
    build_vae(CONFIG["vae"]).save_pretrained(folder / "vae")
    (folder / "latents").mkdir()
    levels = np.random.default_rng(0).normal(size=(48, 8, 1, 1))
    np.savez(
        folder / "latents" / "0000.npz",
        latents=np.broadcast_to(levels, (48, 8, 16, 16)).astype(np.float16),
        tokens=np.array(tokenizer(captions, padding="max_length").input_ids, dtype=np.int16),
        single=np.arange(48) % 2 == 0,
    )
    parts = _stirred(tokenizer).state_dict()
    state = {"model": parts, "average": parts, "samples": 48}
    save_atomically(state, folder / "joint.pt")
    return folder


def _stirred(tokenizer: CLIPTokenizer) -> torch.nn.ModuleDict:
    """Parts whose blocks do something: as built, every block is the identity."""
    torch.manual_seed(1)
    parts = build_parts(CONFIG, tokenizer).eval()
    with torch.no_grad():
        for parameter in parts.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return parts


@pytest.fixture(scope="module")
def pipe(work: Path) -> StableDiffusion3Pipeline:
    return build_joint_pipeline(CONFIG, work)


@torch.no_grad()
@pytest.mark.parametrize("length", [32, 256])
def test_texts_are_what_the_pipeline_makes_of_them(
    pipe: StableDiffusion3Pipeline, length: int
) -> None:
    theirs, _, pooled, _ = pipe.encode_prompt(
        CAPTIONS, None, None, do_classifier_free_guidance=False, max_sequence_length=length
    )
    parts = torch.nn.ModuleDict(
        {name: getattr(pipe, name) for name in ("text_encoder", "text_encoder_2")}
    )
    tokens = torch.tensor(pipe.tokenizer(CAPTIONS, padding="max_length").input_ids)
    # How many columns stand for the third encoder is the version's choice (0.36: always 32).
    nulls = theirs.shape[1] - 32
    assert nulls in (32, length)
    words, projected = embed(parts, tokens, nulls=nulls)
    assert torch.equal(words, theirs) and torch.equal(projected, pooled)
    assert not torch.equal(words[0], words[2]) and not torch.equal(pooled[0], pooled[2])


@torch.no_grad()
@pytest.mark.parametrize("copies", [1, 32, 256])
def test_one_null_column_counts_for_many(pipe: StableDiffusion3Pipeline, copies: int) -> None:
    transformer = pipe.transformer
    generator = torch.Generator().manual_seed(0)
    patches = torch.randn(2, 8, 16, 16, generator=generator)
    words = torch.randn(2, 32, transformer.config.joint_attention_dim, generator=generator)
    pooled, times = words[:, 0], torch.tensor([300.0, 950.0])

    def predicted(nulls: int, **more: Any) -> torch.Tensor:
        padded = torch.nn.functional.pad(words, (0, 0, 0, nulls))
        made: torch.Tensor = transformer(patches, padded, pooled, times, **more).sample
        return made

    stock = predicted(copies)
    transformer.set_attn_processor(CountedNull())
    try:
        counted, one = (
            predicted(1, joint_attention_kwargs={"log_copies": torch.full((2,), math.log(n))})
            for n in (copies, 1)
        )
    finally:
        transformer.set_attn_processor(JointAttnProcessor2_0())
    assert torch.allclose(counted, stock, atol=1e-4)
    assert copies == 1 or not torch.allclose(one, stock, atol=1e-2)


def test_noise_shares_cover_the_whole_range_and_crowd_where_they_should() -> None:
    drawn = draw_noise_shares(np.random.default_rng(0), 400, center=0.8)
    assert drawn.dtype == np.float32 and 0 <= drawn.min() < 0.02 and 0.98 < drawn.max() <= 1
    middle = 1 / (1 + math.exp(-0.8))
    # Half of three quarters, and an even quarter's share of what lies below.
    assert (drawn < middle).mean() == pytest.approx(0.375 + 0.25 * middle, abs=0.01)


def test_the_loss_falls(work: Path) -> None:
    torch.manual_seed(0)
    config = CONFIG | {"joint": CONFIG["joint"] | {"batch": 8}}
    job = JointJob("cpu", config=config, work=work)
    optimizer = torch.optim.AdamW(job.module.parameters(), lr=1e-2)
    rng, losses = np.random.default_rng(0), []
    for _ in range(24):
        loss = job.loss(rng, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in job.module.parameters())
    # Latents of one level each, as here, are learnt at once.
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


@pytest.fixture(scope="module")
def exported(work: Path, pipe: StableDiffusion3Pipeline) -> tuple[Path, Path]:
    """The second model's folder, and a stand-in for the first one's: autoencoder and tokenizer."""
    folder, first = work / "joint", work / "weights"
    export_joint(CONFIG, work, folder)
    vae = build_vae(CONFIG["vae"])
    vae.load_state_dict(AutoencoderKL.from_pretrained(work / "vae").state_dict())
    vae.half().save_pretrained(first / "vae")
    shutil.copytree(work / "tokenizer", first / "tokenizer")
    (first / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    needs = json.loads((folder / "card.json").read_text())
    facts = needs | {"name": "first", "checksums": needs["needs"]}
    (first / "card.json").write_text(json.dumps(facts))
    return folder, first


def test_exported_files_load_and_paint(
    work: Path, exported: tuple[Path, Path], pipe: StableDiffusion3Pipeline
) -> None:
    folder, first = exported
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "card.json",
        "model_index.json",
        "scheduler",
        "text_encoder",
        "text_encoder_2",
        "transformer",
    }
    made = load(architecture="joint", folder=folder, shared=first)
    made.set_progress_bar_config(disable=True)
    assert made.config._name_or_path == card(folder).model_id
    assert card(folder).name == "daam_nb/menagerie-joint" and card(folder).samples == 48
    assert made.transformer.dtype == made.text_encoder_2.dtype == torch.float32
    wanted, found = pipe.transformer.state_dict(), made.transformer.state_dict()
    assert all(torch.equal(wanted[k].half().float(), found[k]) for k in wanted)
    image = made(
        CAPTIONS[0],
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).images[0]
    assert image.shape == (64, 64, 3) and np.isfinite(image).all() and image.std() > 0
    assert str(work) not in "".join(path.read_text() for path in folder.rglob("*.json"))


def test_loading_says_what_is_missing_or_wrong(exported: tuple[Path, Path], tmp_path: Path) -> None:
    folder, first = exported
    with pytest.raises(MissingModelError, match=r"weights are not in .*training"):
        load(architecture="joint", folder=tmp_path)
    with pytest.raises(MissingModelError, match=r"weights are not in .*training"):
        load(architecture="joint", folder=folder, shared=tmp_path)
    with pytest.raises(MissingModelError, match=r"needs a .* architecture='joint'\."):
        load(folder=folder)
    with pytest.raises(MissingModelError, match=r"needs a .* architecture='unet'\."):
        load(architecture="joint", folder=first)
    with pytest.raises(ValueError, match=r"'flux' is not known\. Use 'unet' or 'joint'"):
        load(architecture="flux")  # type: ignore[call-overload]
    other = tmp_path / "other"
    shutil.copytree(first, other)
    facts = json.loads((other / "card.json").read_text())
    facts["checksums"][AUTOENCODER] = "0"
    (other / "card.json").write_text(json.dumps(facts))
    with pytest.raises(MissingModelError, match="different autoencoder"):
        load(architecture="joint", folder=folder, shared=other)


def test_the_full_size_fits_its_room(work: Path) -> None:
    parts = build_parts(CORE, CLIPTokenizer.from_pretrained(work / "tokenizer"))
    assert sum(x.numel() for x in parts.state_dict().values()) * 2 <= 11.9e6


@pytest.mark.skipif(not (JOINT / "card.json").exists(), reason="not in this checkout")
def test_the_shipped_one_goes_with_the_shipped_autoencoder() -> None:
    needs = json.loads((JOINT / "card.json").read_text())["needs"]
    assert needs == {AUTOENCODER: card(WEIGHTS).checksums[AUTOENCODER]}
    assert load(architecture="joint").transformer.config.sample_size == 16
