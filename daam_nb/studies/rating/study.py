"""Human ratings: how well a word's map fits, and which of two objects an image shows.

    items = rating.word_items(runs, each=20, controls=20)       # or rating.pair_items(runs)
    rating.rate(items, rater="anna", into="ratings/words")      # a page, answered by keys
    rating.summary(rating.ratings("ratings/words"))             # mean opinion score, with intervals

    tasks        the two questions, their answers and instructions
    items        what is rated, and in which order
    answers      one rater's answers in a CSV file
    consistency  whether the rows of such files say what was asked
    session      a rater, the items, the file; what the page asks
    statistics   means and agreement

Generalized attribution is that of Tang et al. 2023, "What the DAAM",
https://aclanthology.org/2023.acl-long.310. No scores ship with the package.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_choice, check_flag, check_path, kind_of, names_checked
from daam_nb.show.figures import Figure
from daam_nb.show.rating import Given, page_of
from daam_nb.studies.corpus.rows import table as made_table
from daam_nb.studies.oracles.presence import RatedPresence
from daam_nb.studies.rating.answers import Row, check_act, columns_of, read_answers
from daam_nb.studies.rating.consistency import check_alike, checked_rows
from daam_nb.studies.rating.items import Deck, Item, pair_items, word_items
from daam_nb.studies.rating.session import ABOUT, Session, about
from daam_nb.studies.rating.statistics import CONTROL, agreement, alpha, raters, summary
from daam_nb.studies.rating.tasks import PAIRS, TASKS, WORDS, Task
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.intervals import ENOUGH

if TYPE_CHECKING:
    from daam_nb.show.rating import Rating

__all__ = [
    "CONTROL",
    "PAIRS",
    "TASKS",
    "WORDS",
    "Deck",
    "Given",
    "Item",
    "Session",
    "Task",
    "agreement",
    "alpha",
    "columns_of",
    "figures",
    "pair_items",
    "presence",
    "rate",
    "raters",
    "ratings",
    "report",
    "summary",
    "word_items",
]

Folder = str | os.PathLike[str]

_NUMBERS: dict[str, dict[str, str]] = {
    WORDS.name: {"score": "the answer, 1 (bad) to 5 (excellent)"},
    PAIRS.name: {
        "both": "1 where both objects were seen, else 0",
        "objects": "how many of the two were seen, 0 to 2",
    },
}
_WHOLE = ("number", "seed", "start", "end", "control")


@names_checked
def rate(
    items: Deck,
    *,
    rater: str,
    into: Folder,
    seed: int = 0,
    theme: str = "auto",
    large: bool = False,
) -> Rating:
    """Open a page that asks a rater about the items; displayed as the last line of a notebook cell.

    Each answer is a row of the rater's CSV file, written to disk before the next item is shown.
    After an interruption at any moment, the same call resumes at the first item without an answer.

    Parameters
    ----------
    items
        The items, from `word_items` or `pair_items`.
    rater
        The rater's name, in any script, as kept in the table. Each rater has a separate file.
    into
        The folder of the answers, for one task and one set of items.
    seed
        Seed of the order, which is random, and always the same for a rater.
    theme, large
        Appearance of the page: ``"auto"``, ``"light"`` or ``"dark"``; whether to use large type,
        for a projector.

    Raises
    ------
    StudyError
        If the folder holds answers to other items or with another seed (the message states which),
        or the rater's name is invalid.
    WrongKindError
        For items that are not a `Deck`.
    SelectionError
        For an unknown theme.
    MissingExtraError
        If anywidget or ipywidgets is not installed.
    """
    check_choice(theme, "theme", ("auto", "light", "dark"))
    check_flag(large, "large")
    return page_of(Session(items, rater=rater, into=into, seed=seed), theme=theme, large=large)


@names_checked
def ratings(folders: Folder | Iterable[Folder], *, skipped: bool = False) -> pd.DataFrame:
    """Read the answers of all raters.

    Parameters
    ----------
    folders
        The folder passed as ``into``, or several folders of one task, from raters at several
        machines. A folder without answers yet has no rows.
    skipped
        Whether to include skipped items, with their reasons; their numbers are NaN.

    Returns
    -------
    DataFrame
        One row per rater and item: the last answer, which is the one with the highest `number`. The
        columns of the file (`columns_of(task.columns)`), and for words ``score``, for pairs
        ``both`` and ``objects``; ``attrs["columns"]`` describes each, ``attrs["task"]`` names the
        task.

    Raises
    ------
    StudyError
        If a folder holds no answers, a file was changed or disagrees with the items asked, the
        tasks or settings differ, or a rater has answered an item in two files.
    """
    check_flag(skipped, "skipped")
    paths = _folders(folders)
    task = _one_task(paths)
    rows: dict[tuple[str, str], tuple[Path, Row]] = {}
    for path in sorted(file for folder in paths for file in folder.glob("*.csv")):
        for key, row in _standing(path, task).items():
            if key in rows:
                raise StudyError(
                    f"{key[0]!r} answered {key[1]!r} in two files, {rows[key][0]} and {path}. Move "
                    "one of them away."
                )
            rows[key] = path, row
    check_alike(rows.values(), task)
    kept = [row for _, row in rows.values() if skipped or row["act"] == "answer"]
    table_made = made_table(
        [_numbered(row, task) for row in kept],
        columns={**columns_of(task.columns), **_NUMBERS[task.name]},
    )
    table_made.attrs["task"] = task.name
    return table_made


@names_checked
def presence(folders: Folder | Iterable[Folder], *, name: str = "people") -> RatedPresence:
    """Make the answers "both", "one", "neither" the presence of a study of pairs.

    ``cohyponyms.presence_and_overlap(runs, presence=rating.presence("ratings/pairs"))``
    """
    table = ratings(folders)
    if table.attrs["task"] != PAIRS.name:
        raise StudyError(f"The answers are about {table.attrs['task']!r}, not about pairs.")
    return RatedPresence(table, name=name)


@names_checked
def report(folders: Folder | Iterable[Folder], *, enough: int = ENOUGH) -> Report:
    """Make a page of means, agreement and raters; without answers it states that.

    Raters appear by number, not by name. The observations hold the names: do not publish them.
    """
    table = ratings(folders)
    task = TASKS[table.attrs["task"]]
    title = {
        WORDS.name: "Generalized attribution: how well do people find that maps fit?",
        PAIRS.name: "Which of two objects do people see?",
    }[task.name]
    facts: dict[str, Any] = {"task": task.name, "question": task.form.title, "answers": len(table)}
    if table.empty:
        nothing = pd.DataFrame({"answers": [0], "what this means": ["Nobody has answered yet."]})
        return Report(f"rating-{task.name}", title, table, {"No answers yet": nothing}, {}, facts)
    means = summary(table, enough=enough)
    facts |= {
        "raters": table.rater.nunique(),
        "items": table.item.nunique(),
        "skipped": len(ratings(folders, skipped=True)) - len(table),
        "images": table.run.nunique(),
        "prompts": table.prompt.nunique(),
        "intervals": "95 %, of these raters; whole prompts as clusters, ten or more",
    }
    for name in ("parser", "layers"):
        if name in table:
            facts[name] = ", ".join(sorted(table[name].unique()))
    agreed = headed(agreement(table), {"alpha": "Krippendorff’s alpha"})
    headed_means = headed(means, _HEADINGS).rename(columns={"clusters": "prompts"})
    tables = {
        _MAIN[task.name]: headed_means,
        "Agreement of the raters": agreed,
        "Raters": raters(table),
    }
    return Report(f"rating-{task.name}", title, table, tables, figures(table, means), facts)


_HEADINGS = {"score": "mean opinion score", "both": "both seen", "objects": "objects seen"}
_MAIN = {WORDS.name: "Mean opinion score by part of speech", PAIRS.name: "By kind of pair"}


def figures(table: pd.DataFrame, means: pd.DataFrame | None = None) -> dict[str, Figure]:
    """Draw the means; no figure if there are no answers.

    Parameters
    ----------
    table
        Of `ratings`.
    means
        Of `summary`, where it was made before.
    """
    if table.empty:
        return {}
    rows = summary(table) if means is None else means
    who = f"{len(table)} answers of {table.rater.nunique()} to {table.item.nunique()} items; "
    caption = who + "lines: 95 % intervals by prompt; gray: too few to say much."
    if "pos" in rows:
        drawn = bars(
            rows,
            label="pos",
            value="score",
            title="How well people find that a word’s map fits",
            axis="mean opinion score, 1 (bad) to 5 (excellent)",
            limits=(1.0, 5.4),
            caption=caption,
        )
        return {"scores": drawn}
    drawn = bars(
        rows.assign(kind=rows.kind.replace("", "all")),
        label="kind",
        value="both",
        title="People see both objects",
        axis="answers",
        percent=True,
        caption=caption,
    )
    return {"both": drawn}


# --- inside ---------------------------------------------------------------------------------------


def _folders(folders: Any) -> list[Path]:
    """Read the folders of answers, several or one."""
    if folders is None or isinstance(folders, bytes | Mapping) or hasattr(folders, "columns"):
        raise StudyError(
            "Answers are read from one or several folders that were given as into=, not from "
            f"{kind_of(folders)}."
        )
    single = isinstance(folders, str | os.PathLike) or not isinstance(folders, Iterable)
    paths = [
        check_path(folder, "A folder of answers") for folder in ([folders] if single else folders)
    ]
    if not paths:
        raise StudyError("No folder of answers was given. Give at least one.")
    for path in paths:
        _check_folder(path)
    resolved = [path.resolve() for path in paths]
    twice = [path for path, whole in zip(paths, resolved, strict=True) if resolved.count(whole) > 1]
    if twice:
        raise StudyError(f"The folder {twice[0]} is given more than once. Give it once.")
    return paths


def _check_folder(path: Path) -> None:
    """Refuse what is no folder of answers; say where there are some near it."""
    if (path / ABOUT).is_file():
        return
    near = path if path.is_dir() else path.parent
    holders = sorted({file.parent for file in near.glob(f"*/{ABOUT}")})
    if (near / ABOUT).is_file():
        holders.insert(0, near)
    hint = f" There are answers in {', '.join(map(str, holders[:3]))}." if holders else ""
    if not path.exists():
        raise StudyError(
            f"There is no folder {path}. Answers are in the folder that was given to rating.rate "
            f"as into=.{hint}"
        )
    if not path.is_dir():
        raise StudyError(f"{path} is a file; answers are read from the folder that it is in.{hint}")
    raise StudyError(
        f"{path} holds no answers: there is no {ABOUT}. Give the folder that was given to "
        f"rating.rate as into=.{hint}"
    )


def _one_task(folders: list[Path]) -> Task:
    """The task of all folders, whose settings must agree."""
    abouts = [about(folder) for folder in folders]
    apart = ("items", "seed", "facts")
    settings = [{k: v for k, v in one.items() if k not in apart} for _, one in abouts]
    if not all("content" in each for each in settings):  # some are of an earlier version
        settings = [{k: v for k, v in each.items() if k != "content"} for each in settings]
    for one in settings:
        if one != settings[0]:
            raise StudyError(
                f"The folders hold answers to different questions: {settings[0]!r} and {one!r}. "
                "Read each separately."
            )
    return abouts[0][0]


def _standing(path: Path, task: Task) -> dict[tuple[str, str], Row]:
    """The last row of each item, by rater and item."""
    rows = read_answers(path, columns=list(columns_of(task.columns)))
    for number, row in enumerate(rows, 2):
        check_act(row, task.form.values, f"{path}, row {number},")
    _, asked = about(path.parent)
    standing: dict[tuple[str, str], Row] = {}
    for row in checked_rows(path, rows, task=task, items=asked["items"], facts=asked["facts"]):
        key = row["rater"], row["item"]
        standing.pop(key, None)
        standing[key] = row
    return standing


def _numbered(row: Row, task: Task) -> dict[str, Any]:
    columns: dict[str, Any] = dict(row)
    for name in _WHOLE:
        if name in columns:
            columns[name] = _whole_number(row, name)
    columns["seconds"] = float(row["seconds"])
    value = task.values.get(row["answer"])
    if task.name == WORDS.name:
        return {**columns, "score": value}
    return {**columns, "both": None if value is None else float(value == 2), "objects": value}


def _whole_number(row: Row, name: str) -> int | None:
    try:
        return int(row[name]) if row[name] not in ("", "None") else None
    except ValueError:
        raise StudyError(
            f"An answer of {row['rater']!r} has the {name} {row[name]!r}, which is not a whole "
            "number."
        ) from None
