"""Neutral images and the answers of those who see nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from daam_nb.menagerie import NOUNS
from training.blind import (
    HERE,
    Label,
    agrees,
    by_noun,
    chosen_labels,
    chosen_names,
    plain,
    read_labels,
    score_labels,
    score_names,
    write_sheets,
)
from training.images import entries
from training.tables import blind_noun_table


def test_the_images_to_be_named_are_60_single_objects_with_every_noun() -> None:
    chosen = chosen_names()
    every = [entries()[i] for i in chosen]
    assert len(set(chosen)) == 60 and chosen == chosen_names() and chosen != sorted(chosen)
    assert {e["group"] for e in every} == {"single"}
    assert {e["objects"][0]["noun"] for e in every} == {n.name for n in NOUNS}


def test_the_images_to_be_labeled_are_200_of_every_group() -> None:
    chosen = chosen_labels()
    groups = [entries()[i]["group"] for i in chosen]
    assert len(set(chosen)) == 200 and chosen == chosen_labels()
    assert {g: groups.count(g) for g in groups} == {
        "single": 40, "colour": 40, "two objects": 40, "relation": 40,
        "unseen pair": 20, "unseen colour": 20,
    }  # fmt: skip


def test_sheets_hold_twenty_images_and_each_is_a_file(tmp_path: Path) -> None:
    images = [Image.new("RGB", (64, 64), (i, 0, 0)) for i in range(23)]
    names = [f"p{i:03d}" for i in range(1, 24)]
    write_sheets(tmp_path, names, images)
    assert sorted(p.name for p in tmp_path.glob("sheet*")) == ["sheet-01.png", "sheet-02.png"]
    with Image.open(tmp_path / "p023.png") as last:
        assert last.size == (64, 64) and last.getpixel((5, 5)) == (22, 0, 0)


def test_what_people_read_tells_neither_prompts_nor_verdicts() -> None:
    names = (HERE / "instructions-names.md").read_text().lower()
    words = set(names.replace(",", " ").replace(".", " ").split())
    assert not words & {n.name for n in NOUNS}
    labels = (HERE / "instructions-labels.md").read_text()
    assert all(f"{n.name}" in labels for n in NOUNS)
    assert "judge" not in names and "judge" not in labels


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_are_read_with_their_doubts(tmp_path: Path) -> None:
    text = "picture,nouns\np001,Zebra; car?\np002,none\np003, dog ?\n"
    read = read_labels(write(tmp_path / "a.csv", text))
    assert read == {
        "p001": Label(frozenset({"zebra"}), frozenset({"car"})),
        "p002": Label(frozenset(), frozenset()),
        "p003": Label(frozenset(), frozenset({"dog"})),
    }


@pytest.mark.parametrize(
    ("line", "complaint"), [("p001,spoon", "spoon"), ("p001,cat\np001,dog", "more than once")]
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_labels(write(tmp_path / "a.csv", f"picture,nouns\n{line}\n"))


def test_a_doubt_agrees_either_way_but_not_strictly() -> None:
    label = Label(sure=frozenset({"zebra"}), doubtful=frozenset({"car"}))
    assert agrees(label, {"zebra"}) and agrees(label, {"zebra", "car"})
    assert agrees(label, {"zebra"}, strictly=True)
    assert not agrees(label, {"zebra", "car"}, strictly=True)
    assert not agrees(label, {"car"}) and not agrees(label, {"zebra", "dog"})
    nothing = Label(frozenset(), frozenset())
    assert agrees(nothing, set()) and not agrees(nothing, {"dog"})


def test_agreement_is_counted_over_images() -> None:
    labels = {
        "p001": Label(frozenset({"zebra"}), frozenset()),
        "p002": Label(frozenset(), frozenset({"car"})),
        "p003": Label(frozenset(), frozenset()),
    }
    claims: dict[str, set[str]] = {"p001": {"zebra"}, "p002": {"car"}, "p003": {"dog"}}
    named = {"p001": {"zebra"}, "p002": {"car"}, "p003": {"dog"}}
    made = score_labels(labels, claims, named)
    assert (made["agreement"]["right"], made["agreement_strict"]["right"]) == (2, 1)
    assert made["named_nouns_the_person_saw"]["right"] == 1
    assert made["claims_the_person_shares"] == made["agreement"]
    assert made["differing"] == {"p003": {"person": [], "judge": ["dog"]}}
    assert made["by_noun"] == {
        "zebra": {"sure": 1, "doubtful": 0, "missed": 0},
        "dog": {"sure": 0, "doubtful": 0, "missed": 1},
        "car": {"sure": 0, "doubtful": 1, "missed": 0},
    }
    with pytest.raises(ValueError, match="1 images have no answer: p003"):
        score_labels({p: labels[p] for p in ("p001", "p002")}, claims, named)


def test_nouns_are_listed_from_the_least_recognized_on() -> None:
    labels = {
        "p001": Label(frozenset({"zebra"}), frozenset({"car"})),
        "p002": Label(frozenset({"zebra", "car"}), frozenset()),
        "p003": Label(frozenset({"cat", "pear"}), frozenset()),
        "p004": Label(frozenset({"cat"}), frozenset()),
    }
    named = {
        "p001": {"zebra", "car"},
        "p002": {"zebra", "car"},
        "p003": {"cat", "dog"},
        "p004": {"cat", "zebra"},
    }
    made = by_noun(labels, named)
    assert "pear" not in made and list(made) == ["zebra", "cat", "dog", "car"]
    assert blind_noun_table({"labels": {"by_noun": made}}).splitlines()[2:] == [
        "| dog | 1 | 0 | 0 | 1 |",
        "| car | 2 | 1 | 1 | 0 |",
        "| zebra | 3 | 2 | 0 | 1 |",
        "| cat | 2 | 2 | 0 | 0 |",
    ]


def test_the_shipped_counts_are_those_of_the_answers() -> None:
    shipped = json.loads((HERE / "results" / "blind.json").read_text())["labels"]
    names = [f"p{i + 1:03d}" for i in range(200)]
    key = dict(zip(names, chosen_labels(), strict=True))
    named = {p: {thing["noun"] for thing in entries()[i]["objects"]} for p, i in key.items()}
    made = by_noun(read_labels(HERE / "answers-labels.csv"), named)
    assert shipped["by_noun"] == made
    saw = shipped["named_nouns_the_person_saw"]
    assert sum(counts["sure"] for counts in made.values()) == saw["right"]
    assert sum(sum(counts.values()) for counts in made.values()) == saw["n"]


def test_names_are_compared_with_the_synonyms_listed_beforehand(tmp_path: Path) -> None:
    synonyms = json.loads((HERE / "synonyms.json").read_text())
    assert list(synonyms) == [n.name for n in NOUNS]
    assert all(noun in allowed for noun, allowed in synonyms.items())
    every = [word for allowed in synonyms.values() for word in allowed]
    assert len(every) == len(set(every))
    key = dict(zip(("q001", "q002", "q003"), chosen_names(), strict=False))
    nouns = [entries()[i]["objects"][0]["noun"] for i in key.values()]
    text = f"picture,name\nq001,A {nouns[0].upper()}.\nq002,unclear\nq003,{nouns[2]}s\n"
    made = score_names(write(tmp_path / "a.csv", text), key)
    assert made["named_right"]["right"] == 2 and made["wrong"] == {"q002": [nouns[1], "unclear"]}


def test_answers_are_stripped_of_what_does_not_matter() -> None:
    assert plain(" An Apple. ") == "apple" and plain("two buses") == "bus"
    assert plain("the sailing boat") == "sailing boat" and plain("unclear") == "unclear"
