"""to_animation: the chosen steps as moving images, whole or not at all."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import MissingExtraError, RecordingExistsError, SelectionError
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording
from daam_nb.show.explorer.export import video
from daam_nb.show.explorer.export.animation import BAND
from daam_nb.show.explorer.export.video import webm
from daam_nb.show.pixels import overlay_image
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording

STEPS = 5


@pytest.fixture
def run() -> Recording:
    return tiny_recording(TEXT, steps=STEPS)


def forming(run: Recording) -> list[Image.Image]:
    height, width = run.facts.image_size
    return [Image.new("RGB", (width, height), (40 * step, 0, 0)) for step in range(STEPS + 1)]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_a_frame_is_a_step(tmp_path: Path, run: Recording, suffix: str) -> None:
    explorer = opened(run, word="fox", steps=slice(1, 5), interval=100)
    told: list[tuple[int, int]] = []
    path = explorer.to_animation(
        tmp_path / f"fox{suffix}", progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with Image.open(path) as image:
        assert image.n_frames == 4
        image.seek(0)
        image.load()
        assert image.info["duration"] == 100


def test_frames_are_the_maps_of_single_steps_over_the_forming_image(
    tmp_path: Path, run: Recording
) -> None:
    images = forming(run)
    explorer = opened(run, word="fox", images=images, threshold=0.5, opacity=0.5)
    path = explorer.to_animation(tmp_path / "fox.zip", what="side_by_side", frames=3)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        frames = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert names == ["step-0000.png", "step-0002.png", "step-0004.png"]
    for step, frame in zip((0, 2, 4), frames, strict=True):
        height, width = frame.shape[0] - BAND, frame.shape[1] // 2
        expected = overlay_image(
            images[step],
            heat_maps(run, steps=step).word("fox"),
            opacity=0.5,
            threshold=0.5,
            size=(height, width),
        )
        assert (frame[:height, :width] == [40 * step, 0, 0]).all()
        assert (frame[:height, width:] == np.asarray(expected)).all()
        assert frame[height:].max() > 200  # the step, in words


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fox.mp4", {}, r"ffmpeg -i fox.webm fox.mp4"),
        ("fox.txt", {}, r"Use .gif, .webp, .apng, .webm, or .zip"),
        ("fox.gif", {"what": "image"}, r"images=forming_images\(run, pipe\)"),
        ("fox.gif", {"what": "film"}, "side_by_side"),
        ("fox.gif", {"frames": 0}, "frames"),
        ("fox.gif", {"duration": 1}, "duration"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    tmp_path: Path, run: Recording, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SelectionError, match=message):
        opened(run).to_animation(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_one_step_does_not_move(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="nothing would move"):
        opened(tiny_recording(TEXT, kept="sum")).to_animation(tmp_path / "fox.gif")


def test_a_file_that_is_there_is_kept(tmp_path: Path, run: Recording) -> None:
    path = tmp_path / "fox.gif"
    path.write_bytes(b"mine")
    explorer = opened(run, word="fox")
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        explorer.to_animation(path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(ZeroDivisionError):
        explorer.to_animation(path, overwrite=True, progress=lambda done, total: 1 // 0)
    assert path.read_bytes() == b"mine"
    explorer.to_animation(path, overwrite=True)
    assert path.read_bytes().startswith(b"GIF89a")


# --- videos ---------------------------------------------------------------------------------------


def test_a_video_shows_the_frames_for_their_time(tmp_path: Path, run: Recording) -> None:
    explorer = opened(run, word="fox", images=forming(run), interval=250, steps=slice(1, 5))
    video_file = explorer.to_animation(tmp_path / "fox.webm", what="side_by_side")
    with zipfile.ZipFile(explorer.to_animation(tmp_path / "fox.zip", what="side_by_side")) as pngs:
        frames = [
            Image.open(io.BytesIO(pngs.read(name))).convert("RGB") for name in pngs.namelist()
        ]
    with av.open(video_file) as opened_video:
        [stream] = opened_video.streams.video
        decoded_frames = opened_video.decode(stream)
        decoded_at = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in decoded_frames]
        assert stream.codec_context.name == "vp9"
    # Four steps of a quarter of a second; the last one stays five times as long.
    assert [time for time, _ in decoded_at] == pytest.approx([0, 0.25, 0.5, 0.75, 1.999], abs=0.002)
    for (_, decoded), frame in zip(decoded_at, [*frames, frames[-1]], strict=True):
        height, width = decoded.shape[:2]
        assert (width, height) == tuple(side - side % 2 for side in frame.size)
        expected = np.asarray(frame)[:height, :width].astype(float)
        assert np.abs(decoded - expected).mean() < 6


def test_odd_sides_lose_a_line() -> None:
    with av.open(io.BytesIO(webm([Image.new("RGB", (65, 33), "red")] * 2, [100, 100]))) as written:
        [frame, *_] = written.decode(video=0)
        assert (frame.width, frame.height) == (64, 32)


def test_without_its_package_a_video_is_refused_and_the_rest_is_not(
    tmp_path: Path, run: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    explorer = opened(run, word="fox")
    assert explorer._facts["films"] == ["gif", "zip"]
    with pytest.raises(MissingExtraError, match=r'pip install "daam_nb\[video\]"'):
        explorer.to_animation(tmp_path / "fox.webm")
    assert not list(tmp_path.iterdir())
    assert explorer.to_animation(tmp_path / "fox.gif").exists()
