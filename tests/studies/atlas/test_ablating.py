"""Each head taken away, against `ablate` and against predictions computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import StudyError, UnsupportedPipelineError
from daam_nb.studies.atlas.ablating import (
    check_ablatable,
    head_causes,
    prediction,
    steps_looked_at,
    without_heads,
)
from daam_nb.tracing import ablate, generate
from tests import joint_pipelines, pipelines
from tests.studies.toy import SIZE

TEXT = "a red cat and a dog"
CALL: dict[str, Any] = {**SIZE, "num_inference_steps": 4}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def run(pipe: Any) -> Any:
    return generate(pipe, TEXT, seed=3, **CALL)


def passes_of(pipe: Any, net: Any, change: Any = None, **call: Any) -> list[Any]:
    """What the denoiser was given and gave in every pass of a call."""
    passes: list[Any] = []
    handle = net.register_forward_hook(
        lambda module, args, kwargs, output: passes.append((args, kwargs, prediction(output))),
        with_kwargs=True,
    )
    try:
        with change if change is not None else torch.no_grad():
            pipe(TEXT, generator=torch.Generator().manual_seed(3), **{**CALL, **call})
    finally:
        handle.remove()
    return passes


def test_steps_are_the_middles_of_equal_parts() -> None:
    assert steps_looked_at(3, 20) == (3, 10, 16)
    assert steps_looked_at(1, 20) == (10,)
    assert steps_looked_at(4, 4) == (0, 1, 2, 3)
    assert steps_looked_at(9, 2) == (0, 1)


def test_a_head_is_taken_away_as_by_ablate(pipe: Any, run: Any) -> None:
    """One step, so that the latents are the same: the prompt's row is that of `ablate`."""
    one = generate(pipe, TEXT, seed=3, **{**CALL, "num_inference_steps": 1})
    causes = head_causes(pipe, one, passes=1)
    (_, _, before), *_ = passes_of(pipe, pipe.unet, num_inference_steps=1)
    scale = before[1].norm(dim=0).mean()
    for layer in (run.layers[0], run.layers[-1]):
        for head in range(layer.heads):
            change = ablate(pipe, heads=head, layers=[layer])
            (_, _, after), *_ = passes_of(pipe, pipe.unet, change, num_inference_steps=1)
            expected = ((after[1] - before[1]).norm(dim=0) / scale).double().numpy()
            measured = causes.changes[layer.name, head]
            assert expected.max() > 0
            assert measured == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_changes_are_means_over_the_steps(pipe: Any, run: Any) -> None:
    """By hand: one head's columns of the output projection's input are zero."""
    layer, head = run.layers[1], 1
    module = pipe.unet.get_submodule(layer.name)
    expected = 0
    for args, kwargs, output in passes_of(pipe, pipe.unet):
        width = module.to_out[0].weight.shape[1] // layer.heads

        def zero(_: Any, inputs: Any, width: int = width) -> Any:
            mask = torch.ones_like(inputs[0])
            mask[1, :, head * width : (head + 1) * width] = 0
            return (inputs[0] * mask,)

        handle = module.to_out[0].register_forward_pre_hook(zero)
        with torch.no_grad():
            after = prediction(pipe.unet(*args, **kwargs))
        handle.remove()
        assert torch.equal(after[0], output[0])  # the negative prompt's row
        change = (after[1] - output[1]).norm(dim=0) / output[1].norm(dim=0).mean()
        expected = expected + change.double().numpy() / CALL["num_inference_steps"]
    causes = head_causes(pipe, run, passes=CALL["num_inference_steps"])
    assert causes.changes[layer.name, head] == pytest.approx(expected, rel=1e-2, abs=1e-6)
    assert set(causes.changes) == {(each.name, i) for each in run.layers for i in range(each.heads)}
    assert causes.concepts == {}


def test_more_heads_than_fit_a_call(pipe: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = head_causes(pipe, run, passes=2)
    monkeypatch.setattr("daam_nb.studies.atlas.ablating.ROWS", 3)
    parts = head_causes(pipe, run, passes=2)
    for pair, change in whole.changes.items():
        assert parts.changes[pair] == pytest.approx(change, rel=1e-2, abs=1e-6)


def test_heads_of_joint_attention_are_taken_away_too() -> None:
    pipe = joint_pipelines.sd3()
    run = generate(pipe, TEXT, seed=3, **CALL)
    causes = head_causes(pipe, run, passes=1)
    assert all(np.isfinite(change).all() for change in causes.changes.values())
    assert all(change.max() > 0 for change in causes.changes.values())


def test_nothing_is_left_on_the_pipeline(pipe: Any, run: Any) -> None:
    head_causes(pipe, run, passes=1)
    assert not pipe.unet._forward_hooks
    assert not any(module._forward_pre_hooks for module in pipe.unet.modules())
    with (
        pytest.raises(ZeroDivisionError),
        without_heads(dict(pipe.unet.named_modules()), [None, (run.layers[0].name, 0)]),
    ):
        1 / 0  # noqa: B018
    assert not any(module._forward_pre_hooks for module in pipe.unet.modules())


def test_another_pipeline_is_refused(run: Any) -> None:
    other = pipelines.sd1()
    with torch.no_grad():
        for parameter in other.unet.conv_in.parameters():
            parameter.mul_(1.5)
    with pytest.raises(StudyError, match="does not reproduce the recorded image of 'a red cat"):
        head_causes(other, run, passes=1)


def test_layers_without_a_projection_are_refused() -> None:
    with pytest.raises(UnsupportedPipelineError, match=r"no output projection.*causes=False"):
        check_ablatable(joint_pipelines.flux())
