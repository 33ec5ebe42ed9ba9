"""The one way in which a file is replaced: whole, on the disk, nothing left behind."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from daam_nb.errors import FileAccessError, MissingFolderError
from daam_nb.storage import PART, whole_file, write_file

ROOT = Path(__file__).parents[2]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_file(tmp_path / "page.md", b"old")
    write_file(tmp_path / "page.md", b"new")
    assert (tmp_path / "page.md").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["page.md"]


def test_any_writer_can_fill_the_part(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"old")
    with whole_file(tmp_path / "state") as part:
        assert part.parent == tmp_path
        assert PART.fullmatch(part.name)
        part.write_bytes(b"new")
        assert (tmp_path / "state").read_bytes() == b"old"
    assert (tmp_path / "state").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stays_alone(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "state").write_bytes(b"old")
    with pytest.raises(error), whole_file(tmp_path / "state") as part:
        part.write_bytes(b"ne")
        raise error
    assert (tmp_path / "state").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_the_content_is_on_the_disk_before_the_name_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("sync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda *a: (events.append("move"), replace(*a))[1])
    write_file(tmp_path / "page.md", b"new")
    assert events == ["sync", "sync", "move", "sync"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(MissingFolderError, match=r"There is no folder .*nowhere\. Create it"):
        write_file(tmp_path / "nowhere" / "page.md", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileAccessError, match="folder could not be written"):
        write_file(tmp_path / "folder", b"")
    assert os.listdir(tmp_path) == ["folder"]


def test_files_are_replaced_here_and_nowhere_else() -> None:
    """Whoever needs a file whole uses `whole_file`; a second way would be a second set of bugs."""
    writers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("daam_nb", "training", "scripts", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if any(
            isinstance(node, ast.Attribute)
            and node.attr == "replace"
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert writers == ["daam_nb/storage/files.py"]
