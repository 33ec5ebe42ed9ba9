"""Two recordings in one instrument: both images, their difference, one set of controls."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page

from daam_nb.show.explorer import Comparison, explore
from tests.browser.bare import show
from tests.browser.explorer import Explorer, eventually, explorers
from tests.tiny_recordings import tiny_recording

ONE_SCREEN = [(966, 590), (1280, 800), (1920, 1000)]
STACKED = [(900, 800), (390, 800)]
AROUND = "body { margin: 0 }"


def opened(page: Page, comparison: Comparison) -> list[Explorer]:
    show(page, comparison, around=AROUND)
    sides = explorers(page)
    for side in sides:
        side.settle()
    return sides


def compared(**options: object) -> Comparison:
    return explore(
        tiny_recording("a red fox", seed=0),
        tiny_recording("a red cat", seed=1, **options),  # type: ignore[arg-type]
        parser=False,
    )


@pytest.mark.parametrize(("width", "height"), [*ONE_SCREEN, *STACKED])
def test_it_fits_one_screen_or_stacks_without_overlap(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    opened(page, compared())
    size = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] <= width
    left, right = (page.locator("[data-testid=image]").nth(side) for side in (0, 1))
    assert left.bounding_box()["x"] < right.bounding_box()["x"]  # type: ignore[index]
    if (width, height) in ONE_SCREEN:
        assert size[1] <= height
    names = "[data-testid=image], [data-testid=difference], [data-testid=atlas], .daam-look"
    boxes = [box for one in page.locator(names).all() if (box := one.bounding_box())]
    assert len(boxes) == 5  # A, B, the difference, the heads, the look
    for number, box in enumerate(boxes):
        assert box["width"] > 60
        for other in boxes[number + 1 :]:
            assert (
                box["x"] + box["width"] <= other["x"] + 1
                or other["x"] + other["width"] <= box["x"] + 1
                or box["y"] + box["height"] <= other["y"] + 1
                or other["y"] + other["height"] <= box["y"] + 1
            ), (box, other)


def test_one_hand_chooses_for_both(page: Page) -> None:
    comparison = compared()
    a, b = opened(page, comparison)
    assert page.locator("[data-testid=chip]:visible").count() == 3  # one row of words
    a.part("chip", word=2).click()
    eventually(lambda: b.trait("word") == 2)
    a.slide("threshold", 0.8)
    eventually(lambda: (b.trait("threshold"), comparison.right.threshold) == (0.8, 0.8))
    titles = [title.inner_text() for title in page.locator("[data-testid=side-title]").all()]
    assert titles[0].startswith("A · “fox”")
    assert titles[1].startswith("B · “cat”")


def test_the_heads_of_a_of_b_and_their_difference(page: Page) -> None:
    a, _ = opened(page, compared())
    button = "[data-testid=pair-heads][data-which={}]"
    own = a.pixels("atlas-tiles")
    page.locator(button.format("difference")).click()
    eventually(lambda: not np.array_equal(a.pixels("atlas-tiles"), own))
    page.locator(button.format("b")).click()
    eventually(lambda: page.locator("[data-testid=atlas]:visible").count() == 1)


def test_other_layers_have_no_difference_of_heads_and_it_says_why(page: Page) -> None:
    opened(page, compared(heads=(2, 4)))
    assert page.locator("[data-testid=pair-heads][data-which=difference]").is_disabled()
    assert "other layers" in str(page.locator("[data-testid=pair-heads-said]").text_content())
