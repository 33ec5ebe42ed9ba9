"""Views of heat maps: by step, by head, by carrier token, as xarray, in a notebook."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from daam_nb.errors import NotKeptError, SelectionError, WrongKindError
from daam_nb.kinds import names_checked
from daam_nb.maps.finding import WordChoice
from daam_nb.maps.methods.carriers import Carriers, carriers_of
from daam_nb.recording import Layer
from daam_nb.recording.layers import PROBABILITY
from daam_nb.recording.xarrays import import_xarray

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.maps.heatmap import HeatMaps
    from daam_nb.maps.wordmap import WordHeatMap


class Views:
    """The views of `HeatMaps` that need only its words and its selection."""

    @names_checked
    def carriers(
        self, text: WordChoice, *, occurrence: int | None = None, case: bool = False
    ) -> Carriers:
        """Compute through which tokens a word acts: its own, later words, end of text, padding.

        Parameters
        ----------
        text, occurrence, case
            As for `HeatMaps.word`.

        Returns
        -------
        Carriers
            Shares of the word's effect on the chosen layers and steps, over the whole image.

        Raises
        ------
        NotKeptError
            If the recording does not hold the word's effect.
        SelectionError
            If heads are chosen.

        Notes
        -----
        The result does not depend on the kind of map, only on the layers and steps chosen; the
        word's effect must have been recorded (``generate(..., effects=True)``).
        """
        this = cast("HeatMaps", self)
        effect = replace(this, kind="effect", scale="")
        effect._kind.check(effect._selected)
        label, _, tokens = effect._find(text, occurrence=occurrence, case=case)
        return carriers_of(effect._selected, tokens, label=label, in_words=effect.choice)

    @names_checked
    def by_step(
        self, text: WordChoice, *, occurrence: int | None = None, case: bool = False
    ) -> dict[int, WordHeatMap]:
        """Return the map of a word for each chosen step, as with ``steps=step``.

        Raises
        ------
        NotKeptError
            If the recording holds only the sum over the steps.
        """
        this = cast("HeatMaps", self)
        if this.run.kept == "sum":
            raise NotKeptError(
                "This recording holds one sum over its steps, so a single step cannot be shown. "
                "Record with keep='steps'."
            )
        of_step = {step: replace(this, steps=(step,)) for step in this.steps}
        return {
            step: maps.word(text, occurrence=occurrence, case=case)
            for step, maps in of_step.items()
        }

    @names_checked
    def in_heads(self, text: WordChoice, layer: Layer | str) -> Tensor:
        """Return the map of a word for each head of one layer, at the layer's own resolution.

        Parameters
        ----------
        text
            As for `HeatMaps.word`.
        layer
            One of the chosen layers, or its name.

        Returns
        -------
        Tensor
            (head, y, x), float32, >= 0: reduced over the chosen steps, not interpolated. For
            effects, each head's part of the change, clamped at 0, as a share of the layer's output.

        Raises
        ------
        SelectionError
            If the layer is not among those chosen, or this kind of map has no heads.
        """
        this = cast("HeatMaps", self)
        name = layer.name if isinstance(layer, Layer) else layer
        chosen = next((own for own in this.layers if own.name == name), None)
        if chosen is None:
            raise SelectionError(
                f"{name!r:.200} is not one of the {len(this.layers)} layers of these maps. Choose "
                "others with heat_maps(run, layers=...)."
            )
        tokens = this._find(text, occurrence=None, case=False).tokens
        return this._kind.native_heads(this._selected, chosen, tokens)

    def to_xarray(self) -> Any:
        """Return the maps as `xarray.DataArray` with dims (token, y, x).

        Coordinates: `token`, the key position; `piece`, the token's text, along it; `y` and `x`,
        the row and column of the latent grid. Attributes: prompt, choice, unit.

        Raises
        ------
        MissingExtraError
            If xarray is not installed.
        """
        this = cast("HeatMaps", self)
        xarray = import_xarray("HeatMaps.to_xarray()")
        pieces = [this.prompt.tokens[column].piece for column in this.columns]
        return xarray.DataArray(
            this.values.numpy(),
            dims=("token", "y", "x"),
            coords={
                "token": list(this.columns),
                "piece": ("token", pieces),
                "y": range(this.size[0]),
                "x": range(this.size[1]),
            },
            name="heat_map",
            attrs={"prompt": this.prompt.text, "choice": this.choice, "units": this.unit},
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        """Refused: an array of tokens and one of words are both meant by ``numpy.asarray(maps)``.

        Raises
        ------
        WrongKindError
            Always; it says how to get either.
        """
        raise WrongKindError(
            "An array of HeatMaps could be of tokens or of words. Name which: maps.values is "
            "(token, y, x), a row each of maps.columns; numpy.stack(maps.words) is (word, y, x)."
        )

    def __repr__(self) -> str:
        this = cast("HeatMaps", self)
        height, width = this.size
        unit = "" if this.unit == PROBABILITY else f"{this.unit}, "
        return (
            f"<HeatMaps of {this.prompt.text!r}: {len(this.columns)} tokens, {height}x{width}, "
            f"{unit}{this.choice}>"
        )

    def _repr_html_(self) -> str:
        this = cast("HeatMaps", self)
        from daam_nb.maps.table import table_of_words

        unit = "" if this.unit == PROBABILITY else f"{this.unit}; "
        return table_of_words(this.words, caption=f"{unit}{this.choice}")
