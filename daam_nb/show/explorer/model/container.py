"""Parts and what is said of them in one string of bytes: what a page paints first, a hand-out.

Both are read by `js/src/container.js`: one byte (1: the header is deflated), the header's length as
four bytes, little-endian, the header as JSON, then the parts' bytes one after the other. Each part
says where its bytes lie (`at`, `bytes`), and whether they are deflated (`deflated`).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

VERSION = 1
Part = tuple[dict[str, Any], bytes]  # what it is, and its bytes (empty where it has none)
_START = struct.Struct("<BI")


def deflated(part: dict[str, Any], raw: bytes) -> Part:
    """Deflate the bytes of a part, so that a page inflates what it shows and no more."""
    return {**part, "deflated": True}, zlib.compress(raw, 9)


def pack(facts: Mapping[str, Any], parts: Iterable[Part], *, small: bool = False) -> bytes:
    """Write parts into one string of bytes.

    Parameters
    ----------
    facts
        What is said of the whole: `run`, and in a hand-out the facts and choices.
    parts
        (what it is, its bytes): plain data, and a string of bytes, which `deflated` may have made
        smaller.
    small
        Whether the header is deflated.
    """
    listed, bodies, at = [], [], 0
    for part, body in parts:
        listed.append({**part, "at": at, "bytes": len(body)})
        bodies.append(body)
        at += len(body)
    header = as_json({"v": VERSION, **facts, "parts": listed})
    if small:
        header = zlib.compress(header, 9)
    return b"".join((_START.pack(small, len(header)), header, *bodies))


def unpack(data: bytes) -> tuple[dict[str, Any], list[Part]]:
    """Read what `pack` wrote: the header without its parts, and the parts."""
    small, length = _START.unpack_from(data)
    raw = data[_START.size : _START.size + length]
    header = json.loads(zlib.decompress(raw) if small else raw)
    start, parts = _START.size + length, []
    for part in header.pop("parts"):
        at, count = start + part.pop("at"), part.pop("bytes")
        body = data[at : at + count]
        parts.append((part, zlib.decompress(body) if part.pop("deflated", False) else body))
    return header, parts


def as_json(data: Any) -> bytes:
    """Write plain data as compact JSON."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
