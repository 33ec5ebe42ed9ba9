"""Syntax in images: how the maps of a head word and of its dependent relate.

For each dependency of each caption, the overlap of the two words' maps, by relation (Tang et al.
2023, section 4). Pairs of words without a dependency are the null.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from daam_nb.language import Parse, Parser, load_parser
from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording
from daam_nb.selection import HeadChoice
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.fingerprints import digest, fingerprint
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run, runs_of
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import holm_of
from daam_nb.studies.study import Execution, Study
from daam_nb.studies.visuosyntax.figures import overlap_figure
from daam_nb.studies.visuosyntax.options import VisuosyntaxOptions
from daam_nb.studies.visuosyntax.statistics import (
    NULLS,
    PAPER,
    against_unrelated,
    differences,
    left_out_counts,
    summary,
)
from daam_nb.studies.visuosyntax.word_pairs import (
    LEFT_OUT,
    REFERENCE_STEPS,
    REFERENCE_THRESHOLD,
    Names,
    Threshold,
    arcs_of,
    pair_rows,
)

__all__ = [
    "COLUMNS",
    "NULLS",
    "PAPER",
    "Visuosyntax",
    "against_unrelated",
    "dependencies",
    "differences",
    "left_out_counts",
    "overlap_figure",
    "relations",
    "report",
    "summary",
]

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text: the cluster of statistics",
    "seed": "of the image",
    "parser": "the parser of the prompt, with its version",
    "names": "whose labels: spacy (ClearNLP) or paper (enhanced Universal Dependencies)",
    "kind": "arc: a dependency; unrelated: two words without an arc between them",
    "relation": "label of the arc; empty for unrelated words",
    "head_word": "the syntactic head; for unrelated words, the earlier one",
    "head_start": "its first character in the prompt",
    "head_end": "the character after its last one",
    "head_pos": "its part of speech",
    "dependent_word": "the dependent; for unrelated words, the later one",
    "dependent_start": "its first character in the prompt",
    "dependent_end": "the character after its last one",
    "dependent_pos": "its part of speech",
    "iou": "intersection over union of the two masks, 0 to 1",
    "iod": "intersection over the dependent's mask; for unrelated words, over the later one's",
    "ioh": "intersection over the head word's mask; for unrelated words, over the earlier one's",
    "left_out": "empty, or why there are no numbers: " + "; ".join(LEFT_OUT),
}


def relations(
    runs: Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run],
    *,
    parser: Parser | str | None = None,
    names: Names = "spacy",
    threshold: Threshold = 0.4,
    layers: LayerChoice = "paper",
    heads: HeadChoice = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure the overlap of the two words' maps for every dependency of every caption.

    Parameters
    ----------
    runs
        A corpus, its folder, or recordings.
    parser
        The parser of the prompts: a `Parser`, or a name for `load_parser`; by default the best
        English spaCy pipeline installed, else the shipped caption parser.
    names
        ``"spacy"``: the parser's own labels. ``"paper"``: enhanced Universal Dependencies, as in
        the paper, where prepositions depend on their nouns; see `enhanced_dependencies`.
    threshold
        Threshold of the masks, on the latent grid. A share of the word's own maximum (eq. 7), or
        ``"reference"`` or ``"reference mean"``: see `word_pairs.masks_of`.
    layers, heads
        As for `heat_maps`.
    path
        File of the rows, so that an interrupted study resumes; by default beside the recordings of
        a corpus, and none for recordings in memory.
    progress
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per pair of words, with `COLUMNS`. Pairs that could not be measured are included,
        with the reason in `left_out`. IoU, IoD and IoH are 0 if a denominator is 0.

    Raises
    ------
    StudyError
        If `path` holds rows of other settings.

    References
    ----------
    Tang et al. 2023, "What the DAAM", section 4, https://aclanthology.org/2023.acl-long.310
    """
    corpus = runs_of(runs)
    speak = _parser(parser)
    arcs_of(Parse("", (), speak.name), names)  # an unknown name is an error before any work
    settings = {
        "parser": speak.name,
        "names": names,
        "threshold": threshold,
        # Once IoD and IoH of unrelated words were the mean of both directions: not these rows.
        "unrelated": "each direction",
        "maps": heat_maps(corpus[0].load(), layers=layers, heads=heads).choice,
    }
    by_content = {
        **settings,
        "layers": layer_choices.by_content(corpus, {"maps": layers}, heads),
    }
    read = functools.cache(speak)  # each text once, whatever the number of seeds

    def content(run: Run) -> str:
        """Parsers are recognized by what they make of the caption, whatever they are called."""
        return digest([run.content(), fingerprint(read(run.facts["prompt"]), "parse")])

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        text = recording.prompt.text
        facts = {"run": run.key, "prompt": text, "seed": recording.facts.seed}
        facts |= {"parser": speak.name, "names": names}
        maps = heat_maps(recording, layers=layers, heads=heads)
        pairs = pair_rows(read(text), maps, names=names, threshold=threshold)
        return [{**facts, **pair} for pair in pairs]

    return measured(
        corpus,
        measure,
        name="visuosyntax",
        columns=COLUMNS,
        settings=by_content,
        in_words=settings,
        content=content,
        path=path,
        what="dependencies",
        progress=progress,
    )


def dependencies(parse: Parse) -> pd.DataFrame:
    """Tabulate a parse in both kinds of names, one row per word.

    Returns
    -------
    DataFrame
        ``word``; ``relation`` and ``head_word`` as the parser has them; ``paper_relation`` and
        ``paper_head_word``. Empty for a root.
    """
    texts = [word.text for word in parse.words]
    columns: dict[str, list[str]] = {"word": texts}
    for prefix, names in _BOTH.items():
        arcs = {arc.dependent: arc for arc in arcs_of(parse, names)}
        own_arcs = [arcs.get(index) for index in range(len(texts))]
        columns[f"{prefix}relation"] = [arc.relation if arc else "" for arc in own_arcs]
        columns[f"{prefix}head_word"] = [texts[arc.head] if arc else "" for arc in own_arcs]
    return pd.DataFrame(columns)


_BOTH: dict[str, Names] = {"": "spacy", "paper_": "paper"}


class Visuosyntax(Study[VisuosyntaxOptions]):
    """The study of syntax: how do the maps of words and of their heads relate?"""

    name = "visuosyntax"
    question = BUILT_IN["visuosyntax"]
    title = "Visuosyntax: where a word lies to the word it depends on"
    columns = COLUMNS
    options_type = VisuosyntaxOptions

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Tables of `relations`: ``"relations"`` in the paper's names, ``"labels"`` in the
        parser's, ``"reference"`` at the reference's threshold, and ``"recommended"`` of layers that
        a model's card recommends, where there are any."""
        options = self.options
        parser = _Remembering(_parser(options.parser))
        choices: dict[str, dict[str, Any]] = {
            "relations": {"names": "paper", "threshold": options.threshold},
            "labels": {"names": "spacy", "threshold": options.threshold},
            "reference": {"names": "paper", "threshold": "reference mean"},
        }
        if options.recommended is not None:
            choices["recommended"] = {**choices["relations"], "layers": options.recommended}
        corpus = self._recorded(runs)
        return {
            name: relations(
                corpus,
                parser=parser,
                heads=options.heads,
                progress=execution.progress,
                **choice,
            )
            for name, choice in choices.items()
        }

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        return report(tables, runs=self._recorded(runs), resamples=self.options.resamples)


def _parser(parser: Parser | str | None) -> Parser:
    if parser is not None and not isinstance(parser, str):
        return parser
    return load_parser(parser)


class _Remembering:
    """A parser that reads each text once, whatever is measured with it."""

    def __init__(self, parser: Parser) -> None:
        self.name = parser.name
        self._read = functools.cache(parser)

    def __call__(self, text: str) -> Parse:
        return self._read(text)


def report(
    measured: Mapping[str, pd.DataFrame], *, runs: Corpus, resamples: int | None = None
) -> Report:
    """Make a page of the tables of one corpus.

    Parameters
    ----------
    measured
        Tables of `relations`: ``"relations"`` in the paper's names, ``"labels"`` in the parser's,
        ``"reference"`` at the reference's threshold, and ``"recommended"`` if it exists.
    runs
        The recordings that were measured.
    resamples
        Number of permutations of the tests.
    """
    means = {name: summary(table) for name, table in measured.items()}
    main = measured["relations"]
    tables = {_TITLES[name]: _shown(made) for name, made in means.items() if name != "reference"}
    beside = means["reference"].merge(PAPER, on="relation", how="left")
    tables[_TITLES["reference"]] = _shown(beside)
    tests = _tests(measured, resamples)
    tables |= tests
    tables["Pairs left out"] = left_out_counts(main)
    facts = _about(main, runs)
    facts["p, Holm"] = f"for all {sum(map(len, tests.values()))} tests of this page together"
    if "recommended" in measured:
        facts["recommended layers"] = measured["recommended"].attrs["settings"]["maps"]
    figures = {
        name: overlap_figure(
            means[name],
            nulls=NULLS,
            title=f"Dependent and head word: {_TITLES[name].lower()}",
            caption=_caption(measured[name], facts),
        )
        for name in means
        if name != "reference"
    }
    return Report(
        name="visuosyntax",
        title="Visuosyntax: where a word lies to the word it depends on",
        observations=main,
        tables=tables,
        figures=figures,
        facts=facts,
    )


def _tests(measured: Mapping[str, pd.DataFrame], resamples: int | None) -> dict[str, pd.DataFrame]:
    """All tests of the page. They are one family, also over choices of layers and over tables."""
    tests = {
        f"IoU against words of the same kind in the same image{_LAYERS[name]}": against_unrelated(
            measured[name], resamples=resamples
        )
        for name in ("relations", "recommended")
        if name in measured
    }
    between = differences(measured["relations"], resamples=resamples)
    if len(between):
        tests["Differences of IoU between relations"] = between
    return dict(zip(tests, holm_of(*tests.values()), strict=True))


_TITLES = {
    "relations": "By relation, in the paper’s names",
    "labels": "By relation, in the parser’s labels",
    "recommended": "By relation, maps of the recommended layers",
    "reference": (
        f"At the reference’s threshold ({REFERENCE_THRESHOLD} summed over {REFERENCE_STEPS} steps) "
        "beside the paper’s own figures (paper_...: not measured here)"
    ),
}


_LAYERS = {"relations": "", "recommended": ", recommended layers"}


def _about(table: pd.DataFrame, runs: Corpus) -> dict[str, Any]:
    first = runs[0].load().facts
    settings = table.attrs["settings"]
    return {
        "model": first.model,
        "images": len(runs),
        "prompts": table.prompt.nunique(),
        "steps": first.num_steps,
        "guidance": first.guidance,
        "parser": settings["parser"],
        "maps": settings["maps"],
        "threshold": settings["threshold"],
        "intervals": "95 %, whole prompts as clusters; ten or more",
    }


def _caption(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    settings = table.attrs["settings"]
    return (
        f"{facts['images']} images of {facts['model']}; parsed by {settings['parser']}; maps: "
        f"{settings['maps']}; threshold {settings['threshold']}. Lines: 95 % intervals by prompt."
    )


_HEADINGS = {"iou": "mIoU", "iod": "mIoD", "ioh": "mIoH", "delta": "delta"}


def _shown(means: pd.DataFrame) -> pd.DataFrame:
    signed = [name for name in means.columns if name.split("_")[0] == "difference"]
    headed_means = headed(means.drop(columns=[*signed, "parser"]), _HEADINGS)
    return headed_means.rename(columns={"clusters": "prompts"})
