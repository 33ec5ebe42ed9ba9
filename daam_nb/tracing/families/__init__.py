"""What differs between model families: where the text is, which row is which, the grid.

    family.py    what a family answers, and the plain data it answers with
    rows.py      which rows of a batch belong to which picture
    unets.py     cross-attention over text: Stable Diffusion 1.x, 2.x, XL and what is built on them
    sd3.py       joint attention, image before text: Stable Diffusion 3 and 3.5
    flux.py      joint attention, text before image: FLUX.1
    known.py     the classes of pipelines that are watched, and how to vouch for another
    choosing.py  a pipeline -> its family, or a refusal by name

Nothing is inferred from shapes alone; a pipeline that is not known to be read exactly is refused
by name. A new model family touches this folder alone.
"""

from __future__ import annotations

from daam_nb.tracing.families.choosing import denoiser, family_of
from daam_nb.tracing.families.family import (
    Encoded,
    Family,
    Given,
    Half,
    Reading,
    Remark,
    Rows,
    Seats,
    named,
)
from daam_nb.tracing.families.known import is_vouched, vouch_for
from daam_nb.tracing.families.rows import text_rows

__all__ = [
    "Encoded",
    "Family",
    "Given",
    "Half",
    "Reading",
    "Remark",
    "Rows",
    "Seats",
    "denoiser",
    "family_of",
    "is_vouched",
    "named",
    "text_rows",
    "vouch_for",
]
