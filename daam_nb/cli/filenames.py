"""Words -> distinct file names that are valid on every common system.

Windows is the strictest: characters, reserved device names, no dot or space at the end, and no
difference between upper and lower case. macOS does not distinguish composed and decomposed letters
either. All of this is avoided everywhere, so that a folder can be copied to any system.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Of the part before the ending, in UTF-8: file names hold 255 bytes, encrypted folders 143.
MAX_BYTES = 80

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_JOINERS = {"\u200c", "\u200d", "\ufe0e", "\ufe0f"}


def safe_stems(labels: Iterable[str]) -> tuple[str, ...]:
    """Make one name for each label, in order: readable, safe, and distinct on every system.

    Parameters
    ----------
    labels
        Words or phrases; any text.

    Returns
    -------
    tuple of str
        Names without an ending, of letters, digits, marks and ``-_.``; 1 to `MAX_BYTES` bytes.
        A name that is already used, in any case, gets ``-2``, ``-3``, ...

    Examples
    --------
    >>> safe_stems(["a", "zebra", "a", "A/B", "🐱"])
    ('a', 'zebra', 'a-2', 'A_B', 'cat-face')
    """
    used_names: set[str] = set()
    stems = []
    for label in labels:
        plain = stem = safe_stem(label)
        number = 1
        while _seen_by_systems(stem) in used_names:
            number += 1
            ending = f"-{number}"
            stem = _shortened(plain, MAX_BYTES - len(ending)) + ending
        used_names.add(_seen_by_systems(stem))
        stems.append(stem)
    return tuple(stems)


def safe_stem(label: str) -> str:
    """A name for one label; see `safe_stems`."""
    written = "".join(map(_written, unicodedata.normalize("NFC", label)))
    stem = _shortened(unicodedata.normalize("NFC", written), MAX_BYTES - 1)
    stem = stem.lstrip(".-")  # neither hidden nor taken for an option
    if stem.split(".")[0].rstrip().casefold() in _DEVICES:
        stem = stem.replace(".", "_.", 1) if "." in stem else stem + "_"
    return stem or "_"


def _written(character: str) -> str:
    """The character, its name where it is a symbol, or '_'."""
    category = unicodedata.category(character)
    if character in _JOINERS:
        return ""
    if category[0] in "LNM" or character in "-_.":
        return character
    if category[0] == "S" and not character.isascii():
        return unicodedata.name(character, "_").lower().replace(" ", "-")
    return "_"


def _shortened(stem: str, most: int) -> str:
    """Cut a name to its limit in bytes, between user-perceived characters, without a final dot."""
    while len(stem.encode()) > most:
        stem = stem[:-1]
        while stem and unicodedata.category(stem[-1]).startswith("M") and len(stem.encode()) > most:
            stem = stem[:-1]
    return stem.rstrip(".")


def _seen_by_systems(stem: str) -> str:
    """What the least discerning file system compares."""
    return unicodedata.normalize("NFKC", stem).upper().casefold()
