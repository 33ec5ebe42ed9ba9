"""Cohyponyms: is one of two things of the same kind lost more often? (section 5)

study.py       its rows and its page
    options.py  what can be chosen
taxonomies.py  nouns by class, and matched prompts of pairs
statistics.py  means by kind of pair, comparisons with the same first noun
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
