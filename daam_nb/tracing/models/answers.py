"""The plain data that an adapter answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

Branch = Literal["conditional", "unconditional"]
"""The branches of classifier-free guidance: the prompt's, and the negative (or empty) prompt's."""

PROMPT_OF: dict[Branch, str] = {"conditional": "prompt", "unconditional": "negative prompt"}
"""What people call the text of each branch."""

Omission = tuple[str, str]
"""What is not recorded, and why."""

Texts = Tensor | Sequence[Tensor]
"""(row, key, channel), or a (key, channel) for each row, of any lengths."""


@dataclass(frozen=True)
class Embeddings:
    """The text embeddings a call works with: a (key, channel) for each image.

    Attributes
    ----------
    conditional, unconditional
        Of the prompts and of the negative prompts; padding that the denoiser is not given, or that
        a mask takes out, is no part of them.
    """

    conditional: tuple[Tensor, ...]
    unconditional: tuple[Tensor, ...] | None


@dataclass(frozen=True, eq=False)
class DenoiserInputs:
    """What the denoiser is given in one pass.

    Attributes
    ----------
    sample
        Latents, a batch row first.
    text
        The text embeddings of each row. Rows may differ in length.
    latent_size
        (height, width) of the latents.
    other_positions
        Positions of the image's sequence that are not the image but other images, behind it.
    text_positions
        How many positions of a joint sequence are for text, where rows are padded to one length;
        None: as many as a row's text has.
    unrecorded
        Where the pass is not one of those that are recorded: what it is, and why.
    """

    sample: Tensor
    text: Texts
    latent_size: tuple[int, int]
    other_positions: int = 0
    text_positions: int | None = None
    unrecorded: Omission | None = None

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return len(self.text)

    def columns(self, row: int) -> int:
        """Positions that the text of a row has among the keys."""
        return len(self.text[row]) if self.text_positions is None else self.text_positions


@dataclass(frozen=True)
class Layout:
    """Where image and text stand among the queries and keys of one layer, in one batch row.

    Attributes
    ----------
    queries, keys
        How many there are, padding included.
    image
        The queries that are cells of the image, row by row.
    text
        Key position of the first column of the text.
    """

    queries: int
    keys: int
    image: slice
    text: int

    @classmethod
    def of_cross_attention(cls, cells: int, columns: int) -> Layout:
        """The queries are the image, the keys the text, and nothing else."""
        return cls(cells, columns, slice(0, cells), 0)

    @classmethod
    def text_first(cls, cells: int, columns: int, others: int = 0) -> Layout:
        """One sequence: [text, image, other positions]."""
        every = columns + cells + others
        return cls(every, every, slice(columns, columns + cells), 0)

    @classmethod
    def image_first(cls, cells: int, columns: int, others: int = 0) -> Layout:
        """One sequence: [image, text, other positions]."""
        every = cells + columns + others
        return cls(every, every, slice(0, cells), cells)


@dataclass(frozen=True)
class ChatTemplate:
    """What a pipeline writes around a prompt before its text encoder reads it.

    Attributes
    ----------
    before, after
        The text in front of the prompt and behind it.
    dropped
        Tokens in front whose states the denoiser is not given.
    """

    before: str
    after: str
    dropped: int = 0


@dataclass(frozen=True)
class TextStream:
    """The key columns that one text encoder makes, and what names them.

    Attributes
    ----------
    name
        As in ``trace(..., encoder=)``.
    tokenizer, encoder
        Of the pipeline; None if it has none.
    description
        What its columns are, for people.
    component
        The pipeline's name of that tokenizer.
    first, last
        Where its columns stand in the text embeddings, half-open; `last` None: to their end.
    prompt, negative
        Arguments of the call that hold its text; the first that is given counts.
    windows
        Whether more columns than the tokenizer's limit are several windows of it.
    beside
        Encoder and tokenizer of a second text encoder that shares the columns, its channels behind
        those of the first.
    rewrites
        A prompt -> a list of what the pipeline may make of it before the tokenizer, the likeliest
        first: ``lambda prompt: [clean(prompt)]``. White space at the ends and lower case need not
        be named. Of what it offers, that counts whose tokens the encoder read. It may drop words
        and drop, add or exchange signs, as long as every word that is left stands in the prompt,
        in the prompt's order and in one way only: "cat (big)" -> "cat big", "“red” cat" ->
        '"red" cat', "a cat, dog.png" -> "a cat,". Other words ("big" -> "large"), another order,
        and "dog (dog)" -> "dog" cannot be placed: the error names the word.
    template
        What the pipeline writes around it.
    masked
        Whether the pipeline gives its encoder the mask of padding (``attention_mask=``). It counts
        where daam_nb has to ask the encoder itself, as nobody saw it encode: embeddings made before
        the ``with`` block and given as ``prompt_embeds`` are then not recognized, and refused,
        where this is wrong.
    """

    name: str
    tokenizer: Any
    encoder: nn.Module | None
    description: str = "all of its text columns"
    component: str = "tokenizer"
    first: int = 0
    last: int | None = None
    prompt: tuple[str, ...] = ("prompt",)
    negative: tuple[str, ...] = ("negative_prompt",)
    windows: bool = False
    beside: tuple[nn.Module, Any] | None = None
    rewrites: Callable[[str], Iterable[str]] | None = None
    template: ChatTemplate | None = None
    masked: bool = False

    def rows(self, text: Tensor) -> Tensor:
        """The rows of its columns, of all the (key, channel) that the denoiser is given."""
        return text[self.first : self.last]


@dataclass(frozen=True)
class BatchRows:
    """Batch rows of one denoiser pass.

    Attributes
    ----------
    conditional, unconditional
        Row of each image's prompt and negative prompt; empty if the pass has none.
    skipped
        Blocks of the batch that are neither (PAG's perturbed pass, for example).
    by_content
        Whether the embeddings themselves said so, or the order that this family uses.
    again
        The rows of those blocks: (branch, rows).
    others
        Blocks of another text, which is neither.
    """

    conditional: tuple[int, ...]
    unconditional: tuple[int, ...]
    skipped: tuple[str, ...] = ()
    by_content: bool = True
    again: tuple[tuple[Branch, tuple[int, ...]], ...] = ()
    others: tuple[str, ...] = ()
