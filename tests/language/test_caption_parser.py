"""The shipped caption parser: its files, its marks on captions it never saw, its manners."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from daam_nb.language import CAPTION_PARSER, Parse, load_parser
from daam_nb.language.loading import SHIPPED, SpacyParser
from tests.parsers import BOTH, parser_of

spacy = pytest.importorskip("spacy")

ROOT = Path(__file__).parents[2]
CAPTIONS = Path(__file__).parent / "data" / "natural_captions.conllu"
SHIPPED_FILES = json.loads((ROOT / "training" / "logs" / "parser-files.json").read_text())

# A little under what `python -m training.parser.score` printed; docs/caption-parser.md has it.
FLOORS = {
    "all": {"uas": 0.94, "las": 0.92, "noun_chunks": 0.97, "tag": 0.965},
    "held": {"uas": 0.915, "las": 0.89, "noun_chunks": 0.95, "tag": 0.95},
}
IN_GRAMMAR_FLOOR = 0.965


@pytest.fixture(scope="module")
def pipeline() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a version that does not fit would be said here
        return spacy.load(SHIPPED)


@pytest.fixture(scope="module")
def parser(pipeline: Any) -> SpacyParser:
    return SpacyParser(pipeline, "caption parser")


def test_its_files_are_small_and_those_of_the_log() -> None:
    from training.parser.train import files

    found = files(SHIPPED)
    assert found == SHIPPED_FILES
    assert found["bytes"] <= 5_000_000


def test_it_is_a_pipeline_of_plain_spacy(pipeline: Any) -> None:
    assert pipeline.pipe_names == ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
    assert not any("daam_nb" in json.dumps(value) for value in pipeline.config.values())
    assert (
        load_parser("caption_parser").name == f"daam_nb caption parser {pipeline.meta['version']}"
    )


def test_no_pseudo_word_is_shipped() -> None:
    strings = json.loads((SHIPPED / "vocab" / "strings.json").read_text())
    assert len(strings) < 15_000


def test_a_caption_by_hand(parser: SpacyParser) -> None:
    parse = parser("Two men are riding horses next to the red car.")
    assert [(w.text, w.tag, w.pos, w.lemma, w.relation) for w in parse.words] == [
        ("Two", "CD", "NUM", "two", "nummod"),
        ("men", "NNS", "NOUN", "man", "nsubj"),
        ("are", "VBP", "AUX", "be", "aux"),
        ("riding", "VBG", "VERB", "ride", "ROOT"),
        ("horses", "NNS", "NOUN", "horse", "dobj"),
        ("next", "RB", "ADV", "next", "advmod"),
        ("to", "IN", "ADP", "to", "prep"),
        ("the", "DT", "DET", "the", "det"),
        ("red", "JJ", "ADJ", "red", "amod"),
        ("car", "NN", "NOUN", "car", "pobj"),
        (".", ".", "PUNCT", ".", "punct"),
    ]
    assert [parse.text[parse.words[a].start : parse.words[b - 1].end] for a, b in
            parse.noun_chunks] == ["Two men", "horses", "the red car"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word", "lemma"),
    [
        ("two women with knives", "women", "woman"),
        ("two women with knives", "knives", "knife"),
        ("three geese in a field", "geese", "goose"),
        ("some berries on a plate", "berries", "berry"),
        ("two buses on a street", "buses", "bus"),
        ("a dog lying on a bed", "lying", "lie"),
        ("a man sitting on a bench", "sitting", "sit"),
        ("a boy taking a picture", "taking", "take"),
        ("a table covered in snow", "covered", "cover"),
        ("a boat tied to a dock", "tied", "tie"),
        ("a car driven by a woman", "driven", "drive"),
        ("they are happy", "are", "be"),
    ],
)
def test_lemmas(parser: SpacyParser, text: str, word: str, lemma: str) -> None:
    assert [w.lemma for w in parser(text).words if w.text == word] == [lemma]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\t", ".", "?!...,;", "a", "😀", "👩‍👩‍👧 and 🐈", "<script>alert('x')</script>",
        "كلب أسود على العشب", "\u202ea dog\u202c on grass", "一只狗", "A" * 5000, "zxqv blorp",
        "a\x00b", "  a   dog  ", "dog\n\ncat", "<|endoftext|>", "&amp; %20 \\n", "Ünïcödé ñandú",
        "a dog, a cat, a dog; (a [cat]) {embedding:1.2}", "1 2 3", "'s n't", "----", "a" + "́" * 50,
    ],
)  # fmt: skip
def test_hostile_texts_parse(parser: SpacyParser, text: str) -> None:
    parse = parser(text)
    assert parse.text == text
    assert Parse.from_dict(json.loads(json.dumps(parse.to_dict()))) == parse
    assert all(not word.text.isspace() for word in parse.words)


def test_two_thousand_words_parse(parser: SpacyParser) -> None:
    parse = parser(" ".join(["a", "red", "dog", "on"] * 500))
    assert len(parse.words) == 2000


def test_held_out_captions_of_the_grammar(pipeline: Any) -> None:
    from training.parser.corpus import document
    from training.parser.grammar import caption

    rng = random.Random("never trained on")
    right = words = 0
    for _ in range(200):
        gold = document(pipeline, caption(rng))
        made = pipeline(spacy.tokens.Doc(pipeline.vocab, words=[t.text for t in gold]))
        for a, b in zip(gold, made, strict=True):
            right += a.head.i == b.head.i and a.dep_ == b.dep_
            words += 1
    assert right / words >= IN_GRAMMAR_FLOOR


@pytest.mark.parametrize("part", ["all", "held"])
def test_natural_captions_annotated_by_somebody_else(pipeline: Any, part: str) -> None:
    from training.parser.score import PARTS, read_conllu, score

    captions = [c for c in read_conllu(CAPTIONS) if PARTS[part](c.number)]
    figures = score(pipeline, captions)
    found = figures | {"noun_chunks": figures["noun_chunks"]["f"]}
    assert {name: found[name] for name, floor in FLOORS[part].items() if found[name] < floor} == {}
    labels = {label for caption in read_conllu(CAPTIONS) for label in caption.deps}
    if part == "all":
        assert len(captions) >= 100 and len(labels) >= 18
        assert sum(len(c.words) for c in captions) / len(captions) >= 9


@pytest.mark.parametrize("name", BOTH)
def test_the_page_says_what_the_command_prints(name: str) -> None:
    """Figures of both parsers stand side by side; another version of spaCy may move a few arcs."""
    from training.parser.score import compared, read_conllu, score

    figures = score(parser_of(name)._pipeline, read_conllu(CAPTIONS))  # type: ignore[attr-defined]
    rows = [line for line in compared({"it": figures}).splitlines() if line.count("|") == 3]
    page = (ROOT / "docs/caption-parser.md").read_text(encoding="utf-8")
    column = 2 if name == CAPTION_PARSER else 3
    for row in rows[2:]:
        heading, figure = row.split("|")[1:3]
        (written,) = [line for line in page.splitlines() if line.startswith(f"|{heading}|")][:1]
        said, measured = (float(text.split()[0]) for text in (written.split("|")[column], figure))
        assert abs(said - measured) <= 1.0, heading
