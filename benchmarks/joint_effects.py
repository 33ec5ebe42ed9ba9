"""Whether a map of effects would pay on joint attention, tried on the shipped joint model.

    OMP_NUM_THREADS=1 python -m benchmarks.joint_effects            # 56 images
    OMP_NUM_THREADS=1 python -m benchmarks.joint_effects --quick    # 2, to try

In joint attention a text is changed by the image from block to block, so that a text with the word
hidden needs a stream of its own. Here it gets one: the prompt is encoded again with the word's
tokens masked inside both text encoders, and in every step and block the block is called a second
time with the hidden text in place of the text, for the hidden text's own next state; the image's
stream goes on as it is. The effect at a cell is the norm of what the image's attention output would
lose, ``sum over heads and text keys of p (v - v') W_O`` with the probabilities p as they were,
divided by the mean norm of the attention's output in that block and step. The map is the mean over
steps and blocks. It is held against the judge's masks, beside the attention to the word's own
tokens; nothing is chosen by the result.
"""

from __future__ import annotations

import sys
from itertools import islice, permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.harness import arguments, report
from daam_nb import menagerie
from daam_nb.maps import iou
from daam_nb.menagerie.judge import Judge

NOUNS = ("cat", "car", "tree", "apple", "dog", "banana", "zebra", "boat")
THRESHOLD = 0.4
RESAMPLES = 10_000
# Columns of zeros in place of the third text encoder's: as few as the model was trained with.
TEXT = {"max_sequence_length": 32}


class Watch:
    """Attention to the words, and effects of the words, of one image: written out by hooks.

    Parameters
    ----------
    pipe
        A pipeline of the architecture of Stable Diffusion 3.
    columns
        Of each word, its key columns of the text.
    hidden
        (word, column, channel): the prompt's embeddings with each word hidden.
    """

    def __init__(self, pipe: Any, columns: list[list[int]], hidden: Tensor) -> None:
        self.columns, self.hidden = columns, hidden
        self.blocks = list(pipe.transformer.transformer_blocks)
        self.embed = pipe.transformer.context_embedder
        self.states: list[Tensor] = []
        # (word, cell) sums over the steps, by block
        self.attention: list[Tensor] = [torch.zeros(())] * len(self.blocks)
        self.effects: list[Tensor] = [torch.zeros(())] * len(self.blocks)
        self.handles = [
            block.register_forward_pre_hook(self._hook(number), with_kwargs=True)
            for number, block in enumerate(self.blocks)
        ]

    def _hook(self, number: int) -> Any:
        def before(block: Any, args: Any, kwargs: dict[str, Any]) -> None:
            # The row of the prompt; the one before is that of the empty prompt.
            image, text, temb = (
                kwargs[name][-1:] for name in ("hidden_states", "encoder_hidden_states", "temb")
            )
            if number == 0:
                self.states = [self.embed(embeddings[None]) for embeddings in self.hidden]
            self._measure(number, block, image, text, temb)
            if not block.context_pre_only:
                self.states = [block.forward(image, state, temb)[0] for state in self.states]

        return before

    def _measure(self, number: int, block: Any, image: Tensor, text: Tensor, temb: Tensor) -> None:
        attn = block.attn
        own = block.norm1(image, emb=temb)[0]
        query, key = (
            norm(_by_head(project(own), attn.heads))
            for norm, project in ((attn.norm_q, attn.to_q), (attn.norm_k, attn.to_k))
        )
        text_key, text_value = _keys_and_values(block, text, temb)
        value = torch.cat([_by_head(attn.to_v(own), attn.heads), text_value], dim=2)
        logits = query @ torch.cat([key, text_key], dim=2).mT / query.shape[-1] ** 0.5
        shares = logits.softmax(-1)  # (1, head, image cell, cells and text columns)
        to_text = shares[..., key.shape[2] :]
        output = attn.to_out[0](_flat(shares @ value))
        scale = output.norm(dim=-1).mean()
        attention, effects = [], []
        for columns, state in zip(self.columns, self.states, strict=True):
            attention.append(to_text[0, :, :, columns].mean((0, 2)))
            lost = to_text @ (text_value - _keys_and_values(block, state, temb)[1])
            without_bias = functional.linear(_flat(lost), attn.to_out[0].weight)
            effects.append(without_bias[0].norm(dim=-1) / scale)
        self.attention[number] = self.attention[number] + torch.stack(attention)
        self.effects[number] = self.effects[number] + torch.stack(effects)

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self.handles:
            handle.remove()


def _by_head(projected: Tensor, heads: int) -> Tensor:
    return projected.unflatten(-1, (heads, -1)).transpose(1, 2)


def _flat(by_head: Tensor) -> Tensor:
    return by_head.transpose(1, 2).flatten(2)


def _keys_and_values(block: Any, text: Tensor, temb: Tensor) -> tuple[Tensor, Tensor]:
    attn = block.attn
    norm = block.norm1_context
    normed = norm(text, temb) if block.context_pre_only else norm(text, emb=temb)[0]
    key = attn.norm_added_k(_by_head(attn.add_k_proj(normed), attn.heads))
    return key, _by_head(attn.add_v_proj(normed), attn.heads)


def columns_of(pipe: Any, prompt: str, word: str) -> list[int]:
    """Key columns of a word's tokens."""
    start = prompt.index(word)
    spans = pipe.tokenizer(prompt, return_offsets_mapping=True)["offset_mapping"]
    return [
        i for i, (lo, hi) in enumerate(spans) if lo < start + len(word) and hi > start and hi > lo
    ]


def hidden_text(pipe: Any, prompt: str, columns: list[int]) -> Tensor:
    """The prompt's embeddings with a word masked inside both text encoders: (column, channel)."""

    def mask(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen = torch.ones_like(args[0])
        seen[:, columns] = 0
        return args, {**kwargs, "attention_mask": seen}

    encoders = (pipe.text_encoder, pipe.text_encoder_2)
    handles = [encoder.register_forward_pre_hook(mask, with_kwargs=True) for encoder in encoders]
    try:
        texts = pipe.encode_prompt(prompt, None, None, do_classifier_free_guidance=False, **TEXT)
    finally:
        for handle in handles:
            handle.remove()
    text: Tensor = texts[0][0]
    return text


def map_of(sums: list[Tensor], word: int, blocks: list[int], size: tuple[int, int]) -> np.ndarray:
    """The map of a word, of some blocks, in pixels."""
    mean = torch.stack([sums[block][word] for block in blocks]).mean(0)
    side = round(len(mean) ** 0.5)
    larger = functional.interpolate(mean.view(1, 1, side, side), size=size, mode="bicubic")
    pixels: np.ndarray = larger[0, 0].clamp(min=0).numpy()
    return pixels


@torch.no_grad()
def main() -> int:
    """Measure, print, write."""
    parser = arguments("joint-effects.json", __doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=56)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if options.quick:
        options.images, options.steps = 2, 2
    pipe, judge = menagerie.load(architecture="joint"), Judge()
    pipe.set_progress_bar_config(disable=True)
    count = len(pipe.transformer.transformer_blocks)
    choices = {"all blocks": list(range(count)), "the last two blocks": [count - 2, count - 1]}
    # (choice, "attention" or "effect") -> per image, of each word seen: IoU, peak in the mask
    scores: dict[tuple[str, str], list[list[tuple[float, float]]]] = {}
    for seed, nouns in enumerate(islice(permutations(NOUNS, 2), options.images)):
        prompt = f"a {nouns[0]} next to a {nouns[1]}"
        columns = [columns_of(pipe, prompt, noun) for noun in nouns]
        hidden = torch.stack([hidden_text(pipe, prompt, each) for each in columns])
        watch = Watch(pipe, columns, hidden)
        try:
            generator = torch.Generator().manual_seed(seed)
            image = pipe(
                prompt, generator=generator, num_inference_steps=options.steps, **TEXT
            ).images[0]
        finally:
            watch.close()
        masks = [judge.mask(image, noun) for noun in nouns]
        for choice, blocks in choices.items():
            for kind, sums in (("attention", watch.attention), ("effect", watch.effects)):
                scores.setdefault((choice, kind), []).append(
                    [
                        _score(map_of(sums, word, blocks, mask.shape), mask)
                        for word, mask in enumerate(masks)
                        if mask.any() or options.quick
                    ]
                )
        print(f"image {seed + 1} of {options.images}", file=sys.stderr)
    rows = []
    chance = np.random.default_rng(0)
    for choice in choices:
        attention, effect = (scores[choice, kind] for kind in ("attention", "effect"))
        for kind, of_images in (("attention", attention), ("effect", effect)):
            flat = np.array([score for words in of_images for score in words])
            rows.append((choice, kind, len(flat), *(float(value) for value in flat.mean(0)), ""))
        gains = [
            (sum(e[0] - a[0] for e, a in zip(*pair, strict=True)), len(pair[0]))
            for pair in zip(effect, attention, strict=True)
        ]
        rows[-1] = (*rows[-1][:-1], _interval(np.array(gains), chance))
    report(
        f"Joint attention, {options.images} images of two things, IoU at {THRESHOLD}",
        ("blocks", "map", "words", "IoU", "peak in mask", "effect - attention (95 %)"),
        rows,
        into=options.json,
    )
    return 0


def _score(pixels: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    peak = np.unravel_index(pixels.argmax(), pixels.shape)
    overlap = float(iou(pixels, mask, threshold=THRESHOLD))
    return overlap, float(mask[peak])


def _interval(gains: np.ndarray, chance: np.random.Generator) -> str:
    """Gain in IoU per word, with an interval from resampling whole images."""
    drawn = gains[chance.integers(0, len(gains), (RESAMPLES, len(gains)))].sum(1)
    means = drawn[:, 0] / np.maximum(drawn[:, 1], 1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{gains[:, 0].sum() / max(gains[:, 1].sum(), 1):+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    sys.exit(main())
