"""Adjectives: how far beyond its noun does an adjective reach? (section 5)

study.py    the question, its options, its rows, its page
figures.py  tables and figures of the rows
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
