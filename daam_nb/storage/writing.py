"""Facts, arrays and images -> a folder that is complete at every moment, or does not exist.

A new folder is written as a draft next to its destination and then renamed. An existing one gets
new files under new names, then its JSON file, which names them, is replaced atomically, then the
old files are removed. A killed process leaves the old or the new content, and at most a draft or
some unnamed files, which the next save removes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from daam_nb.errors import DaamError, RecordingExistsError, RecordingFormatError
from daam_nb.storage.arrays import write_arrays
from daam_nb.storage.disk import told
from daam_nb.storage.files import move_into_place, to_disk, write_new
from daam_nb.storage.images import png
from daam_nb.storage.lock import HAS_LOCKS, locked
from daam_nb.storage.reading import FORMAT, JSON_NAME, OWN_FILE, VERSION, read_contents
from daam_nb.storage.strict_json import encode

_DRAFT = re.compile(r"\.daam_nb-draft-[0-9a-f]{16}")
_NEW_JSON = re.compile(r"\.recording-[0-9a-f]{16}\.json")
_DAY = 24 * 60 * 60.0  # seconds


def write_folder(
    path: str | os.PathLike[str],
    *,
    facts: Mapping[str, Any],
    arrays: Mapping[str, Tensor],
    images: Mapping[str, Image],
    overwrite: bool = False,
) -> Path:
    """Write a folder: arrays to one safetensors file, images to PNG, facts to JSON.

    Parameters
    ----------
    path
        Path of the folder; ``~`` is the home folder, missing parents are created.
    facts
        Plain data: text, finite numbers, booleans, None, lists and dicts of these.
    arrays
        Floating-point tensors of finite values, by name.
    images
        Images by name; names consist of lower-case letters and underscores.
    overwrite
        Replace the recording at `path`, if there is one, atomically: at any moment either the old
        or the new one can be opened.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RecordingExistsError
        If `path` exists and `overwrite` is false, or it is not a recording.
    RecordingFormatError
        If something cannot be saved so that it can be opened again. Nothing is left behind then.
    FileAccessError
        If the system cannot write: no space, no permission. Nothing is left behind then, and an old
        recording stays.
    """
    folder = Path(path).expanduser()
    with told(folder, "written"):
        if not os.path.lexists(folder):
            _create(folder, facts, arrays, images)
        elif overwrite:
            _replace(folder, facts, arrays, images)
        else:
            raise _exists(folder)
    return folder


def _create(
    folder: Path,
    facts: Mapping[str, Any],
    arrays: Mapping[str, Tensor],
    images: Mapping[str, Image],
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _draft(folder.parent) as draft:
        _write_file(draft / JSON_NAME, _write_parts(draft, facts, arrays, images))
        to_disk(draft)
        try:
            draft.rename(folder)
        except OSError:
            if os.path.lexists(folder):  # someone else was quicker
                raise _exists(folder) from None
            raise
    to_disk(folder.parent)
    _clear_drafts(folder.parent)


def _replace(
    folder: Path,
    facts: Mapping[str, Any],
    arrays: Mapping[str, Tensor],
    images: Mapping[str, Image],
) -> None:
    _must_be_a_recording(folder)
    with locked(folder):
        try:
            document = _write_parts(folder, facts, arrays, images)
            new_json = folder / f".recording-{secrets.token_hex(8)}.json"
            _write_file(new_json, document)
            move_into_place(new_json, folder / JSON_NAME)
        finally:
            # Whether it went well or not: what the JSON in place names stays, nothing else of ours.
            _clear_unnamed(folder)
    _clear_drafts(folder.parent)


def _must_be_a_recording(folder: Path) -> None:
    try:
        read_contents(folder)
    except DaamError as error:
        raise RecordingExistsError(
            f"{folder} is not replaced, because it is not a readable recording: {error} To write "
            "there, move or delete it yourself first."
        ) from None


def _exists(folder: Path) -> RecordingExistsError:
    return RecordingExistsError(
        f"{folder} exists. Choose another path, or overwrite=True to replace the recording there."
    )


def _write_parts(
    folder: Path,
    facts: Mapping[str, Any],
    arrays: Mapping[str, Tensor],
    images: Mapping[str, Image],
) -> bytes:
    """Write arrays and images under new names; return the JSON that names them."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "facts": facts}
    encode(document)  # what is wrong with the facts shows before gigabytes are written
    file = folder / _own_name("arrays", "safetensors")
    described = write_arrays(file, arrays)
    to_disk(file)
    document["arrays"] = {name: described[name].as_dict() for name in described}
    document["arrays_file"] = {"name": file.name, "bytes": file.stat().st_size}
    document["pictures"] = {}
    for name, image in images.items():
        file = folder / _own_name(name, "png")
        raw, seen = png(name, image)
        _write_file(file, raw)
        document["pictures"][name] = seen.as_dict() | {"name": file.name, "bytes": len(raw)}
    return encode(document)


def _own_name(name: str, ending: str) -> str:
    full = f"{name}-{secrets.token_hex(8)}.{ending}"
    if not OWN_FILE.fullmatch(full):
        raise RecordingFormatError(
            f"{name!r} is not a valid file name here: use at most 40 lower-case letters and "
            "underscores."
        )
    return full


def _write_file(path: Path, raw: bytes) -> None:
    write_new(path, raw)
    to_disk(path)


# --- one writer at a time, and what the dead leave ------------------------------------------------


@contextlib.contextmanager
def _draft(parent: Path) -> Iterator[Path]:
    """A new folder next to the target, locked while its writer lives; removed unless renamed."""
    with contextlib.ExitStack() as held:
        while True:
            draft = parent / f".daam_nb-draft-{secrets.token_hex(8)}"
            draft.mkdir()
            try:
                held.enter_context(locked(draft))
            except FileNotFoundError:
                continue  # taken for dead, in the moment between its birth and its lock
            if draft.is_dir():
                break
        try:
            yield draft
        finally:
            _remove_draft(draft)


def _clear_drafts(parent: Path) -> None:
    """Remove drafts that killed writers left next to the recordings; never a running writer's."""
    with contextlib.suppress(OSError):  # the recording is saved; tidying up must not say otherwise
        for entry in list(os.scandir(parent)):
            if not _DRAFT.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
                continue
            if not HAS_LOCKS and time.time() - entry.stat().st_mtime < _DAY:
                continue
            with contextlib.suppress(RecordingExistsError), locked(Path(entry.path), patience=0):
                _remove_draft(Path(entry.path))


def _remove_draft(draft: Path) -> None:
    if not draft.is_dir():
        return  # renamed into its place
    for entry in list(os.scandir(draft)):
        if entry.name == JSON_NAME or OWN_FILE.fullmatch(entry.name):
            os.unlink(entry.path)
    with contextlib.suppress(OSError):  # someone put a file of their own into it
        draft.rmdir()


def _clear_unnamed(folder: Path) -> None:
    """Remove daam_nb's files that the present JSON does not name; never other files."""
    named = {name for name, _ in read_contents(folder).files()}
    for entry in list(os.scandir(folder)):
        ours = OWN_FILE.fullmatch(entry.name) or _NEW_JSON.fullmatch(entry.name)
        if ours and entry.name not in named and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError):  # Windows: still mapped by a reader; next time then
                os.unlink(entry.path)
