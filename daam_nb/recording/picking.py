"""One layer, step, head or token of a recording, or an error that states what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.kinds import check_flag, whole_number
from daam_nb.printable import printable
from daam_nb.recording.facts import NEGATIVE_MAPS
from daam_nb.recording.layers import Layer, select_layers

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.prompt import Word
    from daam_nb.recording.recording import Recording


def attention_of(run: Recording, choice: str | Layer, *, negative: bool) -> Tensor:
    """Return the attention of one layer: (step, head, token, y, x)."""
    if check_flag(negative, "negative"):
        check_negative(run)
    layer = layer_of(run, choice)
    return (run.negative_attention if negative else run.attention)[layer.name]


def check_negative(run: Recording) -> None:
    """Raise `NotKeptError`, with the reason, if there is no attention of a negative prompt."""
    if run.negative_prompt is not None and run.negative_attention:
        return
    why = run.manifest.why_not(NEGATIVE_MAPS)
    reason = f" ({printable(why)})" if why else ""
    raise NotKeptError(
        "The attention of the unconditional pass was not kept, so this recording holds no "
        f"attention of the negative prompt{reason}. Record with negative=True and classifier-free "
        "guidance in every step that is kept."
    )


def layer_of(run: Recording, choice: str | Layer) -> Layer:
    """Find the layer that a choice names."""
    if not isinstance(choice, str | Layer):
        raise SelectionError(f"A layer must be chosen by its name or a Layer, not by {choice!r}.")
    try:
        layers = select_layers(run.layers, choice)
    except SelectionError as error:
        raise NotKeptError(f"That layer was not kept: {error}") from None
    if len(layers) > 1:
        raise SelectionError(
            f"{choice!r} matches {len(layers)} layers. Choose one of "
            f"{listed([repr(layer.name) for layer in layers])}."
        )
    return layers[0]


def tokens_of(
    run: Recording,
    attention: Tensor,
    *,
    token: int | None,
    word: str | Word | tuple[int, int] | None,
    occurrence: int | None,
    case: bool,
    negative: bool,
) -> Tensor:
    """Select a token or word: (step, head, y, x); unchanged if neither is chosen."""
    if token is not None and word is not None:
        raise SelectionError(f"Both token={token!r} and word={word!r} are given; choose one.")
    prompt = run.negative_prompt if negative else run.prompt
    columns = run.negative_columns if negative else run.columns
    assert prompt is not None  # checked at birth
    if word is None and occurrence is not None:
        raise SelectionError(
            f"occurrence={occurrence!r} chooses among several equal words: give word=, too."
        )
    if token is None and word is None:
        return attention
    asked_columns: tuple[int, ...] = () if token is None else (whole_number(token, "token"),)
    if word is not None:
        asked_columns = prompt.token_indices(word, occurrence=occurrence, case=case)
    if missing := [index for index in asked_columns if index not in columns]:
        kept = [f"{column} {prompt.tokens[column].piece!r}" for column in columns]
        raise NotKeptError(
            f"Token {missing[0]} was not kept; this recording holds {listed(kept)}. Record with "
            "tokens=None to keep every token of the text."
        )
    places = [columns.index(index) for index in asked_columns]
    if word is None:
        return attention[:, :, places[0]]
    return attention[:, :, places].float().mean(dim=2)


def head_of(attention: Tensor, head: int | None) -> Tensor:
    """Select one head and drop its axis."""
    if head is None:
        return attention
    if whole_number(head, "head") not in range(attention.shape[1]):
        raise NotKeptError(
            f"There is no head {head!r}: this layer has the heads 0 to {attention.shape[1] - 1}."
        )
    return attention[:, head]


def step_of(run: Recording, attention: Tensor, step: int | None) -> Tensor:
    """Select one step and drop its axis; of a sum over steps, the sum."""
    if run.kept == "sum":
        if step is not None:
            summed = listed(list(map(str, run.steps)))
            raise NotKeptError(
                f"Step {step} was not kept separately: the steps {summed} were summed. Record with "
                "keep='steps', or leave step out to get the sum."
            )
        return attention[0]
    if step is None:
        return attention
    if whole_number(step, "step") not in run.steps:
        raise NotKeptError(
            f"Step {step!r} was not kept; this recording holds {listed(list(map(str, run.steps)))} "
            f"of the {run.facts.num_steps} steps."
        )
    return attention[run.steps.index(step)]


def listed(items: list[str]) -> str:
    """List names as 'a, b, c', shortened in the middle if there are many."""
    if len(items) > 12:
        items = [*items[:9], "...", items[-1]]
    return ", ".join(items)
