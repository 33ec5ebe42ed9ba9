"""Images for readers who see neither the prompts nor the judge's verdict, and their answers.

`python -m training.blind sheets --work FOLDER --to PLACE [--weights WEIGHTS]` writes under PLACE
`names/`, 60 single objects to be named freely, and `labels/`, 200 images to be labeled with the
world's nouns: each image with a neutral name, sheets of 20, and the instructions. The key stays in
FOLDER. `python -m training.blind score --work FOLDER --report PLACE --names FILE --labels FILE`
compares the answers and writes `blind.json`.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from daam_nb.menagerie.judge import Judge
from daam_nb.menagerie.model import WEIGHTS, card
from daam_nb.menagerie.taxonomy import NOUN, NOUNS
from training.images import entries, image_path, paint, read_images
from training.shares import Share

HERE = Path(__file__).parent / "eval"
COLUMNS, ROWS, SIDE, GAP = 5, 4, 192, 34


def chosen_names() -> list[int]:
    """Entries of the 60 single objects: two of every noun, a third of six; in shuffled order."""
    by: dict[str, list[int]] = {}
    for i, entry in enumerate(entries()):
        if entry["group"] == "single":
            by.setdefault(entry["objects"][0]["noun"], []).append(i)
    rng = np.random.default_rng(60)
    thirds = set(rng.choice(len(NOUNS), size=6, replace=False).tolist())
    picked = [i for k, noun in enumerate(NOUNS) for i in by[noun.name][: 3 if k in thirds else 2]]
    return [picked[i] for i in rng.permutation(len(picked))]


def chosen_labels() -> list[int]:
    """Entries of the 200 images, every group by its share; in shuffled order."""
    rng = np.random.default_rng(200)
    every = entries()
    groups = list(dict.fromkeys(entry["group"] for entry in every))
    of = {g: [i for i, entry in enumerate(every) if entry["group"] == g] for g in groups}
    counts = {g: round(200 * len(of[g]) / len(every)) for g in groups}
    counts[groups[0]] += 200 - sum(counts.values())
    picked = [i for g in groups for i in rng.choice(of[g], size=counts[g], replace=False)]
    return [int(picked[i]) for i in rng.permutation(len(picked))]


def write_sheets(folder: Path, names: Sequence[str], images: Sequence[Image.Image]) -> None:
    """Write each image by its neutral name, and sheets of 20 enlarged ones with their names."""
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(22)
    each = COLUMNS * ROWS
    for start in range(0, len(images), each):
        size = (COLUMNS * (SIDE + GAP), ROWS * (SIDE + GAP))
        sheet = Image.new("RGB", size, (255, 255, 255))
        draw = ImageDraw.Draw(sheet)
        for place, i in enumerate(range(start, min(start + each, len(images)))):
            images[i].save(folder / f"{names[i]}.png")
            x, y = (k * (SIDE + GAP) for k in (place % COLUMNS, place // COLUMNS))
            large = images[i].resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            sheet.paste(large, (x + GAP // 2, y + GAP - 2))
            draw.text((x + GAP // 2, y + 3), names[i], fill=(0, 0, 0), font=font)
        sheet.save(folder / f"sheet-{start // each + 1:02d}.png")


def sheets(weights: Path, work: Path, place: Path, *, helpers: int = 0) -> None:
    """Write everything a reader needs, and separately the key."""
    folder = work / f"pictures-{card(weights).revision}"
    key: dict[str, Any] = {"model": card(weights).model_id}
    for kind, letter, chosen in (
        ("names", "q", chosen_names()),
        ("labels", "p", chosen_labels()),
    ):
        paint(weights, folder, indices=chosen, helpers=helpers)
        neutral = [f"{letter}{i + 1:03d}" for i in range(len(chosen))]
        shutil.rmtree(place / kind, ignore_errors=True)
        write_sheets(place / kind, neutral, read_images(folder, chosen))
        shutil.copy(HERE / f"instructions-{kind}.md", place / kind / "README.md")
        key[kind] = dict(zip(neutral, chosen, strict=True))
    (work / "blind-key.json").write_text(json.dumps(key, indent=1) + "\n")
    print(f"to be named: {place / 'names'}; to be labeled: {place / 'labels'}")


@dataclass(frozen=True)
class Label:
    """A reader's label of one image.

    Attributes
    ----------
    sure, doubtful
        Nouns of the world.
    """

    sure: frozenset[str]
    doubtful: frozenset[str]


def read_labels(file: Path) -> dict[str, Label]:
    """Answers `image,nouns`: nouns separated by ";", a doubtful one with "?", or "none".

    Raises
    ------
    ValueError
        For a word that is not a noun of the world, or an image answered more than once.
    """
    made: dict[str, Label] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            image = line["picture"].strip()
            words = [w.strip().lower() for w in line["nouns"].split(";") if w.strip()]
            words = [w for w in words if w != "none"]
            unknown = sorted({w.removesuffix("?").strip() for w in words} - set(NOUN))
            if unknown:
                raise ValueError(f"{image}: {unknown} are neither nouns of the list nor 'none'.")
            if image in made:
                raise ValueError(f"{image} is answered more than once.")
            made[image] = Label(
                sure=frozenset(w for w in words if not w.endswith("?")),
                doubtful=frozenset(w.removesuffix("?").strip() for w in words if w.endswith("?")),
            )
    return made


def agrees(label: Label, claimed: set[str], *, strictly: bool = False) -> bool:
    """Whether a judge's nouns are all of a reader's sure ones and only sure or doubtful ones."""
    allowed = label.sure if strictly else label.sure | label.doubtful
    return label.sure <= claimed <= allowed


def score_labels(
    labels: dict[str, Label], claims: dict[str, set[str]], named: dict[str, set[str]]
) -> dict[str, Any]:
    """The judge's agreement with a reader, and how many named objects the reader saw.

    Parameters
    ----------
    labels
        Image to the reader's label.
    claims, named
        Image to the nouns the judge claims, and to those of the prompt.
    """
    missing = sorted(set(claims) - set(labels))
    if missing:
        raise ValueError(f"{len(missing)} images have no answer: {', '.join(missing[:5])} ...")
    seen = [(label.sure, claims[p]) for p, label in labels.items()]
    differing = {
        p: {
            "person": [*sorted(label.sure), *(f"{n}?" for n in sorted(label.doubtful))],
            "judge": sorted(claims[p]),
        }
        for p, label in labels.items()
        if not agrees(label, claims[p])
    }
    return {
        "agreement": Share.of(agrees(x, claims[p]) for p, x in labels.items()).facts(),
        "agreement_strict": Share.of(
            agrees(x, claims[p], strictly=True) for p, x in labels.items()
        ).facts(),
        "sure_nouns_the_judge_claims": Share.of(n in j for s, j in seen for n in s).facts(),
        "claims_the_person_shares": Share.of(
            n in labels[p].sure | labels[p].doubtful for p, j in claims.items() for n in j
        ).facts(),
        "named_nouns_the_person_saw": Share.of(
            n in labels[p].sure for p, nouns in named.items() for n in nouns
        ).facts(),
        "nothing_to_be_recognised": Share.of(not x.sure for x in labels.values()).facts(),
        "by_noun": by_noun(labels, named),
        "differing": differing,
    }


def by_noun(labels: dict[str, Label], named: dict[str, set[str]]) -> dict[str, dict[str, int]]:
    """Of the images whose prompt names a noun, in how many the reader saw it, and how surely.

    Parameters
    ----------
    labels
        Image to the reader's label.
    named
        Image to the nouns of its prompt.

    Returns
    -------
    dict
        Noun to `sure`, `doubtful` and `missed`, numbers of images; in the world's order, without
        nouns that no prompt names.
    """
    made = {}
    for noun in NOUN:
        shown = [labels[p] for p, nouns in named.items() if noun in nouns]
        sure = sum(noun in label.sure for label in shown)
        doubtful = sum(noun in label.doubtful - label.sure for label in shown)
        if shown:
            made[noun] = {
                "sure": sure,
                "doubtful": doubtful,
                "missed": len(shown) - sure - doubtful,
            }
    return made


def score_names(file: Path, key: dict[str, int]) -> dict[str, Any]:
    """Free names `image,name` against the synonyms listed beforehand."""
    synonyms: dict[str, list[str]] = json.loads((HERE / "synonyms.json").read_text())
    every, answers = entries(), {}
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            answers[line["picture"].strip()] = plain(line["name"])
    missing = sorted(set(key) - set(answers))
    if missing:
        raise ValueError(f"{len(missing)} images have no answer: {', '.join(missing[:5])} ...")
    named = {p: every[i]["objects"][0]["noun"] for p, i in key.items()}
    right = {p: answers[p] in synonyms[noun] for p, noun in named.items()}
    return {
        "named_right": Share.of(right.values()).facts(),
        "wrong": {p: [named[p], answers[p]] for p in named if not right[p]},
    }


def plain(name: str) -> str:
    """An answer without article, case, plural or full stop."""
    words = name.strip().lower().rstrip(".?! ").split()
    if words and words[0] in ("a", "an", "the", "one", "two", "some"):
        words = words[1:]
    text = " ".join(words)
    singular = {noun.plural: noun.name for noun in NOUNS} | {"bikes": "bike", "puppies": "puppy"}
    return singular.get(text, text)


def score_answers(
    weights: Path,
    work: Path,
    report: Path,
    *,
    names: Path | None,
    labels: Path | None,
    judge_file: Path,
) -> None:
    """Compare the answers given with the key and the judge; write `blind.json`."""
    key = json.loads((work / "blind-key.json").read_text())
    made: dict[str, Any] = {"model": key["model"]}
    if names is not None:
        made["names"] = score_names(names, key["names"])
    if labels is not None:
        folder, every = work / f"pictures-{card(weights).revision}", entries()
        judge = Judge(judge_file)
        claims, named = {}, {}
        for label_id, i in key["labels"].items():
            with Image.open(image_path(folder, i)) as image:
                claims[label_id] = set(judge.present(image))
            named[label_id] = {thing["noun"] for thing in every[i]["objects"]}
        made["labels"] = score_labels(read_labels(labels), claims, named)
    report.mkdir(parents=True, exist_ok=True)
    (report / "blind.json").write_text(json.dumps(made, indent=1) + "\n")
    print(json.dumps(made, indent=1))


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("what", choices=["sheets", "score"])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--helpers", type=int, default=0)
    parser.add_argument("--report", type=Path, default=HERE)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument(
        "--judge", type=Path, default=WEIGHTS.parent / "judge" / "judge.safetensors"
    )
    given = parser.parse_args()
    if given.what == "sheets":
        sheets(given.weights, given.work, given.to or given.work / "blind", helpers=given.helpers)
    else:
        score_answers(
            given.weights,
            given.work,
            given.report,
            names=given.names,
            labels=given.labels,
            judge_file=given.judge,
        )


if __name__ == "__main__":
    main()
