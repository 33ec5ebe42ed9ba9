"""What the browser asks for, worked out and kept while it may be asked for again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar
from weakref import ref

from torch import Tensor

from daam_nb.errors import SelectionError
from daam_nb.maps.heatmap import HeatMaps
from daam_nb.maps.threshold import mask_of
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.show.explorer.model.measures import Values, effect_shares, named, table_values
from daam_nb.show.explorer.model.ranking import (
    Background,
    Maps,
    Order,
    Ranked,
    background,
    cell_of,
    every_map,
    values_at,
    words_at,
)
from daam_nb.show.explorer.model.selection import Selected, compact, entry_map, maps_of, word_map
from daam_nb.show.explorer.model.stacks import Stack, stack_of
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.tiles import StepTiles, Tiles, step_tiles_of, tiles_of

T = TypeVar("T")
KEPT = 16  # of each kind; a stack takes at most 1 MiB
COMPARED = 2**14  # numbers by which arrays are known again that were written into past torch
WORKING = 8  # engines that keep what they made, however many explorers are open


class Recent(OrderedDict[str, T]):
    """The last things made, by key."""

    def get_or_make(self, key: str, make: Callable[[], T]) -> T:
        """Return what is kept, or make and keep it, and let the oldest go."""
        if key not in self:
            self[key] = make()
            if len(self) > KEPT:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


@dataclass(eq=False)
class Engine:
    """The maps of a subject, with those made last.

    Attributes
    ----------
    subject
        The recording and its choices.
    """

    subject: Subject
    _stacks: Recent[Stack] = field(default_factory=Recent)
    _tiles: Recent[Tiles] = field(default_factory=Recent)
    _step_tiles: Recent[StepTiles] = field(default_factory=Recent)
    _maps: Recent[HeatMaps] = field(default_factory=Recent)
    _exact: Recent[WordHeatMap] = field(default_factory=Recent)
    _all: Recent[Maps] = field(default_factory=Recent)
    _backgrounds: Recent[Background] = field(default_factory=Recent)
    _stamp: Hashable = None

    def stack(self, selected: Selected) -> Stack:
        """The word's map at every step, in 8 bits."""
        self._work()
        return self._stacks.get_or_make(
            selected.stack_key, lambda: stack_of(self.subject, selected)
        )

    def exact(self, selected: Selected) -> WordHeatMap:
        """The word's map over the steps selected: that of `heat_maps`."""
        self._work()
        return self._exact.get_or_make(selected.key, lambda: self._word_map(selected))

    def _word_map(self, selected: Selected) -> WordHeatMap:
        """Take it from the heat maps of its layers, head and steps, the same for all words."""
        key = replace(selected, word=-1).key
        maps = self._maps.get_or_make(key, lambda: maps_of(self.subject, selected))
        return entry_map(self.subject, maps, selected.word)

    def tiles(self, selected: Selected) -> Tiles:
        """The word in every head of every layer over the steps selected."""
        self._work()
        every_head = replace(selected, choice="", layer=-1, head=-1)
        return self._tiles.get_or_make(
            every_head.key, lambda: tiles_of(self.subject, selected.word, selected.steps)
        )

    def step_tiles(self, selected: Selected) -> StepTiles:
        """The word in every layer at every step, of the heads selected."""
        self._work()
        key = compact([selected.word, selected.in_every_layer])
        return self._step_tiles.get_or_make(key, lambda: step_tiles_of(self.subject, selected))

    def measure(self, selected: Selected, name: str) -> tuple[str, Values]:
        """A number for each head that neither comes with the tiles nor depends on a mask.

        Returns
        -------
        str
            What it depends on: the measure alone, or with the word and the steps.
        list
            By layer and head; None where it is not known.

        Raises
        ------
        SelectionError
            Where there is no such measure, or it is of the tiles or of a mask.
        """
        subject = self.subject
        measure = named(subject.measures, name)
        if measure.of == "model":
            assert subject.table is not None  # else there is no such measure
            return name, table_values(subject.table, subject.layers, name)
        if measure.of != "word":
            raise SelectionError(f"The measure {name!r} comes with the tiles, or with the overlap.")
        key = f"{name} {compact([selected.word, *selected.steps])}"
        entry = subject.entries[selected.word]
        return key, effect_shares(subject.run, entry, selected.steps, negative=subject.negative)

    def every_map(self, selected: Selected, *, special: bool) -> Maps:
        """The maps of all words under the selection, whatever its own word."""
        self._work()
        return self._all.get_or_make(
            _key_of_all(selected, special),
            lambda: every_map(self.subject, selected, special=special),
        )

    def background(self, selected: Selected, *, special: bool) -> Background:
        """What single cells are compared with, under the selection, whatever its word."""
        maps = self.every_map(selected, special=special)
        return self._backgrounds.get_or_make(
            _key_of_all(selected, special), lambda: background(maps)
        )

    def words_at(
        self, selected: Selected, y: float, x: float, *, special: bool, order: Order = "lift"
    ) -> tuple[Ranked, ...]:
        """The words ranked at a place, 0 to 1 from the top left."""
        cell_of(self.subject, y, x)  # refused before the maps are made
        maps = self.every_map(selected, special=special)
        of = self.background(selected, special=special)
        return words_at(self.subject, maps, y, x, of=of, order=order)

    def values_at(
        self, selected: Selected, y: float, x: float, *, special: bool
    ) -> dict[int, float]:
        """The values of all words at a place: what the words are ranked there by."""
        self._work()
        cell = cell_of(self.subject, y, x)
        if self.subject.view.local and _key_of_all(selected, special) not in self._all:
            return values_at(self.subject, selected, y, x, special=special)
        maps = self.every_map(selected, special=special)
        return {word: float(values[cell]) for word, values in maps.items()}

    def warm(self, selected: Selected) -> Iterator[None]:
        """Make the running sums of one word after the other, the selected one first.

        With them any range of steps is quick. To be gone on with when nothing else is to be done;
        ends early where they do not fit into the cache of `daam_nb.maps`.
        """
        subject = self.subject
        if subject.step_count == 1:
            return
        words = [n for n, entry in enumerate(subject.entries) if entry.kept and not entry.special]
        tokens = {token for word in words for token in subject.entries[word].tokens}
        others = words if subject.view.sums_fit(len(tokens)) else []
        for word in dict.fromkeys((selected.word, *others)):
            word_map(subject, replace(selected, word=word, steps=(0, 1)))
            yield

    def release(self) -> None:
        """Let go of all maps that were made."""
        maps = (self._stacks, self._tiles, self._step_tiles, self._maps, self._exact, self._all)
        for kept in (*maps, self._backgrounds):
            kept.clear()
        self.subject.view.release()

    def _work(self) -> None:
        """Be the one that worked last; who did not for long lets go.

        What was made of arrays that were written into since is let go too.
        """
        stamp = self.subject.view.stamp(most=COMPARED)
        if stamp != self._stamp:
            self.release()
            self._stamp = stamp
        if _LAST and _LAST[-1]() is self:
            return
        others = [engine for engine in _LAST if engine() not in (None, self)]
        for reference in others[: -(WORKING - 1)]:
            idle = reference()
            if idle is not None:
                idle.release()
        _LAST[:] = [*others[-(WORKING - 1) :], ref(self)]

    def mask(self, selected: Selected, threshold: float) -> Tensor:
        """Eq. 7 on the latent grid, (y, x), bool; empty where the map is 0 everywhere."""
        return mask_of(self.exact(selected).values, threshold)


def _key_of_all(selected: Selected, special: bool) -> str:
    """What the maps of all words depend on."""
    return replace(selected, word=-2 if special else -1).key


_LAST: list[ref[Engine]] = []  # those that keep maps, the one that worked last at the end
