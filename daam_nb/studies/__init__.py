"""Many recordings -> a table and its figures: the paper's experiments, and some of our own.

Each study is a folder, and no study knows another: attribution, visuosyntax, cohyponyms,
adjectives, faithfulness, maps; and rating, which asks people. What they share knows no study
(the recipe for one of your own: docs/add-a-study.md):

    study.py      `Study`: what a study says of itself
    options.py    its options: one dataclass for Python, the command line and the documents
    registry.py   which studies there are; `register_study`
    driver.py     `run_study`: any study, from its options to its page
    arguments.py  several names, nouns, thresholds, each once: read at a study's door
    corpus/       captions -> recordings on disk -> rows, each made once, recognized by content
    oracles/      who says what an image shows
    redraw/       an image drawn again with its attention changed
    stats/        means with intervals, comparisons
    report/       tables and figures of one study, and the page they are printed on

A study takes `runs`: a `Corpus`, the path of one, or recordings. Judges and segmenters come in as
arguments, because no study knows a model; a parser is by default the best one installed. May
import every floor below but menagerie; needs ``pip install "daam_nb[studies]"``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
