"""`generate` makes images with recordings; `reproduce` makes them again, or says why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

from daam_nb.errors import DaamError, ReproductionError, SelectionError
from daam_nb.recording import Recording
from daam_nb.tracing import ablate, generate, redraw, reproduce, trace
from tests import pipelines
from tests.pipeline_variants import with_scheduler
from tests.tracing.cases import PROMPT
from tests.tracing.traces import assert_nothing_left, snapshot

FEW: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}


def pixels(image: Any) -> np.ndarray:
    return np.asarray(image)


def make(pipe: Any, prompt: Any = PROMPT, **options: Any) -> Any:
    return generate(pipe, prompt, **FEW | options)


def test_generate_is_the_pipelines_own_image(sd1: Any) -> None:
    before = snapshot(sd1)
    run = make(sd1, seed=3, guidance_scale=4.0)
    assert_nothing_left(before, snapshot(sd1))
    assert isinstance(run, Recording)
    plain = sd1(PROMPT, generator=torch.Generator().manual_seed(3), guidance_scale=4.0, **FEW)
    assert run.image is not None
    assert np.array_equal(pixels(run.image), pixels(plain.images[0]))
    assert run.facts.seed == 3
    assert run.facts.guidance == 4.0
    assert run.prompt.text == PROMPT


def test_image_i_has_seed_plus_i(sd1: Any) -> None:
    runs = make(sd1, ["a cat", "a dog"], seed=5, num_images_per_prompt=2)
    assert [run.facts.seed for run in runs] == [5, 6, 7, 8]
    assert [run.prompt.text for run in runs] == ["a cat", "a cat", "a dog", "a dog"]
    alone = make(sd1, "a dog", seed=8)
    # A batch sums in another order than a single image: close, not equal bit for bit.
    difference = pixels(alone.image).astype(int) - pixels(runs[3].image).astype(int)
    assert abs(difference).max() <= 2
    other = make(sd1, "a dog", seed=7)
    assert abs(pixels(other.image).astype(int) - pixels(runs[3].image)).max() > 20


def test_each_image_may_have_a_seed_of_its_own(sd1: Any) -> None:
    many = generate(sd1, [PROMPT, PROMPT], seed=[9, 4], num_inference_steps=2)
    assert isinstance(many, list)
    assert [run.facts.seed for run in many] == [9, 4]
    noise = torch.randn(
        (1, 4, *many[1].facts.latent_size), generator=torch.Generator().manual_seed(4)
    )
    assert many[1].latents is not None
    torch.testing.assert_close(many[1].latents[:1], noise * sd1.scheduler.init_noise_sigma)
    with pytest.raises(SelectionError, match="2 seeds were given for 1 images"):
        generate(sd1, PROMPT, seed=[1, 2])


def test_what_generate_returns(sd1: Any) -> None:
    assert isinstance(make(sd1, "a cat", seed=0), Recording)
    assert isinstance(make(sd1, ["a cat"], seed=0), list)
    assert len(make(sd1, "a cat", seed=0, num_images_per_prompt=2)) == 2


def test_generate_draws_a_seed_that_it_tells(sd1: Any) -> None:
    before = torch.random.get_rng_state()
    first, second = make(sd1, "a cat"), make(sd1, "a cat")
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.facts.seed != second.facts.seed
    again = make(sd1, "a cat", seed=first.facts.seed)
    assert np.array_equal(pixels(again.image), pixels(first.image))


def test_generate_passes_the_choices_on(sd1: Any) -> None:
    run = make(
        sd1,
        seed=0,
        layers="up",
        keep_steps=[1],
        tokens=["a"],
        negative=True,
        negative_prompt="a house",
        dtype=torch.float32,
        memory="1 GiB",
    )
    assert {layer.stage for layer in run.layers} == {"up"}
    assert (run.steps, run.columns, run.negative_columns) == ((1,), (1, 5), (1,))
    assert {maps.dtype for maps in run.attention.values()} == {torch.float32}
    assert make(sd1, seed=0, keep="sum").kept == "sum"


def test_generate_refuses_a_generator_and_no_images(sd1: Any) -> None:
    with pytest.raises(SelectionError, match="seed="):
        make(sd1, generator=torch.Generator())
    for prompts, each in (([], 1), ("a cat", 0)):
        with pytest.raises(SelectionError, match=r"at least one|>= 1"):
            make(sd1, prompts, num_images_per_prompt=each)


# --- again ------------------------------------------------------------------------------------


def test_the_same_image_again(sd1: Any) -> None:
    run = make(sd1, seed=1, negative_prompt="blue", guidance_scale=3.0)
    sd1("something else", num_inference_steps=1)
    again = reproduce(run, sd1)
    assert again.same
    assert bool(again)
    assert again.max_difference == 0
    assert again.why == ()
    assert np.array_equal(pixels(again.image), pixels(run.image))
    # and by an equal pipeline that was built anew
    assert reproduce(run, pipelines.sd1()).same


@pytest.mark.parametrize("image", range(4))
def test_any_image_of_a_batch_again(sd1: Any, image: int) -> None:
    negative = ["blue", "a red house"]
    runs = make(sd1, ["a cat", "a dog"], seed=5, num_images_per_prompt=2, negative_prompt=negative)
    assert reproduce(runs[image], sd1).same


def test_one_generator_for_several_images_again(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(
            ["a cat", "a dog"],
            generator=torch.Generator().manual_seed(2),
            num_images_per_prompt=2,
            negative_prompt=["blue", "red"],
            **FEW,
        )
    assert all(reproduce(run, sd1).same for run in tracer.recordings)


def test_other_weights_make_another_image(sd1: Any) -> None:
    run = make(sd1, seed=1)
    other = pipelines.sd1(seed=77)
    again = reproduce(run, other)
    assert not again.same
    assert not again
    assert again.max_difference > 0
    with torch.no_grad():
        sd1.unet.conv_out.weight.mul_(1.5)
    assert not reproduce(run, sd1).same


def test_what_differs_is_named(sd1: Any) -> None:
    run = make(sd1, seed=1)
    other = with_scheduler(pipelines.sd1(), EulerDiscreteScheduler)
    again = reproduce(run, other)
    assert not again.same
    assert any("DDIMScheduler" in why and "EulerDiscreteScheduler" in why for why in again.why)
    half = reproduce(run, pipelines.sd1().to(torch.bfloat16))
    assert not half.same
    assert any("bfloat16" in why for why in half.why)


def test_what_a_recording_lacks_is_asked_for() -> None:
    pipe = pipelines.img2img()
    image = pipelines.image()
    with trace(pipe) as tracer:
        pipe(
            PROMPT,
            image=image,
            strength=0.9,
            num_inference_steps=3,
            generator=torch.Generator().manual_seed(0),
        )
    run = tracer.recording
    assert "image" in run.facts.omitted
    with pytest.raises(ReproductionError, match="image="):
        reproduce(run, pipe)
    assert reproduce(run, pipe, image=image).same
    assert not reproduce(run, pipe, image=pipelines.image(seed=9)).same


def test_noise_that_cannot_be_drawn_again(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(PROMPT, **FEW)
        used = torch.Generator().manual_seed(0)
        torch.rand(1, generator=used)
        sd1(PROMPT, generator=used, **FEW)
        sd1(PROMPT, generator=torch.Generator().manual_seed(0), output_type="latent", **FEW)
    texts = ("without a generator", "had been used before", "no image")
    for run, text in zip(tracer.recordings, texts, strict=True):
        with pytest.raises(ReproductionError, match=text):
            reproduce(run, sd1)


@pytest.mark.parametrize("kind", ["sdxl", "pag", "lcm", "default size"])
def test_other_pipelines_again(kind: str) -> None:
    if kind == "default size":
        pipe = pipelines.sd1()
        run = generate(pipe, PROMPT, seed=4, num_inference_steps=2)
    else:
        pipe = getattr(pipelines, kind)()
        run = make(pipe, seed=4)
    assert isinstance(run, Recording)
    assert reproduce(run, pipe).same


def test_a_saved_recording_again(sd1: Any, tmp_path: Any) -> None:
    import daam_nb

    run = make(sd1, seed=1)
    run.save(tmp_path / "run")
    opened = daam_nb.load(tmp_path / "run")
    assert reproduce(opened, sd1).same
    for name, maps in run.attention.items():
        assert torch.equal(opened.attention[name], maps)


def test_errors_are_ours() -> None:
    assert issubclass(ReproductionError, DaamError)


def test_redrawing_one_image_of_a_batch(sd1: Any) -> None:
    """Its own prompt and negative prompt, its own noise or others', and nothing of its batch."""
    texts, negative = ["a cat", "a dog"], ["a red house", "snow"]
    runs = make(sd1, texts, seed=[5, 9], negative_prompt=negative)
    drawn = redraw(runs[1], sd1, [9, 4, 9])
    alone = [make(sd1, "a dog", seed=seed, negative_prompt="snow").image for seed in (9, 4)]
    for got, expected in zip(drawn, [*alone, alone[0]], strict=True):
        assert abs(pixels(got).astype(int) - pixels(expected)).max() <= 2
    assert abs(pixels(drawn[0]).astype(int) - pixels(drawn[1])).max() > 20
    two = make(sd1, "a dog", seed=5, num_images_per_prompt=2)
    assert abs(pixels(redraw(two[1], sd1, [6])[0]).astype(int) - pixels(two[1].image)).max() <= 2


def test_noise_that_cannot_be_had_alone(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(["a cat", "a dog"], generator=torch.Generator().manual_seed(0), **FEW)
    first, second = tracer.recordings
    assert redraw(first, sd1, [0])
    with pytest.raises(ReproductionError, match="One generator made the noise of the whole batch"):
        redraw(second, sd1, [0])


def test_an_intervention_that_is_open_now_is_a_reason(sd1: Any) -> None:
    call: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}
    run = generate(sd1, "a red cat", seed=0, **call)
    with ablate(sd1, words="cat") as change:
        again = reproduce(run, sd1)
        changed = generate(sd1, "a red cat", seed=0, **call)
        same = reproduce(changed, sd1)
    assert not again.same
    assert again.why == (f"attention: as the model has it then, changed by {change.change} now",)
    assert same.same and same.why == ()
    later = reproduce(changed, sd1)
    assert later.why == (f"attention: changed by {change.change} then, as the model has it now",)


@pytest.mark.parametrize("count", [0, 2.0, True])
def test_a_number_of_images_that_is_none(plain: Any, count: Any) -> None:
    with pytest.raises(SelectionError, match=r"num_images_per_prompt=.*a whole number >= 1"):
        generate(plain, "a cat", num_images_per_prompt=count)


def test_no_prompts(plain: Any) -> None:
    with pytest.raises(SelectionError, match="The list of prompts is empty"):
        generate(plain, [])
