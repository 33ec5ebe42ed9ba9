"""DAAM 0.2.0's own numbers, computed by DAAM 0.2.0, against ours.

The files are large (a whole tiny pipeline), so they stand beside the project, not in it:
``DAAM_NB_ORACLE`` names their folder (CI sets it).
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.compat import trace

# Of a map's peak: the two pipelines ran on different processors, whose float32 products are rounded
# in different orders. One head's map, alone, differs by 3e-6; the default storage by 200e-6.
OTHER_PROCESSOR = 1e-5

FOLDER = Path(os.environ.get("DAAM_NB_ORACLE", "/nowhere"))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="DAAM_NB_ORACLE names no folder with DAAM 0.2.0's numbers"
)


@pytest.fixture(scope="module", params=["cat4", "corgi10"])
def oracle(request: pytest.FixtureRequest) -> Any:
    from diffusers import StableDiffusionPipeline

    with np.load(FOLDER / f"{request.param}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays["meta"]))
    pipe = StableDiffusionPipeline.from_pretrained(
        FOLDER / "tinysd", safety_checker=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    # Two traces of one call: exact numbers, and those of the default storage.
    with trace(pipe, dtype=torch.float32) as exact, trace(pipe) as stored:
        pipe(
            str(arrays["prompt"]),
            num_inference_steps=meta["steps"],
            guidance_scale=meta["guidance"],
            generator=torch.Generator("cpu").manual_seed(meta["seed"]),
            output_type="latent",
        )
    return arrays, meta, exact, stored


CHOICES: dict[str, dict[str, Any]] = {
    "global": {},
    "global_normalize": {"normalize": True},
    "global_head1": {"head_idx": 1},
    "global_layer12": {"layer_idx": 12},
    "global_layer5_head0": {"layer_idx": 5, "head_idx": 0},
    "global_factor1": {"factors": [1]},
    "global_factors24": {"factors": [2, 4]},
}


def _of_peak(ours: Any, theirs: np.ndarray) -> float:
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("key", CHOICES)
def test_global_maps(oracle: Any, key: str) -> None:
    arrays, _, exact, stored = oracle
    assert (
        _of_peak(exact.compute_global_heat_map(**CHOICES[key]).heat_maps, arrays[key])
        <= OTHER_PROCESSOR
    )
    assert _of_peak(stored.compute_global_heat_map(**CHOICES[key]).heat_maps, arrays[key]) <= 2e-4


def _words(oracle: Any) -> dict[str, tuple[Any, Any]]:
    _, meta, exact, stored = oracle
    ours, half = exact.compute_global_heat_map(), stored.compute_global_heat_map()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that 'a' occurs several times
        return {
            name: (ours.compute_word_heat_map(*choice), half.compute_word_heat_map(*choice))
            for name, choice in meta["words"].items()
        }


def test_word_maps(oracle: Any) -> None:
    arrays, meta, _, _ = oracle
    words = _words(oracle)
    assert set(words) == set(meta["words"])
    for name, (exact, stored) in words.items():
        assert _of_peak(exact.heatmap, arrays[f"word_{name}"]) <= OTHER_PROCESSOR
        assert _of_peak(stored.heatmap, arrays[f"word_{name}"]) <= 2e-4


def test_expand_and_threshold(oracle: Any) -> None:
    arrays, meta, _, _ = oracle
    first, _ = _words(oracle)[next(iter(meta["words"]))]
    image = Image.fromarray(arrays["image_uint8"])
    expanded = first.expand_as(image).numpy()
    assert np.abs(expanded - arrays["expand"]).max() <= 5e-4
    mask = first.expand_as(image, threshold=0.4).numpy().astype(bool)
    differ = mask != arrays["expand_thr0.4"]
    assert np.abs(expanded[differ] - 0.4).max(initial=0) <= 5e-4


def test_intersection_over_area(oracle: Any) -> None:
    arrays, meta, _, _ = oracle
    words = _words(oracle)
    names = list(meta["words"])
    first, second = words[names[0]][0], words[names[-1]][0]
    assert abs(first.compute_ioa(second) - float(arrays["ioa_raw_first_last"])) <= 1e-6
    image = Image.fromarray(arrays["image_uint8"])
    masks = [word.expand_as(image, threshold=0.4) for word in (first, second)]
    share = float((masks[0] * masks[1]).sum() / masks[0].sum())
    assert abs(share - float(arrays["ioa_thr0.4"])) <= 1e-6


def test_the_layers_and_their_order(oracle: Any) -> None:
    arrays, _, exact, _ = oracle
    assert exact.layer_names == [str(name) for name in arrays["hooked_modules"]]
