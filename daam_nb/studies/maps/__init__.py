"""Maps: which way of making a word's map is best, against exact masks and against causes?

study.py        its rows and its page
    options.py    what can be chosen
methods.py      a method: a function from a recording to the maps of its words
    shipped.py    those that ship, and the baselines
    encoder.py    the baseline of sizes: what changes in the text encoder
    registry.py   these and those of one's own: `register_method`
    choices.py    layers, heads and scaling that a method is tried with
word_roles.py   the words of a prompt: objects, colors, relations, background, and their masks
scenes.py       rendered images with exact masks, seen by the model
causes.py       what each word really changes: hidden, replaced, left out of the prompt
fields.py       a change in every cell, as a text that rows can hold
measuring.py    one image and one method -> rows
held_out.py     choices made on one half of the nouns, reported on the other
statistics.py   the tables of the page
figures.py      its figures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
