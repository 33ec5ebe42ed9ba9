"""Figures written to files: completely or not at all, with their provenance as metadata."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import SelectionError
from daam_nb.kinds import check_length, check_path
from daam_nb.printable import printable
from daam_nb.show.figures.chart import PIXELS_PER_INCH
from daam_nb.show.figures.description import Drawing, Sheet
from daam_nb.show.lettering import plain
from daam_nb.storage import write_file

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

SUFFIXES = (".png", ".svg", ".pdf", ".html")
MAX_DOTS = 65_535  # on a side; the drawing back end draws no more
CHART_SCALE = 110 / PIXELS_PER_INCH  # of a chart in a notebook: its letters as large as the text
NOTEBOOK_BYTES = 220_000  # what one figure may add to a notebook before it is made smaller


def save(drawing: Drawing, path: str | Path, *, scale: float) -> Path:
    """Write a figure; see `Figure.save`."""
    path = check_path(path, "The place of a figure")
    scale = checked_scale(drawing, scale)
    writers: dict[str, Callable[[], bytes]] = {
        ".png": lambda: png_bytes(drawing, scale=scale),
        ".svg": lambda: svg_bytes(drawing),
        ".pdf": lambda: pdf_bytes(drawing),
        ".html": lambda: html_bytes(drawing),
    }
    if path.suffix.lower() not in writers:
        raise SelectionError(
            f"A figure cannot be saved as {path.name!r}: the suffix {path.suffix!r} is not known. "
            f"Use one of {', '.join(SUFFIXES)}."
        )
    write_file(path, writers[path.suffix.lower()]())
    return path


def png_bytes(drawing: Drawing, *, scale: float) -> bytes:
    """Draw a PNG with the metadata as text chunks: one for each fact, and all of them as JSON."""
    scale = checked_scale(drawing, scale)
    return _encoded(drawing, _rastered(drawing, scale), scale)


def checked_scale(drawing: Drawing, scale: object) -> float:
    """Read dots per figure pixel: so many that the image has from 1 to 65535 on each side.

    Raises
    ------
    SelectionError
        For anything else.
    """
    number = check_length(scale, "scale", high=MAX_DOTS / max(drawing.size))
    if number * min(drawing.size) < 1:
        raise SelectionError(
            f"scale={number:g} leaves no dot of a figure of {drawing.size} pixels."
        )
    return number


def small_png(drawing: Drawing) -> bytes:
    """Draw a PNG for a notebook: with fewer dots where it would be large, at last 256 colors."""
    from PIL import Image

    sharpest = 2.0 if isinstance(drawing.content, Sheet) else CHART_SCALE
    sharp = _rastered(drawing, sharpest)
    for part, bits in ((1.0, 8), (1.0, 6), (0.75, 6), (0.5, 6), (0.5, 5)):
        scale = part * sharpest
        pil_size = (round(sharp.width * part), round(sharp.height * part))
        image = sharp if part == 1 else sharp.resize(pil_size, Image.Resampling.LANCZOS)
        drawn = _encoded(drawing, _rounded(image, bits), scale)
        if len(drawn) <= NOTEBOOK_BYTES:
            return drawn
    if len(drawn) <= 1.5 * NOTEBOOK_BYTES:
        return drawn
    # A palette draws bands into maps and color bars, so it is the last resort.
    few = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return _encoded(drawing, few, scale)


def quick_png(drawing: Drawing) -> bytes:
    """Draw a PNG once, a dot per figure pixel, of at most about 200 kB: a preview in a notebook."""
    from PIL import Image

    image = _rastered(drawing, 1.0)
    drawn = _encoded(drawing, image, 1.0)
    if len(drawn) > NOTEBOOK_BYTES:
        drawn = _encoded(drawing, _rounded(image, 5), 1.0)
    if len(drawn) > NOTEBOOK_BYTES:
        few = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        drawn = _encoded(drawing, few, 1.0)
    return drawn


def _rounded(image: PILImage, bits: int) -> PILImage:
    """Keep the first bits of each channel: no eye sees six of eight, and a PNG is half as large."""
    top = (1 << bits) - 1
    return image.point([round(round(value / 255 * top) / top * 255) for value in range(256)] * 3)


def _rastered(drawing: Drawing, scale: float) -> PILImage:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    from daam_nb.show.figures.rendering import default_settings, to_matplotlib

    with default_settings():
        canvas: Any = FigureCanvasAgg(to_matplotlib(drawing, scale=scale))  # it carries no types
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _encoded(drawing: Drawing, image: PILImage, scale: float) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, text in _facts(drawing).items():
        info.add_itxt(key, text)
    buffer = BytesIO()
    dpi = PIXELS_PER_INCH * scale
    image.save(buffer, "PNG", pnginfo=info, dpi=(dpi, dpi))
    return buffer.getvalue()


def svg_bytes(drawing: Drawing) -> bytes:
    """Draw an SVG whose text is text, in DejaVu Sans or the viewer's own sans serif."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    from daam_nb.show.figures.rendering import default_settings, to_matplotlib

    facts = _facts(drawing)
    buffer = BytesIO()
    # The drawing back end reads these from the settings only; they are put back at once.
    settings: Any = {"svg.fonttype": "none", "svg.image_inline": True, "svg.hashsalt": "daam_nb"}
    with default_settings(), matplotlib.rc_context(settings):
        canvas: Any = FigureCanvasSVG(to_matplotlib(drawing, interpolation="none"))
        canvas.print_svg(
            buffer,
            metadata={
                "Title": plain(facts["Title"]),
                "Description": plain(facts["Description"]),
                "Creator": plain(facts["Software"]),
                "Source": plain(facts["daam_nb"]),
                "Date": None,
            },
        )
    return buffer.getvalue()


def pdf_bytes(drawing: Drawing) -> bytes:
    """Draw a PDF with embedded outlines of its letters."""
    import matplotlib
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    from daam_nb.show.figures.rendering import default_settings, to_matplotlib

    facts = _facts(drawing)
    buffer = BytesIO()
    settings: Any = {"pdf.fonttype": 42, "pdf.use14corefonts": False}
    with default_settings(), matplotlib.rc_context(settings):
        canvas: Any = FigureCanvasPdf(to_matplotlib(drawing, interpolation="none"))
        canvas.print_pdf(
            buffer,
            metadata={
                "Title": plain(facts["Title"]),
                "Subject": plain(facts["Description"]),
                "Creator": plain(facts["Software"]),
                "Keywords": facts["daam_nb"],
                "CreationDate": None,
            },
        )
    return buffer.getvalue()


def html_bytes(drawing: Drawing) -> bytes:
    """Draw a page with plotly's library inside: it works without a network."""
    from daam_nb.show.figures.rendering import page

    return page(drawing, title=plain(_facts(drawing)["Title"]), facts=_facts(drawing)).encode()


def _facts(drawing: Drawing) -> dict[str, str]:
    """Metadata by the names that image viewers know, then our own, then all as JSON."""
    software = f"daam_nb {drawing.metadata.get('drawn with', '')}".strip()
    facts = {
        "Title": drawing.metadata.get("prompt", drawing.title),
        "Description": "\n".join(drawing.caption),
        "Software": software,
        **drawing.metadata,
    }
    # A prompt may hold halves of surrogate pairs and NUL, which no file format takes as text, and
    # what a terminal would obey, to which tools print these. Its own signs are in the JSON.
    clean = {key: printable(text, keep="\n") for key, text in facts.items()}
    return {**clean, "daam_nb": json.dumps(dict(drawing.metadata))}  # in ASCII: nothing is lost
