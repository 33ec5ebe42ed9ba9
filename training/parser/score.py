"""Score a pipeline on annotated captions: aggregate figures, never a caption or a word.

`python -m training.parser.score CONLLU --pipeline FOLDER` scores two thirds of the captions, those
whose number is no multiple of three; `--part held` the remaining third, `--part all` both;
`--pipeline A B --table` puts several side by side ("caption_parser" is the shipped one). Words
are given as annotated, so that only tags and trees are scored; `cut_alike` is the share of captions
that spaCy's tokenizer splits as the annotator did.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from daam_nb.studies.stats.intervals import share

FREQUENT = 27
"""Arcs that a label needs to stand in a table."""

PARTS: dict[str, Callable[[int], bool]] = {
    "development": lambda number: number % 3 != 0,
    "held": lambda number: number % 3 == 0,
    "all": lambda number: True,
}


@dataclass(frozen=True)
class Annotated:
    """One caption as annotated; lists run over its words."""

    number: int
    words: list[str]
    spaces: list[bool]
    lemmas: list[str]
    pos: list[str]
    tags: list[str]
    heads: list[int]
    deps: list[str]

    def doc(self, pipeline: Language) -> Doc:
        """The annotation as a document."""
        return Doc(
            pipeline.vocab,
            words=self.words,
            spaces=self.spaces,
            pos=self.pos,
            tags=self.tags,
            heads=self.heads,
            deps=self.deps,
        )

    def parsed(self, pipeline: Language) -> Doc:
        """What the pipeline makes of the same words."""
        return pipeline(Doc(pipeline.vocab, words=self.words, spaces=self.spaces))


def read_conllu(path: Path) -> list[Annotated]:
    """Captions of a CoNLL-U file: spaCy's tags in the fifth column, ClearNLP labels in the eighth.

    A caption's number is that in its `sent_id`, else its place in the file, from 1.
    """
    captions = []
    for place, block in enumerate(path.read_text(encoding="utf-8").strip().split("\n\n"), 1):
        lines = block.splitlines()
        given = [re.search(r"(\d+)\s*$", x) for x in lines if x.startswith("# sent_id")]
        rows = [line.split("\t") for line in lines if line[:1].isdigit()]
        rows = [row for row in rows if row[0].isdigit()]
        captions.append(
            Annotated(
                number=int(given[0][1]) if given and given[0] else place,
                words=[row[1] for row in rows],
                spaces=["SpaceAfter=No" not in row[9] for row in rows],
                lemmas=[row[2] for row in rows],
                pos=[row[3] for row in rows],
                tags=[row[4] for row in rows],
                heads=[int(row[6]) - 1 if row[6] != "0" else i for i, row in enumerate(rows)],
                deps=["ROOT" if row[6] == "0" else row[7] for row in rows],
            )
        )
    return captions


def score(
    pipeline: Language, captions: Sequence[Annotated], known: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Aggregate figures of a pipeline on annotated captions.

    Parameters
    ----------
    pipeline
        With tagger, parser and, for noun chunks, parts of speech.
    captions
        At least one.
    known
        Forms in lower case that the parser was trained with, for the share of unknown words.

    Returns
    -------
    dict
        Shares of 0..1, counts, and for each label precision, recall and F; `confused` counts
        "gold > predicted" labels of words whose label is wrong, `misattached` the labels of words
        whose head alone is wrong. `uas` and `las` leave out punctuation, as spaCy's own scores do;
        `uas_all` and `las_all` count it. Intervals are of 95 % over captions
        (`daam_nb.studies.stats.intervals.share`), None of fewer than ten.
    """
    pairs = [(c, c.doc(pipeline), c.parsed(pipeline)) for c in captions]
    rows = [row for caption, gold, made in pairs for row in _rows(caption, gold, made)]
    spoken = [row for row in rows if row["gold"] != "punct"]
    chunks = [_chunk_counts(gold, made) for _, gold, made in pairs]
    right, made_count, gold_count = (sum(column) for column in zip(*chunks, strict=True))
    return {
        "captions": len(pairs),
        "words": len(rows),
        "words_without_punctuation": len(spoken),
        "cut_alike": _mean(
            [t.text for t in pipeline.make_doc(gold.text)] == caption.words
            for caption, gold, _ in pairs
        ),
        "tag": _mean(row["tag"] for row in rows),
        "lemma": _mean(row["lemma"] for row in spoken),
        "uas": _mean(row["head"] for row in spoken),
        "uas_interval": _interval(pairs, "head"),
        "las": _mean(row["head"] and row["label"] for row in spoken),
        "las_interval": _interval(pairs, "las"),
        "uas_all": _mean(row["head"] for row in rows),
        "las_all": _mean(row["head"] and row["label"] for row in rows),
        "noun_chunks": _f(right, made_count, gold_count),
        "unknown": _mean(row["word"] not in known for row in spoken) if known else None,
        "las_known": _mean(x["head"] and x["label"] for x in spoken if x["word"] in known),
        "las_unknown": _mean(x["head"] and x["label"] for x in spoken if x["word"] not in known),
        "labels": _labels(rows),
        "confused": _counted(f"{r['gold']} > {r['made']}" for r in rows if not r["label"]),
        "misattached": _counted(r["gold"] for r in rows if r["label"] and not r["head"]),
        "tags_confused": _counted(r["tags"] for r in rows if not r["tag"]),
    }


def _rows(caption: Annotated, gold: Doc, made: Doc) -> list[dict[str, Any]]:
    return [
        {
            "word": a.lower_,
            "gold": a.dep_,
            "made": b.dep_,
            "head": a.head.i == b.head.i,
            "label": a.dep_ == b.dep_,
            "las": a.head.i == b.head.i and a.dep_ == b.dep_,
            "tag": a.tag_ == b.tag_,
            "tags": f"{a.tag_} > {b.tag_}",
            "lemma": b.lemma_.lower() == lemma.lower(),
        }
        for a, b, lemma in zip(gold, made, caption.lemmas, strict=True)
    ]


def _chunk_counts(gold: Doc, made: Doc) -> tuple[int, int, int]:
    a, b = ({(c.start, c.end) for c in doc.noun_chunks} for doc in (gold, made))
    return len(a & b), len(b), len(a)


def _f(right: int, made: int, gold: int) -> dict[str, float]:
    return {
        "precision": round(right / made, 4) if made else 0.0,
        "recall": round(right / gold, 4) if gold else 0.0,
        "f": round(2 * right / (made + gold), 4) if made + gold else 0.0,
        "gold": gold,
    }


def _labels(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    right = Counter(row["gold"] for row in rows if row["las"])
    made, gold = Counter(row["made"] for row in rows), Counter(row["gold"] for row in rows)
    return {label: _f(right[label], made[label], count) for label, count in gold.most_common()}


def _interval(pairs: list[tuple[Annotated, Doc, Doc]], key: str) -> list[float] | None:
    """Of a share of words, by the captions they stand in; None of fewer than ten captions."""
    right: list[float] = []
    captions: list[int] = []
    for number, (caption, gold, made) in enumerate(pairs):
        rows = [row for row in _rows(caption, gold, made) if row["gold"] != "punct"]
        right += [float(row[key]) for row in rows]
        captions += [number] * len(rows)
    known = share(right, clusters=captions)
    return None if math.isnan(known.low) else [round(known.low, 4), round(known.high, 4)]


def _mean(values: Iterable[Any]) -> float | None:
    found = [bool(value) for value in values]
    return round(sum(found) / len(found), 4) if found else None


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def compared(figures: dict[str, dict[str, Any]]) -> str:
    """Write the figures of several pipelines on the same captions as one Markdown table.

    Parameters
    ----------
    figures
        What the pipeline is called -> what `score` gave.
    """
    rows: dict[str, Callable[[dict[str, Any]], str]] = {
        "tag": lambda figure: _percent(figure["tag"]),
        "lemma": lambda figure: _percent(figure["lemma"]),
        "unlabeled attachment (95 %)": lambda figure: _with_interval(figure, "uas"),
        "labeled attachment (95 %)": lambda figure: _with_interval(figure, "las"),
        "the same, punctuation counted": lambda figure: _percent(figure["las_all"]),
        "noun chunks, F": lambda figure: _percent(figure["noun_chunks"]["f"]),
    }
    labels = next(iter(figures.values()))["labels"]
    frequent = [label for label, marks in labels.items() if marks["gold"] >= FREQUENT]
    for label in frequent:
        rows[f"{label} ({labels[label]['gold']} arcs), F"] = lambda figure, label=label: _percent(
            figure["labels"][label]["f"]
        )
    lines = [f"| | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
    lines += [
        f"| {heading} | {' | '.join(cell(figure) for figure in figures.values())} |"
        for heading, cell in rows.items()
    ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _with_interval(figure: dict[str, Any], key: str) -> str:
    if figure[f"{key}_interval"] is None:
        return _percent(figure[key])
    low, high = figure[f"{key}_interval"]
    return f"{_percent(figure[key])} ({_percent(low)}–{_percent(high)})"


def main() -> None:
    """Print the figures as JSON, or those of several pipelines as one table."""
    from daam_nb.language.loading import CAPTION_PARSER, SHIPPED
    from training.parser.corpus import known_forms

    parser = argparse.ArgumentParser(prog="python -m training.parser.score", description=__doc__)
    parser.add_argument("conllu", type=Path)
    parser.add_argument("--pipeline", nargs="+", default=[str(SHIPPED)])
    parser.add_argument("--part", choices=list(PARTS), default="development")
    parser.add_argument("--table", action="store_true", help="one Markdown table of all pipelines")
    options = parser.parse_args()
    chosen = [c for c in read_conllu(options.conllu) if PARTS[options.part](c.number)]
    known = known_forms()
    figures = {}
    for name in options.pipeline:
        pipeline = spacy.load(SHIPPED if name == CAPTION_PARSER else name)
        facts = pipeline.meta
        title = f"{facts['lang']}_{facts['name']} {facts['version']}"
        figures[title] = score(pipeline, chosen, known)
    if options.table:
        print(compared(figures))
        return
    for figure in figures.values():
        print(json.dumps(figure, indent=1))


if __name__ == "__main__":
    main()
