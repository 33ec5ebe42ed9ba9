"""The explorer itself: an anywidget whose choices are traits.

The browser holds the stack of the current word and scrubs on its own. What it changes arrives
here as traits; when the hand rests, the exact map, the tiles and the numbers go back.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets

from daam_nb.errors import (
    DaamError,
    ReadOnlyError,
    SelectionError,
    UnknownOptionError,
    unknown_names_message,
)
from daam_nb.maps.measure import iod, ioh, iou
from daam_nb.recording import Recording
from daam_nb.show.bundles import read_bundle
from daam_nb.show.explorer.controls import (
    CHOICES,
    SELECTION,
    check_names,
    first_choices,
    of_choice,
    selected_of,
)
from daam_nb.show.explorer.export.handout import STATIC
from daam_nb.show.explorer.export.images import images_of
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.container import VERSION, Part, pack, unpack
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.entries import Entry, clean
from daam_nb.show.explorer.model.facts import facts_of
from daam_nb.show.explorer.model.ranking import Polygon, Ranked, words_in
from daam_nb.show.explorer.model.selection import (
    Selected,
    arguments,
    check,
    number_of,
    selection_in_words,
)
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.syntax import Syntax
from daam_nb.show.explorer.page.answers import FIRST, Question, answer, parts_of
from daam_nb.show.explorer.page.callbacks import Callbacks, Told
from daam_nb.show.explorer.page.choices import MEASURED, Choices, completed
from daam_nb.show.explorer.page.drawing import Studio
from daam_nb.show.explorer.page.exports import Exports
from daam_nb.show.explorer.page.filming import Projector, written
from daam_nb.show.explorer.page.lifetime import Reopenable
from daam_nb.show.explorer.page.looking import Looking
from daam_nb.show.explorer.page.redrawing import Redrawing
from daam_nb.show.explorer.page.selections import Selections

if TYPE_CHECKING:
    from PIL.Image import Image

PAUSE = 0.05  # seconds between preparations


class Explorer(Exports, Told, Selections, Redrawing, Looking, Reopenable, Choices):
    """The explorer of one recording; made by `daam_nb.explore`.

    Every choice (see `Choices`) is a trait: read it, set it, observe it, link it. What cannot be is
    refused by a `TraitError`, and nothing changes. Traits that depend on each other (`layer` and
    `head`) change together by `choose`.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        syntax: Syntax,
        images: list[Image] | tuple[Image, ...] | None = None,
        pipe: Any = None,
        **choices: Any,
    ) -> None:
        # What `close` lets go of is there before anything can be refused.
        self._engine: Engine | None = Engine(subject)
        self._callbacks = Callbacks()
        self._studio = Studio(self._engine, pipe)
        self._projector = Projector()
        check_names(choices, where="Explorer()", also=("layout",))
        self._complete = False  # whether all choices that it opens with are set
        self._hearing = False  # whether the page's own choices are being taken
        self._first_of: Question | None = None
        self._syntax = syntax
        self._esm, self._css = read_bundle(STATIC, "explorer")
        sent = images_of(subject.run, images)
        self._forming = sent.forming
        self._fixed: dict[str, Any] = {
            "strip": sent.strip,
            "changed": sent.changed,
            "what_if": self._studio.facts,
            "films": written(),
        }
        super().__init__(
            **{**first_choices(subject), **completed(choices)},
            _images=pack({"run": subject.name}, sent.parts),
            _facts=facts_of(subject, syntax, **self._fixed),
        )
        self.list_entries()
        if self.show_syntax:
            self.ask_for_parse()
        self._refresh({*SELECTION, "word_b"})
        self._warming: Iterator[None] = self._engine.warm(self.selected)
        self._warm_later()
        self.observe(self._changed, list(CHOICES))
        self.on_msg(self._received)
        self._complete = True
        self.made()

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def subject(self) -> Subject:
        """The recording and what can be chosen of it."""
        return self._working.subject

    @property
    def engine(self) -> Engine:
        """What works out and keeps the maps."""
        return self._working

    @property
    def run(self) -> Recording:
        """The recording."""
        return self.subject.run

    @property
    def kind(self) -> str:
        """What the maps show: ``"attention"``, ``"effect"`` or another kind of `heat_maps`."""
        return self.subject.kind.name

    @property
    def words(self) -> tuple[Entry, ...]:
        """What `word` counts: the prompt's words, then what is shown on demand."""
        return self.subject.entries

    @property
    def selected(self) -> Selected:
        """Word, layers, heads and steps, by their numbers and places."""
        return self._selected_word(self.word)

    @property
    def look(self) -> Look:
        """What is shown now, without the widget: what figures and hand-outs are made of."""
        choices = {name: getattr(self, name) for name in CHOICES}
        return Look(self._working, choices, self._facts, unpack(self._images)[1], self._forming)

    @property
    def selection(self) -> dict[str, Any]:
        """Layers, steps and heads as `heat_maps` takes them, and the kind where not attention.

        ``heat_maps(run, **explorer.selection).word(...)`` is the exact map that the explorer shows
        of that word. With `negative` where the negative prompt's words are shown.
        """
        return arguments(self.subject, self.selected)

    def number_of(self, what: object, *, occurrence: int | None = None) -> int:
        """Number of a word, a phrase or a part of the prompt, as `word` takes it.

        Parameters
        ----------
        what
            Its text, a `Word` or (start, end) in characters, as `HeatMaps.word` takes them; or the
            text of a piece or of a special token.
        occurrence
            Which one (0-based) if the text is there several times.
        """
        return number_of(self.subject, what, occurrence=occurrence)

    def choose(
        self, *, occurrence: int | None = None, occurrence_b: int | None = None, **choices: Any
    ) -> Explorer:
        """Set several choices at once, all or none: ``choose(layer=3, head=5)``.

        A layer or a head lets go of several heads, and several of one: what is chosen last counts.

        Parameters
        ----------
        occurrence, occurrence_b
            Which one (0-based) is meant by `word` or `word_b`, if the prompt holds the text several
            times: ``choose(word="dog", occurrence=1)``.
        choices
            By the names of the controls.

        Raises
        ------
        TraitError
            Where a value cannot be, or they do not go together. Nothing changes then.
        UnknownOptionError
            For a name that is no choice.
        """
        check_names(choices, where="choose()", also=("layout",))
        choices = completed(choices)
        for name, which in (("word", occurrence), ("word_b", occurrence_b)):
            if which is not None:
                choices[name] = self._occurrence(name, choices.get(name), which)
        before = {name: getattr(self, name) for name in choices}
        try:
            with self.hold_sync(), self.hold_trait_notifications():
                for name, value in choices.items():
                    self.set_trait(name, value)
        except traitlets.TraitError:
            with self.hold_sync(), self.hold_trait_notifications():
                for name, value in before.items():
                    self.set_trait(name, value)
            raise
        return self

    def words_at(self, y: float, x: float) -> tuple[Ranked, ...]:
        """Rank the words at a place of the image, as hovering does, in the order `rank_by`.

        Parameters
        ----------
        y, x
            0 to 1 from the top left corner.

        Returns
        -------
        tuple of Ranked
            Each with its lift (1: as much of the words' attention as in the whole image), its
            share, and `chance`, the 5th to 95th percentile of its lifts at all cells.
        """
        return self._working.words_at(
            self.selected, y, x, special=self.show_pieces, order=self.rank_by
        )

    def words_in(self, polygon: Polygon | None = None) -> tuple[Ranked, ...]:
        """Rank the words in a region by the means of their maps there, in the order `rank_by`.

        Parameters
        ----------
        polygon
            Corners (y, x), 0 to 1 from the top left corner; by default the region drawn.

        Returns
        -------
        tuple of Ranked
            As for `words_at`; `chance` is of other regions of that size and shape.
        """
        maps = self._working.every_map(self.selected, special=self.show_pieces)
        region = self.region if polygon is None else polygon
        return words_in(self.subject, maps, region, order=self.rank_by)

    def close(self) -> None:
        """Take it from the page and let go of the recording and of all that was sent."""
        self._engine, self._warming, self._forming = None, iter(()), ()
        self._studio.close()
        self._projector.close()
        self._callbacks.clear()
        super().close()
        self.unobserve_all()
        self._first = self._images = b""

    def release(self) -> None:
        """Let go of the maps that were worked out; the recording and the images stay."""
        self._warming = iter(())
        self._working.release()
        self._first = b""

    def restore(self) -> None:
        """Work out the maps again."""
        self._refresh({*SELECTION, "word_b"})
        self._warming = self._working.warm(self.selected)
        self._warm_later()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a choice; a name that nothing uses would be set, and nothing would change."""
        if not name.startswith("_") and not hasattr(type(self), name):
            raise UnknownOptionError(
                unknown_names_message([name], CHOICES, where="The explorer", what="choice")
            )
        if not name.startswith("_") and _is_read_only(type(self), name):
            raise ReadOnlyError(
                f"explorer.{name} follows from the choices and cannot be set. Set what it follows "
                f"from: {', '.join(CHOICES)}."
            )
        of_several = name == "heads" or (name in ("layer", "head") and self.heads and value != -1)
        if of_several and self._complete:
            self.choose(**{name: value})  # what it lets go of changes with it
        else:
            super().__setattr__(name, value)

    def observe(self, handler: Any, names: Any = traitlets.All, type: Any = "change") -> None:
        """Call a function when a trait changes; see `traitlets.HasTraits.observe`.

        Raises
        ------
        UnknownOptionError
            For a name that is no trait, and so would never change.
        """
        listed: list[Any] = [names] if isinstance(names, str) or names is traitlets.All else names
        unknown = [
            str(name) for name in listed if name is not traitlets.All and not self.has_trait(name)
        ]
        if unknown:
            raise UnknownOptionError(
                unknown_names_message(
                    unknown, (*CHOICES, *MEASURED), where="observe()", what="trait"
                )
            )
        super().observe(handler, names, type)

    def __repr__(self) -> str:
        """One line, which is all that is seen where widgets are not shown."""
        return f"<Explorer: {self.status}>" if self._engine is not None else "<Explorer, closed>"

    def _occurrence(self, name: str, what: object, occurrence: int) -> int:
        """Number of one occurrence of a text."""
        end = name.removeprefix("word")
        try:
            if not isinstance(what, str):
                raise SelectionError(
                    f"occurrence{end}= says which one of a text: choose({name}='dog', "
                    f"occurrence{end}=1); {name}={what!r} is none."
                )
            return number_of(self.subject, what, occurrence=occurrence)
        except DaamError as error:
            raise traitlets.TraitError(of_choice(name, error)) from error

    # --- how it answers ---------------------------------------------------------------------------

    @property
    def _working(self) -> Engine:
        if self._engine is None:
            raise SelectionError("This explorer was closed. Open another: explore(run).")
        return self._engine

    @traitlets.validate("choice", "layer", "head", "heads")
    def _goes_together(self, proposal: Any) -> Any:
        choices = {name: getattr(self, name) for name in SELECTION}
        choices[proposal["trait"].name] = proposal["value"]
        try:  # steps are read and checked by themselves
            check(self.subject, replace(selected_of(self.subject, choices), steps=(0, 1)))
        except DaamError as error:
            raise traitlets.TraitError(of_choice(proposal["trait"].name, error)) from error
        return proposal["value"]

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser chose; what cannot be is refused, and the browser told so."""
        self._hearing = True
        try:
            super().set_state(sync_data)
        except traitlets.TraitError as error:
            names = [key for key in sync_data if self.has_trait(key)]
            self.send_state(names)
            told = {"v": VERSION, "type": "refused", "names": names, "error": clean(str(error))}
            self.send(told)
        finally:
            self._hearing = False

    def _changed(self, change: Any) -> None:
        """Several changes at once come one by one; the first of them answers for all."""
        if change["name"] == "word" and self._engine is not None:
            self._warming = self._engine.warm(self.selected)
            self._warm_later()
        if change["name"] == "show_syntax" and change["new"]:
            self.ask_for_parse()
        if self._engine is not None:
            self._refresh({change["name"]})
            if change["name"] in (*SELECTION, "region"):
                self._callbacks.tell(self)

    def _refresh(self, changed: set[str]) -> None:
        """Send what depends on the choices that changed, in one message.

        A page asks for the maps of what it chose itself. What was chosen here travels with the
        maps, so that a page without a kernel, such as a saved notebook, can show them.
        """
        selection = bool(changed & {*SELECTION, "word_b"})
        with self.hold_sync():
            if selection and not self._hearing:
                self._keep_first()
            if selection or "threshold" in changed:
                self._send_numbers()

    def _keep_first(self) -> None:
        """Let the maps of the present selection be what a page paints first."""
        question = Question(self.selected, self.word_b)
        if self._first and self._first_of == question:
            return
        self._first_of = question
        facts = {"run": self.subject.name}
        self._first = pack(facts, parts_of(self._working, FIRST, question))

    @property
    def _selected_b(self) -> Selected | None:
        if self.word_b < 0:
            return None
        return self._selected_word(self.word_b)

    def _selected_word(self, word: int) -> Selected:
        choices = {name: getattr(self, name) for name in SELECTION}
        return selected_of(self.subject, choices, word=word)

    def _send_numbers(self) -> None:
        values = self._working.exact(self.selected)
        self.set_trait("peak", float(values.values.max()))
        shares: dict[str, float | None] = {"iou": None, "iod": None, "ioh": None}
        if self._selected_b is not None:
            mask = self._working.mask(self.selected, self.threshold)
            other = self._working.mask(self._selected_b, self.threshold)
            shares = {"iou": iou(mask, other), "iod": iod(other, mask), "ioh": ioh(other, mask)}
        for name, value in shares.items():
            self.set_trait(name, value)
        self.set_trait("status", self._sentence())

    def _sentence(self) -> str:
        """Word, layers, head, steps and the numbers, all of the exact map."""
        subject = self.subject
        text, numbers = f"“{subject.texts[self.word]}”", f"peak {self.peak:.3g}"
        if subject.kind.name != "attention":
            text = f"{self._facts['title']} {text}"
        if self.word_b >= 0:
            text += f" and “{subject.texts[self.word_b]}”"
            numbers += (
                f", IoU {self.iou:.2f}, IoD {self.iod:.2f}, IoH {self.ioh:.2f} at "
                f"{self.threshold:g} of each peak"
            )
        said = " ".join(("", *self._facts["conditions"]))
        return f"{text}: {selection_in_words(subject, self.selected)}; {numbers}.{said}"

    def ask_for_parse(self) -> None:
        """Parse the prompt for the syntax lens, unless that was tried before."""
        if self._syntax.state == "later":
            self._syntax.ask()
            self._facts = facts_of(self.subject, self._syntax, **self._fixed)

    def list_entries(self) -> None:
        """Tell the page of phrases that were asked for since: before they are chosen."""
        if len(self._facts["words"]) != len(self.subject.entries):
            self._facts = facts_of(self.subject, self._syntax, **self._fixed)

    def _warm_later(self) -> None:
        """Prepare for what comes next, in the pauses of the kernel's loop; none, no preparation."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        itself = weakref.ref(self)

        def warm() -> None:
            explorer = itself()
            if explorer is None or explorer._engine is None:
                return
            if next(explorer._warming, explorer) is None:
                loop.call_later(PAUSE, warm)

        loop.call_later(PAUSE, warm)

    def _drawn(self, message: dict[str, Any], question: Question) -> list[Part]:
        if message["type"] == "film":
            return self._projector.message(self.look, message, question)
        return self._studio.message(message, question)

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        if self._engine is None:
            return
        reply = answer(self._engine, content, self._drawn)
        self.list_entries()
        if reply is not None:
            self.send(*reply)
        elif content == {"v": VERSION, "type": "keep", "run": self.subject.name}:
            self._keep_first()  # the hand has rested for long: what a saved page shows


def _is_read_only(kind: type, name: str) -> bool:
    own = getattr(kind, name)
    return isinstance(own, property) and own.fset is None
