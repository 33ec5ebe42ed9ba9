"""Concept maps of a shipped model beside the attention maps of the same words.

    OMP_NUM_THREADS=1 python -m benchmarks.concepts                          # joint, 56 images
    OMP_NUM_THREADS=1 python -m benchmarks.concepts --architecture unet
    OMP_NUM_THREADS=1 python -m benchmarks.concepts --quick                  # 2, to try

Images of two things each are drawn, with both nouns and a background of the model's world as
concepts. Where the shipped judge sees both, the concept map of each noun is held against the
judge's mask, and against the noun's own attention map: intersection over union at a threshold of
0.4. Of all layers and of each one alone; nothing is chosen by the result.
"""

from __future__ import annotations

import sys
from itertools import islice, permutations
from statistics import mean, stdev
from typing import Any

from benchmarks.harness import arguments, report
from daam_nb import menagerie
from daam_nb.maps import WordHeatMap, heat_maps, iou
from daam_nb.menagerie.judge import Judge
from daam_nb.tracing import generate

NOUNS = ("cat", "car", "tree", "apple", "dog", "banana", "zebra", "boat")
BACKGROUND = "grass"
THRESHOLD = 0.4


def main() -> int:
    """Measure, print, write."""
    parser = arguments("concepts.json", __doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=["joint", "unet"], default="joint")
    parser.add_argument("--images", type=int, default=56)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    if options.quick:
        options.images, options.steps = 2, 2
    is_joint = options.architecture == "joint"
    pipe: Any = menagerie.load(architecture="joint") if is_joint else menagerie.load()
    judge = Judge()
    pipe.set_progress_bar_config(disable=True)
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for seed, nouns in enumerate(islice(permutations(NOUNS, 2), options.images)):
        run = generate(
            pipe,
            f"a {nouns[0]} next to a {nouns[1]}",
            seed=seed,
            num_inference_steps=options.steps,
            concepts=[*nouns, BACKGROUND],
        )
        assert run.image is not None
        layers = {layer.label: layer.name for layer in run.layers}
        for noun in nouns:
            mask = judge.mask(run.image, noun)
            if not mask.any() and not options.quick:
                continue
            for label, layer in {"all layers": "paper", **layers}.items():
                own: WordHeatMap = heat_maps(run, layers=layer)[noun]
                concept = heat_maps(run, layers=layer, kind="concept")[noun]
                against = [iou(each.resize(), mask, threshold=THRESHOLD) for each in (own, concept)]
                alike = iou(concept, own, threshold=THRESHOLD)
                scores.setdefault(label, []).append((against[0], against[1], alike))
        print(f"image {seed + 1} of {options.images}", file=sys.stderr)
    rows = []
    for label, each in scores.items():
        attention, concepts, alike = (list(column) for column in zip(*each, strict=True))
        error = stdev(concepts) / len(concepts) ** 0.5 if len(concepts) > 1 else 0.0
        rows.append((label, len(each), mean(attention), mean(concepts), error, mean(alike)))
    report(
        f"IoU at {THRESHOLD}, {options.images} images of the {options.architecture} model",
        ("layers", "words", "attention, mask", "concept, mask", "its error", "concept, attention"),
        rows,
        into=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
