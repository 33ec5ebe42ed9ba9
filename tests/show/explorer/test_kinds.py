"""explore(run, kind=...): what it says of the maps, what goes out of it, two kinds side by side."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import daam_nb as dnb
from daam_nb.errors import NotKeptError, SelectionError, WrongKindError
from daam_nb.language import Parse, ParsedWord
from daam_nb.show.explorer import explore, hand_out
from daam_nb.show.explorer.model.container import unpack
from tests.show.explorer.opened import TEXT, first_map, opened, question
from tests.tiny_recordings import joint_layers, tiny_recording, with_effects, with_gradients

RUN = with_effects(tiny_recording(TEXT, steps=5), ((2,), (3,), (6,)))
EFFECT = "change of the layers' outputs, as a share of them"


@pytest.mark.parametrize("kind", ["attention", "share", "effect"])
def test_its_selection_gives_the_map_that_it_shows(kind: str) -> None:
    explorer = opened(RUN, kind=kind, word="fox")
    assert explorer.run is RUN and explorer.kind == kind
    explorer.choose(steps=slice(1, 4), layer=1, head=1)
    for _ in range(2):
        maps = dnb.heat_maps(explorer.run, **explorer.selection)
        assert maps.kind == kind
        np.testing.assert_array_equal(first_map(explorer), maps["fox"].values.numpy())
        explorer.choose(layer=-1, head=-1, steps=None, choice="all")
    assert "kind" not in opened(RUN).selection


def test_a_kind_is_named_wherever_its_maps_are() -> None:
    explorer = opened(RUN, kind="effect", word="fox")
    assert explorer.status.startswith("Effect of “fox”: down and up blocks")
    assert f"Values are {EFFECT}." in explorer.status
    facts = explorer._facts
    assert (facts["kind"], facts["unit"], facts["title"]) == ("effect", EFFECT, "Effect of")
    assert facts["comparable"] is True and "depends on this word" in facts["reading"]
    assert "Not recorded: a, in, the." in facts["left_out"]
    attrs = explorer.to_frame().attrs
    assert (attrs["kind"], attrs["unit"]) == ("effect", EFFECT)
    lines = " ".join(line.text for line in explorer.to_figure().sheet.lines)
    assert "change of the layers' outputs" in lines and "derived" not in lines


def test_attention_is_said_to_be_of_no_common_scale_and_joint_attention_in_its_unit() -> None:
    assert opened(RUN)._facts["comparable"] is False
    assert opened(RUN)._facts["title"] == "Attention to"
    joint = opened(tiny_recording(TEXT, layers=joint_layers()))
    assert joint._facts["unit"] == "attention probability over image and text"


def test_a_figure_of_the_explorer_is_of_recorded_attention() -> None:
    explorer = opened(RUN, word="fox", word_b="red")
    assert not explorer.engine.exact(explorer.selected).derived
    lines = " ".join(line.text for line in explorer.to_figure().sheet.lines)
    assert "derived" not in lines and "changed by hand" not in lines


def test_words_are_ranked_by_their_effects() -> None:
    explorer = opened(RUN, kind="effect", word="fox")
    rows = explorer.words_at(0.4, 0.6)
    assert {row.text for row in rows} == {"red", "fox", "snow"}
    maps = dnb.heat_maps(RUN, **explorer.selection)
    for row in rows:
        assert row.value == pytest.approx(float(maps[row.text].values[3, 7]))
    explorer.region = ((0, 0), (0, 1), (1, 1), (1, 0))
    for row in explorer.words_in():
        assert row.value == pytest.approx(float(maps[row.text].values.mean()), rel=1e-5)
    explorer._received(None, question(explorer, "words", "overlap", "tiles", at={"y": 0, "x": 0}),
                       [])  # fmt: skip


@pytest.mark.parametrize("by", ["word", "step", "head"])
def test_its_numbers_are_those_of_the_maps(by: Any) -> None:
    explorer = opened(RUN, kind="effect", word="fox", layers="all")
    frame = explorer.to_frame(by)
    maps = dnb.heat_maps(RUN, **explorer.selection)
    if by == "word":
        assert list(frame["word"]) == ["red", "fox", "snow"]
        peaks = [float(maps[word].values.max()) for word in frame["word"]]
        np.testing.assert_allclose(frame["peak"], peaks)
    elif by == "step":
        peaks = [float(word_map.values.max()) for word_map in maps.by_step("fox").values()]
        np.testing.assert_allclose(frame["peak"], peaks)
    else:
        assert len(frame) == sum(layer.heads for layer in RUN.layers)


def told(path: Path) -> tuple[dict[str, Any], dict[tuple[str, str], dict[str, Any]]]:
    """The facts of a hand-out, and its parts."""
    written = re.search(r'id="state">(.*?)</script>', path.read_text(encoding="utf-8"))
    assert written is not None
    header, parts = unpack(b64decode(json.loads(written[1])))
    return header, {(part["name"], part["key"]): {**part, "raw": raw} for part, raw in parts}


def test_a_hand_out_says_which_kind_it_is(tmp_path: Path) -> None:
    path = hand_out(RUN, tmp_path / "effect.html", kind="effect", word="fox", parser=False)
    header, parts = told(path)
    assert (header["facts"]["kind"], header["facts"]["unit"]) == ("effect", EFFECT)
    exact = parts["exact", '[2,"paper",-1,-1,0,5]']
    values = np.frombuffer(exact["raw"], "<f4").reshape(exact["shape"])
    expected = dnb.heat_maps(RUN, kind="effect")["fox"].values.numpy()
    np.testing.assert_array_equal(values, expected)
    origin = re.search(r'daam-origin">(.*?)</p>', path.read_text(encoding="utf-8"))
    assert origin is not None and "Values are change of the layers&#x27; outputs" in origin[1]


def test_a_hand_out_holds_effects_of_words_whose_attention_was_not_kept(tmp_path: Path) -> None:
    text = "one two three four five six seven eight nine ten"
    words = tuple((n,) for n in range(1, 11))
    run = with_effects(tiny_recording(text, tokens=(3,)), words)
    assert hand_out(run, tmp_path / "many.html", kind="effect", parser=False).exists()


def test_gradients_are_shown_ranked_compared_and_handed_out(tmp_path: Path) -> None:
    run = with_gradients(RUN, ((2,), (3,), (6,)))
    explorer = opened(run, kind="gradient", word="fox")
    explorer.choose(steps=slice(1, 4))
    maps = dnb.heat_maps(run, **explorer.selection)
    np.testing.assert_array_equal(first_map(explorer), maps["fox"].values.numpy())
    assert "Gradient of “fox”: the whole network" in explorer.status
    assert "begins to change" in explorer._facts["reading"]
    assert not any("paper" in sentence for sentence in explorer._facts["left_out"])
    for by in ("word", "step", "head"):
        assert len(explorer.to_frame(by)) == {"word": 3, "step": 5, "head": 1}[by]  # type: ignore[arg-type]
    for row in explorer.words_at(0.4, 0.6):
        assert row.value == pytest.approx(float(maps[row.text].values[3, 7]))
    explorer._received(None, question(explorer, "words", "overlap", "tiles", at={"y": 0, "x": 0}),
                       [])  # fmt: skip
    explorer.to_figure()
    _, parts = told(hand_out(run, tmp_path / "gradient.html", kind="gradient", parser=False))
    assert any(name == "exact" for name, _ in parts)
    both = explore(run, run, kind=("effect", "gradient"), parser=False, word="fox")
    assert "effect and gradient" in both.told and both.difference() is not None


def test_two_kinds_of_one_recording_stand_side_by_side() -> None:
    both = explore(RUN, RUN, kind=("attention", "effect"), parser=False, word="fox")
    assert (both.left.kind, both.right.kind) == ("attention", "effect")
    assert both.same_network and both.same_steps
    assert "Difference of two maps of “fox”, attention and effect" in both.told
    both.left.choose(word="red", steps=slice(1, 3))
    assert both.right.words[both.right.word].text == "red" and both.right.steps == (1, 2)
    shares = both.difference()
    both.left.difference_scale = "common"
    assert "The two sides are in different units" in both.note
    after = both.difference()
    assert shares is not None and after is not None and np.array_equal(shares, after)
    both.left.word = "in"
    assert "“in” has no counterpart in B." in both.note


def test_one_kind_of_two_recordings_is_compared_in_its_unit() -> None:
    other = with_effects(tiny_recording(TEXT, steps=5, seed=1), ((2,), (3,)))
    both = explore(RUN, other, kind="effect", parser=False, word="fox", difference_scale="common")
    assert f"({EFFECT})." in both.note
    left, right = (dnb.heat_maps(run, kind="effect")["fox"] for run in (RUN, other))
    drawn = both.difference()
    assert drawn is not None
    size = (drawn.shape[0], drawn.shape[1])
    expected = left.resize(size).values - right.resize(size).values
    np.testing.assert_allclose(drawn, expected.numpy(), atol=1e-6)


def test_of_the_negative_prompt_and_of_sums() -> None:
    run = tiny_recording("a dog", negative="a bad cat", kept="sum", steps=4)
    effects = with_effects(run, ((2,), (3,))).effects
    run = dnb.Recording(**{**vars(run), "negative_effects": effects})
    explorer = opened(run, kind="effect", negative=True, word="cat")
    expected = dnb.heat_maps(run, kind="effect", negative=True)["cat"].values
    assert torch.equal(torch.from_numpy(first_map(explorer).copy()), expected)
    assert explorer.selection["negative"] is True and explorer.selection["kind"] == "effect"
    with pytest.raises(NotKeptError, match="no effects of the prompt's words"):
        opened(run, kind="effect")


def test_the_syntax_lens_compares_effects() -> None:
    words = (
        ParsedWord("red", 2, 5, "red", "ADJ", "JJ", 1, "amod"),
        ParsedWord("fox", 6, 9, "fox", "NOUN", "NN", 1, "ROOT"),
        ParsedWord("the", 13, 16, "the", "DET", "DT", 1, "det"),
    )
    parse = Parse(TEXT, words, "by hand")
    explorer = opened(RUN, kind="effect", parser=parse, word="fox", word_b="red")
    drawn = explorer._facts["parse"]
    assert [
        explorer.words[n].text if n >= 0 else None for n in (one["word"] for one in drawn["words"])
    ] == ["red", "fox", None]  # "the" has no effect
    maps = dnb.heat_maps(RUN, kind="effect")
    assert explorer.iou == pytest.approx(dnb.iou(maps["fox"], maps["red"], threshold=0.4))


def test_what_is_no_kind_is_refused() -> None:
    with pytest.raises(WrongKindError, match=r"explore\(run, run, kind=\('attention', 'effect'\)"):
        explore(RUN, kind=("attention", "effect"), parser=False)  # type: ignore[call-overload]
    with pytest.raises(WrongKindError, match=r"name of one kind of map, such as 'effect', not"):
        explore(RUN, kind=3, parser=False)  # type: ignore[call-overload]
    with pytest.raises(WrongKindError, match="or a pair of them"):
        explore(RUN, RUN, kind=("effect",), parser=False)  # type: ignore[call-overload]
    with pytest.raises(SelectionError, match="kind='efect' is not a kind of map"):
        hand_out(RUN, "never.html", kind="efect")
    with pytest.raises(WrongKindError, match=r"kind= of hand_out\(\)"):
        hand_out(RUN, "never.html", kind=("attention", "effect"))  # type: ignore[arg-type]
