"""The steps as an animation from the page: a GIF of the kernel, or frames that the page draws."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

import daam_nb as dnb
from tests.browser.bare import show
from tests.browser.explorer import Explorer, eventually, explorers
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a red apple and a dog", steps=6)
FORMING = [Image.new("RGB", (96, 64), (40 * n, 200 - 40 * n, 0)) for n in range(6)]


def saved(found: Explorer, what: str, *, suffix: str = "") -> Path:
    if not found.part("film").is_visible():
        found.part("more").click()
    found.part("film-what").select_option(what)
    if suffix:
        found.part("film-as").select_option(suffix)
    with found.page.expect_download() as download:
        found.part("film").click()
    return download.value.path()


def test_the_kernel_draws_the_gif_that_python_writes(page: Page, tmp_path: Path) -> None:
    widget = dnb.explore(RUN, parser=False, word="apple", images=FORMING, steps=slice(1, 5))
    show(page, widget, around="body { margin: 0 }")
    [found] = explorers(page)
    for what in ("overlay", "image", "side_by_side"):
        file = saved(found, what)
        expected = widget.to_animation(tmp_path / f"{what}.gif", what=what)  # type: ignore[arg-type]
        assert file.read_bytes() == expected.read_bytes()
        with Image.open(file) as film:
            assert film.n_frames == 4  # type: ignore[attr-defined]
    eventually(lambda: found.part("film-note").text_content() == "Saved.")


def test_videos_and_frames_too(page: Page, tmp_path: Path) -> None:
    widget = dnb.explore(RUN, parser=False, word="apple", images=FORMING, steps=slice(1, 5))
    show(page, widget, around="body { margin: 0 }")
    [found] = explorers(page)
    for suffix in ("webm", "zip"):
        file = saved(found, "side_by_side", suffix=suffix)
        expected = widget.to_animation(tmp_path / f"steps.{suffix}", what="side_by_side")
        assert len(file.read_bytes()) == len(expected.read_bytes())
    with zipfile.ZipFile(tmp_path / "steps.zip") as archive:
        assert archive.namelist() == [f"step-{n:04}.png" for n in range(1, 5)]


def test_what_is_not_possible_is_said(page: Page) -> None:
    widget = dnb.explore(RUN, parser=False, word="apple")
    show(page, widget, around="body { margin: 0 }")
    [found] = explorers(page)
    found.part("more").click()
    found.part("film-what").select_option("image")
    found.part("film").click()
    eventually(lambda: "images=forming_images" in (found.part("film-note").text_content() or ""))


def test_a_film_that_is_cancelled_is_not_saved_and_another_can_be(page: Page) -> None:
    run = tiny_recording("a red apple and a dog", steps=6)
    widget = dnb.explore(run, parser=False, word="apple")
    show(page, widget, around="body { margin: 0 }")
    [found] = explorers(page)
    found.part("more").click()
    press = """root => {
      root.querySelector('[data-testid=film]').click();
      root.querySelector('[data-testid=film-cancel]').click();
    }"""
    found.root.evaluate(press)
    eventually(lambda: "Cancelled" in (found.part("film-note").text_content() or ""))
    with Image.open(saved(found, "overlay")) as film:
        assert film.n_frames == 6  # type: ignore[attr-defined]


def test_a_hand_out_saves_its_frames_and_shows_what_it_showed(page: Page, tmp_path: Path) -> None:
    file = dnb.hand_out(RUN, tmp_path / "page.html", parser=False, word="apple", images=FORMING)
    page.goto(file.as_uri())
    [found] = explorers(page)
    for what, width in (("overlay", 1), ("image", 1), ("side_by_side", 2)):
        with zipfile.ZipFile(io.BytesIO(saved(found, what).read_bytes())) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [f"step-{n:04}.png" for n in range(6)]
            frames = [
                np.asarray(Image.open(archive.open(name)).convert("RGB"))
                for name in archive.namelist()
            ]
        height, wide = RUN.facts.image_size
        assert {frame.shape for frame in frames} == {(height, width * wide, 3)}
        if what == "image":  # more red and less green at every step
            reds = [float(frame[..., 0].mean()) for frame in frames]
            assert reds == sorted(reds) and reds[-1] - reds[0] > 150
    assert found.trait("steps") == [0, 6]
    assert found.trait("follow_step") is False
