"""The scorer against figures counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

spacy = pytest.importorskip("spacy")

from daam_nb.studies.stats.intervals import share  # noqa: E402
from training.parser.score import PARTS, read_conllu, score  # noqa: E402

ROWS = [
    # A red dog sits on grass.        with the tree that it has
    ("A", "a", "DET", "DT", 3, "det"),
    ("red", "red", "ADJ", "JJ", 3, "amod"),
    ("dog", "dog", "NOUN", "NN", 4, "nsubj"),
    ("sits", "sit", "VERB", "VBZ", 0, "ROOT"),
    ("on", "on", "ADP", "IN", 4, "prep"),
    ("grass", "grass", "NOUN", "NN", 5, "pobj"),
    (".", ".", "PUNCT", ".", 4, "punct"),
]


@pytest.fixture
def conllu(tmp_path: Path) -> Path:
    lines = ["# sent_id = caption-7", "# text = A red dog sits on grass."]
    for place, (form, lemma, pos, tag, head, dep) in enumerate(ROWS, 1):
        misc = "SpaceAfter=No" if form == "grass" else "_"
        lines.append("\t".join([str(place), form, lemma, pos, tag, "_", str(head), dep, "_", misc]))
    path = tmp_path / "captions.conllu"
    path.write_text("\n".join(lines) + "\n\n")
    return path


class Made:
    """A pipeline that answers with the annotation, but for the words in `wrong`."""

    def __init__(self, wrong: dict[str, tuple[int, str, str]]) -> None:
        self.blank = spacy.blank("en")
        self.vocab = self.blank.vocab
        self.make_doc = self.blank.make_doc
        self.wrong = wrong

    def __call__(self, doc: Any) -> Any:
        rows = [self.wrong.get(w, (h - 1 if h else i, d, t)) for i, (w, _, _, t, h, d) in
                enumerate(ROWS)]  # fmt: skip
        return spacy.tokens.Doc(
            self.vocab,
            words=[t.text for t in doc],
            spaces=[bool(t.whitespace_) for t in doc],
            heads=[row[0] for row in rows],
            deps=[row[1] for row in rows],
            tags=[row[2] for row in rows],
            pos=[row[2] for row in ROWS],
            lemmas=["dog" if row[0] == "grass" else row[1] for row in ROWS],
        )


def test_captions_are_read_with_their_spaces_and_numbers(conllu: Path) -> None:
    (caption,) = read_conllu(conllu)
    assert caption.number == 7
    assert caption.doc(spacy.blank("en")).text.rstrip() == "A red dog sits on grass."
    assert caption.heads == [2, 2, 3, 3, 3, 4, 3]
    assert not PARTS["held"](caption.number) and PARTS["development"](caption.number)
    assert PARTS["held"](9) and not PARTS["development"](9)


def test_a_perfect_parser(conllu: Path) -> None:
    found = score(Made({}), read_conllu(conllu), frozenset({"a", "red", "dog", "sits", "on"}))
    assert (found["tag"], found["uas"], found["las"], found["las_all"]) == (1, 1, 1, 1)
    assert found["noun_chunks"] == {"precision": 1, "recall": 1, "f": 1, "gold": 2}
    assert (found["cut_alike"], found["captions"], found["words"]) == (1, 1, 7)
    assert found["words_without_punctuation"] == 6
    assert found["unknown"] == round(1 / 6, 4)
    assert found["lemma"] == round(5 / 6, 4)
    assert found["confused"] == {} == found["misattached"]


def test_errors_are_counted_by_hand(conllu: Path) -> None:
    """ "red" by another label, "on" at another head, the full stop at another head."""
    wrong = {"red": (2, "compound", "NN"), "on": (2, "prep", "IN"), ".": (2, "punct", ".")}
    found = score(Made(wrong), read_conllu(conllu))
    assert found["uas"] == round(5 / 6, 4)
    assert found["las"] == round(4 / 6, 4)
    assert found["uas_all"] == round(5 / 7, 4)
    assert found["las_all"] == round(4 / 7, 4)
    assert found["tag"] == round(6 / 7, 4)
    assert found["confused"] == {"amod > compound": 1}
    assert found["misattached"] == {"prep": 1, "punct": 1}
    assert found["tags_confused"] == {"JJ > NN": 1}
    assert found["labels"]["prep"] == {"precision": 0, "recall": 0, "f": 0, "gold": 1}
    assert found["labels"]["pobj"]["f"] == 1
    assert found["uas_interval"] is None  # of one caption nothing is known about others


def test_intervals_are_those_of_the_studies_over_captions(conllu: Path) -> None:
    """Ten captions, three of them read with one word of six wrong."""
    wrong = Made({"on": (2, "prep", "IN")})

    class Some(Made):
        asked = 0

        def __call__(self, doc: Any) -> Any:
            self.asked += 1
            return wrong(doc) if self.asked <= 3 else super().__call__(doc)

    found = score(Some({}), read_conllu(conllu) * 10)
    clusters = [caption for caption in range(10) for _ in range(6)]
    right = [float(caption >= 3 or word != 4) for caption in range(10) for word in range(6)]
    known = share(right, clusters=clusters)
    assert found["uas"] == round(57 / 60, 4)
    assert found["uas_interval"] == [round(known.low, 4), round(known.high, 4)]
    assert 0 < known.low < 57 / 60 < known.high <= 1
