"""`add_gradients`: the prediction's first-order change by each word, from a recording."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ReproductionError
from daam_nb.recording import Gradients, Recording, sealed
from daam_nb.recording.gradients import merged
from daam_nb.tracing.gradients.derivative import change_along, raised
from daam_nb.tracing.gradients.passes import PromptPass, PromptPasses, prompt_passes
from daam_nb.tracing.options import EffectChoice

ALIKE = 5e-2
"""How far a row's prediction alone may be from that within its batch, as a share of it."""


def add_gradients(
    run: Recording, pipe: Any, words: EffectChoice = True, **omitted: Any
) -> Recording:
    """Add the gradients of words to a recording, for ``heat_maps(run, kind="gradient")``.

    Hiding a word in the text encoder moves the text embeddings from E to E'. The gradient is the
    first-order change of the network's prediction along E' - E, at the recorded latents and
    timesteps, in the prompt's row: norm over channels at each location, in each step divided by the
    mean norm of the prediction over locations. The pipeline's loop is run once more over the
    recorded latents, and its denoiser once forwards, with derivatives, for each word and step.
    Nothing is drawn, and the pipeline is not changed.

    Parameters
    ----------
    run
        A recording with its latents.
    pipe
        The pipeline that made it: Stable Diffusion 1, 2 or XL, or built like these.
    words
        The words whose gradients are added; True for every word of the prompt.
    **omitted
        As for `reproduce`: arguments of the call that are not plain data.

    Returns
    -------
    Recording
        The same recording, with these words' gradients in `gradients`, besides those it holds.

    Raises
    ------
    NotKeptError
        If the recording lacks its latents.
    ReproductionError
        If the pipeline is another one, by a few values of each of its tensors, or the call cannot
        be repeated; if the recording is not what the pipeline made, is a look, or was made under an
        intervention; if one is open now.
    SelectionError
        For ``words=False``.
    UnsupportedPipelineError
        For joint attention (Stable Diffusion 3, FLUX.1), if no word can be hidden in the text
        encoder, and if the denoiser has operations without a derivative.
    WordNotFoundError
        If a word is not in the prompt.

    Notes
    -----
    For Stable Diffusion XL, the embeddings that the layers read are moved; the pooled vector of the
    text is not.

    References
    ----------
    Simonyan et al. 2014, "Deep Inside Convolutional Networks", https://arxiv.org/abs/1312.6034
    (saliency by gradients). Not integrated gradients: the derivative at E alone.

    Examples
    --------
    >>> run = generate(pipe, "a dog next to a car", seed=0)  # doctest: +SKIP
    >>> run = add_gradients(run, pipe, ["dog"])  # doctest: +SKIP
    >>> heat_maps(run, kind="gradient")["dog"]  # doctest: +SKIP
    """
    followed = prompt_passes(run, pipe, words, omitted, where="add_gradients()")
    with_gradients = replace(run, gradients=merged(run.gradients, _worked_out(followed)))
    return sealed(with_gradients) if run.facts.digests else with_gradients


@torch.inference_mode(mode=False)
def _worked_out(followed: PromptPasses) -> Gradients:
    hidden = followed.hidden
    shares, outputs = [], []
    for of_step in followed.passes:
        of_words = []
        for change in hidden.changes:
            prediction, moved = change_along(followed.net, of_step.arguments, -change)
            of_words.append(raised(moved).norm(dim=0).cpu())
        check_row(of_step, prediction)
        output = float(raised(of_step.prediction).norm(dim=0).mean())
        outputs.append(output)
        shares.append(torch.stack(of_words) / output if output else 0 * torch.stack(of_words))
    arrays = {"shares": torch.stack(shares).float(), "outputs": torch.tensor(outputs)}
    return Gradients(hidden.words, arrays)


def check_row(of_step: PromptPass, prediction: Tensor) -> None:
    """Raise a `ReproductionError` unless a row is predicted equally alone and in its batch."""
    within = raised(of_step.prediction)
    if bool((raised(prediction) - within).norm() <= ALIKE * within.norm()):
        return
    raise ReproductionError(
        "The denoiser's prediction for the prompt's row differs when the row is run alone, so its "
        "rows are not computed independently (a processor that reads them together), or it is "
        "random. Gradients are computed for a single row."
    )
