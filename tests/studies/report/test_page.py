"""Reports: a page whose numbers are replaced and whose words stay."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report, markdown
from daam_nb.studies.report.readable import headed

MEANS = pd.DataFrame(
    {"word": ["a|b", "c"], "n": [3, 4], "iou": [0.5, math.nan], "iou_low": 0.1, "iou_high": 0.6}
)


def report(iou: float = 0.5) -> Report:
    means = MEANS.assign(iou=[iou, 0.25])
    figure = bars(means, label="word", value="iou", title="Bars")
    return Report(
        name="toys",
        title="Toys",
        observations=means,
        tables={"Means": means},
        figures={"words": figure},
        facts={"model": "m_1", "images": 7},
    )


def test_a_page_with_everything_on_it(tmp_path: Path) -> None:
    page = report().save(tmp_path / "results", command="daam-nb study toys")
    text = page.read_text()
    assert page.name == "toys.md"
    assert text.startswith("# Toys\n")
    assert "```sh\ndaam-nb study toys\n```" in text
    assert "| model | m\\_1 |" in text and "| images | 7 |" in text
    assert "| a\\|b | 3 | 0.500 | 0.100 | 0.600 |" in text
    assert "![Bars](toys/words.png)" in text
    csv = pd.read_csv(tmp_path / "results/toys/table-1.csv")
    assert csv["iou"].tolist() == [0.5, 0.25]
    assert (tmp_path / "results/toys/words.png").read_bytes()[:4] == b"\x89PNG"


def test_a_file_holds_numbers_in_columns_and_the_page_one_cell(tmp_path: Path) -> None:
    """The example of the issue: 0.200 [0.188, 0.214] is for reading, three numbers for a file."""
    none = math.nan
    summary = pd.DataFrame(
        {
            "kind": ["a", "b", "c"],
            "iou": [0.2, 0.5, none],
            "iou_low": [0.188, none, none],
            "iou_high": [0.214, none, none],
            "iou_n": [9, 2, 0],
        }
    )
    table = headed(summary, {"iou": "mIoU"})
    report = Report("toys", "Toys", summary, {"Means": table}, {})
    page = report.save(tmp_path).read_text()
    assert "| kind | mIoU | n, mIoU |" in page
    assert "| a | 0.200 \\[0.188, 0.214\\] | 9 |" in page and "| b | 0.500 | 2 |" in page
    written = pd.read_csv(tmp_path / "toys/table-1.csv")
    assert list(written.columns) == ["kind", "mIoU", "mIoU, low", "mIoU, high", "n, mIoU"]
    assert written.iloc[0].tolist() == ["a", 0.2, 0.188, 0.214, 9]
    assert written.dtypes.astype(str).tolist()[1:] == ["float64"] * 3 + ["int64"]
    assert "0.200 [0.188, 0.214]" in report._repr_html_()


def test_what_people_wrote_stays(tmp_path: Path) -> None:
    page = report(0.5).save(tmp_path)
    page.write_text(page.read_text().replace("(not yet written)", "Much, \\1 and $2."))
    report(0.75).save(tmp_path)
    text = page.read_text()
    assert "Much, \\1 and $2." in text
    assert "0.750" in text and "0.500" not in text
    assert text.count("### Means") == 1


def test_a_page_without_a_place_for_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toys.md").write_text("# mine\n")
    with pytest.raises(StudyError, match="no place for the numbers"):
        report().save(tmp_path)
    assert (tmp_path / "toys.md").read_text() == "# mine\n"


def test_tables_as_markdown() -> None:
    text = markdown(pd.DataFrame({"x": ["*a*\n<b>", None], "y": [True, False], "z": [1.0, 0.0002]}))
    assert text.splitlines() == [
        "| x | y | z |",
        "|---|---|---|",
        "| \\*a\\* \\<b\\> | yes | 1.000 |",
        "|  | no | \\< 0.001 |",
    ]
