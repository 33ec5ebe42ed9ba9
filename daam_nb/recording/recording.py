"""`Recording`: the attention behind one image, as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.kinds import whole_numbers
from daam_nb.recording import checks, files, picking, view, xarrays
from daam_nb.recording.concepts import Concepts
from daam_nb.recording.effects import Effects
from daam_nb.recording.facts import Facts, Kept, Manifest
from daam_nb.recording.gradients import Gradients
from daam_nb.recording.later import LaterField
from daam_nb.recording.layers import Layer, Layers
from daam_nb.recording.self_attention import SelfAttention

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from daam_nb.prompt import Prompt, Token, Word


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """The attention behind one image, by step, layer, head and token.

    Attributes
    ----------
    prompt
        The text, its words and its tokens.
    layers
        The layers kept, in the order of the network; shown as a table.
    attention
        Layer name -> (step, head, token, y, x), attention probability in [0, 1] of the image's
        conditional pass, at the layer's native size; float16 by default. If `kept` is ``"sum"``:
        (1, head, token, y, x), float32, summed over `steps`.
    columns
        Key positions of the kept tokens: ``attention[...][:, :, i]`` belongs to
        ``prompt.tokens[columns[i]]``.
    steps
        The steps kept, 0-based positions in the loop: ``attention[...][i]`` belongs to
        ``steps[i]``.
    timesteps
        The scheduler's timestep of every step of the loop, kept or not.
    facts
        Where it comes from: model, sizes, seed, guidance, versions.
    manifest
        What was captured, what was not, and why.
    image
        The image, or None if the pipeline returned latents.
    latents
        (num_steps + 1, channel, y, x): the denoiser's input at each step, and the result; None if
        not kept.
    negative_prompt, negative_attention, negative_columns
        The same for the unconditional pass, if requested.
    kept
        ``"steps"``: each step separately. ``"sum"``: only the sum over steps. ``"replay"``: each
        step, every column of both passes, as replaying needs them.
    effects, negative_effects
        Change of the layers' outputs if each word were hidden, if requested.
    concepts
        Attention to words that are not in the prompt, if requested.
    self_attention
        Attention of the image's cells to each other, if requested.
    gradients
        First-order change of the network's prediction by each word, if added.

    Raises
    ------
    ShapeError, SelectionError
        At construction, if the parts do not fit together.

    Notes
    -----
    Arrays and image of a loaded recording are read from its files on first use.
    """

    prompt: Prompt
    layers: tuple[Layer, ...]
    attention: Mapping[str, Tensor]
    columns: tuple[int, ...]
    steps: tuple[int, ...]
    timesteps: tuple[float, ...]
    facts: Facts
    manifest: Manifest = field(default_factory=Manifest)
    # Descriptors, meant to be shared by all recordings: values are stored in each.
    image: LaterField[Image] = LaterField()  # noqa: RUF009
    latents: LaterField[Tensor] = LaterField()  # noqa: RUF009
    negative_prompt: Prompt | None = None
    negative_attention: Mapping[str, Tensor] = field(default_factory=dict)
    negative_columns: tuple[int, ...] = ()
    kept: Kept = "steps"
    effects: Effects | None = None
    negative_effects: Effects | None = None
    concepts: Concepts | None = None
    self_attention: SelfAttention | None = None
    gradients: Gradients | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", Layers(self.layers))
        for name in ("columns", "steps", "negative_columns"):
            object.__setattr__(
                self, name, whole_numbers(getattr(self, name), name.removesuffix("s"))
            )
        object.__setattr__(self, "timesteps", tuple(map(float, self.timesteps)))
        checks.check(self)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The kept tokens, in the order of the attention's token axis."""
        return tuple(self.prompt.tokens[column] for column in self.columns)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of the prompt whose tokens are all kept, in the order of the text."""
        kept = set(self.columns)
        return tuple(
            word
            for word in self.prompt.read_words
            if kept.issuperset(self.prompt.token_indices(word))
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays (attention of both passes, latents), read from disk or not."""
        return view.array_bytes(self)[0]

    def at(
        self,
        layer: str | Layer,
        *,
        step: int | None = None,
        head: int | None = None,
        token: int | None = None,
        word: str | Word | tuple[int, int] | None = None,
        occurrence: int | None = None,
        case: bool = False,
        negative: bool = False,
    ) -> Tensor:
        """Return the attention of one layer, or of one step, head, token or word in it.

        Parameters
        ----------
        layer
            A `Layer`, its dotted name, or a dotted prefix that fits one layer only.
        step
            Position in the loop, from 0.
        head
            Number of the head, from 0.
        token
            Key position, as in ``prompt.tokens``.
        word
            Instead of `token`: a word or phrase, a `Word`, or (start, end) in characters; the
            result is the mean over its tokens, float32.
        occurrence, case
            As for `Prompt.find`.
        negative
            Whether to take the unconditional pass, with its tokens and words.

        Returns
        -------
        Tensor
            Attention probability, with the axes not chosen in the order (step, head, token, y, x):
            with step, head and token given (y, x). If only the sum over steps was kept, that sum,
            without a step axis. A view of the recording's own memory unless `word` is given: do not
            write into it.

        Raises
        ------
        NotKeptError
            If the recording does not hold it; the message states what it holds.
        SelectionError
            If `layer` fits several layers, or both `token` and `word` are given.
        """
        picked = picking.attention_of(self, layer, negative=negative)
        picked = picking.tokens_of(
            self,
            picked,
            token=token,
            word=word,
            occurrence=occurrence,
            case=case,
            negative=negative,
        )
        picked = picking.head_of(picked, head)
        return picking.step_of(self, picked, step)

    def to_xarray(self, layer: str | Layer | None = None, *, negative: bool = False) -> Any:
        """Return the attention as labeled arrays of xarray, copied.

        Parameters
        ----------
        layer
            A `Layer`, its dotted name, or a dotted prefix that fits one layer only. None: all.
        negative
            Whether to take the unconditional pass, with the negative prompt's tokens.

        Returns
        -------
        xarray.DataArray or xarray.DataTree
            For one layer, an array with dims (step, head, token, y, x), without step if only the
            sum over steps was kept; coordinates `timestep` along step and `piece` along token. For
            all layers, which differ in size, a tree with a node per layer name that holds
            ``attention``.

        Raises
        ------
        NotKeptError, SelectionError
            As for `at`.
        MissingExtraError
            If xarray is not installed.
        """
        if layer is None:
            return xarrays.tree(self, negative=negative)
        return xarrays.layer_array(self, layer, negative=negative)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        derived: str | None = None,
    ) -> Path:
        """Write the recording to a folder of safetensors, JSON and PNG files; `load` opens it.

        Parameters
        ----------
        path
            The folder to create; ``~`` is the home folder, missing parents are created.
        overwrite
            Whether to replace a recording at `path`. The replacement is atomic: if the process or
            the machine stops, either the old or the new recording opens whole.

        derived
            What was done to the recording after the pipeline made it, such as "the column of cat is
            zero"; kept in ``facts.derived``. Required if the attention, image or prompt was
            replaced or written into.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        RecordingExistsError
            If something is at `path` and `overwrite` is false, or it is not a recording.
        RecordingFormatError
            If a value could not be opened again (attention that is NaN or outside [0, 1], facts
            that are not plain data), or if something was replaced and `derived` is not given.
            Nothing is left behind then.
        """
        return files.save(self, path, overwrite=overwrite, derived=derived)

    def __repr__(self) -> str:
        return view.text(self)

    def _repr_html_(self) -> str:
        return view.page(self)
