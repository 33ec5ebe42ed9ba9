"""The steps of a selection as moving images: the forming image, the map over it, or both."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from PIL import Image, ImageDraw, ImageFont

from daam_nb.errors import RecordingExistsError, SelectionError
from daam_nb.kinds import check_choice, check_flag, check_path, number_between
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.export.video import check_encoder, webm
from daam_nb.show.explorer.model.selection import Selected
from daam_nb.show.pixels import drawn_size, overlay_image, rgb
from daam_nb.storage import write_file

Moving = Literal["overlay", "image", "side_by_side"]
Progress = Callable[[int, int], None]
SUFFIXES = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG", ".webm": "", ".zip": ""}
VIDEOS = (".mp4", ".mov", ".mkv", ".avi")
LONGEST = 512  # pixels of each image's longer side, at most
BAND = 22  # pixels below, for the step
REST = 5  # durations for which the last frame stays


def write_animation(
    look: Look,
    path: str | Path,
    *,
    what: Moving,
    frames: int | None,
    duration: int | None,
    progress: Progress | None,
    overwrite: bool,
) -> Path:
    """Draw the steps and write them; see `Explorer.to_animation`."""
    file = _checked_path(path, overwrite=overwrite)
    check_choice(what, "what", get_args(Moving))
    duration = look["interval"] if duration is None else duration
    duration = number_between(duration, "duration", low=20, high=10_000)
    places = _places(look, frames, look.selected)
    _check_images(look, what)
    drawn = []
    for number, image in enumerate(_frames(look, what, places, look.selected), 1):
        drawn.append(image)
        if progress is not None:
            progress(number, len(places))
    write_file(file, encoded(drawn, file.suffix.lower(), places, duration))
    return file


def film_of(look: Look, what: str, selected: Selected) -> tuple[list[int], Iterator[Image.Image]]:
    """The frames of all steps of a selection, drawn one by one as they are taken.

    Returns
    -------
    list of int
        Places of the steps, among those kept.
    iterator of Image
        Their frames.

    Raises
    ------
    SelectionError
        As `Explorer.to_animation`.
    """
    check_choice(what, "what", get_args(Moving))
    places = _places(look, None, selected)
    _check_images(look, what)
    return places, _frames(look, what, places, selected)


def in_256_colors(image: Image.Image) -> Image.Image:
    """A frame as a GIF holds it."""
    return image.quantize(256, Image.Quantize.MEDIANCUT)


def _checked_path(path: str | Path, *, overwrite: bool) -> Path:
    check_flag(overwrite, "overwrite")
    file = check_path(path, "The place of an animation")
    suffix = file.suffix.lower()
    if suffix in VIDEOS:
        raise SelectionError(
            f"{file.name}: of videos, .webm is written here. For another, write that and convert "
            f"it: ffmpeg -i {file.stem}.webm {file.name}; or use one of {', '.join(SUFFIXES)}."
        )
    if suffix not in SUFFIXES:
        raise SelectionError(
            f"An animation cannot be written as {file.name!r}. Use .gif, .webp, .apng, .webm, or "
            ".zip for its frames as PNGs."
        )
    if suffix == ".webm":
        check_encoder()
    if file.exists() and not overwrite:
        raise RecordingExistsError(
            f"{file} exists. Choose another path, or overwrite=True to replace it."
        )
    return file


def _places(look: Look, frames: int | None, chosen: Selected) -> list[int]:
    """Places of the chosen steps, at most so many, evenly, with the first and the last."""
    first, end = chosen.steps
    if look.subject.step_count == 1:
        raise SelectionError(
            "There is one step alone, so nothing would move: this recording holds the sum over its "
            "steps, or one. Record with keep='steps' for each step alone."
        )
    count = end - first
    if frames is None:
        return list(range(first, end))
    frames = min(number_between(frames, "frames", low=1), count)
    if frames == 1:
        return [end - 1]
    return [first + round(i * (count - 1) / (frames - 1)) for i in range(frames)]


def _check_images(look: Look, what: str) -> None:
    if what != "overlay" and not look.forming:
        raise SelectionError(
            f"what={what!r} shows the forming image, and the images of the steps were not given: "
            "explore(run, images=forming_images(run, pipe)). what='overlay' shows the maps over "
            "the final image."
        )
    if look.subject.run.image is None and not look.forming:
        raise SelectionError("This recording holds no image to lay the maps over.")


def _frames(look: Look, what: str, places: list[int], chosen: Selected) -> Iterator[Image.Image]:
    subject, final = look.subject, look.subject.run.image
    for place in places:
        below = look.forming[place] if look.forming else final
        assert below is not None  # checked by `_check_images`
        size = drawn_size((below.height, below.width), most=LONGEST)
        parts = []
        if what != "overlay":
            parts.append(Image.fromarray(rgb(below, size)))
        if what != "image":
            selected = replace(chosen, steps=(place, place + 1))
            parts.append(
                overlay_image(
                    below,
                    look.engine.exact(selected),
                    opacity=look["opacity"],
                    threshold=look["threshold"] if look["contour"] else None,
                    colormap=look["colormap"],
                    size=size,
                )
            )
        step, total = subject.run.steps[place], subject.run.facts.num_steps
        yield _with_step(parts, f"step {step} of {total}")


def _with_step(parts: list[Image.Image], text: str) -> Image.Image:
    width, height = sum(part.width for part in parts), parts[0].height
    frame = Image.new("RGB", (width, height + BAND), "black")
    left = 0
    for part in parts:
        frame.paste(part, (left, 0))
        left += part.width
    draw = ImageDraw.Draw(frame)
    draw.text((6, height + BAND // 2), text, "white", ImageFont.load_default(14), anchor="lm")
    return frame


def encoded(drawn: list[Image.Image], suffix: str, places: list[int], duration: int) -> bytes:
    """Frames as a file of a suffix; `duration` in milliseconds."""
    written = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
            for place, image in zip(places, drawn, strict=True):
                png = io.BytesIO()
                image.save(png, "PNG")
                archive.writestr(zipfile.ZipInfo(f"step-{place:04}.png"), png.getvalue())
        return written.getvalue()
    durations = [duration] * (len(drawn) - 1) + [REST * duration]
    if suffix == ".webm":
        return webm(drawn, durations)
    if suffix == ".gif":
        drawn = [image if image.mode == "P" else in_256_colors(image) for image in drawn]
    drawn[0].save(
        written,
        SUFFIXES[suffix],
        save_all=True,
        append_images=drawn[1:],
        duration=durations,
        loop=0,
    )
    return written.getvalue()
