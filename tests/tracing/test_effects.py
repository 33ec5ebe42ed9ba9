"""`trace(..., effects=)` against the definition, written out here from the layers' own inputs.

For each layer: attention p by its own weights; values of the text and of the same text with the
word hidden in the text encoder; ``d = sum over heads and keys of p (v - v') W_O``, all in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from torch import Tensor

from daam_nb.errors import (
    SelectionError,
    UnsupportedPipelineError,
    WatchError,
    WordNotFoundError,
)
from daam_nb.recording import Recording, load
from daam_nb.tracing import ablate, generate, trace
from tests import joint_pipelines, pipelines
from tests.tracing.cases import PROMPT, embedded, sized
from tests.tracing.traces import snapshot

CAT = (3,)
GIRAFFE = (6, 7)  # two tokens
STEPS = 3
SHARE = 1e-5  # of the layer's largest value


@contextmanager
def inputs_of_layers(unet: Any) -> Iterator[dict[str, list[tuple[Tensor, Tensor]]]]:
    """(image, text) that every text attention is given, pass by pass, by plain hooks."""
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
    handles = []
    for name, module in unet.named_modules():
        if name.endswith(".attn2"):

            def note(_: Any, args: Any, kwargs: Any, name: str = name) -> None:
                image = kwargs.get("hidden_states", args[0] if args else None)
                seen.setdefault(name, []).append((image, kwargs["encoder_hidden_states"]))

            handles.append(module.register_forward_pre_hook(note, with_kwargs=True))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def embeddings(pipe: Any, text: str, hidden: tuple[int, ...]) -> Tensor:
    """(key, channel): what the pipeline makes of a text, its encoders called one by one here."""
    states = []
    encoders = [(pipe.tokenizer, pipe.text_encoder)]
    if second := getattr(pipe, "text_encoder_2", None):
        encoders.append((pipe.tokenizer_2, second))
    for tokenizer, encoder in encoders:
        length = tokenizer.model_max_length
        ids = tokenizer(
            text, padding="max_length", max_length=length, return_tensors="pt"
        ).input_ids
        mask = torch.ones_like(ids)
        mask[0, list(hidden)] = 0
        with torch.no_grad():
            made = encoder(ids, attention_mask=mask, output_hidden_states=True)
        states.append(made.hidden_states[-2] if second else made.last_hidden_state)
    return torch.cat(states, dim=-1)[0].double()


def defined(
    module: Any, image: Tensor, text: Tensor, change: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(norm, by head, by key, own output) of one row: (n,), (head, n), (key,) and a number."""
    heads = module.heads
    weights = [module.to_q.weight, module.to_k.weight, module.to_v.weight]
    to_q, to_k, to_v = (weight.detach().double() for weight in weights)
    to_out = module.to_out[0].weight.detach().double()  # (channel, head * dim)
    bias = module.to_out[0].bias.detach().double()

    def split(rows: Tensor) -> Tensor:
        return rows.view(len(rows), heads, -1).transpose(0, 1)  # (head, row, dim)

    query, key = split(image.double() @ to_q.T), split(text.double() @ to_k.T)
    p = (query @ key.transpose(1, 2) * module.scale).softmax(-1)  # (head, n, key)
    moved = split(change @ to_v.T)  # (head, key, dim): v - v'
    of_out = to_out.view(len(to_out), heads, -1).permute(1, 2, 0)  # (head, dim, channel)
    by_head = p @ moved @ of_out  # (head, n, channel)
    whole = by_head.sum(0)
    norm = whole.norm(dim=-1)
    unit = whole / norm[:, None].clamp_min(1e-30)
    parts = (by_head * unit).sum(-1)
    by_key = torch.stack(
        [
            (p[:, :, j : j + 1] @ (moved[:, j : j + 1] @ of_out) * unit).sum()
            for j in range(len(text))
        ]
    )
    own = (p @ split(text.double() @ to_v.T) @ of_out).sum(0) + bias
    return norm.numpy(), parts.numpy(), by_key.numpy(), float(own.norm(dim=-1).mean())


def check(
    pipe: Any, run: Recording, seen: Any, row: int, words: Any, *, negative: bool = False
) -> None:
    """A recording's effects equal the definition, for one batch row of each pass."""
    effects = run.negative_effects if negative else run.effects
    prompt = run.negative_prompt if negative else run.prompt
    assert effects is not None and prompt is not None
    assert effects.words == words
    plain = embeddings(pipe, prompt.text, ())
    for layer in run.layers:
        module = pipe.unet.get_submodule(layer.name)
        for step in range(STEPS):
            image, text = (part[row] for part in seen[layer.name][step])
            for i, word in enumerate(words):
                change = plain - embeddings(pipe, prompt.text, word)
                norm, parts, by_key, own = defined(module, image, text, change)
                norm, parts, by_key = norm / own, parts / own, by_key / own
                kept = effects.shares[layer.name][step, i].flatten().double().numpy()
                assert norm.max() > 1e-4
                assert np.abs(kept - norm).max() <= SHARE * norm.max()
                kept = effects.by_head[layer.name][step, :, i].flatten(1).double().numpy()
                assert np.abs(kept - parts).max() <= SHARE * norm.max()
                kept = effects.by_token[layer.name][step, i].double().numpy()
                assert np.abs(kept - by_key).max() <= SHARE * np.abs(norm).sum()
                assert effects.outputs[layer.name][step] == pytest.approx(own, rel=1e-5)


def observed(pipe: Any, **arguments: Any) -> tuple[Any, Any]:
    """(what the layers were given, images) of an untraced call."""
    with inputs_of_layers(pipe.unet) as seen:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return seen, images


def traced(pipe: Any, **arguments: Any) -> tuple[tuple[Recording, ...], Any]:
    options = {
        name: arguments.pop(name)
        for name in ("effects", "negative", "dtype", "keep")
        if name in arguments
    }
    with trace(pipe, **({"dtype": torch.float32} | options)) as tracer:
        images = pipe(generator=torch.Generator().manual_seed(0), **arguments).images
    return tracer.recordings, images


@contextmanager
def diffusers_warnings() -> Iterator[None]:
    """What diffusers warns of is logged, and handed on to others."""
    level = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_warning()
    diffusers_logging.enable_propagation()
    try:
        yield
    finally:
        diffusers_logging.disable_propagation()
        diffusers_logging.set_verbosity(level)


BUILDS = {"sd1": pipelines.sd1, "sd2": pipelines.sd2, "sdxl": pipelines.sdxl}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_effects_equal_their_definition(name: str, guidance: float) -> None:
    pipe = BUILDS[name]()
    arguments = sized(guidance_scale=guidance)
    seen, untraced = observed(pipe, **arguments)
    before = snapshot(pipe)
    (run,), images = traced(pipe, effects=["cat", "giraffe"], **arguments)
    assert np.array_equal(images, untraced)
    assert snapshot(pipe) == before
    check(pipe, run, seen, 1 if guidance > 1 else 0, (CAT, GIRAFFE))


def test_slices_and_negative_words_too() -> None:
    pipe = pipelines.sd1()
    arguments = sized(negative_prompt="a dog")
    seen, untraced = observed(pipe, **arguments)
    pipe.enable_attention_slicing(1)
    (run,), images = traced(pipe, effects=True, negative=True, **arguments)
    assert np.abs(images - untraced).max() < 1e-5
    words = tuple(dict.fromkeys(run.prompt.token_indices(word) for word in run.prompt.words))
    check(pipe, run, seen, 1, words)
    check(pipe, run, seen, 0, ((1,), (2,)), negative=True)


def test_each_image_of_a_batch_has_its_own_words() -> None:
    pipe = pipelines.sd1()
    prompts = [PROMPT, "a dog"]
    arguments = sized(prompt=prompts, num_images_per_prompt=2)
    seen, untraced = observed(pipe, **arguments)
    runs, images = traced(pipe, effects=True, **arguments)
    assert np.array_equal(images, untraced)
    for i in (0, 1):
        check(pipe, runs[i], seen, 4 + i, ((1,), (2,), (3,), (4,), (5,), (6, 7)))
        check(pipe, runs[2 + i], seen, 6 + i, ((1,), (2,)))


def test_a_sum_is_the_sum_of_the_steps() -> None:
    pipe = pipelines.sd1()
    (steps,), _ = traced(pipe, effects=["cat"], **sized())
    (summed,), _ = traced(pipe, effects=["cat"], keep="sum", **sized())
    for part, arrays in summed.effects.arrays.items():
        for name, array in arrays.items():
            expected = steps.effects.arrays[part][name].sum(0, keepdim=True)
            assert torch.allclose(array, expected, rtol=1e-5, atol=1e-7)


def test_the_change_of_a_word_that_is_not_hidden_is_nothing() -> None:
    from daam_nb.tracing.effects.change import LayerChange, TextChange

    pipe = pipelines.sd1()
    module = pipe.unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn2")
    nothing = TextChange.of([torch.zeros(77, pipelines.WIDTH_OF_TEXT)])
    attention = torch.full((module.heads, 77, 6), 1 / 77)
    for part in LayerChange.of(module, module.heads, nothing).of_attention(attention):
        assert not part.any()


def test_tokens_before_the_word_carry_nothing() -> None:
    (run,), _ = traced(pipelines.sd1(), effects=["cat"], **sized())
    for array in run.effects.by_token.values():
        assert not array[:, :, : CAT[0]].any()
        assert array[:, :, CAT[0] :].abs().amax(dim=(0, 1)).min() > 0


def test_saved_and_loaded(tmp_path: Any) -> None:
    (run,), _ = traced(
        pipelines.sd1(), effects=["cat"], negative=True, **sized(negative_prompt="a cat")
    )
    loaded = load(run.save(tmp_path / "run"))
    for field in ("effects", "negative_effects"):
        saved, opened = getattr(run, field), getattr(loaded, field)
        assert opened.words == saved.words
        for part, arrays in saved.arrays.items():
            assert all(torch.equal(opened.arrays[part][name], arrays[name]) for name in arrays)
    assert loaded.nbytes == run.nbytes


def test_half_precision_keeps_them_within_its_rounding() -> None:
    pipe = pipelines.sd1()
    (exact,), _ = traced(pipe, effects=["cat"], **sized())
    (half,), _ = traced(pipe, effects=["cat"], dtype=torch.float16, **sized())
    for name, array in half.effects.shares.items():
        expected = exact.effects.shares[name]
        assert array.dtype == torch.float16
        assert (array.float() - expected).abs().max() <= 1e-3 * expected.max()


@pytest.mark.parametrize("effects", [3, [], ["cat", 2], None, b"cat"])
def test_what_chooses_no_words_is_refused(effects: Any) -> None:
    with pytest.raises(SelectionError, match="selects no words"):
        trace(pipelines.sd1(), effects=effects)


def test_a_word_that_is_not_there_is_refused_before_the_first_step() -> None:
    pipe = pipelines.sd1()
    with pytest.raises(WordNotFoundError, match="zebra"):
        traced(pipe, effects=["zebra"], **sized())


def test_models_without_effect_maps_are_refused_at_once() -> None:
    for build in (joint_pipelines.sd3, joint_pipelines.flux):
        with pytest.raises(UnsupportedPipelineError, match="no effect maps"):
            trace(build(), effects=True)


def test_embeddings_given_are_refused() -> None:
    pipe = pipelines.sd1()
    arguments = embedded(PROMPT)(pipe)
    with (
        pytest.raises(UnsupportedPipelineError, match="no effect maps"),
        trace(pipe, prompt=PROMPT, effects=True),
    ):
        pipe(**arguments)


def test_two_texts_for_two_encoders_are_refused() -> None:
    with pytest.raises(UnsupportedPipelineError, match="prompt_2"):
        traced(pipelines.sdxl(), effects=True, **sized(prompt_2="a dog"))


def test_words_hidden_by_an_intervention_are_refused() -> None:
    pipe = pipelines.sd1()
    with (
        pytest.raises(UnsupportedPipelineError, match="at the same time"),
        ablate(pipe, words="red", text_encoder=True),
    ):
        traced(pipe, effects=["cat"], **sized())


def test_under_changed_attention_effects_are_of_what_was_used() -> None:
    """Without the columns of a word and with nothing behind it, nothing of it is left."""
    pipe = pipelines.sd1()
    keys = list(range(CAT[0], 77))
    with ablate(pipe, tokens=keys):
        (run,), _ = traced(pipe, effects=["cat"], **sized())
    assert all(not array.any() for array in run.effects.shares.values())


def test_a_text_exchanged_before_the_first_kept_step_is_refused() -> None:
    pipe = pipelines.sd1()
    other = embedded("a dog and a giraffe", negative="")(pipe)["prompt_embeds"]

    def exchange(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == 0:
            tensors["prompt_embeds"] = torch.cat([tensors["prompt_embeds"][:1], other])
        return tensors

    with (
        pytest.raises(WatchError, match="effects are measured for the text"),
        trace(pipe, effects=["cat"], keep_steps=slice(1, None)),
    ):
        pipe.encode_prompt("a dog and a giraffe", "cpu", 1, True)
        pipe(
            **sized(
                callback_on_step_end=exchange,
                callback_on_step_end_tensor_inputs=["prompt_embeds"],
            )
        )


def test_other_runs_of_the_encoder_are_not_touched() -> None:
    """The random state, and what is read in the block afterwards, are as without effects."""
    pipe = pipelines.sd1()
    state = torch.random.get_rng_state()
    generate(pipe, PROMPT, seed=0, num_inference_steps=2, effects=True, height=64, width=64)
    assert torch.equal(torch.random.get_rng_state(), state)
    ids = pipe.tokenizer(PROMPT, return_tensors="pt").input_ids
    plain = pipe.text_encoder(ids)[0]
    with trace(pipe, effects=True) as tracer:
        assert torch.equal(pipe.text_encoder(ids)[0], plain)
        pipe(**sized())
    assert tracer.recording.effects is not None


def louder(times: float) -> Any:
    """A tiny pipeline whose cross-attention writes that many times as much."""
    pipe = pipelines.sd1()
    with torch.no_grad():
        for name, module in pipe.unet.named_modules():
            if name.endswith("attn2.to_out.0"):
                module.weight.mul_(times)
    return pipe


def test_half_precision_holds_them_however_much_the_layers_write() -> None:
    (run,), _ = traced(louder(1e7), effects=["cat"], dtype=torch.float16, **sized())
    shares = run.effects.shares.values()
    assert all(0 < array.max() < 10 for array in shares)
    assert max(float(array.max()) for array in run.effects.outputs.values()) > 1e5


def test_what_no_number_can_hold_is_said() -> None:
    with pytest.raises(WatchError, match=r"are not finite.*in float32 or bfloat16"):
        traced(louder(1e30), effects=["cat"], **sized())


def test_embeddings_that_are_weighted_on_the_way_are_refused() -> None:
    """The same tokens, so that the text is the same: its values are not."""

    def halve(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        return tensors | {"prompt_embeds": tensors["prompt_embeds"] * 0.5}

    pipe = pipelines.sd1()
    with (
        pytest.raises(WatchError, match="embeddings were changed in step 1"),
        trace(pipe, effects=["cat"]),
    ):
        pipe(
            **sized(
                callback_on_step_end=halve,
                callback_on_step_end_tensor_inputs=["prompt_embeds"],
            )
        )


def test_each_text_keeps_the_words_that_it_has() -> None:
    pipe = pipelines.sd1()
    runs, _ = traced(pipe, effects=["dog"], **sized(prompt=[PROMPT, "a dog"]))
    assert runs[0].effects is None
    assert runs[1].effects.words == ((2,),)
    options = {"negative": True, **sized(negative_prompt="a dog")}
    (run,), _ = traced(pipe, effects=["dog"], **options)
    assert run.effects is None and run.negative_effects.words == ((2,),)
    with pytest.raises(WordNotFoundError, match="dog"):
        traced(pipe, effects=["dog"], **sized(negative_prompt="a dog"))


def test_a_text_that_is_cut_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    pipe = pipelines.sd1()
    long = "a cat " + "and a dog " * 40

    def lines(**options: Any) -> int:
        caplog.clear()
        with diffusers_warnings(), caplog.at_level("WARNING"):
            traced(pipe, **options, **sized(prompt=long))
        return sum("truncated" in record.getMessage() for record in caplog.records)

    assert lines(effects=["cat"]) == lines()
