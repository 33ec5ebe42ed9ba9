"""The matrix of watching: one `Case` per kind of pipeline, variant, prompt and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from tests import pipeline_variants as v
from tests import pipelines as p
from tests.tracing.expected import FLOAT32, HALF

PROMPT = "a red cat and a giraffe"
PROMPT_TOKENS = 7
"""a, red, cat, and, a, gir + affe."""

PLAIN: dict[str, Any] = {
    "prompt": PROMPT,
    "num_inference_steps": 3,
    "guidance_scale": 5.0,
    "output_type": "np",
}
SIZED: dict[str, Any] = PLAIN | {"height": p.SIZE[0], "width": p.SIZE[1]}


@dataclass(frozen=True, eq=False)
class Case:
    """One kind of call.

    Attributes
    ----------
    build
        Makes the pipeline.
    call
        Arguments of the call; a function of the pipeline where they depend on it.
    layout
        How the batch is stacked (`expected.LAYOUTS`); one per step where it changes.
    images
        Prompts times images per prompt.
    tokens
        Tokens of each image's prompt, start and end not counted, by hand.
    trace
        Options of `trace`.
    twin
        Makes an equal pipeline whose weights can be read at any time (offload).
    atol
        Largest difference of a probability.
    """

    name: str
    build: Callable[[], Any]
    call: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] = field(default_factory=SIZED.copy)
    layout: str | tuple[str, ...] = "np"
    images: int = 1
    tokens: tuple[int, ...] = (PROMPT_TOKENS,)
    trace: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] = field(default_factory=dict)
    twin: Callable[[], Any] | None = None
    atol: float = FLOAT32

    def arguments(self, pipe: Any) -> dict[str, Any]:
        """The call's arguments, with a fresh generator."""
        given = self.call(pipe) if callable(self.call) else self.call
        return {"generator": torch.Generator().manual_seed(0)} | dict(given)

    def run(self, pipe: Any) -> Any:
        """Call the pipeline; its images."""
        return pipe(**self.arguments(pipe)).images

    def options(self, pipe: Any) -> dict[str, Any]:
        """Options of `trace`, exact storage being the default."""
        given = self.trace(pipe) if callable(self.trace) else self.trace
        return {"dtype": torch.float32} | dict(given)

    def layout_at(self, step: int) -> str:
        """The batch's layout in one step."""
        return self.layout if isinstance(self.layout, str) else self.layout[step]

    def columns(self, image: int) -> tuple[int, ...]:
        """Key positions kept by default: start of text, tokens, end of text."""
        tokens = self.tokens[image if len(self.tokens) > 1 else 0]
        return tuple(range(tokens + 2))


def sized(**changes: Any) -> dict[str, Any]:
    """The usual call with changes."""
    return SIZED | changes


def guidance_off_after_first_step(pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> Any:
    """diffusers' documented recipe for dynamic guidance."""
    if step == 0:
        tensors["prompt_embeds"] = tensors["prompt_embeds"].chunk(2)[-1]
        pipe._guidance_scale = 0.0
    return tensors


def embedded(text: str, *, negative: str = "") -> Callable[[Any], dict[str, Any]]:
    """The usual call with the prompt as embeddings."""

    def call(pipe: Any) -> dict[str, Any]:
        positive, unconditional = pipe.encode_prompt(text, "cpu", 1, True, negative)
        arguments = sized(prompt_embeds=positive, negative_prompt_embeds=unconditional)
        return {name: value for name, value in arguments.items() if name != "prompt"}

    return call


def embedded_twice(first: str, second: str) -> Callable[[Any], dict[str, Any]]:
    """Two windows of text one after the other, as prompt-weighting libraries make long prompts."""

    def call(pipe: Any) -> dict[str, Any]:
        parts = [pipe.encode_prompt(text, "cpu", 1, True, "") for text in (first, second)]
        positive, unconditional = (torch.cat(each, dim=1) for each in zip(*parts, strict=True))
        arguments = sized(prompt_embeds=positive, negative_prompt_embeds=unconditional)
        return {name: value for name, value in arguments.items() if name != "prompt"}

    return call


def half_of(build: Callable[[], Any], dtype: torch.dtype) -> Callable[[], Any]:
    """The pipeline in half precision."""
    return lambda: build().to(dtype)


TWO = (PROMPT, "a dog")
TWO_TOKENS = (PROMPT_TOKENS, 2)
IMAGE = {"image": p.image(), "strength": 0.9}
THREES = {"block_out_channels": (6, 12, 12), "attention_head_dim": (3, 6, 6)}

PIPELINES = (
    Case("sd1", p.sd1),
    Case("sd2", p.sd2),
    Case("sdxl", p.sdxl),
    Case("sdxl-two-prompts", p.sdxl, sized(prompt_2="a dog", negative_prompt="blue")),
    Case("sdxl-img2img", p.sdxl_img2img, PLAIN | IMAGE),
    Case(
        "sdxl-inpaint",
        p.sdxl_inpaint,
        sized(**IMAGE, mask_image=p.half_mask()),
    ),
    Case("sdxl-controlnet", p.sdxl_controlnet, sized(image=p.image())),
    Case("sdxl-pag", p.sdxl_pag, layout="npp"),
    Case("img2img", p.img2img, PLAIN | IMAGE),
    Case("inpaint-4", p.inpaint, sized(**IMAGE, mask_image=p.half_mask())),
    Case(
        "inpaint-9",
        lambda: p.inpaint(channels=9),
        sized(image=p.image(), mask_image=p.half_mask(), strength=1.0),
    ),
    Case("controlnet", p.controlnet, sized(image=p.image())),
    Case("controlnet-guess", p.controlnet, sized(image=p.image(), guess_mode=True)),
    Case("pag", p.pag, layout="npp"),
    Case("pag-alone", p.pag, sized(guidance_scale=0.0), layout="pp"),
    Case("pag-off", p.pag, sized(pag_scale=0.0)),
    Case("lcm", p.lcm, layout="p"),
    Case("turbo-sd", p.sd1, sized(guidance_scale=0.0, num_inference_steps=1), layout="p"),
    Case("turbo-sdxl", p.sdxl, sized(guidance_scale=0.0, num_inference_steps=1), layout="p"),
    Case("instruct-pix2pix", p.instruct_pix2pix, PLAIN | {"image": p.image()}, layout="pnn"),
)

VARIANTS = (
    Case(
        "ip-adapter",
        lambda: v.with_ip_adapter(p.sd1()),
        sized(ip_adapter_image=p.image((16, 16))),
    ),
    Case(
        "ip-adapter-xl",
        lambda: v.with_ip_adapter(p.sdxl()),
        sized(ip_adapter_image=p.image((16, 16))),
    ),
    Case("lora", lambda: v.with_lora(p.sd1())),
    Case("lora-loaded", lambda: v.with_loaded_lora(p.sd1())),
    Case("lora-scaled", lambda: v.with_lora(p.sd1()), sized(cross_attention_kwargs={"scale": 0.3})),
    Case("lora-xl", lambda: v.with_loaded_lora(p.sdxl())),
    Case("fused", lambda: v.with_fused_qkv(p.sd1())),
    Case("fused-xl", lambda: v.with_fused_qkv(p.sdxl())),
    Case("slicing-max", lambda: v.with_slicing(p.sd1(), "max")),
    Case("slicing-auto", lambda: v.with_slicing(p.sd1(), "auto")),
    Case("slicing-1", lambda: v.with_slicing(p.sd1(), 1)),
    # Six and twelve rows of heads in a guided batch: slices of 2 run across the two halves.
    Case("slicing-2-of-3", lambda: v.with_slicing(p.sd1(**THREES), 2)),
    Case("slicing-3-of-3", lambda: v.with_slicing(p.sd1(**THREES), 3)),
    Case("slicing-xl", lambda: v.with_slicing(p.sdxl(), "max")),
    Case("explicit-softmax", lambda: v.with_explicit_softmax(p.sd1())),
    Case("explicit-scale", lambda: v.with_explicit_softmax(p.sd1(), scale=0.3)),
    Case("explicit-upcast", lambda: v.with_explicit_softmax(p.sd1(upcast_attention=True))),
    Case("sdpa", lambda: v.with_sdpa(p.sd1())),
    Case("upcast", lambda: p.sd1(upcast_attention=True)),
    Case("query-key-norms", lambda: v.with_query_key_norms(p.sd1())),
    Case("channels-last", lambda: v.with_channels_last(p.sd1())),
    Case("text-mask", lambda: v.with_text_mask(p.sd1())),
    Case("text-mask-explicit", lambda: v.with_explicit_softmax(v.with_text_mask(p.sd1()))),
    Case("text-mask-sliced", lambda: v.with_slicing(v.with_text_mask(p.sd1()), 1)),
    Case("dispatcher", lambda: v.with_dispatcher(p.sd1())),
    Case("cross-norm", lambda: v.with_cross_norm(p.sd1())),
    Case("offload", lambda: v.with_offload(p.sd1()), twin=p.sd1),
    Case("offload-model", lambda: v.with_model_offload(p.sd1()), twin=p.sd1),
    Case("offload-groups", lambda: v.with_group_offload(p.sd1()), twin=p.sd1),
    Case("offload-xl", lambda: v.with_offload(p.sdxl()), twin=p.sdxl),
    Case("fp16", half_of(p.sd1, torch.float16), atol=HALF),
    Case("bf16", half_of(p.sd1, torch.bfloat16), atol=HALF),
    Case("fp16-xl", half_of(p.sdxl, torch.float16), atol=HALF),
    Case(
        "fp16-upcast-explicit",
        half_of(lambda: v.with_explicit_softmax(p.sd1(upcast_attention=True)), torch.float16),
        atol=HALF,
    ),
    Case("fp16-sliced", half_of(lambda: v.with_slicing(p.sd1()), torch.float16), atol=HALF),
    Case("bf16-fused", half_of(lambda: v.with_fused_qkv(p.sd1()), torch.bfloat16), atol=HALF),
)

_SCHEDULERS: tuple[tuple[str, type, dict[str, Any]], ...] = (
    ("heun", HeunDiscreteScheduler, {}),
    ("kdpm2", KDPM2DiscreteScheduler, {}),
    ("kdpm2-ancestral", KDPM2AncestralDiscreteScheduler, {}),
    ("dpm++2m", DPMSolverMultistepScheduler, {}),
    ("dpm++2m-sde", DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    ("dpm++2s", DPMSolverSinglestepScheduler, {}),
    ("unipc", UniPCMultistepScheduler, {}),
    ("pndm", PNDMScheduler, {"skip_prk_steps": True}),
    ("euler", EulerDiscreteScheduler, {}),
    ("euler-ancestral", EulerAncestralDiscreteScheduler, {}),
    ("lms", LMSDiscreteScheduler, {}),
)


def _scheduled(kind: type, options: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: v.with_scheduler(p.sd1(), kind, **options)


SCHEDULERS = tuple(Case(name, _scheduled(kind, opts)) for name, kind, opts in _SCHEDULERS)

CALLS = (
    Case("guidance-off", p.sd1, sized(guidance_scale=1.0), layout="p"),
    Case(
        "guidance-dynamic",
        p.sd1,
        sized(
            callback_on_step_end=guidance_off_after_first_step,
            callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
        ),
        layout=("np", "p", "p"),
    ),
    Case("negative-prompt", p.sd1, sized(negative_prompt="a blue house")),
    Case("same-prompts", p.sd1, sized(negative_prompt=PROMPT)),
    Case("empty-prompt", p.sd1, sized(prompt=""), tokens=(0,)),
    Case("two-prompts", p.sd1, sized(prompt=list(TWO)), images=2, tokens=TWO_TOKENS),
    Case(
        "two-prompts-three-images",
        p.sd1,
        sized(prompt=list(TWO), num_images_per_prompt=3, negative_prompt=["blue", "a green tree"]),
        images=6,
        tokens=tuple(count for count in TWO_TOKENS for _ in range(3)),
    ),
    Case(
        "equal-prompts",
        p.sd1,
        lambda _pipe: sized(
            prompt=[PROMPT, PROMPT],
            generator=[torch.Generator().manual_seed(seed) for seed in (4, 5)],
        ),
        images=2,
    ),
    Case(
        "two-prompts-two-images-unguided",
        p.sd1,
        sized(prompt=list(TWO), num_images_per_prompt=2, guidance_scale=1.0),
        layout="p",
        images=4,
        tokens=tuple(count for count in TWO_TOKENS for _ in range(2)),
    ),
    Case(
        "pag-two-prompts-two-images",
        p.pag,
        sized(prompt=list(TWO), num_images_per_prompt=2),
        layout="npp",
        images=4,
        tokens=tuple(count for count in TWO_TOKENS for _ in range(2)),
    ),
    Case(
        "xl-two-prompts-two-images",
        p.sdxl,
        sized(prompt=list(TWO), num_images_per_prompt=2),
        images=4,
        tokens=tuple(count for count in TWO_TOKENS for _ in range(2)),
    ),
    Case(
        "pix2pix-two-images",
        p.instruct_pix2pix,
        PLAIN | {"image": p.image(), "num_images_per_prompt": 2},
        layout="pnn",
        images=2,
    ),
    Case(
        "controlnet-two-images",
        p.controlnet,
        sized(image=p.image(), num_images_per_prompt=2),
        images=2,
    ),
    Case("odd-latents", p.sd1, PLAIN | {"height": 40, "width": 56}),
    Case("odd-latents-again", p.sd1, PLAIN | {"height": 88, "width": 72}),
    Case("one-cell-high", p.sd1, PLAIN | {"height": 8, "width": 104}),
    Case("odd-latents-xl", p.sdxl, PLAIN | {"height": 40, "width": 56}),
    Case("square-default-size", p.sd1, PLAIN),
    Case("over-the-window", p.sd1, sized(prompt="a red cat " * 40), tokens=(75,)),
    Case("over-the-window-xl", p.sdxl, sized(prompt="a red cat " * 40), tokens=(75,)),
    Case("small-window", lambda: p.sd1(window=16), sized(prompt="a dog " * 10), tokens=(14,)),
    Case("embeds", p.sd1, embedded(PROMPT, negative="blue"), trace={"prompt": PROMPT}),
    Case(
        "embeds-same-as-negative",
        p.sd1,
        embedded(PROMPT, negative=PROMPT),
        trace={"prompt": PROMPT},
    ),
    Case(
        "textual-inversion-1",
        lambda: v.with_textual_inversion(p.sd1()),
        sized(prompt="a <thing> and a cat"),
        tokens=(5,),
    ),
    Case(
        "textual-inversion-3",
        lambda: v.with_textual_inversion(p.sd1(), vectors=3),
        sized(prompt="a <thing> and a cat"),
        tokens=(7,),
    ),
    Case("part-of-the-steps-xl", p.sdxl, sized(denoising_end=0.6, num_inference_steps=5)),
    Case(
        "own-timesteps",
        lambda: v.with_scheduler(p.sd1(), EulerDiscreteScheduler),
        sized(timesteps=[900, 500, 100], num_inference_steps=None),
    ),
    Case("one-step", p.sd1, sized(num_inference_steps=1)),
    Case("latents-out", p.sd1, sized(output_type="latent")),
)

CASES = PIPELINES + VARIANTS + SCHEDULERS + CALLS
