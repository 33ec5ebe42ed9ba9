"""People's judgment: how well a word's map fits, and which of two objects an image shows.

    items = rating.word_items(runs, each=20, controls=20)       # or rating.pair_items(runs)
    rating.rate(items, rater="anna", into="ratings/words")      # a page, answered by keys
    rating.summary(rating.ratings("ratings/words"))             # mean opinion score, with intervals

    study.py       the page that asks, the table of answers, the report
    tasks.py       the two questions, their answers and instructions
    items.py       what is rated, and in which order
    answers.py     one rater's answers in a CSV file
    consistency.py whether the rows of such files say what was asked
    session.py     a rater, the items, the file; what the page asks
    statistics.py  means and agreement

Generalized attribution is that of Tang et al. 2023, "What the DAAM",
https://aclanthology.org/2023.acl-long.310. No scores ship with the package.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
