"""Both processes at some of their steps, as one figure for print and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL.Image import Image

from daam_nb.classroom.chain import Chain
from daam_nb.recording import Recording
from daam_nb.show.figures.description import Panel
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import Grid, Row, compose
from daam_nb.show.figures.provenance import credits

COLUMNS = 8
ROWS = (
    ("forward", "Forward", "x_t, drawn from q(x_t | x_t-1)"),
    ("noisy", "Reverse", "x_t, drawn from p(x_t | x_t+1)"),
    ("guesses", "The guess", "of x_0, made from the x_t above"),
)


def process_sheet(chain: Chain, images: Mapping[str, Sequence[Image]], run: Recording) -> Figure:
    """Show both directions at eight steps, from little noise to pure noise.

    Parameters
    ----------
    chain
        The steps.
    images
        ``"forward"`` and ``"noisy"``: x_0, ..., x_T; ``"guesses"``: those at x_1, ..., x_T.
    run
        Of the image x_0; the guesses were made for its prompt, seed and guidance.
    """
    steps = sorted({round(t) for t in np.linspace(1, chain.steps, COLUMNS)})
    rows = [
        Row(
            tuple(
                Panel(
                    f"{name} {t}",
                    image=np.asarray(images[name][t - (name == "guesses")].convert("RGB")),
                    title=f"t = {t}",
                )
                for t in steps
            ),
            header=f"{title}: {what}",
        )
        for name, title, what in ROWS
    ]
    shares = ", ".join(f"{100 * chain.alpha_bars[t]:.0f} %" for t in steps)
    origin, metadata = credits([run], choice="", drawing=())
    caption = (
        f"A chain of {chain.steps} steps. Of the variance of x_t, {shares} is the image's.",
        f"The guesses are the model's for “{run.prompt.text}”.",
        *origin[1:],  # without the prompt, which stands in the line above
    )
    return compose(
        rows,
        grid=Grid(most=120, columns=len(steps)),
        caption=caption,
        metadata={**metadata, "chain": f"{chain.steps} steps"},
    )
