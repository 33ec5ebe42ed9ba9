"""The measure of attribution, on maps whose score is known and on a tiny untrained pipeline."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from daam_nb.menagerie import scene
from training.attribution import TIMESTEPS, choose_layers, scores, word_maps
from training.batches import states_a_direction
from training.diffusion import build_text, build_unet, draw_timesteps, noise_schedule
from training.tokenizer import build_tokenizer
from training.vae import as_batch, build_vae, normalize

CONFIG = tomllib.loads((Path(__file__).parents[2] / "training" / "short.toml").read_text())


def quarter() -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:32, :32] = True
    return mask


def maps_like(mask: np.ndarray) -> torch.Tensor:
    """(1 word, timesteps, 2 heads, 16, 16): the mask itself."""
    small = torch.from_numpy(mask[::4, ::4].copy()).float()
    return small.expand(1, len(TIMESTEPS), 2, 16, 16).clone()


def test_a_map_that_is_the_mask_scores_high_and_marking_everything_scores_the_area() -> None:
    good = scores({"layer": maps_like(quarter())}, [quarter()], ["layer"])
    # 32 x 32 pixels marked exactly, but for the slope of the upsampling at two borders.
    assert good["miou"] > 0.9 and good["pointing"] == 1.0 and good["miou_joint"] > 0.9
    flat = scores({"layer": torch.ones(1, 7, 2, 16, 16)}, [quarter()], ["layer"])
    assert flat["miou"] == pytest.approx(0.25) == flat["whole_image"]
    wrong = scores({"layer": maps_like(~quarter())}, [quarter()], ["layer"])
    assert wrong["miou"] < 0.1 and wrong["pointing"] == 0.0


def test_one_map_over_the_timesteps_is_scored_by_itself() -> None:
    maps = maps_like(quarter())
    maps[:, 3:] = maps_like(~quarter())[:, 3:] * 0.1
    made = scores({"layer": maps}, [quarter()], ["layer"])
    # Three maps of seven find the object; their mean, in which they are the strong ones, does.
    assert list(made["pointing_by_timestep"].values()) == [1, 1, 1, 0, 0, 0, 0]
    assert made["pointing"] == pytest.approx(3 / 7)
    assert made["pointing_joint"] == 1.0
    assert made["miou_joint"] > 0.9
    assert made["miou"] < 0.5


def test_layers_that_blur_are_not_chosen() -> None:
    maps = {"sharp": maps_like(quarter()), "flat": torch.ones(1, 7, 2, 4, 4)}
    assert choose_layers(maps, [quarter()]) == ["sharp"]


@pytest.fixture(scope="module")
def tiny() -> Any:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(length=32)
    unet = build_unet(CONFIG["unet"], channels=8, text_width=CONFIG["text"]["width"])
    return SimpleNamespace(
        tokenizer=tokenizer,
        unet=unet.eval(),
        vae=build_vae(CONFIG["vae"]).eval(),
        text_encoder=build_text(CONFIG["text"], tokenizer).eval(),
        scheduler=DDPMScheduler(**noise_schedule()),
    )


def test_watching_changes_nothing_and_covers_every_word(tiny: Any) -> None:
    latents, words = torch.randn(1, 8, 16, 16), torch.randn(1, 32, CONFIG["text"]["width"])
    with torch.no_grad():
        before = tiny.unet(latents, 500, words).sample
    processors = tiny.unet.attn_processors
    shown = [scene(0), scene(1, kind="count")]
    maps, masks = word_maps(tiny, shown)
    assert tiny.unet.attn_processors == processors
    with torch.no_grad():
        assert torch.equal(tiny.unet(latents, 500, words).sample, before)
    # A pair has two words, a count one word for all its objects.
    assert len(masks) == 3
    assert np.array_equal(masks[2], shown[1].masks.any(axis=0))
    sizes = {tuple(m.shape[-2:]) for m in maps.values()}
    assert sizes == {(16, 16), (8, 8), (4, 4)}
    assert all(m.shape[:3] == (3, len(TIMESTEPS), 2) for m in maps.values())
    assert all(m.min() >= 0 and m.max() <= 1 for m in maps.values())


def test_normalizing_changes_latents_but_not_restored_images() -> None:
    torch.manual_seed(1)
    model = build_vae(CONFIG["vae"]).eval()
    pixels = np.stack([np.asarray(scene(i).image) for i in range(64)])
    batch = as_batch(pixels)
    with torch.no_grad():
        before = model.decode(model.encode(batch).latent_dist.mode()).sample
        spread = model.encode(batch).latent_dist.logvar.mean()
        normalize(model, pixels, "cpu")
        posterior = model.encode(batch).latent_dist
        after = model.decode(posterior.mode()).sample
    assert torch.allclose(posterior.mode().mean((0, 2, 3)), torch.zeros(8), atol=1e-3)
    assert torch.allclose(posterior.mode().std((0, 2, 3)), torch.ones(8), atol=1e-2)
    assert torch.allclose(before, after, atol=1e-4)
    assert posterior.logvar.mean() != spread


def test_timesteps_cover_all_and_crowd_where_words_matter() -> None:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([draw_timesteps(rng, 16) for _ in range(500)])
    assert drawn.min() < 20 and drawn.max() >= 990 and drawn.dtype == np.int64
    assert 680 < np.median(drawn) < 720
    assert (drawn < 200).mean() == pytest.approx(0.06, abs=0.02)
    early = np.concatenate([draw_timesteps(rng, 16, center=2.0) for _ in range(500)])
    assert early.min() < 20 and 820 < np.median(early) < 860


def test_captions_that_state_a_direction_are_known() -> None:
    assert states_a_direction("the strawberry right of a little zebra")
    assert states_a_direction("a tree is placed under a drum")
    assert not states_a_direction("a bright cat next to an undersized dog")
