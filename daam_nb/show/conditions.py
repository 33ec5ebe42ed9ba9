"""Unusual conditions under which a recording was made, as sentences.

An image made with an intervention, an adapter or given latents looks like any other; every display
of a recording shows these sentences beside its seed and model.
"""

from __future__ import annotations

from daam_nb.recording import Provenance, Recording, attention_altered, image_altered
from daam_nb.recording.looks import look_in_words


def conditions(run: Recording | Provenance) -> tuple[str, ...]:
    """List conditions beyond model and seed, one sentence each; often none."""
    facts, batch = run.facts, run.facts.batch
    changes = ", then ".join(map(str, batch.get("interventions") or ()))
    model = "; ".join(map(str, batch.get("model_changes") or ()))
    scales = list(dict.fromkeys(batch.get("guidance_of_steps") or ()))
    look = look_in_words(facts)
    said = [
        look and f"{look[0].upper()}{look[1:]}.",
        changes and f"Attention changed by {changes}.",
        model and f"Model changed: {model}.",
        scales and f"Guidance changes on the way: {', '.join(map(str, scales[:8]))}.",
        facts.derived and f"Changed afterwards: {facts.derived}.",
        attention_altered(run)
        and "The attention is derived: it was changed after it was recorded.",
        image_altered(run) and "The image was altered: it is not the one that was recorded.",
    ]
    return tuple(str(sentence) for sentence in said if sentence)


def seed_in_words(run: Recording | Provenance) -> str:
    """Write the seed, and whether the initial noise comes from it; empty without a generator."""
    given = latents_given(run)
    if run.facts.seed is None:
        return "latents given" if given else ""
    return f"{run.facts.seed} (latents given)" if given else str(run.facts.seed)


def latents_given(run: Recording | Provenance) -> bool:
    """Whether the initial latents were given to the call, and not made from the seed."""
    return "latents" in run.facts.omitted or run.facts.call.get("latents") is not None
