"""``corpus.json``: the settings of a corpus, written once and compared from then on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daam_nb.errors import StudyError
from daam_nb.storage import write_file
from daam_nb.studies.corpus.rows import differences

FILE = "corpus.json"
LIST = "list.jsonl"
_FORMAT, _VERSION = "daam_nb corpus", 2
_BY_SAMPLES = 1  # the version that knew a model by some of its weights: read, not gone on with
_UNFINISHED = re.compile(r"\.corpus\.json\.[0-9a-f]+\.part")  # left by a kill in its first write


def settle(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings of a corpus, or compare them with the written ones."""
    if (folder / FILE).is_file():
        about = about_of(folder)
        if about["version"] == _BY_SAMPLES:
            raise StudyError(
                f"{folder} was made by an earlier version, which identified a model by a sample of "
                "its weights, so it is unknown whether this is the same one. Its images can be "
                "read and studied (pipe=None, Corpus.open); draw new ones into another folder: "
                "into=..."
            )
        # What people call the model is no part of what it is.
        then, now = ({**each, "model": None} for each in (about["settings"], settings))
        different = differences(then, now)
        if different:
            raise StudyError(
                f"{folder} was made with other settings: {different}. Use the same, or another "
                f"folder: into=..."
            )
        return
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder} is a file; a corpus needs a folder: into=...")
    foreign = [entry for entry in _entries(folder) if not _UNFINISHED.fullmatch(entry.name)]
    if foreign:
        raise StudyError(
            f"{folder} is neither an empty folder nor a corpus. Choose another folder: into=..."
        )
    folder.mkdir(parents=True, exist_ok=True)
    about = {"format": _FORMAT, "version": _VERSION, "settings": dict(settings)}
    write_file(folder / FILE, (json.dumps(about, indent=1) + "\n").encode())
    for entry in _entries(folder):
        if _UNFINISHED.fullmatch(entry.name):
            entry.unlink(missing_ok=True)


def remembered(folder: Path) -> dict[Path, bytes | None]:
    """A folder's state before a call: the bytes of its settings files."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in (folder / FILE, folder / LIST)
    }


def restore_settings(
    before: Mapping[Path, bytes | None], after: Mapping[Path, bytes | None]
) -> None:
    """Restore a folder's state before a call that drew nothing, to allow other settings.

    Not restored if something else was written or drawn into it meanwhile.
    """
    folder = next(iter(before)).parent
    others = before[folder / FILE] is None and any(folder.glob("runs/*"))
    if others or remembered(folder) != after:
        return
    for path, content in before.items():
        if content is not None:
            write_file(path, content)
        else:
            path.unlink(missing_ok=True)
    if before[folder / FILE] is None:
        for emptied in (folder / "runs", folder):
            if emptied.is_dir() and not any(emptied.iterdir()):
                emptied.rmdir()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def about_of(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if about["format"] != _FORMAT or about["version"] not in (_BY_SAMPLES, _VERSION):
            raise ValueError(f"format {about['format']!r}, version {about['version']!r}")
        return {"settings": dict(about["settings"]), "version": about["version"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{folder / FILE} is not what corpus.generate wrote ({error}). Choose another folder."
        ) from None
