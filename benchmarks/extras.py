"""Cost of recording concepts and self-attention while an image is made.

    OMP_NUM_THREADS=1 python -m benchmarks.extras                 # the size of SD 1.5
    OMP_NUM_THREADS=1 python -m benchmarks.extras --size shipped  # the model of the package
    OMP_NUM_THREADS=1 python -m benchmarks.extras --size shipped-joint  # and of joint attention
    OMP_NUM_THREADS=1 python -m benchmarks.extras --size small    # quick, to try

Calls of one pipeline alternate in one process, under guidance: traced alone, and with each of the
extras. Their latents must be equal. The time of a step is compared; work done once per call
(encoding the concepts' text) is counted separately as "once".

The goal: a step takes at most 1.10 times as long with concepts, 1.5 times with self-attention. The
exit status is 1 if it is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch

from benchmarks.harness import arguments, report
from benchmarks.watching import SIZES, random_pipeline
from daam_nb.recording import Recording
from daam_nb.tracing import trace

PROMPT = "a red cat and a green dog"
EXTRAS: dict[str, tuple[dict[str, Any], float]] = {
    "one concept": ({"concepts": ["sky"]}, 1.10),
    "two concepts": ({"concepts": ["sky", "tree"]}, 1.10),
    "six concepts": ({"concepts": ["sky", "tree", "house", "snow", "a wheel", "grass"]}, 1.10),
    "self-attention": ({"self_attention": True}, 1.5),
}
"""What is recorded -> the options of `trace`, and the limit of the ratio."""
UNET_ALONE = ("one concept",)  # in joint attention a concept alone has nothing to compete with


def nbytes(run: Recording) -> int:
    """Bytes of the extras of a recording."""
    extras = (run.concepts, run.self_attention)
    return sum(extra.nbytes for extra in extras if extra is not None)


def measure(
    pipe: Any, *, names: Sequence[str], steps: int, rounds: int, clock: Callable[[], float]
) -> dict[str, list[tuple[float, float, int]]]:
    """Seconds of a step, seconds once, bytes: of each round, the first of which warms up."""
    timed: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ("", *names)}
    for number in range(rounds + 1):
        latents = []
        for name, rows in timed.items():
            marks: list[float] = []

            def mark(_: Any, step: int, timestep: Any, tensors: Any, m: Any = marks) -> Any:
                m.append(clock())
                return tensors

            options = EXTRAS[name][0] if name else {}
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
            step = (marks[-1] - marks[0]) / steps
            if number:
                once = whole - step * (steps + 1)
                rows.append((step, once, nbytes(tracer.recording)))
        assert all(torch.equal(latents[0], other) for other in latents), "the image changed"
        print(f"round {number} of {rounds}", file=sys.stderr)
    return timed


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    parser = arguments("extras.json", __doc__.splitlines()[0])
    parser.add_argument("--size", choices=[*SIZES, "shipped", "shipped-joint"], default="sd15")
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
    names = list(EXTRAS)
    if options.size in {"shipped", "shipped-joint"}:
        from daam_nb import menagerie

        is_joint = options.size == "shipped-joint"
        names = [name for name in names if not (is_joint and name in UNET_ALONE)]
        pipe: Any = menagerie.load(architecture="joint") if is_joint else menagerie.load()
    else:
        pipe = random_pipeline(**SIZES[options.size])
    pipe.set_progress_bar_config(disable=True)
    timed = measure(pipe, names=names, steps=options.steps, rounds=options.rounds, clock=clock)
    plain = timed.pop("")
    rows, met = [], True
    for name, rounds in timed.items():
        ratios = [with_it[0] / without[0] for with_it, without in zip(rounds, plain, strict=True)]
        ratio, limit = median(ratios), EXTRAS[name][1]
        met &= ratio <= limit
        once = median(each[1] for each in rounds) - median(each[1] for each in plain)
        step = median(each[0] for each in rounds)
        rows.append((name, step * 1e3, ratio, limit, once * 1e3, rounds[0][2] / 2**20))
    report(
        f"Beside the attention, {options.size}, {options.threads} thread(s)",
        ("what", "step ms", "by a step without", "limit", "once ms", "MiB"),
        rows,
        into=into,
    )
    if options.quick:
        return 0
    print(f"goal {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
