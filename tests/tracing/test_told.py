"""What a user says about embeddings is compared with them: texts, Prompts, and what is neither."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from torch import Tensor

from daam_nb import Prompt
from daam_nb.errors import MissingTextError, PromptError, ShapeError, WrongKindError
from daam_nb.tracing import ablate, reweight, trace
from tests import joint_pipelines, pipelines
from tests.pipeline_variants import with_offload
from tests.tracing.cases import PROMPT
from tests.tracing.embeddings import CALL, compel, draw, encode, ids, recorded


@pytest.mark.parametrize(
    "wrong", [5, 2.5, ["a cat", None], b"a cat", {"a": 1}, torch.zeros(1, 77, 32)], ids=type
)
@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_what_is_no_text_is_refused_at_once(plain: Any, wrong: Any, name: str) -> None:
    with pytest.raises(WrongKindError, match=f"{name}= must be the text of the embeddings"):
        trace(plain, **{name: wrong})
    if name == "prompt":
        with pytest.raises(WrongKindError, match="must be the text of the embeddings"):
            ablate(plain, words="cat", prompt=wrong)


def test_numbers_that_are_none(plain: Any) -> None:
    tokenizer, numbers = plain.tokenizer, ids(plain, "a cat")
    assert Prompt.from_ids("a cat", numbers[0], tokenizer).token_indices("cat") == (2,)
    assert Prompt.from_ids("a cat", numbers[0].numpy(), tokenizer).token_indices("cat") == (2,)
    for wrong in (numbers, 3, "a cat", [1.5], None):
        with pytest.raises(WrongKindError, match="not numbers of a vocabulary"):
            Prompt.from_ids("a cat", wrong, tokenizer)  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="a text, not list"):
        Prompt.from_ids(numbers[0].tolist(), "a cat", tokenizer)
    for outside in (-1, 10**9):
        with pytest.raises(PromptError, match=f"hold {outside}, which is not one of"):
            Prompt.from_ids("a cat", [outside], tokenizer)


def test_a_call_that_has_its_own_text(plain: Any) -> None:
    with trace(plain, prompt=PROMPT) as tracer:
        plain(PROMPT, **CALL)
    assert tracer.recording.prompt.text == PROMPT
    with (
        pytest.raises(ShapeError, match=r"'a dog'.* describes embeddings, .*prompt='a cat'"),
        trace(plain, prompt="a dog"),
    ):
        plain("a cat", **CALL)
    wrong = Prompt.from_tokenizer("a dog", plain.tokenizer)
    with pytest.raises(ShapeError, match="read 'cat' there"), trace(plain, prompt=wrong):
        plain("a cat", **CALL)


def test_a_word_is_not_changed_in_another_words_columns(plain: Any) -> None:
    with torch.no_grad():
        before = compel(plain)("a (red)1.3 cat++")
    with (
        pytest.raises(MissingTextError, match=r"ablate\(pipe, prompt=Prompt.*tokens="),
        ablate(plain, words="cat", prompt="a (red)1.3 cat++"),
    ):
        draw(plain, before)
    with reweight(plain, "cat", 2.0), trace(plain) as tracer:
        draw(plain, compel(plain)("a (red)1.3 cat++"))
    run = tracer.recording
    with trace(plain) as tracer:
        draw(plain, compel(plain)("a (red)1.3 cat++"))
    name = next(iter(run.attention))
    changed = run.attention[name][0] / tracer.recording.attention[name][0]
    assert torch.allclose(changed[:, 3], torch.tensor(2.0, dtype=changed.dtype), atol=0.05)
    assert torch.allclose(changed[:, :3], torch.tensor(1.0, dtype=changed.dtype), atol=0.05)


def test_an_encoder_whose_weights_are_elsewhere_is_asked_too(plain: Any) -> None:
    pipe = with_offload(pipelines.sd1())
    encoded = encode(plain, PROMPT)  # equal pipelines
    with trace(pipe, prompt=PROMPT) as tracer:
        draw(pipe, encoded)
    assert tracer.recording.prompt.text == PROMPT
    with pytest.raises(MissingTextError, match="columns 2, 3"), trace(pipe, prompt="a blue house"):
        draw(pipe, encoded)


def test_an_encoder_that_cannot_be_asked_says_why(
    sd1: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = encode(sd1, PROMPT)

    def broken(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(sd1.text_encoder, "forward", broken)
    with (
        pytest.raises(MissingTextError, match=r"could not be asked.*no kernel image"),
        trace(sd1, prompt=PROMPT),
    ):
        draw(sd1, encoded)
    named = Prompt.from_ids(PROMPT, ids(sd1, PROMPT)[0], sd1.tokenizer)
    with (
        pytest.warns(UserWarning, match="names .* are your own"),
        trace(sd1, prompt=named) as tracer,
    ):
        draw(sd1, encoded)
    assert tracer.recording.prompt == named
    (said,) = [i for i in tracer.recording.manifest.skipped if "check of the columns" in i.what]
    assert "no kernel image" in said.why


def test_encoding_past_the_encoders_own_call(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees it read; the text of the call is compared with what it makes of it now."""
    original = sd1.text_encoder.forward

    def encode_prompt(prompt: str, *_args: Any, **_options: Any) -> tuple[Tensor, Tensor]:
        return original(ids(sd1, prompt))[0], original(ids(sd1, ""))[0]

    monkeypatch.setattr(sd1, "encode_prompt", encode_prompt)
    with trace(sd1) as tracer:
        sd1("a red cat", **CALL)
    assert tracer.recording.prompt.token_indices("cat") == (3,)
    monkeypatch.setattr(
        sd1, "encode_prompt", lambda *_a, **_o: encode_prompt("a blue house"), raising=True
    )
    with pytest.raises(MissingTextError, match="not what its text encoder makes"), trace(sd1):
        sd1("a red cat", **CALL)


def test_what_another_thread_encodes_is_not_mixed_up(plain: Any) -> None:
    encoded: list[Tensor] = []
    with trace(plain) as tracer:
        thread = threading.Thread(target=lambda: encoded.append(encode(plain, "a dog")))
        thread.start()
        thread.join()
        draw(plain, encode(plain, "a red cat"))
    assert tracer.recording.prompt.text == "a red cat"
    with pytest.raises(MissingTextError), trace(plain):
        draw(plain, encoded[0])


def test_lists_of_compel(plain: Any) -> None:
    library = compel(plain, truncate_long_prompts=False)
    texts = ["a (red)1.2 cat", "a dog " * 60]
    with trace(plain, prompt=texts) as tracer:
        draw(plain, library(texts))
    first, second = (run.prompt for run in tracer.recordings)
    assert first.token_indices("cat") == (3,)
    assert [len(prompt.tokens) for prompt in (first, second)] == [154, 154]
    assert second.text == texts[1]
    assert second.token_indices("dog", occurrence=-1) == (77 + 120 - 75,)


def test_the_refiner_of_sdxl_reads_with_the_second_encoder() -> None:
    whole = pipelines.sdxl_img2img()
    parts = dict(whole.components) | {"tokenizer": None, "text_encoder": None}
    parts["unet"] = pipelines.unet(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        attention_head_dim=(2, 4),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 32,
    )
    pipe = pipelines.quiet(
        StableDiffusionXLImg2ImgPipeline(
            **{name: part for name, part in parts.items() if part is not None},
            tokenizer=None,
            text_encoder=None,
            add_watermarker=False,
            requires_aesthetics_score=False,
        )
    )
    call = {"image": pipelines.image((64, 64)), "strength": 0.9, "num_inference_steps": 2}
    with trace(pipe) as tracer:
        pipe(PROMPT, **call)
    assert tracer.recording.prompt.text == PROMPT
    with trace(pipe) as tracer:
        encoded = pipe.encode_prompt(PROMPT, device="cpu")
        names = ("prompt_embeds", "negative_prompt_embeds")
        names += ("pooled_prompt_embeds", "negative_pooled_prompt_embeds")
        pipe(**dict(zip(names, encoded, strict=True)), **call)
    assert tracer.recording.prompt.token_indices("giraffe") == (6, 7)


@pytest.mark.parametrize("encoder", ["clip", "t5"])
def test_both_readings_of_stable_diffusion_3(encoder: str) -> None:
    pipe = joint_pipelines.sd3()
    names = ("prompt_embeds", "negative_prompt_embeds")
    names += ("pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    with trace(pipe, encoder=encoder, negative=True) as tracer:
        encoded = pipe.encode_prompt(
            "a red Cat", None, "a giraffe", "cpu", negative_prompt="a dog", max_sequence_length=32
        )
        pipe(**dict(zip(names, encoded, strict=True)), **CALL | {"height": 32, "width": 48})
    run = tracer.recording
    assert run.prompt.text == ("a red cat" if encoder == "clip" else "a giraffe")
    assert run.negative_prompt is not None and run.negative_prompt.text == "a dog"
    shifted = torch.cat([encoded[0][:, :5], encoded[0][:, 5:].roll(1, dims=1)], dim=1)
    mixed = dict(zip(names, ((encoded[0] + shifted) / 2, *encoded[1:]), strict=True))
    with pytest.raises(MissingTextError), trace(pipe, encoder=encoder, prompt="a red Cat"):
        pipe(**mixed, **CALL | {"height": 32, "width": 48})


def test_embeddings_told_in_the_order_of_their_arguments(plain: Any) -> None:
    """What was encoded for the prompt and given as the negative prompt is found out."""

    def both() -> tuple[Tensor, Tensor]:
        return encode(plain, "a red cat"), encode(plain, "ugly")

    with trace(plain, negative=True) as tracer:
        positive, negative = both()
        draw(plain, negative, positive)
    run = tracer.recording
    assert run.prompt.text == "ugly"
    assert run.negative_prompt is not None and run.negative_prompt.text == "a red cat"
    with pytest.raises(ShapeError, match="it read 'ugly'"), trace(plain, prompt="a red cat"):
        positive, negative = both()
        draw(plain, negative, positive)


def test_one_trace_of_many_calls(plain: Any) -> None:
    with trace(plain) as tracer:
        for text in ("a cat", "a dog"):
            draw(plain, compel(plain)(f"({text})1.3"))
        plain("a house", **CALL)
    assert [run.prompt.text for run in tracer.recordings] == ["a cat", "a dog", "a house"]
    assert recorded(plain, lambda: compel(plain)("a (fox)0.7")).prompt.text == "a fox"


def test_a_pipeline_that_lowers_its_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """T5 has other tokens for capital letters; the words are the same."""
    pipe = joint_pipelines.flux()
    original = pipe.encode_prompt

    def lowered(prompt: str, *args: Any, **options: Any) -> Any:
        return original(prompt.strip().lower(), *args, **options)

    monkeypatch.setattr(pipe, "encode_prompt", lowered)
    with trace(pipe) as tracer:
        pipe(" A Red Cat", max_sequence_length=32, **CALL | {"height": 32, "width": 48})
    prompt = tracer.recording.prompt
    assert prompt.text == " A Red Cat"
    assert prompt.token_indices("cat") == (2,)
    assert prompt.tokens[2].piece == "▁cat"
