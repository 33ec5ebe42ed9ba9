"""How good a model is: the judge's verdict on the 540 images fixed before training ended.

`python -m training score --work FOLDER [--into WEIGHTS]` paints what is missing, writes
`score.json`, `score.md` and `rows.jsonl`. The judge's own accuracy on held-out rendered scenes
stands beside every figure, as does that of the color and place measures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from daam_nb.menagerie.judge import LABELS, Judge
from daam_nb.menagerie.model import card
from daam_nb.menagerie.taxonomy import INVERSE
from training.images import entries, paint, read_images, settings
from training.judge import accuracy
from training.seeing import DIRECTIONS, seen_color, seen_place, standing_out
from training.shares import Share

SINGLE = ("single", "colour", "unseen colour")
PAIRS = ("two objects", "relation", "unseen pair")
GATES = {
    "named single object is there": 0.90,
    "colour right": 0.90,
    "both objects there": 0.75,
    "relation right": 0.75,
}

Row = dict[str, Any]


def row(
    entry: dict[str, Any], image: Image.Image, labels: np.ndarray[Any, Any], judge: Judge
) -> Row:
    """What one image shows of what its prompt names.

    Returns
    -------
    dict
        `group`, `prompt`, `seed`; `named`, the nouns of the prompt; `found`, noun to pixels;
        `there`, whether each named object is; `unnamed`, nouns claimed but not named; `color`,
        what the object shows where a color is stated (None: not found, or gray), and
        `color_out`, what all shows that stands out from the background; `relation`, the direction
        in which the first object lies from the second where both are there and a direction is
        stated, and `signs`.
    """
    found = judge.counted(labels)
    named = [thing["noun"] for thing in entry["objects"]]
    made: Row = {
        "group": entry["group"],
        "prompt": entry["prompt"],
        "seed": entry["seed"],
        "named": named,
        "found": found,
        "there": [noun in found for noun in named],
        "unnamed": sorted(set(found) - set(named)),
    }
    masks = [(labels == LABELS.index(n)) & (n in found) for n in named]
    if entry["objects"][0]["colour"]:
        made["stated_colour"] = entry["objects"][0]["colour"]
        pixels = np.asarray(image)
        made["colour"] = seen_color(pixels, masks[0])
        made["colour_out"] = seen_color(pixels, standing_out(pixels, entry["background"]))
    if entry["relation"] in DIRECTIONS:
        made["stated_relation"] = entry["relation"]
        place = seen_place(masks[0], masks[1])
        made["relation"] = place.relation if place else None
        made["signs"] = list(place.signs) if place else []
    return made


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Every figure of the acceptance list, as `Share` facts, by group."""
    of = {group: [r for r in rows if r["group"] == group] for group in (*SINGLE, *PAIRS)}
    made: dict[str, Any] = {
        "single": {group: _there(of[group]).facts() for group in SINGLE},
        "colour": {group: _colors(of[group]) for group in ("colour", "unseen colour")},
        "both": {group: _there(of[group]).facts() for group in PAIRS},
        "both_any": {group: _any(of[group]).facts() for group in PAIRS},
        "relation": {group: _relations(of[group]) for group in ("relation", "unseen pair")},
        "unnamed": Share.of(r["unnamed"] for r in rows).facts(),
        "nothing": Share.of(not r["found"] for r in rows).facts(),
    }
    made["both"]["seen pairs"] = _there(of["two objects"] + of["relation"]).facts()
    made["unseen_less_seen"] = _gaps(of)
    made["by_noun"] = _by_noun(of["single"] + of["colour"])
    made["gates"] = _gates(made)
    return made


def _there(rows: Sequence[Row]) -> Share:
    return Share.of(all(r["there"]) for r in rows)


def _any(rows: Sequence[Row]) -> Share:
    return Share.of(any(r["there"]) for r in rows)


def _color_share(rows: Sequence[Row], *, among_found: bool) -> Share:
    kept = [r for r in rows if r["there"][0] or not among_found]
    return Share.of(r["colour"] == r["stated_colour"] for r in kept)


def _colors(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "of_all": _color_share(rows, among_found=False).facts(),
        "of_found": _color_share(rows, among_found=True).facts(),
        "standing_out": Share.of(r["colour_out"] == r["stated_colour"] for r in rows).facts(),
    }


def _placed(rows: Sequence[Row]) -> list[Row]:
    """Rows with a stated direction whose two objects are both there."""
    return [r for r in rows if r.get("relation")]


def _relation_share(rows: Sequence[Row]) -> Share:
    return Share.of(r["relation"] == r["stated_relation"] for r in _placed(rows))


def _relations(rows: Sequence[Row]) -> dict[str, Any]:
    """Right along the main direction, by sign alone, and the axis alone, with chance levels.

    The axis is right where the objects lie side by side as "left of" and "right of" ask, or one
    above the other. Chance is what stated relations would give if they were dealt out to the
    images anew: the model then knows where things tend to lie, but not what was asked.
    """
    placed = _placed(rows)
    stated = [r["stated_relation"] for r in placed]
    n = max(len(placed), 1)
    freq = {name: stated.count(name) / n for name in DIRECTIONS}
    along = [{r["stated_relation"], INVERSE[r["stated_relation"]]} for r in placed]
    return {
        "right_axis": Share.of(
            r["relation"] in either for r, either in zip(placed, along, strict=True)
        ).facts(),
        "chance_axis": round(
            sum(freq[r["relation"]] + freq[INVERSE[r["relation"]]] for r in placed) / n, 4
        ),
        "right": _relation_share(rows).facts(),
        "chance": round(sum(freq[r["relation"]] for r in placed) / n, 4),
        "right_by_sign": Share.of(r["stated_relation"] in r["signs"] for r in placed).facts(),
        "chance_by_sign": round(sum(freq[s] for r in placed for s in r["signs"]) / n, 4),
    }


def _gaps(of: dict[str, list[Row]]) -> dict[str, Any]:
    """Unseen combinations less seen ones, in shares."""
    seen_pairs = of["two objects"] + of["relation"]
    pairs = {
        "object there, coloured": (_there(of["unseen colour"]), _there(of["colour"])),
        "colour right": tuple(
            _color_share(of[g], among_found=False) for g in ("unseen colour", "colour")
        ),
        "both objects there": (_there(of["unseen pair"]), _there(seen_pairs)),
        "relation right": (_relation_share(of["unseen pair"]), _relation_share(of["relation"])),
    }
    made = {}
    for name, (unseen, seen) in pairs.items():
        if unseen.n and seen.n:
            gap, low, high = (round(v, 4) for v in unseen.minus(seen))
            made[name] = {
                "unseen": unseen.facts(),
                "seen": seen.facts(),
                "gap": gap,
                "low": low,
                "high": high,
            }
    return made


def _by_noun(rows: Sequence[Row]) -> dict[str, Any]:
    """Named noun to how often it was found, single objects of seen combinations."""
    by: dict[str, list[bool]] = {}
    for r in rows:
        by.setdefault(r["named"][0], []).append(r["there"][0])
    return {noun: Share.of(outcomes).facts() for noun, outcomes in by.items()}


def _gates(made: dict[str, Any]) -> dict[str, Any]:
    measured = {
        "named single object is there": made["single"]["single"],
        "colour right": made["colour"]["colour"]["of_all"],
        "both objects there": made["both"]["seen pairs"],
        "relation right": made["relation"]["relation"]["right"],
    }
    gates = {
        name: {
            "gate": GATES[name],
            "share": facts["share"],
            "met": _met(facts["share"], GATES[name]),
        }
        for name, facts in measured.items()
    }
    worst = min((gap["gap"] for gap in made["unseen_less_seen"].values()), default=None)
    gates["unseen within 15 points of seen"] = {
        "gate": -0.15,
        "share": worst,
        "met": _met(worst, -0.15),
    }
    claimed = made["unnamed"]["share"]
    gates["judge claims an unnamed noun"] = {
        "gate": 0.03,
        "share": claimed,
        "met": claimed is not None and claimed <= 0.03,
    }
    return gates


def _met(share: float | None, gate: float) -> bool:
    return share is not None and share >= gate


def score(
    weights: Path, work: Path, *, judge_file: Path, report: Path | None = None, helpers: int = 0
) -> dict[str, Any]:
    """Paint, judge, and write the result.

    Parameters
    ----------
    weights
        Folder of an exported pipeline.
    work
        Receives `pictures-<revision>/`, so that another call goes on where this one stopped.
    judge_file
        The judge's weights.
    report
        Folder that receives `score.json`, `score.md` and `rows.jsonl`; None is `work`.
    helpers
        How many more processes paint.

    Returns
    -------
    dict
        What `score.json` holds.
    """
    facts = card(weights)
    folder = work / f"pictures-{facts.revision}"
    paint(weights, folder, helpers=helpers)
    every, judge = entries(), Judge(judge_file)
    images = read_images(folder, range(len(every)))
    labels = judge.label_maps(images)
    rows = [
        row(entry, image, shown, judge)
        for entry, image, shown in zip(every, images, labels, strict=True)
    ]
    made = {
        "model": facts.model_id,
        "samples": facts.samples,
        "settings": settings(),
        "pictures": len(rows),
        "judge": accuracy(judge),
        **summary(rows),
    }
    target = report or work
    target.mkdir(parents=True, exist_ok=True)
    (target / "score.json").write_text(json.dumps(made, indent=1) + "\n")
    (target / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    from training.tables import score_tables

    text = score_tables(made)
    (target / "score.md").write_text(text)
    print(text)
    return made
