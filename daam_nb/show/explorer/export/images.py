"""The image and the forming images, as the browser gets them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.recording import Recording
from daam_nb.show.explorer.model.container import Part
from daam_nb.show.pixels import rgb

LONGEST_SIDE = 1024
PNG_BYTES = 2**18  # larger images travel as JPEG
STRIP_SIDE = 96  # of one thumbnail
_OF_LATENTS = "daam_nb latents"  # whose a forming image is, as tracing writes it
STRIP_PIXELS = 2**20  # of all of them


@dataclass(frozen=True)
class Images:
    """The images that a page is sent.

    Attributes
    ----------
    parts
        Of a container: ``"image"`` and ``"strip"``, each where there is one.
    strip
        Of the strip: count; size (height, width) of one thumbnail; columns per row; places among
        the steps kept. None without a strip.
    changed
        What was changed of the image, a sentence; empty where it is sent pixel by pixel.
    forming
        The forming images as they were given, one per step kept; empty without.
    """

    parts: tuple[Part, ...]
    strip: dict[str, object] | None
    changed: str
    forming: tuple[Image.Image, ...] = ()


def images_of(run: Recording, forming: Sequence[Image.Image] | None) -> Images:
    """Encode the image and the forming images for a page.

    Parameters
    ----------
    run
        The recording.
    forming
        What `forming_images(run, pipe)` gives: one per frame, ``num_steps + 1`` of them, the
        last one being the result; or one per step kept. None: there is no strip.

    Raises
    ------
    ShapeError
        Where there are neither as many images as frames nor as steps kept.
    """
    image, image_type, changed = served_image(run)
    strip, strip_facts = strip_of(run, forming)
    parts: list[Part] = [({"name": "image", "type": image_type}, image)]
    parts.append(({"name": "strip", "type": "image/png"}, strip))
    kept = () if forming is None else tuple(_of_steps(run, forming))
    return Images(tuple(part for part in parts if part[1]), strip_facts, changed, kept)


def served_image(run: Recording) -> tuple[bytes, str, str]:
    """Encode the image for the browser.

    Returns
    -------
    bytes
        Empty where the recording holds no image.
    str
        ``"image/png"`` or ``"image/jpeg"``.
    str
        What was changed for it, a sentence; empty where it is the image pixel by pixel.
    """
    image = run.image
    if image is None:
        return b"", "image/png", ""
    shown, changed = Image.fromarray(rgb(image)), []
    if max(image.size) > LONGEST_SIDE:
        factor = LONGEST_SIDE / max(image.size)
        pil_size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        shown = shown.resize(pil_size, Image.Resampling.LANCZOS)
        changed.append(f"at {shown.height} × {shown.width} of {image.height} × {image.width}")
    written, kind = _encoded(shown, "PNG"), "image/png"
    if len(written) > PNG_BYTES:
        written, kind = _encoded(shown, "JPEG"), "image/jpeg"
        changed.append("as JPEG")
    return written, kind, f"The image is sent {' and '.join(changed)}." if changed else ""


def strip_of(
    run: Recording, images: Sequence[Image.Image] | None
) -> tuple[bytes, dict[str, object] | None]:
    """Put the forming images of the steps kept side by side in one image.

    Parameters
    ----------
    run
        The recording.
    images
        What `forming_images(run, pipe)` gives: one per frame, ``num_steps + 1`` of them, the
        last one being the result; or one per step kept. None: there is no strip.

    Returns
    -------
    bytes
        PNG or JPEG of all thumbnails, row by row; empty without images.
    dict
        count; size (height, width) of one; columns per row; places among the steps kept. None
        without images.

    Raises
    ------
    ShapeError
        Where there are neither as many images as frames nor as steps kept.
    """
    if images is None:
        return b"", None
    chosen = _of_steps(run, images)
    height, width = _thumbnail(run.facts.image_size, len(chosen))
    columns = math.ceil(math.sqrt(len(chosen) * height / width))
    rows = math.ceil(len(chosen) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for place, image in enumerate(chosen):
        small = Image.fromarray(rgb(image, (height, width)))
        sheet.paste(small, (place % columns * width, place // columns * height))
    written = _encoded(sheet, "PNG")
    if len(written) > PNG_BYTES // 2:
        written = _encoded(sheet, "JPEG")
    facts: dict[str, object] = {
        "count": len(chosen),
        "size": [height, width],
        "columns": columns,
        "places": list(range(len(chosen))),
    }
    return written, facts


def _of_steps(run: Recording, images: Sequence[Image.Image]) -> list[Image.Image]:
    unread: Any = images
    if not isinstance(unread, Iterable) or isinstance(unread, str | bytes):
        raise WrongKindError(
            f"images= is what forming_images(run, pipe) gives, a list of PIL images, not "
            f"{kind_of(images)}."
        )
    images = list(images)
    odd = [image for image in images if not isinstance(image, Image.Image)]
    if odd:
        raise SelectionError(f"images are PIL images, not {type(odd[0]).__name__}.")
    own = run.facts.digests.get("latents", "")
    others = [p for p in images if own and p.info.get(_OF_LATENTS, "") not in ("", own)]
    if others:
        raise SelectionError(
            "images= are the forming images of another recording: they were decoded from other "
            "latents. Give those of this one: images=forming_images(run, pipe)."
        )
    if len(images) == run.facts.num_steps + 1:
        return [images[step] for step in run.steps]
    if len(images) == len(run.steps):
        return images
    raise ShapeError(
        f"There are {len(images)} images; with {run.facts.num_steps} steps, "
        f"{len(run.steps)} of them kept, give {run.facts.num_steps + 1} (all that "
        f"forming_images(run, pipe) gives) or {len(run.steps)} (one per step kept)."
    )


def _thumbnail(size: tuple[int, int], count: int) -> tuple[int, int]:
    """(height, width) of one: its longer side at most 96, and all together about a megapixel."""
    longest = min(STRIP_SIDE, max(size), max(16, int(math.sqrt(STRIP_PIXELS / count))))
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _encoded(image: Image.Image, kind: str) -> bytes:
    written = io.BytesIO()
    options = {"quality": 90} if kind == "JPEG" else {}
    image.save(written, kind, **options)
    return written.getvalue()
