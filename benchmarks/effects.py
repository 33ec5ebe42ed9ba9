"""Cost of effect maps: while an image is made, and from a selection to a map.

    OMP_NUM_THREADS=1 python -m benchmarks.effects                 # the size of SD 1.5
    OMP_NUM_THREADS=1 python -m benchmarks.effects --size shipped  # the model of the package
    OMP_NUM_THREADS=1 python -m benchmarks.effects --size small    # quick, to try

Calls of one pipeline alternate in one process, under guidance: traced without effects, with those
of one word, and with those of six. Their latents must be equal. The time of a step is compared (the
encoder's runs, one for each word, are counted separately as "once"). Then maps of random selections
are timed, on a recording of SD 1.5's shapes with the effects of two words.

The goal: a step takes at most 1.05 times as long for one word, and 1.10 times for six; a selection
of one word at most 5 ms after the first one. The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks.harness import QUICK, arguments, report, timing
from benchmarks.maps import HEADS, STEPS, WORDS, Selections, sd15_recording
from benchmarks.watching import SIZES, random_pipeline
from daam_nb.maps import heat_maps
from daam_nb.recording import Effects, Recording
from daam_nb.tracing import trace

GOAL = {1: 1.05, 6: 1.10}  # words -> ratio of the times of a step
GOAL_MS = 5.0
PROMPT = "a red cat and a green dog"
CHOSEN: dict[int, tuple[str, ...]] = {
    1: ("cat",),
    6: ("red", "cat", "and", "green", "dog", "red cat"),
}


@dataclass
class Timed:
    """Seconds of each round: of a step, and of everything done once."""

    steps: dict[int, list[float]] = field(default_factory=dict)
    once: dict[int, list[float]] = field(default_factory=dict)
    nbytes: dict[int, int] = field(default_factory=dict)

    def ratio(self, words: int) -> float:
        """Median over rounds of a step's time over that without effects in the same round."""
        pairs = zip(self.steps[words], self.steps[0], strict=True)
        return median(with_words / without for with_words, without in pairs)


def measure(pipe: Any, *, steps: int, rounds: int, clock: Callable[[], float]) -> Timed:
    """Alternate calls with the effects of 0, 1 and 6 words; the first round warms up."""
    timed = Timed()
    for number in range(rounds + 1):
        latents = []
        for words in (0, *CHOSEN):
            marks: list[float] = []

            def mark(_: Any, step: int, timestep: Any, tensors: Any, m: Any = marks) -> Any:
                m.append(clock())
                return tensors

            options: dict[str, Any] = {"effects": CHOSEN[words]} if words else {}
            with trace(pipe, **options) as tracer:
                start = clock()
                output = pipe(
                    PROMPT,
                    num_inference_steps=steps + 1,
                    output_type="latent",
                    generator=torch.Generator().manual_seed(0),
                    callback_on_step_end=mark,
                )
                whole = clock() - start
            latents.append(output.images)
            step = (marks[-1] - marks[0]) / steps  # the first one builds what the others use
            if number:
                timed.steps.setdefault(words, []).append(step)
                timed.once.setdefault(words, []).append(whole - step * (steps + 1))
            effects = tracer.recording.effects
            timed.nbytes[words] = 0 if effects is None else effects.nbytes // words
        assert all(torch.equal(latents[0], other) for other in latents), "the image changed"
        print(f"round {number} of {rounds}", file=sys.stderr)
    return timed


def recording_with_effects() -> Recording:
    """SD 1.5's shapes with random effects of two words, float16."""
    run = sd15_recording()
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator).half()

    effects = Effects(
        words=((1,), (2,)),
        shares={layer.name: random(STEPS, 2, *layer.size) for layer in run.layers},
        by_head={layer.name: random(STEPS, HEADS, 2, *layer.size) for layer in run.layers},
        by_token={layer.name: random(STEPS, 2, len(run.columns)).float() for layer in run.layers},
        outputs={layer.name: random(STEPS).float() + 1 for layer in run.layers},
    )
    return replace(run, effects=effects)


# what is timed -> the call; each at most GOAL_MS
CASES: dict[str, Callable[[Selections], object]] = {
    "any layers, any step range": lambda c: heat_maps(
        c.run, kind="effect", layers="all", steps=c.steps()
    ).word(WORDS[1]),
    "any layers, heads, step range": lambda c: heat_maps(
        c.run, kind="effect", layers="all", steps=c.steps(), heads=[0, 3, 5]
    ).word(WORDS[1]),
}


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = arguments("effects.json", __doc__.splitlines()[0])
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
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    if options.size == "shipped":
        from daam_nb import menagerie

        pipe: Any = menagerie.load()
    else:
        pipe = random_pipeline(**SIZES[options.size])
    pipe.set_progress_bar_config(disable=True)
    timed = measure(pipe, steps=options.steps, rounds=options.rounds, clock=clock)
    live = [
        (
            f"{words} word{'s' if words > 1 else ''}, {options.size}",
            median(timed.steps[words]) * 1e3,
            timed.ratio(words),
            goal,
            (median(timed.once[words]) - median(timed.once[0])) * 1e3,
            timed.nbytes[words] / 2**20 / (options.steps + 1),
        )
        for words, goal in GOAL.items()
    ]
    report(
        f"Effects while the image is made, {options.threads} thread(s)",
        ("what", "step ms", "by a step without", "limit", "once ms", "MiB a word and step"),
        live,
        into=into,
    )
    stored = []
    for what, call in CASES.items():
        choose = Selections(recording_with_effects())
        t = timing([partial(call, choose)] * (QUICK if options.quick else 200))
        stored.append((what, t.first, t.median, t.p95, t.cpu, GOAL_MS))
    report(
        f"Effects, selection to map, SD-1.5 shapes, {options.threads} thread(s), milliseconds",
        ("what", "first", "median", "p95", "cpu", "limit"),
        stored,
        into=into.with_stem(f"{into.stem}-stored"),
    )
    if options.quick:
        return 0
    met = all(timed.ratio(words) <= goal for words, goal in GOAL.items())
    met &= all(cpu <= GOAL_MS for *_, cpu, _ in stored)
    print(f"goal {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
