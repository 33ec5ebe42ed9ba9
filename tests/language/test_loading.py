"""Which parser is taken, what it is called, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError
from daam_nb.language import Parse, loading
from daam_nb.language.loading import SpacyParser, load_parser

spacy = pytest.importorskip("spacy")


def pipeline(name: str = "tiny", *, parser: bool = True) -> Any:
    """A real spaCy pipeline, untrained but ready: it gives some tree to every text."""
    nlp = spacy.blank("en")
    nlp.meta.update(name=name, version="0.1")
    if parser:
        component = nlp.add_pipe("parser", config={"min_action_freq": 1})
        for label in ("det", "amod", "ROOT"):
            component.add_label(label)
        nlp.initialize()
    return nlp


def document(words: list[str], heads: list[int], relations: list[str], pos: list[str]) -> Any:
    return spacy.tokens.Doc(
        spacy.blank("en").vocab, words=words, heads=heads, deps=relations, pos=pos, tags=pos
    )


def test_importing_loads_no_spacy() -> None:
    code = "import daam_nb.language, sys; print('spacy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_document_becomes_a_parse() -> None:
    doc = document(
        ["a", "red", "car", "stops"], [2, 2, 3, 3], ["det", "amod", "nsubj", "ROOT"],
        ["DET", "ADJ", "NOUN", "VERB"],
    )  # fmt: skip
    parse = Parse.from_doc(doc, parser="by hand 1")
    assert parse.text == doc.text
    assert [(w.text, w.start, w.end, w.head, w.relation) for w in parse.words] == [
        ("a", 0, 1, 2, "det"),
        ("red", 2, 5, 2, "amod"),
        ("car", 6, 9, 3, "nsubj"),
        ("stops", 10, 15, 3, "ROOT"),
    ]
    assert parse.noun_chunks == ((0, 3),)
    assert [w.pos for w in parse.words] == ["DET", "ADJ", "NOUN", "VERB"]
    assert parse.parser == "by hand 1"


def test_white_space_is_no_word_and_hands_on_its_head() -> None:
    doc = document(
        ["cars", "\n", "stop", " ", "here"], [1, 2, 2, 2, 3],
        ["nsubj", "dep", "ROOT", "dep", "advmod"], ["NOUN", "SPACE", "VERB", "SPACE", "ADV"],
    )  # fmt: skip
    parse = Parse.from_doc(doc, parser="by hand")
    assert [w.text for w in parse.words] == ["cars", "stop", "here"]
    assert [w.head for w in parse.words] == [1, 1, 1]
    assert [parse.text[w.start : w.end] for w in parse.words] == ["cars", "stop", "here"]


def test_what_hangs_on_white_space_alone_becomes_a_root() -> None:
    doc = document([" ", "cars"], [0, 0], ["ROOT", "dep"], ["SPACE", "NOUN"])
    assert [(w.head, w.relation) for w in Parse.from_doc(doc, parser="p").words] == [(0, "ROOT")]


def test_a_document_without_dependencies_is_refused() -> None:
    with pytest.raises(ParseError, match=r"'blank 1' gave no dependencies for 'a red car'"):
        Parse.from_doc(spacy.blank("en")("a red car"), parser="blank 1")
    assert Parse.from_doc(spacy.blank("en")(""), parser="blank 1").words == ()


def test_a_pipeline_without_parser_is_refused() -> None:
    with pytest.raises(ParseError, match=r"'en_tiny 0.1' has no component `parser` \(it has none"):
        SpacyParser(pipeline(parser=False))


def test_half_a_surrogate_pair_and_endless_text_are_refused() -> None:
    parser = SpacyParser(pipeline())
    with pytest.raises(ParseError, match="Character 2 of the text is half a surrogate pair"):
        parser("a \ud83d dog")
    with pytest.raises(ParseError, match=r"1000001 characters; en_tiny 0.1 reads at most 1000000"):
        parser("a" * 1_000_001)


def test_a_folder_is_loaded_under_its_own_name(tmp_path: Path) -> None:
    pipeline().to_disk(tmp_path / "model")
    parser = load_parser(str(tmp_path / "model"))
    assert parser.name == "en_tiny 0.1"
    assert parser("a red car").parser == "en_tiny 0.1"


def test_a_name_that_is_not_installed() -> None:
    with pytest.raises(MissingParserError) as caught:
        load_parser("en_core_web_none")
    assert str(caught.value).startswith("No spaCy pipeline 'en_core_web_none' is installed")
    assert "python -m spacy download en_core_web_none" in str(caught.value)
    assert "load_parser('caption_parser')" in str(caught.value)


def test_without_spacy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingExtraError) as caught:
        load_parser()
    assert 'pip install "daam_nb[studies]"' in str(caught.value)


def test_without_files_the_way_to_make_them_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loading, "SHIPPED", tmp_path / "absent")
    with pytest.raises(MissingParserError, match="python -m training parser"):
        load_parser("caption_parser")


def test_the_best_installed_one_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "SHIPPED", tmp_path)
    pipeline("caption_parser").to_disk(tmp_path)
    built = {name: pipeline(name[3:]) for name in ("en_core_web_sm", "en_core_web_md")}
    here: list[str] = []
    load = spacy.load
    monkeypatch.setattr(spacy.util, "get_installed_models", lambda: here)
    monkeypatch.setattr(spacy, "load", lambda name: built.get(str(name)) or load(name))
    assert load_parser().name == "daam_nb caption parser 0.1"
    here += ["de_core_news_lg", "en_core_web_sm"]
    assert load_parser().name == "en_core_web_sm 0.1"
    here += ["en_core_web_md"]
    assert load_parser().name == "en_core_web_md 0.1"
    assert load_parser("caption_parser").name == "daam_nb caption parser 0.1"
    here += ["en_core_web_trf"]  # said to be installed, and does not load
    with pytest.warns(UserWarning, match="'en_core_web_trf' is installed and does not load"):
        assert load_parser().name == "en_core_web_md 0.1"
