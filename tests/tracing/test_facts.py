"""What a recording says of its image: latents, timesteps, seeds, sizes, guidance, versions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import HeunDiscreteScheduler, PNDMScheduler

import daam_nb
from daam_nb.recording import Recording
from daam_nb.tracing import trace
from tests import pipelines
from tests.pipeline_variants import with_ip_adapter, with_scheduler
from tests.tracing.cases import PROMPT, Case, sized
from tests.tracing.expected import observe

USUAL = Case("usual", pipelines.sd1)
PLMS: dict[type, dict[str, Any]] = {PNDMScheduler: {"skip_prk_steps": True}}
"""As Stable Diffusion configures PNDM."""


def record(pipe: Any, **call: Any) -> Recording:
    return record_all(pipe, **call)[0]


def record_all(pipe: Any, **call: Any) -> tuple[Recording, ...]:
    with trace(pipe) as tracer:
        pipe(**sized(generator=torch.Generator().manual_seed(7), **call))
    return tracer.recordings


def skipped(run: Recording) -> str:
    return "\n".join(f"{item.what}: {item.why}" for item in run.manifest.skipped)


@pytest.mark.parametrize("scheduler", [None, HeunDiscreteScheduler, PNDMScheduler])
def test_latents_are_those_of_every_step(sd1: Any, scheduler: type | None) -> None:
    if scheduler is not None:
        with_scheduler(sd1, scheduler, **PLMS.get(scheduler, {}))
    seen: list[torch.Tensor] = []

    def note(_pipe: Any, _step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(tensors["latents"].clone())
        return {}

    noise = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
    with trace(sd1) as tracer:
        result = sd1(
            **sized(
                prompt=["a cat", "a dog"],
                latents=noise.clone(),
                callback_on_step_end=note,
                output_type="latent",
            )
        ).images
    sd1.scheduler.set_timesteps(3)
    for image, run in enumerate(tracer.recordings):
        assert run.latents is not None
        assert run.latents.dtype == torch.float32
        assert len(run.latents) == len(seen) + 1 == run.facts.num_steps + 1
        assert torch.equal(run.latents[0], noise[image] * sd1.scheduler.init_noise_sigma)
        for step, latents in enumerate(seen):
            assert torch.equal(run.latents[step + 1], latents[image])
        assert torch.equal(run.latents[-1], result[image])
        assert run.image is None
        assert "image: the pipeline returned latents" in skipped(run)


def test_guidance_that_a_callback_changes_is_recorded_step_by_step(sd1: Any) -> None:
    def stronger(pipe: Any, step: int, _t: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._guidance_scale = 7.5 + step
        return {}

    run = record(sd1, guidance_scale=4.0, callback_on_step_end=stronger)
    assert run.facts.guidance == 4.0
    assert run.facts.batch["guidance_of_steps"] == [4.0, 7.5, 8.5]
    assert "guidance_of_steps" not in record(sd1, guidance_scale=4.0).facts.batch


def test_latents_that_a_callback_changed(sd1: Any) -> None:
    """A step's latents are what the denoiser was given, not what the scheduler returned."""

    def halve(_pipe: Any, _step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": tensors["latents"] * 0.5}

    given: list[torch.Tensor] = []
    handle = sd1.unet.register_forward_pre_hook(lambda _m, args: given.append(args[0][:1].clone()))
    run = record(sd1, callback_on_step_end=halve)
    handle.remove()
    assert run.latents is not None
    for step, sample in enumerate(given):  # DDIM does not scale the model's input
        assert torch.equal(run.latents[step], sample[0])


@pytest.mark.parametrize("kind", ["ddim", "heun", "pndm", "img2img", "lcm"])
def test_timesteps_are_those_that_the_denoiser_was_told(kind: str) -> None:
    extra: dict[str, Any] = {}
    if kind == "img2img":
        pipe = pipelines.img2img()
        extra = {"image": pipelines.image(), "strength": 0.7, "num_inference_steps": 5}
    elif kind == "lcm":
        pipe = pipelines.lcm()
    else:
        pipe = pipelines.sd1()
        kinds = {"heun": HeunDiscreteScheduler, "pndm": PNDMScheduler}
        if kind in kinds:
            with_scheduler(pipe, kinds[kind], **PLMS.get(kinds[kind], {}))
    call = sized(generator=torch.Generator().manual_seed(0), **extra)
    if kind == "img2img":
        call = {name: value for name, value in call.items() if name not in ("height", "width")}
    with trace(pipe) as tracer:
        pipe(**call)
    call["generator"] = torch.Generator().manual_seed(0)
    expected = observe(pipe, lambda pipe: pipe(**call).images)
    run = tracer.recording
    assert list(run.timesteps) == expected.timesteps
    assert run.steps == tuple(range(len(expected.timesteps)))
    assert run.facts.num_steps == len(expected.timesteps)


def test_a_second_call_with_fewer_or_more_steps(sd1: Any) -> None:
    with trace(sd1) as tracer:
        for steps in (3, 1, 5):
            sd1(**sized(num_inference_steps=steps))
    assert [len(run.steps) for run in tracer.recordings] == [3, 1, 5]
    for run, steps in zip(tracer.recordings, (3, 1, 5), strict=True):
        assert all(maps.shape[0] == steps for maps in run.attention.values())
        assert len(run.timesteps) == steps


def test_facts_of_the_usual_call(sd1: Any) -> None:
    run = record(sd1, negative_prompt="blue")
    facts = run.facts
    assert (facts.pipeline, facts.scheduler) == ("StableDiffusionPipeline", "DDIMScheduler")
    assert facts.image_size == (64, 96)
    assert facts.latent_size == (8, 12)
    assert facts.num_steps == 3
    assert facts.guidance == 5.0
    assert facts.seed == 7
    assert (facts.dtype, facts.device) == ("float32", "cpu")
    assert facts.model
    assert set(facts.versions) >= {"daam_nb", "torch", "diffusers", "transformers", "python"}
    assert facts.versions["torch"] == torch.__version__.split("+")[0] or (
        facts.versions["torch"] == torch.__version__
    )
    assert facts.versions["daam_nb"] not in ("", None)
    assert 0 < facts.duration < 60
    assert facts.created.endswith("+00:00")
    assert facts.call["num_inference_steps"] == 3
    assert (facts.call["height"], facts.call["width"]) == (64, 96)
    json.dumps([facts.call, dict(facts.batch), dict(facts.versions)], allow_nan=False)
    assert daam_nb.__version__


def test_the_image_is_the_returned_one(sd1: Any) -> None:
    with trace(sd1) as tracer:
        images = sd1(
            **sized(output_type="pil", num_images_per_prompt=2, prompt=["a cat", "a dog"])
        ).images
    assert len(tracer.recordings) == 4
    for run, image in zip(tracer.recordings, images, strict=True):
        assert run.image is not None
        assert run.image.size == (96, 64)
        assert np.array_equal(np.asarray(run.image), np.asarray(image))


@pytest.mark.parametrize("kind", ["np", "pt", "tuple"])
def test_the_image_in_other_output_types(sd1: Any, kind: str) -> None:
    call = sized(generator=torch.Generator().manual_seed(7), output_type="pil")
    wanted = np.asarray(sd1(**call).images[0])
    other = {"output_type": kind} if kind != "tuple" else {"return_dict": False}
    run = record(sd1, **({"output_type": "pil"} | other))
    assert run.image is not None
    assert np.array_equal(np.asarray(run.image), wanted)


def test_guidance_is_none_without_an_unconditional_pass(sd1: Any) -> None:
    assert record(sd1, guidance_scale=1.0).facts.guidance is None
    assert record(sd1, guidance_scale=7.5).facts.guidance == 7.5


def test_seeds(sd1: Any) -> None:
    many = [torch.Generator().manual_seed(seed) for seed in (11, 12)]
    with trace(sd1) as tracer:
        sd1(**sized(generator=many, prompt=["a cat", "a dog"]))
        sd1(**sized(generator=torch.Generator().manual_seed(5), num_images_per_prompt=2))
        sd1(**sized())
    assert [run.facts.seed for run in tracer.recordings] == [11, 12, 5, 5, None]


def test_tracing_does_not_touch_the_generator(sd1: Any) -> None:
    """Looking at a generator's seed draws nothing from it."""
    states = []
    for traced in (False, True):
        generator = torch.Generator().manual_seed(9)
        generator.manual_seed(10)
        torch.rand(3, generator=generator)
        if traced:
            with trace(sd1):
                sd1(**sized(generator=generator))
        else:
            sd1(**sized(generator=generator))
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_without_a_generator_the_global_random_state_is_used_as_untraced(sd1: Any) -> None:
    images = []
    for traced in (False, True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(123)
            if traced:
                with trace(sd1):
                    images.append(sd1(**sized()).images)
            else:
                images.append(sd1(**sized()).images)
            images.append(torch.rand(1).numpy())
    assert np.array_equal(images[0], images[2])
    assert np.array_equal(images[1], images[3])


def test_several_calls_in_one_trace_stand_in_order(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(**sized(prompt=["a cat", "a dog"], num_images_per_prompt=2))
        sd1(**sized(prompt="a horse", height=40, width=56))
    assert [run.prompt.text for run in tracer.recordings] == [
        "a cat",
        "a cat",
        "a dog",
        "a dog",
        "a horse",
    ]
    assert [run.facts.latent_size for run in tracer.recordings] == [(8, 12)] * 4 + [(5, 7)]
    first = tracer.recordings[0]
    assert not torch.equal(
        next(iter(first.attention.values())),
        next(iter(tracer.recordings[1].attention.values())),
    )


def test_recordings_of_a_call_do_not_change_with_the_next(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(**sized(generator=torch.Generator().manual_seed(0)))
        before = {k: v.clone() for k, v in tracer.recordings[0].attention.items()}
        latents = tracer.recordings[0].latents
        assert latents is not None
        copy = latents.clone()
        sd1(**sized(generator=torch.Generator().manual_seed(1)))
    assert all(torch.equal(before[k], v) for k, v in tracer.recordings[0].attention.items())
    assert torch.equal(latents, copy)


# --- the manifest says what was not captured --------------------------------------------------


def test_the_cut_text_is_reported(sd1: Any) -> None:
    run = record(sd1, prompt="a red cat " * 40)
    assert run.prompt.cut is not None
    low, high = run.prompt.cut
    assert repr(run.prompt.text[low:high]) in skipped(run)
    assert "never" in skipped(run)


def test_other_attention_is_named() -> None:
    run = record(pipelines.controlnet(), image=pipelines.image())
    assert "ControlNet" in skipped(run)
    image = pipelines.image((16, 16))
    run = record(with_ip_adapter(pipelines.sd1()), ip_adapter_image=image)
    assert "IP-Adapter" in skipped(run)
    run = record(pipelines.sdxl(), prompt_2="a dog")
    assert "'a dog'" in skipped(run)
    run = record(pipelines.pag())
    assert "perturbed" in skipped(run)


def test_a_check_that_could_not_be_made_is_named(sd1: Any) -> None:
    run = record(sd1, negative_prompt=PROMPT)
    assert "batch rows" in skipped(run)
    assert "batch rows" not in skipped(record(sd1, negative_prompt="blue"))
