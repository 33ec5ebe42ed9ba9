"""Maps: which way of making a word's map is best, against exact masks and against causes?

study.py        its rows and its page
    options.py    what can be chosen
methods.py      a method: a function from a recording to the maps of its words
    shipped.py    the shipped methods, and the baselines
    encoder.py    the baseline for magnitudes: the change in the text encoder
    registry.py   shipped and registered methods: `register_method`
    choices.py    layers, heads and scaling of a method
word_roles.py   the words of a prompt: objects, colors, relations, background, and their masks
scenes.py       rendered images with exact masks, seen by the model
causes.py       the actual effect of each word: hidden, replaced, left out of the prompt
fields.py       a change in every cell, as a text that rows can hold
measuring.py    one image and one method -> rows
held_out.py     choices made on one half of the nouns, reported on the other
statistics.py   the tables of the page
figures.py      its figures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
