"""Cost of adding the gradients of words, and how well their maps fit the objects.

    OMP_NUM_THREADS=1 python -m benchmarks.gradients            # 12 images of the shipped model
    OMP_NUM_THREADS=1 python -m benchmarks.gradients --quick    # 1, to try

Images of two objects each are drawn, with effects, and the gradients of both nouns are added. The
cost is the time of `add_gradients` for each word and step, as a multiple of a step of the image; of
`region_gradient`, for each step. Where the shipped judge sees both objects, the maps of each noun
are compared with the judge's mask: intersection over union at a threshold of 0.4.
"""

from __future__ import annotations

import sys
import time
from itertools import islice, pairwise, permutations
from statistics import mean, median, stdev

from benchmarks.harness import arguments, report
from daam_nb import menagerie
from daam_nb.maps import heat_maps, iou
from daam_nb.menagerie.judge import Judge
from daam_nb.tracing import add_gradients, generate, region_gradient

NOUNS = ("cat", "car", "tree", "apple", "dog", "banana", "zebra", "boat")
KINDS = ("attention", "effect", "gradient")
THRESHOLD = 0.4
LEFT = (0.0, 0.0, 1.0, 0.5)


def main() -> int:
    """Measure, print, write."""
    parser = arguments("gradients.json", __doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if options.quick:
        options.images, options.steps = 1, 2
    pipe, judge = menagerie.load(), Judge()
    pipe.set_progress_bar_config(disable=True)
    scores: dict[str, list[float]] = {kind: [] for kind in KINDS}
    of_word, of_region = [], []
    for seed, nouns in enumerate(islice(permutations(NOUNS, 2), options.images)):
        prompt, steps = f"a {nouns[0]} next to a {nouns[1]}", options.steps
        run = generate(pipe, prompt, seed=seed, num_inference_steps=steps, effects=list(nouns))
        marks = [time.process_time()]
        generate(pipe, prompt, seed=seed, num_inference_steps=steps)
        marks.append(time.process_time())
        run = add_gradients(run, pipe, list(nouns))
        marks.append(time.process_time())
        region_gradient(run, pipe, LEFT)
        marks.append(time.process_time())
        drawing, adding, asking = (late - early for early, late in pairwise(marks))
        of_word.append(adding / (len(nouns) * drawing))
        of_region.append(asking / drawing)
        assert run.image is not None
        for noun in nouns:
            mask = judge.mask(run.image, noun)
            if not mask.any() and not options.quick:
                continue
            for kind, of_kind in scores.items():
                word_map = heat_maps(run, kind=kind)[noun].resize()
                of_kind.append(iou(word_map, mask, threshold=THRESHOLD))
        print(f"image {seed + 1} of {options.images}", file=sys.stderr)
    rows: list[tuple[object, ...]] = [
        ("add_gradients, by a traced image, each word", median(of_word), len(of_word)),
        ("region_gradient, by a traced image", median(of_region), len(of_region)),
    ]
    attention = scores["attention"]
    for kind, of_kind in scores.items():
        rows.append((f"IoU, {kind}", mean(of_kind), len(of_kind)))
        changes = [own - plain for own, plain in zip(of_kind, attention, strict=True)]
        if kind != "attention" and len(changes) > 1:
            error = stdev(changes) / len(changes) ** 0.5
            rows.append((f"standard error of the change, {kind}", error, len(changes)))
    report(
        f"Gradients on the shipped model, {options.threads} thread(s)",
        ("what", "value", "of"),
        rows,
        into=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
