"""Variants of the tiny pipelines: each changes the pipeline it is given, and returns it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from diffusers.models.normalization import RMSNorm
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.pipelines import WIDTH_OF_TEXT, seeded


def with_ip_adapter(pipe: Any, *, seed: int = 20) -> Any:
    """Load a tiny random IP-Adapter and its image encoder."""
    with seeded(seed):
        vision = CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=16,
            patch_size=8,
            projection_dim=16,
        )
        pipe.register_modules(
            image_encoder=CLIPVisionModelWithProjection(vision).eval(),
            feature_extractor=CLIPImageProcessor(size=16, crop_size=16),
        )
        width = pipe.unet.config.cross_attention_dim
        weights: dict[str, torch.Tensor] = {}
        names = [name for name in pipe.unet.attn_processors if name.endswith("attn2.processor")]
        for place, name in enumerate(names):
            inner = pipe.unet.get_submodule(name.removesuffix(".processor")).inner_dim
            for kind in ("to_k_ip", "to_v_ip"):
                # diffusers numbers all attention modules, and uses the odd ones: attn2
                weights[f"{2 * place + 1}.{kind}.weight"] = torch.randn(inner, width)
        projection = {
            "proj.weight": torch.randn(4 * width, 16),
            "proj.bias": torch.zeros(4 * width),
            "norm.weight": torch.ones(width),
            "norm.bias": torch.zeros(width),
        }
    pipe.load_ip_adapter({"image_proj": projection, "ip_adapter": weights}, "", "")
    pipe.set_ip_adapter_scale(0.7)
    return pipe


def with_lora(pipe: Any, *, seed: int = 21) -> Any:
    """Add a peft LoRA of rank 3 to the projections of both kinds of attention."""
    from peft import LoraConfig

    config = LoraConfig(
        r=3, lora_alpha=6, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=False
    )
    with seeded(seed):
        pipe.unet.add_adapter(config, "tiny")
        for name, parameter in pipe.unet.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    return pipe


def with_loaded_lora(pipe: Any, *, seed: int = 22) -> Any:
    """Load a LoRA from a state dict, as `load_lora_weights` does with a file, at weight 0.8."""
    weights: dict[str, torch.Tensor] = {}
    with seeded(seed):
        for name, module in pipe.unet.named_modules():
            if name.endswith(("attn2.to_q", "attn2.to_k")):
                down = torch.randn(2, module.in_features) * 0.3
                up = torch.randn(module.out_features, 2) * 0.3
                weights[f"unet.{name}.lora_A.weight"] = down
                weights[f"unet.{name}.lora_B.weight"] = up
    pipe.load_lora_weights(weights, adapter_name="loaded")
    pipe.set_adapters(["loaded"], [0.8])
    return pipe


def with_textual_inversion(pipe: Any, *, vectors: int = 1, seed: int = 23) -> Any:
    """Teach the pipeline ``<thing>``, of one or several vectors."""
    with seeded(seed):
        learned = torch.randn(vectors, WIDTH_OF_TEXT) * 0.05
    pipe.load_textual_inversion({"<thing>": learned.squeeze(0) if vectors == 1 else learned})
    return pipe


def with_fused_qkv(pipe: Any) -> Any:
    """Fuse the projections: attn2 gets `to_kv`, attn1 gets `to_qkv`."""
    pipe.fuse_qkv_projections()
    return pipe


def with_slicing(pipe: Any, size: str | int = "max") -> Any:
    """Attention slicing: "max", "auto", or a number of heads at a time."""
    pipe.enable_attention_slicing(size)
    return pipe


def with_explicit_softmax(pipe: Any, *, scale: float | None = None) -> Any:
    """`AttnProcessor`: softmax(q k) written out, as without SDPA; it alone heeds `scale`."""
    pipe.unet.set_attn_processor(AttnProcessor())
    if scale is not None:
        for name, module in pipe.unet.named_modules():
            if name.endswith("attn2"):
                module.scale = scale
    return pipe


class DispatchedAttention:
    """A processor that asks diffusers' dispatcher, as those of newer models do."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As AttnProcessor2_0, with (row, position, head, dim) for the dispatcher."""
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            linear(given).unflatten(-1, (attn.heads, -1))
            for linear, given in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        mixed = dispatch_attention_fn(query, key, value, attn_mask=attention_mask)
        out: torch.Tensor = attn.to_out[0](mixed.flatten(2))
        return out


def with_dispatcher(pipe: Any) -> Any:
    """A processor through `diffusers.models.attention_dispatch`."""
    pipe.unet.set_attn_processor(DispatchedAttention())
    return pipe


class HandmadeAttention:
    """A processor that calls no function that anybody could watch."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """softmax(q k) v with einsum."""
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            linear(given).unflatten(-1, (attn.heads, -1))
            for linear, given in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * attn.scale
        mixed = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), value)
        out: torch.Tensor = attn.to_out[0](mixed.flatten(2))
        return out


def with_handmade_attention(pipe: Any) -> Any:
    """A processor whose attention no tap can see."""
    pipe.unet.set_attn_processor(HandmadeAttention())
    return pipe


def with_cross_norm(pipe: Any, *, seed: int = 25) -> Any:
    """Norms of the text and of the queries' channels in every attn2 (UnCLIP and old UNets)."""
    with seeded(seed):
        for name, module in pipe.unet.named_modules():
            if name.endswith("attn2"):
                module.norm_cross = torch.nn.LayerNorm(module.cross_attention_dim)
                module.norm_cross.weight.normal_(1.0, 0.5)
                module.group_norm = torch.nn.GroupNorm(2, module.query_dim)
                module.group_norm.weight.normal_(1.0, 0.5)
    return pipe


def with_sdpa(pipe: Any) -> Any:
    """`AttnProcessor2_0`, explicitly: one object for all modules."""
    pipe.unet.set_attn_processor(AttnProcessor2_0())
    return pipe


def with_query_key_norms(pipe: Any, *, seed: int = 24) -> Any:
    """Norms of queries and keys in every attn2, as newer models have them."""
    with seeded(seed):
        for name, module in pipe.unet.named_modules():
            if name.endswith("attn2"):
                width = module.inner_dim // module.heads
                module.norm_q, module.norm_k = RMSNorm(width, 1e-5), RMSNorm(width, 1e-5)
                module.norm_q.weight.normal_(1.0, 0.5)
                module.norm_k.weight.normal_(1.0, 0.5)
    return pipe


def with_channels_last(pipe: Any) -> Any:
    """Another memory layout of the UNet's weights and features."""
    pipe.unet.to(memory_format=torch.channels_last)
    return pipe


def with_text_mask(pipe: Any, *, visible: int = 9) -> Any:
    """Give the UNet an `encoder_attention_mask` that hides every key from `visible` on."""

    def add_mask(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = kwargs["encoder_hidden_states"]
        mask = torch.zeros(text.shape[:2])
        mask[:, :visible] = 1
        return args, kwargs | {"encoder_attention_mask": mask}

    pipe.unet.register_forward_pre_hook(add_mask, with_kwargs=True)
    return pipe


def with_scheduler(pipe: Any, kind: type, **options: Any) -> Any:
    """Another scheduler of the same training noise."""
    pipe.scheduler = kind.from_config(pipe.scheduler.config, **options)
    return pipe


def with_offload(pipe: Any) -> Any:
    """accelerate's hooks on every module, as `enable_sequential_cpu_offload` puts them there.

    Weights are on the meta device but while their module runs; the execution device is the CPU,
    which diffusers' own method refuses.
    """
    from accelerate import cpu_offload

    for part in (pipe.text_encoder, pipe.unet, pipe.vae):
        cpu_offload(part, execution_device=torch.device("cpu"))
    return pipe


def with_group_offload(pipe: Any) -> Any:
    """diffusers' own offloading, which wraps the instances' `forward`."""
    pipe.unet.enable_group_offload(
        onload_device=torch.device("cpu"),
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
    )
    return pipe


def with_model_offload(pipe: Any) -> Any:
    """accelerate's hook on whole models (`enable_model_cpu_offload`), the device being the CPU."""
    from accelerate import cpu_offload_with_hook

    hook = None
    for part in (pipe.text_encoder, pipe.unet, pipe.vae):
        _, hook = cpu_offload_with_hook(part, torch.device("cpu"), prev_module_hook=hook)
    return pipe
