"""Questions of the browser that are no choices: a pixel, a region, a head to look at, a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from daam_nb.errors import DaamError
from daam_nb.show.explorer import exporting
from daam_nb.show.explorer.entries import clean
from daam_nb.show.explorer.ranking import Ranked, bars

if TYPE_CHECKING:
    from daam_nb.show.explorer.widget import Explorer

Answer = tuple[dict[str, Any], list[bytes]]


def answer(explorer: Explorer, question: Any) -> Answer | None:
    """Answer one message.

    Parameters
    ----------
    explorer
        The one asked.
    question
        A dict with `type` and `id`; see the functions below.

    Returns
    -------
    dict
        With the same `id`; type ``"error"`` and a text where it cannot be answered.
    list of bytes
        Binary parts.
    None
        Where the message is none of ours.
    """
    if not isinstance(question, dict) or question.get("type") not in _ANSWERS:
        return None
    try:
        content, buffers = _ANSWERS[question["type"]](explorer, question)
    except KeyError as error:
        content, buffers = {"type": "error", "text": f"The question lacks {error}."}, []
    except DaamError as error:
        content, buffers = {"type": "error", "text": clean(str(error))}, []
    return {**content, "id": question.get("id")}, buffers


def _pixel(explorer: Explorer, question: dict[str, Any]) -> Answer:
    """{y, x}, 0 to 1 -> the words ranked there."""
    rows = explorer.words_at(question["y"], question["x"])
    return {"type": "words", "rows": _rows(rows)}, []


def _region(explorer: Explorer, question: dict[str, Any]) -> Answer:
    """{polygon, word?} -> the words ranked in it, and bars of one of them."""
    selected = explorer.selected
    if question.get("word") is not None:
        selected = replace(selected, word=explorer.number_of(question["word"]))
    rows = explorer.words_in(question["polygon"])
    found = bars(explorer.subject, selected, question["polygon"])
    by_layer = dict(found.by_layer)
    content = {
        "type": "region",
        "rows": _rows(rows),
        "bars_of": found.word,
        "by_step": list(found.by_step),
        "by_layer": [by_layer.get(n) for n in range(len(explorer.subject.layers))],
        "inside": found.inside,
    }
    return content, []


def _png(explorer: Explorer, question: dict[str, Any]) -> Answer:
    """{what} -> a PNG and a name for its file."""
    what = question["what"]
    drawn = exporting.png_of(explorer, what)
    return {"type": "png", "what": what, "name": exporting.file_name(explorer, what)}, [drawn]


def _rows(rows: tuple[Ranked, ...]) -> list[dict[str, Any]]:
    return [{**asdict(row), "text": clean(row.text)} for row in rows]


_ANSWERS: dict[str, Callable[[Any, dict[str, Any]], Answer]] = {
    "pixel": _pixel,
    "region": _region,
    "png": _png,
}
