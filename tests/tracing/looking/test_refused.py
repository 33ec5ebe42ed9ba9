"""What cannot be looked at exactly is refused before anything is encoded, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image

from daam_nb.errors import (
    DaamError,
    FileAccessError,
    InterventionError,
    MemoryBudgetError,
    SelectionError,
    ShapeError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WatchError,
    WrongKindError,
)
from daam_nb.tracing import ablate, look, trace
from tests import joint_pipelines, pipelines
from tests.tracing.looking.by_hand import PROMPT
from tests.tracing.traces import assert_nothing_left, snapshot

IMAGE = pipelines.image()
PIXELS = np.asarray(IMAGE)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whatever is refused here is refused before the VAE is asked."""
    if "runs" in request.fixturenames:
        return

    def encode(*_: Any, **__: Any) -> None:
        raise AssertionError("the image was encoded")

    monkeypatch.setattr("diffusers.AutoencoderKL.encode", encode)


@pytest.fixture
def runs() -> None:
    """This test is about what is refused later."""


def refused(error: type[DaamError], *args: Any, **options: Any) -> str:
    with pytest.raises(error) as caught:
        look(*args, **options)
    return str(caught.value)


# --- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "error", "said"),
    [
        (None, WrongKindError, "a PIL image, the path of a file, or an array"),
        ([PIXELS], WrongKindError, "not a list of 1"),
        (b"bytes", WrongKindError, "not b'bytes'"),
        ("/nowhere/at/all.png", FileAccessError, "/nowhere/at/all.png cannot be read (No such"),
        ("", SelectionError, "not an empty text"),
        (PIXELS / 255.0, WrongKindError, "must be uint8, 0 to 255, not float64"),
        (PIXELS.astype(np.uint16), WrongKindError, "not uint16"),
        (PIXELS > 8, WrongKindError, "not bool"),
        (torch.from_numpy(PIXELS.copy()).float(), WrongKindError, "not float32"),
        (np.moveaxis(PIXELS, -1, 0), ShapeError, "np.moveaxis(array, 0, -1)"),
        (PIXELS[None], ShapeError, "(y, x, 3) or (y, x, 4), not (1, 64, 96, 3)"),
        (PIXELS[..., :2], ShapeError, "not (64, 96, 2)"),
        (np.zeros((0, 8, 3), np.uint8), ShapeError, "not (0, 8, 3)"),
        (IMAGE.convert("CMYK"), WrongKindError, "mode 'CMYK', no RGB"),
        (Image.new("I;16", (96, 64)), WrongKindError, "more than 8 bits"),
        (Image.new("F", (96, 64)), WrongKindError, "more than 8 bits"),
        (Image.new("RGBA", (96, 64), (9, 9, 9, 254)), WrongKindError, "alpha down to 254"),
        (np.zeros((64, 96, 4), np.uint8), WrongKindError, "Image.alpha_composite"),
        (pipelines.image((60, 96)), ShapeError, "is 60 x 96 pixels (height x width), but both"),
        (
            pipelines.image((64, 100)),
            ShapeError,
            "multiples of 8 for this model. Resize it: resize=(64, 96)",
        ),
        (Image.new("L", (8 * 2**14, 8 * 2**7)), ShapeError, "at most 67108864"),
    ],
)
def test_images(plain: Any, image: Any, error: type[DaamError], said: str) -> None:
    assert said in refused(error, plain, image, PROMPT)


def test_files_that_hold_no_image(plain: Any, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    assert "holds no image" in refused(FileAccessError, plain, tmp_path / "text.png", PROMPT)
    IMAGE.save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:500])
    assert "cannot be read" in refused(FileAccessError, plain, tmp_path / "cut.png", PROMPT)
    assert "cannot be read" in refused(FileAccessError, plain, tmp_path, PROMPT)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("image", "pixels"),
    [
        (IMAGE.convert("L"), np.asarray(IMAGE.convert("L").convert("RGB"))),
        (PIXELS[..., 0], np.repeat(PIXELS[..., :1], 3, -1)),
        (PIXELS[..., :1], np.repeat(PIXELS[..., :1], 3, -1)),
        (IMAGE.convert("1"), np.asarray(IMAGE.convert("1").convert("RGB"))),
        (IMAGE.convert("P"), np.asarray(IMAGE.convert("P").convert("RGB"))),
        (IMAGE.convert("RGBA"), PIXELS),
        (np.dstack([PIXELS, np.full((64, 96), 255, np.uint8)]), PIXELS),
        (PIXELS[:, ::-1], PIXELS[:, ::-1]),
        (torch.from_numpy(PIXELS.copy()), PIXELS),
    ],
)
def test_images_of_which_nothing_is_lost_are_taken(plain: Any, image: Any, pixels: Any) -> None:
    run = look(plain, image, PROMPT, t=500)
    assert np.array_equal(np.asarray(run.image), pixels)


@pytest.mark.usefixtures("runs")
def test_a_photograph_is_turned_upright(plain: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    IMAGE.save(tmp_path / "lying.png", exif=exif)
    run = look(plain, tmp_path / "lying.png", PROMPT, t=500)
    assert np.array_equal(np.asarray(run.image), np.rot90(PIXELS, -1))
    assert run.facts.batch["look_file"] == "lying.png"


@pytest.mark.parametrize("resize", [1, "64", (64,), (64, 96, 3), (0, 96), (64.0, 96), None])
def test_sizes_that_are_none(plain: Any, resize: Any) -> None:
    with pytest.raises(DaamError, match="resize"):
        look(plain, IMAGE, PROMPT, resize=resize)


@pytest.mark.parametrize("resize", [64, "64", (64,), None])
def test_the_sizes_that_can_be_are_named(plain: Any, resize: Any) -> None:
    with pytest.raises(SelectionError, match=r"it must be \(height, width\) in pixels, True"):
        look(plain, IMAGE, PROMPT, resize=resize)
    assert "multiples of 8" in refused(ShapeError, plain, IMAGE, PROMPT, resize=(60, 96))


def test_patches_ask_for_larger_multiples() -> None:
    for pipe in (joint_pipelines.sd3(), joint_pipelines.flux()):
        said = refused(ShapeError, pipe, pipelines.image((72, 96)), PROMPT)
        assert "multiples of 16" in said


# --- kinds and orders ---------------------------------------------------------------------------


def test_the_order_is_pipeline_image_text(plain: Any) -> None:
    for wrong in (
        (IMAGE, plain, PROMPT),
        (plain, PROMPT, IMAGE),
        (plain, IMAGE, [PROMPT]),
        (plain, IMAGE, None),
    ):
        assert "look(pipe, image, prompt) takes" in refused(WrongKindError, *wrong)
    refused(UnsupportedPipelineError, IMAGE, PROMPT, PROMPT)


@pytest.mark.usefixtures("runs")
def test_a_recording_is_no_image(plain: Any) -> None:
    run = look(plain, IMAGE, PROMPT, t=500)
    assert "run.image" in refused(WrongKindError, plain, run, PROMPT)


# --- timesteps, seeds, options ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (1000, "t contains 1000, but this model's timesteps go from 0 (the image) to 999"),
        (-1, "t contains -1"),
        (-0.5, "t contains -0.5"),
        (500.5, "must be whole numbers"),
        ([500, 0.5], "contains the timestep 500 more than once"),
        ([], "contains no timestep"),
        (True, "t contains True"),
        (float("nan"), "t contains nan"),
        ("500", "t='500'"),
        (slice(0, 3), "t=slice(0, 3"),
        ({500: 1}, "timesteps must be ints"),
        ([[500]], "t contains a list"),
        (torch.tensor([True]), "t contains"),
    ],
)
def test_timesteps_that_are_none(plain: Any, t: Any, said: str) -> None:
    assert said in refused(SelectionError, plain, IMAGE, PROMPT, t=t)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seed": -1}, SelectionError, "seed=-1"),
        ({"seed": None}, SelectionError, "seed=None"),
        ({"seed": [1, 2]}, SelectionError, "seed="),
        ({"seed": True}, SelectionError, "seed=True"),
        ({"inversion": 1}, WrongKindError, "inversion= must be True or False"),
        ({"inversion": True, "seed": 3}, SelectionError, "an inversion draws no noise"),
        ({"layer": "mid"}, UnknownOptionError, "layers"),
        ({"timestep": 3}, UnknownOptionError, "look() takes no argument 'timestep'"),
        ({"timesteps": [3]}, UnknownOptionError, "give t="),
        ({"num_inference_steps": 3}, UnknownOptionError, "give t="),
        ({"strength": 0.3}, UnknownOptionError, "strength"),
        ({"height": 64}, UnknownOptionError, "the size is the image's"),
        ({"latents": torch.zeros(1)}, UnknownOptionError, "latents"),
        ({"generator": torch.Generator()}, UnknownOptionError, "give seed="),
        ({"output_type": "pil"}, UnknownOptionError, "a look returns a Recording"),
        ({"callback_on_step_end": print}, UnknownOptionError, "are not changed"),
        ({"prompt_embeds": torch.zeros(1)}, UnknownOptionError, "give the texts themselves"),
        ({"guidance_scale": "4"}, SelectionError, "guidance_scale"),
        ({"keep": "all"}, SelectionError, "keep='all'"),
        ({"dtype": "float16"}, SelectionError, "dtype"),
        ({"layers": 3}, DaamError, "layer"),
        ({"encoder": "t5"}, SelectionError, "encoder='t5'"),
    ],
)
def test_options(plain: Any, options: Any, error: type[DaamError], said: str) -> None:
    assert said in refused(error, plain, IMAGE, PROMPT, **options)


@pytest.mark.usefixtures("runs")
def test_what_a_trace_refuses_before_its_first_step(plain: Any) -> None:
    before = snapshot(plain)
    refused(MemoryBudgetError, plain, IMAGE, PROMPT, memory=10)
    refused(DaamError, plain, IMAGE, PROMPT, tokens="dog")
    refused(SelectionError, plain, IMAGE, PROMPT, keep_steps=[7])
    assert_nothing_left(before, snapshot(plain))


# --- pipelines ----------------------------------------------------------------------------------


def edm() -> Any:
    pipe = pipelines.sdxl()
    pipe.scheduler = EDMEulerScheduler()
    return pipe


def flow_unet() -> Any:
    pipe = pipelines.sd1()
    pipe.scheduler = FlowMatchEulerDiscreteScheduler()
    return pipe


def flow_sigmas() -> Any:
    pipe = pipelines.sd1()
    pipe.scheduler = UniPCMultistepScheduler(use_flow_sigmas=True)
    return pipe


def without_vae() -> Any:
    pipe = pipelines.sd1()
    pipe.vae = None
    return pipe


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (pipelines.img2img, "StableDiffusionPipeline.from_pipe(pipe)"),
        (pipelines.lcm, "LatentConsistencyModelPipeline cannot be shown an image"),
        (pipelines.controlnet, "StableDiffusionControlNetPipeline cannot be shown"),
        (joint_pipelines.flux_kontext, "FluxPipeline.from_pipe(pipe)"),
        (edm, "EDMEulerScheduler, adds noise other than"),
        (flow_unet, "FlowMatchEulerDiscreteScheduler, adds noise other than"),
        (flow_sigmas, "adds noise other than"),
        (without_vae, "has no VAE that encodes images"),
        (lambda: pipelines.sd1(in_channels=9), "of 4 channels, but its unet takes 9"),
        (pipelines.ddpm, "no `encode_prompt`"),
    ],
)
def test_pipelines(build: Callable[[], Any], said: str) -> None:
    message = refused(UnsupportedPipelineError, build(), IMAGE, PROMPT)
    assert said in message or build is pipelines.ddpm


def test_flow_models_are_not_inverted() -> None:
    said = refused(UnsupportedPipelineError, joint_pipelines.flux(), IMAGE, PROMPT, inversion=True)
    assert "is a flow model" in said


def test_an_intervention_would_not_reach_it(plain: Any) -> None:
    with pytest.raises(InterventionError, match="Look outside"), ablate(plain, words=["cat"]):
        look(plain, IMAGE, PROMPT)


@pytest.mark.usefixtures("runs")
def test_latents_that_are_changed_on_the_way_are_no_look() -> None:
    pipe = pipelines.sd1()
    step = type(pipe).prepare_extra_step_kwargs

    class Changing(type(pipe)):  # type: ignore[misc]
        def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
            return super().prepare_latents(*args, **kwargs) * 1.5

    pipe.__class__ = Changing
    with pytest.raises((ShapeError, WatchError), match="on the image's latents at timestep 999"):
        look(pipe, IMAGE, PROMPT)
    assert step is type(pipe).prepare_extra_step_kwargs


@pytest.mark.usefixtures("runs")
def test_a_trace_around_it_is_of_the_pipeline_itself(plain: Any) -> None:
    with trace(plain) as tracer:
        run = look(plain, IMAGE, PROMPT)
        plain(PROMPT, num_inference_steps=2, height=64, width=96)
    assert tracer.recording.facts.num_steps == 2
    assert run.facts.num_steps == 7
