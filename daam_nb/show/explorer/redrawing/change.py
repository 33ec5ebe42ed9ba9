"""What is changed before an image is drawn again: a word, how, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from daam_nb.errors import SelectionError
from daam_nb.kinds import check_choice, check_factor
from daam_nb.recording import Layer
from daam_nb.selection import Heads, Steps, in_words
from daam_nb.show.explorer.model.entries import Entry, clean
from daam_nb.show.explorer.model.selection import number_of
from daam_nb.show.explorer.model.subject import Subject

How = Literal["hide", "ablate", "scale"]


@dataclass(frozen=True)
class Change:
    """A change of the attention to a word, or to all of the text.

    Attributes
    ----------
    word
        Number of an entry of the subject; -1: all key positions.
    how
        ``"hide"``: the word is hidden in the text encoder, and nobody attends to it
        (``ablate(text_encoder=True, renormalize=True)``). ``"ablate"``: the attention to it is 0.
        ``"scale"``: it is `factor` times what it was (``reweight``).
    factor
        Of ``"scale"``; else 0.
    layers, heads, steps
        As for `ablate`; None: everywhere.
    where
        Layers, heads and steps in words; empty for everywhere.
    """

    word: int
    how: How
    factor: float = 0.0
    layers: Any = None
    heads: Any = None
    steps: Any = None
    where: str = ""

    def entry(self, subject: Subject) -> Entry | None:
        """The word; None for all of the text."""
        return None if self.word < 0 else subject.entries[self.word]

    @property
    def is_empty(self) -> bool:
        """Whether the image is the first one, whatever the pipeline."""
        return self.how == "scale" and self.factor == 1

    def said(self, subject: Subject) -> str:
        """The change in words, without a full stop: “dog” hidden everywhere."""
        entry = self.entry(subject)
        name = "all of the text" if entry is None else f"“{clean(entry.text)}”"
        where = f", in {self.where}" if self.where else " everywhere"
        if self.how == "hide":
            return f"{name} hidden in the text encoder and in every layer"
        if self.how == "ablate":
            return f"no attention to {name}{where}"
        return f"attention to {name} times {self.factor:g}{where}"


def read_change(
    subject: Subject,
    word: object,
    how: Any,
    *,
    factor: object = None,
    layers: Any = None,
    heads: Any = None,
    steps: Any = None,
    where: str = "",
) -> Change:
    """Read a change and check it, as far as that is possible without the network.

    Parameters
    ----------
    subject
        What is explored.
    word
        A word by its number, text, `Word` or (start, end); False: all of the text.
    how, factor, layers, heads, steps
        As for `Explorer.what_if`.
    where
        Layers, heads and steps in words; by default they are named as they were given.

    Raises
    ------
    SelectionError
        Where nothing is chosen, or the choices do not go together.
    WordNotFoundError, AmbiguousWordError
        For a word that the prompt lacks or has twice.
    """
    check_choice(how, "how", get_args(How))
    if subject.negative:
        raise SelectionError(
            "This explorer shows the negative prompt, and what is changed are words of the prompt. "
            "Open the recording without negative=True."
        )
    limits = {"layers": layers, "heads": heads, "steps": steps}
    limited = [name for name, choice in limits.items() if choice is not None]
    number = -1 if word is False else number_of(subject, word)
    if how == "hide" and (number < 0 or limited):
        what = f"{limited[0]}= cannot limit that" if limited else "no word is chosen"
        raise SelectionError(
            f"how='hide' hides a word in the text encoder and in every layer, and {what}. For "
            "single layers, heads or steps: how='ablate'."
        )
    if how != "scale" and factor is not None:
        raise SelectionError(f"factor= is of how='scale'; how={how!r} takes the word away.")
    if how == "scale" and factor is None:
        raise SelectionError("how='scale' needs a factor=: 0 takes away, 2 doubles.")
    if number < 0 and not limited:
        raise SelectionError(
            "Nothing is chosen: give a word, or the layers, heads or steps whose attention to the "
            "text is changed."
        )
    Heads.read(heads, empty=True)
    chosen = Steps.read(steps, empty=True)
    if chosen.choice != ():
        chosen.of(subject.run.facts.num_steps)
    return Change(
        number,
        how,
        check_factor(factor) if how == "scale" else 0.0,
        layers,
        heads,
        steps,
        where or ", ".join(f"{name} {_said(limits[name])}" for name in limited),
    )


def _said(choice: Any) -> str:
    """A choice of layers, heads or steps as a person would say it."""
    if isinstance(choice, str):
        return clean(choice)
    if isinstance(choice, Layer):
        return clean(choice.name)
    if isinstance(choice, slice):
        ends = (choice.start, choice.stop, choice.step)
        return ":".join("" if end is None else str(end) for end in ends).removesuffix(":")
    if callable(choice):
        return str(getattr(choice, "__name__", "a function"))
    items = list(choice) if isinstance(choice, list | tuple | range | set | frozenset) else [choice]
    if items and all(type(item) is int for item in items):
        return in_words(sorted(items))
    said = [
        f"{item[0]}:{item[1]}" if isinstance(item, tuple) else str(getattr(item, "name", item))
        for item in items
    ]
    if not said:
        return "none"
    return clean(", ".join(said[:3])) + (f" and {len(said) - 3} more" if len(said) > 3 else "")
