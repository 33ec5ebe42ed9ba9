"""Embeddings that a callback or a hook exchanges while the image is painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from daam_nb import explore, heat_maps
from daam_nb.errors import InterventionError, ShapeError, WatchError, WordNotFoundError
from daam_nb.tracing import ablate, trace
from tests.tracing.embeddings import CALL, encode


def exchange(encoded: Tensor, *, at: int, branch: str = "conditional") -> Callable[..., Any]:
    def callback(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == at:
            negative, positive = tensors["prompt_embeds"].chunk(2)
            both = [negative, encoded] if branch == "conditional" else [encoded, positive]
            tensors["prompt_embeds"] = torch.cat(both)
        return tensors

    return callback


def test_a_text_that_is_exchanged_is_another_text(plain: Any) -> None:
    with trace(plain, dtype=torch.float32) as tracer:
        other = encode(plain, "a tree next to a car")
        call = CALL | {"num_inference_steps": 5}
        plain(
            "a red cat and a dog",
            callback_on_step_end=exchange(other, at=1),
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            generator=torch.Generator().manual_seed(0),
            **call,
        )
    run = tracer.recording
    assert run.steps == (0, 1)
    assert run.facts.num_steps == 5
    assert "0-1 of 5" in str(heat_maps(run).word("cat").choice)
    (said,) = [item for item in run.manifest.skipped if item.what == "steps 2, 3, 4"]
    assert "'a tree next to a car'" in said.why
    with pytest.raises(WordNotFoundError, match="tree"):
        heat_maps(run).word("tree")
    with trace(plain, dtype=torch.float32) as tracer:
        plain("a red cat and a dog", generator=torch.Generator().manual_seed(0), **call)
    for name, attention in run.attention.items():
        assert torch.equal(attention, tracer.recording.attention[name][:2])


@pytest.mark.parametrize("where", ["trace", "ablate"])
def test_halves_that_change_places_are_noticed(plain: Any, where: str) -> None:
    """Content says which row is the prompt's; the pipeline subtracts the first, whatever it is."""

    def swap(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == 0:
            tensors["prompt_embeds"] = torch.cat(tensors["prompt_embeds"].chunk(2)[::-1])
        return tensors

    options = {
        "callback_on_step_end": swap,
        "callback_on_step_end_tensor_inputs": ["prompt_embeds"],
        **CALL,
    }
    said = "The prompt and the negative prompt changed places in step 1"
    if where == "trace":
        with pytest.raises(WatchError, match=said) as error, trace(plain):
            plain("a red cat", **options)
        assert len(error.value.images) == 1
    else:
        with pytest.raises(ShapeError, match=said), ablate(plain, words="cat"):
            plain("a red cat", **options)


def exchanging(pipe: Any, encoded: Tensor, *, branch: str = "conditional") -> None:
    """Draw a red cat, with other embeddings from the second step on."""
    pipe(
        "a red cat",
        callback_on_step_end=exchange(encoded, at=0, branch=branch),
        callback_on_step_end_tensor_inputs=["prompt_embeds"],
        **CALL,
    )


def test_exchanges_that_cannot_be_recorded_keep_the_image(plain: Any) -> None:
    other = encode(plain, "a dog")
    with (
        pytest.raises(WatchError, match="replaced during the call") as caught,
        trace(plain),
    ):
        exchanging(plain, other)  # made before the block: nobody knows what it is
    assert len(caught.value.images) == 1
    for options in ({"negative": True}, {"keep": "replay"}):
        branch = "unconditional" if "negative" in options else "conditional"
        with (
            pytest.raises(WatchError, match=r"was replaced in step 1.*'a dog'") as caught,
            trace(plain, **options),
        ):
            exchanging(plain, encode(plain, "a dog"), branch=branch)
        assert len(caught.value.images) == 1


def test_weights_that_change_on_the_way_are_the_same_text(plain: Any) -> None:
    def louder(_pipe: Any, _step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        tensors["prompt_embeds"][1, 3] *= 1.5  # in place
        return tensors

    with trace(plain) as tracer:
        plain(
            "a red cat",
            callback_on_step_end=louder,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            **CALL,
        )
    assert tracer.recording.steps == (0, 1)


def test_an_intervention_does_not_change_another_texts_columns(plain: Any) -> None:

    with (
        pytest.raises(InterventionError, match="'a dog' is read there"),
        ablate(plain, words="cat"),
    ):
        exchanging(plain, encode(plain, "a dog"))


def exchanging_hook(encoded: Tensor) -> Callable[..., Any]:
    """A hook on the denoiser that gives it the prompt of `made`."""

    def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = kwargs["encoder_hidden_states"].clone()
        text[1] = encoded[0]
        return args, kwargs | {"encoder_hidden_states": text}

    return hook


def test_a_hook_that_exchanges_the_text_behind_our_back(sd1: Any) -> None:
    hook = exchanging_hook(encode(sd1, "a dog"))
    handle = sd1.unet.register_forward_pre_hook(hook, with_kwargs=True)
    with (
        pytest.raises(WatchError, match="other text than the denoiser itself") as caught,
        trace(sd1, keep_steps=[1]),
    ):
        sd1("a red cat", **CALL)
    assert len(caught.value.images) == 1
    with pytest.raises(ShapeError, match="other text than the denoiser"), ablate(sd1, words="cat"):
        sd1("a red cat", **CALL)
    handle.remove()
    same = sd1.unet.register_forward_pre_hook(
        lambda _module, args, kwargs: (
            args,
            kwargs | {"encoder_hidden_states": kwargs["encoder_hidden_states"].clone()},
        ),
        with_kwargs=True,
    )
    with trace(sd1) as tracer:
        sd1("a red cat", **CALL)
    same.remove()
    assert tracer.recording.prompt.text == "a red cat"


def test_texts_that_take_turns(plain: Any) -> None:
    """Prompt scheduling: one text in even steps, another in odd ones."""
    call = CALL | {"num_inference_steps": 4}
    with trace(plain, negative=True) as tracer:
        cat, dog = encode(plain, "a red cat"), encode(plain, "a dog")

        def turns(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            negative = tensors["prompt_embeds"][:1]
            tensors["prompt_embeds"] = torch.cat([negative, dog if step % 2 == 0 else cat])
            return tensors

        plain(
            "a red cat",
            callback_on_step_end=turns,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            generator=torch.Generator().manual_seed(0),
            **call,
        )
    run = tracer.recording
    assert run.steps == (0, 2)
    assert all(len(attention) == 2 for attention in run.attention.values())
    assert all(len(attention) == 2 for attention in run.negative_attention.values())
    with trace(plain) as other:
        plain("a red cat", generator=torch.Generator().manual_seed(0), **call)
    first = {name: attention[0] for name, attention in other.recording.attention.items()}
    assert all(torch.equal(run.attention[name][0], values) for name, values in first.items())
    explorer = explore(run)
    explorer.word = "cat"
    selected = heat_maps(run, **explorer.selection).word("cat")
    assert torch.equal(
        torch.as_tensor(selected.values), torch.as_tensor(heat_maps(run).word("cat").values)
    )


def test_the_steps_of_the_second_text_alone(plain: Any) -> None:
    call = CALL | {"num_inference_steps": 4}
    with trace(plain, keep_steps=slice(2, None), dtype=torch.float32) as tracer:
        other = encode(plain, "a tree next to a big car")
        plain(
            "a red cat",
            callback_on_step_end=exchange(other, at=0),
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            **call,
        )
    run = tracer.recording
    assert run.prompt.text == "a tree next to a big car"
    assert run.steps == (2, 3)
    assert heat_maps(run).word("car").values.shape == (2, 3)


def test_embeddings_of_more_columns_on_the_way(plain: Any) -> None:
    def longer(_pipe: Any, _step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        tensors["prompt_embeds"] = torch.cat([tensors["prompt_embeds"]] * 2, dim=1)
        return tensors

    with pytest.raises(WatchError, match="of 154 columns during the call"), trace(plain):
        plain(
            "a red cat",
            callback_on_step_end=longer,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            **CALL,
        )


def test_unnamed_columns_are_stored_and_open_again(plain: Any, tmp_path: Any) -> None:
    import daam_nb

    encoded = encode(plain, "a red cat"), encode(plain, "ugly")
    with trace(plain, keep="replay", prompt="a red cat") as tracer:
        plain(
            prompt_embeds=encoded[0],
            negative_prompt_embeds=encoded[1],
            **CALL | {"output_type": "pil"},
        )
    tracer.recording.save(tmp_path / "run")
    again = daam_nb.load(tmp_path / "run")
    assert again.negative_prompt == tracer.recording.negative_prompt
    assert again.negative_prompt is not None and not again.negative_prompt.words


def test_what_is_written_past_torch_is_noticed(plain: Any) -> None:
    """Through `.data` or numpy a tensor's version does not count up."""
    with trace(plain) as tracer:
        dog = encode(plain, "a dog")

        def overwrite(_pipe: Any, _step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            tensors["prompt_embeds"].numpy()[1] = dog[0].numpy()
            return tensors

        plain(
            "a red cat",
            callback_on_step_end=overwrite,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
            **CALL,
        )
    assert tracer.recording.steps == (0,)
    assert "'a dog' was read there" in str(tracer.recording.manifest.skipped)
