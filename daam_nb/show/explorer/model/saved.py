"""Selections kept by name: which layers, heads and steps, to be chosen again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from daam_nb.errors import SelectionError
from daam_nb.kinds import kind_of
from daam_nb.show.explorer.model.selection import Selected, check, layer_and_head, places_of
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.values import ChoiceName, Kind, SeveralHeads, Steps, Whole
from daam_nb.show.lettering import plain

PARTS: dict[str, Kind] = {
    "choice": ChoiceName(),
    "layer": Whole(low=-1),
    "head": Whole(low=-1),
    "heads": SeveralHeads(),
    "steps": Steps(),
}
"""What of the explorer's choices a saved selection holds, and how each is read."""

MOST = 50
LONGEST_NAME = 60

Saved = tuple[tuple[str, dict[str, Any]], ...]
"""(name, values of `PARTS`), in the order in which they were saved."""


def name_of(name: object) -> str:
    """Read the name of a selection: letters that can be shown, without blanks around.

    Raises
    ------
    SelectionError
        For anything but a text of 1 to `LONGEST_NAME` characters.
    """
    if not isinstance(name, str):
        raise SelectionError(f"The name of a selection is a text, not {kind_of(name)}.")
    shown = " ".join(plain(name[: 4 * LONGEST_NAME]).split())
    if not shown or len(shown) > LONGEST_NAME:
        raise SelectionError(
            f"The name of a selection has 1 to {LONGEST_NAME} characters; {name!r:.80} does not."
        )
    return shown


def selected(subject: Subject, values: Mapping[str, Any], *, word: int = 0) -> Selected:
    """Write the values of a saved selection by their numbers and places."""
    layer, head = layer_and_head(subject, values["layer"], values["head"], values["heads"])
    return Selected(word, values["choice"], layer, head, places_of(subject, values["steps"]))


@dataclass(frozen=True)
class SavedSelections(Kind):
    """Selections by name: (name, values of `PARTS`) pairs, or a mapping of these."""

    values: str = "selections by name, as save_selection keeps them"

    def read(self, value: Any, subject: Subject) -> Saved:
        return self._read(value, subject, of_page=False)

    def of_page(self, value: Any, subject: Subject) -> Saved:
        return self._read(value, subject, of_page=True)

    def for_page(self, value: Saved, subject: Subject | None = None) -> list[Any]:
        return [
            [name, {part: PARTS[part].for_page(chosen, subject) for part, chosen in values.items()}]
            for name, values in value
        ]

    def _read(self, value: Any, subject: Subject, *, of_page: bool) -> Saved:
        items = value.items() if isinstance(value, Mapping) else value
        if isinstance(items, str) or not isinstance(items, Iterable):
            raise self.refuse(value)
        pairs = list(items)
        if len(pairs) > MOST:
            raise SelectionError(f"At most {MOST} selections can be kept, not {len(pairs)}.")
        saved: dict[str, dict[str, Any]] = {}
        for pair in pairs:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise self.refuse(pair)
            name, values = name_of(pair[0]), pair[1]
            if not isinstance(values, Mapping) or set(values) != set(PARTS):
                raise SelectionError(
                    f"The selection {name!r} must have the parts {', '.join(PARTS)}, not "
                    f"{values!r:.200}."
                )
            read = {
                part: (kind.of_page if of_page else kind.read)(values[part], subject)
                for part, kind in PARTS.items()
            }
            named = any(isinstance(head, tuple) for head in read["heads"])
            if read["heads"] and (read["head"] != -1 or (named and read["layer"] != -1)):
                raise SelectionError(
                    f"The selection {name!r} has one head and several at once: {values!r:.200}."
                )
            check(subject, selected(subject, read))
            saved[name] = read
        return tuple(saved.items())
