import re
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from daam_nb.errors import (
    AmbiguousWordError,
    MissingExtraError,
    NotKeptError,
    SelectionError,
    TruncatedWordError,
    WordNotFoundError,
)
from daam_nb.maps import HeatMaps, WordHeatMap, heat_maps
from daam_nb.prompt import Prompt, Token, Word
from daam_nb.recording import Recording
from tests.tiny_recordings import IMAGE_SIZE, LATENT_SIZE, tiny_prompt, tiny_recording

RUN = tiny_recording()  # "a cat and a dog": start 0, words 1-5, end 6


@pytest.fixture(scope="module")
def maps() -> HeatMaps:
    return heat_maps(RUN)


def test_values_are_one_map_per_kept_token(maps: HeatMaps) -> None:
    assert maps.columns == (0, 1, 2, 3, 4, 5, 6)
    assert maps.values.shape == (7, *LATENT_SIZE)
    assert maps.size == LATENT_SIZE
    assert maps.values.dtype == torch.float32
    assert maps.values.min() >= 0


def test_a_word_of_one_token(maps: HeatMaps) -> None:
    dog = maps.word("dog")
    assert torch.equal(dog.values, maps.values[5])
    assert (dog.label, dog.span, dog.tokens) == ("dog", (12, 15), (5,))
    assert dog.origin is maps.origin and dog.choice == maps.choice
    assert dog.image_size == IMAGE_SIZE
    assert dog.unit == "attention probability"


def test_a_phrase_is_the_mean_over_its_tokens(maps: HeatMaps) -> None:
    phrase = maps.word("cat AND")
    assert torch.allclose(phrase.values, (maps.values[2] + maps.values[3]) / 2, atol=1e-7)
    assert (phrase.label, phrase.span, phrase.tokens) == ("cat and", (2, 9), (2, 3))


def test_a_word_of_several_tokens_is_their_mean() -> None:
    prompt = Prompt(
        "a catamaran",
        (
            Token(0, 1, "<start>", None, True),
            Token(1, 2, "a", (0, 1), False),
            Token(2, 3, "cata", (2, 6), False),
            Token(3, 4, "maran", (6, 11), False),
            Token(4, 5, "<end>", None, True),
        ),
    )
    run = replace(tiny_recording("a b c", length=5), prompt=prompt)
    maps = heat_maps(run)
    boat = maps.word("catamaran")
    assert boat.tokens == (2, 3)
    assert torch.allclose(boat.values, maps.values[2:4].mean(0), atol=1e-7)
    with pytest.raises(WordNotFoundError):
        maps.word("cat")


def test_every_way_to_name_a_word(maps: HeatMaps) -> None:
    expected = maps.word("dog").values
    for what in (Word("dog", 12, 15), (12, 15), [12, 15], maps.word("dog")):
        named = maps.word(what)  # type: ignore[arg-type]
        assert torch.equal(named.values, expected)
        assert (named.label, named.span) == ("dog", (12, 15))
    with pytest.raises(WordNotFoundError):
        maps.word("DOG", case=True)


def test_words_that_occur_twice(maps: HeatMaps) -> None:
    with pytest.raises(AmbiguousWordError, match="occurrence=0 or 1"):
        maps.word("a")
    assert maps.word("a", occurrence=1).tokens == (4,)
    assert not torch.equal(maps.word("a", occurrence=0).values, maps.word("a", occurrence=1).values)


def test_words_in_order(maps: HeatMaps) -> None:
    assert [word.label for word in maps.words] == ["a", "cat", "and", "a", "dog"]
    assert [word.tokens for word in maps.words] == [(1,), (2,), (3,), (4,), (5,)]
    assert torch.equal(torch.stack([word.values for word in maps.words]), maps.values[1:6])


def test_words_that_were_cut_or_not_kept_are_no_maps() -> None:
    cut = heat_maps(tiny_recording("one two three four", length=4))
    assert [word.label for word in cut.words] == ["one", "two"]
    with pytest.raises(TruncatedWordError):
        cut.word("four")
    some = heat_maps(tiny_recording(tokens=(2, 5)))
    assert [word.label for word in some.words] == ["cat", "dog"]
    assert torch.equal(some.word("dog").values, some.values[1])
    message = (
        "The attention of 'and' was not kept at the key positions 3; this recording holds 2, 5."
    )
    with pytest.raises(NotKeptError, match=re.escape(message)):
        some.word("and")
    with pytest.raises(NotKeptError, match="the end of text"):
        _ = some.end_of_text


def test_tokens_and_the_ends_of_the_text(maps: HeatMaps) -> None:
    assert torch.equal(maps.token(0).values, maps.values[0])
    assert maps.token(2).label == RUN.prompt.tokens[2].piece
    assert maps.token(2).span == (2, 5)
    assert (maps.start_of_text.label, maps.start_of_text.tokens) == ("start of text", (0,))
    assert torch.equal(maps.start_of_text.values, maps.values[0])
    assert (maps.end_of_text.label, maps.end_of_text.tokens) == ("end of text", (6,))
    for index in (-1, 12, "0", 1.0, True, None):
        with pytest.raises(SelectionError, match="There is no token"):
            maps.token(index)  # type: ignore[arg-type]
    with pytest.raises(
        NotKeptError, match=r"<\|endoftext\|>' was not kept at the key positions 9;"
    ):
        maps.token(9)


def test_several_tokens_are_averaged_as_those_of_a_phrase_are(maps: HeatMaps) -> None:
    phrase, tokens = maps.word("cat and"), maps.token((2, 3))
    assert torch.equal(tokens.values, phrase.values)
    assert (tokens.span, tokens.tokens) == (phrase.span, phrase.tokens)
    assert tokens.label == " ".join(RUN.prompt.tokens[index].piece for index in (2, 3))
    assert torch.equal(maps.token([2]).values, maps.token(2).values)
    assert maps.token((0, 1)).span is None  # the start of text stands nowhere
    for wrong in ((), (2, 2), (2, 99), (2, True), (2, 3.0)):
        with pytest.raises(SelectionError):
            maps.token(wrong)  # type: ignore[arg-type]


def test_a_model_without_a_start_of_text() -> None:
    text = Prompt("fox", (Token(0, 1, "fox", (0, 3), False), Token(1, 2, "</s>", None, True)))
    run = replace(tiny_recording("x", tokens=(0, 1)), prompt=text)
    with pytest.raises(WordNotFoundError, match="marks no start of text"):
        _ = heat_maps(run).start_of_text
    assert heat_maps(run).end_of_text.tokens == (1,)


def test_normalized_maps_reach_one(maps: HeatMaps) -> None:
    scaled = maps.normalized()
    assert torch.equal(scaled.values.amax((1, 2)), torch.ones(7))
    assert torch.allclose(scaled.values[2], maps.values[2] / maps.values[2].max())
    phrase = scaled.word("cat and")
    assert torch.allclose(phrase.values, maps.word("cat and").normalized().values)
    assert phrase.unit == scaled.unit == "share of the map's maximum"


def test_shares_of_the_texts_tokens_add_up_to_one(maps: HeatMaps) -> None:
    shares = maps.shares()
    assert torch.allclose(shares.values[1:6].sum(0), torch.ones(LATENT_SIZE))
    expected = maps.values[2] / maps.values[1:6].sum(0)
    assert torch.allclose(shares.word("cat").values, expected)
    assert torch.allclose(shares.values[0], maps.values[0] / maps.values[1:6].sum(0))
    assert shares.unit == "share of the text's attention"
    with pytest.raises(NotKeptError, match="the text was not kept at the key positions 1, 3-4;"):
        heat_maps(tiny_recording(tokens=(2, 5))).shares()
    with pytest.raises(SelectionError, match="Shares cannot be split by head"):
        shares.by_head("cat")


def test_where_nothing_was_attended_to_normalizing_stays_zero() -> None:
    run = tiny_recording()
    empty = replace(run, attention={k: torch.zeros_like(v) for k, v in run.attention.items()})
    maps = heat_maps(empty)
    for scaled in (maps, maps.normalized(), maps.shares()):
        assert not scaled.values.any()
        assert not scaled.word("cat").values.any()


def test_by_step_is_each_step_alone(maps: HeatMaps) -> None:
    by_step = heat_maps(RUN, steps=[0, 2]).by_step("cat and")
    assert list(by_step) == [0, 2]
    for step, word in by_step.items():
        assert torch.equal(word.values, heat_maps(RUN, steps=step).word("cat and").values)
        assert word.origin is not None and word.origin.steps == (step,)
    with pytest.raises(NotKeptError, match="one sum over its steps"):
        heat_maps(tiny_recording(kept="sum")).by_step("cat")


def test_by_head_is_each_head_alone() -> None:
    run = tiny_recording(heads=(2, 3))
    maps = heat_maps(run, steps=[0, 1])
    by_head = maps.by_head("cat and")
    assert list(by_head) == [(layer.name, h) for layer in maps.layers for h in range(layer.heads)]
    for (name, head), word in by_head.items():
        alone = heat_maps(run, layers=[name], heads=head, steps=[0, 1]).word("cat and")
        assert torch.allclose(word.values, alone.values, rtol=0, atol=1e-7)
        assert word.choice == alone.choice
    mean = torch.stack([word.values for word in by_head.values()]).mean(0)
    assert torch.allclose(mean, maps.word("cat and").values, rtol=0, atol=1e-7)
    scaled = maps.normalized().by_head("cat")
    assert all(word.values.max() == 1 for word in scaled.values())


def test_xarray(maps: HeatMaps) -> None:
    array = maps.to_xarray()
    assert array.dims == ("token", "y", "x")
    assert array.sel(token=5).piece == RUN.prompt.tokens[5].piece
    assert array.shape == (7, *LATENT_SIZE)
    assert (array.sel(token=5).values == maps.word("dog").numpy()).all()
    assert array.attrs == {
        "prompt": "a cat and a dog",
        "choice": maps.choice,
        "units": "attention probability",
    }
    assert list(array.y.values) == list(range(8))


def test_xarray_is_an_extra(maps: HeatMaps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"daam_nb\[studies\]\""):
        maps.to_xarray()


def test_repr_says_what_it_is(maps: HeatMaps) -> None:
    assert repr(maps) == (
        "<HeatMaps of 'a cat and a dog': 7 tokens, 8x12, down and up blocks (4 of 5 layers), "
        "steps 0-2 of 3, all heads, mean over steps>"
    )
    assert heat_maps(RUN, reduction="sum").unit == "attention probability, summed over steps"


def test_negative_words() -> None:
    maps = heat_maps(tiny_recording("a cat", negative="a blurry dog"), negative=True)
    assert maps.prompt.text == "a blurry dog"
    assert [word.label for word in maps.words] == ["a", "blurry", "dog"]
    assert maps.choice.endswith("negative prompt")
    assert maps.to_xarray().attrs["prompt"] == "a blurry dog"


def test_an_empty_prompt_has_maps_of_its_ends() -> None:
    maps = heat_maps(tiny_recording(""))
    assert maps.words == ()
    assert maps.values.shape == (2, *LATENT_SIZE)
    assert not maps.shares().values.any()
    assert "no words" in maps._repr_html_()


def test_maps_are_frozen_and_lazy(maps: HeatMaps, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FrozenInstanceError):
        maps.steps = ()  # type: ignore[misc]
    assert maps.values is maps.values
    assert maps != heat_maps(RUN), "equal only to itself"
    asked: list[tuple[int, ...]] = []
    kept = HeatMaps._mean_over
    monkeypatch.setattr(
        HeatMaps, "_mean_over", lambda self, tokens: asked.append(tokens) or kept(self, tokens)
    )
    fresh = heat_maps(RUN)
    assert asked == []
    fresh.word("dog")
    assert asked == [(5,)]


def test_a_saved_recording_gives_the_same_maps(
    tmp_path: object, maps: HeatMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daam_nb.recording import load

    RUN.save(f"{tmp_path}/run")
    loaded: Recording = load(f"{tmp_path}/run")
    assert torch.equal(heat_maps(loaded).values, maps.values)
    assert torch.equal(heat_maps(loaded, steps=[1]).values, heat_maps(RUN, steps=[1]).values)


def test_word_maps_of_another_run_find_their_tokens_here(maps: HeatMaps) -> None:
    other = heat_maps(tiny_recording(seed=5))
    assert torch.equal(other.word(maps.word("dog")).values, other.word("dog").values)
    with pytest.raises(WordNotFoundError, match="belongs to the prompt 'a cat and a dog', not to"):
        heat_maps(tiny_recording("a dog and a cat")).word(maps.word("dog"))
    by_hand = WordHeatMap(torch.ones(2, 2), "by hand")
    with pytest.raises(SelectionError, match="made by hand"):
        maps.word(by_hand)


def test_tiny_prompt_is_what_these_tests_think() -> None:
    assert [token.piece for token in tiny_prompt("a cat").tokens[:4]] == [
        "<|startoftext|>",
        "a</w>",
        "cat</w>",
        "<|endoftext|>",
    ]
