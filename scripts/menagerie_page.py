"""Make the figures of `docs/menagerie.md` and fill its tables, and those of the model card.

    python -m scripts.menagerie_page --work FOLDER [--to FOLDER]

FOLDER is where `python -m training score` drew the fixed images with the shipped weights. The
figures go to `docs/images/menagerie-*.png`; the tables, between marks in the two pages, come from
the JSON files in `training/eval/results`; `--to` puts pages and figures into one other folder.
Nothing is chosen by hand: the images are the first ones, or every n-th, of their group of prompts.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from daam_nb.menagerie import card
from daam_nb.menagerie.model import JOINT, WEIGHTS
from scripts import menagerie_figures as figures
from training import tables
from training.images import entries, read_images

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "training" / "eval" / "results"
JOINT_RESULTS = RESULTS / "joint"
IMAGES = ROOT / "docs" / "images"
PAGES = (ROOT / "docs" / "menagerie.md", ROOT / "daam_nb" / "menagerie" / "MODEL_CARD.md")

SHEETS: dict[str, tuple[tuple[str, ...], int]] = {
    "single": (("single",), 27),
    "color": (("colour",), 14),
    "pairs": (("two objects", "relation"), 14),
    "unseen": (("unseen pair", "unseen colour"), 14),
    "joint": (("relation",), 21),
}
"""Figure to its groups of prompts and how many images it shows."""

Facts = dict[str, Any]


def results(folder: Path = RESULTS) -> dict[str, Facts]:
    """The measurements of one model: file name without ending -> content."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def blocks(measured: dict[str, Facts]) -> dict[str, str]:
    """Name of a block in a page -> its text."""
    made: dict[str, str] = {}
    if "score" in measured:
        score = measured["score"]
        made |= {
            "model": _model(score),
            "gates": tables.gates_table(score),
            "presence": tables.presence_table(score),
            "color": tables.color_table(score),
            "relations": tables.relation_table(score),
            "unseen": tables.unseen_table(score),
            "nouns": tables.noun_table(score),
            "judge": tables.judge_table(score),
        }
    if "attribution" in measured:
        made["attribution"] = tables.attribution_table(measured["attribution"])
        made["timesteps"] = tables.timesteps_table(measured["attribution"])
        made["layers"] = tables.layers_table(measured["attribution"])
        made["generated"] = tables.generated_table(measured["attribution"])
    if "blind" in measured:
        made["blind"] = tables.blind_table(measured["blind"])
        if "labels" in measured["blind"]:
            made["blind-nouns"] = tables.blind_noun_table(measured["blind"])
    return made


def joint_blocks() -> dict[str, str]:
    """The blocks about the joint model: those of its score, with "joint-" before their names."""
    return {f"joint-{name}": text for name, text in blocks(results(JOINT_RESULTS)).items()}


def _model(score: Facts) -> str:
    sampling = score["settings"]
    return (
        f"`{score['model']}`, {score['samples']:,} training samples; {score['pictures']} images, "
        f"{sampling['steps']} steps, guidance {sampling['guidance']:g}.\n"
    )


def filled(text: str, made: dict[str, str]) -> str:
    """A page with the text between `<!-- figures: NAME -->` and `<!-- end -->` replaced.

    Blocks without measurements are kept.

    Raises
    ------
    KeyError
        For a mark with an unknown name.
    """

    def block(found: re.Match[str]) -> str:
        name = found[1]
        if name not in KNOWN:
            raise KeyError(f"no block is called {name!r}; there are {', '.join(sorted(KNOWN))}")
        body = made.get(name, found[2])
        return f"<!-- figures: {name} -->\n{body}<!-- end -->"

    return re.sub(r"<!-- figures: ([\w-]+) -->\n(.*?)<!-- end -->", block, text, flags=re.DOTALL)


KNOWN = {
    *("model", "gates", "presence", "color", "relations", "timesteps", "unseen", "nouns", "judge"),
    *("attribution", "layers", "generated", "blind", "blind-nouns"),
    *("joint-model", "joint-gates", "joint-presence", "joint-color", "joint-relations"),
    *("joint-unseen", "joint-nouns", "joint-judge"),
}


def spread(indices: Sequence[int], count: int) -> list[int]:
    """Evenly spaced items of a list, from its first on."""
    step = len(indices) / count
    return [indices[int(i * step)] for i in range(count)]


def write_sheet(work: Path, name: str, results: Path, model: Path, images: Path) -> None:
    """One of `SHEETS`, of the images that a model drew."""
    groups, count = SHEETS[name]
    every = entries()
    rows = [json.loads(line) for line in (results / "rows.jsonl").read_text().splitlines()]
    chosen = spread([i for i, e in enumerate(every) if e["group"] in groups], count)
    figures.write_sheet(
        images / f"menagerie-{name}.png",
        read_images(work / f"pictures-{card(model).revision}", chosen),
        [every[i]["prompt"] for i in chosen],
        [all(rows[i]["there"]) for i in chosen],
    )


def write_figures(work: Path, images: Path) -> None:
    """Write all figures, from the drawn images and the results, into a folder."""
    for name in SHEETS:
        joint = name == "joint"
        measured = (JOINT_RESULTS, JOINT) if joint else (RESULTS, WEIGHTS)
        write_sheet(work, name, *measured, images)
    makers: tuple[Callable[[Path], None], ...] = (figures.write_maps, figures.write_world)
    for make in makers:
        make(images)
    attribution = RESULTS / "attribution.json"
    if attribution.exists():
        figures.write_attribution(images, json.loads(attribution.read_text()))


def main() -> None:
    """Write the figures, then fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--work", type=Path, help="without it only the tables are filled")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="pages and figures go there")
    options = parser.parse_args()
    images = IMAGES if options.to is None else options.to
    if options.work is not None:
        write_figures(options.work, images)
    made = blocks(results()) | joint_blocks()
    for page in PAGES:
        path = page if options.to is None else options.to / page.name
        path.write_text(filled(page.read_text(), made))
        print(f"{path}: filled {', '.join(sorted(made))}")
    for image in sorted(images.glob("menagerie-*.png")):
        print(f"{image}: {image.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
