"""A recorded image drawn again with its attention changed, and where the two differ.

redrawing.py      the same image under an intervention; the difference of two
control_words.py  which word to change, and which other one to compare with
strips.py         images in a row
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
