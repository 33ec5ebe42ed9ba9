"""The options in the documents are those of the dataclasses."""

from __future__ import annotations

from pathlib import Path

from scripts.study_options import renewed

ROOT = Path(__file__).resolve().parents[2]


def test_the_tables_of_options_are_those_of_now() -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert renewed(text) == text, "python -m scripts.study_options docs/studies.md"
    assert "`--curve-images N`" in text
