"""Captions -> recordings on disk -> rows: each made once, identified by content.

captions.py       captions from text, CSV, JSON lines, COCO's JSON, templates, recombination
seeds.py          seeds of a caption's images
generation.py     captions and seeds -> a corpus of recordings
settings.py       ``corpus.json``: the settings of a corpus
runs.py           recordings in a fixed order: of a corpus, a folder, or in memory
rows.py           one row per observation; can be interrupted and resumed
identity.py       identity of a pipeline's model, by content
networks.py       identity of a network, by content
fingerprints.py   identity of any value, by content (with attributes.py and bytecode.py)
layer_choices.py  choices of layers as the settings of a study hold them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
