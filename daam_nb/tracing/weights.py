"""Identity of a pipeline's weights, by a few values of every tensor.

A weight that is changed in place (``p.data.mul_(0.5)``, ``load_state_dict``, ``copy_``) shows it
only in its values: ``.data`` counts no version. Reading all of them takes seconds, so 16 values of
each parameter and buffer are read, at the same positions whatever its device and memory format. For
the networks of Stable Diffusion 1.5 (1066 million weights in 1130 tensors) that takes about 50 ms
on one core, and the comparison with their files 90 ms, the first time 0.3 s. An edit of a few rows
can go unnoticed; a corpus, whose rows must be of one model, is identified by every byte.
"""

from __future__ import annotations

import hashlib
import json
import re
import weakref
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

VALUES = 16  # of each tensor
_LENGTH = 16  # of a digest, in hex digits
_IN_FILE = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
# Weights are kept in files as float32 or float16, and loaded as something else or raised again.
_ROUNDING, _SMALLEST = 2**-7, 2**-23  # of bfloat16, and below which float16 rounds to 0

# By what its tensors are called and of which kind: an adapter that is loaded adds some.
_first: weakref.WeakKeyDictionary[nn.Module, dict[str, str]] = weakref.WeakKeyDictionary()


class Sample(NamedTuple):
    """Digests of a network's tensors: their names and shapes, and a few of their values."""

    tensors: str
    values: str


@torch.no_grad()
def weight_digests(pipe: Any) -> dict[str, str]:
    """A digest of 16 values of every tensor, for each network of a pipeline.

    Returns
    -------
    dict
        Part of the pipeline, such as ``"unet"`` -> 16 hex digits, which differ for another dtype
        and with an adapter loaded. A part is left out if it has weights on the meta device, as with
        sequential offloading, or weights of a special type that cannot be read.
    """
    return {name: sample.values for name, sample in samples(pipe).items()}


@torch.no_grad()
def samples(pipe: Any) -> dict[str, Sample]:
    """A sample of each network of a pipeline, by part; as for `weight_digests`."""
    parts = {n: p for n, p in getattr(pipe, "components", {}).items() if isinstance(p, nn.Module)}
    sampled = {name: _sample_or_none(part) for name, part in sorted(parts.items())}
    return {name: sample for name, sample in sampled.items() if sample is not None}


@torch.no_grad()
def weight_changes(part: nn.Module, sample: Sample | None) -> Iterator[str]:
    """Describe in a phrase that weights were changed, if that can be detected.

    They are compared, up to rounding to bfloat16, with the safetensors files that the part was
    loaded from, if these are on the disk; else with their state at the first recorded call.
    """
    of_files = _is_of_its_files(part)
    if of_files is False:
        yield "weights are not those of the files it was loaded from"
    if sample is None:
        return
    first = _first.setdefault(part, {}).setdefault(sample.tensors, sample.values)
    if of_files is None and first != sample.values:
        yield "weights changed since its first recorded call"


# --- a few values of every tensor -----------------------------------------------------------------


def _tensors(part: nn.Module) -> Iterator[tuple[str, Tensor]]:
    part = getattr(part, "_orig_mod", part)
    for name, tensor in (*part.named_parameters(), *part.named_buffers()):
        yield name.replace("_orig_mod.", ""), tensor


def _positions(numel: int) -> range:
    stride = max(1, numel // VALUES)
    return range(0, min(numel, stride * VALUES), stride)


def _few_values(tensor: Tensor) -> Tensor:
    """At most 16 values, in index order whatever its memory format."""
    positions = _positions(tensor.numel())
    if tensor.is_contiguous():
        return tensor.detach().view(-1)[positions.start : positions.stop : positions.step]
    index = np.unravel_index(np.array(positions), tuple(tensor.shape))
    return tensor.detach()[tuple(torch.from_numpy(axis).to(tensor.device) for axis in index)]


def _sample_or_none(part: nn.Module) -> Sample | None:
    """Also None for tensors of other packages that allow no view: the image is drawn anyway."""
    try:
        return _sample(part)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None


def _sample(part: nn.Module) -> Sample | None:
    tensors: list[Any] = []
    values: dict[tuple[Any, torch.dtype], list[Tensor]] = {}  # one copy to the CPU for each
    for name, tensor in _tensors(part):
        if tensor.is_meta:
            return None
        tensors.append([name, list(tensor.shape), str(tensor.dtype)])
        if tensor.numel():
            few = _few_values(tensor)
            values.setdefault((tensor.device, tensor.dtype), []).append(few)
    names = hashlib.sha256(json.dumps(tensors).encode())
    total = names.copy()
    for (_, dtype), several in sorted(values.items(), key=lambda item: str(item[0][1])):
        flat = torch.cat([few.contiguous().view(torch.uint8) for few in several]).cpu()
        total.update(str(dtype).encode())
        total.update(flat.numpy().tobytes())
    return Sample(*(each.hexdigest()[:_LENGTH] for each in (names, total)))


# --- files ----------------------------------------------------------------------------------------


def _is_of_its_files(part: nn.Module) -> bool | None:
    """Whether the weights are those on the disk; None if unknown."""
    known = [_values_of_files(tuple(files)) for files in _variants(part)]
    known = [values for values in known if values]
    if not known:
        return None
    own = dict(_tensors(part))
    try:
        answers = [_agrees(own, values) for values in known]
    except (RuntimeError, TypeError, ValueError, NotImplementedError):  # as in _sample_or_none
        return None
    return True if True in answers else None if None in answers else False


def _variants(part: nn.Module) -> Iterator[list[tuple[str, int, int]]]:
    """The files of each variant (fp16, ...) in the folder that a part was loaded from."""
    config: Any = getattr(part, "config", None)
    name = getattr(config, "_name_or_path", None) or getattr(config, "name_or_path", None)
    folder = Path(str(name)) if name else None
    if folder is None or not folder.is_dir():
        return
    variants: dict[str, list[tuple[str, int, int]]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        state = file.stat()
        whole = re.sub(r"-\d{5}-of-\d{5}", "", file.name)
        variants.setdefault(whole, []).append((str(file), state.st_mtime_ns, state.st_size))
    yield from variants.values()


@lru_cache(maxsize=32)
def _values_of_files(files: tuple[tuple[str, int, int], ...]) -> dict[str, tuple[Any, Tensor]]:
    """Name -> shape and the values at the same positions; unreadable files are left out."""
    values: dict[str, tuple[Any, Tensor]] = {}
    try:
        for path, _, _ in files:
            memory = np.memmap(path, dtype=np.uint8, mode="r")
            start = 8 + int(memory[:8].view("<u8")[0])
            for name, entry in json.loads(bytes(memory[8:start])).items():
                dtype = _IN_FILE.get(entry.get("dtype", ""))
                shape = tuple(entry.get("shape", ()))
                positions = np.array(_positions(int(np.prod(shape))), dtype=np.int64)
                if dtype is None or not len(positions):
                    continue
                first = start + entry["data_offsets"][0] + positions * dtype.itemsize
                places = first[:, None] + np.arange(dtype.itemsize)
                values[name] = shape, torch.from_numpy(memory[places]).view(dtype).flatten().float()
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}
    return values


def _agrees(own: dict[str, Tensor], values: dict[str, tuple[Any, Tensor]]) -> bool | None:
    """Whether tensors of equal name and shape have these values; None if too few are comparable."""
    by_name = {name.replace(".base_layer", ""): tensor for name, tensor in own.items()}
    shared = [
        (by_name[name], few)
        for name, (shape, few) in values.items()
        if name in by_name and tuple(by_name[name].shape) == shape
    ]
    floats = [(t, few) for t, few in shared if t.is_floating_point() and not t.is_meta]
    if 2 * len(floats) < len(values):
        return None
    flat: dict[Any, list[int]] = {}
    for number, (tensor, _) in enumerate(floats):
        flat.setdefault(tensor.device, []).append(number)
    for numbers in flat.values():
        present = torch.cat([_few_values(floats[number][0]).float() for number in numbers]).cpu()
        in_files = torch.cat([floats[number][1] for number in numbers])
        if not torch.allclose(present, in_files, rtol=_ROUNDING, atol=_SMALLEST):
            return False
    return True
