"""UNets with cross-attention over text: Stable Diffusion 1.x, 2.x, XL and what is built on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from torch import nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.models.adapter import (
    Adapter,
    LayerModule,
    network,
    second_encoder,
    shared_columns,
    unwrapped,
)
from daam_nb.tracing.models.answers import Omission, TextStream

_PIPELINES = (
    "StableDiffusionInpaintPipelineLegacy", "StableDiffusionPipelineSafe",
    *(f"{name}Pipeline"
    for name in (
        # Stable Diffusion 1.x and 2.x
        "LatentConsistencyModel", "LatentConsistencyModelImg2Img", "StableDiffusion",
        "StableDiffusionAdapter", "StableDiffusionControlNet", "StableDiffusionControlNetImg2Img",
        "StableDiffusionControlNetInpaint", "StableDiffusionControlNetPAG",
        "StableDiffusionControlNetPAGInpaint", "StableDiffusionDepth2Img",
        "StableDiffusionDiffEdit", "StableDiffusionGLIGEN", "StableDiffusionImg2Img",
        "StableDiffusionInpaint", "StableDiffusionInstructPix2Pix", "StableDiffusionLDM3D",
        "StableDiffusionLatentUpscale", "StableDiffusionModelEditing", "StableDiffusionPAG",
        "StableDiffusionPAGImg2Img", "StableDiffusionPAGInpaint", "StableDiffusionSAG",
        "StableDiffusionUpscale", "StableUnCLIP", "StableUnCLIPImg2Img",
        # Stable Diffusion XL
        "StableDiffusionXL", "StableDiffusionXLAdapter", "StableDiffusionXLControlNet",
        "StableDiffusionXLControlNetImg2Img", "StableDiffusionXLControlNetInpaint",
        "StableDiffusionXLControlNetPAG", "StableDiffusionXLControlNetPAGImg2Img",
        "StableDiffusionXLControlNetUnion", "StableDiffusionXLControlNetUnionImg2Img",
        "StableDiffusionXLControlNetUnionInpaint", "StableDiffusionXLImg2Img",
        "StableDiffusionXLInpaint", "StableDiffusionXLInstructPix2Pix", "StableDiffusionXLPAG",
        "StableDiffusionXLPAGImg2Img", "StableDiffusionXLPAGInpaint",
    )),
)  # fmt: skip

_FRAMES = "it makes a video: its frames are rows of one batch, not separate images"
_WOVEN = "its control network is interleaved with the UNet, whose blocks are run separately"
_OTHER_BLOCKS = "its UNet consists of other blocks, whose grids are not supported"
_COMBINED = "it is several pipelines in one, and none of them reads the prompt as Stable Diffusion"

# Classes of diffusers whose loop is known to be another one, and what it does.
_REFUSED = {
    "StableDiffusionPanoramaPipeline": (
        "in each step it denoises several views of the image separately and joins them, so a "
        "layer's grid is that of a view and not of the image"
    ),
    "StableDiffusionAttendAndExcitePipeline": (
        "it runs its UNet several times in a step, to move the latents towards the words"
    ),
    "StableDiffusionGLIGENTextImagePipeline": (
        "it runs its UNet twice in a step, with its boxes and without them"
    ),
    "StableDiffusionParadigmsPipeline": "it computes several steps at once, in one batch",
    "StableDiffusionPix2PixZeroPipeline": (
        "it runs its UNet twice in a step and changes the attention in between"
    ),
    "CycleDiffusionPipeline": "its batch also holds rows of the image's own prompt",
    "SemanticStableDiffusionPipeline": "its batch also holds rows of its editing prompts",
    "StableDiffusionControlNetXSPipeline": _WOVEN,
    "StableDiffusionXLControlNetXSPipeline": _WOVEN,
    "Kandinsky3Pipeline": _OTHER_BLOCKS,
    "Kandinsky3Img2ImgPipeline": _OTHER_BLOCKS,
    "KandinskyCombinedPipeline": _COMBINED,
    "KandinskyV22CombinedPipeline": _COMBINED,
}
_VIDEO = ("AnimateDiff", "PIAPipeline", "TextToVideo", "VideoToVideo", "I2VGenXL", "StableVideo")


_STAGES = {"down_blocks": "down", "mid_block": "mid", "up_blocks": "up"}

_TEXT_PROJECTIONS = (None, "text_proj", "ip_image_proj")

# Blocks of a guided batch, first to last, by number of blocks: how diffusers' own pipelines stack
# them ("n": negative or empty prompt, "p": prompt, "s": a safety text).
_PERTURBED_ORDERS = {1: "p", 2: "pp", 3: "npp"}
_ORDERS_BY_PIPELINE = {
    "StableDiffusionInstructPix2PixPipeline": {1: "p", 3: "pnn"},
    "StableDiffusionXLInstructPix2PixPipeline": {1: "p", 3: "pnn"},
    "StableDiffusionPipelineSafe": {1: "p", 2: "np", 3: "nps"},
}


class UNet(Adapter):
    """Queries are cells of the image, keys only the text."""

    title = (
        "Stable Diffusion 1.x, 2.x, XL and their img2img, inpaint, ControlNet, PAG and LCM variants"
    )
    pipelines = _PIPELINES
    component = "unet"
    looks_with = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
    noising = "diffusion"
    way_out = "pipe.unet.set_default_attn_processor()"

    @classmethod
    def matches(cls, pipe: Any) -> bool:
        return unwrapped(getattr(pipe, "unet", None)) is not None

    @classmethod
    def why_refused(cls, loop: type) -> str:
        if loop.__name__.startswith(_VIDEO):
            return _FRAMES
        return _REFUSED.get(loop.__name__, "")

    def check(self) -> None:
        super().check()
        projection = self._config("encoder_hid_dim_type")
        if projection not in _TEXT_PROJECTIONS:
            raise UnsupportedPipelineError(
                f"The `unet` of {self.pipe_name} mixes images into its text keys "
                f"(encoder_hid_dim_type={projection!r})."
            )
        for layer, module in self.modules():
            if getattr(module, "added_kv_proj_dim", None) is not None:
                raise UnsupportedPipelineError(
                    f"{layer} of {self.pipe_name} joins text and image keys in one attention."
                )

    def modules(self) -> Iterator[LayerModule]:
        modules = [pair for pair in super().modules() if pair[0].split(".", 1)[0] in _STAGES]
        order = list(_STAGES)
        # diffusers registers the up blocks before the mid block; `sorted` is stable.
        yield from sorted(modules, key=lambda pair: order.index(pair[0].split(".", 1)[0]))

    def layers(self, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        sizes = _block_sizes(self.net, latent_size)
        return tuple(
            self.layer(name, module, sizes[_block(name)]) for name, module in self.modules()
        )

    def layer(self, name: str, module: nn.Module, size: tuple[int, int]) -> Layer:
        return Layer(
            name,
            _STAGES[name.split(".", 1)[0]],
            size,
            int(cast(Any, module).heads),
            block=_block(name),
            label=_label(name),
        )

    def entrance(self) -> nn.Module | None:
        centers = self._config("center_input_sample")
        return None if centers else getattr(self.net, "conv_in", None)

    @property
    def hands_text_on(self) -> bool:
        return bool(self._config("encoder_hid_dim_type") != "text_proj")

    def _config(self, name: str) -> Any:
        return getattr(getattr(self.net, "config", None), name, None)

    @property
    def batch_orders(self) -> Mapping[int, str]:
        own = _ORDERS_BY_PIPELINE.get(self.loop_name)
        if own is not None:
            return own
        if getattr(self.pipe, "do_perturbed_attention_guidance", False):
            return _PERTURBED_ORDERS
        return super().batch_orders

    def text_of(self, label: str) -> str:
        return "the text of safety guidance"

    def text_streams(self) -> Sequence[TextStream]:
        # SDXL's refiner has the second alone; where the first was set free, nobody can be asked.
        pipe = self.pipe
        first = getattr(pipe, "tokenizer", None) is not None
        end = "" if first else "_2"
        return (
            TextStream(
                "clip",
                tokenizer=getattr(pipe, f"tokenizer{end}", None),
                encoder=network(pipe, f"text_encoder{end}"),
                windows=True,
                beside=second_encoder(pipe, "text_encoder_2", "tokenizer_2") if first else None,
            ),
        )

    def omissions(
        self, stream: TextStream, arguments: Mapping[str, Any], *, negative: bool = False
    ) -> Sequence[Omission]:
        return shared_columns(arguments, negative=negative)


def _block(name: str) -> str:
    """``"down_blocks.1"`` of ``"down_blocks.1.attentions.0.transformer_blocks.0.attn2"``."""
    parts = name.split(".")
    return parts[0] if parts[0] == "mid_block" else ".".join(parts[:2])


def _label(name: str) -> str:
    """``"down 1 · 0.0"`` of ``"down_blocks.1.attentions.0.transformer_blocks.0.attn2"``."""
    stage, *inner = _block(name).split(".")
    numbers = [part for part in name.removeprefix(_block(name)).split(".") if part.isdecimal()]
    return f"{' '.join([_STAGES[stage], *inner])} · {'.'.join(numbers)}"


def _block_sizes(unet: nn.Module, latent_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Grid inside each block: a downsampler halves, up blocks mirror the down blocks."""
    blocks = cast(Any, unet)
    size, sizes, path = latent_size, {}, [latent_size]
    for i, block in enumerate(blocks.down_blocks):
        sizes[f"down_blocks.{i}"] = size
        if getattr(block, "downsamplers", None) is not None:
            # A stride-2 convolution rounds up with padding 1 (every published model), else down.
            up = int(getattr(block.downsamplers[0], "padding", 1) != 0)
            size = ((size[0] + up) // 2, (size[1] + up) // 2)
            path.append(size)
    sizes["mid_block"] = size
    for i, block in enumerate(blocks.up_blocks):
        sizes[f"up_blocks.{i}"] = path[-1]
        if getattr(block, "upsamplers", None) is not None:
            path.pop()
    return sizes
