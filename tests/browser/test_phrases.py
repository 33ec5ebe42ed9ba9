"""Phrases made by hand in the page: by mouse, keyboard and touch, with and without a kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import daam_nb as dnb
from daam_nb.show.explorer.page.widget import Explorer as Widget
from tests.browser.bare import show
from tests.browser.explorer import Explorer, close_to, eventually, explorers
from tests.tiny_recordings import tiny_recording, with_effects

TEXT = "a red apple, and a green dog"  # "apple" is a token, and so is the comma
RUN = tiny_recording(TEXT, steps=4)
RED, APPLE, AND, GREEN, DOG = 1, 2, 3, 5, 6
STEPS = slice(1, 3)


def opened_with(page: Page, widget: Widget) -> Explorer:
    show(page, widget, around="body { margin: 0 }")
    return explorers(page)[0]


def chosen(found: Explorer) -> str:
    """The text of the chip that is shown."""
    return str(found.part("chip", role="a").text_content())


def drawn_as(found: Explorer, text: str) -> None:
    eventually(lambda: chosen(found) == text)
    found.settle()


def test_a_phrase_grows_and_shrinks_by_alt_clicks_and_its_map_is_that_of_heat_maps(
    page: Page,
) -> None:
    widget = dnb.explore(RUN, parser=False, word="red")
    found = opened_with(page, widget)
    found.part("chip", word=AND).click(modifiers=["Alt"])
    drawn_as(found, "red apple, and")
    found.part("chip", word=APPLE).click(modifiers=["Alt"])
    drawn_as(found, "red apple")
    assert widget.words[widget.word].text == "red apple"
    values, facts = found.shown()
    assert facts["kind"] == "exact"
    expected = dnb.heat_maps(RUN, **widget.selection).word("red apple").values.numpy()
    np.testing.assert_array_equal(values, expected)
    assert "red apple" in (found.part("title").text_content() or "")
    # It stands behind its words, with the button that dismisses it.
    order = found.root.evaluate(
        "root => [...root.querySelectorAll('.daam-chips > :not([hidden])')]"
        ".map(node => node.dataset.testid === 'dismiss' ? 'x' : node.textContent)"
    )
    assert order[:5] == ["a", "red", "apple", "red apple", "x"]
    # Before the word it began with, it grows to the other side.
    found.part("chip", word=0).click(modifiers=["Alt"])
    drawn_as(found, "a red")


def test_a_dismissed_phrase_goes_and_comes_back_under_its_number(page: Page) -> None:
    widget = dnb.explore(RUN, parser=False, word="red")
    found = opened_with(page, widget)
    found.part("chip", word=APPLE).click(modifiers=["Alt"])
    drawn_as(found, "red apple")
    number = widget.word
    found.part("dismiss").first.click()
    drawn_as(found, "red")
    assert not found.part("chip", word=number).is_visible()
    assert not found.part("dismiss").first.is_visible()
    said = found.root.locator("[aria-live]").all_text_contents()
    assert any("red apple" in text for text in said)
    found.part("chip", word=APPLE).click(modifiers=["Alt"])
    drawn_as(found, "red apple")
    assert widget.word == number
    found.part("chip", word=number).focus()
    page.keyboard.press("Delete")
    drawn_as(found, "red")


def test_the_keyboard_extends_a_word_and_a_screen_reader_hears_it(page: Page) -> None:
    widget = dnb.explore(RUN, parser=False, word="apple")
    found = opened_with(page, widget)
    found.part("chip", word=APPLE).focus()
    page.keyboard.press("Control+Shift+ArrowRight")
    drawn_as(found, "apple, and")
    page.keyboard.press("Control+Shift+ArrowLeft")
    drawn_as(found, "apple")
    page.keyboard.press("Control+Shift+ArrowLeft")
    live = found.root.locator("[aria-live]")
    eventually(lambda: any("Phrase “red apple”, the mean of 2 tokens." in text
                           for text in live.all_text_contents()))  # fmt: skip
    drawn_as(found, "red apple")
    focused = "root => root.ownerDocument.activeElement.dataset.testid"
    assert found.root.evaluate(focused) == "chip"


def test_a_drag_over_words_is_a_phrase_and_a_click_is_none(page: Page) -> None:
    widget = dnb.explore(RUN, parser=False, word="dog")
    found = opened_with(page, widget)
    page.mouse.move(*found.at(found.part("chip", word=RED), 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*found.at(found.part("chip", word=AND), 0.5, 0.5), steps=8)
    dragged = found.root.locator(".daam-chip[data-dragged]")
    assert dragged.all_text_contents() == ["red", "apple", "and"]
    page.mouse.up()
    drawn_as(found, "red apple, and")
    assert dragged.count() == 0
    found.part("chip", word=GREEN).click()
    drawn_as(found, "green")


def test_a_finger_makes_a_phrase_by_the_button(browser: Browser) -> None:
    widget = dnb.explore(RUN, parser=False, word="green")
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    found = opened_with(context.new_page(), widget)
    button = found.part("phrase")
    button.tap()
    assert button.get_attribute("aria-pressed") == "true"
    found.part("chip", word=DOG).tap()
    drawn_as(found, "green dog")
    assert button.get_attribute("aria-pressed") == "false"
    context.close()


def test_a_phrase_that_no_effect_was_recorded_of_is_refused_and_nothing_changes(
    page: Page,
) -> None:
    run = with_effects(tiny_recording("a red fox in the snow", steps=3), ((2,), (3,), (6,)))
    widget = dnb.explore(run, parser=False, kind="effect", word="red")
    found = opened_with(page, widget)
    found.part("chip", word=2).click(modifiers=["Alt"])
    eventually(lambda: "'red fox'" in found.root.inner_text())
    assert chosen(found) == "red"


# --- without a kernel -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["attention", "share"])
def test_a_hand_out_makes_the_map_of_a_phrase_of_those_of_its_words(
    page: Page, tmp_path: Path, kind: str
) -> None:
    run = tiny_recording("a red apple and a green dog", steps=4)
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="red", kind=kind)
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.part("chip", word=APPLE).click(modifiers=["Alt"])
    drawn_as(found, "red apple")
    values, facts = found.shown()
    expected = dnb.heat_maps(run, kind=kind).word("red apple").values.numpy()
    assert facts["kind"] == "exact"
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)
    preview, facts = found.move(steps=[1, 3])
    assert facts["kind"] == "preview"
    part = [dnb.heat_maps(run, kind=kind, steps=n).word("red apple").values for n in (1, 2)]
    assert close_to(preview, ((part[0] + part[1]) / 2).numpy())
    found.root.evaluate("root => root.__daam.state.set({steps: [0, 4], layer: 1, head: 0})")
    found.settle()
    values, _ = found.shown()
    head = {"layers": [run.layers[1].name], "heads": 0}
    expected = dnb.heat_maps(run, kind=kind, **head).word("red apple").values.numpy()
    assert np.abs(values - expected).max() <= expected.max() / 100


def test_an_address_holds_a_phrase_by_its_words(page: Page, tmp_path: Path) -> None:
    run = tiny_recording("a red apple and a green dog", steps=2)
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="dog")
    page.goto(f"{file.as_uri()}#word=1-2&word_b=5-6")
    [found] = explorers(page)
    drawn_as(found, "red apple")
    assert found.part("chip", role="b").text_content() == "green dog"
    found.part("chip", word=AND).click(modifiers=["Alt"])
    drawn_as(found, "red apple and")
    ends = "#word=1-3&word_b=5-6"
    eventually(lambda: str(page.evaluate("location.href")).endswith(ends))
    page.reload()
    [found] = explorers(page)
    drawn_as(found, "red apple and")
    page.evaluate("location.hash = '#word=3-2'")
    eventually(lambda: "“word=3-2”" in found.root.inner_text())


def test_a_hand_out_says_when_it_holds_no_map_of_all_of_a_phrase(
    page: Page, tmp_path: Path
) -> None:
    run = tiny_recording("a red apple, and a dog", steps=2)
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="red")
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.part("chip", word=AND).click(modifiers=["Alt"])
    eventually(lambda: "This page holds no map of “,”" in found.root.inner_text())
    assert chosen(found) == "red"
