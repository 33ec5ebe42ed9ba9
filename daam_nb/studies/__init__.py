"""Many recordings -> a table and its figures: the paper's experiments, and some of our own.

    corpus.py      captions -> recordings, each once, on disk
    runs.py        recordings in a fixed order, of a corpus, a folder, or in memory
    seeds.py       which noise a caption is drawn from
    identity.py    which model a pipeline is, by content
    fingerprints.py  what a thing is, by content
    readers.py     captions from text, CSV, JSON lines, COCO's JSON, templates, recombination
    tables.py      one row per observation; stopped and resumed without a loss
    statistics.py  means with intervals
    influence.py   the ends of an interval, from what each cluster contributes
    stratified.py  groups that are no sample but all there is
    within_strata.py  two groups within each of them
    comparing.py   two groups: difference, permutation test, effect size; many tests
    permutations.py  p of few and of many permutations
    two_intervals.py  of these nouns, and of nouns
    figures.py     bars and curves of a table
    report.py      tables and figures of one study, and the page they are printed on
    protocols.py   what a judge and a segmenter must be able to do

Each study is a module of its own: those that `STUDIES` names, and `rating`, which asks people. A
study takes `runs`: a `Corpus`, the path of one, or recordings. Judges and segmenters come in as
arguments, because no study knows a model; a parser is by default the best one installed. May
import every floor below but menagerie; needs ``pip install "daam_nb[studies]"``.
"""

from __future__ import annotations

STUDIES: dict[str, str] = {
    "attribution": "daam_nb.studies.segmentation",
    "visuosyntax": "daam_nb.studies.visuosyntax",
    "cohyponyms": "daam_nb.studies.entanglement",
    "adjectives": "daam_nb.studies.adjectives",
    "faithfulness": "daam_nb.studies.faithfulness",
}
"""Name of a study on the command line -> its module, which has `study(pipe, *, ...) -> Report`."""
