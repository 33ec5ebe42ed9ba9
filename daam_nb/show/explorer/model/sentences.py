"""What an explorer shows, in one sentence: the status line, read by people and screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.facts import choice_notes, steps_of
from daam_nb.show.explorer.model.subject import Selected, Subject, short_labels

if TYPE_CHECKING:
    from daam_nb.show.explorer.page.widget import Explorer


def sentence(explorer: Explorer) -> str:
    """Say word, layers, head, steps and the numbers, all of the exact map."""
    subject, selected = explorer.subject, explorer.selected
    text = f"“{subject.entries[selected.word].text}”"
    numbers = f"peak {explorer.peak:.3g}"
    if explorer.word_b >= 0:
        text += f" and “{subject.entries[explorer.word_b].text}”"
        numbers += (
            f", IoU {explorer.iou:.2f}, IoD {explorer.iod:.2f}, IoH {explorer.ioh:.2f} at "
            f"{explorer.threshold:g} of each peak"
        )
    return clean(f"{text}: {place_in_words(subject, selected)}; {numbers}.")


def place_in_words(subject: Subject, selected: Selected) -> str:
    """Name layers, heads and steps of a selection; ends inclusive."""
    if selected.layer >= 0:
        layers = f"layer {short_labels(subject.layers)[selected.layer]}"
    else:
        layers = choice_notes(subject)[selected.choice]
    if selected.head < 0:
        heads = "all heads"
    else:
        heads = f"head {selected.head}"
        if selected.layer < 0:
            having = len(subject.layers_of(selected))
            heads += f" of the {having} layers that have it"
    return f"{layers}, {heads}, {steps_in_words(subject, selected.steps)}"


def steps_in_words(subject: Subject, steps: tuple[int, int]) -> str:
    """Name a half-open range of steps kept by the places in the loop; ends inclusive."""
    total = subject.run.facts.num_steps
    if subject.summed:
        return f"the sum over {len(subject.run.steps)} of {total} steps"
    places = [step["place"] for step in steps_of(subject)[slice(*steps)]]
    shown = f"{places[0]}" if len(places) == 1 else f"{places[0]}–{places[-1]}"
    return f"step{'s' if len(places) > 1 else ''} {shown} of {total}"
