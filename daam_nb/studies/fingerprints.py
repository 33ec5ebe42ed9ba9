"""What a thing is, by content: data that is equal exactly where two things do the same.

What was measured, and with what, is recognised by it and never by a name: a judge by its weights,
a folder of masks by its files, a function by its code. Plain values stay as they are, so that a
message can say which differ; everything else becomes its kind with a digest of its content.

A class of one's own can say itself what it is, by a method ``fingerprint()`` that returns plain
data. Without one its code and all its attributes count; a path (a `Path`, or text in an attribute
called ``path``, ``file``, ``folder`` or ``..._path``) stands for the bytes of its files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import hashlib
import json
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from daam_nb.errors import StudyError
from daam_nb.recording import Recording

LENGTH = 16
"""Hexadecimal digits of a digest: two different contents share one by a chance of 5e-20."""

MOST_VALUES = 1_000_000
_PATH_NAMES = ("path", "file", "folder", "directory", "root")
_FLAWED = "cannot be recognised by its content"


def fingerprint(value: Any, name: str = "a setting") -> Any:
    """Plain JSON data that says what a value is.

    Parameters
    ----------
    value
        Anything: plain data, paths, arrays, pictures, recordings, networks, functions, classes,
        and objects made of them.
    name
        What it is called in messages.

    Returns
    -------
    JSON data
        Text, numbers, booleans, None, lists and dicts of these.

    Raises
    ------
    StudyError
        For what shows nothing of its content, such as an object of compiled code.
    """
    try:
        return Reader(name).read(value)
    except RecursionError:
        raise StudyError(_advice(name, value, "it is nested too deeply")) from None


def digest(value: Any) -> str:
    """The first digits of the SHA-256 of bytes, of a text, or of plain JSON data."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        raw = value
    else:
        raw = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()[:LENGTH]


def content_of(value: Any, name: str = "a setting") -> str | None:
    """The digest of a `fingerprint`; None of None."""
    return None if value is None else digest(fingerprint(value, name))


def file_digest(path: Path) -> str:
    """Of all bytes of a file; of a folder, of its files' names and bytes, hidden ones left out."""
    if path.is_dir():
        inside = sorted(
            entry
            for entry in path.rglob("*")
            if entry.is_file() and not any(p[0] == "." for p in entry.relative_to(path).parts)
        )
        return digest({entry.relative_to(path).as_posix(): file_digest(entry) for entry in inside})
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:LENGTH]


def tensor_digest(tensor: Tensor) -> str:
    """Of dtype, shape and all bytes; the same on every device."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    total = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
    if flat.numel():
        raw: Any = flat.view(torch.uint8).numpy()
        total.update(raw)
    return total.hexdigest()[:LENGTH]


def recording_content(run: Recording) -> dict[str, Any]:
    """What maps, pictures and columns of a recording can depend on.

    When it was made, how long that took, and by which versions does not count.
    """
    negative = run.negative_prompt
    return {
        "prompt": digest(run.prompt.to_dict()),
        "negative prompt": None if negative is None else digest(negative.to_dict()),
        "layers": digest([dataclasses.asdict(layer) for layer in run.layers]),
        "tokens": [list(run.columns), list(run.negative_columns)],
        "steps": [run.kept, list(run.steps), list(run.timesteps)],
        "call": Reader("the call").read(
            {k: getattr(run.facts, k) for k in ("model", "pipeline", "seed", "guidance", "batch")}
        ),
        "attention": _arrays_digest(run.attention),
        "negative attention": _arrays_digest(run.negative_attention),
        "image": None if run.image is None else _picture_digest(run.image),
    }


class Reader:
    """Reads one value; knows what it is inside of, so that a circle ends.

    Attributes
    ----------
    name
        What the value is called in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside: list[int] = []
        self.left = MOST_VALUES

    @contextlib.contextmanager
    def inside_of(self, values: Iterable[Any]) -> Iterator[None]:
        """What belongs to the thing that is read, and is not read once more when met again."""
        before = len(self.inside)
        self.inside.extend(map(id, values))
        try:
            yield
        finally:
            del self.inside[before:]

    def read(self, value: Any) -> Any:
        """See `fingerprint`."""
        self.left -= 1
        if self.left < 0:
            raise StudyError(_advice(self.name, value, "it holds too many values"))
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, enum.Enum):
            return f"{type(value).__name__}.{value.name}"
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            return value if np.isfinite(value) else str(value)
        if id(value) in self.inside:
            return f"(the {type(value).__name__} that this is part of)"
        self.inside.append(id(value))
        try:
            return self._of_data(value)
        finally:
            self.inside.pop()

    def _of_data(self, value: Any) -> Any:
        for kinds, reading in _KINDS:
            if isinstance(value, kinds):
                return reading(self, value)
        return self._of_object(value)

    def mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(isinstance(key, str) for key in value):
            return {key: self.read(item) for key, item in value.items()}
        return _sorted([self.read(key), self.read(item)] for key, item in value.items())

    def listed(self, value: Iterable[Any]) -> list[Any]:
        return [self.read(item) for item in value]

    def unordered(self, value: Iterable[Any]) -> list[Any]:
        return _sorted(self.read(item) for item in value)

    def path(self, value: Path) -> str:
        path = value.expanduser()
        if not path.exists():
            return "path to nothing"
        return f"{'folder' if path.is_dir() else 'file'} {file_digest(path)}"

    def array(self, value: Any) -> str:
        if value.dtype.hasobject:
            return f"array {digest(self.listed(value.ravel().tolist()))}"
        raw = np.ascontiguousarray(value)
        return f"array {raw.dtype} {list(raw.shape)} {digest(raw.tobytes())}"

    def function(self, value: Any) -> Any:
        if is_installed(value.__module__):
            return f"{value.__module__}.{value.__qualname__}"
        return {"function": value.__qualname__, "code": digest(self.code(value))}

    def code(self, value: types.FunctionType) -> Any:
        """What a function does: its code, defaults, and the values that it takes from outside."""
        code = value.__code__
        globals_ = {name: value.__globals__.get(name) for name in _names(code)}
        cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
        return {
            "code": _code(code),
            "defaults": self.read(value.__defaults__),
            "keyword defaults": self.read(value.__kwdefaults__),
            "outside": {name: self.read(v) for name, v in globals_.items() if _counts(v)},
            "enclosed": {
                name: self.read(cell.cell_contents) for name, cell in cells if _full(cell)
            },
        }

    def method(self, value: types.MethodType) -> Any:
        return [self.read(value.__func__), self.read(value.__self__)]

    def partial(self, value: functools.partial[Any]) -> Any:
        return self.listed((value.func, value.args, value.keywords))

    def kind(self, value: type) -> Any:
        """A class: its name where it is installed, else also everything that stands in it."""
        label = f"{value.__module__}.{value.__qualname__}"
        written = [base for base in value.__mro__ if not is_installed(base.__module__)]
        if not written:
            return label
        parts = [
            {name: self.read(_bare(item)) for name, item in vars(base).items() if _is_told(name)}
            for base in written
        ]
        return {"class": value.__qualname__, "code": digest(parts)}

    def network(self, value: nn.Module) -> Any:
        from daam_nb.studies.networks import network_content

        return {"network": type(value).__name__, "content": digest(network_content(value, self))}

    def _of_object(self, value: Any) -> Any:
        from daam_nb.studies.networks import is_tokenizer, tokenizer_content

        own = getattr(value, "fingerprint", None)
        if callable(own):
            return {"kind": type(value).__qualname__, "content": self.read(own())}
        if is_tokenizer(value):
            return {"kind": type(value).__name__, "content": digest(tokenizer_content(value))}
        model = getattr(value, "model", None)
        if hasattr(value, "_forward_params") and isinstance(model, nn.Module):
            return self._pipeline_of_transformers(value)
        for name in ("to_dict", "to_bytes", "tolist"):
            # Configurations, processors and tokenizers; spaCy's; torch's sizes.
            if is_installed(type(value).__module__) and callable(getattr(value, name, None)):
                return self._by_method(value, name)
        return {"kind": self.read(type(value)), "attributes": self.attributes(value)}

    def attributes(self, value: Any) -> Any:
        """The attributes of an object; of a dataclass its fields."""
        if dataclasses.is_dataclass(value):
            held = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        else:
            held = dict(getattr(value, "__dict__", {}))
            slots = [getattr(base, "__slots__", ()) for base in type(value).__mro__]
            for names in slots:
                for name in [names] if isinstance(names, str) else names:
                    if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                        held[name] = getattr(value, name)
            if not held and not hasattr(value, "__dict__"):
                raise StudyError(_advice(self.name, value, "it shows none"))
        return {
            name: self.read(_as_path(name, item))
            for name, item in sorted(held.items())
            if not _is_cached(type(value), name) and not isinstance(item, torch.device)
        }

    def _by_method(self, value: Any, name: str) -> Any:
        said = getattr(value, name)()
        if isinstance(said, Mapping):
            said = {k: v for k, v in said.items() if k[:1] != "_" and k not in _NOISE}
        return {"kind": type(value).__name__, "content": digest(self.read(said))}

    def _pipeline_of_transformers(self, value: Any) -> Any:
        names = (
            *("model", "tokenizer", "feature_extractor", "image_processor", "processor"),
            *("_preprocess_params", "_forward_params", "_postprocess_params"),
        )
        parts = {name: self.read(getattr(value, name, None)) for name in names}
        return {"kind": type(value).__name__, "task": getattr(value, "task", ""), **parts}


_DATA = (
    *(bool, int, float, str, bytes, list, tuple, dict, set, frozenset),
    *(np.ndarray, Tensor),
)
_NOISE = ("transformers_version", "torch_dtype", "dtype", "name_or_path", "processor_class")

_KINDS: tuple[tuple[Any, Callable[[Reader, Any], Any]], ...] = (
    (Path, Reader.path),
    (bytes | bytearray, lambda _, value: f"{len(value)} bytes {digest(bytes(value))}"),
    (Tensor, lambda _, value: f"{value.dtype} {list(value.shape)} {tensor_digest(value)}"),
    (np.ndarray, Reader.array),
    (Image.Image, lambda _, value: f"picture {value.size} {_picture_digest(value)}"),
    (Recording, lambda _, value: {"recording": digest(recording_content(value))}),
    (pd.DataFrame | pd.Series, lambda _, value: f"table {digest(value.to_csv())}"),
    (torch.dtype | torch.device | complex | slice, lambda _, value: str(value)),
    (torch.Generator, lambda _, value: f"generator {tensor_digest(value.get_state())}"),
    (Mapping, Reader.mapping),
    (list | tuple | range, Reader.listed),
    (set | frozenset, Reader.unordered),
    (types.FunctionType, Reader.function),
    (types.MethodType, Reader.method),
    (types.BuiltinFunctionType, lambda _, value: f"{value.__module__}.{value.__qualname__}"),
    (types.ModuleType, lambda _, value: f"module {value.__name__}"),
    (functools.partial, Reader.partial),
    (property, lambda reader, value: reader.read(value.fget)),
    (functools.cached_property, lambda reader, value: reader.read(value.func)),
    (type, Reader.kind),
    (nn.Module, Reader.network),
)


def _advice(name: str, value: Any, why: str) -> str:
    return (
        f"{name}: a {type(value).__module__}.{type(value).__qualname__} {_FLAWED}: {why}. Rows and "
        f"pictures that depend on it could not be told from others. Give its class a method "
        f"fingerprint() that returns plain data: what it depends on."
    )


@functools.lru_cache(maxsize=4096)
def is_installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed package: its version tells it."""
    top = (module or "").partition(".")[0]
    if top in sys.stdlib_module_names or top == "daam_nb":
        return top != "__main__"
    file = getattr(sys.modules.get(top), "__file__", None)
    kept = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return file is not None and any(Path(file).is_relative_to(folder) for folder in kept)


def _names(code: types.CodeType) -> list[str]:
    """Names that a function, or one inside of it, looks up outside."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return sorted({*code.co_names, *(name for nested in inner for name in _names(nested))})


def _code(code: types.CodeType) -> list[Any]:
    """Without file names and line numbers: moved in its file, a function stays what it is."""
    consts: list[Any] = []
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            consts.append(_code(const))
        elif isinstance(const, frozenset):  # in another order in every process
            consts.append(sorted(map(repr, const)))
        else:
            consts.append(repr(const))
    names = [list(names) for names in (code.co_names, code.co_varnames, code.co_freevars)]
    return [code.co_code.hex(), consts, names, code.co_flags]


def _counts(value: Any) -> bool:
    """Whether what a function finds outside is part of what it does; modules are not."""
    if isinstance(value, types.FunctionType | type):
        return not is_installed(value.__module__)
    return isinstance(value, _DATA)


def _full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (empty until the enclosing function has set it)
    except ValueError:
        return False
    return True


def _is_told(name: str) -> bool:
    """Whether a name in a class is part of what it does."""
    if name in ("__init__", "__call__", "__post_init__", "__getattr__"):
        return True
    return not (name.startswith("__") and name.endswith("__")) and not name.startswith("_abc_")


def _bare(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _is_cached(kind: type, name: str) -> bool:
    return any(isinstance(vars(b).get(name), functools.cached_property) for b in kind.__mro__)


def _as_path(name: str, value: Any) -> Any:
    """Text that names a file: in an attribute called so, and only where there is one."""
    words = name.strip("_").split("_")
    if isinstance(value, str) and value and words[-1] in _PATH_NAMES:
        path = Path(value).expanduser()
        return path if path.exists() else value
    return value


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda item: json.dumps(item, sort_keys=True))


def _arrays_digest(arrays: Mapping[str, Tensor]) -> str:
    described = getattr(arrays, "described", None)
    if described is not None:  # of a file: its checksums stand in it, and are checked on reading
        said = {n: [f.dtype, list(f.shape), f.sha256] for n, f in described().items()}
    else:
        said = {name: _array_facts(tensor) for name, tensor in arrays.items()}
    return digest(said)


def _array_facts(tensor: Tensor) -> list[Any]:
    from daam_nb.storage.arrays import ArrayFacts

    facts = ArrayFacts.of(tensor.detach().cpu().contiguous())
    return [facts.dtype, list(facts.shape), facts.sha256]


def _picture_digest(picture: Image.Image) -> str:
    return digest(f"{picture.mode} {picture.size}".encode() + picture.tobytes())
