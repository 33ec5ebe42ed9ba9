"""`trace(..., self_attention=)` against the definition, from the layers' own inputs, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb.errors import MemoryBudgetError, SelectionError, UnsupportedPipelineError, WatchError
from daam_nb.recording import Recording, load
from daam_nb.tracing import trace
from tests import joint_pipelines, pipelines
from tests.pipeline_variants import with_explicit_softmax, with_fused_qkv, with_lora, with_slicing
from tests.tracing.cases import PROMPT, sized
from tests.tracing.layer_inputs import inputs_of_layers
from tests.tracing.traces import assert_nothing_left, snapshot

STEPS = 3
EXACT = 1e-5  # float32 products differ by processor


def defined(module: Any, image: Tensor) -> Tensor:
    """(query, key): mean over heads of softmax over the image's cells."""

    def split(rows: Tensor) -> Tensor:
        return rows.double().view(len(rows), module.heads, -1).transpose(0, 1)

    with torch.no_grad():
        query, key = split(module.to_q(image)), split(module.to_k(image))
    return (query @ key.transpose(1, 2) * module.scale).softmax(-1).mean(0)


def traced(pipe: Any, **arguments: Any) -> tuple[tuple[Recording, ...], Any]:
    names = ("self_attention", "dtype", "keep", "keep_steps", "layers", "memory")
    options = {name: arguments.pop(name) for name in names if name in arguments}
    with trace(pipe, **({"dtype": torch.float32, "self_attention": "steps"} | options)) as tracer:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return tracer.recordings, images


def untraced(pipe: Any, **arguments: Any) -> tuple[Any, Any]:
    with inputs_of_layers(pipe.unet, lambda name: name.endswith(".attn1")) as seen:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return seen, images


def check(pipe: Any, run: Recording, seen: Any, row: int) -> None:
    held = run.self_attention
    assert held is not None and held.kept == "steps"
    assert {layer.name for layer in held.layers} == seen.keys()
    for layer in held.layers:
        module = pipe.unet.get_submodule(layer.name)
        assert layer.heads == module.heads
        for step in range(STEPS):
            expected = defined(module, seen[layer.name][step][0][row])
            kept = held.probabilities[layer.name][step].double()
            assert (kept - expected).abs().max() <= EXACT
            assert expected.std() > 1e-4


BUILDS = {"sd1": pipelines.sd1, "sd2": pipelines.sd2, "sdxl": pipelines.sdxl}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_self_attention_equals_its_definition(name: str, guidance: float) -> None:
    pipe = BUILDS[name]()
    arguments = sized(guidance_scale=guidance, negative_prompt="a blue house")
    seen, expected = untraced(pipe, **arguments)
    before = snapshot(pipe)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    assert_nothing_left(before, snapshot(pipe))
    check(pipe, run, seen, 1 if guidance > 1 else 0)
    assert any("self-attention" in line for line in run.manifest.captured)


@pytest.mark.parametrize(
    "change",
    [
        lambda pipe: with_slicing(pipe, 1),
        lambda pipe: with_slicing(pipe, "max"),
        with_explicit_softmax,
        with_lora,
    ],
)
def test_however_attention_is_computed(change: Any) -> None:
    pipe = change(pipelines.sd1())
    seen, expected = untraced(pipe, **sized())
    (run,), images = traced(pipe, **sized())
    assert np.array_equal(images, expected)
    check(pipe, run, seen, 1)


def test_fused_projections() -> None:
    (plain,), _ = traced(pipelines.sd1(), **sized())
    (run,), _ = traced(with_fused_qkv(pipelines.sd1()), **sized())
    for name, array in plain.self_attention.probabilities.items():
        assert (run.self_attention.probabilities[name] - array).abs().max() < 1e-4


def test_each_image_of_a_batch_has_its_own() -> None:
    pipe = pipelines.sd1()
    arguments = sized(prompt=[PROMPT, "a dog"], num_images_per_prompt=2)
    seen, expected = untraced(pipe, **arguments)
    runs, images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    for i, run in enumerate(runs):
        check(pipe, run, seen, 4 + i)


def test_a_sum_is_the_sum_of_the_steps_and_layers_are_chosen_by_block() -> None:
    pipe = pipelines.sd1()
    (each,), _ = traced(pipe, **sized())
    (summed,), _ = traced(pipe, self_attention=True, layers="up", keep_steps=[0, 2], **sized())
    held = summed.self_attention
    assert held.kept == "sum" and {layer.stage for layer in held.layers} == {"up"}
    for name, array in held.probabilities.items():
        expected = each.self_attention.probabilities[name][[0, 2]].sum(0, keepdim=True)
        assert torch.allclose(array, expected, rtol=1e-5, atol=1e-7)


def test_saved_and_loaded(tmp_path: Any) -> None:
    (run,), _ = traced(pipelines.sd1(), dtype=torch.float16, **sized())
    loaded = load(run.save(tmp_path / "run"))
    assert loaded.nbytes == run.nbytes
    assert loaded.self_attention.layers == run.self_attention.layers
    for name, array in run.self_attention.probabilities.items():
        assert torch.equal(loaded.self_attention.probabilities[name], array)


@pytest.mark.parametrize("build", [joint_pipelines.sd3, joint_pipelines.flux])
def test_the_image_part_of_joint_attention(build: Any) -> None:
    """Over the image it is what attention to every text column leaves over."""
    pipe = build()
    arguments = sized()
    expected = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    streams = ("clip", "t5") if build is joint_pipelines.sd3 else (None,)
    to_text: dict[str, Tensor] = {}
    for encoder in streams:
        with trace(
            pipe, tokens="all", encoder=encoder, dtype=torch.float32, self_attention="steps"
        ) as tracer:
            images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
        assert np.array_equal(images, expected)
        for name, array in tracer.recording.attention.items():
            share = array.mean(1).sum(1).flatten(1)  # (step, cell)
            to_text[name] = to_text.get(name, torch.zeros(())) + share
    held = tracer.recording.self_attention
    assert {layer.attention for layer in held.layers} == {"joint"}
    for name, array in held.probabilities.items():
        assert (array.sum(-1) + to_text[name] - 1).abs().max() < 1e-5


def test_refusals_come_before_the_first_step() -> None:
    pipe = pipelines.sd1()
    for choice in (None, 2, "sum", "all"):
        with pytest.raises(SelectionError, match="must be True"):
            trace(pipe, self_attention=choice)
    (run,), _ = traced(pipe, **sized())
    without = run.nbytes - run.self_attention.nbytes
    with pytest.raises(MemoryBudgetError, match="self_attention="):
        traced(pipe, memory=without + run.self_attention.nbytes // 2, **sized())
    with pytest.raises(SelectionError, match="all of these layers are larger"):
        traced(pipe, **sized(height=320, width=320), layers="up_blocks.2")
    with pytest.raises(UnsupportedPipelineError, match=r"computes its self-attention with PAG"):
        traced(pipelines.pag(), **sized())


def test_merged_cells_are_noticed() -> None:
    from diffusers.models.attention_processor import AttnProcessor2_0

    class Merged(AttnProcessor2_0):
        """Half of the cells, and each of them twice."""

        def __call__(self, attn: Any, hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
            half = super().__call__(attn, hidden_states[:, ::2], *args, **kwargs)
            return half.repeat_interleave(2, dim=1)[:, : hidden_states.shape[1]]

    Merged.__name__ = "AttnProcessor2_0"
    Merged.__module__ = AttnProcessor2_0.__module__
    pipe = pipelines.sd1()
    for name, module in pipe.unet.named_modules():
        if name.endswith("up_blocks.2.attentions.0.transformer_blocks.0.attn1"):
            module.set_processor(Merged())
    with pytest.raises(WatchError, match="merges or drops cells"):
        traced(pipe, **sized())
