"""The page about the menagerie and the model card state what was measured, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from daam_nb.menagerie import card
from daam_nb.menagerie.model import JOINT
from scripts.menagerie_figures import write_sheet
from scripts.menagerie_page import (
    JOINT_RESULTS,
    KNOWN,
    PAGES,
    RESULTS,
    ROOT,
    blocks,
    filled,
    joint_blocks,
    results,
    spread,
)

measured = pytest.mark.skipif(
    not (RESULTS / "score.json").exists(), reason="no score of the shipped weights yet"
)


def test_blocks_are_made_anew_and_the_words_around_them_stay() -> None:
    page = "before\n<!-- figures: nouns -->\nold\n<!-- end -->\nafter <!-- figures: nouns --> too\n"
    made = filled(page, {"nouns": "| new |\n"})
    assert made == page.replace("old\n", "| new |\n")
    assert filled(page, {}) == page


def test_a_block_that_nothing_fills_is_named() -> None:
    with pytest.raises(KeyError, match="'sizes'"):
        filled("<!-- figures: sizes -->\n<!-- end -->", {})


def test_images_are_spread_over_their_group() -> None:
    assert spread(range(100, 200), 4) == [100, 125, 150, 175]
    assert spread([5, 6, 7], 3) == [5, 6, 7]


@pytest.mark.parametrize("written", PAGES, ids=lambda path: path.name)
def test_every_mark_is_known_and_closed(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    marks = re.findall(r"<!-- figures: (.*?) -->", text)
    assert marks and set(marks) <= KNOWN and text.count("<!-- end -->") == len(marks)


@pytest.mark.parametrize("written", PAGES, ids=lambda path: path.name)
def test_the_tables_are_those_of_the_results(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert filled(text, blocks(results()) | joint_blocks()) == text


@measured
def test_the_results_are_those_of_the_shipped_weights() -> None:
    for name, facts in results().items():
        assert facts["model"] == card().model_id, f"{name}.json is about other weights"
    rows = [json.loads(x) for x in (RESULTS / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == json.loads((RESULTS / "score.json").read_text())["pictures"] == 540
    joint = results(JOINT_RESULTS)["score"]
    assert joint["model"] == card(JOINT).model_id and joint["pictures"] == 540


def test_its_images_are_there_and_small() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
        image = ROOT / "docs" / name
        assert image.exists(), name
        assert image.stat().st_size < 200_000, name


def test_a_sheet_has_room_for_every_image_and_its_words(tmp_path: Path) -> None:
    images = [Image.new("RGB", (64, 64), (i, 0, 0)) for i in range(9)]
    prompts = ["a zebra", "a very long prompt that needs three lines or more of it"] * 4 + ["a"]
    write_sheet(tmp_path / "sheet.png", images, prompts, [True, False] * 4 + [True])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 7 * 122 and sheet.height > 2 * 150
        pixels = sheet.convert("RGB")
        assert pixels.getpixel((5 + 56, 4 + 112 + 4)) == (0, 92, 175)
        line = [pixels.getpixel((x, 4 + 112 + 4)) for x in range(127, 239)]
        assert (213, 94, 0) in line and (255, 255, 255) in line
