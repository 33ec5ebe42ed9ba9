"""What people wrote around the numbers of the results' pages is finished."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs/results").glob("*.md"))
NUMBERS = re.compile(r"<!-- numbers: begin -->.*?<!-- numbers: end -->", flags=re.DOTALL)
UNWRITTEN = "(not yet written)"  # of a new page
NAMES = {"CLIP", "COCO", "CSV", "DAAM", "PNG", "SDXL"}


def left_over(text: str) -> list[str]:
    """Words of three or more capitals in the prose that are no name, such as OWN for a number."""
    prose = NUMBERS.sub("", text)
    found = [word for word in re.findall(r"\b[A-Z]{3,}\b", prose) if word not in NAMES]
    return [*found, *([UNWRITTEN] if UNWRITTEN in prose else [])]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_prose_of_a_page_holds_no_placeholder(path: Path) -> None:
    assert left_over(path.read_text(encoding="utf-8")) == []


def test_a_placeholder_is_found() -> None:
    inside = "<!-- numbers: begin -->\n| IOU | TODO |\n<!-- numbers: end -->"
    assert left_over(f"mIoU and DAAM's CSV\n{inside}\n0.85 and OWN\n(not yet written)") == [
        "OWN",
        UNWRITTEN,
    ]
