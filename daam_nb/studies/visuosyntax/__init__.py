"""Visuosyntax: where a word's map lies to the map of the word it depends on (section 4).

study.py                  its rows and its page
    options.py  what can be chosen
word_pairs.py             pairs of words of a parse, and the overlap of their maps
enhanced_dependencies.py  a parser's labels in the paper's names
statistics.py             means by relation, comparisons
figures.py                overlap by relation
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
