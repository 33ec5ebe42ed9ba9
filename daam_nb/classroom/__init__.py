"""A page to teach with: an image, its attention to each word, and the diffusion process.

chain       the arithmetic of a diffusion process: q(x_t | x_{t-1}), p(x_{t-1} | x_t)
processes   both directions, run on a pipeline's own latents
formulas    the formulas, as MathML: no font and no script is fetched
panels      the panels of step t, as HTML
questions   attention and effect of the same words
sheet       both directions as one figure
page        `Classroom`: prompt, seed, progress, explorer, both processes

Combines a pipeline and the explorer, so it is on the top floor; the pipeline is an argument.
ipywidgets is imported when `Classroom` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.classroom.chain import Chain, chain_of
from daam_nb.classroom.processes import Reverse, forward, reverse

if TYPE_CHECKING:
    from daam_nb.classroom.page import Classroom as Classroom

__all__ = ["Chain", "Classroom", "Reverse", "chain_of", "forward", "reverse"]


def __getattr__(name: str) -> Any:
    """Import the page on first use: it needs ipywidgets."""
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
