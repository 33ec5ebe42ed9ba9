"""What is plainly no value of a call is refused before the pipeline runs, in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import DaamError, SelectionError, WrongKindError
from daam_nb.studies import corpus
from daam_nb.studies.adjectives import adjective_pairs
from daam_nb.tracing import generate
from daam_nb.tracing.call_values import check_values
from tests import joint_pipelines, pipelines
from tests.studies.toy import ToyJudge

CALL: dict[str, Any] = {"num_inference_steps": 1, "height": 64, "width": 64}
NOT_COUNTS = ["a", "64", 0, -8, 1.5, 64.0, True, np.True_, torch.tensor(True), [64], float("nan")]
NOT_NUMBERS = ["a", "4", True, np.True_, float("nan"), float("inf"), {}]
WRONG: dict[str, list[Any]] = {
    "height": [*NOT_COUNTS],
    "width": [*NOT_COUNTS],
    "num_inference_steps": [*NOT_COUNTS, None],
    "num_images_per_prompt": [*NOT_COUNTS, None],
    "guidance_scale": [*NOT_NUMBERS, [1.0], None],
    "guidance_rescale": [*NOT_NUMBERS, [1.0], None],
    "eta": [*NOT_NUMBERS, None],
    "clip_skip": ["a", True, 1.5],
    "denoising_end": ["a", True, float("nan")],
    "negative_prompt": [3, b"a", {}, [3], ["a", None]],
    "negative_prompt_2": [3, {}],
    "prompt_2": [3, [b"a"]],
    "timesteps": ["a", [True], [float("nan")]],
    "sigmas": ["a", ["a"]],
    "original_size": ["a", 64, (64,), (64, 64, 64), (64, 1.5), (True, 64)],
    "cross_attention_kwargs": ["a", [1]],
    "callback_on_step_end": ["a", 3],
    "callback_on_step_end_tensor_inputs": [3, [3]],
    "latents": ["a", np.zeros((1, 4, 8, 8), dtype=np.float32)],
    "output_type": [3],
    "return_dict": ["no", 1],
}
WRONG_JOINT: dict[str, list[Any]] = {
    "max_sequence_length": [*NOT_COUNTS, None],
    "mu": ["a", True],
    "joint_attention_kwargs": ["a"],
    "prompt_3": [3],
    "skip_layer_guidance_scale": ["a", True],
}


@pytest.fixture(scope="module")
def sdxl() -> Any:
    pipe = pipelines.sdxl()
    pipe.unet.register_forward_pre_hook(lambda *_: pytest.fail("the pipeline ran"))
    pipe.text_encoder.register_forward_pre_hook(lambda *_: pytest.fail("the pipeline ran"))
    return pipe


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_another_kind_is_refused(sdxl: Any, name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises((SelectionError, WrongKindError)) as caught:
            generate(sdxl, "a cat", seed=0, **{**CALL, name: value})
        assert str(caught.value).startswith(name), value


@pytest.mark.parametrize("name", WRONG_JOINT)
def test_a_value_of_another_kind_is_refused_of_transformers(name: str) -> None:
    pipe = joint_pipelines.sd3()
    for value in WRONG_JOINT[name]:
        with pytest.raises(DaamError) as caught:
            generate(pipe, "a cat", seed=0, **{**CALL, name: value})
        assert str(caught.value).startswith(name), value


def test_the_way_out_is_said(sdxl: Any) -> None:
    for options, text in (
        ({"guidance_scale": "a"}, "guidance_scale='a': it must be a finite number, such as 1.5."),
        ({"guidance_scale": None}, "Leave it out for this pipeline's default, 5.0."),
        ({"height": -8}, "height=-8: it must be a whole number >= 1."),
        ({"negative_prompt": 3}, "negative_prompt= must be a text, not 3 (int)."),
        ({"original_size": 64}, "original_size=64: it must be two whole numbers, (height, width)."),
        ({"latents": "a"}, "latents= must be a tensor, not 'a' (str)."),
    ):
        with pytest.raises(DaamError) as caught:
            generate(sdxl, "a cat", seed=0, **options)
        assert text in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"height": np.int64(64), "guidance_scale": np.float32(2.0), "eta": torch.tensor(0.5)},
        {"height": None, "width": None, "negative_prompt": None, "clip_skip": None},
        {"negative_prompt": ["a", "b"], "original_size": (64, 64), "crops_coords_top_left": [0, 0]},
        {"timesteps": [9, 5], "num_inference_steps": None},
        {"sigmas": torch.tensor([1.0, 0.5]), "num_inference_steps": None},
        {"control_guidance_end": [0.5, 1.0], "controlnet_conditioning_scale": 1},
        {"callback_on_step_end": print, "callback_on_step_end_tensor_inputs": ["latents"]},
        {"output_type": "latent", "return_dict": False, "cross_attention_kwargs": {"scale": 1}},
        {"image": object(), "of a pipeline of one's own": object()},
    ],
    ids=" ".join,
)
def test_what_pipelines_take_is_let_through(sdxl: Any, options: dict[str, Any]) -> None:
    check_values(sdxl, options)


def test_a_corpus_refuses_before_its_folder_is_made(sdxl: Any, tmp_path: Path) -> None:
    into = tmp_path / "corpus"
    for options in ({"guidance_scale": "a"}, {"height": 0}, {"eta": None}, {"negative_prompt": 3}):
        with pytest.raises(DaamError, match=next(iter(options))):
            corpus.generate(sdxl, ["a cat"], [0], into=into, **options)  # type: ignore[arg-type]
        with pytest.raises(DaamError, match=next(iter(options))):
            adjective_pairs(sdxl, ["a red cat"], [0], judge=ToyJudge(), **options)  # type: ignore[arg-type]
        assert not into.exists()


@pytest.mark.parametrize("build", [pipelines.sdxl, joint_pipelines.sd3])
def test_layers_that_a_text_encoder_does_not_have(build: Any) -> None:
    """As many as can be left out are; one more is refused before any work."""
    pipe = build()
    assert len(generate(pipe, "a dog", seed=0, clip_skip=1, **CALL).steps) == 1
    for wrong in (2, 50, -1):
        with pytest.raises(SelectionError, match=rf"clip_skip={wrong}.*0 to 1\b"):
            generate(pipe, "a dog", seed=0, clip_skip=wrong, **CALL)


def test_one_text_encoder_that_is_not_read_by_its_layers() -> None:
    pipe = pipelines.sd1()
    if hasattr(pipe.text_encoder, "text_model"):
        assert generate(pipe, "a dog", seed=0, clip_skip=2, **CALL).steps == (0,)
        match = "0 to 2"
    else:
        match = "has none.*Leave out clip_skip="
    with pytest.raises(SelectionError, match=match):
        generate(pipe, "a dog", seed=0, clip_skip=3, **CALL)


def test_images_larger_than_the_positions_of_the_model() -> None:
    pipe = joint_pipelines.sd3()
    limit = 32 * 2 * pipe.vae_scale_factor
    for name in ("height", "width"):
        match = rf"{name}={limit + 16}.*at most {limit} x {limit}"
        with pytest.raises(SelectionError, match=match):
            generate(pipe, "a dog", seed=0, **{**CALL, name: limit + 16})
    check_values(pipe, {"height": limit, "width": limit})
    check_values(joint_pipelines.flux(), {"height": 4096, "width": 4096})
