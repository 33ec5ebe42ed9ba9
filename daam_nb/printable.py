r"""Untrusted text made safe to print: control and invisible characters are shown.

A prompt, a file name or a layer's name may hold control sequences (which write to the clipboard,
rename the window or hide a line), characters that reverse the reading direction, and invisible
ones. Each becomes its escape, as in ``\x1b`` or ``\u202e``. May import nothing.
"""

from __future__ import annotations

import re

# Letters, marks and symbols by Unicode's account that nothing is seen of.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# Joiners and the signs that ask for colors belong to what stands before: an image, or a digit.
_BASE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff]"
)
_ONE = f"{_BASE}[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*"
_IMAGE = re.compile(f"{_ONE}(?:\u200d{_ONE})*|[0-9#*]\ufe0f\u20e3")
_JOINING = frozenset("\u200d\ufe0e\ufe0f")
_SPACES = frozenset(map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))


def printable(text: str, *, keep: str = "") -> str:
    r"""Escape control and invisible characters.

    Parameters
    ----------
    text
        Any string.
    keep
        Characters that are not escaped, such as ``"\n"`` in a text of several lines.

    Returns
    -------
    str
        Letters, marks, digits, punctuation, symbols and spaces unchanged; control characters
        (including line ends), characters that change the reading direction, zero-width characters,
        halves of surrogate pairs, private and unassigned ones as ``\n``, ``\x1b``, ``\u202e``, ...

    Examples
    --------
    >>> printable("a \x1b]0;cat\x07\u202egod")
    'a \\x1b]0;cat\\x07\\u202egod'
    """
    if text.isascii() and text.isprintable():
        return text
    joined: set[int] = set()
    for image in _IMAGE.finditer(text):
        joined.update(position for position in range(*image.span()) if text[position] in _JOINING)
    return "".join(
        sign if sign in keep or position in joined or _is_seen(sign) else _escaped(sign)
        for position, sign in enumerate(text)
    )


def _is_seen(sign: str) -> bool:
    return (sign.isprintable() and sign not in _UNSEEN) or sign in _SPACES


def _escaped(sign: str) -> str:
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(sign)
    if short is not None:
        return short
    number = ord(sign)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
