"""What an explorer shows at one moment: maps, and the value of every control; no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daam_nb.show.explorer.controls import read_choices, selected_of
from daam_nb.show.explorer.export.images import images_of
from daam_nb.show.explorer.model.container import Part
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.facts import facts_of
from daam_nb.show.explorer.model.selection import Selected
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.syntax import Syntax

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Look:
    """What an explorer shows at one moment.

    Attributes
    ----------
    engine
        The recording and its maps.
    choices
        The value of every control, by its name.
    facts
        What a page is told of the recording.
    images
        The image and the strip of forming images, as parts of a container.
    forming
        The forming images themselves, one per step kept; none where they were not given.
    """

    engine: Engine
    choices: Mapping[str, Any]
    facts: Mapping[str, Any]
    images: Sequence[Part] = ()
    forming: Sequence[Image] = ()

    def __getitem__(self, name: str) -> Any:
        """The value of a control."""
        return self.choices[name]

    @property
    def subject(self) -> Subject:
        """The recording and what can be chosen of it."""
        return self.engine.subject

    @property
    def selected(self) -> Selected:
        """Word, layers, head and steps, by their numbers and places."""
        return selected_of(self.subject, self.choices)

    @property
    def selected_b(self) -> Selected | None:
        """The word compared, under the same layers, head and steps; None without one."""
        if self["word_b"] < 0:
            return None
        return selected_of(self.subject, self.choices, word=self["word_b"])


def look_of(
    subject: Subject,
    *,
    syntax: Syntax,
    images: Sequence[Image] | None = None,
    choices: Mapping[str, Any],
) -> Look:
    """What an explorer would show of a recording, without any.

    Parameters
    ----------
    subject
        The recording.
    syntax
        Its parse, which is made now.
    images
        What `forming_images(run, pipe)` gives.
    choices
        Values of controls; the others have those with which an explorer opens.

    Raises
    ------
    DaamError
        Where a choice cannot be.
    """
    values = read_choices(subject, choices)
    sent = images_of(subject.run, images)
    syntax.ask()
    facts = facts_of(subject, syntax, strip=sent.strip, changed=sent.changed)
    return Look(Engine(subject), values, facts, sent.parts, sent.forming)
