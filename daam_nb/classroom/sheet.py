"""Both processes at some of their steps, as one figure for paper and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL.Image import Image

from daam_nb.classroom.chain import Chain
from daam_nb.show.figures.description import Panel
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import Grid, Row, compose

COLUMNS = 8
ROWS = (
    ("forward", "Forward", "x_t, drawn from q(x_t | x_t-1)"),
    ("noisy", "Reverse", "x_t, drawn from p(x_t | x_t+1)"),
    ("guesses", "The guess", "of x_0, made from the x_t above"),
)


def process_sheet(chain: Chain, pictures: Mapping[str, Sequence[Image]], prompt: str) -> Figure:
    """Show both directions at eight steps, from little noise to noise alone.

    Parameters
    ----------
    chain
        The steps.
    pictures
        ``"forward"`` and ``"noisy"``: x_0, ..., x_T; ``"guesses"``: those at x_1, ..., x_T.
    prompt
        What the guesses were made for.
    """
    steps = sorted({round(t) for t in np.linspace(1, chain.steps, COLUMNS)})
    rows = [
        Row(
            tuple(
                Panel(
                    f"{name} {t}",
                    picture=np.asarray(pictures[name][t - (name == "guesses")].convert("RGB")),
                    title=f"t = {t}",
                )
                for t in steps
            ),
            header=f"{title}: {what}",
        )
        for name, title, what in ROWS
    ]
    shares = ", ".join(f"{100 * chain.alpha_bars[t]:.0f} %" for t in steps)
    caption = (
        f"A chain of {chain.steps} steps. Of the variance of x_t, {shares} is the picture's.",
        f"The guesses are the model's for “{prompt}”.",
    )
    return compose(rows, grid=Grid(most=120, columns=len(steps)), caption=caption)
