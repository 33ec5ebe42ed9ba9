"""The panels of step t in both directions, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from daam_nb.classroom import formulas as f
from daam_nb.classroom.chain import Chain


def data_url(image: Image.Image) -> str:
    """An image as part of a page."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def figure(url: str, caption: str, alt: str, kind: str = "") -> str:
    """An image with a caption; `caption` is markup of ours, `alt` is text."""
    return (
        f'<figure class="daam-lesson-figure {kind}"><img src="{url}" alt="{escape(alt)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def arrow(formula: str, text: str) -> str:
    """What leads from one image to the next."""
    return (
        f'<div class="daam-lesson-arrow"><span>{f.math(formula)}</span>'
        f'<b aria-hidden="true">⟶</b><span>{text}</span></div>'
    )


def strip(urls: Sequence[str], chosen: int, what: str, *, first: int = 0) -> str:
    """Small images in a row, one of them marked, with their numbers below.

    `first` is the number of the first image; the places before it stay empty.
    """
    cells = "<span></span>" * first + "".join(
        f'<span class="{"daam-lesson-now" if number == chosen else ""}">'
        f'<img src="{url}" alt=""><i>{number}</i></span>'
        for number, url in enumerate(urls, first)
    )
    return f'<div class="daam-lesson-strip" role="img" aria-label="{escape(what)}">{cells}</div>'


def forward_panel(chain: Chain, urls: Sequence[str], t: int) -> str:
    """One step of q, and all of them below: `urls` are x_0, ..., x_T."""
    beta, share = chain.beta(t), chain.alpha_bars[t]
    number = f.number
    images = (
        figure(urls[0], f"{f.math(f.X_0)} the image", "the image without noise")
        + '<div class="daam-lesson-gap" aria-hidden="true">⋯</div>'
        + figure(urls[t - 1], f.math(f.sub(f.X, number(t - 1))), f"with the noise of step {t - 1}")
        + arrow(f.Q_STEP, "noise is mixed in")
        + figure(urls[t], f.math(f.sub(f.X, number(t))), f"with the noise of step {t}", "now")
    )
    return _panel(
        "Forward: from the image to noise",
        images,
        [f.FORWARD, f.forward_at(t, chain.kept(t), beta)],
        f"Step {t} of {chain.steps} keeps {_percent(1 - beta)} of the variance and adds "
        f"{_percent(beta)} new noise; the image's share of it is now {_percent(share)} "
        f"({f.math(f.ALPHA_BAR)}). The model is not involved.",
        strip(urls, t, f"x_0 to x_{chain.steps}, from the image to noise; x_{t} is marked"),
    )


def reverse_panel(
    chain: Chain, noisy: Sequence[str], guesses: Sequence[str], t: int, prompt: str
) -> str:
    """One step of p, and all of them below: x_0, ..., x_T and the guesses at x_1, ..., x_T."""
    of_clean, of_noisy, variance = chain.posterior(t)
    number = f.number
    images = (
        figure(noisy[t], f.math(f.sub(f.X, number(t))), f"the noisy image of step {t}")
        + arrow(f.GUESS, f"guess for “{escape(prompt)}”")
        + figure(guesses[t - 1], f"{f.math(f.GUESS)} the guess", f"the model's guess at step {t}")
        + arrow(f.P_STEP, "one step that way")
        + figure(noisy[t - 1], f.math(f.sub(f.X, number(t - 1))), f"after step {t}", "now")
    )
    last = "" if t > 1 else " The last step adds none."
    return _panel(
        "Reverse: from noise to an image",
        images,
        [f.REVERSE, *f.REVERSE_PARTS, f.reverse_at(t, of_clean, of_noisy, variance)],
        "The model reads the noisy image and the prompt, and guesses the clean image in one go. "
        "The guess is only followed a little way: the next state moves towards it and gets fresh "
        f"noise of variance {variance:.3f}.{last}",
        strip(noisy, t - 1, f"x_0 to x_{chain.steps}; x_{t - 1} is marked")
        + strip(
            guesses,
            t,
            f"the guesses at steps 1 to {chain.steps}; that of step {t} is marked",
            first=1,
        ),
    )


def _panel(title: str, images: str, equations: Sequence[str], words: str, strips: str) -> str:
    formulas = "".join(f"<div>{f.math(equation, block=True)}</div>" for equation in equations)
    return (
        f'<section class="daam-lesson-panel"><h3>{title}</h3>'
        f'<div class="daam-lesson-row">{images}</div>'
        f'<div class="daam-lesson-formulas">{formulas}</div>'
        f"<p>{words}</p>{strips}</section>"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
