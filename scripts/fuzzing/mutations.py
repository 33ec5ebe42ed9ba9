"""One to four changes of a recording's folder; most correct checksums and sizes afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

JSON = "recording.json"
LARGEST = 2**27  # bytes of a file that is read to change it; sparse ones reach 8 GiB
NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 8, 12, 63, 64, 77, 255, 999, 1000, 4096, 8192, 10_000, 20_000),
    *(2**16, 2**20, 2**26, 2**31 - 1, 2**31, 2**40, 2**53, 2**63, 2**64 - 1),
    *(0.5, -0.5, 1e-320, 1e9, 1e300, -1e300, 1.0, 0.0, -0.0),
)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "0.1e-999", "-0")
TEXTS = (
    *("", " ", "a", "cat", "x" * 200, "x" * 2000, "a " * 6000, "x" * 2**20, "\0", "\n\n", "\t=1+1"),
    *("\x1b]52;c;Y2F0\x07", "\x1b[2J\x1b[8m", "\u202egnp.exe", "\u200b\ufeff\u2060", "\ud800"),
    *("e" + "\u0301" * 500, "👨\u200d👩\u200d👧" * 200, "漢" * 3000, "<script>alert(1)</script>"),
    *("../../etc/passwd", "/etc/passwd", "C:\\x", "con", "sum", "steps", "replay", "up", "mid"),
    *("</script><b>", "${7*7}", "%n%s", "{0.__class__}", "=cmd|' /C calc'!A0", "a\rb", "🇨🇭" * 50),
)
_CANNOT = (LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"a": {}}, [1, 2], "text", 1, 1.5)


def mutate(folder: Path, draw: random.Random) -> Iterator[str]:
    """Change a folder in place; yields what was done, in words."""
    signed = draw.random() < 0.9
    for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
        change = draw.choices(_CHANGES, weights=_WEIGHTS)[0]
        try:
            words = change(folder, draw, signed)
        except _CANNOT as error:  # an earlier change left nothing to do this to
            words = f"{change.__name__} could not be done ({type(error).__name__})"
        yield words


# --- JSON -----------------------------------------------------------------------------------------


def _own(folder: Path, name: object) -> Path:
    """A file of the folder; never one elsewhere, whose name an earlier change put there."""
    file = folder / str(name)
    if file.parent != folder or file.is_symlink() or not file.is_file():
        raise OSError(f"{name!r} is not a file of this folder")
    return file


def _bytes(file: Path) -> bytes:
    own = _own(file.parent, file.name)  # a pipe would never end
    if own.stat().st_size > LARGEST:
        raise OSError(f"{own.name} is too large to be changed")
    return own.read_bytes()


def _read(folder: Path) -> Any:
    return json.loads(_bytes(folder / JSON).decode())


def _write(folder: Path, document: Any, *, signed: bool) -> None:
    if signed and isinstance(document, dict):
        document = {name: value for name, value in document.items() if name != "sha256"}
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
        document["sha256"] = hashlib.sha256(canonical.encode("ascii")).hexdigest()
    _own(folder, JSON).write_bytes(json.dumps(document).encode("ascii"))


def _lists(document: Any) -> list[tuple[Any, ...]]:
    """The path to every list below a value; outer ones first, then in order."""
    paths, waiting = [], [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list) and path:
            paths.append(path)
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        below = [((*path, key), item) for key, item in inside if isinstance(item, dict | list)]
        waiting += reversed(below)
    return paths


def _holder(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def _spot(document: Any, draw: random.Random) -> tuple[Any, ...]:
    """A place in the JSON: first a part, so that long lists do not take all."""
    value, path = document, ()
    while isinstance(value, dict | list) and value and (not path or draw.random() < 0.9):
        key = draw.choice(sorted(value) if isinstance(value, dict) else range(len(value)))
        path, value = (*path, key), value[key]
    return path


def _any_value(draw: random.Random, old: Any) -> Any:
    kind = draw.random()
    if kind < 0.35 or (isinstance(old, int | float) and kind < 0.75):
        return draw.choice(NUMBERS)
    if isinstance(old, int) and kind < 0.85:
        return old + draw.choice((-1, 1, 2, 8, 100))
    if kind < 0.8:
        return draw.choice(TEXTS)
    return draw.choice(OTHERS)


def change_value(folder: Path, draw: random.Random, signed: bool) -> str:
    """Another value at one place of the JSON."""
    document = _read(folder)
    path = _spot(document, draw)
    holder = _holder(document, path)
    value = _any_value(draw, holder[path[-1]])
    holder[path[-1]] = value
    _write(folder, document, signed=signed)
    return f"{_dotted(path)} = {value!r:.60}"


def change_size(folder: Path, draw: random.Random, signed: bool) -> str:
    """Sizes and counts that may agree with each other, and not with the arrays."""
    document = _read(folder)
    facts = document["facts"]
    side = draw.choice((1, 2, 8, 64, 77, 512, 1000, 1024, 8192, 20_000, 2**20))
    other = draw.choice((side, side, 1, 12))
    factor = draw.choice((1, 2, 8, 64))
    target = draw.choice(("latent", "image", "both", "layers", "all", "steps", "heads", "tokens"))
    if target in ("latent", "both", "all"):
        facts["source"]["latent_size"] = [side, other]
    if target in ("image", "both", "all"):
        facts["source"]["image_size"] = [side * factor, other * factor]
        if document["pictures"]:
            document["pictures"]["image"]["size"] = [side * factor, other * factor]
    if target in ("layers", "all"):
        facts["layers"][0]["size"] = [side, other]
        name = f"attention/{facts['layers'][0]['name']}"
        document["arrays"][name]["shape"][-2:] = [side, other]
    if target == "steps":
        facts["source"]["num_steps"] = side
        facts["timesteps"] = [float(n) for n in range(min(side, 200_000))]
    if target == "heads":
        facts["layers"][0]["heads"] = side
    if target == "tokens":
        token = facts["prompt"]["tokens"][-1]
        count = len(facts["prompt"]["tokens"])
        more = min(side, 30_000)
        facts["prompt"]["tokens"] += [{**token, "index": count + n} for n in range(more)]
    _write(folder, document, signed=signed)
    return f"sizes of {target}: {side} x {other} by {factor}"


def many(folder: Path, draw: random.Random, signed: bool) -> str:
    """One value, or one entry, a great many times."""
    document = _read(folder)
    path = draw.choice(_lists(document))
    items = _at(document, path)
    count = draw.choice((10, 1000, 50_000, 300_000))
    item = items[0] if items else draw.choice(NUMBERS)
    count = min(
        count, max(1, LARGEST // 64 // len(json.dumps(item)))
    )  # the file stays one that is read
    items += [item] * count
    _write(folder, document, signed=signed)
    return f"{_dotted(path)} {count} times more"


def drop(folder: Path, draw: random.Random, signed: bool) -> str:
    """One value less, or one under another name."""
    document = _read(folder)
    path = _spot(document, draw)
    holder = _holder(document, path)
    value = holder.pop(path[-1])
    if isinstance(holder, dict) and draw.random() < 0.5:
        holder[draw.choice(TEXTS)[:3000]] = value
    _write(folder, document, signed=signed)
    return f"without {_dotted(path)}"


def swap(folder: Path, draw: random.Random, signed: bool) -> str:
    """Two values exchanged: whole parts, too."""
    document = _read(folder)
    first, second = _spot(document, draw), _spot(document, draw)
    a, b = _holder(document, first), _holder(document, second)
    a[first[-1]], b[second[-1]] = b[second[-1]], a[first[-1]]
    _write(folder, document, signed=signed)
    return f"{_dotted(first)} and {_dotted(second)} exchanged"


def nest(folder: Path, draw: random.Random, signed: bool) -> str:
    """Lists in lists in lists."""
    depth = draw.choice((10, 60, 70, 900, 5000, 100_000))
    raw = _bytes(folder / JSON)
    deep = b"[" * depth + b"]" * depth
    target = draw.choice((b'"batch": {', b'"call": {', b'"versions": {', b'"facts": {'))
    _own(folder, JSON).write_bytes(raw.replace(target, target + b'"deep": ' + deep + b",", 1))
    return f"{depth} lists in {target!r}"


def raw_number(folder: Path, draw: random.Random, signed: bool) -> str:
    """A number that is invalid in JSON, or very long."""
    raw = _bytes(folder / JSON).decode()
    name = draw.choice(("duration", "seed", "guidance", "num_steps", "heads", "id", "bytes"))
    number = draw.choice(RAW_NUMBERS)
    place = raw.find(f'"{name}": ')
    end = min(found for sign in ",}\n" if (found := raw.find(sign, place)) > 0)
    _own(folder, JSON).write_text(f"{raw[:place]}{json.dumps(name)}: {number}{raw[end:]}", "utf-8")
    return f"{name} is {number:.20}"


def twice(folder: Path, draw: random.Random, signed: bool) -> str:
    """One name twice in an object."""
    raw = _bytes(folder / JSON).decode()
    name = draw.choice(("facts", "kept", "prompt", "source", "seed", "format", "sha256"))
    doubled = raw.replace(f'"{name}":', f'"{name}": 1, "{name}":', 1)
    _own(folder, JSON).write_text(doubled, "utf-8")
    return f"{name} twice"


def evil_text(folder: Path, draw: random.Random, signed: bool) -> str:
    """A malicious text that is displayed, with consistent spans and tokens."""
    document = _read(folder)
    source, prompt = document["facts"]["source"], document["facts"]["prompt"]
    text = draw.choice(TEXTS)[: draw.choice((50, 300, 10_000))]
    target = draw.choice(("prompt", "piece", "span", "model", "manifest", "batch", "layer"))
    if target == "prompt":
        prompt["text"] = prompt["text"] + text
    elif target == "piece":
        draw.choice(prompt["tokens"])["piece"] = text
    elif target == "span":
        prompt["text"] += text or "x"
        for token in prompt["tokens"]:
            if draw.random() < 0.7:
                token["span"] = [0, len(prompt["text"])]
                token["special"] = False
    elif target == "model":
        source[draw.choice(("model", "pipeline", "scheduler", "dtype", "device", "created"))] = text
    elif target == "manifest":
        document["facts"]["manifest"]["captured"] = [text] * draw.choice((1, 900, 2000))
    elif target == "batch":
        source["batch"][draw.choice(("prompts", "negative_prompts", "interventions"))] = [text]
    else:
        layer = draw.choice(document["facts"]["layers"])
        for prefix in ("attention/", "negative_attention/"):
            if prefix + layer["name"] in document["arrays"]:
                document["arrays"][prefix + text] = document["arrays"].pop(prefix + layer["name"])
        layer["name"] = text
        _rename_arrays(folder, document)
    _write(folder, document, signed=signed)
    return f"{target} says {text[:30]!r}"


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    return _holder(document, path)[path[-1]]


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:30] for part in path)


# --- arrays ---------------------------------------------------------------------------------------


def _arrays(folder: Path) -> tuple[Path, dict[str, Any], bytes]:
    file = _own(folder, _read(folder)["arrays_file"]["name"])
    raw = _bytes(file)
    length = int.from_bytes(raw[:8], "little")
    return file, json.loads(raw[8 : 8 + length]), raw[8 + length :]


def _write_arrays(folder: Path, file: Path, header: bytes, values: bytes, *, signed: bool) -> None:
    file.write_bytes(struct.pack("<Q", len(header)) + header + values)
    if signed:
        document = _read(folder)
        document["arrays_file"]["bytes"] = file.stat().st_size
        _write(folder, document, signed=True)


def _rename_arrays(folder: Path, document: Any) -> None:
    """Give the header the names of the JSON, by their checksums' order."""
    file, header, values = _arrays(folder)
    names = {facts["sha256"]: name for name, facts in document["arrays"].items()}
    renamed = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        renamed[names.get(hashlib.sha256(values[start:end]).hexdigest(), name)] = entry
    text = json.dumps(renamed).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + values)
    document["arrays_file"]["bytes"] = file.stat().st_size


def change_header(folder: Path, draw: random.Random, signed: bool) -> str:
    """Names, types, shapes and offsets in the header of the arrays."""
    file, header, values = _arrays(folder)
    path = _spot(header, draw)
    holder = _holder(header, path)
    holder[path[-1]] = _any_value(draw, holder[path[-1]])
    _write_arrays(folder, file, json.dumps(header).encode(), values, signed=signed)
    return f"header: {_dotted(path)}"


def odd_header(folder: Path, draw: random.Random, signed: bool) -> str:
    """A header that overlaps, leaves gaps, is huge, or lies about its own length."""
    file, header, values = _arrays(folder)
    names = [name for name in header if name != "__metadata__"]
    kind = draw.choice(("overlap", "gap", "metadata", "length", "spaces", "many", "deep"))
    text = None
    if kind == "overlap":
        header[names[-1]]["data_offsets"] = header[names[0]]["data_offsets"]
    elif kind == "gap":
        for name in names[1:]:
            header[name]["data_offsets"] = [place + 8 for place in header[name]["data_offsets"]]
        values += b"\0" * 8
    elif kind == "metadata":
        header["__metadata__"] = {f"k{n}": "v" * 1000 for n in range(draw.choice((1, 20_000)))}
    elif kind == "spaces":
        text = json.dumps(header).encode() + b" " * draw.choice((10, 2**20, 2**24))
    elif kind == "many":
        empty = {"dtype": "F32", "shape": [0, 2**40], "data_offsets": [0, 0]}
        header |= {f"n{n}": empty for n in range(draw.choice((1, 50_000)))}
    elif kind == "deep":
        text = b'{"a":' * 5000 + b"1" + b"}" * 5000
    text = json.dumps(header).encode() if text is None else text
    _write_arrays(folder, file, text, values, signed=signed)
    if kind == "length":
        raw = _bytes(file)
        length = draw.choice((0, 1, 2**31, 2**63, len(raw)))
        file.write_bytes(struct.pack("<Q", length) + raw[8:])
    return f"header: {kind}"


def change_values(folder: Path, draw: random.Random, signed: bool) -> str:
    """Numbers in the arrays: any bytes, infinities, NaN, zeros; with correct checksums."""
    file, header, values = _arrays(folder)
    name = draw.choice([name for name in header if name != "__metadata__"])
    start, end = header[name]["data_offsets"]
    kind = draw.choice(("zeros", "ones", "noise", "one"))
    part = bytearray(values[start:end])
    if kind == "one":
        place = draw.randrange(len(part))
        part[place] = draw.randrange(256)
    else:
        fill = {"zeros": b"\0", "ones": b"\xff", "noise": None}[kind]
        part = bytearray(draw.randbytes(len(part)) if fill is None else fill * len(part))
    whole = values[:start] + bytes(part) + values[end:]
    _write_arrays(folder, file, json.dumps(header).encode(), whole, signed=signed)
    if signed:
        document = _read(folder)
        document["arrays"][name]["sha256"] = hashlib.sha256(part).hexdigest()
        _write(folder, document, signed=True)
    return f"values of {name[:30]}: {kind}"


# --- images -------------------------------------------------------------------------------------


def _chunk(kind: bytes, content: bytes) -> bytes:
    signed = kind + content
    return struct.pack(">I", len(content)) + signed + struct.pack(">I", zlib.crc32(signed))


def _png(width: int, height: int, depth: int, color: int, *extra: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    rows = _chunk(b"IDAT", zlib.compress(b"\0" * 2**20))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rows + _chunk(b"IEND", b"")


def _other_format(draw: random.Random) -> bytes:
    file = io.BytesIO()
    kind = draw.choice(("JPEG", "GIF", "BMP", "TIFF", "WEBP"))
    Image.new("RGB", (96, 64)).save(file, format=kind)
    return file.getvalue()


def change_image(folder: Path, draw: random.Random, signed: bool) -> str:
    """Other bytes instead of the image: bombs, other formats, appended data; correct checksums."""
    document = _read(folder)
    said = document["pictures"]["image"]
    file = _own(folder, said["name"])
    raw = _bytes(file)
    kind = draw.choice(("bomb", "format", "appended", "bytes", "cut", "text", "palette", "sparse"))
    if kind == "bomb":
        side = draw.choice((64, 8192, 60_000, 2**31 - 1))
        raw = _png(side, side, draw.choice((1, 8, 16)), draw.choice((0, 2, 3, 6)))
    elif kind == "format":
        raw = _other_format(draw)
    elif kind == "appended":
        raw += draw.randbytes(draw.choice((1, 1000, 200_000)))
    elif kind == "bytes":
        changed = bytearray(raw)
        for _ in range(draw.choice((1, 5, 100))):
            changed[draw.randrange(len(raw))] = draw.randrange(256)
        raw = bytes(changed)
    elif kind == "cut":
        raw = raw[: draw.randrange(len(raw))]
    elif kind == "text":
        unfolds = b"k\0\0" + zlib.compress(b"\0" * 2**26)
        raw = _png(96, 64, 8, 2, *[_chunk(b"zTXt", unfolds)] * draw.choice((1, 3)))
    elif kind == "palette":
        raw = _png(96, 64, 8, 3, _chunk(b"PLTE", b"\0" * 9))
    file.write_bytes(raw)
    if kind == "sparse":
        os.truncate(file, draw.choice((2**20, 2**33)))
    if signed:
        nbytes = file.stat().st_size
        said["bytes"] = nbytes
        if nbytes < 2**26:
            said["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        with_size = draw.random() < 0.5
        if with_size and len(raw) > 24:
            width, height = struct.unpack(">II", raw[16:24])
            said["size"] = [height, width]
            document["facts"]["source"]["image_size"] = [height, width]
        _write(folder, document, signed=True)
    return f"image: {kind}"


def large_image(folder: Path, draw: random.Random, signed: bool) -> str:
    """A valid, consistent image of one color: small on disk, large in memory."""
    document = _read(folder)
    said = document["pictures"]["image"]
    side = draw.choice((512, 2048, 4096))
    mode = draw.choice(("1", "L", "LA", "RGB", "RGBA"))
    file = io.BytesIO()
    Image.new(mode, (side * 3 // 2, side)).save(file, format="PNG")
    _own(folder, said["name"]).write_bytes(file.getvalue())
    said |= {"size": [side, side * 3 // 2], "mode": mode, "bytes": len(file.getvalue())}
    said["sha256"] = hashlib.sha256(file.getvalue()).hexdigest()
    document["facts"]["source"]["image_size"] = said["size"]
    if draw.random() < 0.5:
        document["facts"]["source"]["latent_size"] = [side // 8, side * 3 // 16]
        document["arrays"].pop("latents", None)
    _write(folder, document, signed=signed)
    return f"an image of {side} in {mode}"


# --- files ----------------------------------------------------------------------------------------


def change_files(folder: Path, draw: random.Random, signed: bool) -> str:
    """Files missing, cut, flipped, links, folders, pipes, without permission."""
    file = _own(folder, draw.choice(sorted(folder.iterdir())).name)
    kind = draw.choice(("missing", "cut", "flip", "link", "folder", "pipe", "hard", "mode", "loop"))
    if kind == "cut":
        os.truncate(file, draw.randrange(file.stat().st_size + 1))
    elif kind == "flip":
        raw = bytearray(_bytes(file))
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        file.write_bytes(raw)
    elif kind == "mode":
        file.chmod(0)
    elif kind == "hard":
        os.link(file, folder / "other")
    else:
        file.unlink()
        if kind == "link":
            file.symlink_to("/etc/passwd")
        elif kind == "loop":
            file.symlink_to(file.name)
        elif kind == "folder":
            file.mkdir()
        elif kind == "pipe":
            os.mkfifo(file)
    return f"{file.suffix} {kind}"


Change = Callable[[Path, random.Random, bool], str]
_WEIGHED: dict[Change, int] = {
    change_value: 30, change_size: 12, many: 5, drop: 6, swap: 6, nest: 2, raw_number: 3, twice: 2,
    evil_text: 12, change_header: 6, odd_header: 4, change_values: 5, change_image: 8,
    large_image: 2, change_files: 5,
}  # fmt: skip
_CHANGES, _WEIGHTS = tuple(_WEIGHED), tuple(_WEIGHED.values())
