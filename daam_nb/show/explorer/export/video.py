"""Frames as a WebM video, which browsers, slides and messengers play: VP9, by PyAV."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from daam_nb.errors import MissingExtraError

QUALITY = {"crf": "18", "b": "0", "cpu-used": "4"}  # of libvpx: constant quality, whatever its size


def check_encoder() -> None:
    """Raise a `MissingExtraError` where there is nothing that writes videos."""
    if not has_encoder():
        raise MissingExtraError("av", "video", "A video of the steps")


def has_encoder() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def webm(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes:
    """Write frames of one size as a video.

    Parameters
    ----------
    frames
        RGB. Colors are halved in resolution, as in nearly all videos; an odd side loses its last
        row or column of pixels.
    durations
        Milliseconds of each.

    Returns
    -------
    bytes
        WebM, VP9. The last frame is there twice, so that players keep it for its time.

    Raises
    ------
    MissingExtraError
        Where PyAV is not installed.
    """
    check_encoder()
    import av

    width, height = (side - side % 2 for side in frames[0].size)
    written = io.BytesIO()
    with av.open(written, "w", format="webm") as video:
        stream = video.add_stream("libvpx-vp9", rate=1000, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        at = 0
        for image, duration in zip([*frames, frames[-1]], [*durations, 0], strict=True):
            pixels = np.asarray(image.convert("RGB"))[:height, :width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            # Milliseconds, the last one of the last frame's own.
            frame.pts = at if duration else at - 1
            for packet in stream.encode(frame):
                video.mux(packet)
            at += duration
        for packet in stream.encode(None):
            video.mux(packet)
    return written.getvalue()
