"""Who is told when other heads are chosen: what `Explorer.on_head` collects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from daam_nb.errors import WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.recording import Layer
from daam_nb.show.explorer.model.selection import Selected, Several
from daam_nb.show.explorer.model.subject import Subject

Callback = Callable[[Layer | None, Any], object]


class HeadCallbacks:
    """Functions of (layer, head), called when the layer or the heads chosen are others."""

    def __init__(self) -> None:
        self._callbacks: list[Callback] = []
        self._last: Any = None

    def add(self, callback: Callback) -> Callable[[], None]:
        """Call a function from now on; what is returned stops that."""
        if not callable(callback):
            raise WrongKindError(
                f"on_head() takes a function of (layer, head), not {kind_of(callback)}: "
                "explorer.on_head(lambda layer, head: print(layer, head))."
            )
        self._callbacks.append(callback)

        def stop() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return stop

    def clear(self) -> None:
        """Call nobody any more."""
        self._callbacks.clear()

    def note(self, selected: Selected) -> None:
        """Take a selection as what everybody knows."""
        self._last = selected.layer, selected.head

    def call(self, subject: Subject, selected: Selected, heads: Several) -> None:
        """Tell of a selection, unless it is the last one: traits that change at once come singly.

        Parameters
        ----------
        heads
            Several heads as the trait has them, for functions that are told of several.
        """
        if self._last == (selected.layer, selected.head):
            return
        self.note(selected)
        layer = None if selected.layer < 0 else subject.layers[selected.layer]
        chosen = selected.head if isinstance(selected.head, int) else heads
        head = None if chosen == -1 else chosen
        with ExitStack() as calls:  # one that raises does not keep the others from being called
            for callback in reversed(self._callbacks):
                calls.callback(callback, layer, head)
