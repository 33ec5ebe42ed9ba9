"""Recordings that an earlier version wrote open, and their maps are what that version made of them.

The folders under `golden/` are never made anew: each holds the recordings of one format, with
`maps.npz`, the maps of every token that the version which wrote them computed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from daam_nb import explore, heat_maps, load

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(path.parent for path in GOLDEN.glob("*/*/recording.json"))
CASES = [
    (npz.parent, key) for npz in sorted(GOLDEN.glob("*/maps.npz")) for key in np.load(npz).files
]


def _name(value: object) -> str:
    return str(value.relative_to(GOLDEN)) if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("version", "key"), CASES, ids=_name)
def test_the_maps_are_those_of_the_version_that_wrote_it(version: Path, key: str) -> None:
    name, layers, side = key.split("/")
    with np.load(version / "maps.npz") as before:
        expected = torch.from_numpy(before[key])
    maps = heat_maps(load(version / name), layers=layers, negative=side == "negative")
    # One rounding of float32: another processor adds up in another order.
    torch.testing.assert_close(maps.values, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_an_old_recording_is_saved_again_without_loss(folder: Path, tmp_path: Path) -> None:
    run = load(folder)
    again = load(run.save(tmp_path / "again"))
    assert (again.prompt, again.layers, again.facts) == (run.prompt, run.layers, run.facts)
    assert again.manifest == run.manifest
    for name, values in run.attention.items():
        assert torch.equal(again.attention[name], values)
    for name, values in run.negative_attention.items():
        assert torch.equal(again.negative_attention[name], values)
    assert again.steps == run.steps and again.timesteps == run.timesteps
    assert again.columns == run.columns and again.negative_columns == run.negative_columns


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_an_old_recording_is_explored(folder: Path, tmp_path: Path) -> None:
    explorer = explore(load(folder), parser=False)
    try:
        assert explorer.to_html(tmp_path / "page.html").stat().st_size > 10_000
    finally:
        explorer.close()


def test_there_are_golden_recordings() -> None:
    assert len(FOLDERS) >= 12 and len(CASES) >= 24
