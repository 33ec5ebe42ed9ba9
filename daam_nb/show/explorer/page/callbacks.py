"""Who is told what is chosen: the `on_word`, `on_region`, `on_head`, ... of an explorer.

One implementation: each event has a value, a function of what is chosen; whoever listens is called
when that value is another one than before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from daam_nb.errors import WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.prompt import Word
from daam_nb.recording import Layer

Callback = Callable[..., object]
Stop = Callable[[], None]
Explorer = Any  # which is told about; it imports this module


def _word(explorer: Explorer) -> tuple[Word | tuple[int, ...]]:
    entry = explorer.words[explorer.word]
    if entry.span is None:
        return (entry.tokens,)
    return (Word(explorer.subject.prompt.text[slice(*entry.span)], *entry.span),)


def _region(explorer: Explorer) -> tuple[tuple[tuple[float, float], ...] | None]:
    return (explorer.region or None,)


def _head(explorer: Explorer) -> tuple[Layer | None, Any]:
    selected = explorer.selected
    layer = None if selected.layer < 0 else explorer.subject.layers[selected.layer]
    chosen = selected.head if isinstance(selected.head, int) else explorer.heads
    return layer, None if chosen == -1 else chosen


def _heads(explorer: Explorer) -> tuple[Any, Any]:
    selection = explorer.selection
    return selection["layers"], selection["heads"]


def _selection(explorer: Explorer) -> tuple[dict[str, Any]]:
    return (explorer.selection,)


# Event -> what it is called with, and an example for errors.
EVENTS: dict[str, tuple[Callable[[Any], tuple[Any, ...]], str]] = {
    "on_word": (_word, "word"),
    "on_region": (_region, "region"),
    "on_head": (_head, "layer, head"),
    "on_heads": (_heads, "layers, heads"),
    "on_selection": (_selection, "selection"),
}


class Callbacks:
    """Functions by event, called when the event's value is another one."""

    def __init__(self) -> None:
        self._functions: dict[str, list[Callback]] = {}
        self._last: dict[str, tuple[Any, ...]] = {}

    def add(self, explorer: Explorer, event: str, function: Callback) -> Stop:
        """Call a function from now on; what is returned ends that."""
        value_of, takes = EVENTS[event]
        if not callable(function):
            raise WrongKindError(
                f"{event}() takes a function of ({takes}), not {kind_of(function)}: "
                f"explorer.{event}(lambda {takes}: print({takes}))."
            )
        functions = self._functions.setdefault(event, [])
        if not functions:
            self._last[event] = value_of(explorer)
        functions.append(function)

        def stop() -> None:
            if function in functions:
                functions.remove(function)

        return stop

    def clear(self) -> None:
        """Call nobody any more."""
        self._functions.clear()

    def tell(self, explorer: Explorer) -> None:
        """Call whoever listens to a value that is another one.

        Traits that change at once come singly, and are told of once.

        What a function raises is a warning: neither the others nor the explorer know of it.
        """
        for event, functions in list(self._functions.items()):
            if not functions:
                continue
            value = EVENTS[event][0](explorer)
            if value == self._last[event]:
                continue
            self._last[event] = value
            for function in list(functions):
                try:
                    function(*value)
                except Exception as error:
                    name = getattr(function, "__qualname__", None) or repr(function)
                    warnings.warn(
                        f"The function {name} of {event}() raised {type(error).__name__}: {error}. "
                        "The explorer goes on without it.",
                        RuntimeWarning,
                        stacklevel=2,
                    )


class Told:
    """What can be listened to.

    Each method takes a function, calls it whenever something else is chosen, in the page or from
    Python, and returns a function that ends this. What is chosen already is not told. A function
    that raises is reported as a `RuntimeWarning` and breaks nothing.
    """

    _callbacks: Callbacks

    def on_word(self, callback: Callable[[Any], object]) -> Stop:
        """Call a function with the word that is chosen, as `HeatMaps.word` takes it.

        A `Word`, which knows its occurrence; of the start or end of the text, which is no text,
        the key positions that `HeatMaps.token` takes.

        Returns
        -------
        function
            Call it to end this.

        Raises
        ------
        WrongKindError
            For what cannot be called.
        """
        return self._callbacks.add(self, "on_word", callback)

    def on_region(self, callback: Callable[[Any], object]) -> Stop:
        """Call a function with the region that is drawn, or None where it is cleared.

        Its corners (y, x), as `words_in` takes them. Returns and raises as `on_word`.
        """
        return self._callbacks.add(self, "on_region", callback)

    def on_head(self, callback: Callable[[Layer | None, Any], object]) -> Stop:
        """Call a function with (layer, head) whenever another is chosen; None stands for all.

        Where several heads are chosen, with (layer, heads), or (None, heads) where they name their
        layers: `heads` as the trait has them. Returns and raises as `on_word`.
        """
        return self._callbacks.add(self, "on_head", callback)

    def on_heads(self, callback: Callable[[Any, Any], object]) -> Stop:
        """Call a function with (layers, heads) as `heat_maps` takes both: those of `selection`.

        ``explorer.on_heads(lambda layers, heads: heat_maps(run, layers=layers, heads=heads))``.
        Returns and raises as `on_word`.
        """
        return self._callbacks.add(self, "on_heads", callback)

    def on_selection(self, callback: Callable[[dict[str, Any]], object]) -> Stop:
        """Call a function with layers, heads and steps as `heat_maps` takes them: `selection`.

        ``explorer.on_selection(lambda selection: heat_maps(run, **selection))``. The word is not
        among them: `on_word`. Returns and raises as `on_word`.
        """
        return self._callbacks.add(self, "on_selection", callback)
