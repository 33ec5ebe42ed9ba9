"""Object attribution: every number by hand on maps of 2 x 2 and 3 x 3, and against scikit-learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import jaccard_score

from daam_nb.errors import DaamError, StudyError
from daam_nb.maps import heat_maps, iou
from daam_nb.prompt import Prompt, Token
from daam_nb.recording import Facts, Layer, Recording
from daam_nb.studies import attribution, run_study
from daam_nb.studies.attribution.baselines import BASELINES
from daam_nb.studies.attribution.study import ABSENT, object_ious
from daam_nb.studies.oracles.protocols import Mask, Target
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge

TEXT = "cat dog"


def by_hand(*maps: Sequence[Sequence[float]], text: str = TEXT) -> Recording:
    """A recording of one layer, one head and one step, whose image is as large as its map."""
    words = text.split()
    tokens, at = [Token(0, 1, "<start>", None, True)], 0
    for word in words:
        tokens.append(Token(len(tokens), 9, word, (at, at + len(word)), False))
        at += len(word) + 1
    tokens.append(Token(len(tokens), 2, "<end>", None, True))
    attention = torch.tensor(np.array(maps), dtype=torch.float32)[
        None, None
    ]  # (step, head, token, y, x)
    size = (attention.shape[3], attention.shape[4])
    layer = Layer("up_blocks.0.attentions.0.transformer_blocks.0.attn2", "up", size, 1)
    return Recording(
        prompt=Prompt(text, tuple(tokens)),
        layers=(layer,),
        attention={layer.name: attention},
        columns=tuple(range(1, 1 + len(words))),
        steps=(0,),
        timesteps=(0.0,),
        facts=Facts("m", "p", "s", image_size=size, latent_size=size, num_steps=1, seed=0),
        image=Image.new("RGB", size[::-1]),
    )


@dataclasses.dataclass(frozen=True)
class Known:
    """A truth of ready masks, by word."""

    masks: Mapping[str, Any]
    closed: frozenset[str] = frozenset({"cat"})
    name: str = "by hand"

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        return [
            Target(
                word,
                run.prompt.occurrences(word),
                None if mask is None else np.array(mask, dtype=bool),
                word in self.closed,
            )
            for word, mask in self.masks.items()
        ]


def ious(run: Recording, truth: Known, **options: Any) -> dict[tuple[str, str, float], float]:
    table = object_ious([run], truth=truth, progress=False, **options)
    return {
        (row.noun, row.method, row.threshold): row.iou
        for row in table.fillna({"threshold": -1.0}).itertuples()
    }


def test_two_by_two_by_hand() -> None:
    run = by_hand([[0.8, 0.4], [0.2, 0.0]], [[0.1, 0.1], [0.1, 0.1]])
    truth = Known({"cat": [[1, 0], [1, 0]]})
    found = ious(run, truth, thresholds=(0.0, 0.25, 0.5, 0.6, 1.0))
    # Peak 0.8. 0: all four pixels; 0.25: three; 0.5: the top two; 0.6 and 1: one.
    assert found["cat", "DAAM", 0.0] == 2 / 4
    assert found["cat", "DAAM", 0.25] == 2 / 3
    assert found["cat", "DAAM", 0.5] == 1 / 3
    assert found["cat", "DAAM", 0.6] == 1 / 2
    assert found["cat", "DAAM", 1.0] == 1 / 2
    assert found["cat", "whole image", -1.0] == 2 / 4
    # The only other word is flat: everything is marked, whatever the threshold.
    assert {found["cat", "random word", t] for t in (0.0, 0.5, 1.0)} == {0.5}


def test_three_by_three_by_hand() -> None:
    run = by_hand(
        [[0.0, 0.1, 0.0], [0.1, 1.0, 0.6], [0.0, 0.6, 0.5]],
        [[0.9, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    )
    truth = Known({"cat": [[0, 0, 0], [0, 1, 1], [0, 1, 1]], "dog": [[1, 1, 1]] + [[0, 0, 0]] * 2})
    found = ious(run, truth, thresholds=(0.4, 0.55))
    assert found["cat", "DAAM", 0.4] == 1.0  # identical masks
    assert found["cat", "DAAM", 0.55] == 3 / 4
    assert found["dog", "DAAM", 0.4] == 1 / 3
    assert found["cat", "random word", 0.4] == 0.0  # no pixel in common
    assert found["dog", "random word", 0.4] == 0.0
    assert found["dog", "whole image", -1.0] == 3 / 9


def test_a_map_of_nothing_marks_nothing() -> None:
    run = by_hand([[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]])
    truth = Known({"cat": [[1, 0], [0, 0]]})
    with pytest.warns(UserWarning, match="0 everywhere"):
        found = ious(run, truth, thresholds=(0.4,), baselines=())
    assert found == {("cat", "DAAM", 0.4): 0.0}


def test_an_object_that_is_not_there_is_one_row_without_a_number() -> None:
    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    table = object_ious([run], truth=Known({"cat": None, "dog": [[0, 1]]}), progress=False)
    absent = table[table["noun"] == "cat"]
    assert absent["method"].tolist() == [ABSENT]
    assert absent[["iou", "threshold", "marked", "object"]].isna().all(axis=None)
    means = attribution.miou(table, thresholds=(0.4,))
    assert set(means["method"]) == {"DAAM", *BASELINES}
    assert means["n"].tolist() == [1] * len(means)


@pytest.mark.parametrize("seed", range(6))
def test_iou_is_scikit_learns_jaccard_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    run = by_hand(*rng.random((2, 5, 7)))
    true = rng.random((5, 7)) < 0.4
    table = object_ious([run], truth=Known({"cat": true}), progress=False)
    values = heat_maps(run).word("cat").values.numpy()
    for row in table[table["method"] == "DAAM"].itertuples():
        marked = values >= np.float32(row.threshold) * values.max()
        expected = jaccard_score(true.ravel(), marked.ravel(), zero_division=0.0)
        assert row.iou == pytest.approx(expected)
        assert row.marked == pytest.approx(marked.mean())
        assert row.object == pytest.approx(true.mean())


@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("b", [0, 1])
def test_iou_of_empty_and_full_masks(a: int, b: int) -> None:
    one, two = np.full((2, 2), a, dtype=bool), np.full((2, 2), b, dtype=bool)
    assert iou(one, two) == jaccard_score(one.ravel(), two.ravel(), zero_division=0.0) == a * b


def test_a_word_named_twice_is_one_object_with_the_mean_of_its_maps() -> None:
    run = by_hand([[0.2, 0.0]], [[0.1, 0.1]], [[0.0, 0.6]], text="cat and cat")
    table = object_ious([run], truth=Known({"cat": [[0, 1]]}), thresholds=(0.4,), progress=False)
    row = table[table["method"] == "DAAM"].iloc[0]
    assert (row["iou"], row["word"]) == (1.0, "cat+cat")  # means 0.1 and 0.3


def test_the_random_word_is_never_the_objects_own() -> None:
    flat = [[0.5, 0.5]]
    run = by_hand([[1.0, 0.0]], flat, [[1.0, 0.0]], text="cat and cat")
    found = ious(run, Known({"cat": [[1, 0]]}), thresholds=(0.9,))
    assert found["cat", "random word", 0.9] == 0.5
    alone = by_hand([[1.0, 0.0]], text="cat")
    methods = {method for _, method, _ in ious(alone, Known({"cat": [[1, 0]]}))}
    assert methods == {"DAAM", *BASELINES} - {"random word"}


def test_a_shuffled_map_marks_as_many_pixels_elsewhere() -> None:
    rng = np.random.default_rng(0)
    run = by_hand(*rng.random((2, 8, 8)))
    table = object_ious([run], truth=Known({"cat": rng.random((8, 8)) < 0.3}), progress=False)
    wide = table.pivot_table(index="threshold", columns="method", values=["marked", "iou"])
    np.testing.assert_allclose(wide["marked"]["DAAM"], wide["marked"]["shuffled map"])
    assert not np.allclose(wide["iou"]["DAAM"], wide["iou"]["shuffled map"])


def test_the_blob_lies_in_the_middle() -> None:
    run = by_hand(*np.ones((2, 9, 9)))
    disc = np.hypot(*np.mgrid[-4:5, -4:5]) <= 2.27
    found = ious(run, Known({"cat": disc}), thresholds=(0.6,))
    # exp(-d^2 / (2 / 16)) >= 0.6 within 0.2527 of the side: 2.27 pixels of 9.
    assert found["cat", "blob in the middle", 0.6] == 1.0


def test_chance_does_not_depend_on_what_is_measured_first() -> None:
    rng = np.random.default_rng(1)
    runs = [by_hand(*rng.random((2, 4, 4))) for _ in range(3)]
    truth = Known({"cat": rng.random((4, 4)) < 0.5})
    from daam_nb.studies.corpus.generation import runs_of

    corpus = runs_of(runs)
    forward = object_ious(corpus, truth=truth, progress=False)
    backward = object_ious(runs_of(reversed(list(corpus))), truth=truth, progress=False)
    order = ["run", "method", "threshold"]
    pd.testing.assert_frame_equal(
        forward.sort_values(order, ignore_index=True),
        backward.sort_values(order, ignore_index=True),
    )
    other = object_ious(corpus, truth=truth, seed=1, progress=False)
    assert not other["iou"].equals(forward["iou"])
    assert other[other["method"] == "DAAM"].equals(forward[forward["method"] == "DAAM"])


def test_segmenters_are_asked_once_and_what_they_cannot_name_counts_as_nothing() -> None:
    asked: list[Any] = []

    class Half:
        name = "half"

        def masks(self, image: Any, nouns: Sequence[str]) -> dict[str, Mask | None]:
            asked.append(list(nouns))
            return {"cat": np.array([[True, False]]), "dog": None}

    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    truth = Known({"cat": [[1, 1]], "dog": [[0, 1]]})
    table = object_ious([run], truth=truth, segmenters=[Half()], progress=False)
    half = table[table["method"] == "half"].set_index("noun")
    assert half["iou"].to_dict() == {"cat": 0.5, "dog": 0.0}
    assert asked == [["cat", "dog"]]


def test_closed_and_open_vocabulary() -> None:
    run = by_hand([[1.0, 0.0]], [[1.0, 0.0]])
    truth = Known({"cat": [[1, 0]], "dog": [[0, 1]]})  # only "cat" is of the closed one
    table = object_ious([run], truth=truth, thresholds=(0.4,), baselines=(), progress=False)
    means = attribution.miou(table).set_index("vocabulary")["iou"]
    assert means.to_dict() == {"closed": 1.0, "open": 0.5}
    assert attribution.miou(table, vocabulary="open")["iou"].tolist() == [0.5]


def test_several_choices_of_layers_are_several_methods() -> None:
    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    table = object_ious(
        [run],
        truth=Known({"cat": [[1, 0]]}),
        layers={"all": "all", "up": "up"},
        thresholds=(0.4,),
        baselines=(),
        progress=False,
    )
    assert table["method"].tolist() == ["all", "up"]


def test_against_the_others_by_hand() -> None:
    rows = []
    for prompt, (good, bad) in enumerate([(0.5, 0.1), (0.7, 0.2), (0.6, None)]):
        for method, value in (("DAAM", good), ("other", bad)):
            rows.append(
                {
                    "prompt": f"{prompt}", "run": f"r{prompt}", "noun": "cat", "method": method,
                    "threshold": 0.4 if method == "DAAM" else np.nan, "iou": value,
                }
            )  # fmt: skip
    found = attribution.against(pd.DataFrame(rows)).iloc[0]
    assert (found["other"], found["n"]) == ("other", 2)
    assert found["difference"] == pytest.approx(0.45)
    assert found["p"] == pytest.approx(2 / 4)
    five = [{**row, "method": f"other {number}"} for row in rows[1::2] for number in range(5)]
    several = attribution.against(pd.DataFrame(rows[::2] + five))
    assert several.p.tolist() == pytest.approx([0.5] * 5)
    assert several.p_holm.tolist() == [1.0] * 5  # five tests, one family
    with pytest.raises(StudyError, match="The table has no 'DAAM'"):
        attribution.against(pd.DataFrame(rows), threshold=0.7)


def test_what_cannot_be_measured() -> None:
    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    with pytest.raises(StudyError, match="no baseline 'luck'; there are whole image"):
        object_ious([run], truth=Known({}), baselines=["luck"])
    with pytest.raises(StudyError, match="thresholds must be from 0 to 1"):
        object_ious([run], truth=Known({}), thresholds=[40])
    table = object_ious([run], truth=Known({"cat": None}), progress=False)
    with pytest.raises(StudyError, match="holds no object that is visible in its image"):
        attribution.miou(table)


@pytest.fixture(scope="module")
def at_two() -> pd.DataFrame:
    """One object, measured at 0.4 and 0.6."""
    run = by_hand([[0.8, 0.4], [0.2, 0.0]], [[0.1, 0.1], [0.1, 0.1]])
    truth = Known({"cat": [[1, 0], [1, 0]]})
    return object_ious([run], truth=truth, thresholds=[0.4, 0.6], progress=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"thresholds": [0.4, 0.4]}, r"thresholds= holds 0\.4 more than once"),
        ({"thresholds": [0.4, 0.4 + 0j]}, "thresholds must be from 0 to 1"),
        (
            {"thresholds": 0.4},
            r"must be several thresholds .* not 0\.4 \(float\).*thresholds=\[0\.4\]",
        ),
        ({"thresholds": ["0.4"]}, "thresholds must be from 0 to 1"),
        ({"thresholds": [float("nan")]}, "thresholds must be from 0 to 1, and one is nan"),
        ({"baselines": ["whole image", "whole image"]}, "'whole image' more than once"),
        ({"baselines": ["whole imag"]}, "no baseline 'whole imag', did you mean 'whole image'"),
        ({"baselines": 3}, "must be a text or several, not 3"),
        ({"layers": {}}, "at least one choice of layers"),
        ({"layers": "paper"}, r"each with its name, not 'paper' \(str\)"),
        (
            {"truth": object()},
            r"truth= must be an object with a name \(a text\) and a method targets",
        ),
        ({"segmenters": [object()]}, r"A segmenter must have a name \(a text\)"),
        ({"seed": 0.5}, "whole number"),
    ],
)
def test_what_is_asked_for_wrongly(options: dict[str, Any], said: str) -> None:
    asked = {"truth": Known({"cat": [[1, 0]]}), "progress": False, **options}
    with pytest.raises(DaamError, match=said):
        object_ious([by_hand([[1.0, 0.0]], [[0.0, 1.0]])], **asked)


def test_a_lone_baseline_is_one() -> None:
    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    found = ious(run, Known({"cat": [[1, 0]]}), thresholds=[0.4], baselines="blob in the middle")
    assert {method for _, method, _ in found} == {"DAAM", "blob in the middle"}


def test_tables_hold_what_is_asked_for_or_say_so(at_two: pd.DataFrame) -> None:
    assert attribution.miou(at_two, thresholds=[0.4]).n.tolist() == [1] * 5
    assert set(attribution.miou(at_two).threshold.dropna()) == {0.4}  # of the paper's, what is
    assert attribution.by_noun(at_two, method="whole image").iou.tolist() == [0.5]
    assert attribution.by_noun(at_two, threshold=0.6).iou.tolist() == [0.5]
    for wrong, said in (
        ({"method": "daam"}, r"no method 'daam', did you mean 'DAAM'\?"),
        ({"threshold": 0.42}, r"has no 'DAAM' at 0\.42; it was measured at 0\.4, 0\.6"),
        ({"threshold": 40}, "not between 0 and 1"),
    ):
        for function in (attribution.by_noun, attribution.against):
            with pytest.raises(StudyError, match=said):
                function(at_two, **wrong)
    for wrong, said in (
        ({"thresholds": [0.4, 0.42]}, r"no row at 0\.42; it was measured at 0\.4, 0\.6"),
        ({"thresholds": [0.4, 0.4]}, "more than once"),
        ({"thresholds": 0.4}, "must be several thresholds"),
        ({"vocabulary": "Closed"}, r"vocabulary='Closed' is not known\. Use 'closed'"),
        ({"vocabulary": "opne"}, "vocabulary='opne' is not known"),
    ):
        with pytest.raises(DaamError, match=said):
            attribution.miou(at_two, **wrong)
    with pytest.raises(StudyError, match=r"Give the table of object_ious\(\)"):
        attribution.miou(at_two[["iou", "noun"]])


def test_the_whole_study_goes_on_and_reports(tmp_path: Path) -> None:
    options: dict[str, Any] = {"into": tmp_path / "s", "judge": ToyJudge(0), "progress": False}
    captions = ["a cat and an animal", "a dog", "a hat"]
    report = run_study(
        "attribution",
        sd1(),
        captions=captions,
        groups={"animal": ("cat", "dog")},
        **options,
        **SIZE,
    )
    assert report.facts["images"] == 3
    assert report.facts["objects named"] == 3
    assert report.facts["truth"] == "toy judge"
    assert set(report.tables["Mean IoU"]["vocabulary"]) == {"closed", "open"}
    nouns = report.tables["DAAM, threshold 0.4, by noun"]
    assert set(nouns["noun"]) == {"cat", "animal", "dog"}
    page = report.save(tmp_path / "out", command="the command")
    text = page.read_text()
    assert "```sh\nthe command\n```" in text
    assert "(attribution/threshold.png)" in text and "(attribution/examples.png)" in text
    assert (tmp_path / "out/attribution/nouns.png").stat().st_size < 150_000
    again = run_study("attribution", None, groups={"animal": ("cat", "dog")}, **options)
    pd.testing.assert_frame_equal(again.observations, report.observations)


def test_the_study_asks_for_a_judge_or_a_truth(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"give judge=, such as daam_nb\.menagerie\.judge\.Judge"):
        run_study("attribution", None, into=tmp_path)
    with pytest.raises(StudyError, match="not both"):
        run_study("attribution", None, into=tmp_path, judge=ToyJudge(), truth=Known({}))


def test_one_prompt_has_a_curve_that_is_seen_whole() -> None:
    run = by_hand([[1.0, 0.0]], [[0.0, 1.0]])
    table = object_ious([run], truth=Known({"cat": [[1, 0]]}), progress=False)
    assert attribution.curve(table).to_matplotlib().axes[0].get_ylim() == (0.0, 1.1)
