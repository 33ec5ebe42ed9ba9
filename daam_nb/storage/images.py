"""Images <-> PNG bytes: written losslessly, read without trust.

The bytes are compared with their sha256, and the size in the PNG's header with the JSON's, before
anything is decoded: a file of a few bytes that unfolds into gigabytes is refused unread, and so is
one of gigabytes that holds a few pixels.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, UnidentifiedImageError

from daam_nb.errors import RecordingFormatError
from daam_nb.storage.arrays import raise_if_cut
from daam_nb.storage.strict_json import Fields, broken

MODES = ("1", "L", "LA", "RGB", "RGBA")
MAX_PIXELS = 2**26  # 8192 x 8192
_CHANNELS = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_SLACK = 2**17  # bytes of a PNG that are no pixels: its header, what compression adds to noise


@dataclass(frozen=True)
class ImageFacts:
    """The JSON's description of one image: (height, width), Pillow's mode, sha256 of the file."""

    size: tuple[int, int]
    mode: str
    sha256: str

    @classmethod
    def read(cls, fields: Fields) -> ImageFacts:
        """Read what `as_dict` wrote, except for the fields of the file."""
        height, width = fields.size("size")
        if height * width > MAX_PIXELS:
            raise broken(
                f"{fields.where}.size", f"{height} x {width} is more than {MAX_PIXELS} pixels"
            )
        if fields.text("mode") not in MODES:
            raise broken(f"{fields.where}.mode", f"is {fields.text('mode')!r}, not one of {MODES}")
        return cls((height, width), fields.text("mode"), fields.text("sha256"))

    @property
    def max_bytes(self) -> int:
        """The largest possible PNG of these pixels, however badly compressed."""
        height, width = self.size
        return height * (1 + width * _CHANNELS[self.mode]) * 9 // 8 + _SLACK

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the JSON."""
        return {"size": list(self.size), "mode": self.mode, "sha256": self.sha256}


def png(name: str, image: Image.Image) -> tuple[bytes, ImageFacts]:
    """Encode an image; its pixels are kept exactly, its metadata is left out."""
    size = (image.height, image.width)
    if image.mode not in MODES or not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise RecordingFormatError(
            f"The image {name!r} is {size[0]} x {size[1]} {image.mode}; images in the modes "
            f"{', '.join(MODES)} of at most {MAX_PIXELS} pixels can be saved: .convert('RGB')."
        )
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    file = io.BytesIO()
    bare.save(file, format="PNG")
    raw = file.getvalue()
    return raw, ImageFacts(size, image.mode, hashlib.sha256(raw).hexdigest())


class ImageFile:
    """A PNG file, mapped so that it may be replaced afterwards; nothing is decoded until `read`."""

    def __init__(self, path: Path, facts: ImageFacts) -> None:
        self.path = path
        self.facts = facts
        self._state = os.stat(path)
        size = self._state.st_size
        try:  # not with `mmap`: that keeps a file descriptor open for every recording
            self._raw = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
        except RuntimeError as error:
            raise broken(path, f"cannot be opened ({error})") from None

    def read(self) -> Image.Image:
        """Check the sha256 and the size, then decode."""
        raise_if_cut(self.path, self._state)
        raw = self._raw.numpy().tobytes()
        if hashlib.sha256(raw).hexdigest() != self.facts.sha256:
            raise broken(self.path, "was changed after it was written: its sha256 differs")
        width, height = struct.unpack(">II", raw[16:24].rjust(8, b"\0"))
        if (height, width) != self.facts.size:
            raise broken(self.path, f"is {height} x {width}, {self.facts.size} in the JSON")
        try:
            image = Image.open(io.BytesIO(raw), formats=["PNG"])
            image.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise broken(self.path, f"not a readable PNG ({error})") from None
        if image.mode != self.facts.mode:
            raise broken(self.path, f"is {image.mode}, {self.facts.mode} in the JSON")
        bare = image.copy()  # half the memory of its bytes and an image of them
        bare.info = {}
        return bare


class LazyImages(Mapping[str, Image.Image]):
    """Images by name, each decoded on first use and kept from then on."""

    def __init__(self, files: Mapping[str, ImageFile]) -> None:
        self._files = dict(files)
        self._read: dict[str, Image.Image] = {}

    def __getitem__(self, name: str) -> Image.Image:
        if name not in self._read:
            self._read[name] = self._files[name].read()
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files  # Mapping's own would decode the image

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return dict, (dict(self),)

    def described(self) -> dict[str, ImageFacts]:
        """Size and mode of every image, without decoding any."""
        return {name: file.facts for name, file in self._files.items()}
