"""`ablate` and `reweight`: columns of the attention, multiplied by a factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import InterventionError, SelectionError
from daam_nb.kinds import check_factor, check_flag, names_checked
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice, StepChoice
from daam_nb.tracing.intervening.call import Change, Place, Scene
from daam_nb.tracing.intervening.choices import (
    HIDDEN_IN_TEXT,
    NO_COLUMNS,
    ColumnChoice,
    Columns,
    KeyPositions,
    Passes,
    Where,
    WordChoice,
    WordsChoice,
    area_at,
    check_columns,
    check_occurrence,
    columns_of,
    read_area,
    read_columns,
    read_where,
    read_words,
)
from daam_nb.tracing.intervening.hiding import Hiding
from daam_nb.tracing.intervening.intervention import Intervention
from daam_nb.tracing.options import TextChoice, texts_behind_embeddings


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Columns of every image times a factor, in one call."""

    columns: tuple[Columns, ...]  # per image
    factor: float
    renormalize: bool
    areas: Mapping[tuple[int, int], Tensor] | None  # layer size -> (y, x), bool

    def __call__(self, attention: Tensor, place: Place) -> Tensor:
        columns = list(self.columns[place.image])
        if not columns:
            return attention
        after = attention.clone()  # (head, key, n)
        if self.areas is None:
            after[:, columns] *= self.factor
        else:
            inside = self.areas[place.layer.size].flatten().to(after.device)
            after[:, columns] *= torch.where(inside, self.factor, 1.0)
        if not self.renormalize:
            return after
        # The rest of a query's attention may be nothing at all: it then stays nothing.
        total = after.sum(dim=1, keepdim=True).clamp_min(torch.finfo(after.dtype).tiny)
        return after * (attention.sum(dim=1, keepdim=True) / total)


@dataclass(frozen=True, eq=False)
class _Scaling:
    """The same, independent of the call: words are looked up in each call's prompts."""

    words: tuple[WordChoice, ...] | None
    tokens: KeyPositions | None
    occurrence: int | None
    every: bool
    factor: float
    renormalize: bool
    area: Tensor | None
    hidden: bool

    def prepare(self, scene: Scene) -> Change:
        encoders = scene.call.adapter.text_encoders()
        if self.hidden and len(scene.call.hidden_in) < len(encoders):
            raise InterventionError(
                "The words could not be hidden in the text encoder: in this call it read no rows "
                "of the prompts' tokens. Call the pipeline with the prompt as text (not as "
                "prompt_embeds), or leave out text_encoder=True."
            )
        positions = (self.tokens or NO_COLUMNS).per_image(scene.images)
        if self.words:
            columns = tuple(
                columns_of(prompt, self.words, tokens, occurrence=self.occurrence)
                for prompt, tokens in zip(scene.prompts(), positions, strict=True)
            )
        elif self.every:
            columns = (tuple(range(scene.keys)),) * scene.images
        else:
            columns = tuple(tuple(check_columns(tokens, scene.keys)) for tokens in positions)
        if self.renormalize and any(len(chosen) == scene.keys for chosen in columns):
            raise SelectionError(
                "renormalize=True distributes a column's attention over the others, but every "
                "column is chosen. Choose words= or tokens=, or leave renormalize out."
            )
        areas = None
        if self.area is not None:
            sizes = {layer.size for layer in scene.layers}
            areas = {size: area_at(self.area, size) for size in sizes}
        return _Scaled(columns, self.factor, self.renormalize, areas)


@names_checked
def ablate(
    pipe: Any,
    *,
    words: WordsChoice = None,
    tokens: ColumnChoice = None,
    occurrence: int | None = None,
    heads: HeadChoice = None,
    layers: LayerChoice | None = None,
    steps: StepChoice = None,
    passes: Passes = "prompt",
    area: Any = None,
    renormalize: bool = False,
    text_encoder: bool = False,
    prompt: TextChoice = None,
) -> Intervention:
    """Set chosen attention probabilities to zero while a ``with`` block runs.

    The columns of the chosen words and tokens, in the chosen heads of the chosen layers at the
    chosen steps, are set to zero after the softmax, which removes what those heads add to the image
    from these tokens. The other columns keep their probabilities, so a query's row no longer sums
    to 1 (as in prompt-to-prompt's re-weighting with the factor 0), unless `renormalize` is given. A
    choice that is left out limits nothing; if nothing at all is chosen, or a list of choices is
    empty, nothing is changed, bit for bit.

    Parameters
    ----------
    pipe
        A diffusers pipeline, as for `trace`.
    words
        A word or phrase, a `Word`, (start, end) in characters, or a list of these; looked up in
        the prompt of every image. None, without `tokens`: every column.
    tokens
        Key positions in addition, such as the padding and the end of text, which have no words. Or
        a list of them for each image: ``[[2, 7], [], [7]]``.
    occurrence
        Which one (0-based), for words that occur several times.
    heads
        Head numbers; every chosen layer must have them.
    layers
        As for `daam_nb.recording.select_layers`.
    steps
        A slice or integers, 0-based positions in the sampling loop.
    passes
        ``"prompt"``: the conditional rows (with perturbed guidance, all of them). ``"both"``: those
        of the negative prompt as well; not with `words`, which are the prompt's.
    area
        (y, x), bool, of any size: only the queries at these locations of the image are changed. A
        cell of a layer belongs to the area if at least half of it does. None: everywhere.
    renormalize
        Whether to scale the remaining columns so that each query's row keeps its sum.
    text_encoder
        Whether to hide the chosen tokens in the text encoder as well: no other token of the prompt
        attends to them there, so none carries their meaning. With `renormalize`, nothing of the
        chosen words reaches the image: any other words in their place give the same image. (Without
        it, the remaining probabilities still lack what the chosen words took.) Requires `words` or
        `tokens`, and a call with the prompt as text; `layers`, `heads`, `steps` and `area` limit
        only the change in the denoiser.
    prompt
        The text behind ``prompt_embeds``, for calls with embeddings.

    Returns
    -------
    Intervention
        A context manager. Only images made inside are changed.

    Raises
    ------
    SelectionError
        If a choice cannot be read, or, when the pipeline is called, does not exist.
    WordNotFoundError, AmbiguousWordError, TruncatedWordError
        When the pipeline is called, before its first step, with a prompt that lacks the words.
    InterventionError
        If a processor computes attention with a function that cannot be changed; at the end of the
        block, if the pipeline was not called at all. With `text_encoder`, if the encoder does not
        read the prompt, takes no mask, or two encoders read different texts.

    Notes
    -----
    Only the denoiser's cross-attention is changed; a ControlNet's own and an IP-Adapter's keys are
    not. The text encoder has mixed the words before: later tokens still carry an ablated word's
    meaning, unless `text_encoder` is given.

    Examples
    --------
    >>> with ablate(pipe, words="dog"):  # doctest: +SKIP
    ...     run = generate(pipe, "a dog in the snow", seed=0)
    """
    where = read_where(layers, heads, steps, passes)
    return _scaling(
        "ablate", pipe, words, tokens, occurrence, where, 0.0, renormalize=renormalize,
        every=any(choice is not None for choice in (heads, layers, steps, area)), area=area,
        prompt=prompt, text_encoder=text_encoder,
    )  # fmt: skip


@names_checked
def reweight(
    pipe: Any,
    word: WordsChoice,
    factor: float,
    *,
    tokens: ColumnChoice = None,
    occurrence: int | None = None,
    heads: HeadChoice = None,
    layers: LayerChoice | None = None,
    steps: StepChoice = None,
    passes: Passes = "prompt",
    area: Any = None,
    renormalize: bool = False,
    prompt: TextChoice = None,
) -> Intervention:
    """Multiply a word's attention by a factor while a ``with`` block runs.

    Parameters
    ----------
    pipe
        A diffusers pipeline, as for `trace`.
    word
        As `words` of `ablate`; None to choose only by `tokens`.
    factor
        A finite number >= 0; 1 changes nothing, bit for bit, 0 is `ablate`. Above 1, without
        `renormalize`, probabilities may exceed 1, and are then weights.
    tokens, occurrence, heads, layers, steps, passes, area, renormalize, prompt
        As for `ablate`.

    Returns
    -------
    Intervention
        A context manager.

    Raises
    ------
    SelectionError, WordNotFoundError, AmbiguousWordError, TruncatedWordError, InterventionError
        As for `ablate`.

    References
    ----------
    Hertz et al. 2022, "Prompt-to-Prompt Image Editing with Cross Attention Control", section 3.2
    (attention re-weighting), https://arxiv.org/abs/2208.01626

    Examples
    --------
    >>> with reweight(pipe, "red", 3.0):  # doctest: +SKIP
    ...     run = generate(pipe, "a red car on the grass", seed=0)
    """
    times = check_factor(factor)
    if word is None and tokens is None:
        raise SelectionError("Nothing was chosen: give a word, or key positions as tokens=.")
    where = read_where(layers, heads, steps, passes)
    return _scaling(
        "reweight", pipe, word, tokens, occurrence, where, times, renormalize=renormalize,
        every=False, area=area, prompt=prompt,
    )  # fmt: skip


def _scaling(  # noqa: PLR0917 (the two verbs above, in one)
    verb: str,
    pipe: Any,
    words: WordsChoice,
    tokens: ColumnChoice,
    occurrence: int | None,
    where: Where,
    factor: float,
    *,
    renormalize: bool,
    every: bool,
    area: Any,
    prompt: TextChoice,
    text_encoder: bool = False,
) -> Intervention:
    """`every`: whether all columns are meant if neither words nor tokens are given."""
    check_flag(renormalize, "renormalize")
    check_flag(text_encoder, "text_encoder")
    chosen = read_words(words)
    positions = read_columns(tokens)
    check_occurrence(occurrence, chosen)
    if chosen and where.passes == "both":
        raise SelectionError(
            "words= belong to the prompt, and the negative prompt has other words in these "
            'columns: leave out passes="both", or choose key positions by tokens=.'
        )
    if text_encoder and chosen is None and positions is None:
        raise SelectionError(
            "text_encoder=True hides chosen words in the text encoder, but none was chosen: give "
            "words= or tokens=."
        )
    hidden = text_encoder and not where.nowhere
    inside = None if area is None else read_area(area)
    rule = _Scaling(
        words=chosen,
        tokens=positions,
        occurrence=occurrence,
        every=every and chosen is None and positions is None,
        factor=factor,
        renormalize=renormalize,
        area=inside,
        hidden=hidden,
    )
    parts = [
        ", ".join(_shown(word) for word in chosen) if chosen else "",
        f"tokens={positions}" if positions is not None else "",
        f"occurrence={occurrence}" if occurrence is not None else "",
        f"times {factor:g}" if verb == "reweight" else "",
        str(where),
        "" if inside is None else f"in {float(inside.float().mean()):.1%} of the image",
        "renormalized" if renormalize else "",
        HIDDEN_IN_TEXT if text_encoder else "",
    ]
    return Intervention(
        pipe,
        words=f"{verb}({', '.join(part for part in parts if part)})",
        where=where,
        rule=rule,
        prompt=texts_behind_embeddings(prompt),
        hiding=Hiding(chosen, positions, occurrence) if hidden else None,
    )


def _shown(word: WordChoice) -> str:
    if isinstance(word, str):
        return repr(word)
    return f"characters {word[0]}-{word[1]}" if isinstance(word, tuple) else repr(word.text)
