"""What is not the model's and the seed's own is said wherever a recording is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from daam_nb import explore, heat_maps, overlay, reproduce, words_row
from daam_nb.errors import SelectionError
from daam_nb.recording import Recording, load
from daam_nb.show.conditions import conditions
from daam_nb.tracing import ablate, forming_images, generate
from daam_nb.tracing.model_changes import model_changes
from tests import joint_pipelines, pipelines
from tests.pipeline_variants import with_ip_adapter, with_loaded_lora, with_lora
from tests.tiny_recordings import joint_layers, tiny_recording

PROMPT = "a red apple and a banana"


def drawn(pipe: Any, **options: Any) -> Recording:
    return generate(pipe, PROMPT, **({"seed": 0, "num_inference_steps": 2} | options))


@pytest.fixture(scope="module")
def usual() -> Recording:
    return drawn(pipelines.sd1())


def everywhere(run: Recording, folder: Path) -> list[str]:
    """All that is said of a recording: figures, explorer, hand-out."""
    figures = [overlay(run, "apple"), words_row(run)]
    explorer = explore(run, parser=False)
    return [
        *[" ".join(figure.caption) for figure in figures],
        *[figure.metadata.get("conditions", "") for figure in figures],
        explorer.status,
        " ".join(explorer._facts["reduced"]),
        explorer.to_frame().attrs["conditions"],
        explorer.to_html(folder / "page.html", overwrite=True).read_text("utf-8"),
    ]


def test_nothing_is_said_of_what_is_usual(usual: Recording) -> None:
    assert conditions(usual) == ()
    assert "conditions" not in overlay(usual, "apple").metadata
    assert explore(usual, parser=False).status.endswith(".")
    assert model_changes(pipelines.sd1()) == ()


def test_an_intervention_stands_below_its_image(usual: Recording, tmp_path: Path) -> None:
    pipe = pipelines.sd1()
    with ablate(pipe, words="apple"):
        run = drawn(pipe)
    for shown in (run, load(run.save(tmp_path / "run"))):
        for text in everywhere(shown, tmp_path):
            assert "Attention changed by ablate(" in text
            assert "apple" in text
    both = words_row(heat_maps(usual), heat_maps(run), words="apple")
    assert "Recording 2 of 2: Attention changed by ablate(" in " ".join(both.caption)


def free_u(pipe: Any) -> Any:
    pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    return pipe


def hooked(pipe: Any) -> Any:
    pipe.unet.conv_out.register_forward_hook(lambda *_: None)
    return pipe


def fused(pipe: Any) -> Any:
    with_loaded_lora(pipe).fuse_lora()
    return pipe


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_lora, "unet: LoRA adapter 'tiny' (scale 2)"),
        (with_loaded_lora, "unet: LoRA adapter 'loaded' (scale 0.8)"),
        (fused, "unet: LoRA adapter 'loaded', fused into its weights"),
        (free_u, "unet: FreeU (s1=0.9, s2=0.2, b1=1.2, b2=1.4)"),
        (hooked, "unet: hooks on 1 module"),
    ],
    ids=lambda value: getattr(value, "__name__", "said"),
)
def test_a_changed_model_stands_below_its_image(
    change: Callable[[Any], Any], said: str, usual: Recording
) -> None:
    pipe = change(pipelines.sd1())
    assert model_changes(pipe) == (said,)
    run = drawn(pipe)
    assert run.facts.batch["model_changes"] == [said]
    assert f"Model changed: {said}." in " ".join(overlay(run, "apple").caption)
    again = reproduce(run, pipelines.sd1())
    if change is not hooked:
        assert not again.same
    assert f"changes of the model: {said} then, nothing noted now" in again.why


@pytest.mark.parametrize("build", [pipelines.sdxl, joint_pipelines.sd3], ids=["sdxl", "sd3"])
def test_hooks_by_which_transformers_reads_hidden_states_are_no_change(build: Any) -> None:
    pipe = build()
    run = drawn(pipe, height=64, width=64)
    assert any(module._forward_hooks for module in pipe.text_encoder.modules())
    assert model_changes(pipe) == ()
    assert "model_changes" not in run.facts.batch
    assert "Model changed" not in " ".join(overlay(run, "apple").caption)
    pipe.text_encoder.register_forward_hook(lambda *_: None)
    assert model_changes(pipe) == ("text_encoder: hooks on 1 module",)


def test_adapters_that_are_off_are_not_named() -> None:
    pipe = with_loaded_lora(pipelines.sd1())
    pipe.disable_lora()
    assert model_changes(pipe) == ()
    assert model_changes(with_ip_adapter(pipelines.sd1())) == ("unet: IP-Adapter (scale [0.7])",)


def test_a_difference_that_nobody_knows_the_cause_of_is_said_to_be_one(usual: Recording) -> None:
    pipe = pipelines.sd1()
    with torch.no_grad():
        flat = pipe.unet.conv_out.weight.view(-1)
        flat[1 :: len(flat) // 16] *= 1.5  # beside the values that are looked at
    again = reproduce(usual, pipe)
    assert not again.same
    assert "nothing that was recorded: weights or settings" in again.why[0]
    with torch.no_grad():
        pipe.unet.conv_out.weight *= 1.5
    assert "weights of unet: " in " ".join(reproduce(usual, pipe).why)
    assert reproduce(usual, pipelines.sd1()).why == ()


def test_another_image_is_said_to_be_one(usual: Recording, tmp_path: Path) -> None:
    other = drawn(pipelines.sd1(), seed=1)
    run = dataclasses.replace(usual, image=other.image)
    for text in everywhere(run, tmp_path):
        assert "The image was altered" in text


def test_latents_that_were_given_are_not_the_seeds(usual: Recording) -> None:
    noise = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(5))
    run = drawn(pipelines.sd1(), latents=noise)
    assert "seed\u00a00 (latents given)" in " ".join(overlay(run, "apple").caption)
    assert explore(run, parser=False)._facts["seed"] == "0 (latents given)"
    assert "latents given" not in " ".join(overlay(usual, "apple").caption)


def test_guidance_that_changes_is_said() -> None:
    def stronger(pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        pipe._guidance_scale = 7.5
        return {}

    run = drawn(pipelines.sd1(), guidance_scale=4.0, callback_on_step_end=stronger)
    assert conditions(run) == ("Guidance changes on the way: 4.0, 7.5.",)


def test_the_grid_of_a_map_that_was_resized_is_its_own(usual: Recording) -> None:
    word_map = heat_maps(usual).word("apple")
    said = overlay(usual, word_map.resize((24, 24))).metadata["drawing"].replace("\u00a0", " ")
    assert "bicubic from 12 × 12 by way of 24 × 24" in said
    assert "by way of" not in overlay(usual, word_map).metadata["drawing"]


def test_forming_images_of_another_recording_are_refused(usual: Recording) -> None:
    pipe = pipelines.sd1()
    own, others = (forming_images(run, pipe) for run in (usual, drawn(pipe, seed=1)))
    assert explore(usual, parser=False, images=own)._facts["strip"] is not None
    assert explore(dataclasses.replace(usual, latents=None), parser=False, images=own)
    for images in (others, [*own[:-1], others[-1]], others[:2]):
        with pytest.raises(SelectionError, match="forming images of another recording"):
            explore(usual, parser=False, images=images)


def test_the_unit_of_joint_attention_is_told() -> None:
    joint = explore(tiny_recording(layers=joint_layers()), parser=False)
    unit = "attention probability over image and text"
    assert joint._facts["unit"] == unit
    assert joint._facts["conditions"] == [f"Values are {unit}."]
    cross = explore(tiny_recording(), parser=False)
    assert (cross._facts["unit"], cross._facts["conditions"]) == ("attention probability", [])


def test_attention_that_was_altered_is_derived_everywhere(usual: Recording, tmp_path: Path) -> None:
    name, array = next(iter(usual.attention.items()))
    replaced = dataclasses.replace(usual, attention={**usual.attention, name: array * 0.5})
    written = load(usual.save(tmp_path / "run"))
    assert conditions(written) == ()
    written.attention[name].mul_(0.5)
    said = "The attention is derived: it was changed after it was recorded."
    for number, run in enumerate((replaced, written)):
        for text in everywhere(run, tmp_path):
            assert said.removesuffix(".") in text
        assert said in overlay(run.image, heat_maps(run).word("apple")).caption
        again = load(run.save(tmp_path / f"again {number}", derived="half of one layer"))
        assert conditions(again) == ("Changed afterwards: half of one layer.",)
    assert conditions(usual) == ()
