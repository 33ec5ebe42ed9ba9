"""Time from a selection to a map, on a recording with the shapes of Stable Diffusion 1.5.

    OMP_NUM_THREADS=1 python -m benchmarks.maps

16 cross-attention layers of 8 heads, 50 steps, 10 tokens of text, float16, random probabilities.
Each row times the public calls, from `heat_maps(run, ...)` to a finished tensor. "first" is the
first call on a fresh recording, which builds what the others use; "cpu" the median in processor
time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch.nn import functional

from benchmarks.harness import QUICK, arguments, report, timing
from daam_nb.maps import HeatMaps, heat_maps
from daam_nb.maps.cache import CACHE
from daam_nb.prompt import Prompt, Token
from daam_nb.recording import Facts, Layer, Recording

STEPS, HEADS, GRID = 50, 8, (64, 64)
WORDS = ["red", "fox", "jumps", "over", "snow", "while", "seven", "dogs", "watch", "quietly"]
# (stage, size, how many)
BLOCKS: tuple[tuple[str, int, int], ...] = (
    ("down", 64, 2),
    ("down", 32, 2),
    ("down", 16, 2),
    ("mid", 8, 1),
    ("up", 16, 3),
    ("up", 32, 3),
    ("up", 64, 3),
)


def sd15_recording(seed: int = 0) -> Recording:
    """Random probabilities in the shapes of SD-1.5: 10 words of one token, start and end."""
    generator = torch.Generator().manual_seed(seed)
    layers = tuple(
        Layer(f"{stage}_blocks.{size}.attentions.{i}", stage, (size, size), HEADS)
        for stage, size, count in BLOCKS
        for i in range(count)
    )
    tokens = [Token(0, 0, "<start>", None, True)]
    text = " ".join(WORDS)
    for word in WORDS:
        start = text.index(word)
        tokens.append(Token(len(tokens), len(tokens), word, (start, start + len(word)), False))
    tokens.append(Token(len(tokens), len(tokens), "<end>", None, True))
    attention = {}
    for layer in layers:
        shape = (STEPS, HEADS, len(tokens), *layer.size)
        attention[layer.name] = torch.rand(shape, generator=generator).pow_(4).half()
    return Recording(
        prompt=Prompt(text, tuple(tokens), None),
        layers=layers,
        attention=attention,
        columns=tuple(range(len(tokens))),
        steps=tuple(range(STEPS)),
        timesteps=tuple(float(i) for i in range(STEPS, 0, -1)),
        facts=Facts("random", "none", "none", (512, 512), GRID, STEPS),
    )


def naive(maps: HeatMaps, token: int) -> torch.Tensor:
    """The definition, written out, with which the fast implementation is compared."""
    column = maps.columns.index(token)
    raised = []
    for layer in maps.layers:
        steps = maps.run.attention[layer.name][list(maps.steps), :, column].float().mean(0)
        chosen = steps if maps.heads is None else steps[list(maps.heads)]
        raised.append(functional.interpolate(chosen[:, None], size=GRID, mode="bicubic")[:, 0])
    return torch.cat(raised).clamp_(min=0).mean(0)


class Selections:
    """Random choices: any contiguous steps, layers and heads, seeded."""

    def __init__(self, run: Recording, seed: int = 0) -> None:
        self.run, self.random = run, random.Random(seed)

    def steps(self) -> slice:
        """A half-open range, never all steps (for which there is a shortcut)."""
        while True:
            start, stop = sorted(self.random.sample(range(STEPS + 1), 2))
            if stop - start < STEPS:
                return slice(start, stop)

    def maps(self, layers: object = "all", heads: object = None) -> HeatMaps:
        """Maps of these layers and heads over random steps."""
        return heat_maps(self.run, layers=layers, steps=self.steps(), heads=heads)  # type: ignore[arg-type]

    def any_maps(self) -> HeatMaps:
        """Maps of random layers, heads and steps."""
        layers = self.random.sample(self.run.layers, self.random.randint(1, len(self.run.layers)))
        heads = sorted(self.random.sample(range(HEADS), self.random.randint(1, HEADS)))
        return self.maps(layers, heads)


# what is timed -> how many calls, at most how many ms (median; "first" at most 200), the call
CASES: dict[str, tuple[int, float | None, Callable[[Selections], object]]] = {
    "one word, all 16 layers, any step range": (300, 1, lambda c: c.maps("all").word(WORDS[1])),
    "one word, the paper's layers, any step range": (
        300, 1, lambda c: c.maps("paper").word(WORDS[1])
    ),
    "one word, any layers, heads, step range": (300, 1, lambda c: c.any_maps().word(WORDS[1])),
    "one word, every second step": (
        50, None, lambda c: heat_maps(c.run, steps=range(0, STEPS, 2)).word(WORDS[1])
    ),
    "one word at each of 50 steps": (10, None, lambda c: heat_maps(c.run).by_step(WORDS[1])),
    "one word in each of 120 heads": (50, None, lambda c: c.maps("paper").by_head(WORDS[1])),
    "ten words, all layers, any step range": (50, 10, lambda c: c.maps("all").words),
    "ten words, all layers, all steps": (
        50, 10, lambda c: heat_maps(c.run, layers="all").words
    ),
    "the definition, naively, one word": (10, None, lambda c: naive(c.maps("all"), 2)),
}  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    options = arguments("maps.json", __doc__).parse_args()
    torch.set_num_threads(options.threads)
    recorded = sd15_recording()
    rows = []
    for what, (calls, limit, call) in CASES.items():
        choose = Selections(replace(recorded))  # nothing is kept for it yet
        t = timing([partial(call, choose)] * (min(calls, QUICK) if options.quick else calls))
        rows.append((what, t.first, t.median, t.p95, t.cpu, limit or "", t.calls))
    choose = Selections(recorded)
    choices = QUICK if options.quick else 20
    error = max(_error(choose.any_maps()) for _ in range(choices))
    _ = choose.maps().words  # ten words fill the cache
    kept = CACHE.nbytes / 2**20
    report(
        f"Selection to map, SD-1.5 shapes, {options.threads} thread(s), milliseconds",
        ("what", "first", "median", "p95", "cpu", "limit", "calls"),
        rows,
        into=options.json,
        facts={"kept by the cache, MiB": kept, f"largest error / peak of {choices} choices": error},
    )
    print(f"kept by the cache: {kept:.0f} MiB")
    print(f"largest error of {choices} choices: {error:.1e} of the peak")


def _error(maps: HeatMaps) -> float:
    exact = naive(maps, 2)
    return ((maps.word(WORDS[1]).values - exact).abs().max() / exact.max()).item()


if __name__ == "__main__":
    main()
