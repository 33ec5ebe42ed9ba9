"""What can be typed after ``daam-nb study``: read and checked without loading anything heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

STUDIES = ("attribution", "visuosyntax", "cohyponyms", "adjectives", "faithfulness")

OF_SOME = {
    "captions": ("attribution", "visuosyntax", "faithfulness"),
    "truth": ("attribution",),
    "parser": ("visuosyntax",),
    "head_pictures": ("faithfulness",),
    "curve_pictures": ("faithfulness",),
}
"""Options that not every study takes, and those that do."""

EPILOG = """\
studies:
  attribution    does a word's map find its object?
  visuosyntax    how do the maps of a word and of the word it depends on lie to each other?
  cohyponyms     are things of one kind harder to draw together?
  adjectives     how far beyond its noun does an adjective reach?
  faithfulness   does the picture change where the map of an ablated word says?

Stopped at any moment, the same command goes on where it was; FOLDER holds the recordings and the
rows. The report is a page NAME.md with its figures and tables.

examples:
  daam-nb study attribution --into runs/attribution --pictures 40
  daam-nb study visuosyntax --into runs/syntax --captions captions.txt --model FOLDER
  daam-nb study attribution --into runs/coco-gen --truth COCO-Gen --model FOLDER
"""


@dataclass(frozen=True)
class Study:
    """`daam-nb study NAME`, read. `command` is what was typed."""

    name: str
    into: Path
    results: Path | None
    pictures: int | None
    seeds: int
    captions: Path | None
    truth: Path | None
    parser: str | None
    head_pictures: int | None
    curve_pictures: int | None
    model: str | None
    num_inference_steps: int | None
    guidance: float | None
    batch: int
    device: str | None
    dtype: str | None
    quiet: bool
    traceback: bool
    command: str


Parser = TypeVar("Parser", bound=argparse.ArgumentParser)


def study_parser(
    new: Callable[..., Parser],
    *,
    whole: Callable[[str], int],
    number: Callable[[str], float],
    folder: Callable[[str], Path],
) -> Parser:
    """The options; the ways to read numbers and folders are those of the other commands."""
    parser = new(
        usage="daam-nb study NAME --into FOLDER [options]",
        description="Run a study: record pictures, measure them, and write a page of results.",
        epilog=EPILOG,
    )
    parser.add_argument("name", metavar="NAME", nargs="*", help=", ".join(STUDIES))
    where = parser.add_argument_group("where to")
    _add(where, "--into", metavar="FOLDER", type=folder, help="recordings and rows go there")
    _add(
        where, "--results", metavar="FOLDER", type=folder,
        help="the page goes there (default: where --into says)",
    )  # fmt: skip
    what = parser.add_argument_group("what is drawn")
    _add(what, "--pictures", metavar="N", type=whole, help="how many pictures, about")
    _add(
        what, "--seeds", metavar="N", type=whole, default=1,
        help="pictures of each prompt (default: 1), each from noise of its own; a seed that the "
        "captions bring along (a column seed, COCO's image id) is taken for the first",
    )  # fmt: skip
    _add(
        what, "--captions", metavar="FILE", type=folder,
        help=".txt, .csv, .jsonl, or COCO's captions .json (default: the shipped model's world)",
    )  # fmt: skip
    _add(
        what, "--truth", metavar="PATH", type=folder,
        help="attribution only: annotated folders in COCO-Gen's format (default: the shipped "
        "model's judge); COCO's own masks are of photographs, and are refused",
    )  # fmt: skip
    _add(
        what, "--parser", metavar="NAME",
        help="visuosyntax only: a spaCy pipeline, or caption_parser for the one that ships "
        "(default: the best installed)",
    )  # fmt: skip
    _add(
        what, "--head-pictures", metavar="N", type=whole,
        help="faithfulness only: every head is ablated in N of the pictures (default: 4)",
    )  # fmt: skip
    _add(
        what, "--curve-pictures", metavar="N", type=whole,
        help="faithfulness only: deletion and insertion in N of the pictures (default: 8)",
    )  # fmt: skip
    model = parser.add_argument_group("the model")
    _add(model, "-m", "--model", metavar="MODEL", help="as for a prompt")
    _add(
        model, "-n", "--num-inference-steps", metavar="N", type=whole,
        help="denoising steps (default: 20 for the shipped model, else the model's)",
    )  # fmt: skip
    _add(
        model, "-g", "--guidance", metavar="G", type=number,
        help="guidance scale (default: 4 for the shipped model, else the model's)",
    )  # fmt: skip
    _add(
        model, "--batch", metavar="N", type=whole, default=1,
        help="pictures drawn at once; faster, and the same N is needed to go on (default: 1)",
    )  # fmt: skip
    _add(model, "--device", metavar="DEVICE", help="as for a prompt")
    _add(model, "--dtype", choices=("float32", "float16", "bfloat16"), help="as for a prompt")
    return parser


def wrong(read: argparse.Namespace, names: Sequence[str]) -> str:
    """What is wrong with the arguments, as a sentence; empty where nothing is."""
    if len(names) != 1 or names[0] not in STUDIES:
        listed = " ".join(names) or "none"
        return f"a study is one of {', '.join(STUDIES)}, not {listed}."
    if read.into is None:
        return "say where the recordings go: --into FOLDER."
    if read.truth is not None and read.truth.is_dir() and (read.captions or read.seeds != 1):
        option = "captions" if read.captions else "seeds"
        return f"the folders of --truth say what they were drawn from: leave out --{option}."
    for option, takers in OF_SOME.items():
        if getattr(read, option) is not None and names[0] not in takers:
            flag = option.replace("_", "-")
            return f"{names[0]} takes no --{flag}; it is for {', '.join(takers)}."
    return ""


def _add(group: Any, *names: str, **options: Any) -> None:
    group.add_argument(*names, **options)
