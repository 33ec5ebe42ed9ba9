"""Which scenes a step of training sees, and steps that must leave no trace."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.batches import Batches, is_plain, states_a_direction
from training.loop import Run, _optimizer, _step
from training.options import Options
from training.scenes import write_scenes
from training.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer(length=32)
CAPTIONS = (
    "a cat on the grass",
    "a red cat",
    "a cat left of a dog",
    "a red cat above a dog",
)
CONFIG: dict[str, Any] = {
    "batch": 64,
    "caption_dropout": 0.0,
    "single_early": 0.5,
    "single_until": 1.0,
    "plain_early": 0.5,
    "plain_until": 1.0,
}


def shard(work: Path, number: int, value: float) -> None:
    """One shard of four scenes, one of each kind, whose latents all have one value."""
    for folder in ("scenes", "latents"):
        (work / folder).mkdir(exist_ok=True)
    facts = {"captions": list(CAPTIONS), "kinds": ["single", "single", "pair", "pair"]}
    (work / "scenes" / f"{number:04d}.json").write_text(json.dumps(facts))
    np.savez(
        work / "latents" / f"{number:04d}.npz",
        latents=np.full((4, 8, 2, 2), value, np.float16),
        tokens=np.array(TOKENIZER(list(CAPTIONS), padding="max_length").input_ids, np.int16),
        single=np.array([True, True, False, False]),
    )


def batches(work: Path, **config: Any) -> Batches:
    return Batches(work, CONFIG | config, TOKENIZER, "cpu")


def captions(tokens: Tensor) -> set[str]:
    return set(TOKENIZER.batch_decode(tokens, skip_special_tokens=True))


def test_a_batch_has_every_kind_and_the_captions_of_its_latents(tmp_path: Path) -> None:
    shard(tmp_path, 0, 1.0)
    latents, tokens = batches(tmp_path).draw(np.random.default_rng(0), 0.0)
    assert latents.shape == (64, 8, 2, 2) and latents.dtype == torch.float32
    assert tokens.shape == (64, 32) and tokens.dtype == torch.int64
    assert captions(tokens) == set(CAPTIONS)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"single_early": 1.0, "plain_early": 1.0}, {CAPTIONS[0]}),
        ({"single_early": 0.0, "plain_early": 0.0}, {CAPTIONS[3]}),
        ({"directed": 1.0}, {CAPTIONS[2], CAPTIONS[3]}),
        ({"caption_dropout": 1.0}, {""}),
    ],
)
def test_shares_are_those_of_the_configuration(
    tmp_path: Path, config: dict[str, Any], expected: set[str]
) -> None:
    shard(tmp_path, 0, 1.0)
    _, tokens = batches(tmp_path, **config).draw(np.random.default_rng(0), 0.0)
    assert captions(tokens) == expected


def test_shards_that_appear_are_taken_in_once(tmp_path: Path) -> None:
    shard(tmp_path, 0, 1.0)
    made = batches(tmp_path)
    assert len(made) == 4
    shard(tmp_path, 1, 2.0)
    made.refresh()
    made.refresh()
    assert len(made) == 8
    latents, _ = made.draw(np.random.default_rng(0), 0.0)
    assert set(latents.unique().tolist()) == {1.0, 2.0}


def test_without_latents_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Run the stage `latents` first"):
        batches(tmp_path).draw(np.random.default_rng(0), 0.0)


def test_plain_captions_have_no_color_of_a_thing_and_nothing_small() -> None:
    assert is_plain("a big cat on a red background") and is_plain(CAPTIONS[0])
    assert not is_plain(CAPTIONS[1]) and not is_plain("a little cat")
    assert states_a_direction(CAPTIONS[2]) and not states_a_direction(CAPTIONS[1])


def test_scenes_are_the_same_however_many_render_them(tmp_path: Path) -> None:
    for helpers in (0, 1):
        write_scenes(tmp_path / str(helpers), count=5, shard=2, helpers=helpers)
    names = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert names == [f"000{i}.{kind}" for i in range(3) for kind in ("json", "npy")]
    for name in names:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes()


class Overflows:
    """A job whose second loss is infinite."""

    name = "overflows"

    def __init__(self, device: str, *, losses: list[float]) -> None:
        self.module: nn.Module = nn.Linear(2, 1, device=device)
        self._factors = iter(losses)

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        return self.module(torch.ones(1, 2)).square().mean() * next(self._factors)

    def measure(self) -> dict[str, float]:
        return {}

    def refresh(self) -> None: ...


def test_a_step_whose_gradient_overflows_is_left_out(tmp_path: Path) -> None:
    config = {"learning_rate": 0.1, "warm_up_steps": 1, "decay_from": 0.5}
    losses = [1.0, float("inf"), 1.0]
    run = Run(partial(Overflows, losses=losses), config, Options(tmp_path, seed=0))
    job = run.build("cpu")
    optimizer = _optimizer(job, run)
    seen = [[p.detach().clone() for p in job.module.parameters()]]
    for step in range(3):
        _step(job, run, optimizer, np.random.default_rng(0), progress=0.0, step=step)
        seen.append([p.detach().clone() for p in job.module.parameters()])
    changed = [
        not all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        for before, after in pairwise(seen)
    ]
    assert changed == [True, False, True]
    assert all(p.isfinite().all() for p in job.module.parameters())
