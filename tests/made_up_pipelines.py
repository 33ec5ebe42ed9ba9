"""Two model families that nobody has published, as tiny real pipelines of diffusers.

`tiles`: a transformer that reads T5's text by cross-attention, guided on one doubled batch.
`scrolls`: joint attention over [text, image, padding] in one sequence, whose prompts are read
within a chat template; each row has a text of its own length, so the image begins elsewhere in
each, and guidance runs the denoiser twice in a step.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from diffusers import ConfigMixin, DiffusionPipeline, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.attention_processor import Attention
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2Model

from tests import pipelines as p
from tests.joint_pipelines import t5_encoder
from tests.tiny_tokenizers import qwen_tokenizer, t5_tokenizer

_WIDTH, _HEADS, _PATCH = 24, 3, 2


class _Denoiser(ModelMixin, ConfigMixin):
    """Patches of the latents and where they stand, blocks, and patches again."""

    def _make_ends(self, channels: int) -> None:
        self.pos_embed = nn.Conv2d(channels, _WIDTH, _PATCH, stride=_PATCH)
        self.time = nn.Linear(1, _WIDTH)
        self.proj_out = nn.Linear(_WIDTH, channels * _PATCH**2)

    def _patches(self, latents: Tensor, timestep: Tensor) -> Tensor:
        image = self.pos_embed(latents)
        height, width = image.shape[-2:]
        rows = torch.linspace(-1, 1, height)[:, None].expand(height, width)
        columns = torch.linspace(-1, 1, width).expand(height, width)
        waves = torch.stack([rows * 2, columns * 3, (rows - columns) * 5])
        image = image + waves.repeat(_WIDTH // 3, 1, 1)
        time = self.time(timestep.reshape(-1, 1).float() / 1000)
        return image.flatten(2).transpose(1, 2) + time[:, None]

    def _whole(self, image: Tensor, latents: Tensor) -> Tensor:
        height, width = (length // _PATCH for length in latents.shape[-2:])
        cells = self.proj_out(image).reshape(len(image), height, width, -1, _PATCH, _PATCH)
        return cells.permute(0, 3, 1, 4, 2, 5).reshape(latents.shape)


class TileTransformer2DModel(_Denoiser):
    """Self-attention (attn1) and cross-attention over text (attn2), as PixArt has them."""

    @register_to_config
    def __init__(self, text_width: int, channels: int = 4, patch_size: int = _PATCH) -> None:
        super().__init__()
        self._make_ends(channels)
        sizes = {"query_dim": _WIDTH, "heads": _HEADS, "dim_head": _WIDTH // _HEADS}
        self.transformer_blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "attn1": Attention(**sizes),
                    "attn2": Attention(**sizes, cross_attention_dim=text_width),
                }
            )
            for _ in range(2)
        )

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        timestep: Tensor,
        encoder_attention_mask: Tensor,
    ) -> Tensor:
        """Latents (row, channel, y, x) -> the noise in them."""
        image = self._patches(hidden_states, timestep)
        hidden = (1 - encoder_attention_mask[:, None].to(image)) * -10_000.0
        for block in self.transformer_blocks:
            image = image + block["attn1"](image)
            image = image + block["attn2"](image, encoder_hidden_states, attention_mask=hidden)
        return self._whole(image, hidden_states)


class ScrollTransformer2DModel(_Denoiser):
    """One sequence for each row, [text, image, padding], and the same weights for all of it."""

    @register_to_config
    def __init__(self, text_width: int, channels: int = 4, patch_size: int = _PATCH) -> None:
        super().__init__()
        self._make_ends(channels)
        self.caption = nn.Linear(text_width, _WIDTH)
        sizes = {"query_dim": _WIDTH, "heads": _HEADS, "dim_head": _WIDTH // _HEADS}
        self.layers = nn.ModuleList(nn.ModuleDict({"attn": Attention(**sizes)}) for _ in range(2))

    def forward(self, x: Tensor, captions: list[Tensor], timestep: Tensor) -> Tensor:
        """Latents (row, channel, y, x) and a (key, channel) for each row -> the noise in them."""
        image = self._patches(x, timestep)
        longest = max(len(caption) for caption in captions)
        rows, masks = [], []
        for caption, own in zip(captions, image, strict=True):
            unused = longest - len(caption)
            rows.append(torch.cat([self.caption(caption), own, own.new_zeros(unused, _WIDTH)]))
            masks.append(own.new_tensor([0.0] * (len(rows[-1]) - unused) + [-10_000.0] * unused))
        scroll, mask = torch.stack(rows), torch.stack(masks)[:, None]
        for layer in self.layers:
            scroll = scroll + layer["attn"](scroll, attention_mask=mask)
        starts = [len(caption) for caption in captions]
        cells = image.shape[1]
        own = [row[start : start + cells] for row, start in zip(scroll, starts, strict=True)]
        return self._whole(torch.stack(own), x)


class _Pipeline(DiffusionPipeline):
    """The loop's ends: noise, and the image."""

    def __init__(self, **parts: Any) -> None:
        super().__init__()
        self.register_modules(**parts)
        self.vae_scale_factor = 8
        self.image_processor = VaeImageProcessor(vae_scale_factor=8)

    def _noise(self, images: int, size: tuple[int, int], generator: Any) -> Tensor:
        height, width = (length // self.vae_scale_factor for length in size)
        return randn_tensor((images, 4, height, width), generator=generator)

    def _image(self, latents: Tensor, output_type: str) -> Any:
        decoded = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return ImagePipelineOutput(self.image_processor.postprocess(decoded, output_type))


class TilePipeline(_Pipeline):
    """T5, cleaned and padded to one length; [negative, prompt] in one batch."""

    def __init__(
        self, tokenizer: Any, text_encoder: Any, transformer: Any, vae: Any, scheduler: Any
    ) -> None:
        super().__init__(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            transformer=transformer,
            vae=vae,
            scheduler=scheduler,
        )

    def encode_prompt(self, prompt: Any, negative_prompt: Any, each: int, guided: bool) -> Any:
        """(embeddings, mask, negative embeddings, negative mask), a row for each image."""
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        negatives = negative_prompt if isinstance(negative_prompt, list) else [negative_prompt]
        positive = self._encode(texts, each)
        if not guided:
            return (*positive, None, None)
        return (*positive, *self._encode(negatives * (len(texts) // len(negatives)), each))

    @staticmethod
    def clean(text: str) -> str:
        """Lower case, typewriters' quotation marks and dashes, no brackets, no files: as PixArt."""
        text = re.sub(r"\S+\.png", "", text.lower())
        text = re.sub(r"[()]", " ", re.sub(r"[–—]", "-", re.sub(r"[“”]", '"', text)))
        return re.sub(r"\s+", " ", text).strip()

    def _encode(self, texts: list[str], each: int) -> tuple[Tensor, Tensor]:
        ids = self.tokenizer(
            [self.clean(text) for text in texts],
            padding="max_length",
            max_length=20,
            truncation=True,
            return_tensors="pt",
        )
        encoded = self.text_encoder(ids.input_ids, attention_mask=ids.attention_mask)[0]
        return encoded.repeat_interleave(each, 0), ids.attention_mask.repeat_interleave(each, 0)

    @torch.no_grad()
    def __call__(  # noqa: PLR0917 (as pipelines of diffusers)
        self,
        prompt: str | list[str],
        negative_prompt: str | list[str] = "",
        height: int = 64,
        width: int = 64,
        num_inference_steps: int = 3,
        guidance_scale: float = 4.5,
        num_images_per_prompt: int = 1,
        generator: Any = None,
        output_type: str = "pil",
    ) -> Any:
        """Draw."""
        guided = guidance_scale > 1
        text, mask, negative, unmasked = self.encode_prompt(
            prompt, negative_prompt, num_images_per_prompt, guided
        )
        latents = self._noise(len(text), (height, width), generator)
        if guided:
            text, mask = torch.cat([negative, text]), torch.cat([unmasked, mask])
        self.scheduler.set_timesteps(num_inference_steps)
        for timestep in self.scheduler.timesteps:
            noise = self.transformer(
                torch.cat([latents] * 2) if guided else latents,
                encoder_hidden_states=text,
                timestep=timestep.expand(len(text)),
                encoder_attention_mask=mask,
            )
            if guided:
                empty, full = noise.chunk(2)
                noise = empty + guidance_scale * (full - empty)
            latents = self.scheduler.step(noise, timestep, latents, return_dict=False)[0]
        return self._image(latents, output_type)


class ScrollPipeline(_Pipeline):
    """A chat model within a template, of which the first tokens are dropped; two passes."""

    before = "<|im_start|>user\n"
    after = "<|im_end|>\n<|im_start|>assistant\n"
    dropped = 2

    def __init__(
        self, tokenizer: Any, text_encoder: Any, transformer: Any, vae: Any, scheduler: Any
    ) -> None:
        super().__init__(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            transformer=transformer,
            vae=vae,
            scheduler=scheduler,
        )

    def encode_prompt(self, prompt: Any, each: int) -> list[Tensor]:
        """A (key, channel) for each image; called a second time for the negative prompt."""
        texts = [prompt] if isinstance(prompt, str) else prompt
        whole = [self.before + text + self.after for text in texts]
        ids = self.tokenizer(whole, padding=True, return_tensors="pt")
        states = self.text_encoder(
            input_ids=ids.input_ids, attention_mask=ids.attention_mask
        ).last_hidden_state
        own = [row[seen.bool()] for row, seen in zip(states, ids.attention_mask, strict=True)]
        return [row[self.dropped :] for row in own for _ in range(each)]

    @torch.no_grad()
    def __call__(  # noqa: PLR0917 (as pipelines of diffusers)
        self,
        prompt: str | list[str],
        negative_prompt: str | list[str] | None = None,
        height: int = 64,
        width: int = 64,
        num_inference_steps: int = 3,
        true_cfg_scale: float = 4.0,
        num_images_per_prompt: int = 1,
        generator: Any = None,
        output_type: str = "pil",
    ) -> Any:
        """Draw."""
        captions = self.encode_prompt(prompt, num_images_per_prompt)
        guided = true_cfg_scale > 1 and negative_prompt is not None
        if guided:
            if isinstance(negative_prompt, str) and isinstance(prompt, list):
                negative_prompt = [negative_prompt] * len(prompt)
            others = self.encode_prompt(negative_prompt, num_images_per_prompt)
        latents = self._noise(len(captions), (height, width), generator)
        self.scheduler.set_timesteps(num_inference_steps)
        for timestep in self.scheduler.timesteps:
            times = timestep.expand(len(captions))
            noise = self.transformer(x=latents, captions=captions, timestep=times)
            if guided:
                empty = self.transformer(x=latents, captions=others, timestep=times)
                noise = empty + true_cfg_scale * (noise - empty)
            latents = self.scheduler.step(noise, timestep, latents, return_dict=False)[0]
        return self._image(latents, output_type)


def _sharpen(model: nn.Module, factor: float = 2.0) -> None:
    for module in model.modules():
        if isinstance(module, Attention):
            module.to_q.weight.data.mul_(factor)
            module.to_k.weight.data.mul_(factor)


def tiles(*, seed: int = 30) -> TilePipeline:
    """The family of cross-attention."""
    with p.seeded(seed):
        tokenizer = t5_tokenizer()
        encoder = t5_encoder(tokenizer)
        model = TileTransformer2DModel(encoder.config.d_model).eval()
        _sharpen(model)
        pipe = TilePipeline(tokenizer, encoder, model, p.vae(), p.ddim())
    return p.quiet(pipe)


def scrolls(*, seed: int = 31) -> ScrollPipeline:
    """The family of joint attention."""
    with p.seeded(seed):
        tokenizer = qwen_tokenizer(padding_side="right")
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
        config = Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=p.WIDTH_OF_TEXT,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
        encoder = Qwen2Model(config).eval()
        model = ScrollTransformer2DModel(p.WIDTH_OF_TEXT).eval()
        pipe = ScrollPipeline(tokenizer, encoder, model, p.vae(), p.ddim())
    return p.quiet(pipe)
