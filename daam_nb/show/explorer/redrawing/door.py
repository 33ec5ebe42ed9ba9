"""The pipeline that drew a recording draws it again: the explorer's one door to tracing.

Everything else of the explorer knows no pipeline. What is behind the door is loaded where a
pipeline is handed in, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daam_nb.errors import DaamError
from daam_nb.recording import Recording
from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.redrawing.change import Change

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

NO_PIPELINE = (
    "Drawing again needs the pipeline that drew this image, and the explorer was opened without: "
    "explore(run, pipe)."
)


def is_pipeline(value: object) -> bool:
    """Whether something looks like a pipeline of diffusers: it is called, and has a scheduler."""
    return callable(value) and hasattr(value, "scheduler") and not isinstance(value, type)


def check(run: Recording, pipe: Any) -> None:
    """Raise an error unless a pipeline can draw a recording again; nothing is drawn."""
    from daam_nb.tracing.again import check_again

    check_again(run, pipe)


def facts_of_door(run: Recording, pipe: Any) -> dict[str, Any]:
    """Say for a page whether an image can be drawn again.

    Returns
    -------
    dict
        `why` not, a sentence or more, empty where it can; and `cautions`: what is otherwise than
        it was.
    """
    if pipe is None:
        return {"why": NO_PIPELINE, "cautions": []}
    try:
        check(run, pipe)
    except DaamError as error:
        return {"why": clean(str(error)), "cautions": []}
    return {"why": "", "cautions": [clean(one) for one in cautions(run, pipe)]}


def cautions(run: Recording, pipe: Any) -> tuple[str, ...]:
    """What is otherwise than it was, and may change the last digits of an image."""
    from daam_nb.tracing.again import cautions_again

    return cautions_again(run, pipe)


def draw(
    subject: Subject,
    pipe: Any,
    change: Change,
    *,
    progress: Callable[[int, int], None] | None = None,
    is_stopped: Callable[[], bool] | None = None,
) -> Recording | None:
    """Draw a recording again under a change.

    Returns
    -------
    Recording or None
        None where `is_stopped` said so meanwhile.
    """
    from daam_nb.tracing.again import Stopped, draw_again

    try:
        return draw_again(
            subject.run,
            pipe,
            lambda twin: opened(change, subject, twin),
            progress=progress,
            is_stopped=is_stopped,
        )
    except Stopped:
        return None


def opened(change: Change, subject: Subject, pipe: Any) -> AbstractContextManager[object]:
    """Open the library's own intervention for a change: `ablate` or `reweight`."""
    from daam_nb.tracing import ablate, reweight

    where = {"layers": change.layers, "heads": change.heads, "steps": change.steps}
    words, tokens = _target(change, subject)
    if change.how == "scale":
        return reweight(pipe, words, change.factor, tokens=tokens, **where)
    hidden = change.how == "hide"
    return ablate(
        pipe, words=words, tokens=tokens, text_encoder=hidden, renormalize=hidden, **where
    )


def _target(change: Change, subject: Subject) -> tuple[Any, Any]:
    """The word, or the key positions; only those of this image where its batch has others."""
    entry, batch = change.entry(subject), subject.run.facts.batch
    texts = list(batch.get("prompts") or [subject.prompt.text])
    alike = len(set(texts)) == 1
    if entry is None:
        every = list(range(len(subject.prompt.tokens)))
        return None, every if change.how == "scale" else None
    own = [word for word in subject.prompt.read_words if word.span == entry.span]
    if alike and own and tuple(subject.prompt.token_indices(own[0])) == entry.tokens:
        return own[0], None
    tokens = list(entry.tokens)
    images = len(texts) * int(batch.get("images_per_prompt", 1))
    index = int(batch.get("index", 0))
    return None, tokens if alike else [tokens if n == index else [] for n in range(images)]
