"""A page to teach with: an image, its attention to each word, and noise that comes and goes.

chain       the arithmetic of a diffusion process: q(x_t | x_{t-1}), p(x_{t-1} | x_t)
processes   both directions walked on a pipeline's own latents
formulas    the formulas, as MathML: no font and no script is fetched
panels      what is shown at step t, as HTML
questions   attention and effect of the same words
sheet       both directions as one figure
page        `Classroom`: prompt, seed, progress, explorer, both processes

Puts a pipeline and the explorer together, so it stands on the top floor; the pipeline comes as an
argument. ipywidgets is imported when `Classroom` is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.classroom.chain import Chain, chain_of
from daam_nb.classroom.processes import Reverse, forward, reverse

if TYPE_CHECKING:
    from daam_nb.classroom.page import Classroom as Classroom

__all__ = ["Chain", "Classroom", "Reverse", "chain_of", "forward", "reverse"]


def __getattr__(name: str) -> Any:
    """Import the page when it is asked for: it needs ipywidgets."""
    if name == "Classroom":
        try:
            from daam_nb.classroom.page import Classroom
        except ModuleNotFoundError as error:
            if error.name != "ipywidgets":
                raise
            from daam_nb.errors import MissingExtraError

            raise MissingExtraError("ipywidgets", "widgets", "The classroom's page") from None
        return Classroom
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
