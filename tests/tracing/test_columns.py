"""Columns are named by what the text encoder really read: compel, windows, joins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compel import DownweightMode
from compel.embeddings_provider import SplitLongTextMode
from torch import Tensor

from daam_nb import Prompt, heat_maps
from daam_nb.errors import MissingTextError, ShapeError
from daam_nb.tracing import ablate, trace
from tests import pipelines
from tests.tracing.cases import PROMPT
from tests.tracing.embeddings import CALL, compel, draw, encode, ids, recorded


def read_by_hand(read: list[Tensor]) -> list[int]:
    """The numbers of all windows that an encoder was given, one behind the other."""
    return torch.cat(read, dim=1)[0].tolist()


@pytest.fixture(scope="module")
def sdxl() -> Any:
    return pipelines.sdxl()


# --- compel -----------------------------------------------------------------------------------

WEIGHTED = "a (red)1.3 cat++ and a giraffe"


def test_weights_of_compel_move_no_column(plain: Any) -> None:
    run = recorded(plain, lambda: compel(plain)(WEIGHTED), prompt=WEIGHTED)
    assert run.prompt.token_indices("giraffe") == (6, 7)
    assert run.prompt.token_indices("cat") == (3,)
    assert run.prompt.text == "a red cat and a giraffe"
    assert any(WEIGHTED in item.what for item in run.manifest.skipped)
    assert heat_maps(run).word("giraffe").values.shape == (2, 3)
    unsaid = recorded(plain, lambda: compel(plain)(WEIGHTED))
    assert unsaid.prompt.to_dict() == run.prompt.to_dict()
    for name, attention in run.attention.items():
        assert torch.equal(attention, unsaid.attention[name])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a (red)0.4 cat and a (giraffe)1.5", "a red cat and a giraffe"),
        ("a (red)0.1 cat-- and a giraffe", "a red cat and a giraffe"),
        ("a red cat, a (giraffe (dog)1.2)0.8", "a red cat, a giraffe dog"),
        ("a (red cat)1.0", "a red cat"),
        ("", ""),
    ],
)
def test_weights_up_and_down(plain: Any, text: str, read: str) -> None:
    run = recorded(plain, lambda: compel(plain)(text), prompt=text or None)
    assert run.prompt.text == read
    wanted = Prompt.from_tokenizer(read, plain.tokenizer)
    assert [t.id for t in run.prompt.tokens] == [t.id for t in wanted.tokens]
    assert run.prompt == wanted


def test_a_weight_of_nothing_leaves_nothing_of_its_word(plain: Any) -> None:
    """Compel puts the empty text's row in its place: what stands there is not "red"."""
    with pytest.raises(MissingTextError, match="columns 2, "), trace(plain):
        draw(plain, compel(plain)("a (red)0.0 cat"))


def test_weights_whose_empty_text_was_encoded_before(plain: Any) -> None:
    """compel keeps the empty text's embeddings: the encoder is asked for them."""
    library = compel(plain)
    library(WEIGHTED)
    assert recorded(plain, lambda: library(WEIGHTED)).prompt.token_indices("giraffe") == (6, 7)


LONG = "a (red)1.2 cat on a house. " + "a small dog in the snow, and a big bird. " * 12


@pytest.mark.parametrize(
    "mode",
    [
        SplitLongTextMode.SENTENCES | SplitLongTextMode.COPY_FIRST_CLS_TOKEN,
        SplitLongTextMode.PHRASES | SplitLongTextMode.MERGE_CLS_TOKENS,
        SplitLongTextMode.WORDS,
        SplitLongTextMode.BRUTAL,
    ],
    ids=["sentences", "phrases", "words", "brutal"],
)
def test_long_prompts_of_compel(plain: Any, mode: SplitLongTextMode) -> None:
    library = compel(plain, truncate_long_prompts=False, split_long_text_mode=mode)
    read: list[Tensor] = []

    def embeddings() -> Tensor:
        encoded, tokens = library(LONG, return_tokenization=True)
        read.extend(tokens)
        return encoded

    run = recorded(plain, embeddings, prompt=LONG)
    wanted = read_by_hand(read)
    assert len(wanted) == 231
    assert [token.id for token in run.prompt.tokens] == wanted
    assert run.prompt.text == LONG.replace("(red)1.2", "red").strip()
    dog = plain.tokenizer("dog").input_ids[1]
    columns = [column for column, number in enumerate(wanted) if number == dog]
    assert [
        run.prompt.token_indices("dog", occurrence=position) for position in range(len(columns))
    ] == [(column,) for column in columns]


def test_conjunctions_are_windows_of_several_texts(plain: Any) -> None:
    text = '("a red cat", "a (dog)1.4 in the snow").and(1, 0.6)'
    run = recorded(plain, lambda: compel(plain)(text), prompt=text)
    assert len(run.prompt.tokens) == 154
    assert run.prompt.token_indices("cat") == (3,)
    assert run.prompt.token_indices("dog") == (77 + 2,)
    assert run.prompt.token_indices("snow") == (77 + 5,)


@pytest.mark.parametrize(
    "text",
    ['("a red cat", "a blue dog").blend(0.7, 0.3)', '("a red cat", "a dog").blend(0.98, 0.02)'],
)
def test_a_blend_is_refused_unless_its_columns_are_named(plain: Any, text: str) -> None:
    for told in (None, text, "a red cat"):
        with (
            pytest.raises(MissingTextError, match=r"Prompt\.from_ids\(text, ids, tokenizer\)"),
            trace(plain, prompt=told),
        ):
            draw(plain, compel(plain)(text))
    named = Prompt.from_ids("a red cat", ids(plain, "a red cat")[0].tolist(), plain.tokenizer)
    run = recorded(plain, lambda: compel(plain)(text), prompt=named)
    assert run.prompt == named
    assert any("names" in item.what and "user's own" in item.why for item in run.manifest.skipped)


def test_words_removed_by_compel_are_refused(plain: Any) -> None:
    """The rows behind a removed word are mixtures of two tokens."""
    library = compel(plain, downweight_mode=DownweightMode.REMOVE)
    with pytest.raises(MissingTextError, match="columns 2, 3"), trace(plain):
        draw(plain, library("a (red)0.5 cat and a giraffe"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision(dtype: torch.dtype) -> None:
    pipe = pipelines.sd1().to(dtype)
    text = "a (red)0.4 cat++ and a (giraffe)1.5"
    run = recorded(pipe, lambda: compel(pipe)(text))
    assert run.prompt.text == "a red cat and a giraffe"
    with pytest.raises(MissingTextError), trace(pipe):
        draw(pipe, compel(pipe)('("a red cat", "a blue dog").blend(0.9, 0.1)'))


def test_embeddings_from_before_the_block(plain: Any) -> None:
    """The encoder is asked what it makes of the text; of weights that says nothing."""
    with torch.no_grad():
        unweighted, weighted = encode(plain, PROMPT), compel(plain)(WEIGHTED)
    state = torch.get_rng_state()
    untraced = draw(plain, unweighted)
    with trace(plain, prompt=PROMPT) as tracer:
        traced = draw(plain, unweighted)
    assert np.array_equal(traced, untraced)
    assert torch.equal(state, torch.get_rng_state())
    assert tracer.recording.prompt.text == PROMPT
    for told, message in (
        (WEIGHTED, "not what the text encoder makes of .*Encode inside the `with` block"),
        ("a blue house", "columns 2, 3"),
        (None, "Encode inside the `with` block"),
    ):
        with pytest.raises(MissingTextError, match=message), trace(plain, prompt=told):
            draw(plain, weighted if told == WEIGHTED else unweighted)
    wrong = Prompt.from_tokenizer(WEIGHTED, plain.tokenizer)
    with pytest.raises(ShapeError, match=r"'\(</w>' in column 2.*read 'red' there"):
        recorded(plain, lambda: compel(plain)(WEIGHTED), prompt=wrong)


def test_hidden_layers_with_and_without_the_final_norm(plain: Any, sdxl: Any) -> None:
    def skipped(back: int, *, normed: bool) -> Tensor:
        encoder = plain.text_encoder
        with torch.no_grad():
            out = encoder(ids(plain, PROMPT), output_hidden_states=True)
            states = out.hidden_states[-back]
            norm = getattr(encoder, "text_model", encoder).final_layer_norm
            return norm(states) * 1.2 if normed else states

    for back, normed in ((2, True), (3, True), (2, False), (3, False)):
        run = recorded(plain, lambda: skipped(back, normed=normed))  # noqa: B023
        assert run.prompt.token_indices("giraffe") == (6, 7)
    encoded = skipped(2, normed=True)
    run = recorded(plain, lambda: encoded, prompt=PROMPT)
    assert run.prompt.text == PROMPT
    with trace(sdxl) as tracer:
        sdxl(PROMPT, clip_skip=1, **CALL)
    assert tracer.recording.prompt.text == PROMPT


# --- two encoders, joint attention ------------------------------------------------------------


def draw_xl(pipe: Any, encoded: Any) -> None:
    pipe(
        prompt_embeds=encoded.embeds,
        pooled_prompt_embeds=encoded.pooled_embeds,
        negative_prompt_embeds=encoded.negative_embeds,
        negative_pooled_prompt_embeds=encoded.negative_pooled_embeds,
        **CALL,
    )


def test_compel_with_two_encoders(sdxl: Any) -> None:
    from compel import CompelForSDXL

    library = CompelForSDXL(sdxl)
    with trace(sdxl, negative=True) as tracer:
        draw_xl(sdxl, library(LONG, negative_prompt="a (blue)0.5 house"))
    run = tracer.recording
    assert run.prompt.token_indices("cat") == (3,)
    assert run.negative_prompt is not None
    assert run.negative_prompt.text == "a blue house"
    assert run.negative_prompt.token_indices("house") == (3,)
    assert not any("second text encoder" in item.what for item in run.manifest.skipped)
    with trace(sdxl) as tracer:
        draw_xl(sdxl, library(PROMPT, style_prompt="a painting", negative_prompt=""))
    run = tracer.recording
    assert run.prompt.text == PROMPT
    (style,) = [item for item in run.manifest.skipped if "second text encoder" in item.what]
    assert "'a painting'" in style.what


def test_compel_for_flux() -> None:
    from compel import CompelForFlux

    from tests import joint_pipelines

    pipe = joint_pipelines.flux()
    with trace(pipe) as tracer:
        encoded = CompelForFlux(pipe)("a (Red)1.4 cat, a (giraffe)0.5")
        pipe(
            prompt_embeds=encoded.embeds,
            pooled_prompt_embeds=encoded.pooled_embeds,
            max_sequence_length=77,
            **CALL | {"height": 32, "width": 48},
        )
    run = tracer.recording
    wanted = Prompt.from_tokenizer("a Red cat, a giraffe", pipe.tokenizer_2, max_length=77)
    assert run.prompt.token_indices("giraffe") == wanted.token_indices("giraffe")
    assert "Red" in run.prompt.text


# --- joins and changes made by hand -----------------------------------------------------------


def test_pieces_that_are_joined_by_hand(plain: Any) -> None:
    def broken() -> Tensor:  # BREAK: every part in a window of its own
        parts = [encode(plain, text) for text in ("a red cat", "a dog", "a house")]
        return torch.cat(parts, dim=1)

    run = recorded(plain, broken, prompt="a red cat BREAK a dog BREAK a house")
    assert [run.prompt.token_indices(word) for word in ("cat", "dog", "house")] == [
        (3,), (77 + 2,), (154 + 2,)
    ]  # fmt: skip

    def pieces() -> Tensor:  # without starts, ends and padding in between
        return torch.cat(
            [encode(plain, "a red cat")[:, :4], encode(plain, "a dog and")[:, 1:40]], dim=1
        )

    run = recorded(plain, pieces)
    assert run.prompt.text == "a red cat a dog and"
    assert run.prompt.token_indices("dog") == (5,)
    cut = recorded(plain, lambda: encode(plain, PROMPT)[:, :20], prompt=PROMPT)
    assert cut.prompt.token_indices("giraffe") == (6, 7)


def test_numbers_cut_without_starts_and_ends(plain: Any) -> None:
    """As older recipes do: the text's numbers in 77s."""
    text = "a red cat and a big dog " * 20
    whole = torch.tensor([plain.tokenizer(text, verbose=False).input_ids])[:, : 154 - 14]
    whole = torch.nn.functional.pad(whole, (0, 14), value=plain.tokenizer.eos_token_id)

    def cut() -> Tensor:
        with torch.no_grad():
            parts = [plain.text_encoder(part)[0] for part in whole.split(77, dim=1)]
        return torch.cat(parts, dim=1)

    run = recorded(plain, cut, prompt=text)
    assert [token.id for token in run.prompt.tokens] == whole[0].tolist()


def test_rows_that_change_their_places_take_their_names_along(plain: Any) -> None:
    def swapped() -> Tensor:
        encoded = encode(plain, "a red cat")
        encoded[:, [2, 3]] = encoded[:, [3, 2]]  # in place: the memory is a copy
        return encoded

    assert recorded(plain, swapped).prompt.token_indices("cat") == (2,)
    encoded = swapped()
    with (
        pytest.raises(ShapeError, match="read 'a cat red'"),
        trace(plain, prompt="a red cat"),
    ):
        draw(plain, encoded)


def test_rows_of_zeros_and_of_nobody_are_refused(plain: Any) -> None:
    def erased() -> Tensor:
        encoded = encode(plain, PROMPT)
        encoded[:, 3] = 0
        return encoded

    def noisy() -> Tensor:
        encoded = encode(plain, PROMPT)
        return encoded + 0.05 * encoded.std() * torch.ones_like(encoded).cumsum(-1).sin()

    for embeddings, columns in ((erased, "columns 3, "), (noisy, "columns 0, 1")):
        with pytest.raises(MissingTextError, match=columns), trace(plain, prompt=PROMPT):
            draw(plain, embeddings())


@pytest.mark.parametrize("factor", [0.3, 1.7, -1.0])
def test_rows_times_a_number_keep_their_names(plain: Any, factor: float) -> None:
    def scaled() -> Tensor:
        encoded = encode(plain, PROMPT)
        mean = encoded.mean()
        encoded[:, 3] *= factor
        return encoded * (mean / encoded.mean())  # the mean is restored, as some libraries do

    assert recorded(plain, scaled, prompt=PROMPT).prompt.text == PROMPT


def test_a_text_that_was_not_read_is_refused(plain: Any) -> None:
    with (
        pytest.raises(ShapeError, match=r"it read 'a red cat'.*Leave prompt= out"),
        trace(plain, prompt="a blue house"),
    ):
        draw(plain, encode(plain, "a red cat"))


def test_prompts_in_another_order_than_the_embeddings(plain: Any) -> None:
    def both() -> Tensor:
        return torch.cat([encode(plain, "a cat"), encode(plain, "a dog")])

    with trace(plain) as tracer:
        draw(plain, both(), num_images_per_prompt=2)
    assert [run.prompt.text for run in tracer.recordings] == ["a cat", "a cat", "a dog", "a dog"]
    with pytest.raises(ShapeError, match="read 'a cat'"), trace(plain, prompt=["a dog", "a cat"]):
        draw(plain, both())


def test_the_memory_is_bounded_between_calls(plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from daam_nb.tracing import attached, encodings

    small = lambda: encodings.EncoderMemory(limit=3 * 77 * 32 * 4)  # noqa: E731
    monkeypatch.setattr(attached, "EncoderMemory", small)
    first = encode(plain, "a cat")
    with trace(plain) as tracer:
        first = encode(plain, "a red cat")
        for word in ("dog", "bird", "fox", "horse"):
            encode(plain, f"a {word}")
        with pytest.raises(MissingTextError, match=r"[2-9] older texts are no longer remembered"):
            draw(plain, first)
        plain(["a dog", "a cat", "a bird", "a fox", "a house"], **CALL)
    assert len(tracer.recordings) == 5


# --- negative embeddings ----------------------------------------------------------------------


def test_negative_embeddings(plain: Any) -> None:
    def both() -> tuple[Tensor, Tensor]:
        return encode(plain, "a red cat"), compel(plain)("a (blue)0.5 house")

    with trace(plain, negative=True) as tracer:
        draw(plain, *both())
    negative = tracer.recording.negative_prompt
    assert negative is not None
    assert negative.text == "a blue house"
    assert negative.token_indices("house") == (3,)
    positive, encoded = encode(plain, "a red cat"), encode(plain, "a blue house")
    with trace(plain, negative=True, prompt="a red cat", negative_prompt="a blue house") as tracer:
        draw(plain, positive, encoded)
    negative = tracer.recording.negative_prompt
    assert negative is not None and negative.token_indices("house") == (3,)
    for told, error in (("a blue car", MissingTextError), (None, MissingTextError)):
        with (
            pytest.raises(error, match="negative_prompt="),
            trace(plain, negative=True, prompt="a red cat", negative_prompt=told),
        ):
            draw(plain, positive, encoded)
    with trace(plain, keep="replay", prompt="a red cat") as tracer:
        draw(plain, positive, encoded)
    negative = tracer.recording.negative_prompt
    assert negative is not None
    assert not any(token.span or token.role == "padding" for token in negative.tokens)


# --- pipelines that encode in their own way ---------------------------------------------------


def long_prompts(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that encodes every part between bars in a window of its own."""
    original = pipe.encode_prompt

    def encode_prompt(prompt: str, *args: Any, **options: Any) -> Any:
        parts = [original(part, *args, **options) for part in prompt.split("|")]
        return tuple(torch.cat(each, dim=1) for each in zip(*parts, strict=True))

    monkeypatch.setattr(pipe, "encode_prompt", encode_prompt)


def test_a_pipeline_that_encodes_windows_itself(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    long_prompts(sd1, monkeypatch)
    with trace(sd1) as tracer:
        sd1("a red cat | a dog", **CALL)
    prompt = tracer.recording.prompt
    assert prompt.text == "a red cat a dog"
    assert prompt.token_indices("dog") == (77 + 2,)
    with ablate(sd1, words="dog"):
        without = sd1("a red cat | a dog", generator=torch.Generator().manual_seed(1), **CALL)
    with ablate(sd1, tokens=77 + 2):
        by_column = sd1("a red cat | a dog", generator=torch.Generator().manual_seed(1), **CALL)
    assert np.array_equal(without.images, by_column.images)


def test_a_pipeline_that_mixes_texts(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sd1.encode_prompt

    def mixed(prompt: str, *args: Any, **options: Any) -> Any:
        first, second = original(prompt, *args, **options), original("a dog", *args, **options)
        return (first[0] + second[0]) / 2, first[1]

    monkeypatch.setattr(sd1, "encode_prompt", mixed)
    with pytest.raises(MissingTextError, match="the pipeline mixes or changes them"), trace(sd1):
        sd1("a red cat", **CALL)


def test_textual_inversions_through_compel(sd1: Any) -> None:
    from compel import DiffusersTextualInversionManager

    from tests.pipeline_variants import with_textual_inversion

    pipe = with_textual_inversion(sd1, vectors=3)
    library = compel(pipe, textual_inversion_manager=DiffusersTextualInversionManager(pipe))
    text = "a (<thing>)1.2 and a cat"
    run = recorded(pipe, lambda: library(text), prompt=text)
    assert run.prompt.text == "a <thing> and a cat"
    assert run.prompt.token_indices("cat") == (7,)
    assert run.prompt.token_indices((2, 9)) == (2, 3, 4)
