"""The explorer on one screen, at the sizes people have; and under a finger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

import daam_nb as dnb
from daam_nb.recording import Recording, format_1
from daam_nb.show.explorer.page.widget import Explorer as Widget
from tests.browser.bare import show
from tests.browser.conftest import opened
from tests.browser.explorer import ROOT, SECONDS, Explorer, eventually
from tests.real_sizes import TWELVE, picture, real_size

NO_MARGIN = "body { margin: 0 }"
PARTS = ("chips", "image", "inspector", "atlas", "steps-slider", "control-opacity", "status")
SIXTY = (
    "a quiet little red fox with a long bushy tail sits beside two small grey owls on an old "
    "wooden fence near the ruined barn while a golden sunset paints the distant snowy mountains "
    "and a narrow river winds slowly through green meadows full of wild flowers under soft "
    "drifting clouds in the style of an oil painting"
)
Box = dict[str, float]


def oblong(height: int, width: int) -> Recording:
    """A recording of an image that is no square: 5 layers of 4 heads."""
    square = real_size("sd15", steps=1)
    sizes = [(height // 16 >> k, width // 16 >> k) for k in (0, 1, 2, 1, 0)]
    layers = tuple(
        format_1.layer(layer.name, layer.stage, size, 4)
        for layer, size in zip(square.layers[::3], sizes, strict=False)
    )
    chance = torch.Generator().manual_seed(0)
    count = len(square.columns)
    attention = {
        layer.name: torch.rand(1, 4, count, *layer.size, generator=chance).pow(4).half()
        for layer in layers
    }
    facts = replace(square.facts, image_size=(height, width), latent_size=(height // 8, width // 8))
    return replace(
        square, layers=layers, attention=attention, facts=facts, image=picture(height, width)
    )


@contextmanager
def opened_at(
    page: Page, run: Recording, width: int, height: int, **choices: Any
) -> Iterator[tuple[Explorer, Widget]]:
    """An explorer that fills a window."""
    widget = dnb.explore(run, **{"parser": False, **choices})
    page.set_viewport_size({"width": width, "height": height})
    show(page, widget, around=NO_MARGIN)
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    try:
        yield Explorer(page.locator(ROOT)), widget
    finally:
        widget.close()


def box(explorer: Explorer, name: str, **which: object) -> Box:
    found = explorer.part(name, **which).first.bounding_box()
    assert found is not None, name
    return dict(found)


def bottom(of: Box) -> float:
    return of["y"] + of["height"]


def right(of: Box) -> float:
    return of["x"] + of["width"]


def cut_off(explorer: Explorer) -> list[str]:
    """Texts that are wider than their place, or that run over the explorer's edge."""
    found: list[str] = explorer.root.evaluate(
        """root => [...root.querySelectorAll('button, p, h2, h3, dt, dd, select, label, li')]
          .filter(n => n.checkVisibility() && !n.closest('.daam-hidden, .daam-popover')
            && !n.closest('.daam-ranking'))
          .filter(n => n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== 'inline'
            || n.getBoundingClientRect().right > root.getBoundingClientRect().right)
          .map(n => n.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.fixture(scope="module")
def sd15() -> Recording:
    return real_size("sd15", steps=2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(966, 590), (1280, 800), (1920, 1000)])
def test_all_is_together(page: Page, sd15: Recording, size: tuple[int, int], theme: str) -> None:
    width, height = size
    with opened_at(page, sd15, width, height, theme=theme) as (explorer, _):
        root = explorer.root.bounding_box()
        assert root is not None
        assert root["width"] == width
        assert height - 2 <= root["height"] <= height
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in PARTS:
            assert bottom(box(explorer, name)) <= height, name
        image, words, grid = (box(explorer, name) for name in ("image", "inspector", "atlas"))
        assert image["width"] == pytest.approx(image["height"], abs=2)
        assert image["height"] > 0.42 * height
        assert right(image) <= words["x"] <= right(words) <= grid["x"]
        # The heads have what is left of the width, and of the height.
        scroller = explorer.root.locator(".daam-atlas").bounding_box()
        assert scroller is not None
        assert right(dict(scroller)) == pytest.approx(width - 15, abs=3)
        assert bottom(dict(scroller)) == pytest.approx(box(explorer, "steps-slider")["y"], abs=130)
        assert cut_off(explorer) == []


@pytest.mark.parametrize("size", [(900, 800), (900, 590), (390, 844)])
def test_narrow_windows_stack_with_the_steps_next_to_the_image(
    page: Page, sd15: Recording, size: tuple[int, int]
) -> None:
    width, height = size
    with opened_at(page, sd15, width, height) as (explorer, _):
        order = ("chips", "image", "steps-slider", "atlas", "control-opacity", "status")
        tops = [box(explorer, name)["y"] for name in order]
        assert tops == sorted(tops)
        assert bottom(box(explorer, "steps-slider")) <= height
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert cut_off(explorer) == []
        # While a part of the image is in sight, so are the steps.
        image = box(explorer, "image")
        for share in (0.25, 0.9):
            page.evaluate("y => scrollTo(0, y)", image["y"] + share * image["height"])
            slider = box(explorer, "steps-slider")
            assert slider["y"] >= 0
            assert bottom(slider) <= height


@pytest.mark.parametrize("shape", [(1024, 512), (512, 1024)])
def test_tall_and_wide_images_use_the_room(page: Page, shape: tuple[int, int]) -> None:
    height, width = shape
    run = oblong(height, width)
    with opened_at(page, run, 966, 590) as (explorer, _):
        image, words, grid = (box(explorer, name) for name in ("image", "inspector", "atlas"))
        assert image["width"] / image["height"] == pytest.approx(width / height, rel=0.02)
        assert bottom(words) <= 590
        assert grid["x"] >= right(image)
        if width > height:
            assert image["width"] > 400
            assert words["y"] >= bottom(image)
        else:
            assert image["height"] > 250
            assert right(image) <= words["x"]


def test_a_projector_has_larger_type(page: Page, sd15: Recording) -> None:
    with opened_at(page, sd15, 1920, 1000, projector=True) as (explorer, _):
        assert page.evaluate("document.documentElement.scrollHeight") <= 1000
        assert page.evaluate("document.documentElement.scrollWidth") <= 1920
        assert box(explorer, "image")["height"] > 350
        assert cut_off(explorer) == []


def test_hints_go_with_the_first_action_and_come_back_on_request(
    page: Page, sd15: Recording
) -> None:
    with opened_at(page, sd15, 966, 590) as (explorer, _):
        hints = explorer.part("hints")
        before = box(explorer, "image")
        explorer.hover(0.5, 0.5)
        explorer.part("rank").first.wait_for(state="attached")
        assert not hints.is_visible()  # in the words' room, and not yet an action
        page.mouse.move(1, 1)
        eventually(hints.is_visible)
        explorer.part("chip", word=2).click()
        eventually(lambda: not hints.is_visible())
        explorer.part("chip", word=3).click()
        assert not hints.is_visible()
        assert box(explorer, "image") == before
        button = explorer.part("hints-button")
        assert button.get_attribute("aria-expanded") == "false"
        button.click()
        assert hints.is_visible()
        explorer.part("hints-close").press("Escape")
        assert not hints.is_visible()
        assert button.evaluate("node => node === document.activeElement")


def test_the_image_alone_while_a_key_or_a_press_is_held(page: Page, sd15: Recording) -> None:
    with opened_at(page, sd15, 966, 590, opacity=0, contour=False) as (explorer, _):
        eventually(lambda: len(np.unique(explorer.pixels())) > 100)  # the image is decoded
        bare = explorer.pixels()
        explorer.move(opacity=0.9, contour=True, word_b=2)
        explorer.rest()
        explorer.settle()
        eventually(lambda: not np.array_equal(explorer.pixels(), bare))
        shown = explorer.pixels()
        explorer.part("image").focus()
        page.keyboard.down("b")
        eventually(lambda: np.array_equal(explorer.pixels(), bare))
        page.keyboard.up("b")
        eventually(lambda: np.array_equal(explorer.pixels(), shown))
        press = explorer.part("bare")
        page.mouse.move(*explorer.at(press, 0.5, 0.5))
        page.mouse.down()
        eventually(lambda: np.array_equal(explorer.pixels(), bare))
        assert press.get_attribute("aria-pressed") == "true"
        page.mouse.move(5, 5)
        page.mouse.up()
        eventually(lambda: np.array_equal(explorer.pixels(), shown))
        assert press.get_attribute("aria-pressed") == "false"


def test_cells_are_shown_as_recorded(page: Page) -> None:
    with opened_at(page, dnb.sample(), 966, 590, opacity=1, contour=False) as (explorer, widget):
        smooth = explorer.pixels()
        explorer.part("cells").click()
        eventually(lambda: explorer.trait("cells") is True is widget.cells)
        eventually(lambda: not np.array_equal(explorer.pixels(), smooth))
        drawn = explorer.pixels()[..., :3].astype(int)
        shown, _ = explorer.shown()
        side = drawn.shape[0] / shown.shape[0]
        for row, column in ((0, 0), (3, 7), (15, 15)):
            inner = drawn[
                int(row * side) + 3 : int((row + 1) * side) - 3,
                int(column * side) + 3 : int((column + 1) * side) - 3,
            ]
            assert np.ptp(inner.reshape(-1, 3), axis=0).max() == 0  # one color a cell
        # Of one layer of fewer cells, its own: 8 x 8.
        explorer.move(layer=1, head=-1)
        explorer.rest()
        explorer.settle()
        assert explorer.trait("layer") == 1
        height, width = widget.subject.layers[1].size
        assert (height, width) == (8, 8)

        def squares() -> bool:
            now = explorer.pixels()[..., :3].astype(int)
            at = now.shape[0] / height
            cell = now[int(at) + 4 : int(2 * at) - 4, int(at) + 4 : int(2 * at) - 4]
            return bool(np.ptp(cell.reshape(-1, 3), axis=0).max() == 0)

        eventually(squares)


@pytest.mark.parametrize("count", [60, 300])
def test_many_words_stand_in_three_rows(page: Page, count: int) -> None:
    words = SIXTY.split()
    text = " ".join((words * 6)[:count])
    with opened_at(page, real_size("sd15", steps=2, text=text), 966, 590) as (explorer, widget):
        chips = box(explorer, "chips")
        chip = box(explorer, "chip", word=0)
        assert chips["height"] <= 3 * (chip["height"] + 6)
        assert box(explorer, "image")["height"] > 190
        assert bottom(box(explorer, "status")) <= 590
        assert cut_off(explorer) == []
        explorer.part("word-filter").fill("fox")
        eventually(lambda: "fox" in explorer.words() and len(explorer.words()) < 10)
        shown = explorer.part("chip", role="a").inner_text()
        assert set(explorer.words()) <= {"fox", shown}
        explorer.part("word-filter").press("Escape")
        eventually(lambda: len(explorer.words()) == count)
        if count == 300:
            return
        explorer.input("word_order").select_option("attention")
        maps = widget.engine.every_map(widget.selected, special=False)
        means = {number: float(values.double().mean()) for number, values in maps.items()}
        expected = sorted(means, key=lambda number: -means[number])

        def order() -> list[int]:
            read = "nodes => nodes.filter(n => !n.hidden).map(n => Number(n.dataset.word))"
            return list(explorer.part("chip").evaluate_all(read))

        eventually(lambda: order() == expected)
        explorer.input("word_order").select_option("text")
        eventually(lambda: order() == sorted(expected))


@pytest.mark.parametrize("text", [None, TWELVE])
def test_numbers_of_two_words_keep_their_place(page: Page, text: str | None) -> None:
    # Of the second, the chips just fill their row.
    run = dnb.sample() if text is None else real_size("sd15", steps=2, text=text)
    with opened_at(page, run, 966, 590) as (explorer, _):
        names = ("image", "inspector", "atlas", "steps-slider", "status")
        before = [box(explorer, name) for name in names]
        explorer.part("chip", word=4).click(modifiers=["Shift"])
        eventually(lambda: explorer.part("iou").is_visible())
        explorer.settle()
        after = [box(explorer, name) for name in names]
        assert after[:4] == before[:4]
        numbers = explorer.part("numbers")
        assert "peak of A" in numbers.inner_text()
        assert "peak of B" in numbers.inner_text()
        tops = {box(explorer, name)["y"] for name in ("peak", "peak_b", "iou", "iod", "ioh")}
        assert len(tops) == 1
        assert cut_off(explorer) == []


def test_arcs_survive_a_hidden_tab_and_another_theme(page: Page) -> None:
    run = dnb.sample()
    with opened_at(page, run, 500, 800, parser=None, show_syntax=True) as (explorer, _):
        arcs = explorer.part("arc")
        eventually(lambda: arcs.count() > 3)
        before = _arcs_reach(explorer)
        assert before > 400
        # What changes while the page is hidden is drawn when it is in sight again.
        explorer.root.evaluate("root => { root.style.display = 'none' }")
        explorer.root.evaluate("root => root.__daam.model.set('show_pieces', true)")
        explorer.root.evaluate("root => new Promise(done => setTimeout(done, 300))")
        explorer.root.evaluate("root => { root.style.display = '' }")
        eventually(lambda: _arcs_reach(explorer) > before + 40)
        wide = _arcs_reach(explorer)
        explorer.root.evaluate("root => root.__daam.model.set('theme', 'dark')")
        eventually(lambda: explorer.state("theme") == "dark")
        assert _arcs_reach(explorer) == wide
        # Words that do not fit are scrolled to, and none is cut off.
        last = explorer.part("chip", word=7)
        last.scroll_into_view_if_needed()
        assert box(explorer, "chip", word=7)["x"] >= 0
        assert right(box(explorer, "chip", word=7)) <= 500


def _arcs_reach(explorer: Explorer) -> float:
    return float(
        explorer.root.evaluate(
            "root => Math.max(0, ...[...root.querySelectorAll('.daam-arc-line')]"
            ".map(arc => arc.getBBox().x + arc.getBBox().width))"
        )
    )


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    size = {"width": 390, "height": 700}
    with opened(browser, viewport=size, has_touch=True, is_mobile=True) as (page, _):
        yield page


def test_a_finger(phone: Page) -> None:
    with opened_at(phone, dnb.sample(), 390, 700) as (explorer, _):
        assert "Tap the image" in explorer.part("try").inner_text()
        assert "Tap a word" in explorer.part("lead").inner_text()
        image = explorer.part("image")
        assert image.evaluate("node => getComputedStyle(node).touchAction") == "manipulation"
        phone.touchscreen.tap(*explorer.at(image, 0.5, 0.5))
        explorer.part("rank").first.wait_for(state="attached")
        phone.wait_for_timeout(500)
        assert explorer.part("rank").count() > 3  # they stay
        phone.evaluate("scrollTo(0, 0)")
        _swipe(phone, explorer.at(image, 0.6, 0.5), (0, -150))
        eventually(lambda: phone.evaluate("scrollY") > 50)
        assert explorer.trait("region") == []
        assert explorer.part("rank").count() > 3
        phone.evaluate("scrollTo(0, 0)")
        explorer.part("tool-box").tap()
        assert image.evaluate("node => getComputedStyle(node).touchAction") == "none"
        _swipe(phone, explorer.at(image, 0.3, 0.3), (100, 120))
        eventually(lambda: len(explorer.trait("region")) == 4)
        explorer.part("tool-box").tap()
        assert image.evaluate("node => getComputedStyle(node).touchAction") == "manipulation"


def _swipe(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Move a finger, as slowly as one moves: a page scrolls between the touches' events."""
    client = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        page.wait_for_timeout(30)

    x, y = start
    touch("touchStart", start)
    for part in range(1, 9):
        touch("touchMove", (x + by[0] * part / 8, y + by[1] * part / 8))
    touch("touchEnd")
