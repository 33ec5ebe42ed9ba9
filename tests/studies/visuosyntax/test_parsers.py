"""Visuosyntax, names of relations and notebook 03 with real parsers: ours, and spaCy's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from daam_nb.errors import ParseError
from daam_nb.language.loading import SpacyParser
from daam_nb.studies import corpus, visuosyntax
from daam_nb.studies.visuosyntax.word_pairs import arcs_of
from tests.parsers import BOTH, parser_of
from tests.studies.by_hand import parsed
from tests.tiny_recordings import tiny_recording

NOTEBOOK = Path(__file__).parents[3] / "notebooks/03-visuosyntax.ipynb"

CAPTIONS = [
    f"a {color} {first} {joined} a {second} on the {ground}"
    for color, first, joined, second, ground in (
        ("red", "car", "next to", "tree", "grass"),
        ("small", "dog", "and", "cat", "sand"),
        ("big", "bus", "left of", "boat", "snow"),
        ("blue", "owl", "above", "drum", "table"),
    )
] + ["two cats sleeping under a wooden bench", "a man riding a horse\nnear the dog's red ball"]


@pytest.mark.parametrize("name", BOTH)
def test_names_of_relations(name: str) -> None:
    """What both parsers have to agree on, in their names and in the paper's."""
    table = visuosyntax.dependencies(parser_of(name)("a man with a red hat rides a horse"))
    rows = {row.word: row for row in table.itertuples()}
    assert (rows["red"].relation, rows["red"].head_word) == ("amod", "hat")
    assert (rows["hat"].relation, rows["hat"].head_word) == ("pobj", "with")
    assert (rows["hat"].paper_relation, rows["hat"].paper_head_word) == ("nmod:with", "man")
    assert (rows["with"].paper_relation, rows["with"].paper_head_word) == ("case", "hat")
    assert (rows["man"].paper_relation, rows["man"].paper_head_word) == ("nsubj", "rides")
    assert (rows["horse"].relation, rows["horse"].paper_relation) == ("dobj", "obj")


@pytest.mark.parametrize("name", [BOTH[1]])  # with the shipped one tests/test_notebooks.py runs it
def test_the_cells_of_notebook_03(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of its cells, on other images: its own take a minute to draw."""
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    texts = [f"{text} {where}" for text in CAPTIONS for where in ("outside", "inside")]
    runs = [tiny_recording(text, length=24, seed=n) for n, text in enumerate(texts)]
    names: dict[str, Any] = {}
    cells = [
        cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    sources = ["".join(cell["source"]) for cell in cells]
    assert sum("caption_parser" in source for source in sources) == 1
    assert sum("corpus.generate(" in source for source in sources) == 1
    for source in sources:
        if "corpus.generate(" in source:
            names |= {"runs": corpus.runs_of(runs), "dnb": __import__("daam_nb")}
        else:
            exec(source.replace('"caption_parser"', repr(name)), names)
    table = names["table"]
    assert set(table.parser) == {parser_of(name).name}
    assert {"det", "amod", "case"} <= set(table.relation)
    assert not table.left_out.any()
    assert len(names["means"]) > 3


@pytest.mark.parametrize("name", BOTH)
def test_every_label_has_a_name_of_the_paper(name: str) -> None:
    """A pipeline with a label that nobody knows would give rows that no reader can place."""
    parser = parser_of(name)
    assert isinstance(parser, SpacyParser)
    known = {*parser._pipeline.get_pipe("parser").labels}
    assert not known & {"obj", "obl", "cop"}
    assert {"dobj", "pobj", "prep", "amod"} <= known


def test_a_parse_in_universal_dependencies_is_refused() -> None:
    tree = """
        a DET 1 det
        man NOUN 2 nsubj
        sees VERB 2 ROOT
        cats NOUN 2 obj
    """
    parse = parsed(tree, parser="stanza 1")
    assert len(arcs_of(parse, "spacy")) == 3
    with pytest.raises(ParseError, match=r"'stanza 1' has relations of Universal .* \(obj\)"):
        arcs_of(parse, "paper")
