"""Nouns, classes, families; and pairs drawn so that kinds can be compared."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from daam_nb.errors import SelectionError, StudyError
from daam_nb.studies.cohyponyms.taxonomies import COCO, KINDS, Taxonomy, pair_captions

SMALL = Taxonomy(
    {"pet": ("cat", "dog"), "bird": ("owl", "duck"), "vehicle": ("car", "bus"), "plant": ("tree",)},
    name="seven nouns",
)


def test_the_papers_nouns() -> None:
    assert len(COCO.nouns) == 42
    assert len(set(COCO.nouns)) == 42
    assert len(COCO.classes) == 15
    assert COCO.kind_of("zebra", "giraffe") == "cohyponyms"
    assert COCO.kind_of("zebra", "cat") == "near"
    assert COCO.kind_of("fork", "refrigerator") == "near"
    assert COCO.kind_of("zebra", "refrigerator") == "unrelated"
    assert COCO.partners("tv", "near") == []


def test_a_class_of_no_family_is_its_own() -> None:
    assert SMALL.kind_of("cat", "owl") == "near"
    assert SMALL.kind_of("car", "tree") == "unrelated"
    assert SMALL.class_of("bus") == "vehicle"
    with pytest.raises(
        StudyError, match="'unicorn' is not a noun of seven nouns; its nouns are cat, dog"
    ):
        SMALL.kind_of("cat", "unicorn")


@pytest.mark.parametrize(
    ("classes", "families", "message"),
    [
        ({}, {}, "at least one class"),
        ({"pet": ()}, {}, "each class at least one noun"),
        ({"pet": ("cat",), "toy": ("cat",)}, {}, "noun 'cat' occurs more than once"),
        ({"pet": ("cat",)}, {"a": ("pet",), "b": ("pet",)}, "class 'pet' occurs more than once"),
    ],
)
def test_a_taxonomy_that_is_none(
    classes: dict[str, tuple[str, ...]], families: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        Taxonomy(classes, families)


def test_prompts_are_matched_by_their_first_noun() -> None:
    (captions,) = pair_captions(COCO)
    texts = [caption.text for caption in captions]
    assert len(set(texts)) == len(texts)
    kinds = Counter(caption.facts["kind"] for caption in captions)
    assert kinds["cohyponyms"] == kinds["unrelated"] == 42
    assert kinds["near"] == sum(bool(COCO.partners(noun, "near")) for noun in COCO.nouns)
    for caption in captions:
        first, second = caption.facts["first"], caption.facts["second"]
        assert caption.facts["kind"] == COCO.kind_of(first, second)
        assert caption.facts["second_class"] == COCO.class_of(second)


def test_articles() -> None:
    (captions,) = pair_captions(Taxonomy({"a": ("owl", "cat"), "b": ("elephant",)}, {}))
    texts = {caption.text for caption in captions}
    assert {"an owl and a cat", "a cat and an owl", "an elephant and a cat"} & texts
    assert not any("a owl" in text or "a elephant" in text for text in texts)


def test_nouns_are_partners_equally_often() -> None:
    rounds = pair_captions(SMALL, rounds=6)
    for kind in KINDS:
        drawn = [c.facts for captions in rounds for c in captions if c.facts["kind"] == kind]
        partners = Counter(facts["second"] for facts in drawn)
        for group in (("cat", "dog", "owl", "duck"), ("car", "bus")):
            counts = [partners[noun] for noun in group]
            assert max(counts) - min(counts) <= 1
        assert {facts["first"] for facts in drawn} >= set(partners)
    assert rounds == pair_captions(SMALL, rounds=6)
    assert rounds != pair_captions(SMALL, rounds=6, seed=1)


def test_pairs_that_are_excluded() -> None:
    never = [("cat", "dog"), ("tree", "car")]
    rounds = pair_captions(SMALL, rounds=8, exclude=never)
    drawn = {frozenset((c.facts["first"], c.facts["second"])) for part in rounds for c in part}
    assert not drawn & {frozenset(pair) for pair in never}
    firsts = {c.facts["first"] for part in rounds for c in part if c.facts["kind"] == "cohyponyms"}
    assert firsts == {"owl", "duck", "car", "bus"}


@pytest.mark.parametrize(
    ("classes", "what"),
    [({"pet": ("cat", "dog")}, "unrelated"), ({"pet": ("cat",), "car": ("bus",)}, "cohyponyms")],
)
def test_nothing_to_compare(classes: dict[str, tuple[str, ...]], what: str) -> None:
    with pytest.raises(StudyError, match=f"has no pair that is {what}, so there is nothing"):
        pair_captions(Taxonomy(classes))


def test_a_lone_noun_is_one() -> None:
    assert Taxonomy({"pet": "cat", "vehicle": "bus"}).nouns == ("cat", "bus")


@pytest.mark.parametrize(
    ("exclude", "said"),
    [
        (("cat", "dog"), "pairs of two different nouns"),
        ([("Cat", "dog")], "'Cat' is not a noun of .*did you mean 'cat'"),
        ([("zebra", "dgo")], "is not a noun of"),
        ([("cat", "dog", "owl")], "pairs of two different nouns"),
        ([("cat",)], "pairs of two different nouns"),
        ("cat", "must be pairs of nouns"),
    ],
)
def test_pairs_that_cannot_be_excluded(exclude: Any, said: str) -> None:
    nouns = Taxonomy({"pet": ("cat", "dog"), "bird": ("owl", "duck")}, {})
    with pytest.raises(StudyError, match=said):
        pair_captions(nouns, exclude=exclude)


def test_what_is_no_taxonomy() -> None:
    with pytest.raises(StudyError, match="takes no class 'zz'"):
        Taxonomy({"pet": ("cat",)}, families={"x": ("zz",)})
    with pytest.raises(StudyError, match="'cat' occurs more than once"):
        Taxonomy({"pet": ("cat",), "other": ("Cat",)})
    with pytest.raises(StudyError, match="must be class -> its nouns, not a list"):
        Taxonomy(["cat"])  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="kind='foo' is not known"):
        SMALL.partners(SMALL.nouns[0], "foo")  # type: ignore[arg-type]
