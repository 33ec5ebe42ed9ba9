"""Many recordings -> a table and its figures: the paper's experiments and further ones.

Each study is a folder, independent of the others: attribution, visuosyntax, cohyponyms, adjectives,
faithfulness, atlas, maps; and rating, which asks people. What they share depends on no study (to
add one: docs/add-a-study.md):

    study.py      `Study`: the definition of a study
    options.py    its options: one dataclass for Python, the command line and the documents
    registry.py   the list of studies; `register_study`
    driver.py     `run_study`: any study, from its options to its page
    arguments.py  checks of names, nouns and thresholds
    corpus/       captions -> recordings on disk -> rows, each made once, identified by content
    oracles/      what an image shows: judges, detectors, people, masks
    redraw/       an image drawn again with its attention changed
    stats/        means with intervals, comparisons
    report/       tables and figures of one study, and the page they are printed on

A study takes `runs`: a `Corpus`, the path of one, or recordings. Judges and segmenters are
arguments, because studies do not depend on a model; a parser is by default the best one installed.
May import every floor below but menagerie; needs ``pip install "daam_nb[studies]"``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
