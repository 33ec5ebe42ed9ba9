"""The score of images, on labels made by hand: what counts as there, right, chance and unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from daam_nb.menagerie.judge import LABELS, Judge, build_judge
from training.images import entries, image_path
from training.scoring import row, summary
from training.tables import score_tables

GREEN = (45, 160, 60)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    file = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    save_file(build_judge().state_dict(), file, metadata={"doubt": json.dumps({"least": 24})})
    return Judge(file)


def labels(**boxes: tuple[int, int, int]) -> np.ndarray:
    """Label maps with squares: noun=(top, left, side)."""
    made = np.zeros((64, 64), dtype=np.int64)
    for noun, (top, left, side) in boxes.items():
        made[top : top + side, left : left + side] = LABELS.index(noun)
    return made


def entry(group: str, *nouns: str, color: str | None = None, relation: str | None = None) -> Any:
    objects = [{"noun": noun, "colour": color if i == 0 else None} for i, noun in enumerate(nouns)]
    return {
        "group": group,
        "prompt": " ".join(nouns),
        "seed": 1,
        "objects": objects,
        "relation": relation,
        "background": "blue background",
    }


def test_the_fixed_prompts_are_540_in_six_groups() -> None:
    groups = [one["group"] for one in entries()]
    assert len(groups) == 540
    assert {g: groups.count(g) for g in groups} == {
        "single": 108, "colour": 108, "two objects": 108, "relation": 108,
        "unseen pair": 54, "unseen colour": 54,
    }  # fmt: skip
    assert image_path(Path("x"), 7) == Path("x/0007.png")


def test_a_row_says_what_is_there_what_is_not_and_what_was_not_asked_for(judge: Judge) -> None:
    image = Image.new("RGB", (64, 64), GREEN)
    seen = labels(zebra=(5, 5, 10), car=(40, 40, 10), owl=(0, 60, 4))
    made = row(entry("relation", "zebra", "car", relation="left of"), image, seen, judge)
    assert made["found"] == {"zebra": 100, "car": 100} and made["there"] == [True, True]
    assert made["unnamed"] == []  # the owl has 16 pixels, fewer than 24
    assert made["relation"] in ("left of", "above") and made["signs"] == ["left of", "above"]
    other = row(entry("relation", "zebra", "cat", relation="above"), image, seen, judge)
    assert other["there"] == [True, False] and other["unnamed"] == ["car"]
    assert other["relation"] is None and other["signs"] == []
    colored = row(entry("colour", "car", color="green"), image, seen, judge)
    assert colored["colour"] == "green" and colored["unnamed"] == ["zebra"]
    absent = row(entry("colour", "cat", color="green"), image, seen, judge)
    assert absent["colour"] is None and absent["there"] == [False]


def rows_by_hand(judge: Judge) -> list[dict[str, Any]]:
    image = Image.new("RGB", (64, 64), GREEN)
    zebra, both = labels(zebra=(5, 5, 10)), labels(zebra=(25, 5, 10), car=(25, 40, 10))
    given = [
        (entry("single", "zebra"), zebra),
        (entry("single", "car"), zebra),
        (entry("colour", "zebra", color="green"), zebra),
        (entry("colour", "zebra", color="red"), zebra),
        (entry("colour", "car", color="green"), zebra),
        (entry("unseen colour", "zebra", color="green"), zebra),
        (entry("two objects", "zebra", "car", relation="and"), both),
        (entry("relation", "zebra", "car", relation="left of"), both),
        (entry("relation", "zebra", "car", relation="right of"), both),
        (entry("relation", "car", "zebra", relation="right of"), both),
        (entry("relation", "zebra", "car", relation="left of"), zebra),
        (entry("unseen pair", "zebra", "car", relation="left of"), both),
    ]
    return [row(one, image, seen, judge) for one, seen in given]


def test_the_summary_counts_as_its_words_say(judge: Judge) -> None:
    made = summary(rows_by_hand(judge))
    assert (made["single"]["single"]["right"], made["single"]["single"]["n"]) == (1, 2)
    color = made["colour"]["colour"]
    assert (color["of_all"]["right"], color["of_all"]["n"]) == (1, 3)
    # The whole image is green and stands out from blue: wrong for the one that should be red.
    assert (color["standing_out"]["right"], color["standing_out"]["n"]) == (2, 3)
    assert (color["of_found"]["right"], color["of_found"]["n"]) == (1, 2)
    assert (made["both"]["relation"]["right"], made["both"]["relation"]["n"]) == (3, 4)
    assert (made["both"]["seen pairs"]["right"], made["both"]["seen pairs"]["n"]) == (4, 5)
    assert made["both_any"]["relation"]["share"] == 1
    relation = made["relation"]["relation"]
    assert (relation["right"]["right"], relation["right"]["n"]) == (2, 3)
    # Stated: left, right, right; shown: left, left, right. Dealt out anew: 1/3, 1/3 and 2/3 right.
    assert relation["chance"] == pytest.approx(4 / 9, abs=1e-3)
    assert (relation["right_axis"]["right"], relation["chance_axis"]) == (3, 1.0)
    assert made["unnamed"]["right"] == 2
    assert made["by_noun"]["zebra"]["n"] == 3 and made["by_noun"]["car"]["right"] == 0
    gap = made["unseen_less_seen"]["colour right"]
    assert gap["gap"] == pytest.approx(1 - 1 / 3, abs=1e-3) and gap["low"] < gap["gap"]
    assert made["gates"]["named single object is there"] == {
        "gate": 0.9,
        "share": 0.5,
        "met": False,
    }
    assert not made["gates"]["judge claims an unnamed noun"]["met"]


def test_the_tables_show_every_figure_with_its_number_of_images(judge: Judge) -> None:
    nothing = {"right": 0, "n": 0, "share": None, "low": 0.0, "high": 1.0}
    made = summary(rows_by_hand(judge)) | {
        "model": "name@revision",
        "pictures": 12,
        "judge": {
            "scenes": 10, "mean_iou": 0.91, "mean_iou_undoubting": 0.92,
            "pixel_accuracy": 0.99, "found": nothing,
            "claimed": nothing, "colour": nothing, "relation": nothing,
        },
    }  # fmt: skip
    text = score_tables(made)
    assert "| named single object is there | at least 90 % | 50 % | **no** |" in text
    assert "| seen pairs | 3 | 67 % (21 to 94) | 44 % |" in text
    assert "nan" not in text and "None" not in text


def test_painting_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: Any) -> None:
    from training import images

    painted: list[list[str]] = []

    class Painter:
        def set_progress_bar_config(self, **_: Any) -> None: ...

        def __call__(self, prompts: list[str], *, generator: Any, **settings: Any) -> Any:
            painted.append(prompts)
            assert settings == {"num_inference_steps": 20, "guidance_scale": 4.0}
            seeds = [g.initial_seed() for g in generator]
            assert seeds == [e["seed"] for e in entries() if e["prompt"] in prompts][: len(seeds)]
            one = Image.new("RGB", (64, 64))
            return type("Made", (), {"images": [one] * len(prompts)})()

    monkeypatch.setattr(images, "load", lambda folder: Painter())
    threads = torch.get_num_threads()
    Image.new("RGB", (64, 64)).save(image_path(tmp_path, 5))
    images.paint(tmp_path, tmp_path, indices=[5, 100])
    images.paint(tmp_path, tmp_path, indices=[5, 100])
    torch.set_num_threads(threads)
    assert painted == [[entries()[100]["prompt"]]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0005.png", "0100.png"]
