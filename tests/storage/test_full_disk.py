"""A disk that is full, may not be written, or lies elsewhere: errors of ours, and nothing half."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import DaamError, FileAccessError, MissingFolderError
from daam_nb.recording import load
from daam_nb.storage import arrays as arrays_module
from daam_nb.storage import disk, read_folder, write_file
from tests.storage.contents import small
from tests.tiny_recordings import tiny_recording


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From now on so many bytes go onto the disk, and then no more."""

    def fill(room: int) -> None:
        left = [room]
        write, save = os.write, arrays_module.save_file

        def wrote(descriptor: int, content: Any) -> int:
            taken = min(left[0], len(content))
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left[0] -= taken
            return write(descriptor, content[:taken])

        def saved(tensors: Any, path: Path) -> None:
            nbytes = sum(tensor.nbytes for tensor in tensors.values())
            if nbytes > left[0]:
                path.write_bytes(b"half")
                raise arrays_module.SafetensorError(
                    "Error while serializing: I/O error: No space left on device (os error 28)"
                )
            left[0] -= nbytes
            save(tensors, path)

        monkeypatch.setattr(os, "write", wrote)
        monkeypatch.setattr(arrays_module, "save_file", saved)

    return fill


@pytest.mark.parametrize("room", [0, 10, 40, 120, 300])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_the_old_or_nothing(
    tmp_path: Path, full: Callable[[int], None], room: int, overwrite: bool
) -> None:
    if overwrite:
        small(tmp_path / "run")
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    full(room)
    with pytest.raises(FileAccessError, match=r"run could not be written: No space left") as caught:
        small(tmp_path / "run", overwrite=overwrite, seed=1)
    assert isinstance(caught.value, OSError) and caught.value.errno == errno.ENOSPC
    assert str(caught.value).endswith(
        "the disk is full: free some space, or choose another folder."
    )
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    if overwrite:
        assert read_folder(tmp_path / "run").facts["seed"] == 0


def test_a_recording_does_not_fit(tmp_path: Path, full: Callable[[int], None]) -> None:
    full(5000)
    with pytest.raises(FileAccessError, match="the disk is full"):
        tiny_recording().save(tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, full: Callable[[int], None]) -> None:
    (tmp_path / "page.html").write_bytes(b"old")
    full(4)
    with pytest.raises(FileAccessError, match=r"page\.html could not be written: No space left"):
        write_file(tmp_path / "page.html", b"a new and longer one")
    assert os.listdir(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_bytes() == b"old"
    with pytest.raises(MissingFolderError, match="There is no folder"):
        write_file(tmp_path / "none" / "page.html", b"")


def test_a_write_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: write(fd, content[:3]))
    write_file(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


@pytest.fixture
def real_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 64 KiB, where the system lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except OSError:
        done = 1
    if done:
        pytest.skip("no disk of one's own may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(real_disk: Path) -> None:
    small(real_disk / "old")
    with pytest.raises(FileAccessError, match=r"No space left on device.*the disk is full"):
        tiny_recording(heads=(8, 8)).save(real_disk / "run")
    with pytest.raises(FileAccessError, match=r"No space left on device.*the disk is full"):
        write_file(real_disk / "big", b"x" * 2**20)
    assert os.listdir(real_disk) == ["old"]
    assert read_folder(real_disk / "old").facts["seed"] == 0


def test_a_disk_that_can_only_be_read(real_disk: Path) -> None:
    folder = small(real_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(real_disk)], check=True)
    assert read_folder(folder).facts["seed"] == 0
    for overwrite in (False, True):
        with pytest.raises(FileAccessError, match="is read-only: choose another folder"):
            small(folder if overwrite else real_disk / "other", overwrite=overwrite)
    subprocess.run(["mount", "-o", "remount,rw", str(real_disk)], check=True)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_what_may_not_be_read_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    folder = small(tmp_path / "run")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(folder / "recording.json"))

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(
        FileAccessError, match=r"run could not be read: .*recording\.json"
    ) as caught:
        load(folder)
    assert caught.value.errno == code


@pytest.mark.parametrize("name", ["a" * 300, "file/run", "\0", "\ud800", "a/../../b\n"])
def test_odd_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    run = tiny_recording()
    for work in (load, run.save):
        try:
            work(tmp_path / name)
        except DaamError:
            continue
        assert load(tmp_path / name).prompt.text == run.prompt.text  # what can be a name


def test_errors_of_ours_and_of_closed_pipes_pass() -> None:
    for error in (DaamError("x"), BrokenPipeError()):
        with pytest.raises(type(error)), disk.told("x", "written"):
            raise error
