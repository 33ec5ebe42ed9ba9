"""The kinds of `Extra` that a recording may hold, saved to a folder and read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from daam_nb.errors import DaamError, ShapeError
from daam_nb.prompt import Prompt
from daam_nb.recording import format_1
from daam_nb.recording.concepts import Concepts
from daam_nb.recording.effects import Effects
from daam_nb.recording.gradients import Gradients
from daam_nb.recording.layers import Layer
from daam_nb.recording.self_attention import SelfAttention
from daam_nb.storage import broken

if TYPE_CHECKING:
    from daam_nb.recording.recording import Recording
    from daam_nb.storage import Fields, Folder

Held = Effects | Concepts | Gradients | SelfAttention
KINDS: dict[str, type[Held]] = {
    "effects": Effects,
    "negative_effects": Effects,
    "gradients": Gradients,
    "concepts": Concepts,
    "self_attention": SelfAttention,
}
"""Field of a recording, member of its facts and folder of its arrays -> what it holds."""
ROUNDING = 1e-3  # half precision may round a probability up to just above 1


def extras_of(run: Recording) -> Iterator[tuple[str, Held]]:
    """Field and content of each `Extra` of a recording."""
    for field in KINDS:
        extra: Held | None = getattr(run, field)
        if extra is not None:
            yield field, extra


def check(run: Recording) -> None:
    """Raise `ShapeError` or `SelectionError` unless each fits the recording."""
    steps = 1 if run.kept == "sum" else len(run.steps)
    if run.effects is not None:
        run.effects.check(run.layers, steps=steps, prompt=run.prompt)
    if run.negative_effects is not None:
        if run.negative_prompt is None:
            raise ShapeError(
                "negative_effects are given without the negative_prompt that they belong to."
            )
        run.negative_effects.check(run.layers, steps=steps, prompt=run.negative_prompt)
    if run.gradients is not None:
        run.gradients.check(
            steps=len(run.steps), latent_size=run.facts.latent_size, prompt=run.prompt
        )
    if run.concepts is not None:
        run.concepts.check(run.layers, steps=steps)
    if run.self_attention is not None:
        run.self_attention.check(steps=len(run.steps))


def prefixes(folder: Folder) -> tuple[str, ...]:
    """Prefixes of the array names in a folder, by the facts it has."""
    return tuple(
        f"{field}/{part}/"
        for field, kind in KINDS.items()
        if field in folder.facts
        for part in kind.PARTS
    )


def read(folder: Folder, fields: Fields, *, kept: str, steps: int) -> dict[str, Any]:
    """Read the extras of a folder: field -> content.

    Parameters
    ----------
    folder, fields
        The folder, and its facts.
    kept, steps
        The recording's.
    """
    extras: dict[str, Any] = {}
    for field, kind in KINDS.items():
        if field not in folder.facts:
            continue
        arrays = {
            part: folder.arrays.under(f"{field}/{part}/", low=low, high=high)
            for part, (low, high) in kind.bounds(largest(field, kept, steps)).items()
        }
        if kind is Effects or kind is Gradients:
            words = fields.each(field)
            extras[field] = kind(tuple(words.wholes(i) for i in words.values), **arrays)
        elif kind is SelfAttention:
            extras[field] = _self_attention(fields.fields(field), arrays)
        else:
            extras[field] = _concepts(fields.fields(field), arrays)
    return extras


def _concepts(fields: Fields, arrays: dict[str, Any]) -> Concepts:
    fields.known("prompt", "spans", "columns")
    spans = fields.each("spans")
    return Concepts(
        read_prompt(fields, "prompt"),
        tuple(spans.wholes(i) for i in spans.values),  # type: ignore[misc]
        fields.wholes("columns"),
        **arrays,
    )


def _self_attention(fields: Fields, arrays: dict[str, Any]) -> SelfAttention:
    fields.known("kept", "layers")
    layers = fields.each("layers")
    return SelfAttention(
        tuple(read_layer(layers.fields(i), version=2) for i in layers.values),
        kept=fields.text("kept"),  # type: ignore[arg-type]
        **arrays,
    )


def largest(field: str, kept: str, steps: int) -> float:
    """Largest valid value of an extra's probabilities, or of the sum that is kept."""
    return (steps if kept == "sum" or field == "self_attention" else 1) * (1 + ROUNDING)


def read_prompt(fields: Fields, name: str) -> Prompt:
    """Read a prompt from the facts."""
    try:
        return Prompt.from_dict(fields.fields(name).values)
    except DaamError as error:
        raise broken(f"{fields.where}.{name}", str(error)) from None


def read_layer(fields: Fields, *, version: int) -> Layer:
    """Read a layer from the facts of a folder."""
    if version == 1:
        fields.known("name", "stage", "size", "heads")
        return format_1.layer(
            fields.text("name"),
            fields.text("stage"),
            fields.size("size"),
            fields.whole("heads", low=1),
        )
    fields.known("name", "stage", "size", "heads", "attention", "block", "label")
    attention: Any = fields.text("attention")
    return Layer(
        fields.text("name"),
        fields.text("stage"),
        fields.size("size"),
        fields.whole("heads", low=1),
        attention=attention,
        block=fields.text("block"),
        label=fields.text("label"),
    )
