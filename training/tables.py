"""Figures of `score.json` as Markdown tables, each with n and its 95 % interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def percent(value: float | None) -> str:
    """0.913 as "91 %"; None, where nothing was counted, as a dash."""
    return "–" if value is None else f"{100 * value:.0f} %"


def share_cell(facts: dict[str, Any]) -> str:
    """A share with its interval: "91 % (84 to 95)"."""
    if facts["share"] is None:
        return "–"
    return f"{percent(facts['share'])} ({100 * facts['low']:.0f} to {100 * facts['high']:.0f})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [" | ".join(header), " | ".join(["---", *["---:"] * (len(header) - 1)])]
    lines += [" | ".join(cells) for cells in rows]
    return "".join(f"| {line} |\n" for line in lines)


def in_words(key: str) -> str:
    """A measure in the tables, by its key in the JSON files."""
    return key.replace("colour", "color")


def gates_table(made: dict[str, Any]) -> str:
    """What was asked for, what was reached."""
    rows = []
    for name, facts in made["gates"].items():
        share = facts["share"]
        bound = "at most" if name.startswith("judge") else "at least"
        points = name.startswith("unseen")
        reached = "–" if share is None else f"{100 * share:.0f}"
        rows.append(
            (
                in_words(name),
                f"{bound} {100 * facts['gate']:.0f}{' points' if points else ' %'}",
                f"{reached}{' points' if points else ' %'}",
                "yes" if facts["met"] else "**no**",
            )
        )
    return table(("gate", "asked", "reached", "met"), rows)


def presence_table(made: dict[str, Any]) -> str:
    """Objects there, by group of prompts."""
    names = {
        "single": "one object",
        "colour": "one object with a color, seen combinations",
        "unseen colour": "one object with a color, unseen combinations",
    }
    rows = [
        (label, str(made["single"][key]["n"]), share_cell(made["single"][key]))
        for key, label in names.items()
    ]
    pairs = {
        "two objects": "both of two objects (*and*)",
        "relation": "both of two objects (with a direction)",
        "unseen pair": "both of two objects, unseen pairs",
    }
    rows += [
        (label, str(made["both"][key]["n"]), share_cell(made["both"][key]))
        for key, label in pairs.items()
    ]
    rows += [
        (
            f"at least one: {label[8:]}",
            str(made["both_any"][key]["n"]),
            share_cell(made["both_any"][key]),
        )
        for key, label in pairs.items()
    ]
    return table(("what is named is there", "n", "share (95 %)"), rows)


def color_table(made: dict[str, Any]) -> str:
    """Colors by masked hue."""
    rows = []
    for key, label in (("colour", "seen combinations"), ("unseen colour", "unseen combinations")):
        facts = made["colour"][key]
        shares = [facts[k] for k in ("of_all", "of_found", "standing_out")]
        cells = [cell for one in shares for cell in (str(one["n"]), share_cell(one))]
        rows.append((label, *cells))
    header = ("color right", "n", "of all", "n", "of objects found", "n", "of what stands out")
    return table(header, rows)


def relation_table(made: dict[str, Any]) -> str:
    """Stated directions among images with both objects, and what chance gives."""
    rows = []
    for key, label in (("relation", "seen pairs"), ("unseen pair", "unseen pairs")):
        facts = made["relation"][key]
        rows.append(
            (
                label,
                str(facts["right"]["n"]),
                share_cell(facts["right"]),
                percent(facts["chance"]),
                share_cell(facts["right_by_sign"]),
                percent(facts["chance_by_sign"]),
                share_cell(facts["right_axis"]),
                percent(facts["chance_axis"]),
            )
        )
    measures = ("main direction", "chance", "right side", "chance", "right axis", "chance")
    return table(("relation right", "n with both", *measures), rows)


def unseen_table(made: dict[str, Any]) -> str:
    """Unseen combinations against seen ones."""
    rows = [
        (
            in_words(name),
            share_cell(facts["unseen"]),
            share_cell(facts["seen"]),
            f"{100 * facts['gap']:+.0f} ({100 * facts['low']:+.0f} to {100 * facts['high']:+.0f})",
        )
        for name, facts in made["unseen_less_seen"].items()
    ]
    return table(("", "unseen", "seen", "difference in points (95 %)"), rows)


def noun_table(made: dict[str, Any]) -> str:
    """Single objects found, noun by noun, the most often found first."""
    ordered = sorted(made["by_noun"].items(), key=lambda item: (-item[1]["right"], item[0]))
    by: dict[int, list[str]] = {}
    for noun, facts in ordered:
        by.setdefault(facts["right"], []).append(noun)
    n = ordered[0][1]["n"]
    return table(
        (f"found in so many of {n} images", "nouns"),
        [(str(right), ", ".join(nouns)) for right, nouns in by.items()],
    )


def judge_table(made: dict[str, Any]) -> str:
    """The judge's own accuracy on held-out rendered scenes, and its claims on generated ones."""
    own = made["judge"]
    rows = [
        ("pixels: mean IoU of the 28 labels", str(own["scenes"]), f"{own['mean_iou']:.3f}"),
        (
            "the same when nothing is left in doubt",
            str(own["scenes"]),
            f"{own['mean_iou_undoubting']:.3f}",
        ),
        ("pixels labeled right", str(own["scenes"]), f"{own['pixel_accuracy']:.3f}"),
        ("nouns shown that it finds", str(own["found"]["n"]), share_cell(own["found"])),
        (
            "scenes in which it claims an absent noun",
            str(own["scenes"]),
            share_cell(own["claimed"]),
        ),
        ("color read right from its masks", str(own["colour"]["n"]), share_cell(own["colour"])),
        (
            "direction read right from its masks",
            str(own["relation"]["n"]),
            share_cell(own["relation"]),
        ),
    ]
    claimed, nothing = made["unnamed"], made["nothing"]
    rows += [
        ("generated images: claims a noun not named", str(claimed["n"]), share_cell(claimed)),
        ("generated images: sees no noun at all", str(nothing["n"]), share_cell(nothing)),
    ]
    return table(("the judge, on held-out rendered scenes", "n", ""), rows)


def score_tables(made: dict[str, Any]) -> str:
    """All of it as one page."""
    parts = {
        "Gates": gates_table,
        "Presence": presence_table,
        "Color": color_table,
        "Relations": relation_table,
        "Unseen combinations": unseen_table,
        "Nouns": noun_table,
        "The judge": judge_table,
    }
    head = f"# {made['model']}: {made['pictures']} images\n"
    return head + "".join(f"\n## {name}\n{make(made)}" for name, make in parts.items())


def attribution_table(made: dict[str, Any]) -> str:
    """Choices of layers on exact masks, held-out rendered scenes."""
    names = {
        "recommended": "recommended",
        "paper": "the paper's: all of the down and up blocks",
    }
    rows = []
    for key, label in names.items():
        facts = made["scores"][key]
        rows.append(
            (
                label,
                f"{facts['miou']:.3f}",
                f"{facts['pointing']:.2f}",
                f"{facts['miou_joint']:.3f}",
                f"{facts['pointing_joint']:.2f}",
            )
        )
    whole = made["scores"]["paper"]["whole_image"]
    rows.append(("marking the whole image", *2 * (f"{whole:.3f}", f"{whole:.2f}")))
    header = (
        f"layers, {made['words']} words of held-out scenes",
        "IoU, mean of seven maps'",
        "pointing",
        "IoU of the mean map",
        "pointing",
    )
    return table(header, rows)


def timesteps_table(made: dict[str, Any]) -> str:
    """The recommended layers by timestep."""
    facts = made["scores"]["recommended"]
    measures = (("mean IoU", "miou_by_timestep"), ("pointing game", "pointing_by_timestep"))
    rows = [(label, *(f"{v:.2f}" for v in facts[key].values())) for label, key in measures]
    return table(("recommended layers, timestep", *facts["miou_by_timestep"]), rows)


def layers_table(made: dict[str, Any]) -> str:
    """The layers recommended, and each layer alone."""
    rows = [
        (
            f"`{name.split('.transformer_blocks')[0]}`",
            "yes" if name in made["recommended"] else "",
            f"{facts['miou']:.3f}",
            f"{facts['pointing']:.2f}",
        )
        for name, facts in made["scores"].items()
        if name not in ("recommended", "paper")
    ]
    return table(("one layer alone", "recommended", "mean IoU", "pointing game"), rows)


def generated_table(made: dict[str, Any]) -> str:
    """Choices of layers on generated images, against the judge's masks."""
    facts = made.get("generated")
    if not facts:
        return "Not measured.\n"
    rows = [
        (
            label,
            f"{facts[key]['miou']:.3f} ({facts[key]['low']:.3f} to {facts[key]['high']:.3f})",
            f"{facts[key]['pointing']:.2f}",
        )
        for key, label in (("recommended", "recommended"), ("paper", "the paper's"))
    ]
    rows.append(("marking the whole image", f"{facts['whole_image']:.3f}", ""))
    header = (
        f"layers, {facts['words']} of {facts['named']} words in {facts['pictures']} images",
        "mean IoU (95 %)",
        "pointing game",
    )
    return table(header, rows)


def blind_table(made: dict[str, Any]) -> str:
    """What a reader who saw neither prompts nor verdicts said."""
    rows = []
    if "names" in made:
        facts = made["names"]["named_right"]
        rows.append(("objects named right, free choice of words", facts))
    if "labels" in made:
        labels = {
            "agreement": "judge and reader agree on an image (a reader's doubt counts either way)",
            "agreement_strict": "the same, where a doubtful noun counts as not seen",
            "sure_nouns_the_judge_claims": "nouns the reader is sure of that the judge claims",
            "claims_the_person_shares": "the judge's claims that the reader shares",
            "named_nouns_the_person_saw": "nouns of the prompts that the reader saw",
            "nothing_to_be_recognised": "images in which the reader was sure of nothing",
        }
        rows += [(label, made["labels"][key]) for key, label in labels.items()]
    return table(
        ("", "n", "share (95 %)"), [(label, str(f["n"]), share_cell(f)) for label, f in rows]
    )


def blind_noun_table(made: dict[str, Any]) -> str:
    """What that reader recognized of each noun, the least recognized first; one row for the rest.

    The rest are the nouns that the reader was always sure of.
    """
    kinds = ("sure", "doubtful", "missed")
    by = {
        noun: [facts[kind] for kind in kinds] for noun, facts in made["labels"]["by_noun"].items()
    }
    always = sorted(noun for noun, counts in by.items() if counts[0] == sum(counts))
    ordered = sorted(by.keys() - set(always), key=lambda noun: (by[noun][0] / sum(by[noun]), noun))
    rows = [(noun, by[noun]) for noun in ordered]
    if always:
        together = [sum(by[noun][k] for noun in always) for k in range(len(kinds))]
        rows.append((", ".join(always), together))
    return table(
        ("in images whose prompt names it", "n", "sure of it", "in doubt", "not mentioned"),
        [(label, str(sum(counts)), *map(str, counts)) for label, counts in rows],
    )
