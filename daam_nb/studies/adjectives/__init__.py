"""Adjectives: how far beyond its noun does an adjective reach? (section 5)

study.py    its rows and its page
    options.py  what can be chosen
figures.py  tables and figures of the rows
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
