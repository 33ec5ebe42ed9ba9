"""Cost of tracing: time compared with the untraced pipeline, time in daam_nb's code, memory.

    OMP_NUM_THREADS=1 python -m benchmarks.watching                 # the size of SD 1.5
    OMP_NUM_THREADS=1 python -m benchmarks.watching --size small    # quick, to try
    OMP_NUM_THREADS=1 python -m benchmarks.watching --size shipped  # the model of the package

Untraced and traced calls of one pipeline alternate in one process, under guidance, and their
latents must be equal. daam_nb's code is timed by clocks around every hook and tap, separately from
the pipeline's computation; the cross-attention layers by hooks of this file, while nothing is
traced. With one thread all clocks count processor time, so that a busy machine affects them less.

The goal, at the size of SD 1.5 and for 4 tokens: daam_nb's code takes at most 25 ms per step, or at
most 12 % of the time of the cross-attention layers; and at most 0.42 MiB per token and step are
held. The exit status is 1 if it is missed.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch

from benchmarks.harness import arguments, report
from daam_nb.recording import Recording
from daam_nb.tracing import calls, session, taps, trace

GOAL_MS, GOAL_SHARE, GOAL_MIB = 25.0, 0.12, 0.42
# Two words of one token each: with the start and the end of text, 4 tokens are kept.
PROMPT = "cat dog"

SIZES: dict[str, dict[str, Any]] = {
    "sd15": {"channels": (320, 640, 1280, 1280), "text": 768, "latent": 64},
    "small": {"channels": (64, 128, 256, 256), "text": 64, "latent": 32},
}


def random_pipeline(channels: tuple[int, ...], text: int, latent: int) -> Any:
    """A StableDiffusionPipeline of SD 1.5's layout with random weights; its VAE is never used."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from tests.pipelines import ddim, seeded, vae
    from tests.tiny_tokenizers import clip_tokenizer

    tokenizer = clip_tokenizer()
    with seeded(0):
        unet = UNet2DConditionModel(
            sample_size=latent,
            block_out_channels=channels,
            cross_attention_dim=text,
            attention_head_dim=8,
        ).eval()
        encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=text,
                intermediate_size=text,
                num_attention_heads=4,
                num_hidden_layers=1,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ).eval()
        return StableDiffusionPipeline(
            unet=unet, text_encoder=encoder, tokenizer=tokenizer, vae=vae(), scheduler=ddim(),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip


@dataclass
class Spent:
    """Seconds inside some code, separately for each step."""

    clock: Callable[[], float]
    steps: list[float] = field(default_factory=list)
    once: float = 0.0  # before the first step and after the last

    def next_step(self) -> None:
        """From now on, added time belongs to the next step."""
        self.steps.append(0.0)

    def add(self, seconds: float, *, once: bool = False) -> None:
        """Count seconds for the present step, or for the whole call (`once`, or before any)."""
        if once or not self.steps:
            self.once += seconds
        else:
            self.steps[-1] += seconds


@contextmanager
def own_code(spent: Spent) -> Iterator[None]:
    """Clocks around all code that a trace adds to a call, without nesting."""
    whole_call = {"_begin", "_end"}
    told = [
        name for name in dir(session.Tracer) if name.startswith(("_before_", "_after_", "_on_"))
    ]
    places: list[tuple[Any, str]] = [
        *((session.Tracer, name) for name in ("_begin", "_end", *told)),
        (calls.WatchedCall, "on_encode"),
        (calls.WatchedCall, "on_step"),
        (taps, "_show"),
        (taps, "_tell"),
    ]
    # Some are inherited: the clock then stands before them, on the class that is used.
    own = [(owner, name, vars(owner).get(name)) for owner, name in places]
    for owner, name in places:
        original = getattr(owner, name)
        setattr(owner, name, _clocked(original, name, spent, once=name in whole_call))
    try:
        yield
    finally:
        for owner, name, before in own:
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def _clocked(
    original: Callable[..., Any], name: str, spent: Spent, *, once: bool
) -> Callable[..., Any]:
    @functools.wraps(original)
    def clocked(*args: Any, **kwargs: Any) -> Any:
        settling = name == "_before_denoiser" and not spent.steps  # plans and takes the memory
        start = spent.clock()
        try:
            return original(*args, **kwargs)
        finally:
            spent.add(spent.clock() - start, once=once or settling)
            if name == "_before_denoiser":
                spent.next_step()

    return clocked


@contextmanager
def cross_attention(unet: torch.nn.Module, spent: Spent) -> Iterator[None]:
    """Clocks around the cross-attention layers of a pipeline that is not traced."""
    began: list[float] = []

    def before(module: torch.nn.Module, args: Any) -> None:
        began.append(spent.clock())

    def after(module: torch.nn.Module, args: Any, output: Any) -> None:
        spent.add(spent.clock() - began.pop())

    handles = [unet.register_forward_pre_hook(lambda *_: spent.next_step())]
    for name, module in unet.named_modules():
        if name.endswith("attn2"):
            handles += [module.register_forward_pre_hook(before)]
            handles += [module.register_forward_hook(after)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class Measured:
    """Everything about one model, in seconds and bytes."""

    plain: list[float] = field(default_factory=list)
    traced: list[float] = field(default_factory=list)
    attention: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    once: list[float] = field(default_factory=list)
    run: Recording | None = None

    @property
    def held(self) -> float:
        """MiB of the arrays per token and step, by the memory they keep alive."""
        assert self.run is not None
        nbytes = sum(a.untyped_storage().nbytes() for a in self.run.attention.values())
        return nbytes / 2**20 / len(self.run.columns) / len(self.run.steps)


def measure(pipe: Any, *, steps: int, rounds: int, clock: Callable[[], float]) -> Measured:
    """Alternate untraced and traced calls; the first pair warms up and is not counted."""
    found = Measured()

    def call() -> torch.Tensor:
        made = pipe(
            PROMPT,
            num_inference_steps=steps,
            output_type="latent",
            generator=torch.Generator().manual_seed(0),
        )
        latents: torch.Tensor = made.images
        return latents

    for place in range(rounds + 1):
        attention, own = Spent(clock), Spent(clock)
        with cross_attention(pipe.unet, attention):
            start = clock()
            untouched = call()
            plain = clock() - start
        with own_code(own), trace(pipe) as tracer:
            start = clock()
            watched = call()
            traced = clock() - start
        assert torch.equal(untouched, watched), "watching changed the image"
        found.run = tracer.recording
        if place:
            found.plain.append(plain / steps)
            found.traced.append(traced / steps)
            found.attention += attention.steps
            found.own += own.steps
            found.once.append(own.once)
        print(f"round {place} of {rounds}: {plain:.1f} s, watched {traced:.1f} s", file=sys.stderr)
    return found


COLUMNS = (
    "model", "tokens", "step ms", "watched / not", "cross-attention ms", "own code ms",
    "own / cross-attention", "once ms", "MiB per token and step",
)  # fmt: skip


def row(name: str, found: Measured) -> list[object]:
    """The line of the table: medians, milliseconds per step."""
    assert found.run is not None
    pairs = [t / p for t, p in zip(found.traced, found.plain, strict=True)]
    own, attention = median(found.own), median(found.attention)
    return [
        name, len(found.run.columns), median(found.plain) * 1e3, f"{median(pairs):.4f}",
        attention * 1e3, own * 1e3, f"{own / attention:.1%}", median(found.once) * 1e3, found.held,
    ]  # fmt: skip


def main() -> int:
    """Measure, print, write; 1 if the goal is missed."""
    parser = arguments("watching.json", __doc__.splitlines()[0])
    parser.add_argument("--size", choices=[*SIZES, "shipped"], default="sd15")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.quick:
        options.steps, options.rounds = 1, 1
        options.size = "small" if options.size == "sd15" else options.size
    into = options.json
    if into == parser.get_default("json"):
        into = into.with_stem(f"{into.stem}-{options.size}")
    torch.set_num_threads(options.threads)
    # Processor time of this thread, where it does all the work; else the clock on the wall.
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    if options.size == "shipped":
        from daam_nb import menagerie

        pipe: Any = menagerie.load()
    else:
        pipe = random_pipeline(**SIZES[options.size])
    pipe.set_progress_bar_config(disable=True)
    found = measure(pipe, steps=options.steps, rounds=options.rounds, clock=clock)
    report(
        f"Watching, {options.steps} steps, {options.rounds} rounds, medians",
        COLUMNS,
        [row(options.size, found)],
        into=into,
        facts={
            "clock": clock.__name__,
            "prompt": PROMPT,
            "own code ms, each step": [round(s * 1e3, 2) for s in found.own],
            "cross-attention ms, each step": [round(s * 1e3, 2) for s in found.attention],
        },
    )
    own, attention = median(found.own), median(found.attention)
    if options.size != "sd15":
        return 0
    met = (own * 1e3 <= GOAL_MS or own <= GOAL_SHARE * attention) and found.held <= GOAL_MIB
    print(f"goal {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
