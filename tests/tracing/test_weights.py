"""Weights that are written into between loading and drawing, or between two drawings, are named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from daam_nb.errors import StudyError
from daam_nb.recording import Recording
from daam_nb.show.conditions import conditions
from daam_nb.studies.corpus.runs import runs_of
from daam_nb.tracing import generate, reproduce
from daam_nb.tracing.model_changes import model_changes
from daam_nb.tracing.weights import weight_digests
from tests import pipelines

OF_FILES = "unet: weights are not those of the files it was loaded from"
SINCE = "unet: weights changed since its first recorded call"


def halved(net: nn.Module) -> None:
    next(net.parameters()).data.mul_(0.5)


def loaded(net: nn.Module) -> None:
    net.load_state_dict({name: 0.9 * value for name, value in net.state_dict().items()})


def copied(net: nn.Module) -> None:
    with torch.no_grad():
        weight = net.mid_block.attentions[0].transformer_blocks[0].attn2.to_k.weight
        weight.copy_(torch.randn(weight.shape))


def through_numpy(net: nn.Module) -> None:
    next(net.parameters()).detach().numpy()[...] = 0.25


EDITS = [halved, loaded, copied, through_numpy]


def draw(pipe: Any) -> Recording:
    return generate(pipe, "a cat", seed=0, num_inference_steps=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline")
    pipelines.sd1().save_pretrained(path)
    return path


def opened(folder: Path, **options: Any) -> Any:
    return type(pipelines.sd1()).from_pretrained(folder, **options)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_between_loading_and_drawing_is_named(
    folder: Path, edit: Callable[[nn.Module], None]
) -> None:
    pipe = opened(folder)
    assert "model_changes" not in draw(pipe).facts.batch
    pipe = opened(folder)
    edit(pipe.unet)
    run = draw(pipe)
    assert run.facts.batch["model_changes"] == [OF_FILES]
    assert f"Model changed: {OF_FILES}." in conditions(run)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_between_two_drawings_is_named(edit: Callable[[nn.Module], None]) -> None:
    pipe = pipelines.sd1()
    before = draw(pipe)
    assert "model_changes" not in before.facts.batch
    edit(pipe.unet)
    after = draw(pipe)
    assert after.facts.batch["model_changes"] == [SINCE]
    digests = [run.facts.batch["weights"] for run in (before, after)]
    assert digests[0]["unet"] != digests[1]["unet"]
    assert digests[0]["vae"] == digests[1]["vae"]
    with pytest.raises(StudyError, match="are of 2 models"):
        runs_of([before, after])
    why = " ".join(reproduce(before, pipe).why)
    assert re.search(r"weights of unet: \w{16} then, \w{16} now", why)


def test_every_part_is_watched(folder: Path) -> None:
    pipe = opened(folder)
    halved(pipe.vae)
    halved(pipe.text_encoder)
    said = model_changes(pipe)
    assert {change.partition(":")[0] for change in said} == {"vae", "text_encoder"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_is_only_rounded_moved_or_laid_out_anew_is_the_same(
    folder: Path, dtype: torch.dtype
) -> None:
    pipe = opened(folder, torch_dtype=dtype)
    assert model_changes(pipe) == ()
    pipe.to(torch.float32)  # as pipelines do with a VAE
    assert model_changes(pipe) == ()
    before = weight_digests(pipe)
    pipe.unet.to(memory_format=torch.channels_last)
    assert weight_digests(pipe) == before and model_changes(pipe) == ()


def test_files_that_tell_nothing(folder: Path, tmp_path: Path) -> None:
    pipe = opened(folder)
    pipe.unet.register_to_config(_name_or_path=str(tmp_path))
    (tmp_path / "broken.safetensors").write_bytes(b"no such file")
    halved(pipe.unet)
    assert model_changes(pipe) == ()
    halved(pipe.unet)
    assert model_changes(pipe) == (SINCE,)


def test_weights_that_are_nowhere_are_left_out() -> None:
    pipe = pipelines.sd1()
    assert set(weight_digests(pipe)) == {"unet", "vae", "text_encoder"}
    pipe.vae.to("meta")
    assert set(weight_digests(pipe)) == {"unet", "text_encoder"}


def test_the_values_that_are_read_are_the_same_in_every_layout() -> None:
    net = nn.Conv2d(3, 5, 3)
    parts = SimpleNamespace(components={"net": net})
    digest = weight_digests(parts)["net"]
    assert re.fullmatch(r"[0-9a-f]{16}", digest)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert weight_digests(parts)["net"] == digest
    net.weight.data[0, 0, 0, 0] += 1
    assert weight_digests(parts)["net"] != digest
