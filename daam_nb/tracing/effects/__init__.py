"""What hiding a word would change in each layer's output, worked out while the image is made.

`hidden` has the prompt encoded again with words hidden; `change` is the arithmetic of one layer;
`watching` keeps the results of one image. Nothing here changes what the pipeline computes.
"""

from __future__ import annotations
