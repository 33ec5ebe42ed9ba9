"""Who says what an image shows: judges, detectors, people, annotated masks, segmenters; and scores.

protocols.py          what a judge, a truth and a segmenter must be able to do
truths.py             where objects are: by a judge, by annotated folders, by COCO's JSON
presence.py           whether two objects are there: by a judge, a detector, people
segmenters.py         supervised segmenters of transformers
annotated_folders.py  COCO-Gen's format, read
coco_masks.py         COCO's polygons and run lengths, read
same_image.py         whether a recording's image is the annotated one
nouns.py              how a prompt names a noun
objects.py            the words of a prompt that name objects, with masks by a judge
scores.py             how well a map fits a mask, or a change that was really made
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
