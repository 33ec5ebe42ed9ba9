"""The head atlas: every head of a model, by its attention, its output and its effect.

study.py          its rows and its page
    options.py      what can be chosen
measuring.py      a recording -> attention, entropy, effects and scores of each head
ablating.py       the network's prediction without each head, on the image's own latents
relevance.py      the concept that each head attends to most
selecting.py      heads for maps, chosen on one half of the nouns
statistics.py     the tables of the page
table.py          the table of a model's heads, as a file
figures.py        its figures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
