"""`heat_maps(run)`: a recording and a choice of layers, steps and heads -> a map per word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from daam_nb.errors import (
    DaamError,
    NotKeptError,
    SelectionError,
    ShapeError,
    WordNotFoundError,
)
from daam_nb.kinds import check_choice, check_flag, names_checked
from daam_nb.maps.captions import heads_in_words, layers_in_words
from daam_nb.maps.finding import Found, WordChoice, find
from daam_nb.maps.methods.contract import Choice, MapKind, whole_network
from daam_nb.maps.methods.registry import map_kind
from daam_nb.maps.origin import Origin, Reduction
from daam_nb.maps.stepsums import Source
from daam_nb.maps.views import Views
from daam_nb.maps.wordmap import WordHeatMap, of_recording
from daam_nb.recording import Layer, LayerChoice, Provenance, Recording, provenance_of
from daam_nb.recording.kinds import check_recording
from daam_nb.recording.picking import check_negative
from daam_nb.selection import HeadChoice, Missing, StepChoice, in_words, select

if TYPE_CHECKING:
    from daam_nb.prompt import Prompt, Word

Scale = Literal["", "maximum"]


@names_checked
def heat_maps(
    run: Recording,
    *,
    kind: str = "attention",
    layers: LayerChoice = "paper",
    steps: StepChoice = None,
    heads: HeadChoice = None,
    reduction: Reduction = "mean",
    missing: Missing = "error",
    negative: bool = False,
) -> HeatMaps:
    """Make the heat map of every word, for a choice of layers, steps and heads.

    For each chosen (layer, head): reduce over the chosen steps, bring to the latent grid by
    ``torch.nn.functional.interpolate(mode="bicubic", align_corners=False, antialias=False)``, clamp
    at 0; then take the mean over all (layer, head), with equal weights. Maps are computed on first
    use.

    Parameters
    ----------
    run
        A recording.
    kind
        What the maps show. ``"attention"`` (DAAM): how much each image location attends to each
        word. ``"share"``: the same as a share of the attention to the text. ``"effect"``: how much
        the layers' outputs depend on the word, if that was recorded
        (``generate(..., effects=True)``). ``"gradient"``: the first-order change of the network's
        prediction when the word is hidden (`add_gradients`). ``"concept"``: attention to words that
        are not in the prompt (``generate(..., concepts=["sky", "tail"])``). Or the name of a kind
        registered with `register_map_kind`. docs/maps.md compares them.
    layers
        ``"paper"``: the down and up blocks of a UNet, and every layer of a transformer, which has
        no mid block to leave out; ``"all"``: also the mid block; or anything else `select_layers`
        takes: a stage, a name, a list of these, a function of a `Layer`.
    steps
        Positions in the sampling loop, 0-based: one, several, a half-open slice or range; negative
        numbers count from the end. None: every step kept.
    heads
        One head or several, by number, the same in every chosen layer; or (layer name, head) pairs,
        as the keys of `HeatMaps.by_head`, each in a chosen layer. None: all. ``"relevant"``: those
        that the table of the recording's model names (`head_table`), of the default layers; the
        caption says by what they were chosen.
    reduction
        Over the steps: ``"mean"`` gives probabilities for any number of steps; ``"sum"`` is that of
        eq. 6 and of the reference implementation.
    missing
        What happens if a chosen layer lacks a chosen head: ``"error"``, or ``"skip"``, which lists
        it in `HeatMaps.skipped`.
    negative
        Whether to map the negative prompt's words, in the unconditional pass; its attention must
        have been recorded.

    Returns
    -------
    HeatMaps
        In cross-attention the keys are the text alone. In the joint attention of transformers
        (stages ``"double"`` and ``"single"``) a value is a share of image and text keys together:
        over the text they sum to less than 1, and nothing is renormalized.

    Raises
    ------
    WrongKindError
        For anything but one recording; the message states how to get one from the value.
    UnknownOptionError
        For a name that is none of these.
    SelectionError
        If a choice selects nothing, names something that does not exist, or cannot be read.
    NotKeptError
        If the recording lacks a chosen step, or the negative prompt's attention.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 6, https://aclanthology.org/2023.acl-long.310

    Examples
    --------
    >>> maps = heat_maps(run, steps=slice(10, None), layers="up")  # doctest: +SKIP
    >>> maps.word("zebra").mask(0.4)  # doctest: +SKIP
    """
    check_recording(run, where="heat_maps()")
    of_kind = map_kind(kind)
    check_choice(reduction, "reduction", ("mean", "sum"))
    if check_flag(negative, "negative"):
        check_negative(run)
    if not of_kind.of_layers:
        layers = whole_network(run, of_kind, layers, heads)
    chosen = select(run, layers=layers, steps=steps, heads=heads, missing=missing)
    maps = HeatMaps(
        run=run,
        layers=chosen.layers,
        steps=chosen.steps,
        heads=chosen.heads,
        pairs=chosen.pairs,
        reduction=reduction,
        skipped=chosen.skipped,
        chosen_by=chosen.chosen_by,
        negative=negative,
        kind=of_kind.name,
    )
    of_kind.check(maps._selected)
    return maps


@dataclass(frozen=True, eq=False, repr=False)
class HeatMaps(Views):
    """The maps of every token and word of one recording, for one selection; see `heat_maps`.

    A mapping from the words of the prompt to their maps: ``maps["car"]``, ``"car" in maps``,
    ``for word, word_map in maps.items()``. `values` is the array of all tokens.

    Attributes
    ----------
    run
        The recording.
    layers
        The layers chosen.
    steps
        The steps chosen, 0-based positions in the loop, ascending.
    heads
        The heads chosen in each layer, or the (layer name, head) chosen one by one; None: all.
    pairs
        The (layer, head) pairs averaged.
    reduction
        ``"mean"`` or ``"sum"`` over the steps.
    skipped
        The (layer name, head) asked for that do not exist.
    negative
        Whether these are the negative prompt's words, in the unconditional pass.
    kind
        What the maps show, as in `heat_maps`.
    scale
        ``"maximum"``: each map divided by its maximum; else empty.
    chosen_by
        By what relevant heads were chosen, and on what; empty where heads were named, or all.
    """

    run: Recording
    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    heads: tuple[int, ...] | tuple[tuple[str, int], ...] | None
    pairs: tuple[tuple[Layer, int], ...]
    reduction: Reduction = "mean"
    skipped: tuple[tuple[str, int], ...] = ()
    negative: bool = False
    kind: str = "attention"
    scale: Scale = ""
    chosen_by: str = ""

    @property
    def prompt(self) -> Prompt:
        """The text whose words are mapped: the prompt, the negative prompt or the concepts'."""
        return self._kind.prompt(self._selected)

    @property
    def columns(self) -> tuple[int, ...]:
        """The key position of each row of `values`."""
        return self._kind.columns(self._selected)

    @property
    def size(self) -> tuple[int, int]:
        """The grid: (height, width) in latent cells."""
        return self.run.facts.latent_size

    @property
    def unit(self) -> str:
        """Name of the quantity, for a color bar; for joint attention with its keys."""
        if self.scale == "maximum":
            return "share of the map's maximum"
        summed = ", summed over steps" if self.reduction == "sum" and self.kind != "share" else ""
        return f"{self._kind.unit_of(self._selected)}{summed}"

    @property
    def choice(self) -> str:
        """The selection behind the numbers in one line, for captions; ranges include their ends."""
        several = "s" * (len(self.steps) > 1)
        steps = f"step{several} {in_words(self.steps)} of {self.run.facts.num_steps}"
        if self._kind.of_layers:
            layers = layers_in_words(self.layers, self.run.layers)
            parts = [layers, steps, heads_in_words(self.heads, self.layers, self.chosen_by)]
        else:
            parts = ["the whole network", steps]
        parts.append(f"{self.reduction} over steps")
        if self.skipped:
            parts.append(f"{len(self.skipped)} missing heads skipped")
        if self.negative:
            parts.append("negative prompt")
        if self.kind != "attention" and self.scale:
            parts.append(self._kind.unit_of(self._selected))
        if self.kind != "attention" or self.scale:
            parts.append(self.unit)
        return ", ".join(parts)

    @cached_property
    def origin(self) -> Origin:
        """The run and selection behind these maps, without arrays; every map carries it."""
        return Origin(
            run=self._provenance,
            prompt=self.prompt,
            layers=self.layers,
            steps=self.steps,
            heads=self.heads,
            pairs=self.pairs,
            reduction=self.reduction,
            negative=self.negative,
            choice=self.choice,
        )

    @cached_property
    def values(self) -> Tensor:
        """Maps of all key positions kept: (token, y, x), float32, >= 0, ordered as `columns`."""
        return self._token_maps(self.columns)

    @names_checked
    def word(
        self, text: WordChoice, *, occurrence: int | None = None, case: bool = False
    ) -> WordHeatMap:
        """Return the map of a word or phrase: the mean over its tokens.

        Parameters
        ----------
        text
            A word or phrase of the prompt, a `Word`, or (start, end) in characters.
        occurrence
            Which one (0-based) if the prompt contains it several times.
        case
            Whether upper and lower case differ.

        Raises
        ------
        WordNotFoundError, AmbiguousWordError, TruncatedWordError
            As for `Prompt.token_indices`.
        NotKeptError
            If the recording lacks one of the word's tokens.
        """
        label, span, tokens = self._find(text, occurrence=occurrence, case=case)
        return self._word_map(self._mean_over(tokens), label, span, tokens)

    def __getitem__(self, text: WordChoice) -> WordHeatMap:
        """Take the map of a word or phrase that the prompt holds once; `word` takes options."""
        return self.word(text)

    def __contains__(self, text: object) -> bool:
        """Whether the prompt holds a word or phrase, once or several times, and its map is here."""
        try:
            words = self.prompt.occurrences(text) if isinstance(text, str) else (text,)
            return any(map(self._is_kept, words))  # type: ignore[arg-type]
        except (DaamError, AttributeError, TypeError):
            return False

    def keys(self) -> tuple[Word, ...]:
        """The words of the prompt that have maps, in order; without words that were cut."""
        return self._kind.words(self._selected)

    def items(self) -> tuple[tuple[Word, WordHeatMap], ...]:
        """Each word with its map, in order."""
        return tuple(zip(self.keys(), self.words, strict=True))

    def __iter__(self) -> Iterator[Word]:
        """The words, as of any mapping: ``for word, word_map in maps.items()``."""
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    @cached_property
    def words(self) -> tuple[WordHeatMap, ...]:
        """The map of each word of the prompt, in order; words cut or not recorded are left out."""
        values: dict[tuple[int, ...], Tensor] = {}  # words may share their tokens
        word_maps = []
        for word in self.keys():
            tokens = self.prompt.token_indices(word)
            if tokens not in values:
                values[tokens] = self._mean_over(tokens)
            label = self.prompt.text[slice(*word.span)]
            word_maps.append(self._word_map(values[tokens], label, word.span, tokens))
        return tuple(word_maps)

    def token(self, index: int | Iterable[int]) -> WordHeatMap:
        """Return the map of one token by its key position, special or not, or the mean of several.

        Raises
        ------
        NotKeptError
            If the recording does not hold it.
        """
        self._check_of_tokens()
        tokens = self._source.read_tokens(self.prompt, index)
        places = tuple(token.index for token in tokens)
        read = [token.span for token in tokens if token.span is not None]
        span = (read[0][0], read[-1][1]) if len(read) == len(tokens) else None
        label = " ".join(token.piece for token in tokens)
        return self._word_map(self._mean_over(places), label, span, places)

    @property
    def start_of_text(self) -> WordHeatMap:
        """The map of the start of text, which takes most of the attention in models with CLIP."""
        return self._special(self.prompt.start_of_text, "start of text")

    @property
    def end_of_text(self) -> WordHeatMap:
        """The map of the first end of text after the prompt's words."""
        return self._special(self.prompt.end_of_text, "end of text")

    @names_checked
    def by_head(
        self, text: WordChoice, *, occurrence: int | None = None, case: bool = False
    ) -> dict[tuple[str, int], WordHeatMap]:
        """Return the map of a word for each chosen (layer name, head).

        For attention, the mean of these is the map of `word`. For effects, the heads of a layer add
        up, and negative parts of a single head are clamped at 0.

        Raises
        ------
        SelectionError
            For shares, which are not a mean over heads.
        """
        label, span, tokens = self._find(text, occurrence=occurrence, case=case)
        each = self._kind.head_maps(self._selected, tokens)
        by_pair = {}
        for (layer, head), values in zip(self.pairs, each, strict=True):
            maps = replace(
                self, layers=(layer,), heads=(head,), pairs=((layer, head),), skipped=(),
                chosen_by="",
            )  # fmt: skip
            word_map = maps._word_map(values, label, span, tokens)
            by_pair[layer.name, head] = (
                word_map.normalized() if self.scale == "maximum" else word_map
            )
        return by_pair

    def normalized(self) -> HeatMaps:
        """Divide each map by its own maximum, so that its values lie in [0, 1]."""
        return replace(self, scale="maximum")

    def shares(self) -> HeatMaps:
        """Divide each map by the sum over the text's tokens, start and end of text left out.

        A value is the token's share of the attention to the text at that location; over the text's
        tokens the shares add up to 1 (the map of a word of several tokens is still their mean).
        Equals the reference implementation's `normalize=True` except for its 1e-6 in the
        denominator.

        Raises
        ------
        NotKeptError
            If the recording lacks a token of the text.
        """
        if self.kind not in {"attention", "share"}:
            raise SelectionError(
                f"Maps of the kind {self.kind!r} are not attention and have no shares."
            )
        shares = replace(self, kind="share", scale="")
        shares._kind.check(shares._selected)
        return shares

    @cached_property
    def _provenance(self) -> Provenance:
        return provenance_of(self.run)

    @cached_property
    def _source(self) -> Source:
        return self._kind.arrays(self._selected)

    @cached_property
    def _kind(self) -> MapKind:
        return map_kind(self.kind)

    @cached_property
    def _selected(self) -> Choice:
        return Choice(
            self.run,
            self.layers,
            self.steps,
            self.heads,
            self.pairs,
            self.reduction,
            self.negative,
        )

    def _token_maps(self, tokens: Iterable[int]) -> Tensor:
        """(token, y, x), in this scale."""
        self._check_of_tokens()
        maps = self._kind.token_maps(self._selected, tuple(tokens))
        if self.scale == "maximum":
            peaks = maps.amax((1, 2), keepdim=True)
            return torch.where(peaks > 0, maps / peaks, 0.0)
        return maps

    def _mean_over(self, tokens: tuple[int, ...]) -> Tensor:
        """The map of a word, (y, x), in this scale."""
        word_map = self._kind.word_map(self._selected, tokens)
        if tuple(word_map.shape) != self.size:
            raise ShapeError(
                f"The kind {self.kind!r} made a map of the shape {tuple(word_map.shape)}; it must "
                f"have that of the latent grid, {self.size}."
            )
        if self.scale == "maximum":
            peak = word_map.max()
            return word_map / peak if peak > 0 else word_map
        return word_map

    def _word_map(
        self,
        values: Tensor,
        label: str,
        span: tuple[int, int] | None,
        tokens: tuple[int, ...],
    ) -> WordHeatMap:
        return of_recording(
            WordHeatMap(
                values,
                label,
                span,
                tokens,
                origin=self.origin,
                image_size=self.run.facts.image_size,
                unit=self.unit,
            )
        )

    def _is_kept(self, word: Word | tuple[int, int]) -> bool:
        return self._has(self.prompt.token_indices(word))

    def _has(self, tokens: tuple[int, ...]) -> bool:
        return bool(tokens) and self._kind.has(self._selected, tokens)

    def _find(self, text: WordChoice, *, occurrence: int | None, case: bool) -> Found:
        if occurrence is None and isinstance(text, str):  # a concept may stand within another
            named = [word for word in self._kind.words(self._selected) if word.text == text]
            text = named[0] if len(named) == 1 and self.kind == "concept" else text
        chosen_word = find(self.prompt, text, occurrence=occurrence, case=case)
        if self._kind.of_tokens:
            self._source.check_kept(chosen_word.tokens, repr(chosen_word.label))
        elif not self._has(chosen_word.tokens):
            why_not = self._kind.why_not
            raise NotKeptError(why_not(self._selected, chosen_word.tokens, repr(chosen_word.label)))
        return chosen_word

    def _check_of_tokens(self) -> None:
        if not self._kind.of_tokens:
            raise NotKeptError(
                f"Maps of the kind {self.kind!r} are of words, not of tokens. Ask for a word, as "
                "in maps['dog'], or take heat_maps(run), whose maps are of tokens."
            )

    def _special(self, index: int | None, name: str) -> WordHeatMap:
        if index is None:
            raise WordNotFoundError(f"This model's tokenizer marks no {name}.")
        self._source.check_kept((index,), f"the {name}")
        return self.token(index)._with(label=name)
