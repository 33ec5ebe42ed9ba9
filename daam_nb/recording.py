"""What was seen: `Layer`, `Recording` and the facts and the manifest that travel with it.

A recording is plain data. `tracing` makes it, `maps` reads it, neither knows the other; it can be
saved, sent and opened where there is no model, no diffusers and no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from daam_nb.errors import SelectionError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from daam_nb.prompt import Prompt

Stage = Literal["down", "mid", "up"]
Kept = Literal["steps", "sum", "replay"]

PAPER_STAGES: tuple[Stage, ...] = ("down", "up")


@dataclass(frozen=True)
class Layer:
    """One cross-attention module of the denoiser.

    Attributes
    ----------
    name
        Dotted diffusers name, as in ``dict(unet.named_modules())``.
    stage
        ``"down"``, ``"mid"`` or ``"up"``.
    size
        Native grid of its queries, (height, width) in latent cells of that level.
    heads
        Number of attention heads.
    """

    name: str
    stage: Stage
    size: tuple[int, int]
    heads: int


LayerChoice = str | Layer | Iterable[str | Layer] | Callable[[Layer], bool]


def select_layers(layers: Iterable[Layer], choice: LayerChoice) -> tuple[Layer, ...]:
    """Choose layers by ``"paper"``, ``"all"``, a stage, a name, a list of these, or a predicate.

    Parameters
    ----------
    layers
        What to choose from, in the order of the network.
    choice
        ``"paper"``: the down and the up blocks (Tang et al. 2023, section 2.2); ``"all"``;
        ``"down"``, ``"mid"``, ``"up"``; a layer's dotted name, or a dotted prefix of it
        (``"up_blocks.1"``); a `Layer`; a list of any of these; a function of a layer.

    Returns
    -------
    tuple of Layer
        In the order of `layers`, each once.

    Raises
    ------
    SelectionError
        Where the choice (or one item of a list) selects nothing.
    """
    layers = tuple(layers)
    if callable(choice):
        chosen = {layer for layer in layers if choice(layer)}
        items: list[Any] = [choice]
    else:
        items = [choice] if isinstance(choice, str | Layer) else list(choice)
        chosen = set()
        for item in items:
            matched = {layer for layer in layers if _matches(layer, item)}
            if not matched:
                raise SelectionError(_nothing_selected(item, layers))
            chosen |= matched
    if not chosen:
        raise SelectionError(_nothing_selected(items[0] if items else [], layers))
    return tuple(layer for layer in layers if layer in chosen)


def _matches(layer: Layer, item: object) -> bool:
    if isinstance(item, Layer):
        return layer == item
    if not isinstance(item, str):
        raise SelectionError(
            f"A layer is chosen by its name, a stage or a Layer, not by {item!r} "
            f"of type {type(item).__name__}."
        )
    if item == "all":
        return True
    if item == "paper":
        return layer.stage in PAPER_STAGES
    return item in (layer.stage, layer.name) or layer.name.startswith(item + ".")


def _nothing_selected(item: object, layers: tuple[Layer, ...]) -> str:
    names = ", ".join(repr(layer.name) for layer in layers[:4])
    more = f" and {len(layers) - 4} more" if len(layers) > 4 else ""
    return (
        f"{item!r} selects none of the {len(layers)} layers. Use 'paper', 'all', a stage "
        f"('down', 'mid', 'up'), a name or its dotted prefix; there are {names or 'none'}{more}."
    )


@dataclass(frozen=True)
class Skipped:
    """One thing that was there and was not captured, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Manifest:
    """What a recording holds and what it does not.

    Attributes
    ----------
    captured
        One sentence per kind of array that was kept.
    skipped
        What was seen and not kept, each with the reason.
    """

    captured: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Where a recording comes from. Every field is plain JSON data.

    Attributes
    ----------
    model
        Hub id or path of the model, as the pipeline names it.
    pipeline, scheduler
        Class names.
    image_size, latent_size
        (height, width), in pixels and in latent cells.
    num_steps
        Steps of the sampling loop (calls of ``scheduler.step``).
    guidance
        Classifier-free guidance scale, or None where the pass was not guided.
    seed
        Seed of this picture's generator, or None where no generator was given.
    dtype, device
        Of the denoiser while it ran.
    batch
        The call this picture came from: every prompt, its own index, images per prompt.
    call
        The JSON-able arguments of the call, by name.
    omitted
        Arguments of the call that are not plain data (pictures, callbacks, tensors), by name.
    versions
        Of daam_nb, torch, diffusers, transformers and python.
    duration
        Seconds that the pipeline's call took, watching included.
    created
        ISO 8601, UTC.
    """

    model: str
    pipeline: str
    scheduler: str
    image_size: tuple[int, int]
    latent_size: tuple[int, int]
    num_steps: int
    guidance: float | None = None
    seed: int | None = None
    dtype: str = "float32"
    device: str = "cpu"
    batch: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    duration: float = 0.0
    created: str = ""


@dataclass(frozen=True, eq=False)
class Recording:
    """The attention that painted one picture, by step, layer, head and token.

    Attributes
    ----------
    prompt
        The text, its words and its tokens.
    layers
        The layers kept, in the order of the network.
    attention
        Layer name -> (step, head, token, y, x), attention probability in [0, 1] of the picture's
        conditional pass, at the layer's native size; float16 unless asked otherwise.
        Where `kept` is ``"sum"``: (1, head, token, y, x), float32, summed over `steps`.
    columns
        Key positions of the kept tokens: ``attention[...][:, :, i]`` belongs to
        ``prompt.tokens[columns[i]]``.
    steps
        The steps kept, 0-based places in the loop: ``attention[...][i]`` belongs to ``steps[i]``.
    timesteps
        The scheduler's number of every step of the loop, kept or not.
    image
        The picture, or None where the pipeline returned latents.
    latents
        (num_steps + 1, channel, y, x): what the denoiser was given at each step, and the result;
        None where not kept.
    negative_prompt, negative_attention, negative_columns
        The same for the unconditional pass, where it was asked for.
    kept
        ``"steps"``: each step apart. ``"sum"``: one running sum. ``"replay"``: each step, every
        column of both passes, as replaying needs them.
    """

    prompt: Prompt
    layers: tuple[Layer, ...]
    attention: Mapping[str, Tensor]
    columns: tuple[int, ...]
    steps: tuple[int, ...]
    timesteps: tuple[float, ...]
    facts: Facts
    manifest: Manifest = field(default_factory=Manifest)
    image: Image | None = None
    latents: Tensor | None = None
    negative_prompt: Prompt | None = None
    negative_attention: Mapping[str, Tensor] = field(default_factory=dict)
    negative_columns: tuple[int, ...] = ()
    kept: Kept = "steps"
