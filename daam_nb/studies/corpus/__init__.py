"""Captions -> recordings on disk -> rows: each made once, recognized by content.

captions.py       captions from text, CSV, JSON lines, COCO's JSON, templates, recombination
seeds.py          which noise a caption is drawn from
generation.py     captions and seeds -> a corpus of recordings
settings.py       ``corpus.json``: what a corpus was made with
runs.py           recordings in a fixed order: of a corpus, a folder, or in memory
rows.py           one row per observation; stopped and resumed without a loss
identity.py       which model a pipeline is, by content
networks.py       what a network is, by content
fingerprints.py   what any value is, by content (attributes.py and bytecode.py help it)
layer_choices.py  choices of layers as the settings of a study hold them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
