"""`Reader`: any value as plain data; networks are read in `networks`."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import enum
import functools
import hashlib
import json
import logging
import pickle
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
from daam_nb.recording import Layer, Recording
from daam_nb.studies.corpus.attributes import as_path, has_hidden_state, held_by, is_cached
from daam_nb.studies.corpus.bytecode import code_content, full, names_in, outside_of
from daam_nb.studies.corpus.names_on_disk import name_on_disk

LENGTH = 16
"""Hexadecimal digits of a digest: two different contents share one by a chance of 5e-20."""

MAX_VALUES = 1_000_000
_FLAWED = "cannot be recognized by its content"


def digest(value: Any) -> str:
    """Compute the first digits of the SHA-256 of bytes, of a text, or of plain JSON data."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        raw = value
    else:
        raw = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()[:LENGTH]


def file_digest(path: Path) -> str:
    """Digest of a file's bytes, or of the names and bytes of a folder's visible files."""
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
    """Digest of dtype, shape and all bytes; the same on every device."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    total = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
    if flat.numel():
        raw: Any = flat.view(torch.uint8).numpy()
        total.update(raw)
    return total.hexdigest()[:LENGTH]


def _layer(layer: Layer) -> dict[str, Any]:
    """What a layer's array depends on: rows of before format 2 are compared with it, too."""
    names = ("name", "stage", "size", "heads")
    return {name: getattr(layer, name) for name in names}


def recording_content(run: Recording) -> dict[str, Any]:
    """Describe everything that maps, images and columns of a recording can depend on.

    Its date, duration and versions do not count.
    """
    negative = run.negative_prompt
    return {
        "prompt": digest(run.prompt.to_dict()),
        "negative prompt": None if negative is None else digest(negative.to_dict()),
        "layers": digest([_layer(layer) for layer in run.layers]),
        "tokens": [list(run.columns), list(run.negative_columns)],
        "steps": [run.kept, list(run.steps), list(run.timesteps)],
        "call": Reader("the call").read(
            {k: getattr(run.facts, k) for k in ("model", "pipeline", "seed", "guidance", "batch")}
        ),
        "attention": _arrays_digest(run.attention),
        "negative attention": _arrays_digest(run.negative_attention),
        "image": None if run.image is None else _image_digest(run.image),
    }


class Reader:
    """Reads one value; keeps track of nesting, so that cycles end.

    Attributes
    ----------
    name
        Name of the value in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside: list[int] = []
        self.left = MAX_VALUES
        self.told: dict[int, tuple[int, Any]] = {}  # functions, classes and modules of one's own

    @contextlib.contextmanager
    def inside_of(self, values: Iterable[Any]) -> Iterator[None]:
        """Mark an object that is being read, so that it is not read again when encountered."""
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
            raise StudyError(advice(self.name, value, "it holds too many values"))
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, enum.Enum):
            label = f"{type(value).__name__}.{value.name}"
            own = not is_installed(type(value).__module__)
            return {"choice": label, "value": self.read(value.value)} if own else label
        if isinstance(value, str | int | float) and not is_installed(type(value).__module__):
            return self._with_own(value, self.read(_plain(value)))
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
                content = reading(self, value)
                own = isinstance(value, _DATA) and not is_installed(type(value).__module__)
                return self._with_own(value, content) if own else content
        return self._of_object(value)

    def _with_own(self, value: Any, content: Any) -> Any:
        """Data of a user's class: the class and its attributes count as well."""
        own_fingerprint = getattr(value, "fingerprint", None)
        if callable(own_fingerprint):
            content = self.read(own_fingerprint())
            return {"kind": type(value).__qualname__, "content": content}
        kind, held = self.read(type(value)), self._read_held(value, held_by(value))
        return {"kind": kind, "content": content, "attributes": held}

    def _once(self, value: Any, reading: Callable[[Any], Any]) -> Any:
        """A function, class or module in full at its first occurrence, then by its number."""
        if id(value) in self.told:
            return f"(what was met as number {self.told[id(value)][0]})"
        self.told[id(value)] = (len(self.told), value)  # kept, so that its id stays its own
        return reading(value)

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

    def array(self, value: Any) -> Any:
        if isinstance(value, np.ma.MaskedArray):
            parts = [value.data, np.ma.getmaskarray(value), value.fill_value]
            return {"masked": self.listed(parts)}
        if value.dtype.hasobject:
            return f"array {digest(self.listed(value.ravel().tolist()))}"
        raw = np.ascontiguousarray(value)
        return f"array {raw.dtype} {list(raw.shape)} {digest(raw.tobytes())}"

    def function(self, value: Any) -> Any:
        # Not its __module__, which functools.wraps copies from what it stands in for.
        if is_installed(value.__globals__.get("__name__")):
            return f"{name_on_disk(value.__module__)}.{value.__qualname__}"
        return self._once(value, self._function)

    def _function(self, value: types.FunctionType) -> Any:
        held = {k: v for k, v in vars(value).items() if k != "__wrapped__"}
        attributes = {"attributes": self.mapping(held)} if held else {}
        return {
            "function": value.__qualname__, "code": digest(self.code(value)), **attributes,
        }  # fmt: skip

    def code(self, value: types.FunctionType) -> Any:
        """A function's code, defaults, and the external values that it uses."""
        code = value.__code__
        names = names_in(code)
        cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
        return {
            "code": code_content(code),
            "defaults": self.read(value.__defaults__),
            "keyword defaults": self.read(value.__kwdefaults__),
            "outside": {
                name: self._outside(v, names) for name, v in outside_of(value).items() if _counts(v)
            },
            "enclosed": {name: self.read(cell.cell_contents) for name, cell in cells if full(cell)},
        }

    def _outside(self, value: Any, names: set[str]) -> Any:
        """For a user's module the attributes that the function may use; else the whole value."""
        return (
            self.module(value, names) if isinstance(value, types.ModuleType) else self.read(value)
        )

    def module(self, value: types.ModuleType, names: set[str] | None = None) -> Any:
        if is_installed(value.__name__):
            return f"module {name_on_disk(value.__name__)}"
        if id(value) in self.inside:
            return "(the module that this is part of)"
        answers = {
            name: item
            for name, item in sorted(vars(value).items())
            if (name[:2] != "__" if names is None else name in names) and _counts(item)
        }
        with self.inside_of([value]):
            held = {name: self._outside(item, names or set()) for name, item in answers.items()}
        return {"module": value.__name__, "content": digest(held)}

    def builtin(self, value: Any) -> Any:
        """Read a compiled function; for a method, its object counts."""
        owner = getattr(value, "__self__", None)
        label = f"{getattr(value, '__module__', None)}.{value.__qualname__}"
        if owner is None or isinstance(owner, types.ModuleType):
            return label
        return [label, self.read(owner)]

    def defaults(self, value: Any) -> Any:
        """Read a dict with a factory for missing values."""
        return {"factory": self.read(value.default_factory), "content": self.mapping(value)}

    def method(self, value: types.MethodType) -> Any:
        return [self.read(value.__func__), self.read(value.__self__)]

    def partial(self, value: functools.partial[Any]) -> Any:
        return self.listed((value.func, value.args, value.keywords))

    def kind(self, value: type) -> Any:
        """Read a class: its name if it is installed, else also everything in it."""
        label = f"{name_on_disk(value.__module__)}.{value.__qualname__}"
        written = [base for base in value.__mro__ if not is_installed(base.__module__)]
        if not written:
            return label
        return self._once(value, lambda kind: self._class(kind, written))

    def _class(self, value: type, written: list[type]) -> Any:
        parts = [
            {n: self.read(_bare(item)) for n, item in vars(base).items() if _is_told(n, item)}
            for base in written
        ]
        return {"class": value.__qualname__, "code": digest(parts)}

    def network(self, value: nn.Module) -> Any:
        """A network: of a `networks.ModelReader`."""
        raise StudyError(advice(self.name, value, "a network is not read here"))

    def tokenizer(self, value: Any) -> Any:
        """A tokenizer, of a `networks.ModelReader`; None for what is none."""
        return None

    def _of_object(self, value: Any) -> Any:
        own = getattr(value, "fingerprint", None)
        if callable(own):
            return {"kind": type(value).__qualname__, "content": self.read(own())}
        tokenizer = self.tokenizer(value)
        if tokenizer is not None:
            return tokenizer
        model = getattr(value, "model", None)
        if hasattr(value, "_forward_params") and isinstance(model, nn.Module):
            return self._pipeline_of_transformers(value)
        for name in ("to_dict", "to_bytes", "tolist"):
            # Configurations, processors and tokenizers; spaCy's; torch's sizes.
            if is_installed(type(value).__module__) and callable(getattr(value, name, None)):
                return self._by_method(value, name)
        held = held_by(value, field_names_only=is_installed(type(value).__module__))
        state: dict[str, Any] = {"attributes": self._read_held(value, held)}
        if (not held and not hasattr(value, "__dict__")) or has_hidden_state(type(value)):
            state["state"] = self._reduced(value)
        return {"kind": self.read(type(value)), **state}

    def _reduced(self, value: Any) -> Any:
        """The state of a compiled object, as pickle would write it."""
        try:
            registered = copyreg.dispatch_table.get(type(value))  # patterns, numpy's functions
            reduced = value.__reduce_ex__(4) if registered is None else registered(value)
        except (TypeError, pickle.PicklingError, AttributeError, NotImplementedError) as error:
            raise StudyError(advice(self.name, value, f"it shows none ({error})")) from None
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs = (*reduced, None, None, None)[:5]
        parts = [function, args, state, items and list(items), pairs and list(pairs)]
        return digest([self.read(part) for part in parts])

    def _read_held(self, value: Any, held: Mapping[str, Any]) -> Any:
        return {
            name: self.read(as_path(name, item))
            for name, item in sorted(held.items())
            if not is_cached(type(value), name) and not isinstance(item, torch.device)
        }

    def _by_method(self, value: Any, name: str) -> Any:
        state = getattr(value, name)()
        if isinstance(state, Mapping):
            state = {k: v for k, v in state.items() if k[:1] != "_" and k not in _NOISE}
        return {"kind": type(value).__name__, "content": digest(self.read(state))}

    def _pipeline_of_transformers(self, value: Any) -> Any:
        names = (
            *("model", "tokenizer", "feature_extractor", "image_processor", "processor"),
            *("_preprocess_params", "_forward_params", "_postprocess_params"),
        )
        parts = {name: self.read(getattr(value, name, None)) for name in names}
        return {"kind": type(value).__name__, "task": getattr(value, "task", ""), **parts}


_DATA = (
    *(Path, bytes, bytearray, Tensor, np.ndarray, Image.Image, pd.DataFrame, pd.Series),
    *(Mapping, list, tuple, set, frozenset),
)
_NOISE = ("transformers_version", "torch_dtype", "dtype", "name_or_path", "processor_class")

_KINDS: tuple[tuple[Any, Callable[[Reader, Any], Any]], ...] = (
    (Path, Reader.path),
    (bytes | bytearray, lambda _, value: f"{len(value)} bytes {digest(bytes(value))}"),
    (Tensor, lambda _, value: f"{value.dtype} {list(value.shape)} {tensor_digest(value)}"),
    (np.ndarray, Reader.array),
    (Image.Image, lambda _, value: f"image {value.size} {_image_digest(value)}"),
    (Recording, lambda _, value: {"recording": digest(recording_content(value))}),
    (pd.DataFrame | pd.Series, lambda _, value: f"table {digest(value.to_csv() + _dtypes(value))}"),
    (torch.dtype | torch.device | complex | slice, lambda _, value: str(value)),
    (torch.Generator, lambda _, value: f"generator {tensor_digest(value.get_state())}"),
    (collections.defaultdict, Reader.defaults),
    (Mapping, Reader.mapping),
    (list | tuple | range, Reader.listed),
    (set | frozenset, Reader.unordered),
    (types.FunctionType, Reader.function),
    (types.MethodType, Reader.method),
    (types.BuiltinFunctionType | types.MethodWrapperType, Reader.builtin),
    (types.ModuleType, Reader.module),
    (logging.Logger, lambda _, value: f"logger {value.name}"),
    (functools.partial, Reader.partial),
    (property, lambda reader, value: reader.read(value.fget)),
    (functools.cached_property, lambda reader, value: reader.read(value.func)),
    (type, Reader.kind),
    (nn.Module, lambda reader, value: reader.network(value)),
)


def advice(name: str, value: Any, why: str) -> str:
    own = "its class" if not is_installed(type(value).__module__) else "the class that holds it"
    return (
        f"{name}: a {type(value).__module__}.{type(value).__qualname__} {_FLAWED}: {why}. Rows and "
        f"images that depend on it could not be told from others. Give {own} a method "
        f"fingerprint() that returns plain data: what it depends on."
    )


@functools.lru_cache(maxsize=4096)
def is_installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed package."""
    top = (module or "").partition(".")[0]
    if top in sys.stdlib_module_names or top == "daam_nb":
        return top != "__main__"
    file = getattr(sys.modules.get(top), "__file__", None)
    kept = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return file is not None and any(Path(file).is_relative_to(folder) for folder in kept)


def _plain(value: str | int | float) -> str | int | float:
    """Without its class, and whatever that says it is."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _counts(value: Any) -> bool:
    """Whether an external object is part of a function's identity: all but installed ones."""
    if isinstance(value, types.FunctionType | type):
        return not is_installed(value.__module__)
    if isinstance(value, types.ModuleType):
        return not is_installed(value.__name__)
    return True


def _dtypes(table: Any) -> str:
    return str([str(dtype) for dtype in np.atleast_1d(table.dtypes)])


def _is_told(name: str, value: Any) -> bool:
    """Whether a name in a class is part of its identity."""
    if isinstance(_bare(value), types.FunctionType) and not name.startswith("__annotate"):
        return True
    return not (name.startswith("__") and name.endswith("__")) and not name.startswith("_abc_")


def _bare(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda item: json.dumps(item, sort_keys=True))


def _arrays_digest(arrays: Mapping[str, Tensor]) -> str:
    described = getattr(arrays, "described", None)
    if described is not None:  # of a file: its checksums stand in it, and are checked on reading
        array_facts = {n: [f.dtype, list(f.shape), f.sha256] for n, f in described().items()}
    else:
        array_facts = {name: _array_facts(tensor) for name, tensor in arrays.items()}
    return digest(array_facts)


def _array_facts(tensor: Tensor) -> list[Any]:
    from daam_nb.storage.arrays import ArrayFacts

    facts = ArrayFacts.of(tensor.detach().cpu().contiguous())
    return [facts.dtype, list(facts.shape), facts.sha256]


def _image_digest(image: Image.Image) -> str:
    return digest(f"{image.mode} {image.size}".encode() + image.tobytes())
