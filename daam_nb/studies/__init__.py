"""Many recordings -> a table and its figures: the paper's experiments, and some of our own.

Each study is a folder, and no study knows another: attribution, visuosyntax, cohyponyms,
adjectives, faithfulness; and rating, which asks people. What they share knows no study:

    arguments.py  several names, nouns, thresholds, each once: read at a study's door
    corpus/       captions -> recordings on disk -> rows, each made once, recognised by content
    oracles/      who says what a picture shows
    redraw/       a picture drawn again with its attention changed
    stats/        means with intervals, comparisons
    report/       tables and figures of one study, and the page they are printed on

A study takes `runs`: a `Corpus`, the path of one, or recordings. Judges and segmenters come in as
arguments, because no study knows a model; a parser is by default the best one installed. May
import every floor below but menagerie; needs ``pip install "daam_nb[studies]"``.
"""

from __future__ import annotations

STUDIES: dict[str, str] = {
    "attribution": "daam_nb.studies.attribution.study",
    "visuosyntax": "daam_nb.studies.visuosyntax.study",
    "cohyponyms": "daam_nb.studies.cohyponyms.study",
    "adjectives": "daam_nb.studies.adjectives.study",
    "faithfulness": "daam_nb.studies.faithfulness.study",
}
"""Name of a study on the command line -> its module, which has `study(pipe, *, ...) -> Report`."""
