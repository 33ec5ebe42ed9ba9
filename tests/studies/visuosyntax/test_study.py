"""The study of relations: rows of recordings, summaries and tests by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import daam_nb as dnb
from daam_nb.errors import StudyError
from daam_nb.language import Parse
from daam_nb.studies import run_study, visuosyntax
from daam_nb.studies.stats.comparison import holm
from daam_nb.studies.visuosyntax.study import COLUMNS, PAPER, differences, relations, summary
from daam_nb.studies.visuosyntax.word_pairs import pair_rows
from tests.pipelines import sd1
from tests.studies.by_hand import parsed
from tests.studies.toy import SIZE
from tests.tiny_recordings import tiny_recording

TREES = {
    "a cat and a dog": """
        a DET 1 det
        cat NOUN 1 ROOT
        and CCONJ 1 cc
        a DET 4 det
        dog NOUN 1 conj
    """,
    "a red car": """
        a DET 2 det
        red ADJ 2 amod
        car NOUN 2 ROOT
    """,
}


class ByHand:
    """A parser that knows two sentences."""

    name = "by hand 1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> Parse:
        self.asked.append(text)
        return parsed(TREES[text], parser=self.name)


def runs() -> list[dnb.Recording]:
    return [tiny_recording(text, seed=seed) for text in TREES for seed in (0, 1)]


def test_every_arc_of_every_image_is_a_row() -> None:
    parser = ByHand()
    made = runs()
    table = relations(made, parser=parser, names="paper", progress=False)
    assert list(table.columns) == [*COLUMNS, "model"] == list(table.attrs["columns"])
    arcs = table[table.kind == "arc"]
    assert arcs.relation.tolist() == ["det", "cc", "det", "conj:and"] * 2 + ["det", "amod"] * 2
    assert set(arcs.parser) == {"by hand 1"}
    assert parser.asked == list(TREES)  # each text once
    amod = arcs[arcs.relation == "amod"].iloc[1]
    maps = dnb.heat_maps(made[3])
    expected = dnb.iod(maps.word("red"), maps.word("car"), threshold=0.4)
    assert (amod.dependent_word, amod.head_word, amod.seed) == ("red", "car", 1)
    assert amod.iod == pytest.approx(expected)


def test_thresholds_and_layers_change_the_numbers() -> None:
    common = {"parser": ByHand(), "progress": False}
    a, b, c, d = (
        relations(runs(), **common, **choice).iou.to_numpy()
        for choice in (
            {},
            {"threshold": 0.6},
            {"threshold": "reference"},
            {"layers": "up"},
        )
    )
    assert not np.allclose(a, b)
    assert not np.allclose(a, c)
    assert not np.allclose(a, d)


class Stops(ByHand):
    """Fails at its second sentence, as a kill would."""

    def __call__(self, text: str) -> Parse:
        if self.asked:
            raise KeyboardInterrupt
        return super().__call__(text)


class Measured:
    """`pair_rows`, and which captions it was asked about."""

    asked: ClassVar[list[str]] = []

    def __call__(self, parse: Parse, *args: Any, **options: Any) -> Any:
        self.asked += [parse.text] if parse.text not in self.asked else []
        return pair_rows(parse, *args, **options)


def test_a_study_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    unbroken = relations(runs(), parser=ByHand(), progress=False)
    with pytest.raises(KeyboardInterrupt):
        relations(runs(), parser=Stops(), path=path, progress=False)
    rest = ByHand()
    monkeypatch.setattr("daam_nb.studies.visuosyntax.study.pair_rows", Measured())
    resumed = relations(runs(), parser=rest, path=path, progress=False)
    assert rest.asked == list(TREES)  # rows are recognized by what the parser says now
    assert Measured.asked == ["a red car"]
    pd.testing.assert_frame_equal(resumed, unbroken)


def test_rows_of_another_threshold_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    relations(runs(), parser=ByHand(), path=path, progress=False)
    with pytest.raises(StudyError, match=r"threshold: 0\.4 then, 0\.5 now"):
        relations(runs(), parser=ByHand(), path=path, threshold=0.5, progress=False)


def by_hand(rows: list[tuple[str, str, str, float, float, float]]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["prompt", "kind", "relation", "iou", "iod", "ioh"])
    return made.assign(left_out="", parser="by hand 1")


TABLE = by_hand(
    [
        ("p", "arc", "amod", 0.2, 0.8, 0.3),
        ("p", "arc", "amod", 0.4, 0.6, 0.1),
        ("q", "arc", "amod", 0.6, 0.7, 0.2),
        ("q", "arc", "det", 0.0, 0.1, 0.5),
        ("p", "unrelated", "", 0.3, 0.5, 0.5),
        ("q", "unrelated", "", 0.1, 0.3, 0.3),
    ]
)


def test_a_summary_by_hand() -> None:
    made = summary(TABLE, enough=3).set_index("relation")
    assert list(made.index) == ["amod", "det", "all arcs", "unrelated pairs", "all pairs"]
    amod = made.loc["amod"]
    assert amod[["n", "clusters", "rare"]].tolist() == [3, 2, False]
    assert amod[["iou", "iod", "ioh"]].tolist() == pytest.approx([0.4, 0.7, 0.2])
    assert amod.difference == pytest.approx(-0.5)
    assert amod.delta == pytest.approx(0.5)
    assert np.isnan(amod.iou_low)  # two prompts
    assert made.loc["det", "rare"]
    assert made.loc["all arcs", "iou"] == pytest.approx(0.3)
    assert made.loc["unrelated pairs", "iou"] == pytest.approx(0.2)
    assert made.loc["all pairs", "iou"] == pytest.approx(1.6 / 6)
    assert made.loc[["unrelated pairs", "all pairs"], "delta"].isna().all()
    assert set(made.parser) == {"by hand 1"}


def test_an_interval_of_delta_that_holds_zero_begins_there() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"p{i}", "arc", "conj", 0.5, *(0.5 + 0.1 * rng.standard_normal(2))) for i in range(60)]
    made = summary(by_hand(rows)).iloc[0]
    assert made.difference_low < 0 < made.difference_high
    assert made.delta_low == 0
    assert made.delta_high == pytest.approx(max(-made.difference_low, made.difference_high))


def test_pairs_left_out_are_counted_and_not_averaged() -> None:
    lost = TABLE.copy()
    lost.loc[0, ["iou", "iod", "ioh"]] = np.nan
    lost.loc[0, "left_out"] = "shared token"
    counts = visuosyntax.left_out_counts(lost)
    assert counts[["kind", "left_out", "n", "of"]].to_numpy().tolist() == [
        ["arc", "truncated", 0, 4],
        ["arc", "no token", 0, 4],
        ["arc", "not kept", 0, 4],
        ["arc", "shared token", 1, 4],
    ]
    assert "share a token" in counts.why[3]
    made = summary(lost)
    assert made.loc[made.relation == "amod", "n"].item() == 2
    twice = summary(pd.concat([lost, lost])).set_index("relation")  # an index that comes twice
    assert twice.loc["unrelated pairs", "iod"] == pytest.approx(0.4)
    with pytest.raises(StudyError, match="no measured pair"):
        summary(lost.assign(left_out="truncated"))


def clustered(gap: float, *, shared: bool, prompts: int = 60) -> pd.DataFrame:
    """Relations amod and det that differ by `gap`, where prompts differ by far more."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(prompts):
        level = rng.uniform(0.2, 0.7)
        for relation, more in (("amod", gap), ("det", 0.0)):
            if shared or (i % 2 == 0) == (relation == "amod"):
                for _ in range(4):
                    value = level + more + 0.02 * rng.standard_normal()
                    rows.append((f"p{i}", "arc", relation, value, value, value))
    return by_hand(rows)


def test_within_prompts_a_small_difference_is_seen() -> None:
    found = differences(clustered(0.03, shared=True), enough=1, resamples=999).iloc[0]
    assert (found["first"], found["second"], found["how"]) == ("amod", "det", "within prompts")
    assert found["difference"] == pytest.approx(0.03, abs=0.01)
    assert found.low < found.difference < found.high
    assert found.p < 0.01
    assert found.prompts == "60"


def test_across_prompts_each_prompt_counts_once() -> None:
    """Four values of each prompt are no four observations: no false alarm from copies."""
    table = clustered(0.0, shared=False, prompts=14)
    found = differences(table, enough=1, resamples=999).iloc[0]
    assert (found["how"], found["prompts"]) == ("across prompts", "7 and 7")
    assert found.p > 0.05
    copied = pd.concat([table] * 10)
    again = differences(copied, enough=1, resamples=999).iloc[0]
    assert again.p == pytest.approx(found.p)


def test_unrelated_pairs_can_be_compared_and_names_are_checked() -> None:
    table = clustered(0.2, shared=True)
    table.loc[table.relation == "det", ["kind", "relation"]] = "unrelated", ""
    found = differences(table, among=["amod", "unrelated pairs"], resamples=199).iloc[0]
    assert found["difference"] == pytest.approx(0.2, abs=0.01)
    with pytest.raises(StudyError, match="no relation 'obj'; it has amod, unrelated pairs"):
        differences(table, among=["amod", "obj"])


def test_words_of_the_same_kind_are_the_fair_null() -> None:
    """Adjectives lie nearer to their own noun; determiners are looked at everywhere."""
    rng = np.random.default_rng(2)
    rows: list[tuple[str, str, str, float, float, float]] = []
    kinds: list[tuple[str, str]] = []
    for i in range(40):
        level = rng.uniform(0.1, 0.6)
        for kind, relation, pos, more in (
            ("arc", "amod", ("NOUN", "ADJ"), 0.05),
            ("unrelated", "", ("ADJ", "NOUN"), 0.0),
            ("arc", "det", ("NOUN", "DET"), 0.2),
            ("unrelated", "", ("DET", "NOUN"), 0.2),
            ("arc", "obl:on", ("VERB", "NOUN"), 0.0),  # no unrelated verb and noun
        ):
            value = level + more + 0.01 * rng.standard_normal()
            rows.append((f"p{i}", kind, relation, value, value, value))
            kinds.append(pos)
    table = by_hand(rows)
    table[["head_pos", "dependent_pos"]] = kinds
    found = visuosyntax.against_unrelated(table, resamples=999).set_index("relation")
    assert set(found.index) == {"amod", "det"}
    assert found.difference["amod"] == pytest.approx(0.05, abs=0.01)
    assert found.p["amod"] < 0.01 < found.p["det"]
    assert found.prompts.tolist() == [40, 40]
    assert visuosyntax.against_unrelated(table, least=41).empty


def directed(gap: float, seed: int, *, prompts: int = 30) -> pd.DataFrame:
    """Two adjectives and two nouns a prompt; an adjective is smaller than a noun, by `gap` in its
    own noun more than in the other, and as often earlier in the prompt as later."""
    rng = np.random.default_rng(seed)
    rows, kinds = [], []
    for i in range(prompts):
        for kind, relation, more in (("arc", "amod", gap), ("unrelated", "", 0.0)) * 2:
            inside, covered = 0.6 + more, 0.2 + more  # of the adjective, of the noun
            noise = 0.05 * rng.standard_normal(3)
            numbers = 0.15 + more + noise[0], inside + noise[1], covered + noise[2]
            if kind == "unrelated" and rng.random() < 0.5:  # the later one is the noun
                rows.append((f"p{i}", kind, relation, numbers[0], numbers[2], numbers[1]))
                kinds.append(("ADJ", "NOUN"))
            else:
                rows.append((f"p{i}", kind, relation, *numbers))
                kinds.append(("NOUN", "ADJ"))
    table = by_hand(rows)
    table[["head_pos", "dependent_pos"]] = kinds
    return table


@pytest.mark.parametrize("measure", ["iou", "iod", "ioh"])
def test_words_that_lie_alike_do_not_differ_in_any_direction(measure: Any) -> None:
    """A null of both directions gave -0.2 and p < 0.001 here: 0.2 and 0.6 against their mean."""
    small = 0
    for seed in range(20):
        found = visuosyntax.against_unrelated(directed(0.0, seed), measure=measure, resamples=199)
        [row] = found.to_dict("records")
        assert row["difference"] == pytest.approx(0.0, abs=0.04)
        small += row["p"] <= 0.05
    assert small <= 4  # one on average; more than four once in 400 times
    more = visuosyntax.against_unrelated(directed(0.1, 0), measure=measure, resamples=199)
    assert more.difference.tolist() == pytest.approx([0.1], abs=0.03)
    assert more.p.item() < 0.02


def test_the_null_of_two_nouns_counts_both_ways() -> None:
    rows = [
        *((f"p{i}", "arc", "conj", 0.5, 0.4, 0.2) for i in range(10)),
        *((f"p{i}", "unrelated", "", 0.5, 0.1, 0.3) for i in range(10)),
    ]
    table = by_hand(rows).assign(head_pos="NOUN", dependent_pos="NOUN")
    for measure, own in (("iod", 0.4), ("ioh", 0.2)):
        [row] = visuosyntax.against_unrelated(table, measure=measure).to_dict("records")  # type: ignore[arg-type]
        assert (row["related"], row["unrelated"]) == pytest.approx((own, 0.2))


def test_unrelated_pairs_have_no_direction_to_compare_with_a_relation() -> None:
    table = clustered(0.2, shared=True)
    table.loc[table.relation == "det", ["kind", "relation"]] = "unrelated", ""
    with pytest.raises(StudyError, match=r"their iod cannot be compared.*against_unrelated"):
        differences(table, measure="iod", among=["amod", "unrelated pairs"])
    assert differences(table, measure="iod", enough=1).empty


def test_the_papers_figures_are_marked_as_such() -> None:
    assert len(PAPER) == 10
    compound = PAPER.set_index("relation").loc["compound"]
    assert compound.tolist() == pytest.approx([0.3343, 0.5913, 0.4999])
    assert "Not measured here" in PAPER.attrs["source"]


def test_a_study_from_a_pipeline_to_a_page(tmp_path: Path) -> None:
    common: dict[str, Any] = {"into": tmp_path, "parser": ByHand(), "resamples": 99}
    common |= {"recommended": "up", "progress": False}
    made = run_study("visuosyntax", sd1(), captions=list(TREES), seeds=(0, 1), **common, **SIZE)
    assert made.facts["parser"] == "by hand 1"
    assert len(made.observations) == 2 * (10 + 3)
    tested = [table for table in made.tables.values() if "p_holm" in table]
    together = [p for table in tested for p in table.p_holm]
    assert together == holm([p for table in tested for p in table.p])  # one family
    page = made.save(tmp_path / "docs").read_text("utf-8")
    assert "conj:and" in page and "not measured here" in page
    assert {p.stem for p in (tmp_path / "docs" / "visuosyntax").glob("*.png")} == {
        "relations",
        "labels",
        "recommended",
    }
    again = run_study("visuosyntax", None, **common)
    pd.testing.assert_frame_equal(again.observations, made.observations)


def test_a_parse_in_both_kinds_of_names() -> None:
    shown = visuosyntax.dependencies(parsed("cats NOUN 0 ROOT\non ADP 0 prep\nmats NOUN 1 pobj"))
    assert shown.to_numpy().tolist() == [
        ["cats", "", "", "", ""],
        ["on", "prep", "cats", "case", "mats"],
        ["mats", "pobj", "on", "nmod:on", "cats"],
    ]
