"""Selections of an explorer, kept by name."""

from __future__ import annotations

import difflib
from typing import Any

from daam_nb.errors import SelectionError
from daam_nb.show.explorer.model.saved import PARTS, Saved, name_of, selected
from daam_nb.show.explorer.model.selection import arguments
from daam_nb.show.explorer.model.subject import Subject


class Selections:
    """The part of an explorer that keeps selections: layers, heads and steps, not the word.

    The page's menu *Saved* shows the same. They live as long as the explorer, and are in the
    hand-outs that it writes.
    """

    saved: Saved

    @property
    def subject(self) -> Subject:
        """The recording and what can be chosen of it."""
        raise NotImplementedError

    @property
    def selections(self) -> dict[str, dict[str, Any]]:
        """The selections that were saved: name -> what `heat_maps` takes, as `selection` has it.

        ``heat_maps(run, **explorer.selections["faces"])`` is the map of one of them.
        """
        subject = self.subject
        return {name: arguments(subject, selected(subject, values)) for name, values in self.saved}

    def save_selection(self, name: str) -> None:
        """Keep the layers, heads and steps that are chosen now, in place of any of that name.

        Parameters
        ----------
        name
            1 to 60 characters.

        Raises
        ------
        SelectionError
            For another name.
        TraitError
            Where 50 are kept already.
        """
        name = name_of(name)
        values = {part: getattr(self, part) for part in PARTS}
        self.saved = tuple({**dict(self.saved), name: values}.items())

    def select(self, name: str) -> None:
        """Choose a saved selection again; the word stays.

        Raises
        ------
        SelectionError
            If none of that name is kept.
        """
        self.choose(**dict(self.saved)[self._kept(name)])

    def delete_selection(self, name: str) -> None:
        """Delete a saved selection.

        Raises
        ------
        SelectionError
            If none of that name is kept.
        """
        kept = self._kept(name)
        self.saved = tuple(pair for pair in self.saved if pair[0] != kept)

    def choose(self, **choices: Any) -> Any:
        """Set several choices at once."""
        raise NotImplementedError

    def _kept(self, name: str) -> str:
        wanted, names = name_of(name), [kept for kept, _ in self.saved]
        if wanted in names:
            return wanted
        near = difflib.get_close_matches(wanted, names, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(map(repr, names)) or "none; explorer.save_selection(name) keeps one"
        raise SelectionError(f"There is no selection {wanted!r}.{hint} Kept are: {listed}.")
