"""The stated texts of a call, and its columns named by what was actually read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError
from daam_nb.prompt import Prompt
from daam_nb.tracing.encodings import EncoderMemory
from daam_nb.tracing.models import Adapter, BatchRows, Branch, Embeddings, Omission, TextStream
from daam_nb.tracing.naming import Naming, Told, unnamed_columns

ARGUMENTS: dict[Branch, str] = {"conditional": "prompt", "unconditional": "negative_prompt"}
_ARGUMENTS_OF_STREAM: dict[Branch, str] = {"conditional": "prompt", "unconditional": "negative"}


def told(
    arguments: Mapping[str, Any],
    stream: TextStream,
    branch: Branch,
    by_user: Sequence[str | Prompt] | None,
    *,
    images: int,
) -> tuple[Told, ...]:
    """Collect the stated text of each image, from the call's arguments or the user.

    Parameters
    ----------
    arguments
        Of the call.
    stream
        The text stream, with the arguments that its encoder reads.
    branch
        The prompt or the negative prompt.
    by_user
        From ``trace(..., prompt=)`` or ``negative_prompt=``. A `Prompt` names every column and
        takes precedence over the call's text.
    images
        Rows of the text embeddings.

    Raises
    ------
    ShapeError
        If there is not one text per prompt, or the call gives another text than the user.
    """
    name = ARGUMENTS[branch]
    texts = _text_of(arguments, getattr(stream, _ARGUMENTS_OF_STREAM[branch]))
    by_call = texts is not None
    if texts is None and branch == "unconditional" and arguments.get(f"{name}_embeds") is None:
        texts, by_call = "", True
    if by_user is not None and (not by_call or any(isinstance(item, Prompt) for item in by_user)):
        texts, by_call = by_user, False
    elif by_user is not None:
        _check_agreement(name, texts, by_user)
    if texts is None:
        return (Told(None, name, by_call=False),) * images
    every = [texts] if isinstance(texts, str | Prompt) else list(texts)
    each, beyond = divmod(images, len(every)) if every else (0, 1)
    if beyond:
        raise ShapeError(
            f"{len(every)} texts were given as {name} for {images} images; "
            "one text per prompt was expected."
        )
    return tuple(Told(text, name, by_call) for text in every for _ in range(each))


def _check_agreement(name: str, texts: Any, by_user: Sequence[str | Prompt]) -> None:
    """Check that a text given for embeddings agrees with the call's own text."""
    own = [texts] if isinstance(texts, str) else list(texts)
    if len({*by_user, *own}) > len(set(own)):
        raise ShapeError(
            f"{name}={list(by_user)!r:.200} describes embeddings, but this call gives "
            f"{name}={texts!r:.200} as text. Leave the former out: a text that the pipeline "
            "encodes is known."
        )


def _text_of(arguments: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The text that an encoder reads: the first argument that is not empty, else the last one."""
    for name in names[:-1]:
        if arguments.get(name):
            return arguments[name]
    return arguments.get(names[-1])


def as_tokenized(
    adapter: Adapter, texts: Sequence[str], stream: TextStream, *, columns: int
) -> tuple[Prompt, ...]:
    """Tokenize texts as the pipeline will, before an encoder has read them."""
    naming = Naming(adapter, stream, EncoderMemory())
    return tuple(naming.tokenized(text, columns) for text in texts)


@dataclass(frozen=True, eq=False)
class Settled:
    """The texts of one branch when the denoiser started.

    Attributes
    ----------
    prompts
        One per image.
    rows
        (column, channel) of each image: a copy of the named embeddings.
    keys
        Columns of all encoders together, of each image.
    ids
        The token ids read in them; None if the names are the user's own.
    omissions
        Notes about the names.
    """

    prompts: tuple[Prompt, ...]
    rows: tuple[Tensor, ...]
    keys: tuple[int, ...]
    ids: tuple[tuple[int, ...] | None, ...]
    omissions: frozenset[Omission]


def settle(
    naming: Naming, texts: Sequence[Tensor], said: Sequence[Told], *, way_out: str = ""
) -> Settled:
    """Name the columns of every image's text embeddings.

    Parameters
    ----------
    naming
        Of the call.
    texts
        (key, channel) of each image, as the denoiser is given it.
    said
        The stated text of each.
    way_out
        As for `Naming.named`.

    Raises
    ------
    MissingTextError, ShapeError, UnsupportedPipelineError
        As `Naming.named`.
    """
    named = [
        naming.named(text, of_text, way_out=way_out)
        for text, of_text in zip(texts, said, strict=True)
    ]
    return Settled(
        prompts=tuple(item.prompt for item in named),
        rows=tuple(naming.rows(text).detach().clone() for text in texts),
        keys=tuple(len(text) for text in texts),
        ids=tuple(item.ids for item in named),
        omissions=frozenset(omission for item in named for omission in item.omissions),
    )


def settle_unnamed(naming: Naming, texts: Sequence[Tensor], why: str) -> Settled:
    """As `settle`, for embeddings whose columns are kept without names."""
    return Settled(
        prompts=tuple(unnamed_columns(len(naming.rows(text))) for text in texts),
        rows=tuple(naming.rows(text).detach().clone() for text in texts),
        keys=tuple(len(text) for text in texts),
        ids=(None,) * len(texts),
        omissions=frozenset({("the words of the negative prompt", why)}),
    )


def of_images(
    text: Sequence[Tensor] | Tensor, rows: BatchRows, embeddings: Embeddings, branch: Branch
) -> list[Tensor]:
    """(key, channel) of each image: from this pass, or as encoded if it has none."""
    own = rows.conditional if branch == "conditional" else rows.unconditional
    if own:
        return [text[row] for row in own]
    whole = embeddings.conditional if branch == "conditional" else embeddings.unconditional
    return [] if whole is None else list(whole)


def exchanged(naming: Naming, settled: Settled, texts: Sequence[Tensor]) -> str | None:
    """The text read in a later pass instead of the settled one; None if it is the same.

    Raises
    ------
    ShapeError
        If the embeddings differ and their text is unknown.
    """
    for image, text in enumerate(texts):
        rows = naming.rows(text)
        before = settled.rows[image]
        if len(text) != settled.keys[image]:
            raise ShapeError(
                f"The text embeddings were replaced by others of {len(text)} columns during the "
                f"call; the first had {settled.keys[image]}, and one recording cannot hold both. "
                "Give all texts the same number of columns, or draw each with a separate call."
            )
        if rows.shape == before.shape and torch.equal(rows, before.to(rows)):
            continue
        ids = naming.ids(text)
        if ids is None or settled.ids[image] is None:
            raise ShapeError(
                "The text embeddings were replaced during the call, and the text of the new ones "
                f"is unknown; the first were of {settled.prompts[image].text!r}. Encode inside the "
                "`with` block, or leave the embeddings as they are."
            )
        if ids != settled.ids[image]:
            return naming.as_read(ids).text
    return None
