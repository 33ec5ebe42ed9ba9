"""A pipeline is recognized by everything that shapes its images, and by nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import nn

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.studies.corpus.identity import identity, model_name
from daam_nb.studies.corpus.rows import differences
from daam_nb.tracing import ablate, generate, replay, trace
from tests import joint_pipelines, pipelines
from tests import pipeline_variants as variants
from tests.studies.toy import SIZE

Change = Callable[[Any], object]


class ZeroedProcessor(AttnProcessor2_0):
    """A processor of the user's own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return 0 * super().__call__(*args, **kwargs)


def halve_vae(pipe: Any) -> None:
    for parameter in pipe.vae.parameters():
        parameter.data *= 0.5


def one_value(part: str) -> Change:
    """One value in the middle of one row of the largest matrix."""

    def change(pipe: Any) -> None:
        largest = max(getattr(pipe, part).parameters(), key=lambda p: p.numel())
        largest.data.view(-1)[largest.numel() // 2 + 3] += 1e-3

    return change


def buffer_not_saved(pipe: Any) -> None:
    names = dict(pipe.text_encoder.named_buffers())
    position_ids = next(v for k, v in names.items() if k.endswith("position_ids"))
    position_ids[0, 3] = 4


def hooked(pipe: Any) -> None:
    pipe.unet.mid_block.register_forward_hook(lambda module, args, output: output * 1.01)


def exchange_method(pipe: Any) -> None:
    original = type(pipe).encode_prompt

    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        embeds, negative = original(pipe, *args, **kwargs)
        return embeds * 1.1, negative

    pipe.encode_prompt = encode_prompt


def exchange_forward(pipe: Any) -> None:
    own = pipe.vae.decoder.forward
    pipe.vae.decoder.forward = lambda *args, **kwargs: own(*args, **kwargs) * 0.9


def own_processor(pipe: Any) -> None:
    pipe.unet.set_attn_processor(ZeroedProcessor())


def scheduler(kind: type, **options: Any) -> Change:
    return functools.partial(variants.with_scheduler, kind=kind, **options)


def noise_levels(pipe: Any) -> None:
    pipe.scheduler.alphas_cumprod *= 0.99


def freeu(pipe: Any) -> None:
    pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


def training(pipe: Any) -> None:
    pipe.unet.train()


def scaling_factor(pipe: Any) -> None:
    pipe.vae.register_to_config(scaling_factor=0.2)


def tiling(pipe: Any) -> None:
    pipe.vae.enable_tiling()


def cropped_text(pipe: Any) -> None:
    pipe.tokenizer.model_max_length = 20


def checker(pipe: Any) -> None:
    pipe.register_modules(safety_checker=nn.Linear(2, 2))


class Dark(VaeImageProcessor):
    """An image processor of the user's own."""

    def postprocess(self, image: Any, *args: Any, **kwargs: Any) -> Any:
        return super().postprocess(image * 0.3, *args, **kwargs)


def own_image_processor(pipe: Any) -> None:
    pipe.image_processor = Dark(vae_scale_factor=pipe.vae_scale_factor)


def patched_postprocess(pipe: Any) -> None:
    own = pipe.image_processor.postprocess
    pipe.image_processor.postprocess = lambda image, **options: own(image * 0.3, **options)


def not_normalized(pipe: Any) -> None:
    pipe.image_processor.register_to_config(do_normalize=False)


CHANGES: list[Change] = [
    own_image_processor,
    patched_postprocess,
    not_normalized,
    halve_vae,
    *map(one_value, ("unet", "vae", "text_encoder")),
    buffer_not_saved,
    hooked,
    exchange_method,
    exchange_forward,
    own_processor,
    scheduler(DPMSolverMultistepScheduler),
    scheduler(DDIMScheduler, timestep_spacing="trailing"),
    noise_levels,
    freeu,
    training,
    scaling_factor,
    tiling,
    cropped_text,
    checker,
    variants.with_ip_adapter,
    variants.with_lora,
    variants.with_loaded_lora,
    variants.with_textual_inversion,
    variants.with_handmade_attention,
    variants.with_text_mask,
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_shapes_an_image_makes_another_model(change: Change) -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    change(pipe)
    assert identity(pipe) != before


@pytest.mark.parametrize(
    "owner_and_name",
    [
        lambda pipe: (type(pipe), "encode_prompt"),
        lambda pipe: (type(pipe.scheduler), "step"),
        lambda pipe: (type(pipe.unet), "forward"),
        lambda pipe: (type(pipe.unet.mid_block.attentions[0]), "forward"),
        lambda pipe: (type(pipe.image_processor), "postprocess"),
    ],
)
def test_methods_exchanged_in_a_class(
    monkeypatch: pytest.MonkeyPatch, owner_and_name: Callable[[Any], tuple[type, str]]
) -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    owner, name = owner_and_name(pipe)
    original = getattr(owner, name)

    @functools.wraps(original)  # which copies the name of the original's module
    def patched(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, patched)
    assert f".{name}" in differences(before, identity(pipe))
    monkeypatch.undo()
    assert identity(pipe) == before


def test_hooks_of_all_modules() -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, output: None)
    try:
        assert identity(pipe) != before
    finally:
        handle.remove()
    assert identity(pipe) == before


def test_what_was_changed_is_named_with_both_values() -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    halve_vae(pipe)
    assert differences(before, identity(pipe)).startswith("parts, vae, weights: '")
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    assert (
        "parts, scheduler, class: 'DDIMScheduler' then, 'DPMSolverMultistepScheduler' now"
        in differences(before, identity(pipe))
    )


@pytest.mark.parametrize("part", ["text_encoder_2", "text_encoder_3", "transformer", "vae"])
def test_every_part_of_a_transformers_pipeline(part: str) -> None:
    pipe = joint_pipelines.sd3()
    before = identity(pipe)
    one_value(part)(pipe)
    assert f"parts, {part}, weights" in differences(before, identity(pipe))


def test_a_controlnets_weights() -> None:
    pipe = pipelines.controlnet()
    before = identity(pipe)
    one_value("controlnet")(pipe)
    assert "parts, controlnet, weights" in differences(before, identity(pipe))


def test_scales_of_adapters_and_which_of_them_are_on() -> None:
    pipe = variants.with_loaded_lora(pipelines.sd1())
    before = identity(pipe)
    pipe.set_adapters(["loaded"], [0.4])
    weaker = identity(pipe)
    said = differences(before, weaker)
    assert "parts, unet, adapters, loaded: [0.8] then, [0.4] now" in said
    pipe.disable_lora()
    off = identity(pipe)
    assert "adapters, loaded: [0.8] then, [0.0] now" in differences(before, off)
    pipe.enable_lora()
    assert identity(pipe) == weaker
    pipe = variants.with_ip_adapter(pipelines.sd1())
    before = identity(pipe)
    pipe.set_ip_adapter_scale(0.2)
    said = differences(before, identity(pipe))
    assert "adapters, IP-Adapter 0: [0.7] then, [0.2] now" in said


@pytest.mark.parametrize(
    "make",
    [pipelines.sd1, pipelines.sdxl, joint_pipelines.sd3, joint_pipelines.flux],
)
def test_equal_pipelines_are_the_same_model_before_and_after_drawing(make: Any) -> None:
    pipe = make()
    before = identity(pipe)
    assert differences(before, identity(make())) == ""
    pipe("a cat", **SIZE)
    assert differences(before, identity(pipe)) == ""


def test_watching_changes_nothing_and_an_open_intervention_is_seen() -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    with trace(pipe):
        assert identity(pipe) == before
        pipe("a cat", **SIZE)
    seen = []
    for words in ("cat", "dog"):
        with ablate(pipe, words=words):
            seen.append(identity(pipe))
            pipe("a cat and a dog", **SIZE)
    assert seen[0]["interventions"][0]["change"].startswith("ablate('cat'")
    assert seen[0] != seen[1] and before not in seen
    assert identity(pipe) == before


def test_an_intervention_is_its_content_not_its_words() -> None:
    pipe = pipelines.sd1()
    size = {**SIZE, "num_inference_steps": 1}
    runs = [
        generate(pipe, "a cat", seed=0, keep="replay", guidance_scale=g, **size) for g in (2, 3)
    ]
    seen = []
    for run in runs:
        with replay(pipe, run):
            seen.append(identity(pipe)["interventions"][0])
            pipe("a cat", **size)
    assert seen[0]["change"] == seen[1]["change"]  # nobody can read the difference
    assert seen[0]["content"] != seen[1]["content"]


def test_a_model_that_was_saved_and_loaded_is_the_same_under_any_name(tmp_path: Path) -> None:
    pipe = pipelines.sd1()
    pipe.save_pretrained(tmp_path / "one")
    loaded = StableDiffusionPipeline.from_pretrained(tmp_path / "one", safety_checker=None)
    copied = StableDiffusionPipeline.from_pretrained(tmp_path / "one", safety_checker=None)
    copied.register_to_config(_name_or_path="another name")
    assert differences(identity(loaded), identity(copied)) == ""
    assert differences(identity(pipe)["parts"], identity(loaded)["parts"]) == ""
    assert model_name(copied) == "another name"


@pytest.mark.parametrize("move", [variants.with_offload, variants.with_model_offload])
def test_where_weights_lie_is_no_part_of_the_model(move: Change) -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    move(pipe)
    assert differences(before, identity(pipe)) == ""


def test_weights_that_are_nowhere_are_refused_by_name() -> None:
    pipe = pipelines.sd1()
    pipe.unet.conv_in.to("meta")
    with pytest.raises(
        StudyError, match=r"weight conv_in\.weight is on the meta device.* Load the"
    ):
        identity(pipe)


def test_a_part_is_no_pipeline() -> None:
    with pytest.raises(WrongKindError, match="A UNet2DConditionModel is not a diffusers pipeline"):
        identity(pipelines.sd1().unet)
    with pytest.raises(WrongKindError, match="A str is not a diffusers pipeline"):
        identity("a model")


def test_a_compiled_model_is_its_original() -> None:
    pipe = pipelines.sd1()
    before = identity(pipe)
    pipe.unet = torch.compile(pipe.unet)
    assert differences(before, identity(pipe)) == ""
