"""A tiny real pipeline of every class with a UNet that is watched without being vouched for.

`build` makes one by the class's name out of the parts of `tests.pipelines`; `CALLS` holds what the
class is called with beside the usual arguments, and how its batch is stacked.
"""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import torch
from diffusers import (
    ControlNetUnionModel,
    DDIMInverseScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    PriorTransformer,
    T2IAdapter,
    UnCLIPScheduler,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import (
    StableUnCLIPImageNormalizer,
)
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests import pipelines as p

SIZED: dict[str, Any] = {"height": p.SIZE[0], "width": p.SIZE[1]}
IMAGE: dict[str, Any] = {"image": p.image()}
IMG2IMG: dict[str, Any] = IMAGE | {"strength": 0.9}
MASKED: dict[str, Any] = SIZED | IMG2IMG | {"mask_image": p.half_mask()}
CONTROL: dict[str, Any] = {"control_image": p.image(seed=1)}
UNION: dict[str, Any] = {"control_image": [p.image(seed=1)], "control_mode": [0]}

# Class -> arguments of the call, and the order of the batch's blocks ("s": a safety text).
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "LatentConsistencyModelImg2ImgPipeline": (IMAGE | {"strength": 0.9}, "p"),
    "LatentConsistencyModelPipeline": (SIZED, "p"),
    "StableDiffusionAdapterPipeline": (SIZED | IMAGE, "np"),
    "StableDiffusionControlNetImg2ImgPipeline": (IMG2IMG | CONTROL, "np"),
    "StableDiffusionControlNetInpaintPipeline": (MASKED | CONTROL, "np"),
    "StableDiffusionControlNetPAGInpaintPipeline": (MASKED | CONTROL, "npp"),
    "StableDiffusionControlNetPAGPipeline": (SIZED | IMAGE, "npp"),
    "StableDiffusionControlNetPipeline": (SIZED | IMAGE, "np"),
    "StableDiffusionDepth2ImgPipeline": (IMG2IMG | {"depth_map": torch.rand(1, 64, 96)}, "np"),
    "StableDiffusionDiffEditPipeline": (
        {
            "mask_image": torch.ones(1, 8, 12),
            "image_latents": torch.ones(1, 2, 4, 8, 12),
            "inpaint_strength": 1.0,
        },
        "np",
    ),
    "StableDiffusionGLIGENPipeline": (
        SIZED | {"gligen_phrases": ["a cat"], "gligen_boxes": [[0.1, 0.1, 0.6, 0.6]]},
        "np",
    ),
    "StableDiffusionImg2ImgPipeline": (IMG2IMG, "np"),
    "StableDiffusionInpaintPipeline": (MASKED, "np"),
    "StableDiffusionInpaintPipelineLegacy": (IMG2IMG | {"mask_image": p.half_mask()}, "np"),
    "StableDiffusionInstructPix2PixPipeline": (IMAGE, "pnn"),
    "StableDiffusionLDM3DPipeline": (SIZED, "np"),
    "StableDiffusionLatentUpscalePipeline": ({"image": p.image((32, 48))}, "np"),
    "StableDiffusionModelEditingPipeline": (SIZED, "np"),
    "StableDiffusionPAGImg2ImgPipeline": (IMG2IMG, "npp"),
    "StableDiffusionPAGInpaintPipeline": (MASKED, "npp"),
    "StableDiffusionPAGPipeline": (SIZED, "npp"),
    "StableDiffusionPipeline": (SIZED, "np"),
    "StableDiffusionPipelineSafe": (SIZED, "nps"),
    "StableDiffusionSAGPipeline": (SIZED, "np"),
    "StableDiffusionUpscalePipeline": ({"image": p.image((8, 12)), "noise_level": 20}, "np"),
    "StableDiffusionXLAdapterPipeline": (SIZED | IMAGE, "np"),
    "StableDiffusionXLControlNetImg2ImgPipeline": (IMG2IMG | CONTROL, "np"),
    "StableDiffusionXLControlNetInpaintPipeline": (MASKED | CONTROL, "np"),
    "StableDiffusionXLControlNetPAGImg2ImgPipeline": (IMG2IMG | CONTROL, "npp"),
    "StableDiffusionXLControlNetPAGPipeline": (SIZED | IMAGE, "npp"),
    "StableDiffusionXLControlNetPipeline": (SIZED | IMAGE, "np"),
    "StableDiffusionXLControlNetUnionImg2ImgPipeline": (IMG2IMG | UNION, "np"),
    "StableDiffusionXLControlNetUnionInpaintPipeline": (MASKED | UNION, "np"),
    "StableDiffusionXLControlNetUnionPipeline": (SIZED | UNION, "np"),
    "StableDiffusionXLImg2ImgPipeline": (IMG2IMG, "np"),
    "StableDiffusionXLInpaintPipeline": (MASKED, "np"),
    "StableDiffusionXLInstructPix2PixPipeline": (SIZED | IMAGE, "pnn"),
    "StableDiffusionXLPAGImg2ImgPipeline": (IMG2IMG, "npp"),
    "StableDiffusionXLPAGInpaintPipeline": (MASKED, "npp"),
    "StableDiffusionXLPAGPipeline": (SIZED, "npp"),
    "StableDiffusionXLPipeline": (SIZED, "np"),
    "StableUnCLIPImg2ImgPipeline": (
        SIZED | {"image_embeds": torch.ones(1, p.WIDTH_OF_TEXT)},
        "np",
    ),
    "StableUnCLIPPipeline": (SIZED | {"prior_num_inference_steps": 2}, "np"),
}

_K_UPSCALER: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 5,
    "block_out_channels": (32, 64, 64),
    "layers_per_block": 2,
    "down_block_types": ("KDownBlock2D", "KCrossAttnDownBlock2D", "KCrossAttnDownBlock2D"),
    "up_block_types": ("KCrossAttnUpBlock2D", "KCrossAttnUpBlock2D", "KUpBlock2D"),
    "mid_block_type": None,
    "attention_head_dim": 8,
    "norm_num_groups": None,
    "act_fn": "gelu",
    "conv_in_kernel": 1,
    "conv_out_kernel": 1,
    "resnet_time_scale_shift": "scale_shift",
    "time_embedding_type": "fourier",
    "timestep_post_act": "gelu",
    "time_cond_proj_dim": 128 + p.WIDTH_OF_TEXT,
    "only_cross_attention": False,
}
_UNETS: dict[str, dict[str, Any]] = {
    "StableDiffusionDepth2ImgPipeline": {"in_channels": 5},
    "StableDiffusionGLIGENPipeline": {"attention_type": "gated"},
    "StableDiffusionInstructPix2PixPipeline": {"in_channels": 8},
    "StableDiffusionLatentUpscalePipeline": _K_UPSCALER,
    "StableDiffusionSAGPipeline": {"attention_head_dim": 2},
    "StableDiffusionUpscalePipeline": {"in_channels": 7, "num_class_embeds": 350},
    "StableUnCLIPImg2ImgPipeline": {
        "class_embed_type": "projection",
        "projection_class_embeddings_input_dim": 2 * p.WIDTH_OF_TEXT,
    },
    "LatentConsistencyModelPipeline": {"time_cond_proj_dim": 16},
}
_UNETS["StableUnCLIPPipeline"] = _UNETS["StableUnCLIPImg2ImgPipeline"]
_UNETS["LatentConsistencyModelImg2ImgPipeline"] = _UNETS["LatentConsistencyModelPipeline"]


def pipeline_class(name: str) -> type:
    """A pipeline class of diffusers by its name."""
    kind: type = getattr(diffusers, name)
    return kind


def build(name: str, *, seed: int = 3) -> Any:
    """A tiny pipeline of the class."""
    kind = pipeline_class(name)
    with p.seeded(seed):
        if "XL" in name:
            parts = p.sdxl_parts()
            if "InstructPix2Pix" in name:
                parts["unet"] = p.sdxl_unet(in_channels=8)
        else:
            levels = 3 if name == "StableDiffusionUpscalePipeline" else 4
            parts = p.sd_parts(vae_levels=levels, **_UNETS.get(name, {}))
        parts |= _extras(name, parts["unet"])
    if "LatentUpscale" in name:
        parts["scheduler"] = EulerDiscreteScheduler.from_config(parts["scheduler"].config)
    if "LatentConsistency" in name:
        parts["scheduler"] = p.lcm_scheduler()
    takes = inspect.signature(kind).parameters
    parts |= {part: value for part, value in p.NO_SAFETY.items() if part in takes}
    if "add_watermarker" in takes:
        parts["add_watermarker"] = False
    if "pag_applied_layers" in takes:
        parts["pag_applied_layers"] = "mid"
    return p.quiet(kind(**{part: value for part, value in parts.items() if part in takes}))


def _extras(name: str, unet: UNet2DConditionModel) -> dict[str, Any]:
    """Parts that only some classes have."""
    parts: dict[str, Any] = {}
    if "Union" in name:
        parts["controlnet"] = _union(unet)
    elif "ControlNet" in name:
        parts["controlnet"] = p.controlnet_of(unet, seed=7)
    elif "Adapter" in name:
        # Its first features are added behind the first block, which halves the size in XL.
        factor, kind = (16, "full_adapter_xl") if "XL" in name else (8, "full_adapter")
        parts["adapter"] = T2IAdapter(
            channels=list(unet.config.block_out_channels), num_res_blocks=1,
            downscale_factor=factor, adapter_type=kind,
        ).eval()  # fmt: skip
    elif "DiffEdit" in name:
        parts["inverse_scheduler"] = DDIMInverseScheduler.from_config(p.ddim().config)
    elif name == "StableDiffusionUpscalePipeline":
        parts["low_res_scheduler"] = DDPMScheduler()
    elif "Depth2Img" in name:
        parts["depth_estimator"] = None
    elif "LDM3D" in name:
        parts |= {"vae": p.vae(in_channels=6, out_channels=6), "image_encoder": None}
    elif "UnCLIP" in name:
        parts |= _unclip()
    return parts


def _union(unet: UNet2DConditionModel) -> ControlNetUnionModel:
    # `from_unet` has no way to say how many channels the transformer of conditions has.
    config = inspect.signature(ControlNetUnionModel).parameters
    same = {name: value for name, value in unet.config.items() if name in config}
    return ControlNetUnionModel(
        **same, conditioning_embedding_out_channels=(4, 4, 4, 8), num_trans_channel=8,
        num_trans_head=2, num_proj_channel=8,
    ).eval()  # fmt: skip


def _unclip() -> dict[str, Any]:
    width = p.WIDTH_OF_TEXT
    tokenizer = p.clip_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=16, patch_size=8, projection_dim=width,
    )  # fmt: skip
    return {
        "prior_tokenizer": tokenizer,
        "prior_text_encoder": p.text_encoder(tokenizer, projection=True),
        "prior": PriorTransformer(
            num_attention_heads=2, attention_head_dim=12, embedding_dim=width, num_layers=1
        ).eval(),
        "prior_scheduler": UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", num_train_timesteps=1000,
            clip_sample=True, clip_sample_range=5.0, beta_schedule="squaredcos_cap_v2",
        ),
        "image_normalizer": StableUnCLIPImageNormalizer(embedding_dim=width).eval(),
        "image_noising_scheduler": DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        "image_encoder": CLIPVisionModelWithProjection(vision).eval(),
        "feature_extractor": None,
    }  # fmt: skip
