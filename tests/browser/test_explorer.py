"""The explorer in JupyterLab, used as people use it, on the sample recording that ships."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import opened
from tests.browser.explorer import Explored, close_to, eventually, explorers
from tests.browser.lab import Notebook, change_theme, open_notebook, write_notebook
from tests.browser.servers import Server
from tests.browser.watching import Watch

# "a banana and an apple on the grass": 7 steps, 7 layers of 4 heads, a grid of 16 x 16.
CELLS = (
    "import daam_nb as dnb\nrun = dnb.sample()",
    "explorer = dnb.explore(run)\n"
    "from daam_nb.show.explorer.controls import CHOICES\n"
    "first = {name: getattr(explorer, name) for name in CHOICES}\n"
    "explorer",
)
BANANA, APPLE = 1, 4


@pytest.fixture(scope="module")
def notebook(browser: Browser, server: Server) -> Iterator[tuple[Notebook, Watch]]:
    """One page for all tests of this file: opening JupyterLab takes longer than they do."""
    with opened(browser) as (page, watch):
        write_notebook(server.notebooks / "explorer.ipynb", *CELLS)
        notebook = open_notebook(page, server, "explorer.ipynb")
        notebook.run_all()
        yield notebook, watch


@pytest.fixture
def explored(notebook: tuple[Notebook, Watch]) -> Iterator[Explored]:
    """The explorer as it was opened."""
    lab, watch = notebook
    lab.do("explorer.choose(**first)")
    [found] = explorers(lab.page)
    lab.page.mouse.move(1, 1)
    yield Explored(lab, found.settle())
    watch.check()


def test_it_opens_on_the_first_word_that_names_something(explored: Explored) -> None:
    page = explored.page_side
    assert page.words() == ["a", "banana", "and", "an", "apple", "on", "the", "grass"]
    assert page.part("chip", role="a").inner_text() == "banana"
    shown, facts = page.shown()
    assert facts["kind"] == "exact"
    assert close_to(shown, explored.map_of())
    assert float(page.part("peak").inner_text()) == pytest.approx(shown.max(), rel=0.01)


def test_dragging_the_step_slider_previews_and_then_settles_on_the_exact_map(
    explored: Explored,
) -> None:
    page = explored.page_side
    before = page.pixels()
    with page.drag([(0.5, 0.01), (0.5, 3 / 7)], part="steps-slider"):
        eventually(lambda: page.part("step-lo").get_attribute("aria-valuenow") == "3")
    explored.wait(steps=[3, 4, 5, 6])
    shown, facts = page.shown()
    assert facts["kind"] == "exact"
    assert close_to(shown, explored.map_of(steps="slice(3, 7)"))
    assert not close_to(shown, explored.map_of())
    assert (page.pixels() != before).any()
    assert "3–6" in page.part("steps-text").inner_text()


def test_while_the_hand_moves_the_page_shows_the_preview_that_python_defines(
    explored: Explored,
) -> None:
    page = explored.page_side
    explored.notebook.do("from daam_nb.show.explorer.model.stacks import preview")
    stack = "explorer.engine.stack(explorer.selected)"
    for first, last in ((0, 1), (2, 5), (6, 7)):
        shown, facts = page.move(steps=[first, last])
        expected = explored.notebook.ask(f"preview({stack}, {first}, {last}).tolist()")
        assert facts["kind"] == "preview"
        assert close_to(shown, np.array(expected))
        assert "preview" in page.part("status").inner_text()
    page.move(steps=[0, 7])
    page.rest()


def test_a_click_on_a_head_shows_that_head_and_escape_goes_back(explored: Explored) -> None:
    page = explored.page_side
    before = page.pixels()
    page.tile(5, 2).click()
    page.page.mouse.move(1, 1)  # off the grid: hovering shows the tile itself
    explored.wait(layer=5, head=2)
    shown, _ = page.shown()
    name = explored.notebook.ask("run.layers[5].name")
    assert close_to(shown, explored.map_of(layers=[name], heads=[2]))
    assert (page.pixels() != before).any()
    page.page.keyboard.press("Escape")
    explored.wait(layer=-1, head=-1)
    assert (page.pixels() == before).all()


def test_labels_choose_a_whole_layer_or_a_head_of_all_layers(explored: Explored) -> None:
    page = explored.page_side
    page.tile(6, -1).click()
    page.page.mouse.move(1, 1)
    explored.wait(layer=6, head=-1)
    page.tile(-1, -1).click()
    page.tile(-1, 3).click()
    page.page.mouse.move(1, 1)
    explored.wait(head=3)


def test_shift_and_control_click_choose_several_heads(explored: Explored) -> None:
    page, ask = explored.page_side, explored.notebook.ask
    names = ask("[layer.name for layer in run.layers]")
    page.tile(5, 2).click()
    page.tile(5, 0).click(modifiers=["Shift"])
    page.tile(1, 3).click(modifiers=["Control"])
    page.page.mouse.move(1, 1)
    pairs = [[names[1], 3], [names[5], 0], [names[5], 2]]
    explored.wait(layer=-1, head=-1, heads=pairs)
    shown, facts = page.shown()
    assert facts["kind"] == "exact"
    assert close_to(shown, explored.map_of(layers="'all'", heads=pairs))
    assert "3 heads of 2 layers" in page.part("status").inner_text()
    assert page.atlas()["chosen"] == [[1, 3], [5, 0], [5, 2]]
    page.tile(5, 2).focus()
    page.page.keyboard.press("Shift+Enter")  # takes it away
    explored.wait(heads=pairs[:2])
    page.page.mouse.move(1, 1)
    page.tile(5, 2).click()  # a plain click goes back to one
    explored.wait(layer=5, head=2, heads=[])
    page.tile(-1, -1).click()
    page.tile(-1, 3).click()
    page.tile(-1, 0).click(modifiers=["Shift"])
    page.page.mouse.move(1, 1)
    explored.wait(layer=-1, head=-1, heads=[0, 3])
    assert close_to(page.shown()[0], explored.map_of(layers="'paper'", heads=[0, 3]))
    assert "heads 0 and 3" in page.part("status").inner_text()
    page.page.keyboard.press("Escape")
    explored.wait(layer=-1, head=-1, heads=[])


def test_hovering_a_tile_previews_it_and_chooses_nothing(explored: Explored) -> None:
    page = explored.page_side
    page.tile(0, 1).hover()
    eventually(lambda: page.state("kind") == "tile")
    name = explored.notebook.ask("run.layers[0].name")
    shown, _ = page.shown()
    assert close_to(shown, explored.map_of(layers=[name], heads=[1]))
    page.page.mouse.move(1, 1)
    explored.wait(layer=-1, head=-1)


def test_shift_click_compares_two_words_with_live_numbers(explored: Explored) -> None:
    page = explored.page_side
    page.part("chip", word=APPLE).click(modifiers=["Shift"])
    explored.wait(word=BANANA, word_b=APPLE)
    expected = explored.notebook.ask(
        "[f(*(dnb.heat_maps(run).word(w) for w in pair), threshold=0.4) for f, pair in "
        "((dnb.iou, ('banana', 'apple')), (dnb.iod, ('apple', 'banana')),"
        " (dnb.ioh, ('apple', 'banana')))]"
    )
    assert explored.trait("iou", "iod", "ioh") == pytest.approx(expected)
    for name, value in zip(("iou", "iod", "ioh"), expected, strict=True):
        assert page.part(name).inner_text() == f"{value:.2f}"
    second, _ = page.shown("shownB")
    assert close_to(second, explored.map_of(word="apple"))
    # Live: the numbers follow the threshold at once, and agree with the kernel's.
    page.slide("threshold", 0.7)
    explored.wait(threshold=0.7)
    assert page.part("iou").inner_text() == f"{explored.trait('iou'):.2f}"


def test_swap_and_no_compare(explored: Explored) -> None:
    page = explored.page_side
    page.part("compare").click()
    page.part("chip", word=APPLE).click()
    page.part("swap").click()
    explored.wait(word=APPLE, word_b=BANANA)
    page.part("compare").click()
    explored.wait(word_b=-1)


def test_pointing_at_a_pixel_ranks_the_words_there(explored: Explored) -> None:
    page = explored.page_side
    page.hover(0.61, 0.55)
    page.part("rank").first.wait_for()
    rows = page.part("rank").all()
    ranked = explored.notebook.ask("[r.text for r in explorer.words_at(0.61, 0.55)]")
    texts = [row.locator(".daam-rank-word").inner_text() for row in rows]
    assert texts == ranked[: len(texts)]
    page.page.mouse.move(1, 1)
    eventually(lambda: page.part("rank").count() == 0)


@pytest.mark.parametrize("tool", ["box", "lasso"])
def test_a_region_ranks_the_words_in_it_by_step_and_by_layer(explored: Explored, tool: str) -> None:
    page = explored.page_side
    page.part(f"tool-{tool}").click()
    path = [(0.4, 0.3), (0.4, 0.6), (0.7, 0.7), (0.75, 0.35)]
    page.draw(path[::2] if tool == "box" else path)
    page.page.mouse.move(1, 1)
    page.part("rank").first.wait_for()
    region = eventually(lambda: explored.trait("region"))
    if tool == "box":
        assert len(region) == 4
        assert np.ptp(np.array(region), axis=0) == pytest.approx([0.3, 0.4], abs=0.02)
    else:
        assert len(region) > 4
    ranked = explored.notebook.ask("[r.text for r in explorer.words_in()]")
    texts = [row.locator(".daam-rank-word").inner_text() for row in page.part("rank").all()]
    assert texts == ranked[: len(texts)]
    assert page.part("region-steps").locator(".daam-bar").count() == 7
    assert page.part("region-layers").locator(".daam-bar").count() == 7
    page.part("clear-region").click()
    explored.wait(region=[])


def test_the_image_is_what_the_arithmetic_says(explored: Explored) -> None:
    page = explored.page_side
    explored.notebook.do("explorer.choose(contour=False, opacity=0.0)")
    eventually(lambda: page.trait("opacity") == 0)
    page.move()
    bare = page.pixels().astype(float)
    height, width, _ = bare.shape
    image = np.array(explored.notebook.ask("__import__('numpy').asarray(run.image).tolist()"))
    ys, xs = (np.arange(64) * side // 64 + side // 128 for side in (height, width))
    assert np.abs(bare[np.ix_(ys, xs)][..., :3] - image).mean() < 6  # scaled, else the same

    page.slide("opacity", 1)
    page.move()
    explored.wait(opacity=1)
    painted = page.pixels()[..., :3].astype(float)
    shown, _ = page.shown()
    top = np.unravel_index(shown.argmax(), shown.shape)
    y, x = (int((at + 0.5) * side / 16) for at, side in zip(top, (height, width), strict=True))
    last = np.array([252, 255, 164])  # the last color of inferno
    assert np.abs(painted[y, x] - last).max() < 24
    page.input("colormap").select_option("gray")
    explored.wait(colormap="gray")
    page.move()
    gray = page.pixels()[..., :3].astype(float)
    assert np.abs(gray - gray.mean(-1, keepdims=True)).max() <= 2


def test_the_contour_is_the_edge_of_the_mask(explored: Explored) -> None:
    page = explored.page_side
    with_contour = page.pixels()
    page.input("contour").click()
    explored.wait(contour=False)
    page.move()
    assert (page.pixels() != with_contour).any()
    area = explored.notebook.ask("dnb.area(dnb.heat_maps(run).word('banana'), threshold=0.4)")
    assert page.part("area").inner_text() == f"{100 * area:.0f} %"


def test_playing_walks_the_steps(explored: Explored) -> None:
    page = explored.page_side
    page.part("play").click()
    eventually(lambda: page.state("playing") == "true")
    seen = set()
    eventually(lambda: seen.add(tuple(page.trait("steps"))) or len(seen) > 2)
    page.part("play").click()
    explored.wait(playing=False)
    assert len(explored.trait("steps")) == 1


def test_a_click_on_the_strip_chooses_one_step(explored: Explored) -> None:
    page = explored.page_side
    page.draw([(0.3, 4.5 / 7)], part="strip")
    explored.wait(steps=[4])
    page.part("steps-all").click()
    explored.wait(steps=[0, 1, 2, 3, 4, 5, 6])


def test_everything_goes_by_keys_and_the_notebook_keeps_out_of_it(explored: Explored) -> None:
    page = explored.page_side
    keys = page.page.keyboard
    page.part("chip", role="a").focus()
    keys.press("ArrowRight")
    explored.wait(word=BANANA + 1)
    keys.press("Shift+ArrowRight")
    explored.wait(word_b=BANANA + 2)
    keys.press("x")
    explored.wait(word=BANANA + 2)
    page.part("step-hi").focus()
    keys.press("ArrowLeft")
    explored.wait(steps=[0, 1, 2, 3, 4, 5])
    keys.press("a")
    explored.wait(steps=[0, 1, 2, 3, 4, 5, 6])
    keys.press("t")
    explored.wait(contour=False)
    page.part("image").focus()
    keys.press("ArrowRight")
    page.part("rank").first.wait_for()
    # a, b, x and arrows are commands of the notebook: none of them came through
    assert explored.notebook.page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)


def test_tiles_are_sorted_and_scaled(explored: Explored) -> None:
    page = explored.page_side
    peaks = np.array(explored.notebook.ask("explorer.engine.tiles(explorer.selected).peak"))
    page.input("tile_sort").select_option("peak")
    explored.wait(tile_sort="peak")
    place = tuple(page.atlas()["tiles"][0])
    assert place == tuple(np.unravel_index(peaks.argmax(), peaks.shape))
    before = page.pixels("atlas-tiles")
    page.tiles_option("tile_scale", "own" if explored.trait("tile_scale") == "common" else "common")
    page.move()
    assert (page.pixels("atlas-tiles") != before).any()


def test_another_choice_of_layers(explored: Explored) -> None:
    page = explored.page_side
    page.part("choice").select_option("all")
    explored.wait(choice="all")
    shown, _ = page.shown()
    assert close_to(shown, explored.map_of(layers="'all'"))


def test_what_python_sets_is_shown_and_what_the_hand_sets_is_heard(explored: Explored) -> None:
    page = explored.page_side
    explored.notebook.do(
        "heard = []\nexplorer.observe(lambda change: heard.append(change['new']), 'word')\n"
        "explorer.word = 'grass'"
    )
    eventually(lambda: page.part("chip", role="a").inner_text() == "grass")
    page.part("chip", word=APPLE).click()
    explored.wait(word=APPLE)
    assert explored.notebook.ask("heard") == [7, APPLE]


def test_projector_and_themes(explored: Explored) -> None:
    page = explored.page_side
    size = "chip => parseFloat(getComputedStyle(chip).fontSize)"
    small = page.part("chip", word=BANANA).evaluate(size)
    explored.notebook.do("explorer.projector = True")
    eventually(lambda: page.state("projector") is not None)
    assert page.part("chip", word=BANANA).evaluate(size) > 1.2 * small
    explored.notebook.do("explorer.choose(projector=False, theme='dark')")
    eventually(lambda: page.state("theme") == "dark")
    assert _lightness(page.root.evaluate("r => getComputedStyle(r).color")) > 160
    explored.notebook.do("explorer.theme = 'auto'")
    eventually(lambda: page.state("theme") == "light")
    change_theme(page.page, "JupyterLab Dark")
    eventually(lambda: page.state("theme") == "dark")
    change_theme(page.page, "JupyterLab Light")
    eventually(lambda: page.state("theme") == "light")


def _lightness(color: str) -> float:
    numbers = [float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3
