"""Cohyponyms: rows of recordings, matched comparisons, and a study of a tiny pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

import daam_nb as dnb
from daam_nb.errors import StudyError
from daam_nb.studies import cohyponyms, run_study
from daam_nb.studies.cohyponyms.study import COLUMNS, contrasts, overlap_and_presence, summary
from daam_nb.studies.cohyponyms.taxonomies import KINDS, Taxonomy, pair_captions
from daam_nb.studies.corpus.generation import Run
from daam_nb.studies.oracles.presence import Seen
from daam_nb.studies.stats.comparison import holm
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge
from tests.tiny_recordings import tiny_recording

NOUNS = Taxonomy({"pet": ("cat", "dog"), "bird": ("owl", "duck"), "vehicle": ("car", "bus")})


class BrightSeeds:
    """Sees both objects in images of even seeds, the first alone in the others."""

    name = "seeds"

    def __call__(self, run: Run, first: str, second: str) -> Seen | None:
        seed = run.facts["seed"]
        return None if seed > 3 else Seen.of(True, seed % 2 == 0)


def runs(seeds: range = range(2)) -> Iterator[Run]:
    for caption in pair_captions(NOUNS)[0]:
        for seed in seeds:
            recording = tiny_recording(caption.text, seed=seed)
            facts = {**caption.facts, "prompt": caption.text, "seed": seed}
            yield Run(f"{caption.text} {seed}", facts, recording)


def test_rows_say_what_is_there_and_how_maps_overlap() -> None:
    made = list(runs())
    table = cohyponyms.presence_and_overlap(
        made, presence=BrightSeeds(), layers={"paper": "paper", "up": "up"}, progress=False
    )
    assert list(table.columns) == [*COLUMNS, "model"]
    assert len(table) == 2 * len(made)
    assert table.kind.value_counts().to_dict() == {"unrelated": 24, "cohyponyms": 24, "near": 16}
    row = table.iloc[3]  # the second image, layers "up"
    assert (row.layers, row.seed, row.both, row.objects) == ("up", 1, 0.0, 1.0)
    assert (row.first_there, row.second_there) == (True, False)
    maps = dnb.heat_maps(made[1].load(), layers="up")
    words = maps.word(row["first"]), maps.word(row.second)
    assert row.iou == pytest.approx(dnb.iou(*words, threshold=0.4))
    assert row.overlap == pytest.approx(dnb.soft_iou(*words))


def test_images_nobody_rated_are_left_out() -> None:
    table = cohyponyms.presence_and_overlap(
        runs(range(3, 5)), presence=BrightSeeds(), progress=False
    )
    assert set(table.seed) == {3}


def test_a_judge_is_asked_as_one() -> None:
    pets = (run for run in runs() if run.facts["first_class"] == run.facts["second_class"] == "pet")
    table = cohyponyms.presence_and_overlap(pets, presence=ToyJudge(least=0.0), progress=False)
    assert set(table.both) == {1.0}
    assert set(table.presence) == {"toy judge"}


def test_captions_that_name_no_nouns() -> None:
    with pytest.raises(StudyError, match=r"has no fact 'kind'\. Draw pairs with"):
        cohyponyms.presence_and_overlap([tiny_recording()], presence=BrightSeeds(), progress=False)


def table_of(loss: float, *, more: float = 0.0, nouns: int = 24, seeds: int = 12) -> pd.DataFrame:
    """Both are there half of the time, more seldom by `loss` for cohyponyms; overlaps by `more`.

    First nouns differ by far more than kinds.
    """
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for noun in range(nouns):
        ease = rng.uniform(0.3, 0.7)
        for seed in range(seeds):
            luck = rng.random()
            for kind in KINDS:
                cohyponyms = kind == "cohyponyms"
                both = float(luck < ease - loss * cohyponyms)
                overlap = 0.3 + 0.2 * ease + more * cohyponyms + 0.01 * rng.standard_normal()
                rows.append(
                    {
                        "layers": "paper",
                        "kind": kind,
                        "first": f"noun{noun}",
                        "first_class": f"class{noun // 3}",
                        "prompt": f"{noun} {kind}",
                        "seed": seed,
                        "both": both,
                        "objects": 1 + both,
                        "iou": overlap,
                        "overlap": overlap - 0.1 * both,
                    }
                )
    return pd.DataFrame(rows)


def test_a_summary_by_hand() -> None:
    table = pd.DataFrame(
        [
            {"layers": "paper", "kind": kind, "first": first, "both": both, "objects": 1 + both,
             "iou": 0.1, "overlap": overlap}
            for kind, first, both, overlap in [
                ("unrelated", "a", 1.0, 0.2), ("unrelated", "b", 1.0, 0.4),
                ("cohyponyms", "a", 0.0, 0.5), ("cohyponyms", "b", 1.0, 0.7),
            ]
        ]
    )  # fmt: skip
    made = summary(table, enough=2)
    assert made.kind.tolist() == ["cohyponyms", "unrelated"]
    assert made.both.tolist() == [0.5, 1.0]
    assert made.objects.tolist() == [1.5, 2.0]
    assert made.overlap.tolist() == pytest.approx([0.6, 0.3])
    assert made.n.tolist() == made.nouns.tolist() == made.singletons.tolist() == [2, 2]
    with pytest.raises(StudyError, match="none of these images was judged"):
        summary(table.iloc[:0])


def test_matched_comparisons_see_a_loss_and_no_more() -> None:
    found = contrasts(table_of(0.2, more=0.05), resamples=999).set_index(["measure", "kinds"])
    lost = found.loc[("both", "cohyponyms - unrelated")]
    assert lost.difference == pytest.approx(-0.2, abs=0.06)
    assert lost.low < lost.difference < lost.high < 0
    assert lost.low_nouns < lost.difference < lost.high_nouns < 0
    assert lost.p < 0.01
    assert found.p_holm.tolist() == pytest.approx(holm(found.p.tolist()))
    assert lost.p_holm > lost.p
    assert lost.effect < -0.3
    assert (lost.pairs, lost.nouns) == (24 * 12, 24)
    assert found.loc[("iou", "cohyponyms - near"), "difference"] == pytest.approx(0.05, abs=0.01)
    assert found.loc[("both", "near - unrelated"), "p"] > 0.05


def test_several_images_of_one_noun_and_noise_are_one_pair() -> None:
    """Two of one kind and two of the other made four pairs of them, as if four were known."""
    once = table_of(0.1, nouns=12, seeds=2)
    twice = pd.concat([once, once.assign(overlap=once.overlap + 0.2)])
    found = contrasts(twice, resamples=99).set_index(["measure", "kinds"])
    assert set(found.pairs) == {24}
    expected = contrasts(once, resamples=99).set_index(["measure", "kinds"])
    assert found.difference.tolist() == pytest.approx(expected.difference.tolist())


def test_rank_correlation_is_of_images_where_both_are_known() -> None:
    table = table_of(0.2)
    table.loc[3, "overlap"] = np.nan
    found = overlap_and_presence(table, resamples=99).set_index("kind").spearman["all"]
    known = table.drop(index=3)
    assert found == pytest.approx(stats.spearmanr(known.overlap, known.objects).statistic)


def test_the_headline_is_of_these_nouns_and_the_other_of_nouns() -> None:
    """Nouns differ by far more than images of one noun do."""
    made = summary(table_of(0.2))
    here, others = (made[f"iou_high{e}"] - made[f"iou_low{e}"] for e in ("", "_nouns"))
    assert (others > 3 * here).all()
    assert (made.singletons == 0).all()


def test_only_images_of_the_same_noun_and_noise_are_compared() -> None:
    table = table_of(0.0)
    table.loc[table.kind == "near", "seed"] += 1000
    kinds = set(contrasts(table, resamples=99).kinds)
    assert kinds == {"cohyponyms - unrelated"}
    with pytest.raises(StudyError, match="nothing is matched"):
        contrasts(table[table.kind == "near"], resamples=99)


def test_overlap_goes_with_a_lost_object() -> None:
    found = overlap_and_presence(table_of(0.2), resamples=999).set_index("kind")
    assert list(found.index) == [*KINDS, "all"]
    assert found.difference["all"] == pytest.approx(-0.1, abs=0.01)
    assert found.low["all"] < -0.1 < found.high["all"] < 0
    assert found.high_nouns["all"] < 0
    assert (found.p < 0.01).all()
    assert found.p_holm.tolist() == pytest.approx(holm(found.p.tolist()))
    assert (found.spearman < -0.5).all()
    assert found.n_both["all"] + found.n_without["all"] == 24 * 12 * 3
    assert (found.nouns + found.left_out == 24).all()


def test_nouns_that_are_lost_more_often_and_overlap_more_are_no_entanglement() -> None:
    table = table_of(0.0)
    table["overlap"] = table["first"].map(table.groupby("first").both.mean()) * -0.5
    found = overlap_and_presence(table, resamples=99).set_index("kind").loc["all"]
    assert found.with_both - found.without < -0.01
    assert found.difference == pytest.approx(0.0)


def test_few_lost_images_have_no_interval() -> None:
    table = table_of(0.0)
    table["both"] = 1.0
    table.loc[table.index[table.kind == "near"][:9], "both"] = 0.0
    table.loc[table.index[table.kind == "cohyponyms"][:40:4], "both"] = 0.0
    found = overlap_and_presence(table, resamples=99).set_index("kind")
    ends = found[["low", "high"]].isna().all(axis=1)
    assert ends.to_dict() == {"cohyponyms": False, "near": True, "all": False}
    assert found.n_without.to_dict() == {"cohyponyms": 10, "near": 9, "all": 19}
    assert found.nouns.to_dict() == {"cohyponyms": 4, "near": 1, "all": 4}


def test_class_by_class() -> None:
    made = cohyponyms.by_class(table_of(0.2))
    assert len(made) == 8
    assert set(made.n) == {36}
    assert ((made.both_low <= made.both) & (made.both <= made.both_high)).all()


PAIR = {"pet": ("cat", "dog"), "vehicle": ("car",)}


class Everything(ToyJudge):
    names = ("background", "cat", "dog", "car")


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


def test_a_study_from_a_pipeline_to_a_page(pipe: Any, tmp_path: Path) -> None:
    common: dict[str, Any] = {"nouns": PAIR, "judge": Everything(), "progress": False}
    common |= {"into": tmp_path / "runs", "resamples": 99, "recommended": "up", **SIZE}
    common |= {"known": [(Image.new("RGB", (96, 64)), "cat", "dog")] * 2}
    made = run_study("cohyponyms", pipe, images=7, **common)
    table = made.observations
    # Two rounds: three nouns with two kinds each but for the car, which has no cohyponym; then
    # one noun more, with all of its kinds. Each noun has a seed of its own in each round.
    assert len(table) / 2 == 5 + 2
    assert table.drop_duplicates("run").groupby("seed")["first"].nunique().tolist() == [1] * 4
    assert set(table.layers) == {"paper", "recommended"}
    page = made.save(tmp_path / "docs", command="daam-nb study cohyponyms --images 7")
    text = page.read_text("utf-8")
    assert "cohyponyms - unrelated" in text
    assert "these nouns and new images of them" in text
    assert "### By kind of pair, intervals of whole first nouns" in text
    assert "surely show both" in text
    tests = [table.shape[0] for table in made.tables.values() if "p, Holm" in table]
    assert len(tests) == 2 and f"for all {sum(tests)} tests of this page together" in text
    assert {p.name for p in (tmp_path / "docs" / "cohyponyms").glob("*.png")} == {
        "both.png",
        "overlap.png",
    }
    again = run_study("cohyponyms", None, images=7, **common)
    pd.testing.assert_frame_equal(again.observations, table)
    with pytest.raises(StudyError, match="needs to know which objects"):
        run_study("cohyponyms", pipe, **(common | {"judge": None}))


def test_who_looks_is_asked_about_images_that_surely_show_both() -> None:
    bright, dark = (Image.new("RGB", (96, 64), (level,) * 3) for level in (255, 0))
    known = [(bright, "cat", "dog"), (dark, "cat", "dog"), (dark, "dog", "dog"), (dark, "x", "dog")]
    found = cohyponyms.presence_in_known(known, presence=ToyJudge(), taxonomy=NOUNS)
    assert found.to_numpy().tolist() == [
        ["cohyponyms", "cat", "dog", 1.0, 2.0],
        ["cohyponyms", "cat", "dog", 0.0, 1.0],
    ]
    made = cohyponyms.summary_of_known(found)
    assert made.iloc[0, :3].tolist() == ["cohyponyms", 2, 0.5]


def test_compared_prompts_begin_with_the_same_noise_and_no_others(
    pipe: Any, tmp_path: Path
) -> None:
    corpus = cohyponyms.record_pairs(
        pipe, Taxonomy(PAIR), into=tmp_path, seeds=(4, 5), latents=True, progress=False, **SIZE
    )
    by_unit: dict[tuple[str, int], list[Any]] = {}
    for run in corpus:
        latents = run.load().latents
        assert latents is not None
        by_unit.setdefault((run.facts["first"], run.facts["seed"]), []).append(latents[0])
    for first, *others in by_unit.values():
        for other in others:
            assert (first == other).all()
    noises = [drawn[0] for drawn in by_unit.values()]
    assert len(noises) == len({seed for _, seed in by_unit}) == 6
    assert all((one != two).any() for one, two in itertools.combinations(noises, 2))
