"""What the browser is told once about a recording: plain data, text that is only text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import daam_nb
from daam_nb.maps.methods import MapKind
from daam_nb.recording import UNET_STAGES
from daam_nb.recording.layers import PROBABILITY
from daam_nb.show.colors import SEQUENTIAL
from daam_nb.show.conditions import conditions, seed_in_words
from daam_nb.show.explorer.model.entries import Entry, clean
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.syntax import Syntax, parse_facts

COLORMAPS = (*SEQUENTIAL, "gray")


def facts_of(
    subject: Subject,
    syntax: Syntax,
    *,
    strip: dict[str, object] | None,
    changed: str,
    what_if: Mapping[str, Any] | None = None,
    films: Sequence[str] = (),
) -> dict[str, Any]:
    """Gather the facts of a recording for the browser; see the keys below.

    `films` are the endings of the moving images that the kernel writes.
    """
    facts = subject.run.facts
    unit, kind = subject.view.unit, subject.kind
    in_unit = [f"Values are {unit}."] if unit != PROBABILITY else []
    said = [clean(sentence) for sentence in (*conditions(subject.run), *in_unit)]
    name, _, revision = facts.model.rpartition("@")
    return {
        "run": subject.name,
        "prompt": clean(subject.prompt.text),
        "negative": subject.negative,
        "conditions": said,
        "kind": kind.name,
        "unit": clean(unit),
        "title": title_of(kind),
        "reading": clean(kind.reading) or f"Bright places have high values: {clean(unit)}.",
        "comparable": kind.comparable,
        "of_tokens": kind.of_tokens,
        "model": clean(name or revision),
        "revision": clean(revision if name else ""),
        "seed": seed_in_words(subject.run) or None,  # a text: it may pass 2**53
        "scheduler": clean(facts.scheduler),
        "version": str(daam_nb.__version__),
        "recorded_with": clean(facts.versions.get("daam_nb", "")),
        "words": [_word(entry) for entry in subject.entries],
        "steps": steps_of(subject),
        "num_steps": facts.num_steps,
        "summed": subject.summed,
        "layers": _layers(subject),
        "grid": list(subject.grid),
        "served": list(subject.served),
        "image": list(facts.image_size),
        "choices": {choice: list(numbers) for choice, numbers in subject.choices.items()},
        "choice_notes": subject.choice_notes,
        "measures": [measure.for_page() for measure in subject.measures],
        "colormaps": list(COLORMAPS),
        "strip": strip,
        "parse": parse_facts(syntax.parse, subject.entries, subject.prompt),
        "syntax": {"state": syntax.state, "note": clean(syntax.note)},
        "reduced": [
            *said,
            *[changed] * bool(changed),
            *_reduced(subject),
        ],
        "self_attention": subject.run.self_attention is not None,
        "films": list(films),
        "left_out": left_out(subject, has_strip=strip is not None),
        **({} if what_if is None else {"what_if": dict(what_if)}),
    }


def title_of(kind: MapKind) -> str:
    """What stands before the word that a map is of: “Attention to”."""
    name = kind.name.replace("_", " ")
    return clean(kind.title) or f"{name[0].upper()}{name[1:]} of"


def steps_of(subject: Subject) -> list[dict[str, object]]:
    """Place and timestep of every step that can be told apart."""
    timesteps, steps = subject.run.timesteps, subject.run.steps
    if subject.summed:
        steps = steps[:1]
    return [{"place": step, "timestep": timesteps[step]} for step in steps]


def left_out(subject: Subject, *, has_strip: bool) -> list[str]:
    """What this recording cannot show, a sentence each."""
    run, sentences = subject.run, []
    if subject.summed:
        sentences.append(
            f"Only the sum over its {len(run.steps)} steps was recorded, so steps cannot be told "
            f"apart."
        )
    elif len(run.steps) < run.facts.num_steps:
        sentences.append(f"{len(run.steps)} of {run.facts.num_steps} steps were recorded.")
    if "paper" not in subject.choices and subject.kind.of_layers:
        is_unet = any(layer.stage in UNET_STAGES for layer in run.layers)
        sentences.append(
            "No layer of the down and up blocks was recorded, so that “paper” is missing."
            if is_unet
            else "The paper chooses the down and up blocks of a UNet; this model is a transformer "
            "and has none, so that “paper” is missing."
        )
    if run.image is None:
        sentences.append("No image was recorded; the maps stand alone.")
    if not has_strip:
        sentences.append(
            "The strip shows the maps alone: forming images need the pipeline that made "
            "them, explore(run, images=forming_images(run, pipe))."
            if run.latents is not None
            else "The strip shows the maps alone: no latents were recorded."
        )
    if unread := [entry.text for entry in subject.entries if not entry.kept]:
        sentences.append(f"Not recorded: {clean(', '.join(unread))}.")
    return sentences


def _word(entry: Entry) -> dict[str, object]:
    start, end = entry.span if entry.span is not None else (None, None)
    return {
        "text": clean(entry.text),
        "start": start,
        "end": end,
        "tokens": list(entry.tokens),
        "pieces": [clean(piece) for piece in entry.pieces],
        "kind": entry.kind,
        "special": entry.special,
        "kept": entry.kept,
        "of": entry.of,
    }


def _layers(subject: Subject) -> list[dict[str, object]]:
    return [
        {
            "name": clean(layer.name),
            "stage": clean(layer.stage),
            "heads": layer.heads,
            "size": list(layer.size),
            "block": clean(layer.block),
            "label": label,
        }
        for layer, label in zip(subject.layers, subject.labels, strict=True)
    ]


def _reduced(subject: Subject) -> list[str]:
    sentences = []
    if subject.served != subject.grid:
        sentences.append(
            f"While the hand moves, maps are {_by(subject.served)} instead of "
            f"{_by(subject.grid)}; at rest they are whole."
        )
    return sentences


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
