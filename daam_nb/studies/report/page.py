"""One study's tables and figures, and the page they are printed on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_path
from daam_nb.show.figures import Figure
from daam_nb.storage import PART, told, write_file
from daam_nb.studies.report.csv_cells import inert
from daam_nb.studies.report.readable import in_cells

MAX_BYTES = 150_000  # of a figure, before it is drawn with fewer dots
SCALE, SMALL_SCALE = 150 / 96, 100 / 96  # dots per figure pixel: 150 and 100 to the inch
_BEGIN, _END = "<!-- numbers: begin -->", "<!-- numbers: end -->"


@dataclass(frozen=True)
class Report:
    """What a study found.

    Attributes
    ----------
    name
        As in `STUDIES`; the names of files begin with it.
    title
        Of the page.
    observations
        One row per observation; ``attrs["columns"]`` says what each column is.
    tables
        Heading -> a small table, such as a summary; the first is the main one. Numbers are
        numbers: the ends of the interval of ``X`` stand in ``X, low`` and ``X, high``, and only the
        page writes the three into one cell.
    figures
        A short file name without suffix -> figure.
    facts
        What was run: model, images, judge, parser, thresholds; plain values.
    """

    name: str
    title: str
    observations: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Figure]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: str | Path, *, command: str = "") -> Path:
        """Write the page, its figures, and the tables as CSV.

        Parameters
        ----------
        folder
            Made where missing. Gets ``<name>.md``, ``<name>/<figure>.png``,
            ``<name>/<table number>.csv``.
        command
            The very command that made it, as it stands on the page.

        Returns
        -------
        Path
            The page. On a page that is there already only what stands between
            ``<!-- numbers: begin -->`` and ``<!-- numbers: end -->`` is replaced: what people wrote
            around it stays.
        """
        folder = check_path(folder, "The folder of a report")
        parts = folder / self.name
        with told(parts, "written"):
            parts.mkdir(parents=True, exist_ok=True)
        _clear_unfinished(folder, self.name)
        for name, figure in self.figures.items():
            file = figure.save(parts / f"{name}.png", scale=SCALE)
            if file.stat().st_size > MAX_BYTES:
                figure.save(file, scale=SMALL_SCALE)
        for number, table in enumerate(self.tables.values(), 1):
            write_file(parts / f"table-{number}.csv", _csv(table))
        page = folder / f"{self.name}.md"
        before = page.read_text(encoding="utf-8") if page.exists() else self._new_page()
        if before.count(_BEGIN) != 1 or before.count(_END) != 1:
            raise StudyError(
                f"{page} lacks the line {_BEGIN} or {_END}, so there is no place for the numbers. "
                "Add both, or delete the page."
            )
        numbers = f"{_BEGIN}\n{self._numbers(command)}\n{_END}"
        pattern = re.escape(_BEGIN) + ".*" + re.escape(_END)
        after = re.sub(pattern, lambda _: numbers, before, flags=re.DOTALL)
        write_file(page, after.encode())
        return page

    def _new_page(self) -> str:
        return f"# {self.title}\n\n{_BEGIN}\n{_END}\n\n## What it shows\n\n(not yet written)\n"

    def _numbers(self, command: str) -> str:
        parts = []
        if command:
            # The mark tells the tests of the documents not to run it.
            parts.append(f"<!-- not run: the whole study -->\n```sh\n{command}\n```")
        if self.facts:
            parts.append(
                markdown(pd.DataFrame({"what": self.facts.keys(), "": self.facts.values()}))
            )
        for number, (heading, table) in enumerate(self.tables.items(), 1):
            link = f"[as CSV]({self.name}/table-{number}.csv)"
            parts.append(f"### {heading}\n\n{markdown(in_cells(table))}\n\n{link}")
        for name, figure in self.figures.items():
            parts.append(f"![{figure.title}]({self.name}/{name}.png)")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return self.main()._repr_html_()  # type: ignore[no-any-return]

    def main(self) -> pd.DataFrame:
        """The main table for reading: each mean and its interval in one cell."""
        return in_cells(next(iter(self.tables.values())))


def _clear_unfinished(folder: Path, name: str) -> None:
    """Remove what an earlier save of this report left when it was killed inside a write."""
    for entry in [*folder.glob(f".{name}.md.*.part"), *(folder / name).glob(".*.part")]:
        if PART.fullmatch(entry.name):
            entry.unlink(missing_ok=True)


def markdown(table: pd.DataFrame, *, digits: int = 3) -> str:
    """Write a table as Markdown; texts are text, never markup."""
    head = [_cell(name, digits) for name in table.columns]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in table.itertuples(index=False):
        lines.append(f"| {' | '.join(_cell(value, digits) for value in row)} |")
    return "\n".join(lines)


def _csv(table: pd.DataFrame) -> bytes:
    """As CSV, in which no text begins a formula."""
    safe = table.map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
    safe.columns = pd.Index([inert(str(name)) for name in table.columns])
    return str(safe.to_csv(index=False)).encode("utf-8", "surrogatepass")


def _cell(value: object, digits: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and 0 < value < 0.5 * 10**-digits:
        return rf"\< {10**-digits:g}"  # a small p is not 0
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}f}"
    if value is None or value is pd.NA:
        return ""
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text)
