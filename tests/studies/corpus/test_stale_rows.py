"""What was measured is recognized by content: nothing of another content comes back as rows."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import daam_nb as dnb
from daam_nb.errors import StudyError
from daam_nb.language import Parse
from daam_nb.maps import heat_maps, iou
from daam_nb.recording import Recording
from daam_nb.studies import faithfulness, run_study
from daam_nb.studies.attribution import study as segmentation
from daam_nb.studies.attribution.study import object_ious
from daam_nb.studies.cohyponyms.study import presence_and_overlap
from daam_nb.studies.corpus.generation import Corpus, Run
from daam_nb.studies.oracles.presence import DetectorPresence, RatedPresence
from daam_nb.studies.oracles.protocols import Target
from daam_nb.studies.oracles.segmenters import ClipSegSegmenter
from daam_nb.studies.oracles.truths import CocoTruth, FolderTruth, JudgeTruth
from daam_nb.studies.visuosyntax.study import relations
from tests.studies.by_hand import parsed
from tests.studies.toy import ToyJudge
from tests.tiny_recordings import tiny_recording

HEIGHT, WIDTH = tiny_recording().facts.image_size
TEXT = "a cat and a dog"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two recordings of one prompt."""
    for seed in (0, 1):
        tiny_recording(TEXT, seed=seed).save(tmp_path / "runs" / str(seed))
    return tmp_path / "runs"


def masks(root: Path, left: bool) -> Path:
    """Masks of the cat, in the left or the right half, in COCO-Gen's format."""
    for seed in (0, 1):
        annotated = root / str(seed)
        annotated.mkdir(parents=True, exist_ok=True)
        (annotated / "prompt.txt").write_text(TEXT)
        (annotated / "seed.txt").write_text(str(seed))
        alpha = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
        half = slice(None, WIDTH // 2) if left else slice(WIDTH // 2, None)
        alpha[:, half, 3] = 255
        Image.fromarray(alpha).save(annotated / "cat.gt.png")
    return root


def by_maps(table: pd.DataFrame, threshold: float = 0.4) -> list[float]:
    """IoU of the maps, run by run."""
    rows = table[(table.method == "DAAM") & (table.threshold == threshold)]
    return [float(value) for value in rows.iou]


def wanted(folder: Path, left: bool, **choice: Any) -> list[float]:
    """The same from the maps and the mask, without a study."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[:, slice(None, WIDTH // 2) if left else slice(WIDTH // 2, None)] = True
    numbers = []
    for run in Corpus.open(folder):
        word = heat_maps(run.load(), **choice).word("cat")
        numbers.append(iou(word.mask(0.4, size=(HEIGHT, WIDTH)), mask))
    return numbers


def measure(folder: Path, truth: Any, **options: Any) -> pd.DataFrame:
    return object_ious(
        folder, truth=truth, thresholds=[0.4], baselines=(), progress=False, **options
    )


def test_corrected_masks_are_measured(folder: Path, tmp_path: Path) -> None:
    truth = masks(tmp_path / "truth", left=True)
    assert by_maps(measure(folder, FolderTruth(truth))) == wanted(folder, left=True)
    masks(truth, left=False)
    corrected = wanted(folder, left=False)
    assert corrected != wanted(folder, left=True)
    assert by_maps(measure(folder, FolderTruth(truth))) == corrected
    assert by_maps(measure(folder, FolderTruth(str(truth)))) == corrected  # type: ignore[arg-type]


def test_a_corrected_file_of_coco_is_measured(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "instances.json"

    def write(low: int) -> None:
        square = [low, 0, low + WIDTH // 2, 0, low + WIDTH // 2, HEIGHT, low, HEIGHT]
        document = {
            "images": [{"id": 5, "height": HEIGHT, "width": WIDTH}],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"image_id": 5, "category_id": 1, "segmentation": [square]}],
        }
        file.write_text(json.dumps(document))

    write(0)
    contents = [_content(CocoTruth(file, of_these_images=True))]
    write(WIDTH // 2)
    contents.append(_content(CocoTruth(file, of_these_images=True)))
    contents.append(_content(CocoTruth(file, words={"cat": ("kitten",)}, of_these_images=True)))
    assert len(set(contents)) == 3


def _content(value: Any) -> str:
    from daam_nb.studies.corpus.fingerprints import content_of

    content = content_of(value)
    assert content is not None and content == content_of(value)
    return content


def test_layers_are_known_by_name_not_by_how_many_there_are(tmp_path: Path) -> None:
    """The issue's example: to people both choices are "2 of 7 layers"."""
    run = dnb.sample()
    run.save(tmp_path / "runs" / "0")
    mask = np.zeros(run.facts.image_size, dtype=bool)
    mask[:, : mask.shape[1] // 2] = True
    places = [layer.name for layer in run.layers]
    first, second = [places[0], places[-1]], [places[2], places[3]]

    class Left:
        name = "left half"

        def targets(self, facts: Any, run: Recording) -> list[Target]:
            return [Target("apple", (run.prompt.find("apple"),), mask)]

    def wanted(layers: list[str]) -> float:
        word = heat_maps(run, layers=layers).word("apple")
        return float(iou(word.mask(0.4, size=mask.shape), mask))

    early, late = (
        measure(tmp_path / "runs", Left(), layers={"DAAM": layers}) for layers in (first, second)
    )
    captions = [heat_maps(run, layers=layers).choice for layers in (first, second)]
    assert captions[0] == captions[1]
    assert by_maps(early) == [wanted(first)] != [wanted(second)] == by_maps(late)


@dataclasses.dataclass(frozen=True)
class Half:
    """A segmenter that marks so much of every image, from the left."""

    share: float
    name: str = "half"

    def masks(self, image: Any, nouns: Any) -> dict[str, Any]:
        mask = np.zeros((image.height, image.width), dtype=bool)
        mask[:, : round(self.share * image.width)] = True
        return dict.fromkeys(nouns, mask)


def test_another_option_of_a_segmenter_is_measured(folder: Path, tmp_path: Path) -> None:
    truth = FolderTruth(masks(tmp_path / "truth", left=True))
    for share in (0.5, 0.25):
        table = measure(folder, truth, segmenters=[Half(share)])
        halves = table[table.method == "half"].iou
        assert halves.tolist() == pytest.approx([share / 0.5] * 2)


def test_two_methods_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    truth = FolderTruth(masks(tmp_path / "truth", left=True))
    with pytest.raises(StudyError, match=r"Two methods are called 'half'.*Give each its own name"):
        measure(folder, truth, segmenters=[Half(0.5), Half(0.25)])
    with pytest.raises(StudyError, match="Two methods are called 'DAAM'"):
        measure(folder, truth, segmenters=[Half(0.5, name="DAAM")])
    with pytest.raises(StudyError, match="Two methods are called 'whole image'"):
        object_ious(folder, truth=truth, layers={"whole image": "paper"}, progress=False)
    with pytest.raises(StudyError, match="Two methods are called 'DAAM, recommended layers'"):
        run_study("attribution", 
            None, into=tmp_path, truth=truth, recommended=["x"],
            layers={"DAAM, recommended layers": "up"},
        )  # fmt: skip


def test_judges_are_known_by_what_they_see(folder: Path) -> None:
    never, always = ToyJudge(least=300.0), ToyJudge(least=-1.0)
    assert never.name == always.name
    first = measure(folder, JudgeTruth(never, name=never.name))
    second = measure(folder, JudgeTruth(always, name=always.name))
    assert (first[first.noun == "dog"].method == segmentation.ABSENT).all()
    assert (second[second.noun == "dog"].method != segmentation.ABSENT).all()
    groups = [{}, {"pet": ("cat",)}, {"pet": ("cat", "dog")}]
    assert len({_content(JudgeTruth(always, each)) for each in groups}) == 3


def captioned(folder: Path) -> Corpus:
    """The recordings with the facts of a pair."""
    facts = {"kind": "cohyponyms", "first": "cat", "second": "dog"}
    facts |= {"first_class": "pet", "second_class": "pet"}
    opened = Corpus.open(folder)
    runs = [dataclasses.replace(run, facts={**facts, **run.facts}) for run in opened]
    return dataclasses.replace(opened, runs=tuple(runs))


def test_whoever_looks_at_pairs_is_known_by_what_they_see(folder: Path) -> None:
    pairs = captioned(folder)
    ask: Callable[[Any], list[float]] = lambda presence: (  # noqa: E731
        presence_and_overlap(pairs, presence=presence, progress=False).both.tolist()
    )
    assert ask(ToyJudge(least=300.0)) == [0.0, 0.0]
    assert ask(ToyJudge(least=-1.0)) == [1.0, 1.0]
    for answer, seen in (("both", 1.0), ("one", 0.0)):
        ratings = pd.DataFrame({"prompt": TEXT, "seed": [0, 1], "answer": answer})
        assert ask(RatedPresence(ratings)) == [seen, seen]


class Detector:
    """Finds a cat and a dog, each with its score."""

    def __init__(self, **scores: float) -> None:
        self.scores = scores

    def __call__(self, image: Any, **options: Any) -> list[dict[str, Any]]:
        return [{"label": label, "score": score} for label, score in self.scores.items()]


def test_detectors_of_one_name_and_synonyms(folder: Path) -> None:
    pairs = captioned(folder)
    tables = [
        presence_and_overlap(pairs, presence=presence, progress=False).both.tolist()
        for presence in (
            DetectorPresence(Detector(cat=0.9, dog=0.1), name="d"),
            DetectorPresence(Detector(cat=0.9, dog=0.8), name="d"),
            DetectorPresence(Detector(cat=0.9, dog=0.8), name="d", synonyms={"dog": "puppy"}),
        )
    ]
    assert tables == [[0.0] * 2, [1.0] * 2, [0.0] * 2]


class Tree:
    """A parser that says one thing of every text, always under one name."""

    name = "parser 1"

    def __init__(self, relation: str) -> None:
        self.relation = relation

    def __call__(self, text: str) -> Parse:
        rows = ["a DET 1 det", "cat NOUN 1 ROOT", "and CCONJ 1 cc", "a DET 4 det"]
        return parsed("\n".join([*rows, f"dog NOUN 1 {self.relation}"]))


def test_parsers_are_known_by_what_they_say(folder: Path) -> None:
    relations(folder, parser=Tree("conj"), progress=False)
    with pytest.warns(UserWarning, match=r"2 of 2 units, such as '0', were measured on other"):
        again = relations(folder, parser=Tree("dobj"), progress=False)
    assert again.relation[again.dependent_word == "dog"].isin(["dobj", ""]).all()


def test_a_recording_put_in_the_place_of_another_is_measured(folder: Path, tmp_path: Path) -> None:
    truth = FolderTruth(masks(tmp_path / "truth", left=True))
    before = by_maps(measure(folder, truth))
    replaced = tiny_recording(TEXT, seed=1)
    facts = dataclasses.replace(replaced.facts, seed=0)
    dataclasses.replace(replaced, facts=facts).save(folder / "0", overwrite=True)
    with pytest.warns(UserWarning, match="1 of 2 units, such as '0', were measured on other rec"):
        after = by_maps(measure(folder, truth))
    assert after == wanted(folder, left=True) != before
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the second time it is known
        assert by_maps(measure(folder, truth)) == after


def test_a_corrected_fact_of_a_caption_is_measured(folder: Path) -> None:
    class Named:
        """Sees both objects where the caption says so."""

        name = "the caption"

        def __call__(self, run: Run, first: str, second: str) -> Any:
            from daam_nb.studies.oracles.presence import Seen

            return Seen.of(True, run.facts.get("drawn", "") == "both")

    pairs = captioned(folder)
    assert presence_and_overlap(pairs, presence=Named(), progress=False).both.tolist() == [0.0, 0.0]
    corrected = [dataclasses.replace(r, facts={**r.facts, "drawn": "both"}) for r in pairs]
    again = dataclasses.replace(pairs, runs=tuple(corrected))
    with pytest.warns(UserWarning, match="2 of 2 units"):
        assert presence_and_overlap(again, presence=Named(), progress=False).both.tolist() == [
            1.0,
            1.0,
        ]


def test_rows_by_name_are_left_aside_with_a_sentence(folder: Path, tmp_path: Path) -> None:
    truth = FolderTruth(masks(tmp_path / "truth", left=True))
    old = folder / "studies" / "attribution-12345678" / "rows.jsonl"
    old.parent.mkdir(parents=True)
    header = {"format": "daam_nb rows", "version": 1, "columns": [], "settings": {}}
    old.write_text(json.dumps(header) + "\n")
    with pytest.warns(UserWarning, match=r"attribution-12345678/rows\.jsonl holds rows of an ear"):
        table = measure(folder, truth)
    assert by_maps(table) == wanted(folder, left=True)


def test_a_row_file_by_name_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    relations(folder, parser=Tree("conj"), path=path, progress=False)
    lines = path.read_text().splitlines()
    header = {**json.loads(lines[0]), "version": 1}
    path.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    with pytest.raises(StudyError, match="holds rows of an earlier version, which identified what"):
        relations(folder, parser=Tree("conj"), path=path, progress=False)


def test_the_judge_of_faithfulness_is_known_by_what_it_sees(folder: Path) -> None:
    """Nothing is drawn: the rows of a judge that sees nothing are none, and of no other judge."""
    blind = ToyJudge(least=300.0)
    blind.names = ("background", "emu", "owl")
    options: dict[str, Any] = {"pipe": None, "skip_unseen": True, "progress": False}
    assert faithfulness.ablation_effects(folder, judge=blind, **options).empty
    with pytest.raises(StudyError, match="must be drawn again, but pipe is None"):
        faithfulness.ablation_effects(folder, judge=ToyJudge(), **options)


def test_segmenters_of_transformers_by_every_option() -> None:
    class Model:
        """A model's stand-in: only its numbers count."""

        def __init__(self, weight: float) -> None:
            self.weight = weight

    options: list[Mapping[str, Any]] = [
        {"model": Model(1.0)},
        {"model": Model(2.0)},
        {"model": Model(1.0), "threshold": 0.3},
        {"model": Model(1.0), "template": "a photo of a {}"},
    ]
    contents = [_content(ClipSegSegmenter(processor=None, **each)) for each in options]
    assert len(set(contents)) == 4


def test_recordings_in_memory_with_a_path(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def runs(seed: int) -> Iterator[Recording]:
        drawn = tiny_recording(TEXT, seed=seed)
        yield dataclasses.replace(drawn, facts=dataclasses.replace(drawn.facts, seed=7))

    first = relations(runs(0), parser=Tree("conj"), path=path, progress=False)
    with pytest.warns(UserWarning, match="1 of 1 units"):
        second = relations(runs(1), parser=Tree("conj"), path=path, progress=False)
    alone = relations(runs(1), parser=Tree("conj"), progress=False)
    pd.testing.assert_frame_equal(second, alone)
    assert not first.iou.equals(second.iou)


class Shift:
    """What the truth below reads: an object of the module."""

    def __init__(self) -> None:
        self.pixels = 0


SHIFT = Shift()


class Shifted:
    name = "toy"

    def targets(self, facts: Any, run: Recording) -> list[Target]:
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[:, SHIFT.pixels : SHIFT.pixels + WIDTH // 2] = True
        return [Target("cat", (run.prompt.find("cat"),), mask)]


def test_what_a_truth_reads_from_its_module_is_measured_again(folder: Path) -> None:
    left = by_maps(measure(folder, Shifted()))
    SHIFT.pixels = WIDTH // 2
    try:
        right = by_maps(measure(folder, Shifted()))
    finally:
        SHIFT.pixels = 0
    assert (left, right) == (wanted(folder, left=True), wanted(folder, left=False))
    assert left != right
