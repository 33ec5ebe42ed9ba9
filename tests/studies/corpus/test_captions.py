"""Captions from files, templates and recombination."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import DaamError, StudyError
from daam_nb.studies.corpus import captions as readers
from daam_nb.studies.corpus.captions import Caption


def test_text_one_per_line(tmp_path: Path) -> None:
    file = tmp_path / "c.txt"
    file.write_bytes("\ufeffa cat\r\n\r\n  ein Bär  \n".encode())
    assert readers.from_text(file) == [Caption("a cat"), Caption("ein Bär")]


def test_csv_other_columns_are_facts(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text('id,text\n1,"a cat, a dog"\n2,a hat\n')
    found = readers.from_csv(file, column="text")
    assert found == [Caption("a cat, a dog", {"id": "1"}), Caption("a hat", {"id": "2"})]
    with pytest.raises(StudyError, match="no column 'caption'; it has 'id', 'text'"):
        readers.from_csv(file)


def test_a_line_break_in_a_cell_is_a_blank(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(b'caption,note\r\n"a big\r\ncar","two\nlines"\r\n" a dog ",x\r\n')
    found = readers.from_csv(file)
    assert found == [
        Caption("a big car", {"note": "two\nlines"}),
        Caption("a dog", {"note": "x"}),
    ]
    file = tmp_path / "c.jsonl"
    file.write_text('{"caption": "a big\\n  car"}\n{"caption": "a\u2028b\u0085c"}\n', "utf-8")
    assert [c.text for c in readers.from_jsonl(file)] == ["a big car", "a b c"]
    file = tmp_path / "c.txt"
    file.write_text("a big\x0bcar\na dog\u2028and a cat\n", "utf-8")
    assert [c.text for c in readers.from_text(file)] == ["a big car", "a dog and a cat"]


def test_csv_that_would_be_read_wrong(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("caption,id\na cat, and a dog,3\n")
    with pytest.raises(StudyError, match=r"row 1 has 3 cells, but there are 2 columns.*quotation"):
        readers.from_csv(file)
    file.write_text('caption,id\n"a cat,3\na dog,4\n')
    with pytest.raises(StudyError, match=r"is not CSV.*quotation mark is closed"):
        readers.from_csv(file)
    file.write_text("caption,caption\na cat,a dog\n")
    with pytest.raises(StudyError, match="has two columns 'caption'"):
        readers.from_csv(file)
    file.write_text("")
    with pytest.raises(StudyError, match="has no column 'caption'; it has none"):
        readers.from_csv(file)
    file.write_text("id,caption\n3\n")
    with pytest.raises(StudyError, match="row 1: 'caption' must be a text, not None"):
        readers.from_csv(file)


def test_seeds_of_a_csv_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("caption,seed\na cat, 12\na dog,\na hat,-3\n")
    assert [c.facts["seed"] for c in readers.from_csv(file)] == [12, None, -3]
    file.write_text("caption,seed\na cat,1.5\n")
    with pytest.raises(StudyError, match=r"row 1: the seed is '1\.5'; it must be a whole number"):
        readers.from_csv(file)


def test_jsonl(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"caption": "a cat", "n": 1}\n\n{"caption": "a dog", "n": [2]}\n')
    assert [c.facts for c in readers.from_jsonl(file)] == [{"n": 1}, {"n": [2]}]
    with pytest.raises(StudyError, match="line 1 is not an object with the field 'text'"):
        readers.from_jsonl(file, field="text")
    file.write_text("{broken\n")
    with pytest.raises(StudyError, match="line 1 is not JSON"):
        readers.from_jsonl(file)
    file.write_text('{"caption": null}\n')
    with pytest.raises(StudyError, match="'caption' must be a text, not None"):
        readers.from_jsonl(file)


def test_coco(tmp_path: Path) -> None:
    file = tmp_path / "captions.json"
    entries = [(9, 1, "A dog\nruns. "), (2, 2, "A cat."), (9, 3, "Two dogs."), (10, 4, "A cat.")]
    notes = [{"image_id": i, "id": n, "caption": text} for i, n, text in entries]
    file.write_text(json.dumps({"annotations": notes}))
    found = readers.from_coco(file)
    assert [c.text for c in found] == ["A cat.", "A dog runs."]  # by image; no text twice
    assert found[0].facts == {"image_id": 2, "caption_id": 2, "seed": 2}
    assert len(readers.from_coco(file, per_image=None)) == 3
    assert "seed" not in readers.from_coco(file, image_seeds=False)[0].facts


def test_coco_is_not_there_or_not_it(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cocodataset\.org/#download.*does not download it"):
        readers.from_coco(tmp_path / "no.json")
    file = tmp_path / "x.json"
    for content in ("[]", '{"annotations": [{"id": 1}]}', "{"):
        file.write_text(content)
        with pytest.raises(StudyError, match="is not a captions file of COCO"):
            readers.from_coco(file)


def test_files_that_are_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="There is no file"):
        readers.from_text(tmp_path / "no")
    file = tmp_path / "e.txt"
    file.write_text("\n\n")
    with pytest.raises(StudyError, match="holds no caption"):
        readers.from_text(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot be read as UTF-8"):
        readers.from_text(file)


def test_templates_fill_every_combination_and_mend_the_article() -> None:
    found = readers.from_template(
        "A {adj} {noun} beside a {noun}", adj=["rusty", "old"], noun=["owl", "car"]
    )
    assert [c.text for c in found] == [
        "A rusty owl beside an owl",
        "A rusty car beside a car",
        "An old owl beside an owl",
        "An old car beside a car",
    ]
    assert found[0].facts["adj"] == "rusty" and found[0].facts["noun"] == "owl"


def test_templates_want_their_slots() -> None:
    with pytest.raises(StudyError, match=r"has the slots 'adj', 'noun', but words .* for 'noun'"):
        readers.from_template("a {adj} {noun}", noun=["cat"])
    with pytest.raises(StudyError, match="must have a list of words, not 'cat'"):
        readers.from_template("a {noun}", noun="cat")


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_recombined_pairs_differ_and_are_the_same_again(seed: int, count: int) -> None:
    nouns, adjectives = ["owl", "car", "boat"], ["red", "old"]
    found = readers.recombined(nouns, adjectives, count=count, seed=seed)
    assert found == readers.recombined(nouns, adjectives, count=count, seed=seed)
    assert len({c.text for c in found}) == count
    for caption in found:
        first, second = caption.facts["nouns"]
        assert first != second
        for noun, adjective in zip((first, second), caption.facts["adjectives"], strict=True):
            phrase = f"{adjective} {noun}" if adjective else noun
            assert f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}" in caption.text


def test_recombining_ends() -> None:
    with pytest.raises(StudyError, match="Only 2 different captions can be made, not the 3"):
        readers.recombined(["owl", "car"], count=3)
    with pytest.raises(StudyError, match="at least two different nouns"):
        readers.recombined(["owl", "owl"], count=1)


def test_as_captions() -> None:
    assert readers.as_captions("a cat") == [Caption("a cat")]
    assert readers.as_captions(["a", Caption("b")]) == [Caption("a"), Caption("b")]
    with pytest.raises(StudyError, match="There are no captions"):
        readers.as_captions([])
    for wrong in ("", "  ", 3):
        with pytest.raises(StudyError, match="must be a text that is not blank"):
            readers.as_captions([wrong])  # type: ignore[list-item]


def test_a_table_is_no_list_of_its_columns() -> None:
    table = {"caption": ["a cat"], "seed": [3]}
    for wrong in (table, pd.DataFrame(table)):
        with pytest.raises(
            StudyError, match=r"column names would be drawn\. From a table: \[Caption"
        ):
            readers.as_captions(wrong)  # type: ignore[arg-type]


def test_names_of_a_csvs_columns(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("caption, seed\na cat,7\n")
    assert readers.from_csv(path)[0].facts == {"seed": 7}
    path.write_text("caption,Seed\na cat,7\n")
    with pytest.raises(StudyError, match=r"has a column 'Seed'\. Rename it to 'seed'"):
        readers.from_csv(path)


def test_one_noun_is_no_list_of_letters() -> None:
    with pytest.raises(StudyError, match=r"at least two different nouns, not \['cat'\]"):
        readers.recombined("cat", count=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": -1}, "count=-1: it must be a whole number >= 1"),
        ({"count": 1.5}, "count=1.5: it must be a whole number"),
        ({"count": 1, "adjective_share": 2}, "adjective_share=2 is not between 0 and 1"),
        ({"count": 1, "adjective_share": float("nan")}, "adjective_share=nan"),
    ],
)
def test_recombined_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DaamError, match=said):
        readers.recombined(["cat", "dog"], ["red"], **options)


def test_readers_name_plain_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"annotations": []}')
    for options, said in (
        ({"per_image": 1.5}, r"per_image=1\.5: it must be a whole number >= 1"),
        ({"per_image": -1}, "per_image=-1: it must be a whole number >= 1"),
        ({"image_seeds": "no"}, "image_seeds= must be True or False, not 'no'"),
    ):
        with pytest.raises(DaamError, match=said):
            readers.from_coco(file, **options)  # type: ignore[arg-type]
    file.write_text("[" * 100_000)
    with pytest.raises(StudyError, match="is not JSON"):
        readers.from_jsonl(file)
    with pytest.raises(DaamError, match="must not contain a blank text, such as 1"):
        readers.from_template("a {adj} cat", adj=[1])  # type: ignore[list-item]
    with pytest.raises(DaamError, match="path must be a path"):
        readers.from_text(3)  # type: ignore[arg-type]
