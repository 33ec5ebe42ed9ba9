"""The forming image is what the pipeline itself would have decoded."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError, ShapeError
from daam_nb.recording import Recording
from daam_nb.tracing import forming, forming_images, generate
from daam_nb.tracing.forming import decoded_images
from daam_nb.tracing.models.adapter import unscaled
from tests import joint_pipelines, pipelines


@pytest.fixture(scope="module", params=[pipelines.sd1, pipelines.sdxl])
def made(request: pytest.FixtureRequest) -> tuple[Any, Recording]:
    pipe = request.param()
    run = generate(pipe, "a cat", seed=1, num_inference_steps=3, height=32, width=48)
    assert isinstance(run, Recording)
    return pipe, run


def test_the_last_frame_is_the_image(made: tuple[Any, Recording]) -> None:
    pipe, run = made
    frames = forming_images(run, pipe)
    assert len(frames) == 4
    assert all(frame.size == (48, 32) for frame in frames)
    assert np.array_equal(np.asarray(frames[-1]), np.asarray(run.image))
    assert not np.array_equal(np.asarray(frames[0]), np.asarray(frames[-1]))


def test_a_frame_on_the_way_is_what_a_callback_would_decode(made: tuple[Any, Recording]) -> None:
    pipe, run = made
    seen = {}

    def keep(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen[step] = tensors["latents"].clone()
        return tensors

    pipe(
        "a cat", num_inference_steps=3, height=32, width=48, callback_on_step_end=keep,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    with torch.no_grad():
        decoded = pipe.vae.decode(seen[0] / pipe.vae.config.scaling_factor).sample
    expected = pipe.image_processor.postprocess(decoded)[0]
    (frame,) = forming_images(run, pipe, steps=1)
    assert np.array_equal(np.asarray(frame), np.asarray(expected))


def test_choices(made: tuple[Any, Recording]) -> None:
    pipe, run = made
    everything = [np.asarray(frame) for frame in forming_images(run, pipe)]
    for steps, expected in ((slice(1, 3), [1, 2]), ([-1, 0], [3, 0]), (range(2), [0, 1])):
        frames = forming_images(run, pipe, steps)
        assert len(frames) == len(expected)
        for frame, place in zip(frames, expected, strict=True):
            assert np.array_equal(np.asarray(frame), everything[place])
    with pytest.raises(SelectionError, match=r"Frames \[4\] are outside this recording's 4"):
        forming_images(run, pipe, 4)
    with pytest.raises(SelectionError, match="none of the 4 frames"):
        forming_images(run, pipe, slice(2, 2))
    for bools in (True, [True, False], slice(True, None), torch.tensor([True]), np.array([True])):
        with pytest.raises(SelectionError, match="whole number"):
            forming_images(run, pipe, bools)  # type: ignore[arg-type]


def test_what_cannot_be_decoded(made: tuple[Any, Recording]) -> None:
    pipe, run = made
    with pytest.raises(NotKeptError, match="no latents"):
        forming_images(dataclasses.replace(run, latents=None), pipe)
    assert run.latents is not None
    wide = torch.cat([run.latents, run.latents], dim=1)
    with pytest.raises(
        ShapeError, match="takes 4 latent channels, but this recording's latents have 8"
    ):
        forming_images(dataclasses.replace(run, latents=wide), pipe)


def test_a_vae_that_does_not_say_its_channels_decodes() -> None:
    """As that of Qwen-Image, whose config calls them otherwise."""
    pipe = pipelines.sd1()
    latents = torch.zeros(1, 4, 2, 3)
    expected = decoded_images(pipe, latents)[0]
    config = SimpleNamespace(scaling_factor=pipe.vae.config.scaling_factor)
    vae = SimpleNamespace(
        config=config, dtype=pipe.vae.dtype, device=pipe.vae.device, decode=pipe.vae.decode
    )
    silent = SimpleNamespace(vae=vae, image_processor=pipe.image_processor)
    assert decoded_images(silent, latents)[0].tobytes() == expected.tobytes()


def doubled(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """A callback that decodes for a preview, and changes the latents behind every step."""
    with torch.no_grad():
        _pipe.vae.decode(tensors["latents"])
    return {"latents": tensors["latents"].roll(1, -1) * 1.25}


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sdxl, joint_pipelines.sd3])
def test_latents_changed_behind_the_last_step_are_those_that_are_decoded(build: Any) -> None:
    pipe = build()
    call = {"seed": 1, "num_inference_steps": 2, "callback_on_step_end": doubled}
    run = generate(pipe, "a cat", **call)
    frames = forming_images(run, pipe)
    assert np.array_equal(np.asarray(frames[-1]), np.asarray(run.image))
    changed = generate(pipe, "a cat", output_type="latent", **call)
    assert run.latents is not None and changed.latents is not None
    assert torch.allclose(run.latents, changed.latents, rtol=1e-5, atol=1e-6)
    plain = generate(pipe, "a cat", seed=1, num_inference_steps=2)
    assert plain.latents is not None
    assert not torch.allclose(plain.latents[-1], run.latents[-1], atol=0.1)


def test_what_an_inpainting_pastes_behind_the_last_step_is_in_the_last_frame() -> None:
    pipe = pipelines.inpaint()
    options = {"image": pipelines.image(), "mask_image": pipelines.half_mask()}
    run = generate(pipe, "a cat", seed=1, num_inference_steps=3, strength=1.0, **options)
    (last,) = forming_images(run, pipe, -1)
    difference = np.asarray(last, dtype=int) - np.asarray(run.image, dtype=int)
    assert np.abs(difference).max() <= 1


def test_a_result_that_is_not_what_was_decoded_is_worked_back(sd1: Any) -> None:
    frames = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    result = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(1))
    for config in (
        sd1.vae.config,
        SimpleNamespace(scaling_factor=1.5305, shift_factor=0.0609),
        SimpleNamespace(scaling_factor=0.5, latents_mean=[0.1] * 4, latents_std=[1.5, 2, 3, 1]),
    ):
        given = unscaled(result[None], config)[0]
        changed = forming.with_decoded(frames, given, config)
        assert torch.equal(changed[:-1], frames[:-1])
        assert torch.allclose(changed[-1], result, rtol=1e-6, atol=1e-6)
        exact = unscaled(changed[-1:], config)[0] == given
        assert exact.float().mean() > 0.95
        same = unscaled(frames[-1:], config)[0]
        assert forming.with_decoded(frames, same, config) is frames
