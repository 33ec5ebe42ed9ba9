"""The explorer where no Jupyter is: in a bare page, a shadow tree, a sandboxed frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.show.explorer.export.handout import front_end
from daam_nb.show.explorer.page.widget import Explorer as Widget
from tests.browser.bare import Bytes, Place, show
from tests.browser.explorer import ROOT, SECONDS, Explorer, close_to, eventually

BANANA, APPLE = 1, 4


@pytest.fixture
def widget() -> Iterator[Widget]:
    explorer = dnb.explore(dnb.sample(), parser=False)
    yield explorer
    explorer.close()


def found(page: Page, place: Place) -> Explorer:
    frame: Any = page.frame_locator("iframe") if place == "sandbox" else page
    root = frame.locator(f"{ROOT}[data-settled=true]")
    root.wait_for(timeout=SECONDS * 1000)
    return Explorer(frame.locator(ROOT))


def settled(page: Explorer, **expected: Any) -> Explorer:
    """Wait until the exact map of a choice is drawn."""
    eventually(
        lambda: (
            page.state("settled") == "true"
            and {name: page.trait(name) for name in expected} == expected
        )
    )
    return page


def map_of(widget: Widget) -> np.ndarray:
    values: np.ndarray = widget.engine.exact(widget.selected).values.numpy()
    return values.astype(float)


@pytest.mark.parametrize(
    ("place", "as_bytes"),
    [("plain", "ArrayBuffer"), ("shadow", "Uint8Array"), ("sandbox", "DataView")],
)
def test_the_gestures_work(page: Page, widget: Widget, place: Place, as_bytes: Bytes) -> None:
    show(page, widget, place=place, as_bytes=as_bytes)
    there = found(page, place)
    keys = page.keyboard
    assert close_to(there.shown()[0], map_of(widget))
    assert np.ptp(there.pixels()[..., :3].astype(int)) > 100

    there.part("chip", word=APPLE).click()
    settled(there, word=APPLE)
    assert widget.word == APPLE
    assert close_to(there.shown()[0], map_of(widget))
    there.part("chip", word=BANANA).click(modifiers=["Shift"])
    settled(there, word_b=BANANA)
    eventually(lambda: there.part("iou").inner_text() == f"{widget.iou:.2f}")

    with there.drag([(0.5, 0.01), (0.5, 3 / 7)], part="steps-slider"):
        eventually(lambda: there.trait("steps") == [3, 7])
    settled(there, steps=[3, 7])
    assert widget.steps == (3, 4, 5, 6)
    assert close_to(there.shown()[0], map_of(widget))

    there.part("chip", role="a").press("ArrowRight")
    settled(there, word=APPLE + 1)
    there.part("step-hi").press("ArrowLeft")
    settled(there, steps=[3, 6])
    keys.press("Escape")
    settled(there, word_b=-1)

    there.tile(5, 2).click()
    page.mouse.move(1, 1)
    settled(there, layer=5, head=2)
    assert close_to(there.shown()[0], map_of(widget))
    there.part("atlas").press("ArrowRight")
    assert there.atlas()["active"] == [5, 3]
    keys.press("Escape")

    there.hover(0.5, 0.5)
    there.part("rank").first.wait_for()
    there.part("tool-box").click()
    there.draw([(0.4, 0.3), (0.7, 0.7)])
    # Asking the page is what lets its messages through to the kernel's side.
    eventually(lambda: len(there.trait("region")) == 4 == len(widget.region))
    there.part("region-steps").locator(".daam-bar").first.wait_for()
    there.part("clear-region").click()
    there.part("play").click()
    seen: set[tuple[int, ...]] = set()
    eventually(lambda: seen.add(tuple(there.trait("steps"))) or len(seen) > 2)
    there.part("play").click()
    eventually(lambda: not there.trait("playing") and not widget.playing)
    there.slide("threshold", 0.8)
    eventually(lambda: there.trait("threshold") == 0.8 == widget.threshold)
    with page.expect_download() as download:
        there.part("mask-png").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")

    frame = page.frames[-1]
    assert frame.evaluate("() => takeAway()") == [0, 0]  # nothing on the page, nobody listening


@pytest.mark.parametrize("place", ["plain", "sandbox"])
def test_a_rude_style_sheet_leaves_its_shape(page: Page, widget: Widget, place: Place) -> None:
    show(page, widget, place=place)
    there = found(page, place)
    assert _sizes(there)["chip"][1] < 40
    image, mosaic = _sizes(there)["image"], _sizes(there)["atlas-tiles"]
    assert image[0] == pytest.approx(image[1], abs=2)
    tile, canvas = there.tile(0, 0).box(), there.part("atlas").bounding_box()
    assert canvas is not None
    assert tile["width"] == pytest.approx(tile["height"], abs=1)
    # What is drawn and what is marked lie on two canvases, at one place.
    assert there.part("atlas-tiles").bounding_box() == canvas
    assert mosaic[0] <= there.part("atlas").evaluate("node => node.offsetWidth") + 1


@pytest.mark.parametrize("width", [760, 1000, 1300])
def test_no_part_stands_empty(page: Page, widget: Widget, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    show(page, widget)
    there = found(page, "plain")
    assert "Point at the image" in there.part("inspector").inner_text()
    slider = there.part("steps-slider").bounding_box()
    assert slider is not None
    assert slider["y"] + slider["height"] < 950


def _sizes(there: Explorer) -> dict[str, tuple[float, float]]:
    sizes = {}
    for name in ("chip", "image", "atlas-tiles"):
        box = there.part(name, **({"word": 0} if name == "chip" else {})).bounding_box()
        assert box is not None
        sizes[name] = (box["width"], box["height"])
    return sizes


@pytest.mark.parametrize(
    ("around", "theme"),
    [
        ("document.documentElement.setAttribute('theme', 'dark')", "dark"),  # Colab
        ("document.body.classList.add('vscode-dark')", "dark"),
        ("document.body.classList.add('vscode-light')", "light"),
        ("document.body.style.background = '#111'", "dark"),  # marimo paints, and has shadow trees
        ("document.body.style.background = '#fafafa'", "light"),
    ],
)
def test_light_and_dark_are_those_of_the_host(
    page: Page, widget: Widget, around: str, theme: str
) -> None:
    page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    show(page, widget, place="shadow")
    there = found(page, "shadow")
    page.evaluate(f"() => {{ {around}; document.body.classList.add('changed') }}")
    eventually(lambda: there.state("theme") == theme)


def test_what_python_stops_comparing_the_next_click_does_not_compare(
    page: Page, widget: Widget
) -> None:
    show(page, widget)
    there = found(page, "plain")
    there.part("compare").click()
    there.part("chip", word=APPLE).click()
    settled(there, word_b=APPLE)
    # As a message of the kernel does.
    there.root.evaluate("root => root.__daam.model.set('word_b', -1)")
    eventually(lambda: there.part("compare").get_attribute("aria-pressed") == "false")
    there.part("chip", word=0).click()
    settled(there, word=0, word_b=-1)


def test_one_module_without_imports_that_asks_for_nothing() -> None:
    script, style = front_end()
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", script, flags=re.S)
    assert not re.search(r"\bimport\s*[({\"'*]|\bfrom\s*[\"']|\brequire\(", code)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|eval|importScripts)\b\s*\(", code)
    assert "new Function" not in code
    # Hosts of their own need no manager: a comparison alone asks for B's model, where there is one.
    assert re.findall(r"[\w.]*widget_manager\S{0,12}", code) == [
        "source.model.widget_manager?.get_model("
    ]
    assert set(re.findall(r"https?://[^\s\"'`)]+", code)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in style
    assert not re.search(r"url\((?!\"?data:)", style)
    for name in re.findall(r"var\((--(?!daam)[\w-]+)\s*\)", style):
        pytest.fail(f"{name} is a variable of a host, and stands without a value for others")


def test_nothing_that_only_one_browser_has() -> None:
    """Names that Firefox or Safari lack, or had only after 2023; and their CSS."""
    script, style = front_end()
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", script, flags=re.S)
    lacking = (
        "OffscreenCanvas|requestIdleCallback|showSaveFilePicker|showOpenFilePicker|scheduler\\.|"
        "navigator\\.scheduling|getCoalescedEvents|Promise\\.withResolvers|Promise\\.try|"
        "Object\\.groupBy|Map\\.groupBy|Array\\.fromAsync|Iterator\\.from|webkit\\w+|"
        "scrollIntoViewIfNeeded|EyeDropper|isWellFormed|showPopover|startViewTransition|"
        "Temporal\\.|documentImageInImage|moveBefore|setHTML|CloseWatcher|"
        "(?:context|pen)\\.filter\\b"
    )
    assert not re.findall(rf"\b(?:{lacking})", code)
    # Lookbehind is of 2023 in Safari, and a mistake there ends the whole script.
    assert "(?<=" not in code
    assert "(?<!" not in code
    new = r"light-dark\(|@scope|@starting-style|anchor\(|position-anchor|field-sizing|text-box|"
    assert not re.findall(new + r"interpolate-size|::details-content|@function|\bif\(", style)
    for selector in re.findall(r"[^{}]*::-webkit-[^{]*", style):
        assert "," not in selector, f"one unknown selector ends the whole list: {selector}"
