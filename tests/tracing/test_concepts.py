"""`trace(..., concepts=)` against the definition, written out here from the layers' own inputs.

The attribution prompt is tokenized and encoded here without padding, as the reference
implementation of OVAM does; its keys by each layer's weights; softmax of the image's queries over
them, all in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0, CustomDiffusionAttnProcessor2_0
from torch import Tensor

from daam_nb.errors import (
    MemoryBudgetError,
    SelectionError,
    UnsupportedPipelineError,
    WatchError,
    WordNotFoundError,
)
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording, load
from daam_nb.tracing import ablate, generate, trace
from tests import pipelines
from tests.pipeline_variants import (
    with_cross_norm,
    with_explicit_softmax,
    with_fused_qkv,
    with_ip_adapter,
    with_loaded_lora,
    with_lora,
    with_query_key_norms,
    with_slicing,
    with_text_mask,
)
from tests.tracing.cases import PROMPT, embedded, sized
from tests.tracing.layer_inputs import inputs_of_layers
from tests.tracing.traces import assert_nothing_left, snapshot

CONCEPTS = ["dog", "blue giraffe"]
TEXT = "dog, blue giraffe"
STEPS = 3
EXACT = 1e-5  # float32 products differ by processor; those of another row by 0.01 and more


def encoded(pipe: Any, text: str) -> Tensor:
    """(token, channel): what the encoders make of a text without padding, one by one."""
    states = []
    encoders = [(pipe.tokenizer, pipe.text_encoder)]
    if second := getattr(pipe, "text_encoder_2", None):
        encoders.append((pipe.tokenizer_2, second))
    for tokenizer, encoder in encoders:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            output = encoder(ids, output_hidden_states=True)
        states.append(output.hidden_states[-2] if second else output.last_hidden_state)
    return torch.cat(states, dim=-1)[0]


def defined(module: Any, image: Tensor, text: Tensor) -> Tensor:
    """(head, token, n): softmax over the text's tokens."""

    def split(rows: Tensor) -> Tensor:
        return rows.double().view(len(rows), module.heads, -1).transpose(0, 1)

    with torch.no_grad():
        query, key = split(module.to_q(image)), split(module.to_k(text))
    return (query @ key.transpose(1, 2) * module.scale).softmax(-1).transpose(1, 2)


def traced(pipe: Any, **arguments: Any) -> tuple[tuple[Recording, ...], Any]:
    names = ("concepts", "negative", "dtype", "keep", "keep_steps", "layers", "memory", "tokens")
    options = {name: arguments.pop(name) for name in names if name in arguments}
    if "text" in arguments:
        options["prompt"] = arguments.pop("text")
    with trace(pipe, **({"dtype": torch.float32, "concepts": CONCEPTS} | options)) as tracer:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return tracer.recordings, images


def untraced(pipe: Any, **arguments: Any) -> tuple[Any, Any]:
    with inputs_of_layers(pipe.unet, lambda name: name.endswith(".attn2")) as seen:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return seen, images


def check(pipe: Any, run: Recording, seen: Any, row: int, text: str = TEXT) -> None:
    concepts = run.concepts
    assert concepts is not None and concepts.prompt.text == text
    embeddings = encoded(pipe, text)
    assert concepts.columns == tuple(range(len(embeddings)))
    for layer in run.layers:
        module = pipe.unet.get_submodule(layer.name)
        for step in range(STEPS):
            expected = defined(module, seen[layer.name][step][0][row], embeddings)
            kept = concepts.attention[layer.name][step].flatten(2).double()
            assert kept.shape == expected.shape
            assert (kept - expected).abs().max() <= EXACT
            assert expected.std() > 1e-3


BUILDS = {"sd1": pipelines.sd1, "sd2": pipelines.sd2, "sdxl": pipelines.sdxl}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_concepts_equal_their_definition(name: str, guidance: float) -> None:
    pipe = BUILDS[name]()
    arguments = sized(guidance_scale=guidance, negative_prompt="a blue house")
    seen, expected = untraced(pipe, **arguments)
    state, before = torch.random.get_rng_state(), snapshot(pipe)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    assert_nothing_left(before, snapshot(pipe))
    assert torch.equal(torch.random.get_rng_state(), state)
    check(pipe, run, seen, 1 if guidance > 1 else 0)
    assert [word.text for word in run.concepts.words] == CONCEPTS
    assert any("'blue giraffe'" in line for line in run.manifest.captured)


@pytest.mark.parametrize(
    "change",
    [
        lambda pipe: with_slicing(pipe, 1),
        lambda pipe: with_slicing(pipe, "max"),
        with_explicit_softmax,
        with_fused_qkv,
        with_lora,
        with_loaded_lora,
        with_text_mask,
    ],
)
def test_however_attention_is_computed(change: Any) -> None:
    pipe = change(pipelines.sd1())
    seen, expected = untraced(pipe, **sized())
    (run,), images = traced(pipe, **sized())
    assert np.array_equal(images, expected)
    check(pipe, run, seen, 1)


def test_images_of_an_ip_adapter_are_not_the_concepts() -> None:
    pipe = with_ip_adapter(pipelines.sd1())
    arguments = sized(ip_adapter_image=pipelines.image((16, 16)))
    seen, expected = untraced(pipe, **arguments)
    (run,), images = traced(pipe, **arguments)
    assert np.array_equal(images, expected)
    check(pipe, run, seen, 1)


@pytest.mark.parametrize("change", [with_query_key_norms, with_cross_norm])
def test_norms_of_keys_are_the_layers_own(change: Any) -> None:
    """The prompt itself as attribution prompt, with all columns: the recorded attention."""
    pipe = change(pipelines.sd1())
    (run,), _ = traced(pipe, concepts=PROMPT, **sized())
    for name, attention in run.attention.items():
        share = attention / attention.sum(2, keepdim=True)  # without the padding
        assert (run.concepts.attention[name] - share).abs().max() <= EXACT


def test_each_image_of_a_batch_reads_the_same_concepts() -> None:
    pipe = pipelines.sd1()
    arguments = sized(prompt=[PROMPT, "a dog"], num_images_per_prompt=2)
    seen, expected = untraced(pipe, **arguments)
    runs, images = traced(pipe, concepts="a dog", **arguments)
    assert np.array_equal(images, expected)
    for i, run in enumerate(runs):
        check(pipe, run, seen, 4 + i, "a dog")
        assert [word.text for word in run.concepts.words] == ["a", "dog"]


def test_sums_steps_layers_and_half_precision() -> None:
    pipe = pipelines.sd1()
    (each,), _ = traced(pipe, **sized())
    (summed,), _ = traced(pipe, keep="sum", **sized())
    (late,), _ = traced(pipe, keep_steps=[2], layers="up", dtype=torch.float16, **sized())
    for layer in summed.layers:
        expected = each.concepts.attention[layer.name]
        total = summed.concepts.attention[layer.name]
        assert torch.allclose(total, expected.sum(0, keepdim=True), rtol=1e-5, atol=1e-6)
    assert late.concepts.attention.keys() == {layer.name for layer in late.layers}
    for name, attention in late.concepts.attention.items():
        assert attention.dtype == torch.float16
        assert (attention[0].float() - each.concepts.attention[name][2]).abs().max() <= 5e-4


def test_half_precision_of_the_model_passes_the_comparison_of_keys() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        (run,), _ = traced(pipelines.sd1().to(dtype), **sized())
        assert run.concepts is not None


def test_saved_and_loaded(tmp_path: Any) -> None:
    (run,), _ = traced(pipelines.sd1(), **sized())
    loaded = load(run.save(tmp_path / "run"))
    assert loaded.nbytes == run.nbytes
    assert loaded.concepts.words == run.concepts.words
    assert loaded.concepts.prompt == run.concepts.prompt
    for name, array in run.concepts.attention.items():
        assert torch.equal(loaded.concepts.attention[name], array)
    maps = [heat_maps(each, kind="concept")["blue giraffe"].values for each in (run, loaded)]
    assert torch.equal(*maps)


def test_a_changed_image_is_read_as_it_is() -> None:
    """Hidden words and ablated attention change the image's queries, and not the concepts' text."""
    pipe = pipelines.sd1()
    with ablate(pipe, words="cat", text_encoder=True):
        seen, expected = untraced(pipe, **sized())
        (run,), images = traced(pipe, **sized())
    assert np.array_equal(images, expected)
    check(pipe, run, seen, 1)


def test_embeddings_given_do_not_stand_in_the_way() -> None:
    pipe = pipelines.sd1()
    arguments = embedded(PROMPT)(pipe)
    seen, _ = untraced(pipe, **arguments)
    (run,), _ = traced(pipe, text=PROMPT, **arguments)
    check(pipe, run, seen, 1)


@pytest.mark.parametrize("concepts", [3, [], "", " ", ["dog", 2], ["dog", " "], b"dog", True])
def test_what_names_no_concepts_is_refused(concepts: Any) -> None:
    with pytest.raises(SelectionError, match="names no concepts"):
        trace(pipelines.sd1(), concepts=concepts)


def refused(error: type[Exception], match: str, pipe: Any, **arguments: Any) -> None:
    """Refused before the first step."""
    steps: list[int] = []

    def note(_: Any, step: int, __: Any, tensors: Any) -> Any:
        steps.append(step)
        return tensors

    with pytest.raises(error, match=match):
        traced(pipe, **sized(callback_on_step_end=note), **arguments)
    assert not steps


def test_refusals_come_before_the_first_step() -> None:
    pipe = pipelines.sd1()
    with pytest.raises(SelectionError, match=r"has no order.*Give a list"):
        trace(pipelines.sd1(), concepts={"sky", "wheel"})
    with pytest.raises(SelectionError, match="names 'dog' more than once"):
        trace(pipe, concepts=["dog", " dog"])
    refused(SelectionError, "is cut off", pipe, concepts="a red dog " * 40)
    refused(SelectionError, "holds no word", pipe, concepts="?!")
    (run,), _ = traced(pipe, **sized())
    without = run.nbytes - run.concepts.nbytes
    refused(MemoryBudgetError, "would hold", pipe, memory=without + run.concepts.nbytes // 2)
    refused(WordNotFoundError, "not a word", pipe, concepts=["dog"], tokens=["zebra"])


def test_layers_with_keys_of_their_own_are_refused() -> None:
    pipe = pipelines.sd1()
    name, module = next(
        (name, module) for name, module in pipe.unet.named_modules() if name.endswith(".attn2")
    )
    module.set_processor(
        CustomDiffusionAttnProcessor2_0(
            hidden_size=module.inner_dim, cross_attention_dim=module.cross_attention_dim
        )
    )
    refused(UnsupportedPipelineError, f"{name} has no concept maps", pipe)


def test_keys_that_are_not_the_projection_of_the_text_are_noticed() -> None:
    class Doubled(AttnProcessor2_0):
        """Another projection of the text than the layer's own."""

        def __call__(self, attn: Any, *args: Any, **kwargs: Any) -> Any:
            handle = attn.norm_k.register_forward_hook(lambda _m, _a, output: output * 2)
            try:
                return super().__call__(attn, *args, **kwargs)
            finally:
                handle.remove()

    pipe = with_query_key_norms(pipelines.sd1())
    for name, module in pipe.unet.named_modules():
        if name.endswith(".attn2"):
            module.set_processor(Doubled())
    Doubled.__module__ = "diffusers.models.attention_processor"
    (run,), _ = traced(pipe, **sized())  # a hook is the layer's own: it is in force here, too
    assert run.concepts is not None
    original = torch.nn.functional.scaled_dot_product_attention

    class Turned(AttnProcessor2_0):
        """Turns keys around behind the projections, and queries with them."""

        def __call__(self, attn: Any, *args: Any, **kwargs: Any) -> Any:
            present = torch.nn.functional.scaled_dot_product_attention

            def turned(query: Any, key: Any, *more: Any, **options: Any) -> Any:
                return present(query.flip(-1), key.flip(-1), *more, **options)

            torch.nn.functional.scaled_dot_product_attention = turned
            try:
                return super().__call__(attn, *args, **kwargs)
            finally:
                torch.nn.functional.scaled_dot_product_attention = present

    Turned.__module__ = "diffusers.models.attention_processor"
    pipe = pipelines.sd1()
    for name, module in pipe.unet.named_modules():
        if name.endswith(".attn2"):
            module.set_processor(Turned())
    with pytest.raises(WatchError, match="does not compute the prompt's keys"):
        traced(pipe, **sized())
    assert torch.nn.functional.scaled_dot_product_attention is original


def test_generate_takes_them() -> None:
    run = generate(
        pipelines.sd1(),
        PROMPT,
        seed=0,
        num_inference_steps=2,
        concepts=["dog"],
        height=64,
        width=64,
    )
    assert heat_maps(run, kind="concept")["dog"].label == "dog"
