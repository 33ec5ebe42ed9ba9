"""The attribution prompt: one text with all concepts, encoded as the pipeline encodes a prompt.

As in OVAM (Marcos-Manchón et al. 2024, https://arxiv.org/abs/2403.14291), all concepts stand in one
text, and the softmax of a layer is over that text's own tokens, with start and end of text and
without padding: concepts compete with each other, and with start and end. In joint attention the
tokens of the concepts alone are used (`streams`), and compete with each other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import MissingTextError, SelectionError, ShapeError, UnsupportedPipelineError
from daam_nb.prompt import Prompt
from daam_nb.tracing.asking import listening
from daam_nb.tracing.encodings import EncoderMemory
from daam_nb.tracing.models import Adapter, JointAdapter
from daam_nb.tracing.models.adapter import rows_of
from daam_nb.tracing.naming import Naming, Told

SEPARATOR = ", "
"""What stands between concepts that are given one by one."""


@dataclass(frozen=True, eq=False)
class ConceptText:
    """The attribution prompt, as the layers read it.

    Attributes
    ----------
    prompt
        The text and its tokens, padding included.
    spans
        The characters of each concept.
    columns
        The key positions that the softmax is over: start of text, the text, end of text; in joint
        attention those of the concepts.
    embeddings
        (key, channel), padding included.
    stream
        The text stream whose columns they are.
    """

    prompt: Prompt
    spans: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]
    embeddings: Tensor
    stream: str


def check_concepts(adapter: Adapter, concepts: str | Sequence[str] | None) -> None:
    """Raise where a model family has no concept maps, or none of a single concept.

    Raises
    ------
    SelectionError
        In joint attention for a single concept.
    UnsupportedPipelineError
        Where there are no concept maps.
    """
    if isinstance(adapter, JointAdapter):
        for name, _ in adapter.modules():
            block = adapter.text_block(name)
            why = "what a block makes of a text of its own is not known of this model family"
            if block is not None:
                why = block.why_unknown()
            if why:
                raise UnsupportedPipelineError(
                    f"There are no concept maps of {adapter.pipe_name}: a stream of concepts has "
                    f"to pass {name}, and {why}. Leave out concepts=."
                )
        if concepts is not None and not isinstance(concepts, str) and len(concepts) < 2:
            raise _single_concept(concepts[0])
        return
    check_text_keys(adapter)


def check_text_keys(adapter: Adapter) -> None:
    """Raise an `UnsupportedPipelineError` where layers make no keys of a text as it is encoded."""
    if adapter.attention == "cross" and adapter.hands_text_on:
        return
    why = (
        "in its joint attention a text is changed by the image from block to block, so a text that "
        "the image never saw has no keys beyond the first block"
        if adapter.attention == "joint"
        else "its layers read something that is made of the text embeddings on the way"
    )
    raise UnsupportedPipelineError(
        f"Keys of other words than the prompt's cannot be made for {adapter.pipe_name}: {why}. "
        "Leave out concepts=."
    )


def _single_concept(concept: str) -> SelectionError:
    return SelectionError(
        f"concepts= names {concept!r:.200} alone. In joint attention the concepts share each place "
        "of the image among themselves, so one alone would get all of it. Give at least one more "
        'to compare it with, as in concepts=["sky", "background"].'
    )


def concept_text(
    adapter: Adapter,
    again: Callable[[], Any],
    concepts: str | Sequence[str],
    *,
    encoder: str | None = None,
) -> ConceptText:
    """Encode the attribution prompt by the pipeline's own ``encode_prompt``.

    Parameters
    ----------
    adapter
        Of the pipeline.
    again
        Runs ``encode_prompt`` as the call did; it runs with the attribution prompt instead of the
        call's texts, and everything else as it is (``clip_skip``, scales of adapters).
    concepts
        The text, each word of which is a concept; or the concepts, one by one.
    encoder
        Name of the text stream, in joint attention; None: the first.

    Raises
    ------
    SelectionError
        If the text is longer than the model reads; in joint attention if it is one concept alone.
    UnsupportedPipelineError
        If the pipeline encodes its text in a way in which no other text can be encoded.
    WordNotFoundError
        If the tokenizer drops a concept.
    """
    single = isinstance(concepts, str)
    text = concepts if single else SEPARATOR.join(concepts)
    assert isinstance(text, str)
    memory = EncoderMemory()
    embeddings = _encoded(adapter, again, text, memory)
    is_joint = adapter.attention == "joint"
    stream = adapter.stream(encoder if is_joint else None)
    naming = Naming(adapter, stream, memory)
    try:
        prompt = naming.named(embeddings, Told(text, "concepts", by_call=True)).prompt
    except (MissingTextError, ShapeError) as error:
        raise UnsupportedPipelineError(
            f"{adapter.pipe_name} encodes the text of concepts= in a way that is not known, so its "
            f"columns have no names and there are no concept maps. {error}"
        ) from None
    if prompt.cut is not None:
        start, end = prompt.cut
        raise SelectionError(
            f"The text of concepts= is longer than the {len(prompt.tokens)} tokens that "
            f"{adapter.pipe_name} reads: {text[start:end]!r:.200} is cut off. Give fewer concepts."
        )
    spans = [word.span for word in prompt.read_words] if single else _spans(concepts)
    if not spans:
        raise SelectionError(f"concepts={text!r:.200} holds no word.")
    tokens = [prompt.token_indices(span) for span in spans]  # raises where it has none
    columns = prompt.text_columns
    if is_joint:
        if len(spans) < 2:
            raise _single_concept(text)
        columns = tuple(sorted({token for each in tokens for token in each}))
    return ConceptText(prompt, tuple(spans), columns, embeddings, stream.name)


def _spans(concepts: Sequence[str]) -> list[tuple[int, int]]:
    spans, start = [], 0
    for concept in concepts:
        spans.append((start, start + len(concept)))
        start += len(concept) + len(SEPARATOR)
    return spans


def _encoded(
    adapter: Adapter, again: Callable[[], Any], text: str, memory: EncoderMemory
) -> Tensor:
    """(key, channel): what ``encode_prompt`` makes of another text; `memory` has what was read."""
    assert isinstance(again, partial)
    signature = inspect.signature(again.func)
    arguments = dict(signature.bind(*again.args, **again.keywords).arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(name, {})
        elif _is_text(name):
            arguments[name] = None
    arguments["prompt"] = text
    arguments |= {
        name: value
        for name, value in (("num_images_per_prompt", 1), ("do_classifier_free_guidance", False))
        if name in signature.parameters
    }
    device = next((p.device for p in adapter.net.parameters()), torch.device("cpu"))
    token = listening.set(memory)
    try:
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            result = again.func(**arguments)
    finally:
        listening.reset(token)
    embeddings = adapter.embeddings(result, None)
    rows = rows_of(result) if embeddings is None else embeddings.conditional
    if rows is None or len(rows) != 1 or rows[0].ndim != 2:
        raise UnsupportedPipelineError(
            f"{adapter.pipe_name} does not encode one text to one row of embeddings, so there are "
            "no concept maps. Leave out concepts=."
        )
    return rows[0].detach()


def _is_text(name: str) -> bool:
    """Whether an argument of ``encode_prompt`` is a text, or embeddings of one."""
    return "prompt" in name and not name.startswith(("num_", "max_"))
