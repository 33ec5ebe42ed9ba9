"""The page itself: an anywidget that shows one card and waits for its answer.

The kernel decides which card is shown. The browser sends what was pressed, with the place it was
pressed at; the next card comes when the answer is kept, so that what is seen is what is saved.
"""

from __future__ import annotations

import asyncio
import functools
import io
import math
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from daam_nb.errors import DaamError, SelectionError
from daam_nb.show.bundles import read_bundle
from daam_nb.show.rating.cards import Asker, Card, Given

STATIC = Path(__file__).parent / "static"
DAY = 86400.0  # seconds; nobody looks longer at one image
LONGEST_REASON = 300  # characters


class Rating(anywidget.AnyWidget):
    """A page that asks; made by `daam_nb.studies.rating.rate`.

    Attributes
    ----------
    place
        Which card is shown, from 0; the number of cards where all are answered.
    theme
        ``"auto"``, ``"light"`` or ``"dark"``.
    large
        Large type, for a projector.
    """

    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)
    _form = traitlets.Dict().tag(sync=True)
    _card = traitlets.Dict().tag(sync=True)
    _progress = traitlets.Dict().tag(sync=True)

    def __init__(self, asker: Asker, **looks: Any) -> None:
        self._asker = asker
        self._esm, self._css = read_bundle(STATIC, "rating")
        self._made = functools.lru_cache(maxsize=8)(self._make)
        self._turn = 0
        self.place = self._first_open()
        super().__init__(_form=_form_of(asker), **looks)
        self._show(self.place)
        self.on_msg(self._received)

    @property
    def asker(self) -> Asker:
        """Who has the cards and keeps the answers."""
        return self._asker

    def __repr__(self) -> str:
        """One line, which is all that is seen where widgets are not shown."""
        answered = sum(self._asker.given(number) is not None for number in range(len(self._asker)))
        return f"<Rating by {self._asker.rater!r}: {answered} of {len(self._asker)} answered>"

    # --- what is shown ----------------------------------------------------------------------------

    def _first_open(self) -> int:
        asker = self._asker
        return next((n for n in range(len(asker)) if asker.given(n) is None), len(asker))

    def _show(self, place: int) -> None:
        """Send a card, and where people are, in one message."""
        self.place = place
        self._turn += 1
        at_end = place >= len(self._asker)
        card = {"end": True} if at_end else self._made(place)
        answer_given = None if at_end else self._asker.given(place)
        shown_answer = (
            None
            if answer_given is None
            else {"answer": answer_given.answer, "reason": answer_given.reason}
        )
        with self.hold_sync():
            self._progress = self._how_far()
            self._card = {**card, "place": place, "turn": self._turn, "given": shown_answer}
        self._prepare_later(self._first_open() if answer_given is not None else place + 1)

    def _how_far(self) -> dict[str, Any]:
        every = [self._asker.given(number) for number in range(len(self._asker))]
        left = self._asker.seconds_left()
        return {
            "answered": sum(answer_given is not None for answer_given in every),
            "skipped": sum(
                answer_given is not None and not answer_given.answer for answer_given in every
            ),
            "of": len(every),
            "seconds_left": left,
        }

    def _make(self, place: int) -> dict[str, Any]:
        return _written(self._asker.card(place))

    def _prepare_later(self, place: int) -> None:
        """Make the next card while people look at this one; no loop, no preparation."""
        if place >= len(self._asker):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        itself = weakref.ref(self)

        def make() -> None:
            page = itself()
            if page is not None:
                try:
                    page._made(place)
                except (DaamError, OSError):
                    return  # told when it is that card's turn

        loop.call_later(0.05, make)

    # --- what is answered -------------------------------------------------------------------------

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        """What the browser sends is distrusted: it is refused by a sentence, never half done."""
        try:
            self._act(content)
        except (DaamError, OSError) as error:
            self.send({"type": "error", "text": str(error), "turn": self._turn})

    def _act(self, content: Any) -> None:
        if not isinstance(content, Mapping):
            raise SelectionError(f"The page sent {content!r}, which is no message.")
        if content.get("turn") != self._turn:
            self.send_state(["_card", "_progress"])  # pressed on a card that is gone
            return
        kind = content.get("type")
        if kind == "go":
            self._go(content.get("to"))
        elif kind in ("answer", "skip"):
            text = content.get(kind)
            if self.place >= len(self._asker) or not isinstance(text, str):
                raise SelectionError(f"The page sent {kind} {text!r}, which is none.")
            answer_given = Given(text) if kind == "answer" else Given(reason=_reason(text))
            self._asker.give(self.place, answer_given, seconds=_seconds(content.get("seconds")))
            self._show(self._first_open())
        else:
            raise SelectionError(f"The page asked for {kind!r}, which it does not know.")

    def _go(self, to: Any) -> None:
        """Back to what was answered, and forward again to the first card that is open."""
        if to == "back" and self.place > 0:
            self._show(self.place - 1)
        elif to == "forward" and self.place < self._first_open():
            self._show(self.place + 1)


def _form_of(asker: Asker) -> dict[str, Any]:
    form = asker.form
    return {
        "title": form.title,
        "instructions": list(form.instructions),
        "choices": [
            {"value": choice.value, "label": choice.label, "keys": list(choice.keys)}
            for choice in form.choices
        ],
        "reasons": list(form.reasons),
        "longest": LONGEST_REASON,
        "rater": asker.rater,
        "kept_in": asker.kept_in,
    }


def _written(card: Card) -> dict[str, Any]:
    """A card as the browser gets it; images as PNG of their pixels alone, without remarks."""
    images = []
    for image in card.images:
        written = io.BytesIO()
        plain = image.image.convert("RGB")
        plain.info.clear()
        plain.save(written, "PNG")
        images.append(
            {
                "label": image.label,
                "size": [plain.height, plain.width],
                "data": written.getvalue(),
            }
        )
    prompt = None if card.prompt is None else list(card.prompt)
    return {"ask": list(card.ask), "prompt": prompt, "images": images}


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise SelectionError(
            f"A reason for skipping has 1 to {LONGEST_REASON} characters, not {len(reason)}."
        )
    return reason


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SelectionError(f"The page sent {value!r} for the seconds taken, which is no number.")
    if not math.isfinite(value) or value < 0:
        raise SelectionError(f"The page sent {value!r} for the seconds taken.")
    return min(float(value), DAY)
