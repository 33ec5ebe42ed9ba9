"""A folder -> its facts, and arrays and images that are read when first used."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daam_nb.errors import (
    RecordingFormatError,
    RecordingNotFoundError,
    RecordingVersionError,
)
from daam_nb.storage.arrays import ArrayFacts, ArrayFile, LazyArrays, max_header_bytes
from daam_nb.storage.disk import told
from daam_nb.storage.images import ImageFacts, ImageFile, LazyImages
from daam_nb.storage.strict_json import MAX_BYTES, Fields, broken, decode, verified

FORMAT = "daam_nb.recording"
VERSION = 2  # that is written
_READABLE = (1, VERSION)
JSON_NAME = "recording.json"
# The names that `write_folder` gives. Nothing else is opened, and nothing else is ever removed.
OWN_FILE = re.compile(r"[a-z_]{1,40}-[0-9a-f]{16}\.(safetensors|png)")
_ATTEMPTS = 100  # each means that someone saved it anew meanwhile


@dataclass(frozen=True)
class Folder:
    """The content of a folder.

    Attributes
    ----------
    path
        The folder.
    facts
        The plain data that was saved.
    arrays, images
        Mappings by name; each value is read, compared with its sha256 and checked on first use.
    version
        Version of the format of its facts.
    """

    path: Path
    facts: dict[str, Any]
    arrays: LazyArrays
    images: LazyImages
    version: int


@dataclass(frozen=True)
class Contents:
    """The folder's JSON file, read and checked: its content, and the files it names."""

    version: int
    facts: dict[str, Any]
    arrays_file: tuple[str, int]  # (name, bytes)
    arrays: dict[str, ArrayFacts]
    images: dict[str, tuple[str, int, ImageFacts]]  # (name, bytes, facts)

    def files(self) -> Iterator[tuple[str, int]]:
        """(name, bytes) of every file named."""
        yield self.arrays_file
        for name, nbytes, _ in self.images.values():
            yield name, nbytes


def read_folder(path: str | os.PathLike[str]) -> Folder:
    """Open a folder that `write_folder` wrote.

    Its JSON is read and checked; the other files are checked for their existence, size, and names,
    dtypes and shapes of arrays, and mapped into memory. No array and no image is read.

    Raises
    ------
    RecordingNotFoundError
        If there is no folder, or no recording in it.
    RecordingFormatError
        If a file is missing, truncated, altered, hostile or of another version.
    FileAccessError
        If the system cannot read a file.
    """
    folder = Path(path).expanduser()
    with told(folder, "read"):
        return _read_folder(folder)


def _read_folder(folder: Path) -> Folder:
    contents = read_contents(folder)
    for attempt in range(_ATTEMPTS):
        try:
            return _opened(folder, contents)
        except (RecordingFormatError, FileNotFoundError):
            # Someone may have replaced the recording between its JSON and its arrays.
            newer = read_contents(folder)
            if newer == contents or attempt == _ATTEMPTS - 1:
                raise
            contents = newer
    raise AssertionError("the last attempt returns or raises")


def read_contents(folder: Path) -> Contents:
    """Read and check only the JSON file of a folder."""
    file = folder / JSON_NAME
    if not folder.is_dir():
        what = "is a file" if os.path.lexists(folder) else "does not exist"
        raise RecordingNotFoundError(
            f"{folder} {what}. A recording is a folder that holds {JSON_NAME}: give that folder."
        )
    try:
        os.lstat(file)  # not `lexists`, which says no where it is not permitted to look
    except FileNotFoundError:
        raise RecordingNotFoundError(
            f"{folder} holds no recording: it has no {JSON_NAME}. "
            f"Give the folder that `Recording.save` wrote."
        ) from None
    nbytes = _size_of_regular(file)
    if nbytes > MAX_BYTES:
        raise broken(file, f"{nbytes} bytes long; facts may fill at most {MAX_BYTES}")
    with file.open("rb") as opened:
        document = decode(opened.read(MAX_BYTES), file)  # no more, should it grow meanwhile
    if document.get("format") != FORMAT:
        raise broken(file, f"its format is {document.get('format')!r:.60}, not {FORMAT!r}")
    version = document.get("version")
    if type(version) is not int or version not in _READABLE:  # True is 1 to Python
        readable = " and ".join(map(str, _READABLE))
        raise RecordingVersionError(
            f"{file}: version {document.get('version')!r:.30} of the format; this daam_nb reads "
            f"versions {readable}. Update it: pip install --upgrade daam_nb."
        )
    return _contents(Fields(verified(document, file), str(file)))


def _contents(fields: Fields) -> Contents:
    fields.known("format", "version", "facts", "arrays", "arrays_file", "pictures")
    listed, images = fields.fields("arrays"), fields.fields("pictures")
    arrays = {name: ArrayFacts.read(listed.fields(name)) for name in listed.values}
    file = _named_file(fields.fields("arrays_file").known("name", "bytes"))
    filled = sum(array.nbytes for array in arrays.values())
    if filled > file[1]:
        raise broken(fields.where, f"its arrays are larger than the {file[1]} bytes of {file[0]}")
    if file[1] - filled > max_header_bytes(arrays):
        raise broken(
            fields.where, f"its arrays fill only {filled} of the {file[1]} bytes of {file[0]}"
        )
    return Contents(
        version=fields.whole("version"),
        facts=fields.fields("facts").values,
        arrays_file=file,
        arrays=arrays,
        images={name: _image(images.fields(name)) for name in images.values},
    )


def _image(fields: Fields) -> tuple[str, int, ImageFacts]:
    fields.known("name", "bytes", "size", "mode", "sha256")
    name, nbytes = _named_file(fields, ending="png")
    facts = ImageFacts.read(fields)
    if nbytes > facts.max_bytes:
        height, width = facts.size
        raise broken(
            fields.where,
            f"its file has {nbytes} bytes; a PNG of {height} x {width} pixels in {facts.mode} "
            f"takes at most {facts.max_bytes}",
        )
    return name, nbytes, facts


def _named_file(fields: Fields, ending: str = "safetensors") -> tuple[str, int]:
    name = fields.text("name")
    if not OWN_FILE.fullmatch(name) or not name.endswith(f".{ending}"):
        raise broken(
            f"{fields.where}.name", f"is {name!r:.80}, not the plain name of a {ending} file here"
        )
    return name, fields.whole("bytes", low=1)


def _opened(folder: Path, contents: Contents) -> Folder:
    for name, nbytes in contents.files():
        size = _size_of_regular(folder / name)
        if size != nbytes:
            raise broken(
                folder / name,
                f"{size} bytes long, but {JSON_NAME} states {nbytes}: truncated or altered",
            )
    file = ArrayFile(folder / contents.arrays_file[0], contents.arrays)
    arrays = LazyArrays(file, {name: name for name in contents.arrays})
    images = {
        name: ImageFile(folder / file_name, facts)
        for name, (file_name, _, facts) in contents.images.items()
    }
    return Folder(folder, contents.facts, arrays, LazyImages(images), contents.version)


def _size_of_regular(file: Path) -> int:
    """Size of a regular file, in bytes: links and pipes are refused."""
    try:
        state = os.lstat(file)
    except FileNotFoundError:
        raise broken(file, "the recording names this file, but it is missing") from None
    if not stat.S_ISREG(state.st_mode):
        raise broken(file, "not a regular file; links are not followed")
    return state.st_size
