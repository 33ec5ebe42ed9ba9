"""What an explorer shows, taken away: a figure, a PNG, a table."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from PIL import Image

from daam_nb.errors import MissingExtraError, RecordingExistsError, SelectionError
from daam_nb.kinds import check_choice, check_flag, check_path
from daam_nb.maps.measure import area, centre_of_mass, entropy, iou
from daam_nb.show.explorer.model.sentences import place_in_words
from daam_nb.show.explorer.model.tiles import overlaps
from daam_nb.show.figures import overlay, words_row
from daam_nb.show.figures.saving import png_bytes
from daam_nb.show.pixels import overlay_image
from daam_nb.storage import write_file

if TYPE_CHECKING:
    from daam_nb.maps.wordmap import WordHeatMap
    from daam_nb.show.explorer.page.widget import Explorer
    from daam_nb.show.figures.figure import Figure

Drawn = Literal["figure", "overlay", "mask", "mask_b"]
Rows = Literal["word", "step", "head"]


def figure_of(explorer: Explorer) -> Figure:
    """Draw the current selection: one word over the picture, or two side by side."""
    level = explorer.threshold if explorer.contour else None
    maps = explorer.subject.maps(explorer.selected)
    word = explorer.subject.map_of(maps, explorer.word)
    look: dict[str, Any] = {"threshold": level, "colormap": explorer.colormap}
    if explorer.word_b < 0:
        return overlay(explorer.run.image, word, opacity=explorer.opacity, **look)
    other = explorer.subject.map_of(maps, explorer.word_b)
    pair: Any = [word, other]  # heat maps find the word of another map too
    return words_row(maps, words=pair, opacity=explorer.opacity, **look)


def png_of(explorer: Explorer, what: Drawn) -> bytes:
    """Draw the current selection as a PNG; see `Explorer.to_png`."""
    check_choice(what, "what", get_args(Drawn))
    if what == "figure":
        return png_bytes(figure_of(explorer), scale=2.0)
    selected, run = explorer.selected, explorer.run
    if what == "mask_b":
        if explorer.word_b < 0:
            raise SelectionError("No second word is chosen, so there is no mask of it.")
        selected = replace(selected, word=explorer.word_b)
    word = explorer.engine.exact(selected)
    written = io.BytesIO()
    if what.startswith("mask"):
        return mask_png(word, explorer.threshold)
    if run.image is None:
        raise SelectionError(
            "This recording holds no picture to lay the map over. Use what='mask' or 'figure'."
        )
    drawn = overlay_image(
        run.image,
        word,
        opacity=explorer.opacity,
        threshold=explorer.threshold if explorer.contour else None,
        colormap=explorer.colormap,
    )
    drawn.save(written, "PNG")
    return written.getvalue()


def write_png(explorer: Explorer, path: str | Path, *, what: Drawn, overwrite: bool) -> Path:
    """Write what `png_of` draws."""
    file = free_path(path, ".png", overwrite=overwrite)
    write_file(file, png_of(explorer, what))
    return file


def free_path(path: str | Path, suffix: str, *, overwrite: bool) -> Path:
    """Check a path that is to be written.

    Raises
    ------
    WrongKindError
        Where it is no path, or `overwrite` neither True nor False.
    SelectionError
        Where it has another suffix.
    RecordingExistsError
        Where something is there and `overwrite` is false.
    """
    check_flag(overwrite, "overwrite")
    file = check_path(path, "The place of a file")
    if file.suffix.lower() != suffix:
        raise SelectionError(f"The file is to end in {suffix!r}; {file.name!r} does not.")
    if file.exists() and not overwrite:
        raise RecordingExistsError(
            f"{file} exists. Choose another path, or overwrite=True to replace it."
        )
    return file


def mask_name(word: str) -> str:
    """Name the file of a word's mask, by letters and digits alone."""
    name = re.sub(r"\W+", "-", word).strip("-")
    return f"{name[:60] or 'word'}-mask.png"


def frame_of(explorer: Explorer, by: Rows) -> Any:
    """Make the table of `Explorer.to_frame`."""
    tables = {"word": _by_word, "step": _by_step, "head": _by_head}
    check_choice(by, "by", tables)
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "studies", "to_frame()") from None
    frame = pd.DataFrame(tables[by](explorer))
    shown = explorer.words[explorer.word].text
    frame.attrs = {
        "prompt": explorer.subject.prompt.text,
        "model": explorer.run.facts.model,
        "seed": explorer.run.facts.seed,
        "word": shown,
        "choice": place_in_words(explorer.subject, explorer.selected),
        "threshold": explorer.threshold,
    }
    return frame


def _by_word(explorer: Explorer) -> list[dict[str, Any]]:
    subject = explorer.subject
    maps = subject.maps(explorer.selected)
    own = explorer.engine.mask(explorer.selected, explorer.threshold)
    rows = []
    for number, entry in enumerate(subject.entries):
        if not entry.kept:
            continue
        found = subject.map_of(maps, number)
        numbers = _numbers(found, explorer.threshold)
        mask = found.values >= explorer.threshold * found.values.max()
        start, end = entry.span if entry.span is not None else (None, None)
        rows.append(
            {
                "number": number,
                "word": entry.text,
                "kind": entry.kind,
                "start": start,
                "end": end,
                "tokens": entry.tokens,
                **numbers,
                "iou": iou(mask & (found.values.max() > 0), own),
            }
        )
    return rows


def _by_step(explorer: Explorer) -> list[dict[str, Any]]:
    subject, rows = explorer.subject, []
    for place in range(subject.step_count):
        found = subject.word_map(replace(explorer.selected, steps=(place, place + 1)))
        step = None if subject.summed else subject.run.steps[place]
        timestep = None if step is None else subject.run.timesteps[step]
        rows.append({"step": step, "timestep": timestep, **_numbers(found, explorer.threshold)})
    return rows


def _by_head(explorer: Explorer) -> list[dict[str, Any]]:
    tiles = explorer.engine.tiles(explorer.selected)
    inside = overlaps(tiles, explorer.engine.mask(explorer.selected, explorer.threshold))
    return [
        {
            "number": number,
            "layer": layer.name,
            "stage": layer.stage,
            "height": layer.size[0],
            "width": layer.size[1],
            "head": head,
            "mean": float(tiles.maps[number][head].mean()),
            "peak": tiles.peak[number][head],
            "entropy": tiles.entropy[number][head],
            "overlap": inside[number][head],
        }
        for number, layer in enumerate(explorer.subject.layers)
        for head in range(layer.heads)
    ]


def _numbers(found: WordHeatMap, threshold: float) -> dict[str, float]:
    y, x = centre_of_mass(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty mask has the area 0, which is what is said
        covered = area(found, threshold=threshold)
    return {
        "mean": float(found.values.mean()),
        "peak": float(found.values.max()),
        "entropy": entropy(found),
        "area": covered,
        "centre_y": y,
        "centre_x": x,
    }


def mask_png(word: WordHeatMap, threshold: float) -> bytes:
    """Eq. 7 as a PNG, white on black, in the picture's pixels."""
    size = word.image_size or word.size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mask = word.mask(threshold, size=size)
    written = io.BytesIO()
    Image.fromarray((mask.numpy() * 255).astype("uint8"), "L").save(written, "PNG")
    return written.getvalue()
