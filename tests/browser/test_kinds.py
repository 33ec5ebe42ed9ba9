"""Kinds of map in the page: named, with their unit, at both widths; and joint attention's unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.recording import Recording
from tests.browser.explorer import eventually, explorers
from tests.tiny_recordings import joint_layers, tiny_recording, with_effects, with_gradients

TEXT = "a red fox in the snow"
RUN = with_effects(tiny_recording(TEXT, steps=5), ((2,), (3,), (6,)))
GRADIENTS = with_gradients(RUN, ((2,), (3,), (6,)))
JOINT = tiny_recording(TEXT, layers=joint_layers())
NOT_COMPARABLE = "Sizes are not comparable between words"
SIZES = ({"width": 966, "height": 590}, {"width": 400, "height": 900})


@pytest.mark.parametrize(
    ("run", "kind", "title", "unit", "scale"),
    [
        (RUN, "attention", "Attention to “fox”", "Attention probability", NOT_COMPARABLE),
        (RUN, "share", "Share of the text’s attention to “fox”", "Share of the text's attention",
         "Sizes may be compared"),
        (RUN, "effect", "Effect of “fox”", "Change of the layers' outputs, as a share of them",
         "Sizes may be compared"),
        (GRADIENTS, "gradient", "Gradient of “fox”",
         "First-order change of the prediction, as a share of it", "Sizes may be compared"),
        (JOINT, "attention", "Attention to “fox”", "Attention probability over image and text",
         NOT_COMPARABLE),
    ],
    ids=["attention", "share", "effect", "gradient", "joint"],
)  # fmt: skip
def test_a_page_says_what_its_maps_are(
    page: Page, tmp_path: Path, *, run: Recording, kind: str, title: str, unit: str, scale: str
) -> None:
    file = dnb.hand_out(run, tmp_path / "page.html", kind=kind, word="fox", parser=False)
    page.goto(file.as_uri())
    [found] = explorers(page)
    values, shown = found.settle().shown()
    assert shown["kind"] == "exact"
    np.testing.assert_array_equal(values, dnb.heat_maps(run, kind=kind)["fox"].values.numpy())
    assert found.part("title").inner_text() == title
    assert found.part("unit").inner_text() == unit
    bar = found.root.locator(".daam-legend-bar")
    assert bar.get_attribute("title") == f"{unit}, up to this map's peak"
    kept = {"red", "fox", "snow"} if kind in ("effect", "gradient") else set(TEXT.split())
    for size in SIZES:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        found.hover(0.4, 0.6)
        found.part("rank").first.wait_for()
        told = found.part("rank").first.get_attribute("title") or ""
        assert told.startswith(unit[0].lower() + unit[1:])
        order = found.part("control-rank_by")
        order.select_option("lift")
        found.part("ranking-note").get_by_text("Gray: 90 % of all places.").wait_for()
        order.select_option("share")
        found.part("ranking-note").get_by_text(scale).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ranked = {row.inner_text().split()[0] for row in found.part("rank").all()}
        assert ranked == kept
        page.screenshot(path=tmp_path / f"{kind}-{size['width']}.png")
    chips = {one.inner_text() for one in found.part("chip", kind="word").all() if one.is_enabled()}
    assert chips == kept
    other = found.part("chip", word=1)
    other.click()
    eventually(lambda: found.part("title").inner_text() == title.replace("fox", "red"))
