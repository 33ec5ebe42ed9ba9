"""What is selected of a subject: read, checked, written as `heat_maps` takes it, said in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from daam_nb.errors import AmbiguousWordError, NotKeptError, SelectionError, WordNotFoundError
from daam_nb.kinds import whole_number
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Word
from daam_nb.recording import Layer
from daam_nb.selection import StepChoice, in_words
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.views import LayersAndHeads

Numbers = tuple[int, ...]
LayerHeads = tuple[tuple[int, int], ...]  # (number of a layer, head)
Several = Numbers | tuple[tuple[str, int], ...]
"""Several heads as a person chose them: by number, or as (dotted layer name, head); () for none."""


@dataclass(frozen=True)
class Selected:
    """What one map is made of.

    Attributes
    ----------
    word
        Number of an entry of the `Subject`.
    choice
        Name of a choice of layers.
    layer
        Number of a layer of the recording, before the choice; -1: all of the choice.
    head
        Number of a head; -1: all; or several: numbers, or (number of a layer, head), which name
        their layers themselves: `layer` is -1 then.
    steps
        Half-open range of places among the steps kept.
    """

    word: int
    choice: str
    layer: int
    head: int | Numbers | LayerHeads
    steps: tuple[int, int]

    @property
    def pairs(self) -> LayerHeads:
        """The heads that were chosen with their layers, several; () where they were not."""
        several = () if isinstance(self.head, int) else self.head
        return tuple(pair for pair in several if isinstance(pair, tuple))

    @property
    def numbers(self) -> Numbers:
        """The heads that were chosen by number, in each layer; () for all, and for pairs."""
        if isinstance(self.head, int):
            return (self.head,) if self.head >= 0 else ()
        return tuple(head for head in self.head if isinstance(head, int))

    @property
    def in_every_layer(self) -> int | Numbers | LayerHeads:
        """The heads, whatever the choice of layers; a head of one layer names it."""
        if self.layer >= 0 and self.numbers:
            return tuple((self.layer, head) for head in self.numbers)
        return self.head

    @property
    def of_choice(self) -> bool:
        """Whether the choice of layers counts: no layer is chosen before it."""
        return self.layer < 0 and not self.pairs

    @property
    def stack_key(self) -> str:
        """What a stack of all steps depends on, as JavaScript's JSON.stringify writes it."""
        return compact([self.word, self.choice, self.layer, self.head])

    @property
    def key(self) -> str:
        """What an exact map depends on, as JavaScript's JSON.stringify writes it."""
        return compact([self.word, self.choice, self.layer, self.head, *self.steps])


def compact(data: object) -> str:
    """Write JSON as JavaScript's JSON.stringify does."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


# --- read and checked -----------------------------------------------------------------------------


def number_of(subject: Subject, what: object, *, occurrence: int | None = None) -> int:
    """Find an entry by its number, its text, a `Word` or its (start, end) in characters.

    A text is that of a word or phrase, as `HeatMaps.word` finds it, or of an entry that is shown on
    demand: a piece of a word, "end of text". A phrase is made an entry.

    Raises
    ------
    SelectionError
        Where there is no such entry, or it was not recorded.
    WordNotFoundError, AmbiguousWordError
        As `Prompt.find`, for a text.
    """
    text = what if isinstance(what, str) else None
    if isinstance(what, str):
        what = _found(subject, what, occurrence)
    if isinstance(what, Word):
        what = what.span
    if isinstance(what, tuple | list):
        whole = len(what) == 2 and all(type(end) is int for end in what)
        number = subject.entry_of((what[0], what[1])) if whole else None
        if whole and number is None:
            characters = subject.prompt.text[slice(*what)]
            raise SelectionError(
                f"{characters!r} stands in the prompt and its {subject.kind.name} was not "
                f"recorded. {_ways(subject)}"
            )
    else:
        number = _whole(what)
    if number is None or not 0 <= number < len(subject.entries):
        raise SelectionError(
            f"{what if text is None else text!r} is none of the prompt's {len(subject.entries)} "
            f"words and tokens. {_ways(subject)}"
        )
    entry = subject.entries[number]
    if not entry.kept:
        raise SelectionError(
            f"{entry.text!r} stands in the prompt and its {subject.kind.name} was not recorded. "
            f"Choose among {_listed(subject, kept=True)}."
        )
    return number


def _found(subject: Subject, text: str, occurrence: int | None) -> Word | int:
    """A word or phrase of the prompt by its text, or the number of what is shown on demand."""
    try:
        return subject.prompt.find(text, occurrence=occurrence)
    except AmbiguousWordError as error:
        raise AmbiguousWordError(
            f"{error} In the explorer: explorer.choose(word={text!r}, occurrence=0), or "
            "word=(start, end)."
        ) from None
    except WordNotFoundError as error:
        numbers = [
            number
            for number, entry in enumerate(subject.entries)
            if entry.kept and entry.special and entry.text.casefold() == text.casefold()
        ]
        if not numbers or subject.prompt.occurrences(text):
            raise WordNotFoundError(f"{error} {_ways(subject)}") from None
        if occurrence is None and len(numbers) > 1:
            raise AmbiguousWordError(
                f"{text!r} stands in the prompt {len(numbers)} times, as a part or a token. Choose "
                f"it by its number: {', '.join(map(str, numbers))}."
            ) from None
        try:
            return numbers[0 if occurrence is None else occurrence]
        except IndexError:
            raise WordNotFoundError(
                f"{text!r} stands in the prompt {len(numbers)} times, so there is no "
                f"occurrence={occurrence}."
            ) from None


def _ways(subject: Subject) -> str:
    """What is taken for a word, with what there is."""
    phrases = (
        "a word or a phrase" if subject.kind.of_tokens else "a word, or a phrase recorded as one"
    )
    return (
        f"The explorer takes {phrases} of the prompt by its text, as a Word or (start, end) in "
        f"characters, and anything of this list by its number or text: {_listed(subject)}."
    )


def read_steps(subject: Subject, choice: StepChoice) -> tuple[int, ...]:
    """Read a choice of steps as `heat_maps` does; the explorer shows one range of those kept.

    Returns
    -------
    tuple of int
        Steps of the loop, ascending, one behind the other among the steps kept.

    Raises
    ------
    SelectionError
        Where the choice selects nothing, cannot be read, or leaves out steps between.
    NotKeptError
        Where the recording does not hold a chosen step.
    """
    kept = subject.run.steps
    if subject.summed and isinstance(choice, Sequence) and tuple(choice) == kept:
        return kept
    steps = heat_maps(subject.run, layers="all", steps=choice).steps
    between = tuple(step for step in kept if steps[0] < step < steps[-1] and step not in steps)
    if between:
        raise SelectionError(
            f"Steps {in_words(steps)} are single steps, and {in_words(between)} between them "
            f"would be left out; the explorer shows the mean of one range. "
            f"slice({steps[0]}, {steps[-1] + 1}) is steps {steps[0]} to {steps[-1]}; single "
            f"steps are averaged by heat_maps(run, steps={list(steps)})."
        )
    return steps


def steps_within(subject: Subject, ends: Any) -> tuple[int, ...]:
    """The steps kept in a half-open range of steps of the loop, as the page names it.

    Raises
    ------
    SelectionError
        Where it is no range of the loop.
    NotKeptError
        Where no step of it was kept.
    """
    kept, total = subject.run.steps, subject.run.facts.num_steps
    whole = isinstance(ends, tuple | list) and [type(end) for end in ends] == [int, int]
    if not whole or not 0 <= ends[0] < ends[1] <= total:
        raise SelectionError(
            f"{ends!r} is no half-open range of the loop's steps: 0 <= first < last <= {total}."
        )
    if subject.summed:
        return kept
    steps = tuple(step for step in kept if ends[0] <= step < ends[1])
    if not steps:
        raise NotKeptError(
            f"None of the steps {ends[0]} to {ends[1] - 1} was kept; this recording holds the "
            f"steps {in_words(kept)} of {total}."
        )
    return steps


def places_of(subject: Subject, steps: Sequence[int]) -> tuple[int, int]:
    """Where steps of the loop lie among the steps kept: a half-open range of places."""
    if subject.summed:
        return 0, 1
    kept = subject.run.steps
    return kept.index(steps[0]), kept.index(steps[-1]) + 1


def check(subject: Subject, selected: Selected) -> None:
    """Raise a `SelectionError` unless the parts of a selection go together."""
    if selected.choice not in subject.choices:
        raise SelectionError(
            f"There is no choice of layers {selected.choice!r}. There are "
            f"{', '.join(map(repr, subject.choices))}."
        )
    if not -1 <= selected.layer < len(subject.layers):
        raise SelectionError(
            f"There is no layer {selected.layer}: this recording has {len(subject.layers)}, 0 to "
            f"{len(subject.layers) - 1}; -1 stands for all of the choice."
        )
    _check_heads(subject, selected)
    first, end = selected.steps
    if not 0 <= first < end <= subject.step_count:
        kept = (
            "only a sum over the steps was kept: (0, 1)"
            if subject.summed
            else f"0 <= first < last <= {subject.step_count}"
        )
        raise SelectionError(
            f"Steps {list(selected.steps)} are no half-open range of the steps kept: {kept}."
        )


def need_heads(subject: Subject) -> None:
    """Raise a `SelectionError` where the maps are of a kind that has none of single heads."""
    if not subject.kind.of_heads:
        raise SelectionError(
            f"Maps of the kind {subject.kind.name!r} are not made of single heads: each layer is "
            f"shown as one, and there are none to choose from. Leave out heads=."
        )


def _check_heads(subject: Subject, selected: Selected) -> None:
    if isinstance(selected.head, int):
        several: tuple[Any, ...] = ()
        numbers: Numbers = (selected.head,)
    else:
        need_heads(subject)
        several, numbers = tuple[Any, ...](selected.head), selected.numbers
        if not several or list(several) != sorted(set(several)):
            raise SelectionError(
                f"Several heads are in order, each once, not {list(several)!r:.200}."
            )
        if selected.pairs and selected.layer >= 0:
            raise SelectionError(
                f"Layer {selected.layer} is chosen, and heads name their layers themselves."
            )
    for number, head in selected.pairs:
        if not 0 <= number < len(subject.layers):
            raise SelectionError(f"There is no layer {number} with a head {head}.")
        if not 0 <= head < subject.layers[number].heads:
            raise SelectionError(_no_head(subject, replace(selected, layer=number), head))
    if numbers:
        most = max(layer.heads for layer in layers_of(subject, replace(selected, head=-1)))
        least = 0 if several else -1
        if wrong := [head for head in numbers if not least <= head < most]:
            raise SelectionError(_no_head(subject, selected, wrong[0]))


def _no_head(subject: Subject, selected: Selected, head: int) -> str:
    is_single = isinstance(selected.head, int)
    every = "; -1 stands for all" if is_single else ""
    if selected.layer >= 0:
        layer = subject.layers[selected.layer]
        name = "head" if is_single else "heads"
        return (
            f"Layer {selected.layer} ({layer.name}) has no head {head}: it has "
            f"{layer.heads}, 0 to {layer.heads - 1}{every}. Where layer and {name} "
            f"change together, set them at once: choose(layer=..., {name}=...)."
        )
    most = max(subject.layers[n].heads for n in subject.choices[selected.choice])
    return (
        f"No layer of {selected.choice!r} has a head {head}: they have at most "
        f"{most}, 0 to {most - 1}{every}."
    )


def _whole(what: object) -> int:
    """A whole number as Python's own, numpy's too; -1 for what is none, such as True."""
    try:
        return whole_number(what, "word")
    except SelectionError:
        return -1


def _listed(subject: Subject, *, kept: bool = False) -> str:
    numbered = [(n, entry) for n, entry in enumerate(subject.entries) if entry.kept or not kept]
    listed = [f"{number} {entry.text!r}" for number, entry in numbered[:12]]
    more = f" and {len(numbered) - 12} more" if len(numbered) > 12 else ""
    return ", ".join(listed) + more


# --- heat maps ------------------------------------------------------------------------------------


def heads_of(subject: Subject, selected: Selected) -> LayersAndHeads:
    """Layers of a selection that have one of its heads, and those that they have."""
    if pairs := selected.pairs:
        numbers = sorted({number for number, _ in pairs})
        return LayersAndHeads(
            tuple(subject.layers[number] for number in numbers),
            tuple(tuple(sorted(h for n, h in pairs if n == number)) for number in numbers),
        )
    of_layers = (selected.layer,) if selected.layer >= 0 else subject.choices[selected.choice]
    return _that_have(tuple(subject.layers[number] for number in of_layers), selected)


def heads_everywhere(subject: Subject, selected: Selected) -> LayersAndHeads:
    """All layers that have one of a selection's heads, whatever its choice of layers."""
    everywhere = replace(selected, layer=-1, head=selected.in_every_layer)
    if everywhere.pairs:
        return heads_of(subject, everywhere)
    return _that_have(subject.layers, everywhere)


def _that_have(layers: tuple[Layer, ...], selected: Selected) -> LayersAndHeads:
    """Those of some layers that have one of the heads chosen by number, and which."""
    if selected.head == -1:
        return LayersAndHeads(layers)
    heads = {layer: tuple(h for h in selected.numbers if h < layer.heads) for layer in layers}
    layers = tuple(layer for layer in layers if heads[layer])
    return LayersAndHeads(layers, tuple(heads[layer] for layer in layers))


def layers_of(subject: Subject, selected: Selected) -> tuple[Layer, ...]:
    """Layers of a selection that have one of its heads."""
    return heads_of(subject, selected).layers


def layer_and_head(
    subject: Subject, layer: int, head: int, heads: Several
) -> tuple[int, int | Numbers | LayerHeads]:
    """What counts of a layer, a head and several heads, as a `Selected` has it.

    Several heads count before one, and those that name their layers before any layer; several that
    are one are that one. `js/src/state.js` has the same.
    """
    if not heads:
        return layer, head
    numbers = tuple(head for head in heads if isinstance(head, int))
    if numbers:
        return layer, numbers[0] if len(numbers) == 1 else numbers
    names = [one.name for one in subject.layers]
    pairs = tuple((names.index(pair[0]), pair[1]) for pair in heads if isinstance(pair, tuple))
    return pairs[0] if len(pairs) == 1 else (-1, pairs)


def arguments(subject: Subject, selected: Selected) -> dict[str, Any]:
    """Write a selection as the arguments of `heat_maps`; its word is not among them."""
    chosen = heads_of(subject, selected)
    named = selected.of_choice and selected.choice in ("paper", "all")
    whole = len(chosen.layers) == len(subject.choices[selected.choice])
    name = selected.choice if named and whole else None
    return subject.view.arguments(chosen, selected.steps, named=name)


def maps_of(subject: Subject, selected: Selected) -> HeatMaps:
    """Heat maps of a selection; layers without its head are left out, as in ``"skip"``."""
    return heat_maps(subject.run, **arguments(subject, selected))


def entry_map(subject: Subject, maps: HeatMaps, number: int) -> WordHeatMap:
    """Exact map of an entry among heat maps: what `HeatMaps.word` gives for a word."""
    return subject.view.map_of(maps, subject.entries[number])


def word_map(subject: Subject, selected: Selected) -> WordHeatMap:
    """Exact map of a selection: what `heat_maps(...).word(...)` gives."""
    return entry_map(subject, maps_of(subject, selected), selected.word)


# --- in words -------------------------------------------------------------------------------------


def selection_in_words(subject: Subject, selected: Selected) -> str:
    """Name layers, heads and steps of a selection; ends inclusive."""
    steps = steps_in_words(subject, selected.steps)
    if pairs := selected.pairs:
        of_layers = {number for number, _ in pairs}
        if len(of_layers) > 1:
            return f"{len(pairs)} heads of {len(of_layers)} layers, {steps}"
        layer = subject.labels[of_layers.pop()]
        return f"layer {layer}, {_heads([head for _, head in pairs])}, {steps}"
    if selected.layer >= 0:
        layers = f"layer {subject.labels[selected.layer]}"
    else:
        layers = subject.choice_notes[selected.choice]
    return f"{layers}, {_heads_in_words(subject, selected)}, {steps}"


def _heads_in_words(subject: Subject, selected: Selected) -> str:
    if selected.head == -1:
        return "all heads"
    heads = _heads(selected.numbers)
    if selected.layer >= 0:
        return heads
    chosen = heads_of(subject, selected)
    if len(selected.numbers) == 1:
        return f"{heads} of the {len(chosen.layers)} layers that have it"
    missing = len(selected.numbers) * len(chosen.layers) > sum(map(len, chosen.heads or ()))
    return f"{heads} of the {len(chosen.layers)} layers that have {'one' if missing else 'them'}"


def _heads(heads: Sequence[int]) -> str:
    """``head 3``, ``heads 0 and 3``, ``heads 0, 3 and 5``."""
    *others, last = map(str, heads)
    return f"heads {', '.join(others)} and {last}" if others else f"head {last}"


def steps_in_words(subject: Subject, steps: tuple[int, int]) -> str:
    """Name a half-open range of steps kept by the places in the loop; ends inclusive."""
    kept, total = subject.run.steps, subject.run.facts.num_steps
    if subject.summed:
        return f"the sum over {len(kept)} of {total} steps"
    chosen = kept[slice(*steps)]
    ends = f"{chosen[0]}" if len(chosen) == 1 else f"{chosen[0]}–{chosen[-1]}"
    return f"step{'s' if len(chosen) > 1 else ''} {ends} of {total}"
