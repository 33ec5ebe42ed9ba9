"""Several heads in an explorer: by number and as pairs, set, refused, said and handed out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets

from daam_nb import head_tables
from daam_nb.errors import SelectionError
from daam_nb.head_tables import HeadTable
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording
from daam_nb.show.explorer import explore, hand_out
from daam_nb.show.explorer.export import contents
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, first_map, first_parts, opened, question
from tests.tiny_recordings import tiny_recording, with_effects


@pytest.fixture
def run() -> Recording:
    return tiny_recording(TEXT, steps=5, heads=(2, 4))


def same_map(explorer: Explorer, **choice: Any) -> bool:
    """Whether what a page paints first is the map of heat maps of a choice."""
    text = explorer.words[explorer.word].text
    values = heat_maps(explorer.run, **choice).word(text).values.numpy()
    of_selection = heat_maps(explorer.run, **explorer.selection).word(text).values.numpy()
    return np.array_equal(first_map(explorer), values) and np.array_equal(values, of_selection)


def test_by_number_in_every_layer_that_has_them(run: Recording) -> None:
    explorer = opened(run, heads=[3, 0])
    assert explorer.heads == (0, 3)
    assert (explorer.layer, explorer.head) == (-1, -1)
    assert same_map(explorer, heads=[0, 3], missing="skip")
    assert "heads 0 and 3 of the 4 layers that have one, steps 0–4 of 5" in explorer.status
    explorer.choose(layer=1, heads=[0, 1, 3])
    assert same_map(explorer, layers=[run.layers[1]], heads=[0, 1, 3])
    assert "layer down 1 · 0.0, heads 0, 1 and 3, steps" in explorer.status
    explorer.choose(layer=-1, heads=[0, 1])
    assert same_map(explorer, heads=[0, 1])
    assert explorer.selection["layers"] == "paper"
    assert "heads 0 and 1 of the 4 layers that have them" in explorer.status


def test_as_pairs_also_outside_of_the_choice_of_layers(run: Recording) -> None:
    first, mid, last = (run.layers[number].name for number in (0, 2, 4))
    explorer = opened(run)
    assert explorer.choice == "paper"  # without the middle block
    explorer.heads = [(last, 1), (mid, 0), (first, 0)]
    assert explorer.heads == ((first, 0), (mid, 0), (last, 1))
    assert same_map(explorer, layers="all", heads=explorer.heads)
    assert "“red”: 3 heads of 3 layers, steps 0–4 of 5; peak" in explorer.status
    explorer.heads = [(run.layers[1], head) for head in (3, 1)]
    assert same_map(explorer, layers="all", heads=explorer.heads)
    assert "“red”: layer down 1 · 0.0, heads 1 and 3, steps" in explorer.status


def test_several_that_are_one_are_that_one(run: Recording) -> None:
    explorer = opened(run, heads=[(run.layers[1].name, 3)])
    assert explorer.heads == ((run.layers[1].name, 3),)
    assert first_parts(explorer)["exact"][0]["key"] == '[1,"paper",1,3,0,5]'
    assert "layer down 1 · 0.0, head 3" in explorer.status
    explorer.heads = (3,)
    assert first_parts(explorer)["exact"][0]["key"] == '[1,"paper",-1,3,0,5]'


def test_what_is_chosen_last_counts(run: Recording) -> None:
    explorer = opened(run, layer=1, head=3)
    explorer.heads = [0, 2]
    assert (explorer.layer, explorer.head, explorer.heads) == (1, -1, (0, 2))
    explorer.heads = [(run.layers[3].name, 0), (run.layers[4].name, 1)]
    assert (explorer.layer, explorer.head) == (-1, -1)
    explorer.head = 1
    assert (explorer.layer, explorer.head, explorer.heads) == (-1, 1, ())
    explorer.heads = [0, 1]
    explorer.layer = 2
    assert (explorer.layer, explorer.head, explorer.heads) == (2, -1, ())
    explorer.heads = [0, 1]
    explorer.choose(layer=-1, head=-1)
    assert explorer.heads == ()
    assert explorer.selection["heads"] is None
    explorer.heads = [0, 1]
    explorer.heads = None
    assert explorer.heads == ()


WRONG: dict[str, tuple[Any, str]] = {
    "no such number": ([0, 4], "No layer of 'paper' has a head 4: they have at most 4, 0 to 3"),
    "none at all": ([7], "has a head 7"),
    "negative": ([-1, 0], "heads count from 0"),
    "twice": ([1, 1], "head 1 more than once"),
    "a text": ("0,3", "must be a whole number, several"),
    "no layer": ([("down_blocks.9.attentions.0.transformer_blocks.0.attn2", 0)], "Did you mean"),
    "no head": ([("down_blocks.0.attentions.0.transformer_blocks.0.attn2", 3)], "has no head 3"),
    "mixed": ([0, ("mid", 1)], "among \\(layer, head\\) pairs"),
    "a fraction": ([0.5], "whole number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_names_nothing_is_refused_and_nothing_changes(run: Recording, name: str) -> None:
    heads, message = WRONG[name]
    explorer = opened(run, head=3)
    first = explorer._first
    for attempt in (
        lambda: setattr(explorer, "heads", heads),
        lambda: explorer.choose(opacity=0.1, heads=heads),
        lambda: explore(run, parser=False, heads=heads),
    ):
        with pytest.raises(traitlets.TraitError, match=message):
            attempt()
    assert (explorer.layer, explorer.head, explorer.heads, explorer.opacity) == (-1, 3, (), 0.65)
    assert explorer._first == first


def test_one_and_several_at_once_are_refused(run: Recording, tmp_path: Path) -> None:
    pairs = [(run.layers[0].name, 0), (run.layers[1].name, 0)]
    for choices in ({"head": 1, "heads": [0, 1]}, {"layer": 1, "heads": pairs}):
        with pytest.raises(traitlets.TraitError, match="chosen at once"):
            explore(run, parser=False, **choices)
        with pytest.raises(SelectionError, match="chosen at once"):
            hand_out(run, tmp_path / "p.html", parser=False, **choices)
    assert not list(tmp_path.iterdir())


def test_relevant_heads_are_those_of_the_models_table(
    run: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(traitlets.TraitError, match="no table of heads"):
        explore(run, parser=False, heads="relevant")
    pairs = ((run.layers[0].name, 1), (run.layers[4].name, 0))
    facts = replace(run.facts, batch={**run.facts.batch, "weights": {"unet": "0" * 16}})
    run = replace(run, facts=facts)
    rows = tuple({"layer": layer, "head": head, "relevant": True} for layer, head in pairs)
    monkeypatch.setattr(head_tables, "_registered", [])
    head_tables.register_head_table(HeadTable("tiny", {"unet": "0" * 16}, "by hand", rows))
    explorer = opened(run, heads="relevant")
    assert explorer.heads == pairs and same_map(explorer, layers="all", heads="relevant")
    explorer.choose(layer=1)
    assert explorer.heads == ()
    explorer.heads = "relevant"
    assert (explorer.layer, explorer.heads) == (-1, pairs)
    with pytest.raises(traitlets.TraitError, match="heads='relevant' and layer=1 are chosen at on"):
        explore(run, parser=False, heads="relevant", layer=1)


def test_the_page_knows_layers_by_their_numbers(run: Recording) -> None:
    explorer = opened(run)
    explorer.heads = [(run.layers[4].name, 1), (run.layers[1].name, 3)]
    assert explorer.get_state("heads")["heads"] == [[1, 3], [4, 1]]
    explorer.set_state({"heads": [[0, 1], [2, 0]], "layer": -1, "head": -1})
    assert explorer.heads == ((run.layers[0].name, 1), (run.layers[2].name, 0))
    explorer.set_state({"heads": [0, 2]})
    assert explorer.heads == (0, 2)
    messages: list[Any] = []
    explorer.send = lambda content, buffers=None: messages.append(content)
    for wrong in ([[9, 0]], [[0, 3]], [[0]], [[0, 1.0]], [0, [0, 1]], [True], "ab", {}, [9]):
        explorer.set_state({"heads": wrong})
    assert len(messages) == 9
    assert {message["type"] for message in messages} == {"refused"}
    assert explorer.heads == (0, 2)


def test_questions_name_several_heads_too(run: Recording) -> None:
    explorer = opened(run)
    told: list[Any] = []
    explorer.send = lambda content, buffers=None: told.append((content, buffers))
    asked = question(explorer, "stack", "exact", head=[[0, 1], [4, 0]])
    explorer._handle_custom_msg(asked, [])
    ((content, buffers),) = told
    assert [part["key"] for part in content["parts"]] == [
        '[1,"paper",-1,[[0,1],[4,0]]]',
        '[1,"paper",-1,[[0,1],[4,0]],0,5]',
    ]
    part = content["parts"][1]
    pairs = [(run.layers[0].name, 1), (run.layers[4].name, 0)]
    expected = heat_maps(run, layers="all", heads=pairs).word("red").values.numpy()
    np.testing.assert_array_equal(
        np.frombuffer(buffers[part["buffer"]], "<f4").reshape(part["shape"]), expected
    )
    wrong: list[tuple[Any, str]] = [
        ([], "no selection"),
        ([0, 9], "has a head 9"),
        ([1, 0], "in order"),
        ([-1, 0], "has a head -1"),
        ([0, [0, 1]], "no selection"),
        ([[9, 0], [9, 1]], "no layer 9"),
        ([[0, 0], [0, 2]], "has no head 2"),
    ]
    for head, message in wrong:
        told.clear()
        explorer._handle_custom_msg(question(explorer, "exact", head=head), [])
        assert message in told[0][0]["error"]


def test_callbacks_are_told_of_several(run: Recording) -> None:
    explorer, told = opened(run), []
    explorer.on_head(lambda layer, head: told.append((layer, head)))
    explorer.heads = [0, 2]
    explorer.choose(layer=1, heads=[0, 2])
    pairs = ((run.layers[0].name, 1), (run.layers[4].name, 0))
    explorer.heads = pairs
    explorer.choose(layer=1, head=0)
    explorer.heads = [(run.layers[1].name, 0)]  # the same one
    assert told == [(None, (0, 2)), (run.layers[1], (0, 2)), (None, pairs), (run.layers[1], 0)]


def test_two_recordings_share_them(run: Recording) -> None:
    both = explore(run, tiny_recording(TEXT, steps=5, heads=(2, 4), seed=1), parser=False)
    pairs = ((run.layers[0].name, 1), (run.layers[4].name, 0))
    both.left.choose(layer=1, head=3)
    both.left.heads = pairs
    assert (both.right.heads, both.right.layer, both.right.head) == (pairs, -1, -1)
    both.right.choose(layer=1, head=3)
    assert (both.left.heads, both.left.layer, both.left.head) == ((), 1, 3)


def test_what_is_taken_away_is_of_them(run: Recording) -> None:
    pytest.importorskip("pandas")
    pairs = [(run.layers[0].name, 1), (run.layers[4].name, 0)]
    explorer = opened(run, heads=pairs, word="fox")
    expected = heat_maps(run, layers="all", heads=pairs)
    frame = explorer.to_frame("word")
    row = frame[frame.word == "fox"].iloc[0]
    assert row.peak == float(expected.word("fox").values.max())
    assert frame.attrs["choice"] == "2 heads of 2 layers, steps 0–4 of 5"
    assert "2 single heads" in " ".join(explorer.to_figure().caption)


def test_a_hand_out_holds_those_that_it_begins_with(run: Recording) -> None:
    pairs = [(run.layers[0].name, 1), (run.layers[4].name, 0)]
    explorer = opened(run, heads=pairs, steps=slice(1, 4))
    content = contents.gather(explorer.look, [], 0)
    assert content.traits["heads"] == [[0, 1], [4, 0]]
    assert {"layer": -1, "head": ((0, 1), (4, 0))} in content.facts["embedded"]
    part, _ = content.parts["exact", '[2,"",-1,[[0,1],[4,0]],1,4]']
    expected = heat_maps(run, **explorer.selection).word("fox").values
    assert part["max"] == float(expected.max())
    assert ("stack", '[2,"",-1,[[0,1],[4,0]]]') in content.parts
    assert "several heads together but for those first shown" in content.never
    explorer.heads = [0, 1]
    content = contents.gather(explorer.look, [], 0)
    assert ("stack", '[2,"paper",-1,[0,1]]') in content.parts
    explorer.heads = ()
    assert "several heads together" in contents.gather(explorer.look, [], 0).never
    whole = contents.gather(explorer.look, [], 10**7)  # with the small maps of all heads
    assert not any("several" in sentence for sentence in whole.never)


def test_effects_of_several_heads_are_the_sum_of_their_parts(run: Recording) -> None:
    recorded = with_effects(run, ((2,), (3,)))
    pairs = [(run.layers[1].name, 1), (run.layers[1].name, 2), (run.layers[4].name, 0)]
    explorer = opened(recorded, kind="effect", heads=pairs, word="fox")
    expected = heat_maps(recorded, kind="effect", layers="all", heads=pairs).word("fox").values
    assert torch.equal(torch.from_numpy(first_map(explorer).copy()), expected)
