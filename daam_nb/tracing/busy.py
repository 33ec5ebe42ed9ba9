"""One call at a time: a scheduler holds the state of a call, so two concurrent calls corrupt it.

diffusers keeps the state of a running call (the timesteps, the position in the loop, earlier
outputs) in the pipeline's scheduler. Two threads that run one pipeline, or two pipelines that share
a scheduler, mix these up, traced or not. A traced call that would begin in such a state is refused;
one that is disturbed later raises an error, and so does one that cannot finish because another call
stepped its scheduler.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daam_nb.errors import BusyPipelineError

if TYPE_CHECKING:
    from daam_nb.tracing.running import RunningCall

_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class _Use:
    """A scheduler in a watched call; referenced, so that its id is not reused."""

    scheduler: Any
    thread: threading.Thread
    disturbances: list[str]

    def elsewhere(self) -> bool:
        """Whether another thread uses it. One left behind by an interrupt is free."""
        return self.thread is not threading.current_thread() and self.thread.is_alive()


_uses: dict[int, _Use] = {}  # by the scheduler's id


@contextmanager
def on(scheduler: Any, *, nested: bool) -> Iterator[list[str]]:
    """Reserve a scheduler for a watched call; the list names the threads that disturb it.

    Parameters
    ----------
    scheduler
        The scheduler of the called pipeline.
    nested
        Whether a call in this context already has it, as when a callback calls the pipeline again.

    Raises
    ------
    BusyPipelineError
        If a watched call in another thread has it.
    """
    if nested:
        yield []
        return
    key = id(scheduler)
    use = _Use(scheduler, threading.current_thread(), [])
    with _lock:
        if key in _uses and _uses[key].elsewhere():
            raise BusyPipelineError(
                f"A watched call in another thread is using this {type(scheduler).__name__}. A "
                "scheduler keeps the state of a call, so a pipeline (and every pipeline that "
                "shares its scheduler) can run one call at a time. Nothing was drawn. Wait for "
                "that call, or give each thread a pipeline of its own: other = "
                "type(pipe).from_pipe(pipe); other.scheduler = "
                "type(pipe.scheduler).from_config(pipe.scheduler.config)."
            )
        _uses[key] = use
    try:
        yield use.disturbances
    finally:
        with _lock:
            if _uses.get(key) is use:
                del _uses[key]


def disturb(scheduler: Any) -> None:
    """Note an unwatched call that begins while a watched one of another thread is running."""
    use = _uses.get(id(scheduler))
    if use is not None and use.elsewhere():
        use.disturbances.append(threading.current_thread().name)


def note_inner_call(running: Iterable[RunningCall], pipe: Any) -> None:
    """Note a pipeline's call in the calls whose loop it interrupts, as from a callback."""
    scheduler = getattr(pipe, "scheduler", None)
    for call in running:
        if call.scheduler is scheduler and call.step:
            whose = "the same pipeline" if call.pipe is pipe else f"another {type(pipe).__name__}"
            call.inner_calls.append(f"{whose} was called behind step {call.step - 1}")


def why_out_of_step(call: RunningCall, error: Exception) -> str:
    """Explain why a call's scheduler could not go on, with the way out.

    Returns
    -------
    str
        Empty if the error comes from elsewhere, or nothing indicates that the scheduler was stepped
        by anything other than the call's own loop.
    """
    scheduler = call.scheduler
    if not isinstance(error, (LookupError, TypeError, ValueError)) or not _is_in(scheduler, error):
        return ""
    index, kind = getattr(scheduler, "step_index", None), type(scheduler).__name__
    seen = [*call.inner_calls, *(f"thread {name!r} called it" for name in call.disturbances)]
    timesteps = getattr(scheduler, "timesteps", None)  # None until they could be set
    steps = 0 if timesteps is None else len(timesteps)
    is_ahead = index is not None and index >= steps
    is_reset = call.timesteps_set is not None and scheduler.timesteps is not call.timesteps_set
    if not (seen or is_ahead or is_reset):
        return ""
    because = f" ({'; '.join(seen)})" if seen else ""
    return (
        f"The call stopped after {call.step} calls of {kind}.step without an image, which "
        f"recording did not cause: its scheduler is at step {index} of {steps}, and was set or "
        f"stepped by something other than the call's own loop{because}. A scheduler keeps the "
        "state of a call. Give every pipeline its own (other.scheduler = "
        "type(pipe.scheduler).from_config(pipe.scheduler.config)), and step a copy in callbacks: "
        f"copy.deepcopy(pipe.scheduler). The scheduler's error: {type(error).__name__}: {error}"
    )


def _is_in(scheduler: Any, error: Exception) -> bool:
    """Whether an error was raised while a method of this scheduler ran."""
    return any(
        frame.f_locals.get("self") is scheduler
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def why_disturbed(disturbances: list[str]) -> str:
    """Explain how a call was disturbed, with the way out."""
    return (
        f"the same scheduler was used by another call meanwhile (in {', '.join(disturbances)}), "
        "which mixes up their states: the image is not that of its seed. Run one call at a time, "
        "or give each thread a pipeline with its own scheduler."
    )
