"""Two questions about the same words: how much is each attended to, and how much depends on it?"""

from __future__ import annotations

import base64
from html import escape

from daam_nb.maps import heat_maps
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.show.figures import words_row

MAX_WORDS = 5  # what fits beside the image on a screen

TITLE = "Attention and effect"
LEAD = (
    "The upper row is attention: how much each location of the image attends to a word. The lower "
    "row is effect: how much the model's output at each location depends on the word. The two need "
    "not agree. In the lower row, values can be compared between words: a word that is dark there "
    "has little effect anywhere."
)


def questions_panel(run: Recording) -> str:
    """Maps of attention and effect of the words with the largest effects, as HTML; possibly empty.

    Parameters
    ----------
    run
        With the effects of its words.
    """
    words = _of_most_effect(run)
    if not words:
        return ""
    attention, effect = heat_maps(run), heat_maps(run, kind="effect")
    figure = words_row(attention, effect, words=[word.span for word in words], scale="row")
    url = "data:image/png;base64," + base64.b64encode(figure.to_png(scale=1.5)).decode("ascii")
    names = ", ".join(word.text for word in words)
    alt = escape(f"Maps of attention and of effect of the words {names}.", quote=True)
    return (
        f'<div class="daam-lesson-panel daam-lesson-questions"><h3>{TITLE}</h3><p>{LEAD}</p>'
        f'<img src="{url}" alt="{alt}"></div>'
    )


def _of_most_effect(run: Recording) -> list[Word]:
    """The words whose effect maps are highest, in the order of the prompt."""
    if run.effects is None:
        return []
    effect = heat_maps(run, kind="effect")
    words = [word for word in run.prompt.read_words if word.span in effect]
    peaks = {word.span: float(effect.word(word.span).values.max()) for word in words}
    highest = sorted(words, key=lambda word: -peaks[word.span])[:MAX_WORDS]
    return [word for word in words if word in highest and peaks[word.span] > 0]
