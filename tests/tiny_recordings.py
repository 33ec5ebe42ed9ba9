"""Recordings small enough to write by hand: what tests of maps, figures and storage stand on.

No tokenizer and no model: `tiny_prompt` makes one token per word, `tiny_recording` draws softmax-ed
scores from a seeded generator. The grid is not square and the layers differ in size, so that a
transposed or a wrongly matched map shows.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from daam_nb.prompt import Prompt, Token
from daam_nb.recording import (
    Concepts,
    Effects,
    Facts,
    Gradients,
    Kept,
    Layer,
    Manifest,
    Recording,
    SelfAttention,
    Skipped,
    format_1,
)
from daam_nb.recording.concepts import concept_heads
from daam_nb.recording.self_attention import KeptSelf

LATENT_SIZE = (8, 12)
IMAGE_SIZE = (64, 96)
START_ID, END_ID = 49406, 49407

# (dotted name, stage, native size, which of the two head counts)
NETWORK: tuple[tuple[str, str, tuple[int, int], int], ...] = (
    ("down_blocks.0.attentions.0.transformer_blocks.0.attn2", "down", (8, 12), 0),
    ("down_blocks.1.attentions.0.transformer_blocks.0.attn2", "down", (4, 6), 1),
    ("mid_block.attentions.0.transformer_blocks.0.attn2", "mid", (2, 3), 1),
    ("up_blocks.1.attentions.0.transformer_blocks.0.attn2", "up", (4, 6), 1),
    ("up_blocks.2.attentions.0.transformer_blocks.0.attn2", "up", (8, 12), 0),
)


def tiny_prompt(text: str = "a cat and a dog", *, length: int = 12) -> Prompt:
    """One token per word or sign, between a start and an end of text, padded to `length`.

    Words that do not fit are cut, as a text encoder's would be.
    """
    pieces = list(re.finditer(r"\w+|[^\w\s]", text))
    read, dropped = pieces[: length - 2], pieces[length - 2 :]
    tokens = [Token(0, START_ID, "<|startoftext|>", None, True)]
    for piece in read:
        number = 1000 + sum(map(ord, piece.group())) % 40000
        tokens.append(Token(len(tokens), number, piece.group() + "</w>", piece.span(), False))
    while len(tokens) < length:
        tokens.append(Token(len(tokens), END_ID, "<|endoftext|>", None, True))
    cut = (dropped[0].start(), dropped[-1].end()) if dropped else None
    return Prompt(text=text, tokens=tuple(tokens), cut=cut)


def tiny_layers(heads: tuple[int, int] = (2, 2)) -> tuple[Layer, ...]:
    """Five layers; `heads` are those of the fine layers and those of the coarser ones."""
    return tuple(
        format_1.layer(name, stage, size, heads[which]) for name, stage, size, which in NETWORK
    )


def joint_layers(double: int = 2, single: int = 3) -> tuple[Layer, ...]:
    """The layers of a transformer with blocks of both kinds, each at (4, 6)."""
    names: list[tuple[str, str]] = [
        *((f"transformer_blocks.{i}.attn", "double") for i in range(double)),
        *((f"single_transformer_blocks.{i}.attn", "single") for i in range(single)),
    ]
    return tuple(format_1.layer(name, stage, (4, 6), 2) for name, stage in names)


def tiny_recording(
    text: str = "a cat and a dog",
    *,
    steps: int = 3,
    heads: tuple[int, int] = (2, 2),
    layers: Sequence[Layer] | None = None,
    tokens: Sequence[int] | None = None,
    kept_steps: Sequence[int] | None = None,
    kept: Kept = "steps",
    negative: str | None = None,
    image: bool = True,
    latents: bool = True,
    dtype: torch.dtype = torch.float16,
    length: int = 12,
    seed: int = 0,
) -> Recording:
    """Make a valid recording from a seeded generator.

    Parameters
    ----------
    text
        The prompt; one token per word.
    steps
        Steps of the loop.
    heads
        Heads of the layers at (8, 12), and of those at (4, 6) and (2, 3).
    layers
        Other layers than those of `tiny_layers`.
    tokens
        Key positions kept; by default the start, the text's tokens and the end of text.
    kept_steps
        Steps kept; by default all.
    kept
        As in `Recording`; ``"replay"`` keeps every column and also the negative prompt's.
    negative
        A negative prompt whose attention is kept too.
    image, latents
        Whether these are kept.
    dtype
        Of the stored attention where `kept` is not ``"sum"``.
    length
        Tokens of the padded prompt.
    """
    generator = torch.Generator().manual_seed(seed)
    prompt = tiny_prompt(text, length=length)
    places = tuple(range(steps)) if kept_steps is None else tuple(kept_steps)
    layers = tiny_layers(heads) if layers is None else tuple(layers)
    if kept == "replay" and negative is None:
        negative = ""
    unconditional = None if negative is None else tiny_prompt(negative, length=length)
    columns = _columns(prompt, tokens, kept)
    negative_columns = () if unconditional is None else _columns(unconditional, None, kept)

    def attention(chosen: Sequence[int]) -> dict[str, Tensor]:
        made = {}
        for layer in layers:
            every = _probabilities(generator, layer, len(places), length)[:, :, list(chosen)]
            made[layer.name] = every.sum(0, keepdim=True) if kept == "sum" else every.to(dtype)
        return made

    return Recording(
        prompt=prompt,
        layers=layers,
        attention=attention(columns),
        columns=columns,
        steps=places,
        timesteps=tuple(float(999 - index * (1000 // steps)) for index in range(steps)),
        facts=_facts(text, steps=steps, seed=seed, negative=negative),
        manifest=Manifest(
            captured=(f"attention of {len(columns)} tokens in {len(layers)} layers",),
            skipped=(Skipped("self-attention", "not asked for"),),
        ),
        image=_image(generator) if image else None,
        latents=torch.randn(steps + 1, 4, *LATENT_SIZE, generator=generator) if latents else None,
        negative_prompt=unconditional,
        negative_attention={} if unconditional is None else attention(negative_columns),
        negative_columns=negative_columns,
        kept=kept,
    )


def with_effects(
    run: Recording,
    words: Sequence[tuple[int, ...]] = ((2,), (5,)),
    *,
    dtype: torch.dtype = torch.float32,
) -> Recording:
    """The same recording with made-up effects of some words; parts of heads may be negative."""
    generator = torch.Generator().manual_seed(0)
    steps = 1 if run.kept == "sum" else len(run.steps)
    keys, count = len(run.prompt.tokens), len(words)

    def drawn(*shape: int) -> Tensor:
        return 3 * torch.randn(shape, generator=generator)

    by_head = {layer.name: drawn(steps, layer.heads, count, *layer.size) for layer in run.layers}
    effects = Effects(
        words=tuple(words),
        shares={name: array.sum(1).abs().to(dtype) for name, array in by_head.items()},
        by_head={name: array.to(dtype) for name, array in by_head.items()},
        by_token={layer.name: drawn(steps, count, keys).abs() for layer in run.layers},
        outputs={layer.name: drawn(steps).abs() + 1 for layer in run.layers},
    )
    return dataclasses.replace(run, effects=effects)


def with_gradients(
    run: Recording, words: Sequence[tuple[int, ...]] = ((2,), (5,)), *, seed: int = 0
) -> Recording:
    """The same recording with made-up gradients of some words."""
    generator = torch.Generator().manual_seed(seed)
    steps = len(run.steps)
    size = run.facts.latent_size
    shares = torch.randn(steps, len(words), *size, generator=generator).abs()
    outputs = torch.rand(steps, generator=generator) + 1
    gradients = Gradients(tuple(words), {"shares": shares, "outputs": outputs})
    return dataclasses.replace(run, gradients=gradients)


def with_concepts(run: Recording, concepts: Sequence[str] = ("sky", "blue sky")) -> Recording:
    """The same recording with made-up attention to concepts."""
    generator = torch.Generator().manual_seed(1)
    steps = 1 if run.kept == "sum" else len(run.steps)
    text, spans = ", ".join(concepts), []
    for concept in concepts:
        start = spans[-1][1] + 2 if spans else 0
        spans.append((start, start + len(concept)))
    prompt = tiny_prompt(text)
    columns = prompt.text_columns
    attention = {
        layer.name: _probabilities(
            generator,
            dataclasses.replace(layer, heads=concept_heads(layer)),
            steps,
            len(columns),
        )
        for layer in run.layers
    }
    return dataclasses.replace(run, concepts=Concepts(prompt, tuple(spans), columns, attention))


def with_self_attention(run: Recording, kept: KeptSelf = "sum") -> Recording:
    """The same recording with made-up self-attention beside each of its layers."""
    generator = torch.Generator().manual_seed(2)
    layers = tuple(
        dataclasses.replace(layer, name=layer.name.replace("attn2", "attn1"), attention="self")
        for layer in run.layers
    )
    arrays = {}
    for layer in layers:
        number = layer.size[0] * layer.size[1]
        scores = torch.randn(len(run.steps), number, number, generator=generator)
        each = (2 * scores).softmax(-1)
        arrays[layer.name] = each.sum(0, keepdim=True) if kept == "sum" else each
    return dataclasses.replace(run, self_attention=SelfAttention(layers, arrays, kept))


def _columns(prompt: Prompt, tokens: Sequence[int] | None, kept: Kept) -> tuple[int, ...]:
    if tokens is not None:
        return tuple(tokens)
    if kept == "replay":
        return tuple(range(len(prompt.tokens)))
    read = sum(not token.special for token in prompt.tokens)
    return tuple(range(read + 2))


def _probabilities(generator: torch.Generator, layer: Layer, steps: int, length: int) -> Tensor:
    """(step, head, token, y, x), float32, summing to one over all tokens."""
    scores = 2 * torch.randn(steps, layer.heads, length, *layer.size, generator=generator)
    return scores.softmax(dim=2)


def _image(generator: torch.Generator) -> Image.Image:
    values = torch.randint(0, 256, (*IMAGE_SIZE, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(values.numpy())


def _facts(text: str, *, steps: int, seed: int, negative: str | None) -> Facts:
    return Facts(
        model="tiny/by-hand",
        pipeline="StableDiffusionPipeline",
        scheduler="DDIMScheduler",
        image_size=IMAGE_SIZE,
        latent_size=LATENT_SIZE,
        num_steps=steps,
        guidance=7.5,
        seed=seed,
        batch={"prompts": [text], "index": 0, "images_per_prompt": 1},
        call={"num_inference_steps": steps, "guidance_scale": 7.5, "negative_prompt": negative},
        omitted=("callback_on_step_end",),
        versions={"daam_nb": "0.0.0", "torch": "2.0.0"},
        duration=0.25,
        created="2025-01-01T00:00:00+00:00",
    )
