"""Object attribution: does a word's map find its object? (Tang et al. 2023, section 3.1)

study.py         its rows and its page
    options.py  what can be chosen
baselines.py     baselines on the same objects
rows.py          selection of rows of the table
unsupervised.py  clusters without names, matched with nouns
figures.py       curves over the threshold, examples
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
