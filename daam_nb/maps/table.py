"""Maps as the last line of a notebook cell: a row of small images, one per word."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from daam_nb.printable import printable

if TYPE_CHECKING:
    from daam_nb.maps.wordmap import WordHeatMap

SHOWN_HEIGHT = 96  # CSS pixels
COLORMAP = "inferno"  # perceptually uniform


def table_of_words(maps: Iterable[WordHeatMap], *, caption: str) -> str:
    """Write one cell per map: its image, its label, its peak; self-contained HTML."""
    cells = "".join(_cell(word_map) for word_map in maps)
    return (
        '<figure style="margin:0">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px">{cells or "no words"}</div>'
        f'<figcaption style="font-size:smaller;opacity:.75">{escape(printable(caption))}; '
        "each image from 0 to its own peak</figcaption></figure>"
    )


def _cell(one: WordHeatMap) -> str:
    height, width = one.size
    data = base64.b64encode(_png(one)).decode("ascii")
    label = escape(printable(one.label))
    shown_width = max(1, round(SHOWN_HEIGHT * width / height))
    return (
        f'<div style="text-align:center"><img alt="heat map of {label}" height="{SHOWN_HEIGHT}" '
        f'width="{shown_width}" src="data:image/png;base64,{data}"><br>'
        f"{label}<br><small>peak {one.values.max():.3g}</small></div>"
    )


def _png(one: WordHeatMap) -> bytes:
    from matplotlib import colormaps
    from PIL import Image

    peak = one.values.max().item()
    share = (one.values / peak if peak else one.values).numpy()
    colors = colormaps[COLORMAP](share, bytes=True)[..., :3]  # (y, x, 3), uint8
    written = io.BytesIO()
    Image.fromarray(colors).save(written, "PNG")
    return written.getvalue()
