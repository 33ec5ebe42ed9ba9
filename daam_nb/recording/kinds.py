"""Errors for arguments that should be a recording: what was passed, and how to get a recording."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from daam_nb.errors import WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.recording.recording import Recording


def check_recording(value: object, *, where: str, order: str = "", other: object = None) -> None:
    """Raise `WrongKindError` unless a value is one recording.

    Parameters
    ----------
    value
        The value passed.
    where
        The function called, as the user wrote it: ``"heat_maps()"``.
    order
        The correct call, if arguments can be swapped: ``"reproduce(run, pipe)"``.
    other
        The argument that a recording may have been swapped with.
    """
    if isinstance(value, Recording):
        return
    verb = where.removesuffix("()")
    swapped = isinstance(other, Recording)
    way_out = f" The order is {order}." if swapped else _way_out(value, verb)
    raise WrongKindError(f"{where} takes a Recording, not {kind_of(value)}.{way_out}")


def _way_out(value: Any, verb: str) -> str:
    """How a recording is had from it, as a sentence; nothing if that is not known."""
    if isinstance(value, str | os.PathLike):
        return f" If it is a folder, open it first: {verb}(daam_nb.load({os.fspath(value)!r}))."
    if isinstance(value, list | tuple) and value and all(isinstance(v, Recording) for v in value):
        return f" Take one of them, {verb}(runs[0]), or each: [{verb}(run) for run in runs]."
    if isinstance(getattr(value, "run", None), Recording):
        return f" Take the recording that they were made from: {verb}(maps.run)."
    kind = type(value)
    if isinstance(value, Iterable) and hasattr(value, "runs"):
        return f" Take one recording of it: {verb}(corpus.recordings[0])."
    if hasattr(kind, "recordings"):
        return f" After the block it holds one: {verb}(tracer.recording)."
    if callable(getattr(kind, "load", None)) and hasattr(value, "source"):
        return f" It is read from disk by its load(): {verb}(run.load())."
    if _is_pipeline(value):
        return f" Record with it first: {verb}(generate(pipe, prompt, seed=0))."
    return " generate(pipe, prompt, seed=0) makes one, load(folder) opens one."


def _is_pipeline(value: Any) -> bool:
    return hasattr(value, "scheduler") and callable(value)
