"""Kills a writer at every line and before every call that changes the disk; looks at what is left.

Run as a module of its own, because it forks: ``python -m tests.storage.kill_everywhere SCENARIO
FOLDER``. Prints how many times it killed; raises where a folder opens neither as the old nor as the
new one. A killed child is really killed (SIGKILL): nothing of Python's tidying runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save

from daam_nb.errors import RecordingNotFoundError
from daam_nb.storage import arrays, files, lock, read_folder, write_folder, writing

DISK = (writing, files, arrays, lock)  # all that touches it
TRACED = {module.__file__ for module in DISK}
AUDITED = {f"os.{call}" for call in ("chmod", "mkdir", "remove", "rename", "rmdir", "scandir")}
AUDITED.add("open")  # Python announces these just before it does them
Work = Callable[[], object]


def content(value: float) -> dict[str, Any]:
    """A folder's content that one number tells."""
    return {
        "facts": {"value": value},
        "arrays": {"a": torch.full((3, 4), 1.0 * value), "b": torch.full((5,), value).half()},
        "images": {"image": Image.new("RGB", (4, 3), (int(value), 0, 0))},
    }


def value_of(folder: Path) -> float:
    """Which content a folder holds, all of it read and compared."""
    found = read_folder(folder)
    value = float(found.facts["value"])
    wanted = content(value)
    assert {k: v.tolist() for k, v in found.arrays.items()} == {
        k: v.tolist() for k, v in wanted["arrays"].items()
    }
    assert found.images["image"].tobytes() == wanted["images"]["image"].tobytes()
    return value


def dies_at(line: int, work: Work) -> bool:
    """Run `work` in a child that is killed at the line-th line or call it reaches; whether so."""

    def traced() -> None:
        reached = _countdown(line, lambda: os.kill(os.getpid(), signal.SIGKILL))
        sys.addaudithook(lambda event, _: reached() if event in AUDITED else None)
        _trace(reached)
        work()

    return _was_killed(_fork(traced))


def _fork(work: Work) -> int:
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:  # whatever happens, the child does not go on as its parent
            sys.settrace(None)
            traceback.print_exc()
            os._exit(1)
    return child


def _countdown(start: int, act: Callable[[], object]) -> Callable[[], None]:
    left = start

    def reached() -> None:
        nonlocal left
        if left == 0:
            act()
        left -= 1

    return reached


def _trace(reached: Callable[[], None]) -> None:
    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            reached()
        return trace

    sys.settrace(trace)


def _was_killed(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return False


def fresh(folder: Path) -> int:
    """Kill a first save everywhere: nothing, or the new one, is there."""
    target, kills, seen = folder / "run", 0, set()
    while dies_at(kills, lambda: write_folder(target, **content(2))):
        kills += 1
        try:
            seen.add(value_of(target))
            shutil.rmtree(target)
        except RecordingNotFoundError:
            seen.add(0.0)
            assert not target.exists()
        if kills % 10 == 0:
            write_folder(target, **content(3))
            assert os.listdir(folder) == ["run"], "drafts of the dead were not cleared"
            shutil.rmtree(target)
    assert value_of(target) == 2
    assert seen == {0.0, 2.0}, seen
    return kills


def replaced(folder: Path) -> int:
    """Kill a replacing save everywhere: the old one, or the new one, is there."""
    pristine, target, kills, seen = folder / "old", folder / "run", 0, set()
    write_folder(pristine, **content(1))
    foreign = "notes.txt", "arrays-of-mine.safetensors"
    for name in foreign:
        (pristine / name).write_text("mine")
    shutil.copytree(pristine, target)
    while dies_at(kills, lambda: write_folder(target, **content(2), overwrite=True)):
        kills += 1
        found = value_of(target)
        seen.add(found)
        if found == 1 and kills % 20:
            continue  # what the dead left may pile up: one save clears it all
        write_folder(target, **content(3), overwrite=True)
        assert value_of(target) == 3
        assert len(os.listdir(target)) == 3 + len(foreign), os.listdir(target)
        shutil.rmtree(target)
        shutil.copytree(pristine, target)
    assert value_of(target) == 2
    assert seen == {1.0, 2.0}, seen
    assert all((target / name).read_text() == "mine" for name in foreign)
    return kills


def half_written(folder: Path) -> int:
    """Kill in the middle of each file that is written, for a first and a replacing save."""
    target, kills = folder / "run", 0
    for before in (None, 1.0):
        for which in range(3):  # arrays, image, JSON
            shutil.rmtree(target, ignore_errors=True)
            if before:
                write_folder(target, **content(before))
            assert _was_killed(_fork(partial(_half_of, which, target, bool(before))))
            kills += 1
            if before:
                assert value_of(target) == before
            else:
                assert not target.exists()
            write_folder(target, **content(3), overwrite=bool(before))
            assert value_of(target) == 3
            assert os.listdir(folder) == ["run"] and len(os.listdir(target)) == 3
    return kills


def _half_of(which: int, target: Path, overwrite: bool) -> None:
    def die_halfway(path: Path, raw: bytes) -> None:
        path.write_bytes(raw[: len(raw) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    whole, turn = writing._write_file, [1]

    def write_file(path: Path, raw: bytes) -> None:
        (die_halfway if turn[0] == which else whole)(path, raw)
        turn[0] += 1

    writing._write_file = write_file
    if which == 0:
        arrays.save_file = lambda tensors, path: die_halfway(Path(path), save(tensors))
    write_folder(target, **content(2), overwrite=overwrite)


def interrupted(folder: Path) -> int:
    """Ctrl-C instead of a kill, at every line of a replacing save."""
    target, line, seen = folder / "run", 0, set()
    write_folder(target, **content(1))
    while True:
        _trace(_countdown(line, _interrupt))
        try:
            write_folder(target, **content(2), overwrite=True)
            break
        except KeyboardInterrupt:
            line += 1
        finally:
            sys.settrace(None)
        found = value_of(target)
        seen.add(found)
        if found == 2 or line % 20 == 0:
            write_folder(target, **content(1), overwrite=True)
            assert len(os.listdir(target)) == 3
    assert seen == {1.0, 2.0}, seen
    return line


def _interrupt() -> None:
    raise KeyboardInterrupt


SCENARIOS = {f.__name__: f for f in (fresh, replaced, half_written, interrupted)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    os.fsync = lambda _: None  # slow, and the system outlives a killed process
    print(SCENARIOS[sys.argv[1]](Path(sys.argv[2])))
