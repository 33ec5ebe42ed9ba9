"""Text measurement: width, line breaks, and letters that a font lacks.

Prompts are other people's text. Line breaks and control signs in them would break a figure, and
signs that reverse the reading direction would falsify a caption; these are removed here, once, for
every renderer. The metadata of a file hold the text unchanged.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import regex

# Tried in this order, as far as they are installed. DejaVu Sans comes with matplotlib and has
# Latin, Greek, Cyrillic, Arabic, Hebrew and most signs; the others add what it lacks. Fonts whose
# glyphs are colored images are left out: matplotlib cannot draw them.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans KR",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Hiragino Sans",
    "PingFang SC",
    "Arial Unicode MS",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Segoe UI Symbol",
    "Symbola",
)
NO_BREAK = "\u00a0"  # a space at which no line breaks
MISSING = "□"  # stands for a letter that no installed font has
_EM = 100  # pixels per em at which widths are measured
# Left out of what is drawn: they turn the reading direction of all that follows.
_TURNING = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def plain(text: str) -> str:
    """Make any text one line: white space becomes a space, what cannot be drawn U+FFFD."""
    signs = []
    for sign in text.translate(_TURNING):
        category = unicodedata.category(sign)
        if sign.isspace() and sign != NO_BREAK:
            signs.append(" ")
        else:
            signs.append("\ufffd" if category in ("Cc", "Cs") else sign)
    return "".join(signs)


@cache
def families() -> tuple[str, ...]:
    """Those of `FAMILIES` that are installed; asking matplotlib for others makes it warn."""
    from matplotlib import font_manager

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return tuple(name for name in FAMILIES if name in installed) or ("sans-serif",)


@cache
def _fonts(bold: bool = False) -> tuple[Any, ...]:
    """Each installed family's font and the letters it has."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    font_families = []
    weight = "bold" if bold else "normal"
    for name in families():
        properties = font_manager.FontProperties(family=[name], weight=weight)
        font = FT2Font(font_manager.findfont(properties))
        font.set_size(_EM, 72)
        font_families.append((font, font.get_charmap()))
    return tuple(font_families)


@cache
def _advance(sign: str, bold: bool = False) -> float | None:
    """Width in em, 0 for a sign that is not drawn by itself, None if no font has it."""
    code = ord(sign)
    for font, letters in _fonts(bold):
        if code in letters:
            return float(font.load_char(code).linearHoriAdvance) / 65536 / _EM
    return 0.0 if _is_silent(sign) else None


def _is_silent(sign: str) -> bool:
    joiner_or_selector = unicodedata.category(sign) in ("Cf", "Mn", "Me")
    skin_tone = 0x1F3FB <= ord(sign) <= 0x1F3FF
    return joiner_or_selector or skin_tone


@cache
def drawable(text: str) -> str:
    """Put `MISSING` for each letter that no installed font has, so that none is lost unseen."""
    runs = []
    for cluster in regex.findall(r"\X", text):
        if any(_advance(sign) is None for sign in cluster):
            runs.append(MISSING)
        else:
            runs.append("".join(s for s in cluster if any(ord(s) in has for _, has in _fonts())))
    return "".join(runs)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line in figure pixels; a letter that no font has counts as a wide one."""
    ems = 0.0
    for cluster in regex.findall(r"\X", text):
        parts = [_advance(sign, bold) for sign in cluster]
        ems += 1.0 if None in parts else sum(part for part in parts if part is not None)
    return ems * size


def wrap(
    text: str, room: float, size: float, *, most: int = 3, bold: bool = False
) -> tuple[str, ...]:
    """Break a text into lines that fit.

    Parameters
    ----------
    text
        Any text.
    room
        Width of a line, in figure pixels.
    size
        Of the letters, in figure pixels.
    most
        The largest number of lines; what does not fit is left out behind an ellipsis.

    Returns
    -------
    tuple of str
        At least one line, broken between words where that is possible.
    """
    lines: list[str] = []
    line = ""
    enough = (most + 1) * 400  # letters; a prompt may be a whole book
    for piece in regex.findall(r"[^\S\u00a0]+|[\S\u00a0]+", plain(text[:enough])):
        for part in _fitting(piece, room, size, bold):
            if line and width((line + part).rstrip(), size, bold=bold) > room:
                lines.append(line.rstrip())
                line = ""
            line += part if line or not part.isspace() else ""
    lines.append(line.rstrip())
    if len(lines) <= most and len(text) <= enough:
        return tuple(lines)
    lines = lines[:most]
    return (*lines[:-1], _shortened(lines[-1], room, size, bold))


def _fitting(piece: str, room: float, size: float, bold: bool) -> list[str]:
    """Cut a word that is wider than a line."""
    if width(piece, size, bold=bold) <= room:
        return [piece]
    parts = [""]
    for cluster in regex.findall(r"\X", piece):
        if parts[-1] and width(parts[-1] + cluster, size, bold=bold) > room:
            parts.append("")
        parts[-1] += cluster
    return parts


def _shortened(line: str, room: float, size: float, bold: bool) -> str:
    clusters = regex.findall(r"\X", line)
    while clusters and width("".join(clusters) + "…", size, bold=bold) > room:
        clusters.pop()
    return "".join(clusters).rstrip() + "…"
