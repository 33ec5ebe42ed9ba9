"""What the image attends to in a second text, the attribution prompt, while it is made.

`text` has the pipeline encode it; `keys` is the arithmetic of one layer; `call` keeps the results
of one call. Nothing here changes what the pipeline computes.
"""

from __future__ import annotations
