"""Attention of an image in the making to a second text, the attribution prompt.

`text` encodes it with the pipeline. In cross-attention `keys` is the arithmetic of one layer; in
joint attention `streams` leads the text through the blocks, which `observing` follows. `call` keeps
the results of one call. Nothing here changes what the pipeline computes.
"""

from __future__ import annotations
