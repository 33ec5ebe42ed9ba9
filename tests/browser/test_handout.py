"""A hand-out from file://, as the parser of a browser takes it apart, and what it says it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import daam_nb as dnb
from daam_nb.recording import Recording
from daam_nb.show.explorer.model.likeness import likeness_order
from tests.browser.conftest import opened
from tests.browser.explorer import Explorer, close_to, eventually, explorers
from tests.browser.test_recordings import HOSTILE
from tests.real_sizes import real_size
from tests.tiny_recordings import tiny_recording, with_effects

# Where an element were not allowed, the parser would move it, or end one early: then other
# children, or text that is no text of ours, would stand in the page.
_CHILDREN = """() => [document.compatMode, ["head", "body", "main"].map(
  name => document.querySelector(name)).map(
  node => [...node.childNodes].filter(one => one.nodeType !== 3 || one.data.trim())
    .map(one => one.nodeName.toLowerCase()))]"""
_HEAD = ["meta", "meta", "meta", "meta", "title", "style"]
_BODY = ["main", "script", "script"]
_MAIN = ["h1", "p", "details", "noscript", "div"]


@pytest.mark.parametrize(
    "run",
    [
        dnb.sample(),
        tiny_recording(HOSTILE, length=50),
        tiny_recording("</style></script></title><!-- <p> &amp; -->", length=50),
    ],
    ids=["sample", "hostile", "ends"],
)
def test_a_hand_out_is_valid_and_reports_nothing(
    page: Page, tmp_path: Path, run: Recording
) -> None:
    explorer = dnb.explore(run, parser=False)
    file = explorer.to_html(tmp_path / "page.html")
    explorer.close()
    page.goto(file.as_uri())
    [found] = explorers(page)
    assert page.evaluate(_CHILDREN) == ["CSS1Compat", [_HEAD, _BODY, _MAIN]]
    assert page.title() == " ".join(run.prompt.text.split())
    last = found.part("chip", kind="word").last
    last.click()
    eventually(lambda: last.get_attribute("data-role") == "a" and found.state("settled") == "true")


def test_a_grid_that_was_left_out_is_said_and_not_waited_for(page: Page, tmp_path: Path) -> None:
    explorer = dnb.explore(tiny_recording("a red fox", steps=20), parser=False, word="fox")
    with pytest.warns(UserWarning, match="the grids of heads of “a”, “red”"):
        file = explorer.to_html(tmp_path / "page.html", max_bytes=1)
    explorer.close()
    page.goto(file.as_uri())
    [found] = explorers(page)
    assert "left out" not in found.part("grid-note").inner_text()
    summary = page.locator(".daam-holds summary")
    assert "Left out of this page: " in summary.inner_text()
    assert "the grids of heads of “a”, “red”" in summary.inner_text()
    found.part("chip", word=1).click()
    said = "The tiles of this word were left out of this page."
    eventually(lambda: said in found.part("grid-note").inner_text())
    found.part("chip", word=2).click()
    eventually(lambda: found.part("grid-note").inner_text() == "")


def test_several_heads_are_shown_exactly_where_it_begins_with_them_and_else_over_all_steps(
    page: Page, tmp_path: Path
) -> None:
    run = dnb.sample()
    pairs = [(run.layers[1].name, 3), (run.layers[5].name, 0)]
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="banana", heads=pairs)
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.settle()
    expected = dnb.heat_maps(run, layers="all", heads=pairs).word("banana").values.numpy()
    shown, facts = found.shown()
    assert facts["kind"] == "exact"
    assert close_to(shown, expected)
    assert "2 heads of 2 layers" in found.part("status").inner_text()
    page.locator(".daam-holds summary").click()
    assert "any heads together over all steps" in page.locator(".daam-holds p").inner_text()
    set_of(found, heads=[[1, 3], [5, 0], [5, 1]])
    eventually(lambda: found.state("kind") == "reduced" and found.state("settled") == "true")
    more = [*pairs, (run.layers[5].name, 1)]
    expected = dnb.heat_maps(run, layers="all", heads=more).word("banana").values.numpy()
    assert np.abs(found.shown()[0] - expected).max() < expected.max() / 200
    assert "3 heads of 2 layers · steps 0–6 · " in found.part("status").inner_text()
    assert found.part("notice").is_hidden()
    set_of(found, steps=[2, 4])
    said = "Of these heads the page holds the mean of all steps, which is shown."
    eventually(lambda: said in found.part("notice").inner_text())
    assert "steps 0–6 · " in found.part("status").inner_text()
    set_of(found, heads=[[1, 3], [5, 0]])
    eventually(lambda: found.state("kind") in ("exact", "preview"))
    assert found.part("notice").is_hidden()


@pytest.mark.parametrize(
    "chosen",
    [
        {"layer": 12, "head": 3}, {"layer": 15}, {"layer": 6}, {"head": 5},
        {"heads": [[0, 1], [6, 2], [15, 7]]}, {"heads": [0, 3]}, {"layer": 2, "heads": [1, 2]},
    ],
)  # fmt: skip
def test_any_heads_of_a_large_page_are_those_of_heat_maps(
    browser: Browser, large: Path, chosen: dict[str, Any]
) -> None:
    """All heads, layers and sets, made in the page from one small map of each head."""
    run = LARGE
    with opened(browser) as (page, _):
        page.goto(large.as_uri())
        [found] = explorers(page)
        set_of(found, **{"layer": -1, "head": -1, "heads": [], **chosen})
        eventually(lambda: found.state("kind") == "reduced" and found.state("settled") == "true")
        number, heads = chosen.get("layer", -1), chosen.get("heads")
        if heads and isinstance(heads[0], list):
            heads = [(run.layers[layer].name, head) for layer, head in heads]
        options: dict[str, Any] = {"layers": "all" if number < 0 else [run.layers[number].name]}
        if number < 0 and not (heads and isinstance(heads[0], tuple)):
            options["layers"] = "paper"
        if heads:
            options["heads"] = heads
        elif "head" in chosen:
            options["heads"] = [chosen["head"]]
        expected = dnb.heat_maps(run, **options).word("fox").values.numpy()
        shown = found.shown()[0]
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).max() < expected.max() / 200


LARGE = real_size("sd15", steps=4)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-out in the shape of Stable Diffusion 1.5 with no room for single steps of heads."""
    path = tmp_path_factory.mktemp("large") / "page.html"
    with pytest.warns(UserWarning, match="single steps of 152 of 152 layers and heads"):
        return dnb.hand_out(LARGE, path, parser=False, word="fox", max_bytes=3_500_000)


def set_of(found: Explorer, **choices: Any) -> None:
    """Choose as a hand does, whatever the grid of heads looks like."""
    found.root.evaluate("(root, choices) => root.__daam.state.set(choices)", choices)


def test_heads_are_sorted_by_likeness_and_effect_without_a_kernel(
    page: Page, tmp_path: Path
) -> None:
    run = with_effects(tiny_recording("a red fox and a dog", steps=4), ((2,), (3,)))
    widget = dnb.explore(run, parser=False, word="fox")
    shares = widget.engine.measure(widget.selected, "effect_share")[1]
    order = likeness_order(widget.engine.tiles(widget.selected).maps)
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="fox")
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.input("tile_sort").select_option("effect_share")
    falling = sorted((value for row in shares for value in row if value is not None), reverse=True)
    eventually(lambda: found.atlas()["values"] is not None)
    tiles = found.settle().atlas()["tiles"]
    assert [shares[row][head] for row, head in tiles] == falling
    found.input("tile_sort").select_option("likeness")
    pairs = [[row, head] for row, values in enumerate(shares) for head in range(len(values))]
    eventually(lambda: found.atlas()["tiles"] == [pairs[number] for number in order])
    assert found.part("grid-note").text_content() == ""
