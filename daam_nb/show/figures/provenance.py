"""Provenance of a figure: the sentences of its caption and the metadata of its files."""

from __future__ import annotations

import json
from collections.abc import Sequence

import daam_nb
from daam_nb.recording import Provenance, Recording
from daam_nb.show.conditions import conditions, seed_in_words
from daam_nb.show.lettering import NO_BREAK


def credits(
    runs: Sequence[Recording | Provenance], *, choice: str, drawing: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Write what is shown and how it was made.

    Parameters
    ----------
    runs
        The recordings shown; may be empty, for a map made by hand.
    choice
        Layers, steps, heads and reduction, as `HeatMaps.choice` names them.
    drawing
        How the values were drawn: scale, sizes, opacity.

    Returns
    -------
    tuple of str
        The sentences of the caption.
    dict
        Metadata: prompt, negative prompt, seed, model, steps, guidance, conditions (interventions,
        adapters and the like), choice, drawing, recorded with, drawn with. With several runs
        prompt, seed and model are JSON lists.
    """
    version = str(daam_nb.__version__)
    how = "; ".join(part for part in drawing if part)
    caption = [
        *_origin(runs),
        *_conditions(runs),
        choice and f"Maps: {choice}.",
        how and f"{how[0].upper()}{how[1:]}.",
    ]
    metadata = {
        **_facts(runs),
        "conditions": " ".join(_conditions(runs)),
        "choice": choice,
        "drawing": how,
        "drawn with": version,
    }
    return (
        tuple(part for part in caption if part),
        {key: text for key, text in metadata.items() if text},
    )


def _origin(runs: Sequence[Recording | Provenance]) -> tuple[str, ...]:
    """Name prompts, then seeds and models, each once where they agree."""
    if not runs:
        return (f"daam_nb{NO_BREAK}{daam_nb.__version__}",)
    prompts = list(dict.fromkeys(f"“{run.prompt.text}”" for run in runs))
    models = list(dict.fromkeys(run.facts.model for run in runs))
    # Several prompts stand above their own rows. A long one must not push the seed out of sight.
    prompt = prompts[0] if len(prompts) == 1 else ""
    parts = [_seeds(runs), ", ".join(models)]
    parts.append(f"daam_nb{NO_BREAK}{daam_nb.__version__}")
    return prompt, " · ".join(part for part in parts if part)


def _seeds(runs: Sequence[Recording | Provenance]) -> str:
    seeds = list(dict.fromkeys(filter(None, map(seed_in_words, runs))))
    if not seeds:
        return ""
    return f"seed{'s' if len(seeds) > 1 else ''}{NO_BREAK}{', '.join(seeds)}"


def _conditions(runs: Sequence[Recording | Provenance]) -> tuple[str, ...]:
    """What was not as usual, once where it is the same of all recordings, else of each."""
    each = [conditions(run) for run in runs]
    if len(set(each)) <= 1:
        return each[0] if each else ()
    return tuple(
        f"Recording {number} of {len(runs)}: {' '.join(said)}"
        for number, said in enumerate(each, 1)
        if said
    )


def _facts(runs: Sequence[Recording | Provenance]) -> dict[str, str]:
    if not runs:
        return {}
    return {
        "prompt": _one_or_list([run.prompt.text for run in runs]),
        "negative prompt": _one_or_list(
            [run.negative_prompt.text for run in runs if run.negative_prompt is not None]
        ),
        "seed": _one_or_list([run.facts.seed for run in runs if run.facts.seed is not None]),
        "model": _one_or_list([run.facts.model for run in runs]),
        "num_steps": _one_or_list([run.facts.num_steps for run in runs]),
        "guidance": _one_or_list(
            [run.facts.guidance for run in runs if run.facts.guidance is not None]
        ),
        "recorded with": _one_or_list(
            [run.facts.versions["daam_nb"] for run in runs if "daam_nb" in run.facts.versions]
        ),
    }


def _one_or_list(values: Sequence[object]) -> str:
    """One value as text; several as a JSON list; none as nothing."""
    if not values:
        return ""
    if len(values) == 1:
        return str(values[0])
    return json.dumps(values)
