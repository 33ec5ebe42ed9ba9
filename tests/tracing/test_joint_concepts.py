"""`trace(..., concepts=)` of joint attention against a stream written out in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import FusedJointAttnProcessor2_0
from torch import Tensor

from daam_nb.errors import (
    MemoryBudgetError,
    SelectionError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording, altered, load
from daam_nb.tracing import generate, trace
from daam_nb.tracing.concepts.text import check_concepts
from tests import joint_pipelines as joint
from tests import pipelines
from tests.made_up_pipelines import scrolls
from tests.tracing.cases import PROMPT, sized
from tests.tracing.models.joint_concepts import Stream, noted
from tests.tracing.models.made_up_joint import Scrolls
from tests.tracing.traces import assert_nothing_left, snapshot

CONCEPTS = ["dog", "blue giraffe"]
TEXT = "dog, blue giraffe"
STEPS = 3
EXACT = 2e-5


def of_clip(pipe: Any, text: str) -> Tensor:
    """(token, channel): both CLIP encoders side by side, without padding."""
    states = []
    for tokenizer, encoder in (
        (pipe.tokenizer, pipe.text_encoder),
        (pipe.tokenizer_2, pipe.text_encoder_2),
    ):
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            states.append(encoder(ids, output_hidden_states=True).hidden_states[-2])
    return torch.cat(states, dim=-1)[0]


def of_t5(tokenizer: Any, encoder: Any, text: str, length: int) -> Tensor:
    """(token, channel), padded, as both pipelines have it encoded: without a mask."""
    ids = tokenizer(text, padding="max_length", max_length=length, return_tensors="pt").input_ids
    with torch.no_grad():
        return encoder(ids)[0][0]


def traced(pipe: Any, **arguments: Any) -> tuple[tuple[Recording, ...], Any]:
    names = ("concepts", "negative", "dtype", "keep", "keep_steps", "layers", "memory", "tokens",
             "encoder", "self_attention")  # fmt: skip
    options = {name: arguments.pop(name) for name in names if name in arguments}
    with trace(pipe, **({"dtype": torch.float32, "concepts": CONCEPTS} | options)) as tracer:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return tracer.recordings, images


def untraced(pipe: Any, **arguments: Any) -> tuple[Any, Any]:
    with noted(pipe.transformer) as passes:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return passes, images


def check(
    pipe: Any, run: Recording, passes: Any, row: int, embeddings: Tensor, *, first: int = 0
) -> None:
    """Every layer and step of a recording against the definition."""
    concepts = run.concepts
    assert concepts is not None and len(passes) == len(run.steps)
    own = embeddings[list(concepts.columns)]
    places = [first + column for column in concepts.columns]
    for i, inputs in enumerate(passes):
        with torch.no_grad():
            expected = Stream(pipe.transformer, inputs, row, own, places).maps()
        assert {layer.name for layer in run.layers} <= expected.keys()
        for layer in run.layers:
            kept = concepts.attention[layer.name][i].double()
            assert kept.shape == (1, len(places), *layer.size)
            assert (kept.flatten(2)[0] - expected[layer.name]).abs().max() <= EXACT
            assert expected[layer.name].std(-1).max() > 1e-3


@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_stable_diffusion_3(guidance: float) -> None:
    """Dual attention in the first block; the last hands no text on."""
    pipe = joint.sd3()
    arguments = sized(
        guidance_scale=guidance, negative_prompt="a blue house", max_sequence_length=32
    )
    passes, expected = untraced(pipe, **arguments)
    state, before = torch.random.get_rng_state(), snapshot(pipe)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    assert_nothing_left(before, snapshot(pipe))
    assert torch.equal(torch.random.get_rng_state(), state)
    check(pipe, run, passes, 1 if guidance > 1 else 0, of_clip(pipe, TEXT))
    assert [word.text for word in run.concepts.words] == CONCEPTS
    assert any("'blue giraffe'" in line for line in run.manifest.captured)


def test_the_columns_of_t5() -> None:
    pipe = joint.sd3()
    arguments = sized(max_sequence_length=32)
    passes, expected = untraced(pipe, **arguments)
    (run,), images = traced(pipe, encoder="t5", **arguments)
    assert np.array_equal(images, expected)
    embeddings = of_t5(pipe.tokenizer_3, pipe.text_encoder_3, TEXT, 32)
    check(pipe, run, passes, 1, embeddings, first=77)


@pytest.mark.parametrize("true_cfg", [1.0, 4.0])
def test_flux(true_cfg: float) -> None:
    """Double and single blocks; with true guidance, the pass of the prompt alone."""
    pipe = joint.flux()
    arguments = sized(max_sequence_length=32, true_cfg_scale=true_cfg, negative_prompt="a house")
    passes, expected = untraced(pipe, **arguments)
    before = snapshot(pipe)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    assert_nothing_left(before, snapshot(pipe))
    passes = passes[:: 2 if true_cfg > 1 else 1]
    check(pipe, run, passes, 0, of_t5(pipe.tokenizer_2, pipe.text_encoder_2, TEXT, 32))
    assert {layer.stage for layer in run.layers} == {"double", "single"}


@pytest.mark.parametrize("build", [joint.sd3_img2img, joint.flux_img2img, joint.flux_kontext])
def test_from_an_image(build: Any) -> None:
    """Images to refer to are no part of what the concepts attend to."""
    pipe = build()
    arguments = sized(image=pipelines.image((48, 32)), max_sequence_length=32)
    if build is joint.flux_kontext:
        arguments |= {"_auto_resize": False, "max_area": 64 * 96}
    else:
        arguments["strength"] = 1.0
    passes, expected = untraced(pipe, **arguments)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    if build is joint.sd3_img2img:
        check(pipe, run, passes, 1, of_clip(pipe, TEXT))
    else:
        check(pipe, run, passes, 0, of_t5(pipe.tokenizer_2, pipe.text_encoder_2, TEXT, 32))


def test_each_image_of_a_batch() -> None:
    pipe = joint.sd3()
    arguments = sized(prompt=[PROMPT, "a dog"], num_images_per_prompt=2, max_sequence_length=32)
    passes, expected = untraced(pipe, **arguments)
    runs, images = traced(pipe, concepts="a dog", **arguments)
    assert np.array_equal(images, expected)
    for i, run in enumerate(runs):
        check(pipe, run, passes, 4 + i, of_clip(pipe, "a dog"))
        assert [word.text for word in run.concepts.words] == ["a", "dog"]


def test_sums_steps_layers_half_precision_and_self_attention() -> None:
    pipe = joint.flux()
    arguments = sized(max_sequence_length=32)
    (each,), _ = traced(pipe, **arguments)
    (summed,), _ = traced(pipe, keep="sum", **arguments)
    (late,), _ = traced(
        pipe, keep_steps=[2], layers="single", dtype=torch.float16, self_attention=True, **arguments
    )
    for layer in summed.layers:
        expected = each.concepts.attention[layer.name]
        total = summed.concepts.attention[layer.name]
        assert torch.allclose(total, expected.sum(0, keepdim=True), rtol=1e-5, atol=1e-6)
    assert late.concepts.attention.keys() == {layer.name for layer in late.layers}
    for name, attention in late.concepts.attention.items():
        assert attention.dtype == torch.float16
        assert (attention[0].float() - each.concepts.attention[name][2]).abs().max() <= 5e-4


def test_other_types_of_the_model_pass_the_comparison() -> None:
    for build in (joint.sd3, joint.flux):
        for dtype in (torch.float16, torch.bfloat16):
            (run,), _ = traced(build().to(dtype), **sized(max_sequence_length=32))
            assert run.concepts is not None


def test_a_model_in_training_draws_no_other_dropout() -> None:
    pipe = joint.flux()
    pipe.transformer.train()
    state = torch.random.get_rng_state()
    arguments = sized(max_sequence_length=32)
    _, expected = untraced(pipe, **arguments)
    torch.random.set_rng_state(state)
    _, images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)


def test_maps_by_steps_and_layers_and_no_single_heads(tmp_path: Any) -> None:
    (run,), _ = traced(joint.flux(), **sized(max_sequence_length=32))
    loaded = load(run.save(tmp_path / "run"))
    assert loaded.nbytes == run.nbytes and loaded.concepts.words == run.concepts.words
    for choice in ({}, {"layers": "double", "steps": [0, 2]}, {"reduction": "sum"}):
        maps, again = (heat_maps(each, kind="concept", **choice) for each in (run, loaded))
        assert torch.equal(maps["dog"].values, again["dog"].values)
        arrays = [run.concepts.attention[la.name] for la in maps.layers]
        chosen = torch.stack([array[list(maps.steps), 0] for array in arrays])
        steps = chosen.sum(1) if maps.reduction == "sum" else chosen.mean(1)
        native = steps[:, [1, 2, 3]]  # blue, gir, affe
        expected = torch.nn.functional.interpolate(
            native, size=run.facts.latent_size, mode="bicubic", align_corners=False
        )
        expected = expected.clamp(min=0).mean((0, 1))
        assert (maps["blue giraffe"].values - expected).abs().max() < 1e-5
    maps = heat_maps(run, kind="concept")
    assert maps.unit == "share among the concepts, of attention outputs"
    for act in (
        lambda: heat_maps(run, kind="concept", heads=0),
        lambda: maps.by_head("dog"),
        lambda: maps.in_heads("dog", run.layers[0].name),
    ):
        with pytest.raises(SelectionError, match="of all heads together"):
            act()
    run.concepts.attention[run.layers[0].name].mul_(0.5)
    assert altered(run) == (f"concepts/attention/{run.layers[0].name}",)


def refused(error: type[Exception], match: str, pipe: Any, **arguments: Any) -> None:
    """Refused before the first step."""
    steps: list[int] = []

    def note(_: Any, step: int, __: Any, tensors: Any) -> Any:
        steps.append(step)
        return tensors

    with pytest.raises(error, match=match):
        traced(pipe, **sized(callback_on_step_end=note, max_sequence_length=32), **arguments)
    assert not steps


def test_refusals_come_before_the_first_step() -> None:
    pipe = joint.sd3()
    refused(SelectionError, r"names 'dog' alone.*at least one more", pipe, concepts=["dog"])
    refused(SelectionError, r"names 'dog' alone", pipe, concepts="dog")
    refused(SelectionError, "is cut off", pipe, concepts="a red dog " * 40)
    (run,), _ = traced(pipe, **sized(max_sequence_length=32))
    without = run.nbytes - run.concepts.nbytes
    refused(MemoryBudgetError, "would hold", pipe, memory=without + run.concepts.nbytes // 2)
    pipe.transformer.fuse_qkv_projections()
    refused(UnsupportedPipelineError, "FusedJointAttnProcessor2_0 is not one of those", pipe)
    assert isinstance(pipe.transformer.transformer_blocks[0].attn.processor,
                      FusedJointAttnProcessor2_0)  # fmt: skip
    pipe = joint.flux()
    pipe.transformer.fuse_qkv_projections()
    refused(UnsupportedPipelineError, r"projections are fused.*unfuse_qkv", pipe)


def test_a_family_whose_blocks_are_not_known_is_refused() -> None:
    with pytest.raises(UnsupportedPipelineError, match=r"no concept maps.*not known of this model"):
        check_concepts(Scrolls(scrolls()), CONCEPTS)


def test_text_embeddings_with_fewer_columns_are_refused() -> None:
    pipe = joint.flux()
    embeddings, pooled, _ = pipe.encode_prompt("a dog", None, max_sequence_length=4)
    arguments = sized(prompt=None, prompt_embeds=embeddings, pooled_prompt_embeds=pooled)
    with (
        pytest.raises(UnsupportedPipelineError, match=r"up to the key position 4.*4 columns"),
        trace(pipe, concepts=CONCEPTS, prompt="a dog"),
    ):
        pipe(**arguments)


@pytest.mark.parametrize("part", ["norm1_context", "ff_context", "attn.to_add_out"])
def test_what_changes_the_text_within_a_block_is_the_blocks_own(part: str) -> None:
    """A hook on a part is in force for the concepts, too."""
    pipe = joint.sd3()
    module = pipe.transformer.transformer_blocks[1].get_submodule(part)

    def doubled(_module: Any, _args: Any, output: Any) -> Any:
        return tuple(2 * x for x in output) if isinstance(output, tuple) else 2 * output

    handle = module.register_forward_hook(doubled)
    (run,), _ = traced(pipe, **sized(max_sequence_length=32))
    handle.remove()
    assert run.concepts is not None


def test_what_changes_the_text_between_a_blocks_parts_is_noticed() -> None:
    pipe = joint.sd3()
    block = pipe.transformer.transformer_blocks[1]

    def changed(_module: Any, _args: Any, output: Any) -> Any:
        return 2 * output[0], output[1]

    handle = block.register_forward_hook(changed)
    with pytest.raises(WatchError, match=r"transformer_blocks.1.attn makes of the prompt's text"):
        traced(pipe, **sized(max_sequence_length=32))
    handle.remove()

    def doubled(_module: Any, args: Any, kwargs: Any) -> Any:
        return args, kwargs | {"encoder_hidden_states": 2 * kwargs["encoder_hidden_states"]}

    handle = block.attn.register_forward_pre_hook(doubled, with_kwargs=True)
    with pytest.raises(WatchError, match=r"transformer_blocks.1.attn"):
        traced(pipe, **sized(max_sequence_length=32))
    handle.remove()


def test_generate_takes_them() -> None:
    run = generate(
        joint.sd3(), PROMPT, seed=0, num_inference_steps=2, concepts=["dog", "sky"], height=64,
        width=64,
    )  # fmt: skip
    assert heat_maps(run, kind="concept")["dog"].label == "dog"
    assert run.concepts.attention[run.layers[0].name].dtype == torch.float16
