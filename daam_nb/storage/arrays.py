"""Arrays <-> one safetensors file, mapped into memory; each array is checked on first use.

Opening reads only the file's header and keeps the file mapped, so that it can be replaced or
removed afterwards: an open recording stays complete. A header is accepted only if it agrees with
the JSON.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from daam_nb.errors import RecordingFormatError
from daam_nb.storage.strict_json import Fields, broken

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
_FILE_DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


@dataclass(frozen=True)
class ArrayFacts:
    """The JSON's description of one array: torch's dtype name, shape, sha256 of its bytes."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str

    @classmethod
    def of(cls, tensor: Tensor) -> ArrayFacts:
        """Describe a contiguous tensor."""
        return cls(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), _sha256(tensor))

    @classmethod
    def read(cls, fields: Fields) -> ArrayFacts:
        """Read what `as_dict` wrote."""
        fields.known("dtype", "shape", "sha256")
        if fields.text("dtype") not in DTYPES:
            known = ", ".join(DTYPES)
            raise broken(
                f"{fields.where}.dtype", f"is {fields.text('dtype')!r}, not one of {known}"
            )
        return cls(fields.text("dtype"), fields.wholes("shape"), fields.text("sha256"))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the JSON."""
        return {"dtype": self.dtype, "shape": list(self.shape), "sha256": self.sha256}

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch's."""
        return DTYPES[self.dtype]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.torch_dtype.itemsize


def max_header_bytes(arrays: Mapping[str, ArrayFacts]) -> int:
    """The largest possible header, in bytes, of a safetensors file of these arrays."""
    digits = 24  # of a number, with its comma
    of_each = (len(json.dumps(name)) + digits * (4 + len(a.shape)) for name, a in arrays.items())
    return 2**20 + sum(of_each) + 64 * len(arrays)


def check_values(
    tensor: Tensor, name: str, *, low: float = -math.inf, high: float = math.inf
) -> None:
    """Raise a `RecordingFormatError` unless every value is finite and in [low, high]."""
    if not tensor.numel():
        return
    smallest, largest = (float(value) for value in torch.aminmax(tensor))
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise RecordingFormatError(f"{name} holds values that are not finite numbers")
    if smallest < low or largest > high:
        raise RecordingFormatError(
            f"{name} holds values from {smallest:.4g} to {largest:.4g}, outside [{low:g}, {high:g}]"
        )


def raise_if_cut(path: Path, opened: os.stat_result) -> None:
    """Raise if a mapped file was truncated since: reading it would end the process (SIGBUS)."""
    try:
        now = os.stat(path)
    except OSError:
        return  # replaced or removed as a whole: the mapping still holds it
    if os.path.samestat(now, opened) and now.st_size != opened.st_size:
        raise broken(path, f"was cut from {opened.st_size} to {now.st_size} bytes while open")


def write_arrays(path: Path, arrays: Mapping[str, Tensor]) -> dict[str, ArrayFacts]:
    """Write tensors into a new safetensors file and describe them."""
    used: set[int] = set()
    ready = {name: _ready(name, tensor, used) for name, tensor in arrays.items()}
    facts = {name: ArrayFacts.of(tensor) for name, tensor in ready.items()}
    with open(path, "xb") as empty:
        mode = os.fstat(empty.fileno()).st_mode
    try:
        save_file(ready, path)
    except SafetensorError as error:  # which says in words alone what the system said
        code = re.search(r"(?:os error |code: )(\d+)", str(error))  # the latter before 0.5
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from None
    path.chmod(stat.S_IMODE(mode))  # safetensors may leave it readable by its writer alone
    return facts


class ArrayFile:
    """A safetensors file, opened; no array is read until `read` asks for it.

    Raises
    ------
    RecordingFormatError
        If the file is not safetensors or holds other names, dtypes or shapes than `facts`.
    """

    def __init__(self, path: Path, facts: Mapping[str, ArrayFacts]) -> None:
        self.path = path
        self.facts = dict(facts)
        self._state = os.stat(path)
        try:
            opened: Any = safe_open(path, framework="pt", device="cpu")
            slices = {name: opened.get_slice(name) for name in list(opened.keys())}
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise broken(path, f"not a readable safetensors file ({error})") from None
        self._file = opened
        if set(slices) != set(self.facts):
            odd = sorted(set(slices) ^ set(self.facts))[0]
            raise broken(path, f"its arrays are not those that the JSON lists: {odd!r:.80} differs")
        for name, piece in slices.items():
            is_there = (_FILE_DTYPES.get(piece.get_dtype()), tuple(piece.get_shape()))
            if is_there != (self.facts[name].dtype, self.facts[name].shape):
                description = f"{self.facts[name].dtype} {list(self.facts[name].shape)}"
                got = f"{piece.get_dtype()} {piece.get_shape()}"
                raise broken(path, f"array {name!r} is {got}, but the JSON states {description}")

    def read(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> Tensor:
        """Map one array, compare its sha256, check its values."""
        raise_if_cut(self.path, self._state)
        tensor: Tensor = self._file.get_tensor(name)
        if _sha256(tensor) != self.facts[name].sha256:
            raise broken(
                self.path, f"array {name!r} was changed after it was written: its sha256 differs"
            )
        try:
            check_values(tensor, f"array {name!r}", low=low, high=high)
        except RecordingFormatError as error:
            raise broken(self.path, str(error)) from None
        return tensor


class LazyArrays(Mapping[str, Tensor]):
    """Arrays by name, each read from its file on first use and kept from then on.

    `described` returns shapes and dtypes without reading. Copied or pickled, it becomes a dict of
    the arrays themselves, so that the copy does not need the file.
    """

    def __init__(
        self,
        file: ArrayFile,
        names: Mapping[str, str],
        *,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> None:
        self._file = file
        self._names = dict(names)
        self._limits = (low, high)
        self._read: dict[str, Tensor] = {}
        self._versions: dict[str, int] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._read:
            low, high = self._limits
            self._read[name] = self._file.read(self._names[name], low=low, high=high)
            self._versions[name] = self._read[name]._version
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names  # Mapping's own would read the array

    def __repr__(self) -> str:
        return f"<LazyArrays: {len(self._read)} of {len(self)} read from {self._file.path}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return dict, (dict(self),)

    def described(self) -> dict[str, ArrayFacts]:
        """Shape and dtype of every array, without reading any."""
        return {name: self._file.facts[inside] for name, inside in self._names.items()}

    def are_read(self) -> frozenset[str]:
        """The names read so far."""
        return frozenset(self._read)

    def written_into(self) -> frozenset[str]:
        """The names of arrays that were changed in place since they were read."""
        return frozenset(
            name for name, tensor in self._read.items() if tensor._version != self._versions[name]
        )

    def under(self, prefix: str, *, low: float, high: float) -> LazyArrays:
        """The arrays whose name starts with `prefix`, without it, their values in [low, high]."""
        names = {n.removeprefix(prefix): m for n, m in self._names.items() if n.startswith(prefix)}
        return LazyArrays(self._file, names, low=low, high=high)


def _ready(name: str, tensor: Tensor, taken: set[int]) -> Tensor:
    """Make a tensor contiguous, on the CPU, with its own memory, in a dtype that can be saved."""
    if tensor.dtype not in DTYPES.values() or tensor.layout is not torch.strided:
        raise RecordingFormatError(
            f"array {name!r} is {tensor.dtype} ({tensor.layout}); {', '.join(DTYPES)} can be saved."
        )
    tensor = tensor.detach().cpu().contiguous()
    try:
        check_values(tensor, f"array {name!r}")
    except RecordingFormatError as error:
        raise RecordingFormatError(f"Nothing was saved: {error}.") from None
    if not tensor.numel():
        return tensor.clone()
    if tensor.data_ptr() in taken:
        tensor = tensor.clone()
    taken.add(tensor.data_ptr())
    # safetensors refuses parts of one storage, as views and mapped arrays are; the same memory
    # under a storage of its own is not copied.
    return torch.from_numpy(_bytes(tensor)).view(tensor.dtype).reshape(tensor.shape)


def _bytes(tensor: Tensor) -> Any:
    return tensor.reshape(-1).view(torch.uint8).numpy()


def _sha256(tensor: Tensor) -> str:
    return hashlib.sha256(_bytes(tensor)).hexdigest()
