"""Heads in studies: as `heat_maps` takes them, and part of what rows are recognized by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import daam_nb as dnb
from daam_nb import head_tables
from daam_nb.errors import SelectionError, StudyError
from daam_nb.kinds import typed_heads
from daam_nb.studies import adjectives, cohyponyms, run_study
from daam_nb.studies.attribution.study import object_ious
from daam_nb.studies.corpus.generation import Run
from daam_nb.studies.corpus.layer_choices import heads_by_content
from daam_nb.studies.maps.choices import Choice, choices_of
from daam_nb.studies.maps.options import MapsOptions
from daam_nb.studies.oracles.presence import Seen
from daam_nb.studies.oracles.truths import Target
from daam_nb.studies.visuosyntax.study import relations
from tests.pipelines import sd1
from tests.studies.by_hand import parsed
from tests.studies.toy import SIZE, ToyJudge
from tests.tiny_recordings import tiny_recording

TEXT = "a red car"
WEIGHTS: dict[str, Any] = {"weights": {"unet": "0" * 16}}
TREE = """
    a DET 2 det
    red ADJ 2 amod
    car NOUN 2 ROOT
"""


class ByHand:
    """A parser that knows one sentence."""

    name = "by hand"

    def __call__(self, text: str) -> Any:
        return parsed(TREE, parser=self.name)


@dataclasses.dataclass(frozen=True)
class LeftHalf:
    """A truth: the car is the left half of the image."""

    name: str = "left half"

    def targets(self, facts: Any, run: dnb.Recording) -> list[Target]:
        mask = np.zeros(run.facts.image_size, dtype=bool)
        mask[:, : mask.shape[1] // 2] = True
        return [Target("car", run.prompt.occurrences("car"), mask, True)]


class Both:
    """Sees both objects everywhere."""

    name = "both"

    def __call__(self, run: Run, first: str, second: str) -> Seen:
        return Seen.of(True, True)


def choices(run: dnb.Recording) -> list[Any]:
    """One head, several by number, and pairs."""
    pairs = [(layer.name, head) for layer, head in zip(run.layers[:2], (1, 0), strict=True)]
    return [1, [0, 1], pairs]


def test_dependencies_are_those_of_the_heads_chosen(tmp_path: Path) -> None:
    run, path = tiny_recording(TEXT), tmp_path / "rows.jsonl"
    options: dict[str, Any] = {"parser": ByHand(), "names": "paper", "progress": False}
    for heads in choices(run):
        table = relations([run], heads=heads, **options)
        maps = dnb.heat_maps(run, heads=heads)
        expected = dnb.iou(maps.word("red"), maps.word("car"), threshold=0.4)
        assert table[table.relation == "amod"].iou.tolist() == pytest.approx([expected])
        assert table.attrs["settings"]["maps"] == maps.choice
    relations([run], path=path, heads=[0], **options)
    relations([run], path=path, heads=0, **options)  # the same head
    for heads in (None, [1], [(run.layers[0].name, 0)]):
        with pytest.raises(StudyError, match="now"):
            relations([run], path=path, heads=heads, **options)
    with pytest.raises(SelectionError, match="has no head 9"):
        relations([run], heads=9, **options)


def test_objects_are_marked_by_the_heads_chosen() -> None:
    run = tiny_recording(TEXT)
    for heads in choices(run):
        table = object_ious(
            [run], truth=LeftHalf(), heads=heads, thresholds=(0.4,), baselines=(), progress=False
        )
        marked = dnb.heat_maps(run, heads=heads).word("car").mask(0.4, size=run.facts.image_size)
        (target,) = LeftHalf().targets({}, run)
        assert table.iou.tolist() == pytest.approx([dnb.iou(marked, target.mask)])


def test_pairs_of_nouns_overlap_in_the_heads_chosen() -> None:
    taxonomy = cohyponyms.Taxonomy(
        {"pet": ("cat", "dog"), "bird": ("owl", "duck"), "vehicle": ("car", "bus")}
    )
    caption = cohyponyms.pair_captions(taxonomy)[0][0]
    recording = tiny_recording(caption.text)
    facts = {**caption.facts, "prompt": caption.text, "seed": 0}
    for heads in choices(recording):
        table = cohyponyms.presence_and_overlap(
            [Run("0", facts, recording)], presence=Both(), heads=heads, progress=False
        )
        maps = dnb.heat_maps(recording, heads=heads)
        words = maps.word(facts["first"]), maps.word(facts["second"])
        assert table.overlap.tolist() == pytest.approx([dnb.soft_iou(*words)])


def test_adjectives_spill_in_the_heads_chosen(tmp_path: Path) -> None:
    pipe, path = sd1(), tmp_path / "rows.jsonl"
    prompts = adjectives.captions(["cat"], ["red", "blue"])[:1]
    options: dict[str, Any] = {"judge": ToyJudge(), "progress": False, "path": path, **SIZE}
    every = adjectives.adjective_pairs(pipe, prompts, [0], **{**options, "path": None})
    first = adjectives.adjective_pairs(pipe, prompts, [0], heads=[0], **options)
    assert (first.spill != every.spill).any()
    assert first.outside.tolist() == every.outside.tolist()  # of the image, and no heads
    with pytest.raises(StudyError, match="heads"):
        adjectives.adjective_pairs(pipe, prompts, [0], heads=[1], **options)


def test_rows_of_all_heads_are_recognized_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heads_by_content(None) == {}
    assert heads_by_content([3, 0]) == heads_by_content((0, 3)) == {"heads": [0, 3]}
    assert heads_by_content([("b", 1), ("a", 0)]) == {"heads": [["a", 0], ["b", 1]]}
    run = tiny_recording(TEXT)
    run = dataclasses.replace(run, facts=dataclasses.replace(run.facts, batch=WEIGHTS))
    rows = tuple({"layer": layer.name, "head": 1, "relevant": True} for layer in run.layers[:2])
    monkeypatch.setattr(head_tables, "_registered", [])
    head_tables.register_head_table(
        head_tables.HeadTable("tiny", WEIGHTS["weights"], "by hand", rows)
    )
    named = [(layer.name, 1) for layer in run.layers[:2]]
    assert heads_by_content("relevant", run) == heads_by_content(named)
    with pytest.raises(StudyError, match="draws its own"):
        heads_by_content("relevant")


@pytest.mark.parametrize("name", ["attribution", "visuosyntax", "cohyponyms", "adjectives"])
def test_what_is_no_choice_of_heads_is_refused_before_anything_is_drawn(
    name: str, tmp_path: Path
) -> None:
    judge = {} if name == "visuosyntax" else {"judge": ToyJudge()}
    for heads in ("0,3", [0, 0], [-1], [("mid", 1), 0]):
        with pytest.raises(SelectionError, match="head"):
            run_study(name, sd1(), into=tmp_path / "s", heads=heads, **judge)
    assert not (tmp_path / "s").exists()


def test_choices_of_heads_tried_one_by_one() -> None:
    pairs = [("mid_block", 1), ("up_blocks.1", 0)]
    tried = choices_of({"first": "up"}, heads=(0, [0, 3], pairs))
    assert tried["first, head 0"] == Choice("up", [0])
    assert tried["first, heads 0+3"] == Choice("up", [0, 3])
    assert tried["mid_block:1+up_blocks.1:0"] == Choice("all", pairs)
    assert choices_of(None, heads=["relevant"])["relevant heads"] == Choice("all", "relevant")
    assert MapsOptions(heads=[1, [0, 3]]).heads == (1, [0, 3])
    for wrong in ("0", 3, [None], [[0, 0]], ["x"]):
        with pytest.raises((StudyError, SelectionError), match="head"):
            MapsOptions(heads=wrong)


def test_typed_heads() -> None:
    assert typed_heads("0") == [0]
    assert typed_heads(" 0 + 3,5") == [0, 3, 5]
    assert typed_heads("relevant") == "relevant"
    assert typed_heads("a.b:0+a.c:12") == [("a.b", 0), ("a.c", 12)]
    for wrong in ("", "+", "0+", "a", "a:", ":0", "a:0+1", "a:b", "0-3", "³"):
        with pytest.raises(SelectionError, match="heads cannot be read from"):
            typed_heads(wrong)
    with pytest.raises(SelectionError, match="cannot be read"):
        typed_heads("0,1", between="+")
