"""`region_gradient`: a region of the image -> how much it depends on each word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.recording.word_axis import stretch_of
from daam_nb.tracing.gradients.derivative import gradient_of
from daam_nb.tracing.gradients.passes import prompt_passes
from daam_nb.tracing.options import EffectChoice

Region = Any
"""(y, x) of bool on the latents' grid, or (top, left, bottom, right) in shares of the image."""


@dataclass(frozen=True, eq=False, repr=False)
class RegionGradient:
    """How the prediction in a region depends on each word, to first order.

    In each step f is the prediction's mean square over the region and its channels, and G the
    gradient of log f with respect to the text embeddings.

    Attributes
    ----------
    words
        The words, in the order of the text.
    norms
        (step, word), float32, >= 0: the norm of G over the word's own tokens.
    changes
        (step, word), float32: the sum over all key positions of G times E - E', where E' are the
        embeddings with the word hidden in the text encoder. Positive if hiding the word would make
        f smaller, to first order, as a share of f.
    tokens
        (step, key position), float32, >= 0: the norm of G at each token.
    region
        (y, x), bool, on the latents' grid.
    steps
        The steps, 0-based places in the loop.
    """

    words: tuple[Word, ...]
    norms: Tensor
    changes: Tensor
    tokens: Tensor
    region: Tensor
    steps: tuple[int, ...]

    def __repr__(self) -> str:
        order = self.changes.mean(0).abs().argsort(descending=True).tolist()
        listed = (f"{self.words[i].text} {float(self.changes[:, i].mean()):+.3g}" for i in order)
        cells = f"{int(self.region.sum())} of {self.region.numel()} cells"
        return (
            f"<RegionGradient of {cells}, mean over {len(self.steps)} steps: {', '.join(listed)}>"
        )


def region_gradient(
    run: Recording, pipe: Any, region: Region, words: EffectChoice = True, **omitted: Any
) -> RegionGradient:
    """Ask a region of a recorded image which words its prediction depends on.

    The gradient of the prediction's mean square inside the region, as a share of it, with respect
    to the text embeddings, at the recorded latents and timesteps, in the prompt's row. One forward
    and one backward run of the denoiser per step, whatever the number of words.

    Parameters
    ----------
    run
        A recording with its latents.
    pipe
        The pipeline that made it.
    region
        (y, x) of bool on the latents' grid, or a box (top, left, bottom, right) in shares of the
        image from 0 to 1: the cells whose centers lie in it.
    words
        True for every word of the prompt, or the words.
    **omitted
        As for `reproduce`.

    Returns
    -------
    RegionGradient
        Two numbers per word and step: the gradient's norm, and its product with the change of the
        embeddings by hiding the word.

    Raises
    ------
    ShapeError, WrongKindError, SelectionError
        For a region that is invalid, empty, or on another grid.
    NotKeptError, ReproductionError, UnsupportedPipelineError, WordNotFoundError
        As `add_gradients`.

    Examples
    --------
    >>> run = generate(pipe, "a dog next to a car", seed=0)  # doctest: +SKIP
    >>> region_gradient(run, pipe, (0.0, 0.0, 1.0, 0.5))  # the left half  # doctest: +SKIP
    """
    check_recording(
        run,
        where="region_gradient()",
        order="region_gradient(run, pipe, region)",
        other=pipe,
    )
    mask = read_region(region, run.facts.latent_size)
    followed = prompt_passes(run, pipe, words, omitted, where="region_gradient()")
    hidden = followed.hidden
    without = torch.stack(list(hidden.changes)).cpu().double()  # (word, key, channel): E - E'
    norms, changes, tokens = [], [], []
    for of_step in followed.passes:
        _, gradient = gradient_of(
            followed.net, of_step.arguments, partial(log_mean_square, region=mask)
        )
        gradient = gradient.cpu().double()
        of_tokens = gradient.norm(dim=1)
        tokens.append(of_tokens)
        norms.append(torch.stack([of_tokens[list(word)].norm() for word in hidden.words]))
        changes.append((without * gradient).sum((1, 2)))
    return RegionGradient(
        words=tuple(
            stretch
            for tokens_of_word in hidden.words  # all of which were read from the text
            if (stretch := stretch_of(run.prompt, tokens_of_word)) is not None
        ),
        norms=torch.stack(norms).float(),
        changes=torch.stack(changes).float(),
        tokens=torch.stack(tokens).float(),
        region=mask,
        steps=run.steps,
    )


def log_mean_square(prediction: Tensor, *, region: Tensor) -> Tensor:
    """The logarithm of the mean square over a region, (y, x), and the channels."""
    return prediction[:, region.to(prediction.device)].square().mean().log()


def read_region(region: Region, grid: tuple[int, int]) -> Tensor:
    """Read a region as (y, x) of bool on a grid.

    Raises
    ------
    ShapeError
        For a mask of another shape.
    SelectionError
        For a region without a cell, and a box that is outside the image or has swapped edges.
    WrongKindError
        For anything else.
    """
    mask = _box(region, grid) if _is_box(region) else _mask(region, grid)
    if not bool(mask.any()):
        raise SelectionError(
            f"No cell of the grid {grid} (height, width) is in the region. Give a larger one."
        )
    return mask


def _is_box(region: Region) -> bool:
    return (
        isinstance(region, list | tuple)
        and len(region) == 4
        and all(isinstance(side, int | float) and not isinstance(side, bool) for side in region)
    )


def _box(region: Region, grid: tuple[int, int]) -> Tensor:
    top, left, bottom, right = map(float, region)
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        raise SelectionError(
            f"The box {tuple(region)} must be (top, left, bottom, right) in shares of the image "
            "from 0 to 1, with top < bottom and left < right."
        )
    y, x = ((torch.arange(length) + 0.5) / length for length in grid)
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]


def _mask(region: Region, grid: tuple[int, int]) -> Tensor:
    values = region.detach().cpu().numpy() if isinstance(region, Tensor) else region
    if not isinstance(values, np.ndarray) or values.dtype != bool:
        raise WrongKindError(
            "A region must be a mask (y, x) of bool on the latents' grid, or a box (top, left, "
            f"bottom, right) in shares of the image, not {kind_of(region)}"
            + (f" of {values.dtype}." if isinstance(values, np.ndarray) else ".")
        )
    if values.shape != grid:
        raise ShapeError(
            f"The region is {values.shape}, but the latents' grid is {grid} (height, width). Make "
            "the mask on that grid, as word_map.mask() does, or give a box in shares of the image."
        )
    return torch.from_numpy(values.copy())
