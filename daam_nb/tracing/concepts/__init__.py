"""Attention of an image in the making to a second text, the attribution prompt.

`text` encodes it with the pipeline; `keys` is the arithmetic of one layer; `call` keeps the results
of one call. Nothing here changes what the pipeline computes.
"""

from __future__ import annotations
