"""`region_gradient` against `add_gradients`' derivative and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb.errors import SelectionError, ShapeError, UnsupportedPipelineError, WrongKindError
from daam_nb.tracing import generate, region_gradient
from daam_nb.tracing.gradients.derivative import change_along
from daam_nb.tracing.gradients.passes import prompt_passes
from daam_nb.tracing.gradients.region import read_region
from tests import joint_pipelines, pipelines
from tests.tracing.cases import PROMPT
from tests.tracing.traces import snapshot

CALL: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96, "seed": 0}
GRID = (8, 12)


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sdxl], ids=["sd1", "sdxl"])
def test_changes_are_the_derivative_along_each_hidden_word(build: Any) -> None:
    pipe = build()
    run = generate(pipe, PROMPT, **CALL)
    mask = torch.zeros(GRID, dtype=torch.bool)
    mask[1:4, 5:11] = True
    before = snapshot(pipe)
    got = region_gradient(run, pipe, mask)
    assert snapshot(pipe) == before
    assert all(parameter.grad is None for parameter in pipe.unet.parameters())
    assert [word.text for word in got.words] == ["a", "red", "cat", "and", "a", "giraffe"]
    assert got.steps == run.steps and torch.equal(got.region, mask)
    followed = prompt_passes(run, pipe, True, {}, where="a test")
    hidden = followed.hidden
    net = followed.net.double()
    largest = float(got.changes.abs().max())
    for i, of_step in enumerate(followed.passes):
        inputs = {name: doubled(value) for name, value in of_step.arguments.items()}
        for number, change in enumerate(hidden.changes):
            prediction, moved = change_along(net, inputs, change.double())
            own, along = prediction[:, mask], moved[:, mask]
            expected = float(2 * (own * along).mean() / own.square().mean())
            assert float(got.changes[i, number]) == pytest.approx(expected, abs=1e-4 * largest)


def doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: doubled(inner) for name, inner in value.items()}
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def test_norms_are_of_the_words_own_tokens() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    got = region_gradient(run, pipe, (0.0, 0.0, 0.5, 1.0), ["giraffe", "cat"])
    assert [word.text for word in got.words] == ["cat", "giraffe"]
    assert got.tokens.shape == (2, 77) and got.norms.shape == got.changes.shape == (2, 2)
    assert torch.allclose(got.norms[:, 0], got.tokens[:, 3])
    assert torch.allclose(got.norms[:, 1], got.tokens[:, [6, 7]].norm(dim=1))
    followed = prompt_passes(run, pipe, ["cat"], {}, where="a test")
    net = followed.net.double()
    inputs = {name: doubled(value) for name, value in followed.passes[1].arguments.items()}
    text, h = inputs["encoder_hidden_states"], 1e-4
    differences = []
    for channel in range(text.shape[-1]):
        ends = []
        for sign in (1, -1):
            moved = text.clone()
            moved[0, 3, channel] += sign * h
            with torch.no_grad():
                out = net(**{**inputs, "encoder_hidden_states": moved, "return_dict": False})[0][0]
            ends.append(out[:, :4].square().mean().log())
        differences.append((ends[0] - ends[1]) / (2 * h))
    expected = float(torch.stack(differences).norm())
    assert float(got.tokens[1, 3]) == pytest.approx(expected, rel=1e-4)
    assert "48 of 96 cells, mean over 2 steps" in repr(got) and "giraffe" in repr(got)


def test_a_box_is_the_cells_whose_centers_lie_in_it() -> None:
    box = read_region((0.0, 0.25, 0.5, 0.5), GRID)
    expected = np.zeros(GRID, bool)
    expected[:4, 3:6] = True
    assert np.array_equal(box.numpy(), expected)
    assert torch.equal(read_region(expected, GRID), box)
    assert bool(read_region((0, 0, 1, 1), GRID).all())


@pytest.mark.parametrize(
    "region, error, why",
    [
        (torch.zeros(GRID, dtype=torch.bool), SelectionError, "No cell"),
        ((0.5, 0.5, 0.51, 0.51), SelectionError, "No cell"),
        ((0.5, 0.5, 0.2, 0.9), SelectionError, "must be \\(top, left, bottom, right\\)"),
        ((0, 0, 64, 96), SelectionError, "shares of the image"),
        (torch.ones(12, 8, dtype=torch.bool), ShapeError, "grid is \\(8, 12\\)"),
        (np.ones(GRID), WrongKindError, "mask .* of float64"),
        ("left", WrongKindError, "str"),
        ((0, 1), WrongKindError, "tuple"),
        ((0.0, float("nan"), 1.0, 1.0), SelectionError, "nan"),
    ],
    ids=str,
)
def test_what_is_no_region_is_refused_before_anything_runs(
    region: Any, error: type[Exception], why: str
) -> None:
    run = generate(pipelines.sd1(), PROMPT, **CALL)
    with pytest.raises(error, match=why):
        region_gradient(run, object(), region)


def test_joint_models_and_swapped_arguments_are_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    with pytest.raises(WrongKindError, match=r"region_gradient\(run, pipe, region\)"):
        region_gradient(pipe, run, (0, 0, 1, 1))
    with pytest.raises(UnsupportedPipelineError, match="no gradients of"):
        region_gradient(run, joint_pipelines.sd3(), (0, 0, 1, 1))
