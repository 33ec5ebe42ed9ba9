"""The contract of a model family's adapter, with the answers that most families share.

An adapter is bound to one pipeline. A family's own file defines only what differs; what is the same
for every family is not part of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from torch import Tensor, nn

from daam_nb.errors import SelectionError, UnsupportedPipelineError
from daam_nb.recording import Attention, Layer
from daam_nb.tracing.models.answers import (
    BatchRows,
    DenoiserInputs,
    Embeddings,
    Layout,
    Omission,
    TextStream,
)

LayerModule = tuple[str, nn.Module]
"""Dotted name of an attention module, and the module."""


class Adapter:
    """Adapter of a model family: answers for one pipeline what differs between families.

    Made once per trace, by ``adapter_of(pipe)``. Unchanged, it is the adapter of a diffusers
    transformer that reads text by cross-attention (``attn2``), with patches of the latents as
    queries.

    Attributes
    ----------
    pipe, net
        The pipeline and its denoiser, without the compiler's wrapper.
    loop_name, is_vouched
        The known class whose loop the pipeline runs; whether it is known only by `vouch_for`.
    title
        The family's name, for display.
    pipelines
        Classes whose loop is known: names in diffusers, or classes.
    networks
        Class names of the denoiser.
    component
        Name of the pipeline's component that is the denoiser.
    attention
        ``"cross"`` if the keys are the text alone, ``"joint"`` if they are image and text.
    stage
        Stage of its layers, if all are of one kind.
    embeddings_at
        Positions of the embeddings of prompt and negative prompt in the result of
        ``encode_prompt``. (0, None): it is called a second time for the negative prompt.
    guidance_argument
        The argument of the call that scales classifier-free guidance.
    separate_passes
        Order of the passes within a step, if guidance runs the denoiser twice instead of on a
        doubled batch: ``"pn"``.
    supports
        The supported functions: ``"trace"``; ``"intervene"`` (`ablate`, `reweight`); ``"replay"``.
    why_not
        Why the others are not supported.
    looks_with
        Those of `pipelines` that `look` can use: their loop begins with the latents passed to it
        (``latents=``) and asks the scheduler for all the others.
    noising
        How their latents are noised: ``"diffusion"``, by the scheduler's ``alphas_cumprod``, or
        ``"flow"``, along a straight line.
    way_out
        How to get attention processors that can be traced, for messages.
    """

    title: ClassVar[str] = ""
    pipelines: ClassVar[tuple[str | type, ...]] = ()
    networks: ClassVar[tuple[str, ...]] = ()
    component: ClassVar[str] = "transformer"
    attention: ClassVar[Attention] = "cross"
    stage: ClassVar[str] = "block"
    embeddings_at: ClassVar[tuple[int, int | None]] = (0, 1)
    guidance_argument: ClassVar[str] = "guidance_scale"
    separate_passes: ClassVar[str] = ""
    supports: ClassVar[frozenset[str]] = frozenset({"trace", "intervene", "replay"})
    why_not: ClassVar[str] = "changing its attention is not implemented"
    looks_with: ClassVar[tuple[str, ...]] = ()
    noising: ClassVar[Literal["", "diffusion", "flow"]] = ""
    way_out: str = 'pipe.transformer.set_attention_backend("native")'

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.loop_name = ""
        self.is_vouched = False
        self.net: nn.Module = unwrapped(getattr(pipe, self.component, None))
        if not isinstance(self.net, nn.Module):
            raise UnsupportedPipelineError(
                f"The `{self.component}` of {self.pipe_name}, a {type(self.net).__name__}, is not "
                "a network."
            )

    # Whose it is -----------------------------------------------------------------------------

    @classmethod
    def matches(cls, pipe: Any) -> bool:
        """Whether a pipeline belongs to this family, by its denoiser."""
        net = unwrapped(getattr(pipe, cls.component, None))
        return type(net).__name__ in cls.networks

    @classmethod
    def why_refused(cls, loop: type) -> str:
        """Explain why a diffusers class with another loop cannot be traced; empty if it can."""
        return ""

    def check(self) -> None:
        """Raise `UnsupportedPipelineError` unless this pipeline can be read exactly."""
        if not list(self.modules()):
            raise UnsupportedPipelineError(
                f"The `{self.component}` of {self.pipe_name}, a {type(self.net).__name__}, has no "
                f"{self.attention}-attention."
            )

    def check_call(self, arguments: Mapping[str, Any], inputs: DenoiserInputs) -> None:
        """Raise `UnsupportedPipelineError` before the first step of a call that cannot be recorded.

        Parameters
        ----------
        arguments
            Arguments of the call, with the defaults of its signature.
        inputs
            The denoiser's inputs in the first pass.
        """

    # Layers ----------------------------------------------------------------------------------

    def modules(self) -> Iterator[LayerModule]:
        """List the traced attention modules with their dotted names, in forward order."""
        for name, module in self.net.named_modules():
            if hasattr(module, "get_processor") and getattr(module, "is_cross_attention", False):
                yield name, module

    def grid(self, latent_size: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the image among the queries, for latents of (height, width)."""
        patch = int(getattr(cast(Any, self.net).config, "patch_size", None) or 1)
        return (latent_size[0] // patch, latent_size[1] // patch)

    def layers(self, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        """List the layers of the denoiser for latents of (height, width), before it has run."""
        return tuple(
            self.layer(name, module, self.grid(latent_size)) for name, module in self.modules()
        )

    def layer(self, name: str, module: nn.Module, size: tuple[int, int]) -> Layer:
        """Make one of them, for a grid of (height, width)."""
        number = next((part for part in name.split(".") if part.isdecimal()), "")
        stage = self.stage_of(name)
        return Layer(
            name,
            stage,
            size,
            int(cast(Any, module).heads),
            attention=self.attention,
            block=f"{stage}_blocks",
            label=f"{stage} {number}".strip(),
        )

    def stage_of(self, name: str) -> str:
        """Return the stage of a layer."""
        return self.stage

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        """Locate image and text among a layer's queries and keys, in one batch row."""
        return Layout.of_cross_attention(layer.size[0] * layer.size[1], inputs.columns(row))

    @property
    def hands_text_on(self) -> bool:
        """Whether every layer reads the very text tensor that the denoiser is given.

        A plain class attribute works as well as a property.
        """
        return False

    def entrance(self) -> nn.Module | None:
        """The module that must be given the very latents that the denoiser is given, if any."""
        return None

    # A pass ----------------------------------------------------------------------------------

    def inputs(self, arguments: Mapping[str, Any]) -> DenoiserInputs | None:
        """Read the denoiser's arguments of one pass; None if they hold no text."""
        sample = arguments.get("sample", arguments.get("hidden_states"))
        text = arguments.get("encoder_hidden_states")
        if not isinstance(sample, Tensor) or not isinstance(text, Tensor):
            return None
        return DenoiserInputs(sample, text, (int(sample.shape[-2]), int(sample.shape[-1])))

    @property
    def batch_orders(self) -> Mapping[int, str]:
        """Order of the blocks of a batch: number of blocks -> a string with one letter per block.

        ``"p"`` is the prompt, ``"n"`` the negative prompt, any other letter a text that `text_of`
        names. The default is ``{1: "p", 2: "np"}``: one block, or first the negative prompt. The
        blocks are recognized by their content; this decides if both texts are the same. A plain
        class attribute works as well as a property.
        """
        return {1: "p", 2: "np"}

    def text_of(self, label: str) -> str:
        """Return the text of a block that is neither ``"p"`` nor ``"n"``."""
        return "another text"

    def lone_block(self, ran: int) -> str:
        """Decide whether a pass of one block is ``"p"`` or ``"n"``, if its text does not tell.

        Parameters
        ----------
        ran
            Number of passes before it in the same step.
        """
        return self.separate_passes[ran] if ran < len(self.separate_passes) else "p"

    # Text ------------------------------------------------------------------------------------

    def text_streams(self) -> Sequence[TextStream]:
        """The text encoders that name columns, the default first."""
        return (
            TextStream(
                "text",
                tokenizer=getattr(self.pipe, "tokenizer", None),
                encoder=network(self.pipe, "text_encoder"),
            ),
        )

    def stream(self, name: str | None = None) -> TextStream:
        """Return the text stream of a name, by default the first.

        Raises
        ------
        SelectionError
            If the pipeline has no such text columns.
        """
        streams = {stream.name: stream for stream in self.text_streams()}
        if name is None:
            return next(iter(streams.values()))
        if not isinstance(name, str) or name not in streams:
            choices = "; ".join(f"{s.name!r}: {s.description}" for s in streams.values())
            raise SelectionError(
                f"encoder={name!r} is not a text encoder of this {self.pipe_name}. There are "
                f"{choices}."
            )
        return streams[name]

    def text_encoders(self) -> list[nn.Module]:
        """All text encoders that make key columns; words can be hidden in them."""
        streams = self.text_streams()
        own = [stream.encoder for stream in streams if stream.encoder is not None]
        return own + [stream.beside[0] for stream in streams if stream.beside is not None]

    def embeddings(self, result: Any, before: Embeddings | None) -> Embeddings | None:
        """Return the text embeddings in the `result` of ``encode_prompt``."""
        parts = result if isinstance(result, tuple) else ()
        at, negative_at = self.embeddings_at
        conditional = rows_of(parts[at]) if at < len(parts) else None
        if conditional is None:
            return before
        if negative_at is None:
            return (
                Embeddings(conditional, None)
                if before is None
                else Embeddings(before.conditional, conditional)
            )
        return Embeddings(
            conditional, rows_of(parts[negative_at]) if negative_at < len(parts) else None
        )

    def why_empty(self, stream: TextStream, arguments: Mapping[str, Any]) -> str:
        """Explain why these columns have no text in this call; an empty string if they have."""
        return ""

    # Guidance, images, what is said -----------------------------------------------------------

    def guided(self, embeddings: Embeddings, rows: BatchRows) -> bool:
        """Whether a call whose first pass has these rows also runs on a negative prompt."""
        if self.separate_passes:
            return embeddings.unconditional is not None
        return bool(rows.unconditional)

    def guidance(self, arguments: Mapping[str, Any]) -> float | None:
        """Return the guidance scale of a guided call, from its arguments and defaults."""
        name = self.guidance_argument
        scale = getattr(self.pipe, name, arguments.get(name))
        return None if scale is None else float(scale)

    def latents(self, frames: Tensor, latent_size: tuple[int, int]) -> Tensor:
        """Bring the latents of several steps to (step, channel, y, x)."""
        return frames

    def packed(self, latents: Tensor) -> Tensor:
        """Bring latents (image, channel, y, x) to the form that the call takes as ``latents``.

        The inverse of `latents`.
        """
        return latents

    @property
    def latent_channels(self) -> int:
        """Number of channels of the denoiser's latents, before they are packed."""
        return int(cast(Any, self.net).config.in_channels)

    @classmethod
    def decode(cls, vae: Any, latents: Tensor) -> Tensor:
        """Decode latents (1, channel, y, x) as the pipelines do: (1, 3, y, x), about [-1, 1]."""
        decoded: Tensor = vae.decode(unscaled(latents, vae.config), return_dict=False)[0]
        return decoded

    def omissions(
        self, stream: TextStream, arguments: Mapping[str, Any], *, negative: bool = False
    ) -> Sequence[Omission]:
        """List the parts of the text's attention that a recording of this call does not hold.

        With `negative` it holds the attention to the negative prompt, too.
        """
        return ()

    @property
    def pipe_name(self) -> str:
        """Name of the pipeline's class."""
        return type(self.pipe).__name__


def unwrapped(part: Any) -> Any:
    """A part of a pipeline without the compiler's wrapper."""
    return getattr(part, "_orig_mod", part)


def network(pipe: Any, name: str) -> nn.Module | None:
    """A pipeline's part of this name, if it is a network."""
    part = getattr(pipe, name, None)
    return part if isinstance(part, nn.Module) else None


def rows_of(text: Any) -> tuple[Tensor, ...] | None:
    """(key, channel) for each image, from a tensor or a list; None for anything else."""
    if isinstance(text, Tensor):
        return tuple(text)
    if isinstance(text, list | tuple) and all(isinstance(row, Tensor) for row in text):
        return tuple(text)
    return None


def unscaled(latents: Tensor, config: Any) -> Tensor:
    """Undo the scaling of latents, as the pipelines do before they decode."""
    factor = float(config.scaling_factor)
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        return latents * latents.new_tensor(std).view(shape) / factor + latents.new_tensor(
            mean
        ).view(shape)
    shift = getattr(config, "shift_factor", None)
    return latents / factor + (0.0 if shift is None else float(shift))


def scaled(latents: Tensor, config: Any) -> Tensor:
    """Scale latents that the VAE encoded, as the pipelines do: the inverse of `unscaled`."""
    factor = float(config.scaling_factor)
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        centered = latents - latents.new_tensor(mean).view(shape)
        return centered * factor / latents.new_tensor(std).view(shape)
    shift = getattr(config, "shift_factor", None)
    return (latents - (0.0 if shift is None else float(shift))) * factor


def other_texts(
    arguments: Mapping[str, Any], suffix: str, *, negative: bool
) -> Iterator[tuple[str, str, Any]]:
    """Texts of another encoder that differ from those of the first: (first, other) names, the text.

    As diffusers does, an empty one counts as the first.
    """
    for first in ("prompt", "negative_prompt") if negative else ("prompt",):
        text = arguments.get(first + suffix)
        if text and text != arguments.get(first):
            yield first, first + suffix, text


def shared_columns(arguments: Mapping[str, Any], *, negative: bool) -> list[Omission]:
    """The text of a second encoder that shares the columns of the first."""
    why = "both text encoders share the key columns; columns are named by"
    return [
        (f"the words of {second}, {text!r}", f"{why} {first}")
        for first, second, text in other_texts(arguments, "_2", negative=negative)
    ]


def second_encoder(pipe: Any, *names: str) -> tuple[nn.Module, Any] | None:
    """A pipeline's encoder and tokenizer of these names, if it has both."""
    encoder, tokenizer = (getattr(pipe, name, None) for name in names)
    if isinstance(encoder, nn.Module) and tokenizer is not None:
        return encoder, tokenizer
    return None
