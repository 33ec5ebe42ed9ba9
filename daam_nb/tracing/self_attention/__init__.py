"""Attention of the image's cells to each other, recorded while the image is made.

`sums` is the arithmetic of one layer and pass; `observing` watches self-attention layers, which a
trace does not watch otherwise; `call` keeps the results of one call.
"""

from __future__ import annotations
