"""Faithfulness: does the image change where the map of an ablated word says?

study.py      its rows and its page
    options.py  what can be chosen
ablations.py the ablations, exactly defined agreement.py how a map and a change agree heads.py each
head ablated alone curves.py deletion and insertion losses.py how often the object is lost
figures.py tables and figures of the rows
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
