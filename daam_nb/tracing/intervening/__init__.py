"""`replay`, `ablate`, `reweight`: functions that change an image through its attention.

Each is a context manager on one pipeline. While it is open, the attention of chosen layers, heads,
steps, rows and key columns is replaced by a defined function of it; everything else keeps its bits.
They nest with each other (the outermost is applied first) and with `trace` and `generate` in either
order: a trace sees the attention that was used, all interventions applied.

    choices.py      the choice of words, columns, layers, heads, steps and passes
    call.py         one call of a pipeline under an intervention
    intervention.py the context manager, and the editor of one layer
    hiding.py       words hidden in the text encoder, too
    scaling.py      ablate, reweight
    alignment.py    which column of one prompt corresponds to which of another
    replaying.py    replay
"""

from __future__ import annotations

from daam_nb.tracing.intervening.alignment import Alignment, align
from daam_nb.tracing.intervening.intervention import Intervention
from daam_nb.tracing.intervening.replaying import replay
from daam_nb.tracing.intervening.scaling import ablate, reweight

__all__ = ["Alignment", "Intervention", "ablate", "align", "replay", "reweight"]
