"""Each caption is drawn from its own noise, whatever is asked for beside it."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies.corpus import captions as readers
from daam_nb.studies.corpus import generation as corpus
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.seeds import LARGEST, images_of, own_seed, with_seeds
from daam_nb.tracing import generate as record
from tests.pipelines import sd1
from tests.studies.toy import SIZE


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


def first_bits(*parts: Any) -> int:
    """The rule, written a second time."""
    return int(hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:8], 16)


def test_the_seed_of_a_text_is_a_part_of_its_hash() -> None:
    assert own_seed(Caption("a cat")) == first_bits("a cat", None, 0) == 3798283203
    assert own_seed(Caption("a cat"), 3) == first_bits("a cat", None, 3)
    assert own_seed(Caption("a cat", {"seed": 17})) == 17
    assert own_seed(Caption("a cat", {"seed": 17}), 1) == first_bits("a cat", 17, 1)
    assert own_seed(Caption("a cat", {"seed": None})) == own_seed(Caption("a cat"))
    seeds = {own_seed(Caption(f"text {i}"), n) for i in range(500) for n in range(4)}
    assert len(seeds) == 2000 and min(seeds) >= 0 and max(seeds) < LARGEST


def test_captions_of_a_user_share_no_noise(pipe: Any, tmp_path: Path) -> None:
    texts = ["a cat", "a dog", "a hat"]
    drawn = corpus.generate(pipe, texts, into=tmp_path, **SIZE)
    seeds = [run.facts["seed"] for run in drawn]
    assert seeds == [first_bits(text, None, 0) for text in texts]
    assert [run.load().facts.seed for run in drawn] == seeds
    alone = record(pipe, "a dog", seed=seeds[1], **SIZE)
    assert drawn[1].load().image.tobytes() == alone.image.tobytes()


def test_more_captions_in_another_order_draw_nothing_anew(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(pipe: Any, prompt: str, **options: Any) -> Any:
        asked.append(prompt)
        return record(pipe, prompt, **options)

    monkeypatch.setattr(corpus, "record", counted)
    texts = ["a cat", "a dog", "a hat"]
    before = corpus.generate(pipe, texts, into=tmp_path, **SIZE)
    asked.clear()
    more = ["a bus", *texts, "a car"]
    random.Random(3).shuffle(more)
    after = corpus.generate(pipe, more, into=tmp_path, **SIZE)
    assert sorted(asked) == ["a bus", "a car"]
    assert {run.key for run in before} < {run.key for run in after}


def test_a_captions_own_seed_and_seeds_for_all(pipe: Any, tmp_path: Path) -> None:
    captions = [Caption("a cat", {"seed": 7}), Caption("a dog")]
    own = corpus.generate(pipe, captions, into=tmp_path, **SIZE)
    assert [run.facts["seed"] for run in own] == [7, own_seed(Caption("a dog"))]
    shared = corpus.generate(pipe, captions, [3], into=tmp_path, **SIZE)
    assert [run.facts["seed"] for run in shared] == [3, 3]


def test_several_images_of_each() -> None:
    several = with_seeds(["a cat", Caption("a dog", {"seed": 5, "kind": "pet"})], each=2)
    assert [caption.text for caption in several] == ["a cat", "a cat", "a dog", "a dog"]
    assert len({caption.facts["seed"] for caption in several}) == 4
    assert several[2].facts == {"seed": 5, "kind": "pet"}
    for each in (0, True, "2", 1.0):
        with pytest.raises(StudyError, match=r"each is .*; it must be a whole number >= 1"):
            with_seeds("a cat", each=each)  # type: ignore[arg-type]


def test_captions_of_another_kind() -> None:
    assert own_seed("a cat") == own_seed(Caption("a cat"))
    for prompts in (3, {"a cat": {"kind": "pet"}}, b"a cat"):
        with pytest.raises(StudyError, match="Captions must be texts or Captions, one or several"):
            with_seeds(prompts)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", ["7", 7.0, True, [7]])
def test_an_own_seed_that_is_none(pipe: Any, tmp_path: Path, seed: Any) -> None:
    with pytest.raises(StudyError, match=r"The seed of 'a cat' is .* must be a whole number"):
        corpus.generate(pipe, [Caption("a cat", {"seed": seed})], into=tmp_path / "c", **SIZE)
    assert not (tmp_path / "c").exists()


def test_cocos_captions_as_in_the_paper_or_each_its_own(tmp_path: Path) -> None:
    file = tmp_path / "captions.json"
    notes = [{"image_id": i, "id": n, "caption": t} for i, n, t in [(9, 1, "A dog."), (9, 2, "B.")]]
    file.write_text(json.dumps({"annotations": notes}))
    paper = readers.from_coco(file, per_image=None)
    assert [own_seed(caption) for caption in paper] == [9, 9]
    own = readers.from_coco(file, per_image=None, image_seeds=False)
    assert [own_seed(c) for c in own] == [first_bits(c.text, None, 0) for c in own]


def test_at_most_so_many_images(pipe: Any, tmp_path: Path) -> None:
    for images, texts in ((1, ["a cat"]), (3, ["a cat"]), (5, ["a cat", "a dog"])):
        drawn = corpus.generate_some(
            pipe, ["a cat", "a dog", "a hat"], range(2) if images > 1 else range(4),
            into=tmp_path, images=images, **SIZE,
        )  # fmt: skip
        assert len(drawn) <= images
        assert list(dict.fromkeys(run.facts["prompt"] for run in drawn)) == texts
    own = corpus.generate_some(pipe, ["a cat", "a dog"], None, into=tmp_path, images=1, **SIZE)
    assert [run.facts["seed"] for run in own] == [own_seed(Caption("a cat"))]


def test_corrected_facts_are_those_that_count(pipe: Any, tmp_path: Path) -> None:
    corpus.generate(pipe, [Caption("a cat", {"kind": "pte"})], into=tmp_path, **SIZE)
    corpus.generate(pipe, [Caption("a cat", {"kind": "pet"})], into=tmp_path, **SIZE)
    assert [run.facts["kind"] for run in corpus.Corpus.open(tmp_path)] == ["pet"]
    again = corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)  # says nothing about it
    assert again[0].facts["kind"] == "pet"
    told = corpus.generate_some(None, [Caption("a cat", {"kind": "cat"})], None, into=tmp_path)
    assert told[0].facts["kind"] == "cat"
    lines = (tmp_path / "list.jsonl").read_text().splitlines()
    assert len(lines) == 3  # the header, the first and the corrected one


def test_whole_numbers_of_numpy_are_seeds_and_negative_ones_are_none() -> None:
    pairs = images_of([Caption("a cat")], np.arange(2))  # type: ignore[arg-type]
    assert [seed for _, seed in pairs] == [0, 1] and all(type(seed) is int for _, seed in pairs)
    for seed in (-1, 2**64):
        with pytest.raises(StudyError, match=f"is {seed}; it must be a whole number from 0 to"):
            images_of([Caption("a cat")], [seed])
