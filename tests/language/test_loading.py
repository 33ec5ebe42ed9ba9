"""Which parser is taken, what it is called, and what is said where there is none."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import (
    DaamError,
    MissingExtraError,
    MissingParserError,
    ParseError,
    WrongKindError,
)
from daam_nb.language import Parse, loading
from daam_nb.language.loading import SpacyParser, installed_pipelines, load_parser
from tests.parsers import BOTH, SPACYS_OWN, parser_of

spacy = pytest.importorskip("spacy")


def pipeline(
    name: str = "tiny", *, parser: bool = True, labels: tuple[str, ...] = ("det", "amod", "ROOT")
) -> Any:
    """A real spaCy pipeline, untrained but ready: it gives some tree to every text."""
    nlp = spacy.blank("en")
    nlp.meta.update(name=name, version="0.1")
    if parser:
        component = nlp.add_pipe("parser", config={"min_action_freq": 1})
        for label in labels:
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
    assert str(caught.value).startswith("'en_core_web_none' is neither an installed spaCy pipeline")
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


class Installed:
    """Packages with pipelines, as pip installs them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.names: list[str] = []
        monkeypatch.syspath_prepend(str(root))
        monkeypatch.setattr(spacy.util, "get_installed_models", lambda: self.names)

    def add(self, name: str, built: Any = None, /, **meta: Any) -> None:
        """Install a package; without a pipeline it says what `meta` says and does not load."""
        package = self.root / name
        package.mkdir()
        if built is not None:
            data = package / f"{built.meta['lang']}_{meta.get('name', built.meta['name'])}-0.1"
            built.to_disk(data)
            meta = {**json.loads((data / "meta.json").read_text()), **meta}
            (data / "meta.json").write_text(json.dumps(meta))
        (package / "meta.json").write_text(json.dumps(meta))
        (package / "__init__.py").write_text(
            "from spacy.util import load_model_from_init_py\n"
            "def load(**options):\n    return load_model_from_init_py(__file__, **options)\n"
        )
        facts = self.root / f"{name}-0.1.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        self.names.append(name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    monkeypatch.setattr(loading, "SHIPPED", tmp_path / "shipped")
    pipeline("caption_parser").to_disk(tmp_path / "shipped")
    (tmp_path / "packages").mkdir()
    return Installed(tmp_path / "packages", monkeypatch)


@functools.cache
def clear() -> Any:
    """A pipeline in ClearNLP's labels, as all of spaCy's English ones."""
    return pipeline(labels=("det", "amod", "prep", "pobj", "dobj", "ROOT"))


def test_the_best_installed_one_is_taken(installed: Installed) -> None:
    assert load_parser().name == "daam_nb caption parser 0.1"
    installed.add("de_core_news_lg", spacy.blank("de"), name="core_news_lg", version="0.1")
    installed.add("en_core_web_sm", clear(), name="core_web_sm")
    assert load_parser().name == "en_core_web_sm 0.1"
    installed.add("en_core_web_md", clear(), name="core_web_md")
    assert load_parser().name == "en_core_web_md 0.1"
    assert load_parser("caption_parser").name == "daam_nb caption parser 0.1"
    facts = {"lang": "en", "name": "core_web_trf", "version": "0.1", "pipeline": ["parser"]}
    installed.add("en_core_web_trf", **facts)  # installed, and does not load
    with pytest.warns(UserWarning, match="'en_core_web_trf' is installed but cannot be loaded"):
        assert load_parser().name == "en_core_web_md 0.1"


def test_a_pipeline_is_known_by_what_it_is_not_by_its_name(installed: Installed) -> None:
    installed.add("our_lab_parser", clear(), name="lab_parser")
    assert load_parser().name == "en_lab_parser 0.1"
    installed.add("a_scored_one", clear(), name="scored", performance={"dep_las": 0.7})
    installed.add("b_scored_one", clear(), name="better", performance={"dep_las": 0.9})
    assert load_parser().name == "en_better 0.1"
    installed.add("en_core_web_sm", clear(), name="core_web_sm")
    assert load_parser().name == "en_core_web_sm 0.1"
    assert installed_pipelines() == (
        "en_core_web_sm", "b_scored_one", "a_scored_one", "our_lab_parser",
    )  # fmt: skip


def test_what_is_no_english_parser_is_passed_over(installed: Installed) -> None:
    installed.add("en_core_web_lg", pipeline(parser=False), name="core_web_lg")
    installed.add("xx_parser", clear(), lang="xx")
    ud = pipeline(labels=("det", "amod", "obj", "obl", "ROOT"))
    installed.add("en_universal", ud, name="universal")
    installed.add("en_broken", lang="en", pipeline=["parser"])  # says no name and no version
    with pytest.warns(
        UserWarning, match="'en_broken' is installed but its metadata cannot be read"
    ):
        assert load_parser().name == "daam_nb caption parser 0.1"
    assert load_parser("en_universal").name == "en_universal 0.1"


def test_spacys_own_pipeline_is_taken_under_another_name() -> None:
    pytest.importorskip(SPACYS_OWN)
    assert load_parser().name.startswith("en_core_web_sm")
    assert load_parser("caption_parser").name.startswith("daam_nb caption parser")


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    "text",
    ["a cat on the grass\nand a dog", "a cat on the\u00a0grass and  a dog ",
     "\ta cat on the grass\r\n\r\nand a dog", "a cat\u200bon the grass\u3000and a dog",
     "\ufeffa cat on the gr\u00adass and a dog"],
)  # fmt: skip
def test_white_space_does_not_change_the_tree(name: str, text: str) -> None:
    parser = parser_of(name)
    plain, parse = parser("a cat on the grass and a dog"), parser(text)
    assert [(w.head, w.relation, w.tag) for w in parse.words] == [
        (w.head, w.relation, w.tag) for w in plain.words
    ]
    assert [(w.text, plain.words[w.head].text) for w in plain.words if w.relation == "conj"] == [
        ("dog", "cat")
    ]
    assert parse.text == text
    assert [text[w.start : w.end] for w in parse.words] == [w.text for w in parse.words]
    assert [w.text.replace("\u00ad", "") for w in parse.words] == [w.text for w in plain.words]
    assert parse.noun_chunks == plain.noun_chunks


@pytest.mark.parametrize("text", ["", " ", "\n\u00a0\u200b", "\u200e\ufeff"])
def test_nothing_but_white_space_has_no_words(text: str) -> None:
    parse = parser_of("caption_parser")(text)
    assert (parse.text, parse.words) == (text, ())


def test_names_and_texts_of_other_kinds_are_refused() -> None:
    for wrong in (5, ["en_core_web_sm"], b"en", spacy):
        with pytest.raises(WrongKindError, match="The name of a parser must be a path"):
            load_parser(wrong)  # type: ignore[arg-type]
    parser = SpacyParser(pipeline())
    for wrong in (None, 5, ["a cat"], b"a cat"):
        with pytest.raises(WrongKindError, match="What is parsed must be a text, not"):
            parser(wrong)  # type: ignore[arg-type]
    with pytest.raises(WrongKindError, match="takes a loaded spaCy pipeline, not 'en_core_web_sm'"):
        SpacyParser("en_core_web_sm")


@pytest.mark.parametrize("name", ["", ".", "..", "folder", 5])
def test_a_folder_without_a_pipeline_is_no_package_to_download(tmp_path: Path, name: Any) -> None:
    asked = str(tmp_path) if name == "folder" else name
    with pytest.raises(DaamError) as caught:
        load_parser(asked)
    assert "download" not in str(caught.value)
