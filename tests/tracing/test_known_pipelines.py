"""Pipelines are taken by class: each known one is exact, others are refused before any step."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

import daam_nb
from daam_nb.errors import DaamError, ShapeError, UnsupportedPipelineError, WrongKindError
from daam_nb.tracing import ablate, generate, trace, vouch_for
from daam_nb.tracing.models import flux, registry, sd3, unet
from tests import pipelines
from tests.known_pipelines import CALLS, build, pipeline_class
from tests.tracing.cases import PROMPT, PROMPT_TOKENS, sized
from tests.tracing.expected import FLOAT32, Expected, as_arrays, assert_recorded, observe
from tests.tracing.models import test_flux, test_sd3
from tests.tracing.traces import assert_nothing_left, snapshot

COLUMNS = range(PROMPT_TOKENS + 2)
# Those are compared case by case in `test_matrix`.
IN_THE_MATRIX = {
    *("LatentConsistencyModelPipeline", "StableDiffusionPAGPipeline", "StableDiffusionPipeline"),
    *("StableDiffusionControlNetPipeline", "StableDiffusionImg2ImgPipeline"),
    *("StableDiffusionInpaintPipeline", "StableDiffusionInstructPix2PixPipeline"),
    *("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"),
    *("StableDiffusionXLInpaintPipeline", "StableDiffusionXLControlNetPipeline"),
    "StableDiffusionXLPAGPipeline",
}


def run(pipe: Any, **changes: Any) -> Any:
    """The usual call of a known class."""
    call = {"prompt": PROMPT, "num_inference_steps": 2, "guidance_scale": 5.0, "output_type": "np"}
    own, _ = CALLS[registry.known_name(type(pipe))]
    output = pipe(**call | own | changes, generator=torch.Generator().manual_seed(0))
    return output.rgb if hasattr(output, "rgb") else output.images


def without_other_passes(expected: Expected, name: str) -> Expected:
    """Self-attention guidance runs its UNet a second time in each step, on blurred latents."""
    if "SAG" not in name:
        return expected
    return dataclasses.replace(
        expected,
        timesteps=expected.timesteps[::2],
        attention={layer: passes[::2] for layer, passes in expected.attention.items()},
    )


@pytest.mark.parametrize("name", sorted(set(CALLS) - IN_THE_MATRIX))
def test_a_known_class_is_exact(name: str) -> None:
    """Image and probabilities, as `test_matrix` has it of the others."""
    pipe = build(name)
    _, layout = CALLS[name]
    expected = without_other_passes(observe(pipe, run), name)
    with trace(pipe, dtype=torch.float32) as tracer:
        traced = run(pipe)
    assert np.array_equal(as_arrays(traced), as_arrays(expected.images))
    row = layout.index("p")
    rows = [row] * len(expected.timesteps)
    assert_recorded(tracer.recording, expected, rows, columns=COLUMNS, atol=FLOAT32)
    facts, image = tracer.recording.facts, tracer.recording.image
    assert facts.guidance == (5.0 if "n" in layout else None)
    assert image is not None
    factor = pipe.vae_scale_factor
    assert image.size == (facts.latent_size[1] * factor, facts.latent_size[0] * factor)


def test_every_known_class_is_one_of_diffusers_and_is_tested() -> None:
    unets = set(unet.UNet.pipelines)
    assert set(CALLS) == unets
    for name in (name for adapter in registry._BUILT_IN for name in adapter.pipelines):
        assert registry.known_name(pipeline_class(name)) == name


def test_every_known_class_of_joint_attention_is_compared() -> None:
    """In the matrices of their families: image, probabilities and what is left behind."""
    builds = dict.fromkeys(case.build for case in (*test_flux.CASES, *test_sd3.CASES))
    joint = {*flux.Flux.pipelines, *sd3.StableDiffusion3.pipelines}
    assert {type(build()).__name__ for build in builds} == joint


def test_every_refused_class_is_one_of_diffusers() -> None:
    names = [*unet._REFUSED, "AnimateDiffPipeline", "TextToVideoSDPipeline", "PIAPipeline"]
    for name in names:
        kind = pipeline_class(name)
        assert registry._why_refused(kind)
        with pytest.raises(UnsupportedPipelineError, match=f"{name} cannot be vouched for"):
            vouch_for(kind)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("StableDiffusionPanoramaPipeline", "several views"),
        ("StableDiffusionAttendAndExcitePipeline", "several times in a step"),
        ("StableDiffusionParadigmsPipeline", "several steps at once"),
    ],
)
@pytest.mark.parametrize("verb", [trace, lambda pipe: ablate(pipe, words="cat")])
def test_a_pipeline_with_another_loop_is_refused_by_name(name: str, why: str, verb: Any) -> None:
    """Nine views a step were recorded as nine steps of the whole image."""
    pipe = of_class(pipeline_class(name))
    before = snapshot(pipe)
    with pytest.raises(UnsupportedPipelineError, match=f"{name} is not watched: .*{why}") as caught:
        verb(pipe)
    assert "Stable Diffusion 1.x" in str(caught.value)
    assert_nothing_left(before, snapshot(pipe))


def test_a_video_is_refused_before_it_is_made() -> None:
    from diffusers import AnimateDiffPipeline, MotionAdapter

    parts = pipelines.sd1().components
    adapter = MotionAdapter(
        block_out_channels=(8, 16, 16), motion_layers_per_block=1, motion_norm_num_groups=2,
        motion_num_attention_heads=2, use_motion_mid_block=False,
    )  # fmt: skip
    taken = {
        name: parts[name] for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
    }
    pipe = AnimateDiffPipeline(**taken, motion_adapter=adapter)
    with pytest.raises(UnsupportedPipelineError, match=r"AnimateDiffPipeline .* makes a video"):
        generate(pipe, "a cat", seed=0, num_frames=2)


# --- classes of one's own ---------------------------------------------------------------------


class Inherits(StableDiffusionPipeline):
    """A subclass with the known `__call__`."""

    def favourite(self) -> str:
        """Something else."""
        return "red"


class Panorama(diffusers.StableDiffusionPanoramaPipeline):
    """A subclass of a refused class."""


def of_class(kind: type) -> Any:
    """A pipeline of the class, of the usual parts."""
    takes = inspect.signature(kind).parameters
    parts = {name: part for name, part in pipelines.sd1().components.items() if name in takes}
    return pipelines.quiet(kind(**parts, requires_safety_checker=False))


def preset() -> type:
    """A new class with a `__call__` of its own, each time."""

    class Preset(StableDiffusionPipeline):
        def __call__(self, prompt: str, **options: Any) -> Any:
            return super().__call__(prompt, **options | {"num_inference_steps": 2})

    return Preset


def test_a_subclass_that_inherits_the_loop_is_known() -> None:
    pipe = of_class(Inherits)
    with trace(pipe) as outer, trace(pipe) as inner:  # ours on the class is not one of its own
        pipe(**sized())
    assert len(outer.recordings) == len(inner.recordings) == 1
    assert "vouched" not in str(outer.recording.manifest)
    with pytest.raises(UnsupportedPipelineError, match="several views"):
        trace(of_class(Panorama))


def test_a_class_with_a_loop_of_its_own_is_vouched_for() -> None:
    kind = preset()
    pipe = of_class(kind)
    with pytest.raises(UnsupportedPipelineError) as caught:
        trace(pipe)
    for part in ("`__call__` of its own", "StableDiffusionPipeline", "daam_nb.vouch_for(Preset)"):
        assert part in str(caught.value)
    assert daam_nb.vouch_for(kind) is kind
    untraced = pipe(**sized(generator=torch.Generator().manual_seed(0))).images
    expected = observe(
        pipe, lambda pipe: pipe(**sized(generator=torch.Generator().manual_seed(0))).images
    )
    before = snapshot(pipe)
    with trace(pipe, dtype=torch.float32) as tracer, trace(pipe):
        traced = pipe(**sized(generator=torch.Generator().manual_seed(0))).images
    assert_nothing_left(before, snapshot(pipe))
    assert np.array_equal(traced, untraced)
    run = tracer.recording
    assert_recorded(run, expected, [1, 1], columns=COLUMNS, atol=FLOAT32)
    assert "vouched" in str(run.manifest)
    assert run.facts.guidance == 5.0  # from **options
    assert run.facts.call["guidance_scale"] == 5.0

    class Further(kind):  # type: ignore[misc, valid-type]
        """Inherits what was vouched for."""

    trace(of_class(Further))


def test_a_vouched_class_and_its_base_traced_at_once() -> None:
    """The subclass calls its base's `__call__`: one call, one recording."""
    mine, base = of_class(vouch_for(preset())), of_class(StableDiffusionPipeline)
    with trace(base) as outer, trace(mine) as inner:
        mine(**sized())
        base(**sized())
    assert len(inner.recordings) == len(outer.recordings) == 1
    assert (inner.recording.facts.num_steps, outer.recording.facts.num_steps) == (2, 3)


def test_what_is_no_class_cannot_be_vouched_for() -> None:
    with pytest.raises(WrongKindError, match=r"vouch_for\(type\(pipe\)\)"):
        vouch_for(pipelines.sd1())
    with pytest.raises(WrongKindError):
        vouch_for("StableDiffusionPipeline")  # type: ignore[type-var]


def test_a_class_of_another_library_is_not_known_by_its_name() -> None:
    kind = type("StableDiffusionPipeline", (preset(),), {"__call__": lambda self: None})
    with pytest.raises(UnsupportedPipelineError, match="vouch_for"):
        trace(of_class(kind))


# --- rows -------------------------------------------------------------------------------------


def views() -> type:
    """A class that paints two views of the image in one batch, and takes their mean."""

    class Views(StableDiffusionPipeline):
        @property
        def do_classifier_free_guidance(self) -> bool:
            return False

        def __call__(self, prompt: str, **_options: Any) -> Any:
            text, _ = self.encode_prompt(prompt, "cpu", 1, False)
            self.scheduler.set_timesteps(2)
            latents = torch.randn(1, 4, 8, 12)
            for t in self.scheduler.timesteps:
                twice = torch.cat([latents, latents.flip(-1)])
                noise = self.unet(twice, t, encoder_hidden_states=torch.cat([text] * 2)).sample
                mean = noise.mean(dim=0, keepdim=True)
                latents = self.scheduler.step(mean, t, latents).prev_sample
            image = self.vae.decode(latents / self.vae.config.scaling_factor).sample
            return self.image_processor.postprocess(image.detach())

    return Views


def test_rows_that_stand_in_the_batch_again_are_known_to() -> None:
    pipe = of_class(vouch_for(views()))
    ran: list[int] = []
    handle = pipe.unet.register_forward_hook(lambda *_: ran.append(1))
    with pytest.raises(ShapeError, match="views of one image"), trace(pipe):
        pipe("a cat")
    with pytest.raises(DaamError, match="views of one image"), ablate(pipe, words="cat"):
        pipe("a cat")
    assert ran == []  # before the first step
    handle.remove()


def test_safety_text_is_named_for_what_it_is() -> None:
    """It was called a second pass of the prompt."""
    with trace(build("StableDiffusionPipelineSafe")) as tracer:
        run(tracer.pipe)
    why = {item.what: item.why for item in tracer.recording.manifest.skipped}
    assert "rows 2-2 of the batch, the text of safety guidance" in why
    assert not any("second pass" in what for what in why)
