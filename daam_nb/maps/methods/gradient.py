"""Gradient: the first-order change of the network's prediction, where a word begins to be hidden.

Beside `effect`, which asks each layer by itself with the attention as it was, a gradient goes
through the whole network: every layer, the attention's keys among them, and what later layers make
of earlier ones; but only to first order (`daam_nb.recording.Gradients`).
"""

from __future__ import annotations

from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps.methods.contract import Choice, MapKind, Tokens
from daam_nb.prompt import Word
from daam_nb.recording import Gradients
from daam_nb.recording.word_axis import phrase_of, text_of

WAY_OUT = 'add_gradients(run, pipe), or add_gradients(run, pipe, ["dog"]) for single words'


class Gradient(MapKind):
    """The norm of the prediction's first-order change along the text embeddings without a word.

    Norm over channels at each cell of the latents' grid, in each step divided by one number, the
    mean norm of the prediction over locations; reduced over the chosen steps. Nothing is
    interpolated.
    """

    name = "gradient"
    unit = "first-order change of the prediction, as a share of it"
    title = "Gradient of"
    reading = (
        "The prediction at bright places begins to change where this word begins to be hidden."
    )
    comparable = True
    of_heads = False
    of_layers = False
    needs = f"the words' gradients: {WAY_OUT}"
    source = (
        "daam_nb; saliency by gradients as in Simonyan et al. 2014, "
        "https://arxiv.org/abs/1312.6034; docs/maps.md has the definition"
    )

    def check(self, choice: Choice) -> None:
        if not choice.run.prompt.read_words:
            raise NotKeptError("The prompt has no words, so there are no gradients.")
        if choice.negative:
            raise NotKeptError(
                "Gradients are computed for the prompt's row, not for the negative prompt's. Leave "
                "out negative=True."
            )
        if choice.run.gradients is None:
            raise NotKeptError(
                "This recording holds no gradients of the prompt's words. Add them with the "
                f"pipeline that made it: {WAY_OUT}."
            )

    def words(self, choice: Choice) -> tuple[Word, ...]:
        prompt = choice.prompt
        own = super().words(choice)
        named = {prompt.token_indices(word) for word in own}
        others = (tokens for tokens in _gradients(choice).words if tokens not in named)
        phrases = [phrase for tokens in others if (phrase := phrase_of(prompt, tokens)) is not None]
        return tuple(sorted((*own, *phrases), key=lambda word: word.span))

    def has(self, choice: Choice, tokens: Tokens) -> bool:
        return tokens in _gradients(choice).words

    def why_not(self, choice: Choice, tokens: Tokens, label: str) -> str:
        held = ", ".join(repr(text_of(choice.prompt, word)) for word in _gradients(choice).words)
        return (
            f"The gradient of {label} was not added; this recording holds those of {held:.300}. "
            f"Add it: add_gradients(run, pipe, [{label}])."
        )

    def word_map(self, choice: Choice, tokens: Tokens) -> Tensor:
        gradients, run = _gradients(choice), choice.run
        word = gradients.words.index(tokens)
        places = [run.steps.index(step) for step in choice.steps]
        summed = gradients.shares[places, word].double().sum(0)
        return (summed * choice.step_factor).float()

    def head_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        raise SelectionError(
            f"Maps of the kind {self.name!r} are of the whole network, not of single heads."
        )


def _gradients(choice: Choice) -> Gradients:
    gradients = choice.run.gradients
    assert gradients is not None  # checked by the kind
    return gradients


GRADIENT = Gradient()
