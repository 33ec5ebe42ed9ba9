"""The explorer's traits: read, set, observed, linked; what cannot be is refused, and answers."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets

import daam_nb
from daam_nb.errors import SelectionError, UnknownOptionError
from daam_nb.maps import heat_maps, iod, ioh, iou
from daam_nb.maps.cache import CACHE
from daam_nb.recording import Layer
from daam_nb.show.explorer.controls import CHOICES
from daam_nb.show.explorer.export.png import png_of
from daam_nb.show.explorer.model.container import VERSION, unpack
from daam_nb.show.explorer.model.stacks import preview, stack_of
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, first_map, first_parts, opened, question
from tests.tiny_recordings import tiny_recording


@pytest.fixture
def explorer() -> Explorer:
    return opened()


def test_begins_with_the_whole_of_the_first_telling_word(explorer: Explorer) -> None:
    assert explorer.words[explorer.word].text == "red"
    assert explorer.steps == (0, 1, 2, 3, 4)
    assert (explorer.choice, explorer.layer, explorer.head, explorer.word_b) == (
        "paper",
        -1,
        -1,
        -1,
    )
    expected = heat_maps(explorer.run).word("red").values
    np.testing.assert_array_equal(first_map(explorer), expected.numpy())
    assert explorer.peak == pytest.approx(float(expected.max()))
    assert (explorer.iou, explorer.iod, explorer.ioh) == (None, None, None)


def test_every_choice_sends_the_maps_that_belong_to_it(explorer: Explorer) -> None:
    explorer.word = "fox"
    explorer.choose(layer=1, head=1)
    explorer.steps = slice(2, None)
    assert explorer.steps == (2, 3, 4)
    parts = first_parts(explorer)
    assert {name: part["key"] for name, (part, _) in parts.items()} == {
        "stack": '[2,"paper",1,1]',
        "exact": '[2,"paper",1,1,2,5]',
        "tiles": "[2,2,5]",
    }
    layer = explorer.run.layers[1]
    expected = heat_maps(explorer.run, layers=layer, heads=1, steps=(2, 3, 4)).word("fox").values
    np.testing.assert_array_equal(first_map(explorer), expected.numpy())
    stack = stack_of(explorer.subject, explorer.selected)
    part, raw = parts["stack"]
    levels = np.frombuffer(raw, np.uint8).reshape(part["shape"])
    values = levels[2:5] * np.asarray(part["scales"][2:5])[:, None, None]
    np.testing.assert_allclose(values.mean(0), preview(stack, 2, 5), atol=1e-7)


def test_two_words_are_compared_by_their_exact_masks(explorer: Explorer) -> None:
    explorer.choose(word="fox", word_b="red", threshold=0.55, steps=(0, 1))
    maps = heat_maps(explorer.run, steps=(0, 1))
    fox, red = maps.word("fox"), maps.word("red")
    assert explorer.iou == pytest.approx(iou(fox, red, threshold=0.55))
    assert explorer.iod == pytest.approx(iod(red, fox, threshold=0.55))  # red depends on fox
    assert explorer.ioh == pytest.approx(ioh(red, fox, threshold=0.55))
    assert 0 < explorer.iou < 1
    assert "“fox” and “red”" in explorer.status
    assert first_parts(explorer)["exact_b"][0]["key"] == '[1,"paper",-1,-1,0,2]'
    explorer.word_b = None
    assert (explorer.word_b, explorer.iou) == (-1, None)
    assert set(first_parts(explorer)) == {"stack", "exact", "tiles"}


def test_status_says_what_is_shown(explorer: Explorer) -> None:
    assert explorer.status == (
        f"“red”: down and up blocks (4 of 5 layers), all heads, steps 0–4 of 5; "
        f"peak {explorer.peak:.3g}."
    )
    explorer.choose(layer=2, head=1, steps=3)
    assert "“red”: layer mid · 0.0, head 1, step 3 of 5; peak" in explorer.status
    explorer.choose(layer=-1)
    assert "head 1 of the 4 layers that have it" in explorer.status
    assert repr(explorer) == f"<Explorer: {explorer.status}>"


WRONG: list[tuple[str, Any, str]] = [
    ("word", 99, "99 is none of the prompt's"),
    ("word", -1, "-1 is none of the prompt's"),
    ("word", "zebra", "not a word or phrase"),
    ("word", True, "the number or the text of a word"),
    ("word", 1.5, "1.5 is none"),
    ("word", None, "None is none"),
    ("word_b", "zebra", "not a word or phrase"),
    ("word_b", -2, "-2 is none"),
    ("steps", (3, 3), "step 3 more than once"),
    ("steps", (0, 6), "no step 6: the loop has 5 steps"),
    ("steps", (0, 4), r"single steps, and 1-3 between .* slice\(0, 5\) is steps 0 to 4"),
    ("steps", (-1, 2), r"single steps, and 3 between"),
    ("steps", (0.0, 2.0), "whole number, not by 0.0"),
    ("steps", range(0, 4, 2), "1 between them"),
    ("steps", slice(3, 3), "selects none of the 5 steps"),
    ("steps", slice("a", "b"), "cannot be read"),
    ("steps", "3", "whole number, not by '3'"),
    ("steps", True, "whole number, not by True"),
    ("steps", (), "choice of steps is empty"),
    ("steps", 7, "no step 7"),
    ("choice", "best", "There are 'paper', 'all'"),
    ("layer", 5, "no layer 5"),
    ("layer", -2, "whole number of -1 or more"),
    ("layer", 1.0, "whole number"),
    ("head", 2, "at most 2, 0 to 1"),
    ("head", True, "whole number"),
    ("opacity", 1.1, "a number from 0 to 1"),
    ("opacity", "0.5", "a number from 0 to 1"),
    ("threshold", float("nan"), "a number from 0 to 1"),
    ("contour", "yes", "boolean"),
    ("colormap", "jet", "inferno"),
    ("interval", 5, "whole number of 20 or more"),
    ("interval", 10**6, "at most 10000"),
    ("tile_scale", "none", "common"),
    ("tile_sort", "name", "'mean', 'peak', 'entropy', 'overlap', 'lift'"),
    ("tile_measure", "network", "no measure 'network'"),
    ("tile_measure", "effect_share", "no measure"),
    ("tile_show", "all", "auto"),
    ("theme", "blue", "auto"),
    ("view", "both", "overlay"),
    ("difference_scale", "x", "own"),
    ("region", [[0, 0], [1, 1]], "at least three corners"),
    ("region", [[0, 0], [1, 1], [2, 2]], "outside the image"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_value_that_cannot_be_is_refused_and_nothing_changes(
    explorer: Explorer, name: str, value: Any, message: str
) -> None:
    before = {one: getattr(explorer, one) for one in CHOICES}
    first = explorer._first
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)
    with pytest.raises(traitlets.TraitError):
        explorer.choose(opacity=0.1, **{name: value}) if name != "opacity" else explorer.choose(
            head=1, opacity=value
        )
    assert {one: getattr(explorer, one) for one in CHOICES} == before
    assert explorer._first == first


def test_numbers_of_numpy_and_torch_are_taken(explorer: Explorer) -> None:
    explorer.choose(word=np.int64(2), steps=(np.int32(1), torch.tensor(2)), opacity=np.float32(0.5))
    assert (explorer.word, explorer.steps, explorer.opacity) == (2, (1, 2), 0.5)
    json.dumps([explorer.word, explorer.steps, explorer.opacity])


def test_what_the_kernel_measures_cannot_be_set(explorer: Explorer) -> None:
    for name, value in (("iou", 1.0), ("iod", 1.0), ("ioh", 1.0), ("peak", 2.0), ("status", "x")):
        with pytest.raises(traitlets.TraitError, match="read-only"):
            setattr(explorer, name, value)


def test_layer_and_head_change_together_or_not_at_all() -> None:
    explorer = opened(tiny_recording(TEXT, heads=(2, 4)))
    explorer.choose(layer=1, head=3)
    with pytest.raises(traitlets.TraitError, match=r"choose\(layer=..., head=...\)"):
        explorer.layer = 0
    assert (explorer.layer, explorer.head) == (1, 3)
    explorer.choose(layer=0, head=1)
    assert (explorer.layer, explorer.head) == (0, 1)
    with pytest.raises(UnknownOptionError, match=r"choose\(\) takes no choice 'iou'"):
        explorer.choose(iou=1.0)


def test_a_head_that_only_some_layers_have() -> None:
    explorer = opened(tiny_recording(TEXT, heads=(2, 4)))
    explorer.head = 3
    expected = heat_maps(explorer.run, heads=3, missing="skip").word("red").values
    np.testing.assert_array_equal(first_map(explorer), expected.numpy())
    assert "head 3 of the 2 layers that have it" in explorer.status


def test_choices_are_observed_and_linked(explorer: Explorer) -> None:
    other = opened(explorer.run)
    seen: list[Any] = []
    explorer.observe(lambda change: seen.append((change["name"], change["new"])), ["word", "iou"])
    link = traitlets.link((explorer, "steps"), (other, "steps"))
    traitlets.link((explorer, "word"), (other, "word"))
    other.steps = slice(1, 3)
    assert explorer.steps == (1, 2)
    explorer.word = "snow"
    assert other.words[other.word].text == "snow"
    keys = [first_parts(widget)["exact"][0]["key"] for widget in (explorer, other)]
    assert keys[0] == keys[1]
    assert ("word", 5) in seen
    link.unlink()
    other.steps = None
    assert explorer.steps == (1, 2)


def test_on_head_is_called_until_it_is_stopped(explorer: Explorer) -> None:
    seen: list[tuple[Layer | None, int | None]] = []
    stop = explorer.on_head(lambda layer, head: seen.append((layer, head)))
    explorer.choose(layer=1, head=0)
    assert seen == [(explorer.run.layers[1], 0)]
    explorer.choose(layer=-1, head=-1)
    assert seen[-1] == (None, None)
    count = len(seen)
    stop()
    explorer.head = 1
    assert len(seen) == count


# --- what the browser does ------------------------------------------------------------------------


def from_browser(explorer: Explorer, **choices: Any) -> list[dict[str, Any]]:
    """Let choices arrive as from the browser; what was sent back."""
    messages: list[dict[str, Any]] = []
    explorer.send = lambda content, buffers=None: messages.append(content)
    explorer.set_state(json.loads(json.dumps(choices)))
    return messages


def test_choices_of_the_browser_arrive_together() -> None:
    explorer = opened(tiny_recording(TEXT, heads=(2, 4)))
    explorer.choose(layer=1, head=3)
    assert from_browser(explorer, layer=0, head=1, steps=[0, 2]) == []
    assert (explorer.layer, explorer.head, explorer.steps) == (0, 1, (0, 1))
    assert explorer.selected.key == '[1,"paper",0,1,0,2]'


def test_what_the_browser_cannot_choose_is_refused_and_said(explorer: Explorer) -> None:
    again: list[Any] = []
    explorer.send_state = lambda key=None: again.append(key)
    messages = from_browser(explorer, opacity=0.3, steps=[4, 9])
    (message,) = messages
    assert (message["v"], message["type"]) == (VERSION, "refused")
    assert message["names"] == ["opacity", "steps"]
    assert "0 <= first < last <= 5" in message["error"]
    assert explorer.steps == (0, 1, 2, 3, 4)
    assert {"opacity", "steps"} <= {name for names in again for name in names}


def told(explorer: Explorer, message: Any) -> list[tuple[dict[str, Any], list[bytes]]]:
    """What is sent back to a message of the page."""
    messages: list[Any] = []
    explorer.send = lambda content, buffers=None: messages.append((content, buffers))
    explorer._handle_custom_msg(message, [])
    json.dumps([content for content, _ in messages], allow_nan=False)
    return messages


def ask(
    explorer: Explorer, *want: str, at: Any = None, **sel: Any
) -> tuple[dict[str, Any], list[bytes]]:
    asked = question(explorer, *want, at=at, **sel)
    ((content, buffers),) = told(explorer, asked)
    assert (content["v"], content["type"], content["id"]) == (VERSION, "answer", "page-1")
    assert (content["run"], content["sel"]) == (explorer.subject.name, asked["sel"])
    return content, buffers


def test_answers_are_about_the_question_whatever_is_chosen_meanwhile(explorer: Explorer) -> None:
    """The page may be ahead of the traits: custom messages overtake them."""
    sel: dict[str, Any] = {"word": 2, "layer": 1, "head": 1, "steps": [2, 4], "word_b": 1}
    polygon = [[0, 0], [0, 1], [0.5, 0.5]]
    want = ("stack", "exact", "stack_b", "exact_b", "tiles", "overlap", "region")
    content, buffers = ask(explorer, *want, at={"polygon": polygon}, **sel)
    layer = explorer.run.layers[1]
    maps = heat_maps(explorer.run, layers=layer, heads=1, steps=(2, 3))
    (stack, exact, stack_b, exact_b, tiles, overlap, region) = content["parts"]
    assert (stack["key"], stack_b["key"]) == ('[2,"paper",1,1]', '[1,"paper",1,1]')
    for part, word in ((exact, "fox"), (exact_b, "red")):
        values = np.frombuffer(buffers[part["buffer"]], "<f4").reshape(part["shape"])
        np.testing.assert_array_equal(values, maps.word(word).values.numpy())
        assert part["max"] == values.max()
    assert (tiles["key"], overlap["key"]) == ("[2,2,4]", exact["key"])
    explorer.choose(word=2, layer=1, head=1, steps=(2, 3), word_b=1)
    again, bytes_again = ask(explorer, *want, at={"polygon": polygon})
    assert (again["parts"], bytes_again) == (content["parts"], buffers)
    assert [row["word"] for row in region["rows"]] == [
        row.word for row in explorer.words_in(polygon)
    ]
    assert region["bars_of"] == 2


def test_a_pixel_is_answered_by_its_words(explorer: Explorer) -> None:
    content, _ = ask(explorer, "words", at={"y": 0.5, "x": 0.25}, steps=[3, 5])
    lifts, _ = ask(explorer, "background", steps=[3, 5])
    explorer.steps = slice(3, 5)
    rows = {row["word"]: row for row in content["parts"][0]["rows"]}
    of = {row["word"]: row for row in lifts["parts"][0]["rows"]}
    for best in explorer.words_at(0.5, 0.25):
        row = rows[best.word]
        assert row["value"] == pytest.approx(best.value, abs=2e-7)
        assert row["share"] / of[best.word]["share"] == pytest.approx(best.lift, rel=1e-4)
        assert of[best.word]["chance"] == list(best.chance or ())
    again, _ = ask(explorer, "words", at={"y": 0.5, "x": 0.25}, steps=[3, 5])  # from whole maps
    assert [row["value"] for row in again["parts"][0]["rows"]] == pytest.approx(
        [row["value"] for row in content["parts"][0]["rows"]], abs=2e-7
    )


def test_words_are_ranked_in_the_order_chosen(explorer: Explorer) -> None:
    by_lift = explorer.words_at(0.5, 0.25)
    assert [row.lift for row in by_lift] == sorted((row.lift for row in by_lift), reverse=True)
    explorer.rank_by = "share"
    for rows in (explorer.words_at(0.5, 0.25), explorer.words_in([[0, 0], [0, 1], [0.5, 0.5]])):
        assert [row.share for row in rows] == sorted((row.share for row in rows), reverse=True)


def test_a_region_is_answered_by_words_and_bars(explorer: Explorer) -> None:
    polygon = [[0, 0], [0, 1], [0.5, 0.5]]
    content, _ = ask(explorer, "region", at={"polygon": polygon})
    (region,) = content["parts"]
    best = explorer.words_in(polygon)[0]
    row = region["rows"][0]
    assert (row["word"], row["value"], row["lift"]) == (best.word, best.value, best.lift)
    assert row["chance"] == list(best.chance or ())
    assert len(region["by_step"]) == 5
    assert region["by_layer"][2] is None  # the mid block is not among the paper's layers
    assert region["by_layer"][0] > 0
    assert 0 < region["inside"] < 1


def test_a_mask_is_that_of_the_question(explorer: Explorer) -> None:
    content, (png,) = ask(explorer, "mask", word=2, threshold=0.7)
    assert content["parts"] == [{"name": "mask", "file": "fox-mask.png", "buffer": 0}]
    explorer.choose(word="fox", threshold=0.7)
    assert png == png_of(explorer.look, "mask")


def test_overlaps_follow_the_threshold(explorer: Explorer) -> None:
    (low,) = ask(explorer, "overlap", threshold=0.1)[0]["parts"]
    (high,) = ask(explorer, "overlap", threshold=0.9)[0]["parts"]
    assert low["values"] != high["values"]
    assert (low["threshold"], high["threshold"]) == (0.1, 0.9)


NO_PLACE = {"polygon": [[0, 0]]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"want": ["words"], "at": {"y": 2, "x": 0}}, "outside the image"),
        ({"want": ["looks"]}, "lacks a place"),
        ({"want": ["looks"], "at": {"y": 0.5, "x": 0.5}}, "self_attention"),
        ({"want": ["words"], "at": {"y": 0.5}}, "lacks a place"),
        ({"want": ["words"]}, "lacks a place"),
        ({"want": ["words"], "at": [1, 2]}, "lacks a place"),
        ({"want": ["region"], "at": NO_PLACE}, "at least three corners"),
        ({"want": ["region"], "at": {"polygon": "abc"}}, "lacks a region"),
        ({"want": ["moon"]}, "no part 'moon'"),
        ({"want": "exact"}, "a list of names"),
        ({"want": [["exact"]]}, "a list of names"),
        ({"run": "another"}, "another recording"),
        ({"sel": None}, "lacks its selection"),
        ({"sel": {"word": 77}}, "77 is none"),
        ({"sel": {"word": True}}, "no number of a word"),
        ({"sel": {"word_b": "fox"}}, "no number of a word"),
        ({"sel": {"choice": "best"}}, "no choice of layers 'best'"),
        ({"sel": {"choice": ["paper"]}}, "no selection"),
        ({"sel": {"layer": 99}}, "no layer 99"),
        ({"sel": {"head": 1.0}}, "no selection"),
        ({"sel": {"steps": [0, 99]}}, "0 <= first < last <= 5"),
        ({"sel": {"steps": None}}, "0 <= first < last <= 5"),
        ({"sel": {"threshold": 2}}, "no number from 0 to 1"),
        ({"sel": {"threshold": "0.4"}}, "no number from 0 to 1"),
    ],
)
def test_what_cannot_be_answered_is_said(
    explorer: Explorer, change: dict[str, Any], text: str
) -> None:
    asked = question(explorer, "exact")
    if isinstance(change.get("sel"), dict):
        change = {"sel": {**asked["sel"], **change["sel"]}}
    ((content, buffers),) = told(explorer, {**asked, **change})
    assert (content["type"], content["id"], content["parts"]) == ("answer", "page-1", [])
    assert text in content["error"]
    assert buffers == []


def test_messages_of_others_are_left_alone(explorer: Explorer) -> None:
    asked = question(explorer, "exact")
    wrong = ({"type": "hello"}, {}, None, "ask", {"type": ["ask"]}, {**asked, "v": 2})
    assert [told(explorer, message) for message in wrong] == [[]] * 6
    explorer.close()
    assert told(explorer, asked) == []


def test_the_page_asks_for_what_it_chose_itself(explorer: Explorer) -> None:
    """Only what Python chose travels without being asked for."""
    first = explorer._first
    from_browser(explorer, word=2)
    assert explorer._first == first
    assert "“fox”" in explorer.status
    keep = {"v": VERSION, "type": "keep", "run": explorer.subject.name}
    assert told(explorer, {**keep, "run": "another"}) == []
    assert explorer._first == first
    assert told(explorer, keep) == []
    assert first_parts(explorer)["exact"][0]["key"] == explorer.selected.key
    explorer.word = 1
    assert explorer._first == first


# --- recordings of every kind ---------------------------------------------------------------------


def test_the_sample_that_ships() -> None:
    explorer = opened(daam_nb.sample())
    assert explorer._facts["model"] == "daam_nb/menagerie"
    assert explorer._facts["revision"]
    _, [(part, raw)] = unpack(explorer._images)
    assert (part, raw[:4]) == ({"name": "image", "type": "image/png"}, b"\x89PNG")


def test_a_sum_has_nothing_to_scrub() -> None:
    explorer = opened(tiny_recording(TEXT, steps=4, kept="sum"))
    assert explorer._facts["summed"]
    assert explorer.steps == (0, 1, 2, 3)
    assert len(explorer._facts["steps"]) == 1
    assert "the sum over 4 of 4 steps" in explorer.status
    assert any("cannot be told apart" in one for one in explorer._facts["left_out"])
    with pytest.raises(traitlets.TraitError, match="kept one sum over 4 steps"):
        explorer.steps = (1, 2)
    expected = heat_maps(explorer.run).word("red").values
    np.testing.assert_array_equal(first_map(explorer), expected.numpy())


def test_some_steps_of_a_loop() -> None:
    explorer = opened(tiny_recording(TEXT, steps=9, kept_steps=(2, 5, 8)))
    assert [one["place"] for one in explorer._facts["steps"]] == [2, 5, 8]
    explorer.steps = (5, 8)
    assert "steps 5–8 of 9" in explorer.status
    expected = heat_maps(explorer.run, steps=(5, 8)).word("red").values
    np.testing.assert_array_equal(first_map(explorer), expected.numpy())
    assert any("3 of 9 steps were recorded" in one for one in explorer._facts["left_out"])


def test_without_an_image_the_maps_stand_alone() -> None:
    explorer = opened(tiny_recording(TEXT, image=False, latents=False))
    assert unpack(explorer._images)[1] == []
    assert any("No image was recorded" in one for one in explorer._facts["left_out"])


HOSTILE = [
    "<script>alert(1)</script> fox",
    'it\'s "quoted" & \\ back',
    "🦊 in the ❄️ 👩‍👩‍👧",
    "שועל בשלג and ثعلب",
    "a\u202eb \u0000 c </style> -->",
    "{{ x }} ${y} `z` $\\alpha$",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_prompts_are_text(text: str) -> None:
    explorer = opened(tiny_recording(text, length=24))
    facts = json.loads(json.dumps(explorer._facts, ensure_ascii=False).encode("utf-8"))
    # A sign that turns the direction of what follows is shown, and nothing else is changed.
    shown_text = text.replace("\u202e", "\ufffd")
    assert facts["prompt"] == shown_text
    assert explorer.status.encode("utf-8")
    for word, entry in zip(facts["words"], explorer.words, strict=True):
        if entry.kept:
            explorer.word = entry.span if entry.span is not None else explorer.word
        assert word["text"] in shown_text or entry.special


def test_a_closed_explorer_lets_go_of_its_recording() -> None:
    run = tiny_recording(TEXT)
    kept = weakref.ref(run)
    explorer = opened(run)
    explorer.choose(word_b="fox", steps=0)
    explorer.words_at(0.5, 0.5)
    explorer.close()
    del run
    gc.collect()
    assert kept() is None
    with pytest.raises(SelectionError, match="was closed"):
        explorer.to_figure()
    assert repr(explorer) == "<Explorer, closed>"


def test_sums_are_prepared_in_the_pauses_of_the_loop() -> None:
    async def kernel() -> None:
        explorer = opened()
        run = explorer.run
        columns = [entry.tokens[0] for entry in explorer.words if not entry.special]
        assert CACHE.get(run, ("sums", "attention", False, columns[-1])) is None
        for _ in range(100):
            await asyncio.sleep(0.05)
            if CACHE.get(run, ("sums", "attention", False, columns[-1])) is not None:
                break
        assert all(
            CACHE.get(run, ("sums", "attention", False, column)) is not None for column in columns
        )
        explorer.close()

    with ThreadPoolExecutor(1) as apart:  # a thread that has no loop yet, whatever ran before
        apart.submit(asyncio.run, kernel()).result()


def test_the_documentation_names_every_choice() -> None:
    page = Path(daam_nb.__file__).parent.parent / "docs" / "explorer.md"
    if not page.exists():
        pytest.skip("the documentation is not installed with the package")
    named = set(re.findall(r"`(\w+)`", page.read_text(encoding="utf-8")))
    assert set(CHOICES) <= named


def test_an_explorer_of_a_run_that_was_written_into_shows_what_it_holds_now() -> None:
    explorer = opened()
    assert explorer.to_frame()["peak"].max() > 0
    for layer in explorer.run.layers:
        explorer.run.attention[layer.name].numpy()[:] = 0
    assert explorer.to_frame()["peak"].max() == 0
    assert explorer.engine.exact(explorer.selected).values.max() == 0
