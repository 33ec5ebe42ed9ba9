"""DAAM 0.2.0's `GlobalHeatMap` and `WordHeatMap`, computed from a recording."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from daam_nb.errors import (
    MissingFolderError,
    NotKeptError,
    SelectionError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.kinds import (
    check_flag,
    check_path,
    check_text,
    kind_of,
    names_checked,
    real_number,
    whole_number,
    whole_numbers,
)
from daam_nb.maps.heatmap import heat_maps
from daam_nb.maps.measure import intersection_over_area
from daam_nb.recording import Layer, Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.pixels import rgb
from daam_nb.storage import told

if TYPE_CHECKING:
    from PIL import Image

    from daam_nb.prompt import Prompt

_EPSILON = 1e-6  # in DAAM 0.2.0's normalization


@dataclass(frozen=True, eq=False)
class GlobalHeatMap:
    """The map of every token.

    Attributes
    ----------
    prompt
        Text and tokens.
    heat_maps
        (token, y, x), float32: start of text, the prompt's tokens, end of text.
    image_size
        (height, width) of the image, in pixels.
    choice
        Arguments of `of` other than the defaults, by name; an experiment saves them.
    """

    prompt: Prompt
    heat_maps: Tensor
    image_size: tuple[int, int]
    choice: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    @names_checked
    def of(
        cls,
        run: Recording,
        *,
        factors: Iterable[int] | None = None,
        head_idx: int | None = None,
        layer_idx: int | None = None,
        normalize: bool = False,
    ) -> GlobalHeatMap:
        """Maps of a recording; see `trace.compute_global_heat_map`."""
        check_recording(run, where="GlobalHeatMap.of()")
        check_flag(normalize, "normalize")
        if run.columns != tuple(run.prompt.text_columns):
            raise NotKeptError(
                "DAAM's calls need every token of the prompt, including the start and end of text; "
                f"this recording holds the key positions {list(run.columns)}. Trace without "
                "tokens=."
            )
        if factors is not None:
            factors = list(whole_numbers(factors, "factor"))
        if head_idx is not None:
            head_idx = whole_number(head_idx, "head")
        layers = _chosen(run, factors, layer_idx)
        maps = heat_maps(run, layers=layers, heads=head_idx, reduction="sum", missing="skip")
        values = maps.values
        if normalize:
            values = values / (values[1:-1].sum(0, keepdim=True) + _EPSILON)
        chosen_pairs = {
            "factors": factors,
            "head_idx": head_idx,
            "layer_idx": None if layer_idx is None else whole_number(layer_idx, "layer_idx"),
            "normalize": normalize or None,
        }
        choice = {name: value for name, value in chosen_pairs.items() if value is not None}
        return cls(run.prompt, values, run.facts.image_size, choice)

    def compute_word_heat_map(
        self, word: str, word_idx: int | None = None, offset_idx: int = 0
    ) -> WordHeatMap:
        """Average the maps of a word's tokens, over all its occurrences.

        Parameters
        ----------
        word
            A word or phrase of the prompt; whole words, whatever the case.
        word_idx
            Use this one token instead, counted from 0 without the start of text.
        offset_idx
            Use the tokens this many places further on.

        Raises
        ------
        WordNotFoundError
            If the prompt lacks the word, or the tokens so chosen lie outside it.
        """
        check_text(word, "word")
        offset_idx = whole_number(offset_idx, "offset_idx")
        if word_idx is not None:
            places = [whole_number(word_idx, "word_idx") + 1]
        else:
            occurrences = self.prompt.occurrences(word)
            if not occurrences:
                self.prompt.find(word)  # raises, and lists the words there are
            if len(occurrences) > 1:
                warnings.warn(
                    f"{word!r} occurs {len(occurrences)} times in {self.prompt.text!r}; as in "
                    "DAAM 0.2.0 their maps are averaged. daam_nb.heat_maps(tc.recording).word(..., "
                    "occurrence=0) takes one of them.",
                    stacklevel=2,
                )
            places = [
                index + offset_idx
                for found_word in occurrences
                for index in self.prompt.token_indices(found_word)
            ]
        # The first map is the start of text and the last one its end; neither is the text's.
        outside = [p - 1 for p in places if not 1 <= p < len(self.heat_maps) - 1]
        if outside:
            raise WordNotFoundError(
                f"Tokens {outside} are outside this prompt of {len(self.heat_maps) - 2} tokens."
            )
        return WordHeatMap(self.heat_maps[places].mean(0), word, word_idx, self.image_size)


@dataclass(frozen=True, eq=False)
class WordHeatMap:
    """The map of one word.

    Attributes
    ----------
    heatmap
        (y, x) on the latent grid, float32, summed over steps.
    word, word_idx
        As requested.
    image_size
        (height, width) of the image, in pixels.
    """

    heatmap: Tensor
    word: str
    word_idx: int | None = None
    image_size: tuple[int, int] | None = None

    @property
    def value(self) -> Tensor:
        """The map, (y, x)."""
        return self.heatmap

    def expand_as(
        self, image: Image.Image, absolute: bool = False, threshold: float | None = None
    ) -> Tensor:
        """Resize the map to an image's size.

        Parameters
        ----------
        image
            The image whose size is used; it need not be square.
        absolute
            Keep the values instead of scaling them to 0 to 1.
        threshold
            Return 1.0 above it and 0.0 elsewhere; 0.0 is a threshold, too.

        Returns
        -------
        Tensor
            (height, width), float32.

        Raises
        ------
        WrongKindError
            If `image` is not a PIL image, or the threshold not a number.
        SelectionError
            For a threshold below 0, or above 1 if values are scaled to 0 to 1.
        """
        if not hasattr(image, "getpixel"):  # DAAM's own name for it: a PIL image
            raise WrongKindError(f"expand_as() takes a PIL image, not {kind_of(image)}.")
        check_flag(absolute, "absolute")
        if threshold is not None:
            threshold = _read_threshold(threshold, absolute=absolute)
        width, height = image.size
        scaled = torch.nn.functional.interpolate(
            self.heatmap.float()[None, None], size=(height, width), mode="bicubic"
        )[0, 0]
        if not absolute:
            scaled = (scaled - scaled.min()) / (scaled.max() - scaled.min() + 1e-8)
        if threshold is None:
            return scaled
        return (scaled > threshold).float()

    def plot_overlay(
        self,
        image: Image.Image,
        out_file: str | os.PathLike[str] | None = None,
        color_normalize: bool = True,
        ax: Any = None,
        **expand_kwargs: Any,
    ) -> None:
        """Draw the map over the image, on `ax` or the current matplotlib axes.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        WrongKindError, SelectionError, MissingFolderError
            If `out_file` is not a path, has a suffix that matplotlib does not support, or is in a
            folder that does not exist; nothing is drawn then.
        """
        check_flag(color_normalize, "color_normalize")
        file = None if out_file is None else check_path(out_file, "out_file")
        from matplotlib import pyplot

        overlay = self.expand_as(image, **expand_kwargs)
        axes: Any = pyplot.gca() if ax is None else ax
        if file is not None:
            _check_file(file, axes.figure.canvas.get_supported_filetypes())
        pixels = rgb(image)
        low, high = (None, None) if color_normalize else (0.0, 1.0)
        axes.imshow(overlay.numpy(), cmap="jet", vmin=low, vmax=high)
        alpha = (1 - overlay / max(float(overlay.max()), 1e-8)).clamp(0, 1)
        colors = torch.from_numpy(pixels.copy()).float() / 255
        axes.imshow(torch.cat((colors, alpha.unsqueeze(-1)), dim=-1).numpy())
        axes.set_title(self.word, parse_math=False)
        axes.axis("off")
        if file is not None:
            with told(file, "written"):
                axes.figure.savefig(file)

    def compute_ioa(self, other: WordHeatMap) -> float:
        """Sum of both maps' product over the sum of this one."""
        if not isinstance(other, WordHeatMap):
            raise WrongKindError(
                f"compute_ioa() takes a map made by DAAM's calls, not {kind_of(other)}. For maps "
                "of daam_nb: daam_nb.intersection_over_area(a, b)."
            )
        return intersection_over_area(self.heatmap, other.heatmap)


def _read_threshold(threshold: object, *, absolute: bool) -> float:
    number = real_number(threshold)
    if math.isnan(number) and not isinstance(threshold, float):
        raise WrongKindError(f"threshold must be a number, not {kind_of(threshold)}.")
    if not 0 <= number <= (math.inf if absolute else 1) or math.isinf(number):
        ends = (
            "of 0 or more" if absolute else ("from 0 to 1, the range that the values are scaled to")
        )
        raise SelectionError(f"threshold={number:g} is not a number {ends}.")
    return number


def _check_file(file: Path, kinds: Iterable[str]) -> None:
    known = sorted(kinds)
    if file.suffix.lower().removeprefix(".") not in known:
        raise SelectionError(
            f"out_file={str(file)!r}: the suffix {file.suffix!r} is unknown. Use one of "
            f"{', '.join(f'.{kind}' for kind in known)}."
        )
    if not file.parent.is_dir():
        raise MissingFolderError(
            f"There is no folder {file.parent}. Create it first, or choose another."
        )


def paper_order(run: Recording) -> list[Layer]:
    """List the layers that DAAM hooks, in its order: up blocks, then down blocks, no mid block."""
    return [layer for stage in ("up", "down") for layer in run.layers if layer.stage == stage]


def _chosen(run: Recording, factors: Iterable[int] | None, layer_idx: int | None) -> list[Layer]:
    layers = paper_order(run)
    if layer_idx is not None:
        layer_idx = whole_number(layer_idx, "layer_idx")
        if not 0 <= layer_idx < len(layers):
            raise SelectionError(
                f"layer_idx={layer_idx} is out of range: the {len(layers)} layers count from 0 to "
                f"{len(layers) - 1}."
            )
        layers = [layers[layer_idx]]
    if factors is not None:
        chosen_factors = set(whole_numbers(factors, "factor"))
        chosen = [layer for layer in layers if _factor(run, layer) in chosen_factors]
        if not chosen:
            existing_factors = sorted({_factor(run, layer) for layer in layers})
            raise SelectionError(
                f"factors={sorted(chosen_factors)} selects no layer; the factors are "
                f"{existing_factors}."
            )
        layers = chosen
    return layers


def _factor(run: Recording, layer: Layer) -> int:
    height, width = run.facts.latent_size
    return round(math.sqrt(height * width / (layer.size[0] * layer.size[1])))
