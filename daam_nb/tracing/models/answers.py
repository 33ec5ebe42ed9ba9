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
        Of the prompts and of the negative prompts, without padding that the denoiser is not given
        or that a mask excludes.
    """

    conditional: tuple[Tensor, ...]
    unconditional: tuple[Tensor, ...] | None


@dataclass(frozen=True, eq=False)
class DenoiserInputs:
    """The denoiser's inputs in one pass.

    Attributes
    ----------
    sample
        Latents, batch axis first.
    text
        The text embeddings of each row. Rows may differ in length.
    latent_size
        (height, width) of the latents.
    other_positions
        Positions of the image's sequence that belong to other images, after the image.
    text_positions
        Number of text positions of a joint sequence, if rows are padded to one length; None: as
        many as a row's text has.
    unrecorded
        For a pass that is not recorded: what it is, and why.
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
        """Positions of a row's text among the keys."""
        return len(self.text[row]) if self.text_positions is None else self.text_positions


@dataclass(frozen=True)
class Layout:
    """Positions of image and text among the queries and keys of one layer, in one batch row.

    Attributes
    ----------
    queries, keys
        Their numbers, including padding.
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
        """The queries are only the image, the keys only the text."""
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
    """The text that a pipeline puts around a prompt before its text encoder reads it.

    Attributes
    ----------
    before, after
        The text before and after the prompt.
    dropped
        Number of leading tokens whose states the denoiser is not given.
    """

    before: str
    after: str
    dropped: int = 0


@dataclass(frozen=True)
class TextStream:
    """The key columns of one text encoder, and how they are named.

    Attributes
    ----------
    name
        As in ``trace(..., encoder=)``.
    tokenizer, encoder
        The pipeline's; None if it has none.
    description
        Description of its columns, for display.
    component
        The pipeline's name of that tokenizer.
    first, last
        Range of its columns in the text embeddings, half-open; `last` None: to their end.
    prompt, negative
        Arguments of the call that hold its text; the first one given is used.
    windows
        Whether more columns than the tokenizer's limit are several windows of it.
    beside
        Encoder and tokenizer of a second text encoder that shares the columns, with its channels
        after those of the first.
    rewrites
        A prompt -> a list of the texts that the pipeline may make from it before the tokenizer, the
        likeliest first: ``lambda prompt: [clean(prompt)]``. White space at the ends and lower case
        need not be named. The one whose tokens the encoder read is used. It may drop words, and
        drop, add or replace punctuation, as long as every remaining word occurs in the prompt, in
        the prompt's order and in one way only: "cat (big)" -> "cat big", "“red” cat" -> '"red"
        cat', "a cat, dog.png" -> "a cat,". Other words ("big" -> "large"), another order, and "dog
        (dog)" -> "dog" cannot be located: the error names the word.
    template
        The text that the pipeline puts around it.
    masked
        Whether the pipeline gives its encoder the mask of padding (``attention_mask=``). It matters
        if daam_nb has to run the encoder itself, because the encoding was not observed: if it is
        wrong, embeddings made before the ``with`` block and given as ``prompt_embeds`` are not
        recognized and are refused.
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
        """The rows of its columns, from all (key, channel) given to the denoiser."""
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
        Whether the rows were recognized by the embeddings, or by the order that this family uses.
    again
        The rows of those blocks: (branch, rows).
    others
        Blocks of another text that is neither.
    """

    conditional: tuple[int, ...]
    unconditional: tuple[int, ...]
    skipped: tuple[str, ...] = ()
    by_content: bool = True
    again: tuple[tuple[Branch, tuple[int, ...]], ...] = ()
    others: tuple[str, ...] = ()
