"""A column is named by the text that the layer reads, whoever exchanges it on the way there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0, JointAttnProcessor2_0
from torch import Tensor

from daam_nb.errors import ShapeError, WatchError
from daam_nb.tracing import ablate, generate, trace
from tests import joint_pipelines, pipelines
from tests.tracing.embeddings import encode

CALL: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}
PROMPT = "a red cat and a dog"
EXCHANGED = "given other text than the denoiser"
BACKWARD = [0, 6, 5, 4, 3, 2, 1, *range(7, 77)]


def backward(text: Tensor) -> Tensor:
    """The words in the other order: the columns of "cat" and "and" change places, for example."""
    return text[:, BACKWARD]


def half_mixed(text: Tensor) -> Tensor:
    return 0.5 * text + 0.5 * text.roll(1, dims=1)


def in_place(text: Tensor) -> Tensor:
    text.copy_(text[:, BACKWARD].clone())
    return text


EXCHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "columns": backward,
    "rows": lambda text: text.flip(0),
    "half": half_mixed,
    "in place": in_place,
}


class Exchanging(AttnProcessor2_0):
    """Reads another text than its layer was given."""

    def __init__(self, exchange: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.exchange = exchange

    def __call__(self, attn: Any, hidden: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        """diffusers' own, of the exchanged text."""
        text = kwargs.pop("encoder_hidden_states", text)
        text = None if text is None else self.exchange(text)
        return super().__call__(attn, hidden, text, *args, **kwargs)


class Upside(AttnProcessor2_0):
    """Turns the image around, and back."""

    def __call__(self, attn: Any, hidden: Any, *args: Any, **kwargs: Any) -> Any:
        """diffusers' own, between two turns."""
        return super().__call__(attn, hidden.flip(1), *args, **kwargs).flip(1)


class JointBackward(JointAttnProcessor2_0):
    """Permutes the text of joint attention, and puts it back."""

    def __call__(self, attn: Any, hidden: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        """diffusers' own, between two permutations."""
        text = kwargs.pop("encoder_hidden_states", text)
        result: Any = super().__call__(attn, hidden, text.flip(1), *args, **kwargs)
        return (result[0], result[1].flip(1)) if isinstance(result, tuple) else result


def set_cross(pipe: Any, processor: Any) -> None:
    """Set the processor of every layer that attends to text."""
    for name, module in pipe.unet.named_modules():
        if name.endswith("attn2"):
            module.set_processor(processor)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_processor_that_exchanges_the_text_is_noticed(sd1: Any, name: str) -> None:
    set_cross(sd1, Exchanging(EXCHANGES[name]))
    untraced = sd1(PROMPT, generator=torch.Generator().manual_seed(0), **CALL).images[0]
    with pytest.raises(WatchError, match=EXCHANGED) as caught:
        generate(sd1, PROMPT, seed=0, **CALL)
    assert np.array_equal(np.asarray(caught.value.images[0]), np.asarray(untraced))


def test_another_text_altogether_is_noticed(sd1: Any) -> None:
    other = encode(sd1, "a dog")
    set_cross(sd1, Exchanging(lambda text: other.expand(len(text), -1, -1)))
    with pytest.raises(WatchError, match=EXCHANGED):
        generate(sd1, PROMPT, seed=0, **CALL)


def test_no_wrong_column_is_changed(sd1: Any) -> None:
    set_cross(sd1, Exchanging(backward))
    with pytest.raises(ShapeError, match=EXCHANGED), ablate(sd1, words="cat"):
        sd1(PROMPT, **CALL)


@pytest.mark.parametrize("inside", [True, False])
def test_a_hook_on_the_layer_that_permutes_the_text_is_noticed(sd1: Any, inside: bool) -> None:
    def hook(_module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, kwargs | {"encoder_hidden_states": backward(kwargs["encoder_hidden_states"])}

    layers = [m for name, m in sd1.unet.named_modules() if name.endswith("attn2")]

    def put_on() -> None:
        for layer in layers:
            layer.register_forward_pre_hook(hook, with_kwargs=True)

    if not inside:
        put_on()
    with pytest.raises(WatchError, match=EXCHANGED), trace(sd1):
        if inside:
            put_on()
        sd1(PROMPT, **CALL)


def test_a_hook_on_the_projection_is_noticed(sd1: Any) -> None:
    layer = next(m for name, m in sd1.unet.named_modules() if name.endswith("attn2"))
    layer.to_k.register_forward_pre_hook(lambda _module, args: (backward(args[0]),))
    with pytest.raises(WatchError, match=EXCHANGED):
        generate(sd1, PROMPT, seed=0, **CALL)


def test_an_image_that_is_turned_around_for_the_attention_is_noticed(sd1: Any) -> None:
    set_cross(sd1, Upside())
    with pytest.raises(WatchError, match=r"from something other than its input in step 0.*Upside"):
        generate(sd1, PROMPT, seed=0, **CALL)


def test_joint_attention_that_permutes_its_text_is_noticed() -> None:
    pipe = joint_pipelines.sd3()
    for block in pipe.transformer.transformer_blocks:
        block.attn.set_processor(JointBackward())
    with pytest.raises(WatchError, match=EXCHANGED):
        generate(pipe, PROMPT, seed=0, **CALL)


def test_the_same_values_in_another_tensor_are_the_same_text(sd1: Any) -> None:
    expected = generate(pipelines.sd1(), PROMPT, seed=0, **CALL)
    set_cross(sd1, Exchanging(lambda text: text.clone()))
    run = generate(sd1, PROMPT, seed=0, **CALL)
    for name, attention in expected.attention.items():
        assert torch.equal(run.attention[name], attention)


class Unread(AttnProcessor2_0):
    """Works its keys out without the layer's projections."""

    def __call__(self, attn: Any, hidden: Any, encoder_hidden_states: Any, **kwargs: Any) -> Any:
        """diffusers' recipe, with the weights alone."""
        query, key, value = (
            (given @ linear.weight.T).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for linear, given in (
                (attn.to_q, hidden),
                (attn.to_k, encoder_hidden_states),
                (attn.to_v, encoder_hidden_states),
            )
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return attn.to_out[0](mixed.transpose(1, 2).flatten(2))


def test_a_text_that_nobody_saw_is_refused(sd1: Any) -> None:
    set_cross(sd1, Unread())
    with pytest.raises(WatchError, match=r"which text was read there is unknown.*Unread"):
        generate(sd1, PROMPT, seed=0, **CALL)
    with (
        pytest.raises(ShapeError, match="which text was read there is unknown"),
        ablate(sd1, words="cat"),
    ):
        sd1(PROMPT, **CALL)


def test_a_denoiser_that_runs_twice_in_a_pass_is_noticed(sd1: Any) -> None:
    original = type(sd1.unet).forward

    def twice(sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        result = original(sd1.unet, sample, *args, **kwargs)
        original(sd1.unet, sample.flip(-1), *args, **kwargs)
        return result

    sd1.unet.forward = twice
    with pytest.raises(WatchError, match="ran twice within one pass"):
        generate(sd1, PROMPT, seed=0, **CALL)


@pytest.mark.parametrize("build", [pipelines.sd1, joint_pipelines.sd3, joint_pipelines.flux])
def test_latents_that_are_turned_around_inside_are_noticed(build: Callable[[], Any]) -> None:
    pipe = build()
    net = getattr(pipe, "unet", None) or pipe.transformer
    original = type(net).forward

    def mirrored(*args: Any, **kwargs: Any) -> Any:
        if args:
            return original(net, args[0].flip(-1), *args[1:], **kwargs)
        return original(net, **kwargs | {"hidden_states": kwargs["hidden_states"].flip(1)})

    net.forward = mirrored
    with pytest.raises(WatchError, match="computed with other latents than it was given in step 0"):
        generate(pipe, PROMPT, seed=0, **CALL)


class Returning(AttnProcessor2_0):
    """Returns something else than its layer made."""

    def __init__(self, edit: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.edit = edit

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """diffusers' own, edited."""
        return self.edit(super().__call__(*args, **kwargs))


EDITS: dict[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda result: result * 0,
    "half": lambda result: result * 0.5,
    "rows": lambda result: result.flip(0),
    "cells": lambda result: result.flip(1),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("where", ["processor", "layer", "projection"])
def test_attention_that_does_not_reach_the_image_is_noticed(
    sd1: Any, name: str, where: str
) -> None:
    edit = EDITS[name]
    layer = next(m for name, m in sd1.unet.named_modules() if name.endswith("attn2"))
    if where == "processor":
        layer.set_processor(Returning(edit))
    else:
        module = layer if where == "layer" else layer.to_out[0]
        module.register_forward_hook(lambda _module, _args, output: edit(output))
    with pytest.raises(WatchError, match="did not return its attention's result in step 0"):
        generate(sd1, PROMPT, seed=0, **CALL | {"num_inference_steps": 1})
