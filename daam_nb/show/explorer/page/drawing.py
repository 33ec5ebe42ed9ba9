"""Images drawn again for an explorer: one at a time, in a thread, so that the kernel stays awake.

What torch computes runs in the thread, and nothing else: it touches neither the widget nor its maps
and sends nothing. The page asks how far it is, as it asks for everything else; so nothing depends
on an event loop, no message of a thread gets between those of the kernel, and a page that was
loaded anew finds the image that it asked for before.

    draw      {..., type: "draw", change: {how, factor?, of, where}}   begins; answered at once
    progress  {..., type: "progress", pictures}                        how far; once done, images
    cancel    {..., type: "cancel", job}                               no further than this step

Each has `v, id, run, sel` as a question has, and is answered as one: the part "drawing" says what
there is, the parts "picture" are images. `of` is "word" or "text", `where` "everywhere" or "chosen"
(the layers, heads and steps of `sel`). A `draw` that arrives twice draws once: its id is known.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image

from daam_nb.errors import BusyPipelineError, DaamError, SelectionError
from daam_nb.maps.heatmap import heat_maps
from daam_nb.recording import Recording
from daam_nb.show.explorer.export.images import PNG_BYTES
from daam_nb.show.explorer.model.container import Part
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.selection import Selected, arguments, selection_in_words
from daam_nb.show.explorer.page.answers import Question
from daam_nb.show.explorer.redrawing import door
from daam_nb.show.explorer.redrawing.change import Change, read_change
from daam_nb.show.explorer.redrawing.result import WhatIf, mask_within
from daam_nb.show.pixels import drawn_size, overlay_image, rgb

State = Literal["waiting", "drawing", "done", "failed", "cancelled"]
SIDE = 512  # pixels of the longer side of an image in the page
CHOSEN = ("layers", "heads", "steps")

_TURN = threading.Lock()  # one image at a time in this process: the next one waits


@dataclass(eq=False)
class Job:
    """One drawing, in a thread of its own.

    Attributes
    ----------
    name
        The id of the message that asked for it.
    change
        What is changed.
    state
        ``"waiting"`` for another image that is drawn.
    step, steps
        How many are done, of how many; 0 of 0 before the first.
    seconds
        What a step took, on average; 0 before the second.
    """

    name: str
    change: Change
    state: State = "waiting"
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    error: str = ""
    recording: Recording | None = None
    result: WhatIf | None = None
    selected: Selected | None = None
    threshold: float = 0.4
    thread: threading.Thread | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _first: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it waits or draws."""
        return self.state in ("waiting", "drawing")

    @property
    def left(self) -> float | None:
        """Seconds to the last step, by the steps so far; None before two are done."""
        return self.seconds * (self.steps - self.step) if self.seconds else None

    def stop(self) -> None:
        """End after the present step; no image is made."""
        self._stopped.set()

    def is_stopped(self) -> bool:
        """Whether nobody wants it any more."""
        return self._stopped.is_set()

    def note(self, step: int, steps: int) -> None:
        """Take note of a step; called in the thread."""
        now = time.monotonic()
        if step == 1:
            self._first = now  # it loads, compiles and warms up
        elif step > 1:
            self.seconds = (now - self._first) / (step - 1)
        self.step, self.steps = step, steps

    def begin(self, draw: Callable[[Job], Recording | None]) -> None:
        """Draw in a thread."""
        self.thread = threading.Thread(target=self._run, args=(draw,), daemon=True)
        self.thread.name = f"daam_nb draws {self.name}"
        self.thread.start()

    def _run(self, draw: Callable[[Job], Recording | None]) -> None:
        while not _TURN.acquire(timeout=0.1):
            if self.is_stopped():
                self.state = "cancelled"
                return
        try:
            self.state = "drawing"
            recording = None if self.is_stopped() else draw(self)
            self.recording = recording
            self.state = "cancelled" if recording is None else "done"
        except DaamError as error:
            self.error, self.state = clean(str(error)), "failed"
        except BaseException as error:  # whatever a pipeline raises is said in the page
            self.error = clean(f"{type(error).__name__}: {error}")
            self.state = "failed"
        finally:
            _TURN.release()


class Studio:
    """What an explorer draws again, and what came of it.

    Parameters
    ----------
    engine
        The recording and its maps.
    pipe
        The pipeline; None: nothing can be drawn.
    """

    def __init__(self, engine: Engine, pipe: Any) -> None:
        self._engine: Engine | None = engine
        self.pipe = pipe
        self.facts = door.facts_of_door(engine.subject.run, pipe)
        self.job: Job | None = None
        self._last: WhatIf | None = None

    @property
    def engine(self) -> Engine:
        """The recording and its maps."""
        if self._engine is None:
            raise SelectionError("This explorer was closed. Open another: explore(run, pipe).")
        return self._engine

    @property
    def last(self) -> WhatIf | None:
        """What was drawn last."""
        if self.job is not None and self.job.state == "done":
            self._result(self.job)
        return self._last

    def what_if(self, change: Change, selected: Selected, threshold: float) -> WhatIf:
        """Draw now, in this thread; waits where another image is drawn.

        Parameters
        ----------
        change
            What is changed.
        selected, threshold
            Of the mask within which pixels are counted.
        """
        self._check()
        with _TURN:
            recording = door.draw(self.engine.subject, self.pipe, change)
        assert recording is not None  # nobody could stop it
        self._last = self._compared(change, recording, selected, threshold)
        return self._last

    def close(self) -> None:
        """Draw no further, and let go of what was drawn, the recording and the pipeline."""
        if self.job is not None:
            self.job.stop()
        self.job = self._last = self._engine = self.pipe = None

    def message(self, message: dict[str, Any], question: Question) -> list[Part]:
        """Do what a page asks; see the module."""
        kind, job = message["type"], self.job
        if kind == "draw" and not (job is not None and job.name == message.get("id")):
            self._begin(message, question)
        elif kind == "cancel" and job is not None and job.name == message.get("job"):
            job.stop()
        return self._told(with_images=message.get("pictures") is True)

    def _begin(self, message: dict[str, Any], question: Question) -> None:
        if self.job is not None and self.job.is_open:
            raise BusyPipelineError(
                "An image is being drawn for this explorer. Wait for it, or cancel it."
            )
        self._check()
        asked = message.get("change")
        if not isinstance(asked, dict):
            raise SelectionError("The message lacks what is to be changed, change.")
        subject, selected = self.engine.subject, question.selected
        limits: dict[str, Any] = {}
        if asked.get("where") == "chosen":
            chosen = arguments(subject, selected)
            limits = {name: chosen[name] for name in CHOSEN}
            limits["where"] = selection_in_words(subject, selected)
        word = selected.word if asked.get("of") != "text" else False
        factor = asked.get("factor")
        change = read_change(subject, word, asked.get("how"), factor=factor, **limits)
        job = Job(str(message.get("id")), change)
        job.selected, job.threshold = selected, question.threshold
        pipe = self.pipe  # not this object: a thread keeps no explorer

        def draw(job: Job) -> Recording | None:
            return door.draw(subject, pipe, change, progress=job.note, is_stopped=job.is_stopped)

        self.job = job
        job.begin(draw)

    def _check(self) -> None:
        """Raise the true reason why nothing can be drawn; a pipeline may have changed since."""
        if self.pipe is None:
            raise SelectionError(door.NO_PIPELINE)
        door.check(self.engine.subject.run, self.pipe)

    def _compared(
        self, change: Change, recording: Recording, selected: Selected, threshold: float
    ) -> WhatIf:
        subject, entry = self.engine.subject, change.entry(self.engine.subject)
        before, image = subject.run.image, recording.image
        assert before is not None and image is not None  # `check_again`
        mask = None
        if entry is not None:
            mask = mask_within(self.engine.exact(selected), threshold, before)
        return WhatIf(
            before,
            image,
            change.said(subject),
            recording,
            "" if entry is None else clean(entry.text),
            mask,
            door.cautions(subject.run, self.pipe),
        )

    def _told(self, *, with_images: bool) -> list[Part]:
        """How far the drawing is; once it is done, what came of it."""
        job = self.job
        if job is None:
            return [({"name": "drawing", "job": None, "state": "none"}, b"")]
        state, step, steps = job.state, job.step, job.steps
        told: dict[str, Any] = {
            "name": "drawing",
            "job": job.name,
            "state": state,
            "step": step,
            "steps": steps,
            "left": job.left,
            "change": job.change.said(self.engine.subject),
            "error": job.error,
        }
        if state != "done":
            return [(told, b"")]
        result = self._result(job)
        told |= {
            "summary": result.summary,
            "word": result.word,
            "same": result.same,
            "everywhere": result.everywhere,
            "inside": result.inside,
            "outside": result.outside,
        }
        return [(told, b""), *(self._images(job, result) if with_images else [])]

    def _result(self, job: Job) -> WhatIf:
        if job.result is None:
            assert job.recording is not None and job.selected is not None  # it is done
            job.result = self._compared(job.change, job.recording, job.selected, job.threshold)
            self._last = job.result
        return job.result

    def _images(self, job: Job, result: WhatIf) -> list[Part]:
        """Both images and their difference, and the maps of the word over the first one."""
        entry = job.change.entry(self.engine.subject)
        end = float(result.difference.max())
        drawn = [
            ("first", "The first image", result.before),
            ("now", "Drawn now", result.image),
            ("difference", f"Difference, brightest: {100 * end:.2g}%", result.difference_image()),
        ]
        maps = [] if entry is None else _maps_of(self.engine, job)
        for name, kind, word_map in maps:
            over = overlay_image(result.before, word_map, threshold=job.threshold)
            drawn.append((name, f"{kind} “{result.word}”", over))
        return [_image_part(job.name, *one) for one in drawn]


def _maps_of(engine: Engine, job: Job) -> list[tuple[str, str, Any]]:
    """The map that is shown of the word, and its attention and effect where that is another."""
    subject, selected = engine.subject, job.selected
    assert selected is not None
    entry = subject.entries[selected.word]
    maps = []
    for name, title in (("attention", "Attention to"), ("effect", "Effect of")):
        if subject.kind.name == name:
            maps.append((name, title, engine.exact(selected)))
            continue
        chosen = {**arguments(subject, selected), "kind": name}
        try:
            every = heat_maps(subject.run, **chosen)
            word_map = every.token(entry.tokens) if entry.span is None else every.word(entry.span)
        except DaamError:  # it was not recorded
            continue
        maps.append((name, title, word_map))
    return maps


def _image_part(job: str, name: str, caption: str, image: Image.Image) -> Part:
    size = drawn_size((image.height, image.width), most=SIDE)
    small = Image.fromarray(rgb(image, size if max(size) < max(image.size) else None))
    written = io.BytesIO()
    small.save(written, "PNG")
    kind = "image/png"
    if written.tell() > PNG_BYTES:
        written = io.BytesIO()
        small.save(written, "JPEG", quality=90)
        kind = "image/jpeg"
    part = {"name": "picture", "job": job, "what": name, "caption": clean(caption), "type": kind}
    return part, written.getvalue()
