from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from daam_nb.errors import DaamError, RecordingFormatError
from daam_nb.storage import read_folder, write_folder
from daam_nb.storage.arrays import ArrayFacts
from daam_nb.storage.strict_json import MAX_BYTES
from tests.storage.contents import arrays_file, document, image_file, resign, small

WAY_OUT = "Copy the whole folder again from its source, or record again."


def refused(folder: Path, match: str, *, names: str = "recording.json") -> None:
    """Opening, or reading everything, gives one error with the file and the way out."""
    with pytest.raises(RecordingFormatError, match=match) as caught:
        found = read_folder(folder)
        for mapping in (found.arrays, found.images):
            for name in mapping:
                mapping[name]
    assert str(folder / names) in str(caught.value)
    assert str(caught.value).endswith(WAY_OUT)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__ in (True, False)
    assert len(str(caught.value)) < 600 + len(str(folder))


Change = Callable[[dict[str, Any]], object]


def set_to(value: object, *path: str) -> Change:
    """A change of one field of the JSON."""

    def change(found: dict[str, Any]) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (set_to("other", "format"), "its format is 'other', not 'daam_nb.recording'"),
        (lambda d: d.pop("arrays"), "lacks 'arrays'"),
        (lambda d: d.update(extra=1), "holds 'extra', unknown to this version"),
        (set_to([], "facts"), r"facts: is \[\] where an object is needed"),
        (set_to({}, "arrays"), "its arrays are not those that the JSON lists: 'a' differs"),
        (set_to("float8", "arrays", "a", "dtype"), "is 'float8', not one of float16, "),
        (set_to("int64", "arrays", "a", "dtype"), "is 'int64', not one of"),
        (
            set_to("float16", "arrays", "a", "dtype"),
            r"array 'a' is F32 \[2, 3\], but",
        ),
        (set_to([3, 2], "arrays", "a", "shape"), r"array 'a' is F32 \[2, 3\], but"),
        (set_to([2, -3], "arrays", "a", "shape"), r"arrays\.a\.shape\.1: is -3 where"),
        (set_to([2.0, 3], "arrays", "a", "shape"), r"arrays\.a\.shape\.0: is 2\.0 where"),
        (set_to([2**39, 2**39], "arrays", "a", "shape"), "arrays are larger than the"),
        (set_to([2**63], "arrays", "a", "shape"), r"is 9223372036854775808 where"),
        (set_to("0" * 64, "arrays", "a", "sha256"), "array 'a' was changed .* its sha256 differs"),
        (set_to([1] * 5000, "arrays", "a", "shape"), "array 'a' is F32"),
        (set_to(1, "arrays_file", "bytes"), "larger than the 1 bytes"),
        (
            set_to(10**6, "arrays_file", "bytes"),
            r"bytes long, but .* states 1000000: truncated",
        ),
        (set_to(0, "arrays_file", "bytes"), r"is 0 where a whole number in \[1, "),
        (set_to(None, "arrays_file"), "arrays_file: is None where an object"),
        (set_to("x", "arrays_file", "more"), "holds 'more', unknown to this version"),
        (set_to([2**20, 2**20], "pictures", "image", "size"), "is more than 67108864 pixels"),
        (set_to([3, 2], "pictures", "image", "size"), r"is 2 x 3, \(3, 2\) in the JSON"),
        (set_to([0, 2], "pictures", "image", "size"), r"size\.0: is 0 where"),
        (set_to("CMYK", "pictures", "image", "mode"), "is 'CMYK', not one of"),
        (set_to("RGBA", "pictures", "image", "mode"), "is RGB, RGBA in the JSON"),
        (set_to("0" * 64, "pictures", "image", "sha256"), "its sha256 differs"),
    ],
)
def test_a_lying_json(tmp_path: Path, change: Change, match: str) -> None:
    folder = resign(small(tmp_path / "run"), change)
    with pytest.raises(RecordingFormatError, match=match) as caught:
        found = read_folder(folder)
        _ = dict(found.arrays), dict(found.images)
    assert str(folder) in str(caught.value) and str(caught.value).endswith(WAY_OUT)


def test_another_version_says_how_to_read_it(tmp_path: Path) -> None:
    folder = resign(small(tmp_path / "true"), set_to(True, "version"))
    with pytest.raises(RecordingFormatError, match="version True of the format"):
        read_folder(folder)
    folder = resign(small(tmp_path / "run"), set_to(3, "version"))
    with pytest.raises(
        RecordingFormatError, match=r"version 3 .*reads versions 1 and 2\. Update it: pip"
    ):
        read_folder(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "/etc/passwd",
        "sub/arrays-0123456789abcdef.safetensors",
        "..",
        "",
        "arrays-0123456789abcdef.safetensors\n",
        "arrays-0123456789abcdef.safetensors\0.png",
        "arrays-0123456789abcdef.pkl",
        "arrays-0123456789abcdef.png",
        "ARRAYS-0123456789ABCDEF.safetensors",
        "recording.json",
        "arrays-0123456789abcdef.safetensors/../../secret.safetensors",
        "C:\\arrays-0123456789abcdef.safetensors",
        "a" * 300 + "-0123456789abcdef.safetensors",
    ],
)
def test_no_name_leads_elsewhere(tmp_path: Path, name: str) -> None:
    folder = small(tmp_path / "run")
    resign(folder, set_to(name, "arrays_file", "name"))
    refused(folder, "not the plain name of a safetensors file here")


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    other = small(tmp_path / "other")
    for kind in ("link", "pipe", "folder"):
        for victim in ("arrays", "image", "json"):
            folder = small(tmp_path / f"{kind}-{victim}")
            file = {
                "arrays": arrays_file(folder),
                "image": image_file(folder),
                "json": folder / "recording.json",
            }[victim]
            file.unlink()
            if kind == "link":
                file.symlink_to(arrays_file(other))
            elif kind == "pipe":
                os.mkfifo(file)
            else:
                file.mkdir()
            refused(folder, "not a regular file; links are not followed", names=file.name)


@pytest.mark.parametrize("which", [arrays_file, image_file])
def test_a_missing_file_is_named(tmp_path: Path, which: Callable[[Path], Path]) -> None:
    folder = small(tmp_path / "run")
    file = which(folder)
    file.unlink()
    refused(folder, "the recording names this file, but it is missing", names=file.name)


@pytest.mark.parametrize("which", [arrays_file, image_file])
@pytest.mark.parametrize("change", ["cut", "longer", "flipped", "empty"])
def test_a_changed_file_is_named(
    tmp_path: Path, which: Callable[[Path], Path], change: str
) -> None:
    folder = small(tmp_path / "run")
    file = which(folder)
    raw = file.read_bytes()
    new = {
        "cut": raw[:-1],
        "longer": raw + b"\0",
        "flipped": raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:],
        "empty": b"",
    }[change]
    file.write_bytes(new)
    refused(
        folder, "sha256 differs" if change == "flipped" else "truncated or altered", names=file.name
    )


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_changed_byte_goes_unnoticed(tmp_path: Path, data: st.DataObject) -> None:
    """Any one byte of any file: an error of ours, or the very same content (white space)."""
    folder = tmp_path / f"run-{len(os.listdir(tmp_path))}"
    small(folder)
    truth = read_folder(folder)
    wanted = (truth.facts, {k: v.tolist() for k, v in truth.arrays.items()})
    file = data.draw(st.sampled_from(sorted(folder.iterdir())), label="file")
    raw = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1), label="place")
    raw[place] ^= data.draw(st.integers(1, 255), label="flip")
    file.write_bytes(raw)
    try:
        found = read_folder(folder)
        got = (found.facts, {k: v.tolist() for k, v in found.arrays.items()})
        _ = dict(found.images)
    except RecordingFormatError as error:
        assert str(folder) in str(error)
    else:
        assert got == wanted


@pytest.mark.parametrize("which", [arrays_file, image_file])
def test_a_file_cut_while_open_is_an_error_and_not_the_end_of_the_process(
    tmp_path: Path, which: Callable[[Path], Path]
) -> None:
    folder = small(tmp_path / "run")
    found = read_folder(folder)
    os.truncate(which(folder), 8)
    with pytest.raises(RecordingFormatError, match=r"was cut from \d+ to 8 bytes while open"):
        _ = dict(found.arrays), dict(found.images)


# --- array files ----------------------------------------------------------------------------------


def swap_arrays(folder: Path, raw: bytes) -> Path:
    """Put other bytes where the arrays are, the JSON's size corrected."""
    arrays_file(folder).write_bytes(raw)
    return resign(folder, set_to(len(raw), "arrays_file", "bytes"))


def header(text: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + payload


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x04\x95" + b"\0" * 60,  # a pickle
        b"PK\x03\x04" + b"\0" * 60,  # a zip, as torch.save makes
        struct.pack("<Q", 2**63) + b"{}" * 40,
        header(b"[" * 5000, b"\0" * 60),
        header(b'{"a":' * 200 + b"1" + b"}" * 200, b"\0" * 60),
        header(b"\xff" * 60),
        header(b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,9999]}}', b"\0" * 60),
        header(b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[24,0]}}', b"\0" * 60),
        header(
            b'{"a":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,8]}}' % (2**32, 2**32), b"8" * 8
        ),
        header(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"4" * 60),
        header(b'{"a":{"dtype":"WAT","shape":[1],"data_offsets":[0,4]}}', b"4" * 60),
    ],
)
def test_a_file_that_is_no_safetensors(tmp_path: Path, raw: bytes) -> None:
    folder = swap_arrays(small(tmp_path / "run"), raw)
    refused(folder, "not a readable safetensors file", names=arrays_file(folder).name)


def test_arrays_one_over_the_other_or_named_twice(tmp_path: Path) -> None:
    one = b'{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}'
    two = b'{"dtype":"F16","shape":[4],"data_offsets":[16,24]}'
    other = b'{"dtype":"F32","shape":[2,3],"data_offsets":[24,48]}'
    for text, size in (
        (b'{"a":' + one + b',"b":' + two + b"}", 24),
        (b'{"a":' + one + b',"a":' + other + b"}", 48),
    ):
        folder = swap_arrays(small(tmp_path / f"run{size}"), header(text, b"\0" * size))
        refused(folder, "safetensors file|not those that", names=arrays_file(folder).name)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.tensor([0.5, float("nan")]), "not finite numbers"),
        (torch.tensor([0.5, float("inf")]).half(), "not finite numbers"),
        (torch.tensor([0.5, 1.5]), r"from 0\.5 to 1\.5, outside \[0, 1\]"),
        (torch.tensor([-0.25, 0.5]).bfloat16(), r"from -0\.25 to 0\.5, outside \[0, 1\]"),
    ],
)
def test_values_are_checked_when_they_are_read(
    tmp_path: Path, tensor: torch.Tensor, message: str
) -> None:
    folder = small(tmp_path / "run")
    save_file({"x/a": tensor}, arrays_file(folder))
    facts = ArrayFacts.of(tensor).as_dict()
    resign(folder, set_to({"x/a": facts}, "arrays"))
    resign(folder, set_to(arrays_file(folder).stat().st_size, "arrays_file", "bytes"))
    found = read_folder(folder).arrays.under("x/", low=0, high=1)
    assert list(found) == ["a"]
    with pytest.raises(RecordingFormatError, match=message) as caught:
        found["a"]
    assert str(arrays_file(folder)) in str(caught.value)


# --- images -------------------------------------------------------------------------------------


def swap_image(folder: Path, raw: bytes, **facts: Any) -> Path:
    """Put other bytes where the image is, rightly described."""
    import hashlib

    image_file(folder).write_bytes(raw)
    said = document(folder)["pictures"]["image"]
    said |= {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()} | facts
    return resign(folder, set_to({"image": said}, "pictures"))


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def bomb(width: int, height: int, *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 2**20))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rows + chunk(b"IEND", b"")


def as_file(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (bomb(60_000, 60_000), r"is 60000 x 60000, \(2, 3\) in the JSON"),
        (bomb(2**31 - 1, 2**31 - 1), "in the JSON"),
        (bomb(3, 2)[:40], "not a readable PNG"),
        (bomb(3, 2, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 2**26))), "not a readable PNG"),
        (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 3, 2), "not a readable PNG"),
        (b"\0" * 16 + struct.pack(">II", 3, 2) + b"\0" * 50, "not a readable PNG"),
        (b"x", "in the JSON"),
        (as_file(Image.new("RGB", (3, 2)), "JPEG"), "in the JSON"),
        (as_file(Image.new("L", (3, 2)), "PNG"), "is L, RGB in the JSON"),
    ],
)
def test_a_hostile_image(tmp_path: Path, raw: bytes, match: str) -> None:
    folder = swap_image(small(tmp_path / "run"), raw)
    refused(folder, match, names=image_file(folder).name)


def test_an_image_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    os.truncate(image_file(folder), 2**33)  # sparse: it takes no room on the disk
    resign(folder, set_to(2**33, "pictures", "image", "bytes"))
    with pytest.raises(RecordingFormatError, match="its file has 8589934592 bytes; a PNG of 2 x 3"):
        read_folder(folder)


def test_an_array_file_of_gigabytes_is_not_opened(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    os.truncate(arrays_file(folder), 2**33)
    resign(folder, set_to(2**33, "arrays_file", "bytes"))
    with pytest.raises(
        RecordingFormatError, match="its arrays fill only 32 of the 8589934592 bytes"
    ):
        read_folder(folder)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (200, 300)])
def test_no_true_image_is_too_large(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    noise = torch.randint(0, 256, (size[1], size[0], 4), dtype=torch.uint8).numpy()
    image = Image.fromarray(noise).convert(mode)
    write_folder(tmp_path / "run", facts={}, arrays={}, images={"image": image})
    found = read_folder(tmp_path / "run").images["image"]
    assert (found.mode, found.tobytes(), found.info) == (mode, image.tobytes(), {})


def test_a_long_name_over_many_values_costs_no_time(tmp_path: Path) -> None:
    long = {"a" * 900: {"b" * 900: [0] * 100_000}}
    folder = write_folder(tmp_path / "run", facts=long, arrays={}, images={})
    before = time.process_time()
    assert read_folder(folder).facts == long
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"x": "a" * (2**20 + 1)}, r"recording\.facts\.x is a text of 1048577 characters"),
        ({"a" * 1001: 1}, r"recording\.facts has a key of 1001 characters"),
        ({"x": [0] * 200_000}, "more than 200000 values"),
    ],
)
def test_facts_without_an_end_are_not_saved(
    tmp_path: Path, facts: dict[str, Any], match: str
) -> None:
    with pytest.raises(RecordingFormatError, match=match):
        write_folder(tmp_path / "run", facts=facts, arrays={}, images={})
    assert os.listdir(tmp_path) == []


def test_a_json_too_large_to_be_facts_is_not_even_read(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    with open(folder / "recording.json", "r+b") as file:
        file.truncate(MAX_BYTES + 1)
    refused(folder, f"{MAX_BYTES + 1} bytes long; facts may fill at most {MAX_BYTES}")


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[" * 10**6, b'{"a":' * 10**5, b"\x80\x04.", b'{"format": 1e9999}']
)
def test_a_json_that_is_none(tmp_path: Path, raw: bytes) -> None:
    folder = small(tmp_path / "run")
    (folder / "recording.json").write_bytes(raw)
    refused(folder, "not a readable JSON file|an object is needed")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)


@given(value=anything, data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_value_anywhere_in_the_json_is_read_or_refused(
    tmp_path: Path, value: Any, data: st.DataObject
) -> None:
    folder = tmp_path / "run"
    if not folder.exists():
        small(folder)
        (tmp_path / "original").write_bytes((folder / "recording.json").read_bytes())
    found = json.loads((tmp_path / "original").read_bytes())
    del found["sha256"]
    inner: Any = found
    while True:
        keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            inner[key] = value
            break
        inner = inner[key]
    try:
        resign(folder, lambda d: (d.clear(), d.update(found)))
    except DaamError:
        return  # what cannot be written, such as NaN
    except KeyError:
        pass
    try:
        opened = read_folder(folder)
        _ = dict(opened.arrays), dict(opened.images)
    except RecordingFormatError as error:
        assert str(folder) in str(error)
