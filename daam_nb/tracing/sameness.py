"""Whether a pipeline is the one that made a recording, where more is worked out of the two."""

from __future__ import annotations

import re
from typing import Any, Literal

from daam_nb.errors import ReproductionError
from daam_nb.prompt import Prompt
from daam_nb.recording import Recording
from daam_nb.tracing.model_changes import model_changes
from daam_nb.tracing.weights import weight_digests

_HOOKS_OF_TEXT = re.compile(r"text_encoder\w*: hooks on")


def check_weights(
    run: Recording, pipe: Any, *, what: str, parts: Literal["denoising", "all"] = "denoising"
) -> None:
    """Raise a `ReproductionError` unless the weights are those that drew the recording.

    Parameters
    ----------
    run, pipe
        The recording, and the pipeline that should have made it.
    what
        What is worked out of them, as in "so its effects would be".
    parts
        ``"denoising"``: but for the VAE, which decodes the image and does no more.
    """
    weights = weight_digests(pipe)
    for part, digest in (run.facts.batch.get("weights") or {}).items():
        if part == "vae" and parts != "all":
            continue
        if weights.get(part, digest) != digest:
            raise ReproductionError(
                f"The weights of the {part} are not those that made the recording (digest {digest} "
                f"then, {weights[part]} now), so its {what} would be another model's. Give the "
                "pipeline that made it."
            )


def check_model_changes(run: Recording, pipe: Any, *, what: str) -> None:
    """Raise a `ReproductionError` unless the model computes as it did (adapters, FreeU, ...).

    Earlier versions noted the hooks on text encoders that transformers puts there by itself, when
    hidden states are asked for; a note of such hooks that are not there now does not count.
    """
    now = list(model_changes(pipe))
    noted = run.facts.batch.get("model_changes") or ()
    then = [each for each in noted if each in now or not _HOOKS_OF_TEXT.match(each)]
    if then != now:
        before, after = ("; ".join(changes) or "nothing" for changes in (then, now))
        raise ReproductionError(
            f"The model was changed by {before:.300} when the recording was made, and now by "
            f"{after:.300}, so its {what} would be another model's. Give the pipeline in its "
            "earlier state."
        )


def check_same_text(now: Prompt, then: Prompt | None) -> None:
    """Raise a `ReproductionError` unless a prompt is read as the same tokens as it was."""
    if then is None or [token.id for token in now.tokens] != [token.id for token in then.tokens]:
        text = None if then is None else then.text
        raise ReproductionError(
            f"The pipeline reads other tokens of {text!r:.200} than the recording holds. Give the "
            "pipeline that made it."
        )
