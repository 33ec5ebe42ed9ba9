"""The change of each layer's output if a word were hidden, computed while the image is made.

`hidden` encodes the prompt again with words hidden; `change` is the arithmetic of one layer;
`watching` keeps the results of one image. Nothing here changes what the pipeline computes.
"""

from __future__ import annotations
