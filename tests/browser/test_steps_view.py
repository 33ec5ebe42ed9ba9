"""The atlas of layers by steps: what its tiles are, what they choose, hand-outs, differences."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import daam_nb as dnb
from daam_nb.show.explorer.model.selection import Selected
from daam_nb.show.explorer.page.widget import Explorer as Widget
from tests.browser.bare import show
from tests.browser.explorer import ROOT, SECONDS, Explorer, eventually
from tests.browser.test_screen import opened_at
from tests.real_sizes import real_size
from tests.tiny_recordings import tiny_recording

SAMPLE = dnb.sample()
COUNT = len(SAMPLE.steps)
BANANA = 1


@pytest.fixture
def opened(page: Page) -> Iterator[tuple[Explorer, Widget]]:
    """An explorer of the sample that shows steps."""
    with opened_at(page, SAMPLE, 1280, 800, choice="all") as (explorer, widget):
        explorer.part("axes-steps").click()
        eventually(lambda: explorer.trait("tile_axes") == "steps")
        explorer.settle()
        yield explorer, widget


def places(explorer: Explorer) -> list[list[int]]:
    return [list(place) for place in explorer.atlas()["tiles"]]


def test_a_tile_is_a_layer_at_one_step(opened: tuple[Explorer, Widget]) -> None:
    explorer, widget = opened
    layers = range(len(SAMPLE.layers))
    assert places(explorer) == [[row, step] for row in layers for step in range(-1, COUNT)]
    explorer.tile(2, 3).hover()
    expect(explorer.part("atlas-readout")).to_have_text(
        f"{widget.subject.labels[2]} (4×4), step 3: "
        f"mean {widget.engine.step_tiles(widget.selected).mean[2][3]:#.3g}"
    )
    maps, shown = explorer.shown()
    recorded = SAMPLE.attention[SAMPLE.layers[2].name][3, :, SAMPLE.columns.index(2)].float()
    assert shown["kind"] == "tile"
    np.testing.assert_allclose(maps, recorded.mean(0).numpy(), atol=float(recorded.max()) / 200)
    expect(explorer.part("status")).to_contain_text("mean of the heads · step 3")
    explorer.tile(2, -1).hover()
    every = (
        SAMPLE.attention[SAMPLE.layers[2].name][:, :, SAMPLE.columns.index(2)].float().mean((0, 1))
    )
    eventually(lambda: np.allclose(explorer.shown()[0], every, atol=float(every.max()) / 100))


def test_a_click_chooses_layer_and_step_and_another_lets_go(
    opened: tuple[Explorer, Widget],
) -> None:
    explorer, widget = opened
    explorer.tile(3, 2).click()
    explorer.page.mouse.move(1, 1)
    eventually(lambda: (explorer.trait("layer"), explorer.trait("steps")) == (3, [2, 3]))
    maps, shown = explorer.settle().shown()
    exact = widget.engine.exact(Selected(BANANA, "all", 3, -1, (2, 3)))
    assert shown["kind"] == "exact"
    np.testing.assert_allclose(maps, exact.values.numpy(), atol=1e-7)
    assert explorer.atlas()["chosen"] == [[3, 2]]
    explorer.tile(3, 5).click(modifiers=["Shift"])
    eventually(lambda: explorer.trait("steps") == [2, 6])
    eventually(lambda: explorer.atlas()["chosen"] == [[3, step] for step in (2, 3, 4, 5)])
    explorer.tile(3, 4).click()  # one of several: it alone
    eventually(lambda: explorer.trait("steps") == [4, 5])
    explorer.tile(3, 4).click()
    eventually(lambda: (explorer.trait("layer"), explorer.trait("steps")) == (-1, [0, COUNT]))
    explorer.tile(-1, 1).click()  # the number of a column
    eventually(lambda: (explorer.trait("layer"), explorer.trait("steps")) == (-1, [1, 2]))
    explorer.tile(5, -1).click()  # a layer, all steps
    eventually(lambda: (explorer.trait("layer"), explorer.trait("steps")) == (5, [0, COUNT]))
    eventually(lambda: explorer.atlas()["chosen"] == [[5, -1]])


def test_by_keys(opened: tuple[Explorer, Widget]) -> None:
    explorer, _ = opened
    label = explorer.part("atlas").get_attribute("aria-label") or ""
    assert label.startswith("Layers by steps.")
    explorer.tile(1, 2).focus()
    explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("ArrowDown")
    expect(explorer.part("atlas-readout")).to_contain_text(", step 3: mean")
    explorer.page.keyboard.press("Enter")
    eventually(lambda: (explorer.trait("layer"), explorer.trait("steps")) == (2, [3, 4]))
    explorer.page.keyboard.press("ArrowLeft")
    explorer.page.keyboard.press("ArrowLeft")
    explorer.page.keyboard.press("Shift+Enter")
    eventually(lambda: explorer.trait("steps") == [1, 4])


def test_one_head_has_the_whole_room_for_its_steps(opened: tuple[Explorer, Widget]) -> None:
    explorer, widget = opened
    explorer.part("axes-heads").click()
    eventually(lambda: [0, 3] in places(explorer))
    explorer.tile(4, 1).click()
    explorer.part("axes-steps").click()
    eventually(lambda: places(explorer) == [[0, step] for step in range(COUNT)])
    explorer.settle()
    explorer.tile(0, 6).hover()
    expect(explorer.part("status")).to_contain_text("head 1 · step 6")
    recorded = SAMPLE.attention[SAMPLE.layers[4].name][6, 1, SAMPLE.columns.index(2)].float()
    maps, _ = explorer.shown()
    np.testing.assert_allclose(maps, recorded.numpy(), atol=float(recorded.max()) / 200)
    explorer.tile(0, 6).click()  # the head stays
    eventually(lambda: explorer.trait("steps") == [6, 7])
    assert (explorer.trait("layer"), explorer.trait("head")) == (4, 1)
    # Heads of several layers have a row for each of these.
    explorer.root.evaluate(
        "root => root.__daam.state.set({layer: -1, head: -1, heads: [[2, 1], [6, 0]]})"
    )
    eventually(lambda: places(explorer) == [[row, c] for row in (0, 1) for c in range(-1, COUNT)])
    assert [SAMPLE.layers[n].name for n in (2, 6)] == [
        name for name, _ in widget.selection["heads"]
    ]


def test_measures_are_those_of_a_map_alone(opened: tuple[Explorer, Widget]) -> None:
    explorer, widget = opened
    measures = explorer.input("tile_measure")
    names = measures.evaluate("select => [...select.options].map(option => option.value)")
    assert names == ["mean", "peak", "entropy"]
    assert not explorer.input("tile_sort").is_visible()
    measures.select_option("entropy")
    tiles = widget.engine.step_tiles(widget.selected)
    explorer.tile(6, 4).hover()
    expect(explorer.part("atlas-readout")).to_contain_text(f"entropy {tiles.entropy[6][4]:#.3g}")
    explorer.tiles_option("tile_show", "colors")
    eventually(lambda: not explorer.atlas()["maps"])
    expect(explorer.part("atlas-legend")).to_be_visible()


def test_a_measure_of_heads_alone_gives_way_and_comes_back(page: Page) -> None:
    with opened_at(page, SAMPLE, 1280, 800, tile_measure="overlap", tile_sort="overlap") as (
        explorer,
        _,
    ):
        explorer.part("axes-steps").click()
        expect(explorer.input("tile_measure")).to_have_value("mean")
        explorer.settle()
        explorer.part("axes-heads").click()
        expect(explorer.input("tile_measure")).to_have_value("overlap")


def test_the_slider_marks_the_steps(opened: tuple[Explorer, Widget]) -> None:
    explorer, _ = opened
    explorer.root.evaluate("root => root.__daam.state.set({layer: 1})")
    eventually(lambda: explorer.atlas()["chosen"] == [[1, -1]])
    explorer.root.evaluate("root => root.__daam.state.set({steps: [2, 4]})")
    eventually(lambda: explorer.atlas()["chosen"] == [[1, 2], [1, 3]])


@pytest.mark.parametrize(
    ("size", "width", "height"),
    [("sdxl", 966, 590), ("flux", 966, 590), ("sd3", 1280, 800), ("sd15", 1920, 1000)],
)
def test_all_layers_and_steps_are_seen_at_real_sizes(
    page: Page, size: str, width: int, height: int
) -> None:
    run = real_size(size, steps=4)
    with opened_at(page, run, width, height, tile_axes="steps") as (explorer, _):
        seen = explorer.atlas()
        assert len(seen["tiles"]) == 5 * len(run.layers) == seen["drawn"]
        assert seen["size"][0] <= seen["room"]["width"] + 0.01
        assert seen["size"][1] <= seen["room"]["height"] + 0.01
        assert min(seen["tile"]) >= (6 if size == "sdxl" else 10)


def test_a_recording_of_one_step_has_no_steps_to_choose(page: Page) -> None:
    with opened_at(page, tiny_recording("a dog in the snow", kept="sum"), 966, 590) as (
        explorer,
        _,
    ):
        expect(explorer.part("axes-steps")).not_to_be_visible()
        expect(explorer.root.locator(".daam-atlas h3")).to_have_text("Layers × heads")


def test_a_hand_out_has_them_where_there_is_room_and_says_where_not(
    page: Page, tmp_path: Path
) -> None:
    for name, most in (("all.html", 8_000_000), ("few.html", 400_000)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that not all has room
            path = dnb.hand_out(SAMPLE, tmp_path / name, tile_axes="steps", max_bytes=most)
        said = path.read_text(encoding="utf-8").split("In this page: ")[1].split("</p>")[0]
        holds = "each layer at every step" in said
        assert holds == (name == "all.html")
        page.goto(path.as_uri())
        page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
        explorer = Explorer(page.locator(ROOT))
        count = len(SAMPLE.layers) * (COUNT + 1)
        eventually(lambda explorer=explorer, count=count: len(places(explorer)) == count)
        note = explorer.part("grid-note")
        expect(note).to_have_text("")  # the first word's are always there
        explorer.part("chip", word=4).click()
        explorer.settle()
        if not holds:
            expect(note).to_contain_text("left out of this page")
            continue
        expect(note).to_have_text("")
        explorer.tile(5, 2).hover()
        expect(explorer.part("status")).to_contain_text("mean of the heads · step 2")
        expect(explorer.part("status")).to_contain_text("“apple”")


def test_two_recordings_are_compared_step_by_step(page: Page) -> None:
    widget = dnb.explore(SAMPLE, SAMPLE, parser=False, choice="all")
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, widget)
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    explorer = Explorer(page.locator(f"{ROOT}[data-side=a]"))
    explorer.part("axes-steps").click()
    eventually(lambda: len(places(explorer)) == len(SAMPLE.layers) * (COUNT + 1))
    page.locator("[data-testid=pair-heads][data-which=difference]").click()
    eventually(lambda: explorer.atlas()["values"] is not None)
    values = [value for row in explorer.atlas()["values"] for value in row]
    assert len(values) == len(SAMPLE.layers) * COUNT
    assert set(values) == {0}
    widget.close()
