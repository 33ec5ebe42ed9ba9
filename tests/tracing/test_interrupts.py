"""KeyboardInterrupt at random moments: nothing is left behind, and the pipeline works afterwards.

The interrupt is raised where Python itself would raise it, between two lines or at the start of a
function, by a trace function (`sys.settrace`) that counts such moments: a first run notes them,
later runs raise at chosen ones. Some are drawn from everything that runs, others from the lines
of our own files, where hooks and patches are put on and taken off; never two of the same line.

What Python does not permit: an interrupt at the very start of ``__exit__``, before its ``try``
holds, cannot be caught by anybody; that moment is left out. So is the moment between the end of a
``with`` block and its own exit, which exists for trace functions alone: CPython looks for signals
at the starts of functions, at jumps back and after calls, none of which lie there. Progress bars
keep their lock when they are interrupted between two of its Python functions, which would stop
the bars of all other threads: tqdm's functions are left out, and it gets another lock meanwhile.
"""

from __future__ import annotations

import linecache
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from tqdm import tqdm

import daam_nb.tracing
from daam_nb.tracing import trace
from tests import pipelines
from tests.tracing.cases import Case, sized
from tests.tracing.expected import FLOAT32, Expected, assert_recorded, observe
from tests.tracing.traces import Snapshot, assert_nothing_left, snapshot

OURS = str(Path(daam_nb.tracing.__file__).parent)
ONE_STEP = Case("one step", pipelines.sd1, sized(num_inference_steps=1, prompt="a dog"))


class Injector:
    """Raises KeyboardInterrupt at the n-th moment; without a number it only counts.

    Parameters
    ----------
    at
        Which moment.
    ours
        Count lines in the package's tracing files; else starts of all functions.
    """

    def __init__(self, at: int | None, *, ours: bool) -> None:
        self.at, self.ours = at, ours
        self.places: list[str] = []
        self.entered: dict[int, set[int]] = {}

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        mine = code.co_filename.startswith(OURS)
        if event == "call":
            self.entered.pop(id(frame), None)  # an address may serve many frames
        if event == "call" and code.co_name == "__exit__" and mine:
            return self._at_exit  # see the module's docstring
        if (self.ours and not mine) or "tqdm" in code.co_filename:
            return None
        if code.co_name == "__exit__":
            return None  # somebody else's, at its very start: torch.no_grad() stays on for anybody
        self._moment(frame)
        return self._inside if self.ours else None

    def _at_exit(self, _frame: FrameType, event: str, _arg: Any) -> Callable[..., Any]:
        return self._inside if event == "line" else self._at_exit

    def _inside(self, frame: FrameType, event: str, _arg: Any) -> Callable[..., Any]:
        if event == "line" and not self._leaves_a_block(frame):
            self._moment(frame)
        return self._inside

    def _leaves_a_block(self, frame: FrameType) -> bool:
        """Whether a `with` line is passed for the second time: on the way out."""
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if not line.startswith("with "):
            return False
        entered = self.entered.setdefault(id(frame), set())
        if frame.f_lineno in entered:
            entered.discard(frame.f_lineno)
            return True
        entered.add(frame.f_lineno)
        return False

    def _moment(self, frame: FrameType) -> None:
        self.places.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        if len(self.places) == self.at:
            sys.settrace(None)
            raise KeyboardInterrupt

    def _call(self, pipe: Any) -> None:
        with trace(pipe):
            ONE_STEP.run(pipe)

    def run(self, pipe: Any) -> bool:
        """Trace one call under this injector; whether it was interrupted."""
        before = sys.gettrace()
        try:
            sys.settrace(self)
            self._call(pipe)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


@pytest.fixture(scope="module")
def pipe() -> Iterator[Any]:
    lock = tqdm.get_lock()
    tqdm.set_lock(threading.RLock())
    made = pipelines.sd1()
    ONE_STEP.run(made)
    yield made
    tqdm.set_lock(lock)


@pytest.fixture(scope="module")
def untraced(pipe: Any) -> np.ndarray:
    images: np.ndarray = ONE_STEP.run(pipe)
    return images


@pytest.fixture(scope="module")
def expected(pipe: Any) -> Expected:
    return observe(pipe, ONE_STEP.run)


def distinct_moments(places: list[str], count: int, *, seed: str) -> list[int]:
    """Moments at `count` different places, each at one of the times that it was passed."""
    passed: dict[str, list[int]] = {}
    for moment, place in enumerate(places, start=1):
        passed.setdefault(place, []).append(moment)
    draw = random.Random(seed)
    return [draw.choice(passed[place]) for place in draw.sample(sorted(passed), count)]


def assert_clean(before: Snapshot, pipe: Any, injector: Injector) -> None:
    """Nothing is left; or say after which interrupt something was."""
    try:
        assert_nothing_left(before, snapshot(pipe))
    except AssertionError as error:
        raise AssertionError(f"interrupted at {injector.places[-1]}:\n{error}") from None


@pytest.mark.parametrize("ours", [False, True], ids=["anywhere", "in our own code"])
def test_interrupts_at_random_moments(
    pipe: Any, untraced: np.ndarray, expected: Expected, ours: bool
) -> None:
    counting = Injector(None, ours=ours)
    assert not counting.run(pipe)
    before = snapshot(pipe)
    hit = 0
    for moment in distinct_moments(counting.places, 40, seed=f"interrupts {ours}"):
        injector = Injector(moment, ours=ours)
        hit += injector.run(pipe)
        assert_clean(before, pipe, injector)
    assert hit >= 32  # a few fall into functions that swallow them (destructors, callbacks)
    assert np.array_equal(ONE_STEP.run(pipe), untraced)
    with trace(pipe, dtype=torch.float32) as tracer:
        assert np.array_equal(ONE_STEP.run(pipe), untraced)
    assert_recorded(tracer.recording, expected, [1], columns=range(4), atol=FLOAT32)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_real_signals(pipe: Any, untraced: np.ndarray) -> None:
    """The same by a timer, so that the moments are those of a person at a keyboard."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    before = snapshot(pipe)
    start = time.perf_counter()
    with trace(pipe):
        ONE_STEP.run(pipe)
    length = time.perf_counter() - start
    draw = random.Random("signals")
    hits = 0

    def shot() -> bool:
        try:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.05, 0.9) * length)
            with trace(pipe):
                ONE_STEP.run(pipe)
        except KeyboardInterrupt:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False

    try:
        for _ in range(15):
            try:
                hits += shot()
            except KeyboardInterrupt:  # on the way out of `shot`
                hits += 1
            assert_nothing_left(before, snapshot(pipe))
    finally:
        signal.signal(signal.SIGALRM, former)
    assert hits  # how many depends on how busy the machine is
    assert np.array_equal(ONE_STEP.run(pipe), untraced)


def test_interrupts_while_a_trace_opens_and_closes(pipe: Any, untraced: np.ndarray) -> None:
    """Lines of opening and closing, with nothing in between."""

    def open_and_close(injector: Injector) -> bool:
        try:
            sys.settrace(injector)
            with trace(pipe):
                pass
        except KeyboardInterrupt:
            return True
        except Exception:  # NothingRecordedError, which is right
            return False
        finally:
            sys.settrace(None)
        return False

    counting = Injector(None, ours=True)
    open_and_close(counting)
    before = snapshot(pipe)
    for moment in distinct_moments(counting.places, 60, seed="open and close"):
        injector = Injector(moment, ours=True)
        assert open_and_close(injector)
        assert_clean(before, pipe, injector)
    assert np.array_equal(ONE_STEP.run(pipe), untraced)
