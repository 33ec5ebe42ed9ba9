"""Facts <-> the bytes of one JSON file: only plain data, read without trust.

Python's `json` accepts more than facts may hold: NaN, duplicate names, integers of a million
digits, lists nested a thousand deep. Writing and reading share the rules here, so that whatever was
saved can be opened.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from daam_nb.errors import RecordingFormatError

WAY_OUT = "Copy the whole folder again from its source, or record again."
MAX_BYTES = 8 * 2**20
MAX_VALUES = 200_000
MAX_DEPTH = 64
MAX_TEXT = 2**20  # characters
MAX_KEY = 1000  # characters
MAX_WHOLE = 2**64  # seeds reach 2**64 - 1
LINE = 120


def broken(where: object, what: str) -> RecordingFormatError:
    """Raise the error for a file that fails a check: the file, the reason, the way out."""
    return RecordingFormatError(f"{where}: {what}. {WAY_OUT}")


def plain(value: object, where: str) -> Any:
    """Copy `value` into dicts, lists, text, numbers, booleans and None.

    Raises
    ------
    RecordingFormatError
        If it contains anything else; the message names the place. Nothing is silently converted.
    """
    return _plain(value, (where,))


def _plain(value: object, path: tuple[object, ...]) -> Any:
    # The path is put into words where something is wrong, and not at each of a million values.
    if len(path) > MAX_DEPTH + 1:
        raise RecordingFormatError(f"{_place(path)[:40]}... is nested more than {MAX_DEPTH} deep.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise RecordingFormatError(
                f"{_place(path)} is a text of {len(value)} characters; at most {MAX_TEXT} are "
                "allowed."
            )
        return value
    if isinstance(value, int) and abs(value) < MAX_WHOLE:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise RecordingFormatError(
                    f"{_place(path)} has the key {key!r}; keys must be text."
                )
            if len(key) > MAX_KEY:
                raise RecordingFormatError(
                    f"{_place(path)} has a key of {len(key)} characters, {_short(key)}; at most "
                    f"{MAX_KEY} are allowed."
                )
        return {key: _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index)) for index, item in enumerate(value)]
    raise RecordingFormatError(
        f"{_place(path)} is {_short(value)} of type {type(value).__name__}; facts must be text, "
        "finite numbers below 2**64, booleans, None, or lists and dicts of these."
    )


def _place(path: tuple[object, ...]) -> str:
    """Join parts to a path such as `recording.facts.call[2]`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[1:])
    return "".join((str(path[0]), *steps))


def encode(document: Mapping[str, Any]) -> bytes:
    """Sorted, readable UTF-8 with a sha256 of its own content; what `decode` reads."""
    document = plain(document, "recording")
    raw = (_pretty({**document, "sha256": _fingerprint(document)}) + "\n").encode()
    if len(raw) > MAX_BYTES:
        raise RecordingFormatError(
            f"The facts fill {len(raw)} bytes; at most {MAX_BYTES} are allowed."
        )
    if verified(decode(raw, "recording"), "recording") != document:
        # Two halves of a surrogate pair would come back as one sign.
        raise RecordingFormatError("The facts hold text that is not valid Unicode.")
    return raw


def decode(raw: bytes, where: object) -> dict[str, Any]:
    """Read an object of strict JSON, or raise a `RecordingFormatError` that names `where`."""
    # An upper bound that costs nothing: signs inside texts count too.
    if sum(map(raw.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise broken(where, f"not a readable JSON file (more than {MAX_VALUES} values)")
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            parse_constant=_not_a_number,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
        document = plain(parsed, "it")
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError, JSONDecodeError, ours
        raise broken(where, f"not a readable JSON file ({_short(error, 160)})") from None
    if not isinstance(document, dict):
        raise broken(where, f"holds {_short(document)} where an object is needed")
    return document


def verified(document: dict[str, Any], where: object) -> dict[str, Any]:
    """Check the result of `decode` against the sha256 in it, and remove that."""
    content = {name: value for name, value in document.items() if name != "sha256"}
    if document.get("sha256") != _fingerprint(content):
        raise broken(where, "was changed after it was written: its sha256 differs")
    return content


@dataclass(frozen=True)
class Fields:
    """A JSON object being read: every field is read by name and type, and none may be left over."""

    values: dict[str, Any]
    where: str

    def known(self, *names: str) -> Fields:
        """Raise unless the object holds exactly these names."""
        if missing := sorted(set(names) - set(self.values)):
            raise broken(self.where, f"lacks {missing[0]!r}")
        if unknown := sorted(set(self.values) - set(names)):
            raise broken(self.where, f"holds {_short(unknown[0])}, unknown to this version")
        return self

    def has(self, name: str) -> bool:
        """Whether the field exists and is not null."""
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        """A string."""
        return str(self._of(name, str, "text"))

    def whole(self, name: str, low: int = 0, high: int = 2**40) -> int:
        """A whole number in [low, high]."""
        value = self._of(name, int, f"a whole number in [{low}, {high}]")
        if isinstance(value, bool) or not low <= value <= high:
            self._refuse(name, f"a whole number in [{low}, {high}]")
        return int(value)

    def number(self, name: str) -> float:
        """A finite number."""
        value = self._of(name, int | float, "a number")
        if isinstance(value, bool):
            self._refuse(name, "a number")
        return float(value)

    def items(self, name: str) -> list[Any]:
        """A list of anything."""
        return list(self._of(name, list, "a list"))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        listed = self.each(name)
        return tuple(listed.text(key) for key in listed.values)

    def wholes(self, name: str, low: int = 0, high: int = 2**40) -> tuple[int, ...]:
        """A list of whole numbers in [low, high]."""
        listed = self.each(name)
        return tuple(listed.whole(key, low, high) for key in listed.values)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        listed = self.each(name)
        return tuple(listed.number(key) for key in listed.values)

    def size(self, name: str) -> tuple[int, int]:
        """(height, width), each in [1, 2**20]."""
        numbers = self.wholes(name, 1, 2**20)
        if len(numbers) != 2:
            self._refuse(name, "[height, width]")
        return numbers[0], numbers[1]

    def fields(self, name: str) -> Fields:
        """An object."""
        return Fields(self._of(name, dict, "an object"), f"{self.where}.{name}")

    def each(self, name: str) -> Fields:
        """A list, with items under their indices "0", "1", ..."""
        listed = enumerate(self.items(name))
        return Fields({f"{index}": item for index, item in listed}, f"{self.where}.{name}")

    def _of(self, name: str, kind: Any, wanted: str) -> Any:
        if name not in self.values:
            raise broken(self.where, f"lacks {name!r}")
        if not isinstance(self.values[name], kind):
            self._refuse(name, wanted)
        return self.values[name]

    def _refuse(self, name: str, wanted: str) -> NoReturn:
        value = _short(self.values[name])
        raise broken(f"{self.where}.{name}", f"is {value} where {wanted} is needed")


def _short(value: object, limit: int = 60) -> str:
    text = str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _fingerprint(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _pretty(value: Any, indent: str = "") -> str:
    """JSON with short lists on one line, so that lists of numbers stay readable."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    line = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", line)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {_pretty(value[key], inner)}" for key in sorted(value)]
    elif all(not isinstance(item, dict | list) for item in value):
        return line  # a long list of numbers: one line, not a thousand
    else:
        rows = [_pretty(item, inner) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + ",".join(f"\n{inner}{row}" for row in rows) + f"\n{indent}{closing}"


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {_short(digits, 30)} is too large")
    return value


def _whole(digits: str) -> int:
    if len(digits) > len(str(MAX_WHOLE)) + 1 or abs(int(digits)) >= MAX_WHOLE:
        raise ValueError(f"the number {_short(digits, 30)} is too large")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise ValueError(f"the name {_short(name)} occurs more than once")
        document[name] = value
    return document
