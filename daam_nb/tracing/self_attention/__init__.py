"""What the image's cells attend to among themselves, while the image is made.

`sums` is the arithmetic of one layer and pass; `observing` follows layers of self-attention, which
a trace does not watch otherwise; `call` keeps the results of one call.
"""

from __future__ import annotations
