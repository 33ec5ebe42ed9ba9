"""Whether refining by self-attention makes maps fit the objects better, on the shipped model.

    OMP_NUM_THREADS=1 python -m benchmarks.refining            # 40 images
    OMP_NUM_THREADS=1 python -m benchmarks.refining --quick    # 2, to try

Images of two objects each are drawn; where the shipped judge sees both, the map of each noun is
compared with the judge's mask: intersection over union at a threshold of 0.4, plain and refined
with several powers. No setting is chosen by the result.
"""

from __future__ import annotations

import sys
from itertools import islice, permutations
from statistics import mean, stdev

from benchmarks.harness import arguments, report
from daam_nb import menagerie
from daam_nb.maps import WordHeatMap, heat_maps, iou, refined
from daam_nb.menagerie.judge import Judge
from daam_nb.tracing import generate

NOUNS = ("cat", "car", "tree", "apple", "dog", "banana", "zebra", "boat")
POWERS = (1, 2, 4)
THRESHOLD = 0.4


def main() -> int:
    """Measure, print, write."""
    parser = arguments("refining.json", __doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if options.quick:
        options.images, options.steps = 2, 2
    pipe, judge = menagerie.load(), Judge()
    pipe.set_progress_bar_config(disable=True)
    scores: dict[int, list[float]] = {power: [] for power in (0, *POWERS)}
    for seed, nouns in enumerate(islice(permutations(NOUNS, 2), options.images)):
        run = generate(
            pipe,
            f"a {nouns[0]} next to a {nouns[1]}",
            seed=seed,
            num_inference_steps=options.steps,
            self_attention=True,
        )
        assert run.image is not None
        maps = heat_maps(run)
        for noun in nouns:
            mask = judge.mask(run.image, noun)
            if not mask.any() and not options.quick:
                continue
            for power, of_power in scores.items():
                word_map: WordHeatMap = maps[noun]
                if power:
                    word_map = refined(run, word_map, power=power)
                of_power.append(iou(word_map.resize(), mask, threshold=THRESHOLD))
        print(f"image {seed + 1} of {options.images}", file=sys.stderr)
    plain = scores[0]
    rows = []
    for power, of_power in scores.items():
        changes = [new - old for new, old in zip(of_power, plain, strict=True)]
        error = stdev(changes) / len(changes) ** 0.5 if len(changes) > 1 else 0.0
        what = f"refined, power {power}" if power else "attention"
        rows.append((what, len(of_power), mean(of_power), mean(changes), error))
    report(
        f"IoU at {THRESHOLD} with the judge's masks, {options.images} images",
        ("map", "words", "IoU", "change", "standard error"),
        rows,
        into=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
