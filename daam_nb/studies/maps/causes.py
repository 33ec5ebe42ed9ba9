"""The causal effect of a word: the image generated again without it, and the predictions.

For each recorded image one call generates, all from the image's own noise, the original image, and
one image for each word and each way to remove it (`CAUSES`). The differences from the original are
the effect of the word.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.errors import StudyError, UnsupportedPipelineError
from daam_nb.prompt import Prompt, Word
from daam_nb.studies.corpus.generation import quiet
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.maps.fields import packed
from daam_nb.studies.maps.subjects import Subject
from daam_nb.studies.maps.word_roles import OBJECT, RoleWord
from daam_nb.studies.oracles.scores import pooled
from daam_nb.studies.redraw.redrawing import difference, seed_of
from daam_nb.studies.study import RUN_COLUMNS, of_run
from daam_nb.tracing import ablate
from daam_nb.tracing.models import adapter_of

Field = NDArray[np.float64]

PREDICTION, HIDDEN, LATER, REPLACED, REMOVED = (
    *("prediction", "hidden", "hidden later", "replaced", "removed"),
)
CAUSES: dict[str, str] = {
    PREDICTION: (
        "the word is hidden in the text encoder and its columns are left out, while the latents of "
        "every step stay those of the image: the change of the network's prediction, its norm over "
        "channels, mean over steps; of every word"
    ),
    HIDDEN: "the word is hidden in the same way, and the image drawn without it: the change of the "
    "image, mean over channels; of words that name objects, as are those below",
    LATER: "the same, from a share of the steps on; until then all is as it was",
    REPLACED: "another noun stands in the word's place",
    REMOVED: "of a pair, the object and what relates it to the other one leave the prompt",
}
"""Way to do without a word -> what is done, and what the change is of."""

OF_PROMPTS = (REPLACED, REMOVED)
"""Those that need nothing but another prompt: for pipelines whose words cannot be hidden, too."""

COLUMNS: dict[str, str] = {
    **RUN_COLUMNS,
    "word": "the word",
    "start": "its first character in the prompt",
    "end": "one behind its last",
    "role": "what it is",
    "cause": f"how the image was made without it: {'; '.join(CAUSES)}",
    "without": "the prompt that was drawn instead",
    "amount": "mean of the change over the cells: of a prediction its norm, of an image 0 to 1",
    "field": "the change in every cell of the latents' grid: height, width and float32 in base64",
}


@dataclass(frozen=True)
class Without:
    """One row of the call: a word, and how it is removed.

    Attributes
    ----------
    word
        The word.
    cause
        A key of `CAUSES`.
    prompt
        The prompt of the row.
    columns
        Key positions that are hidden.
    until
        Up to this pass, exclusive, the predictions are those of the original image.
    """

    word: RoleWord
    cause: str
    prompt: str
    columns: tuple[int, ...] = ()
    until: int = 0


def word_causes(
    subjects: Mapping[str, Callable[[], Subject]],
    runs: Corpus,
    pipe: Any,
    *,
    nouns: Sequence[str],
    late: float = 0.4,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Generate every image without each of its words, and keep the maps of the change.

    Parameters
    ----------
    subjects
        Key of a run -> function that returns its `Subject`.
    runs
        The recordings.
    pipe
        The pipeline that made them; None if every row is measured already.
    nouns
        Nouns that can replace another.
    late
        Share of the steps after which a word is hidden, for the cause "hidden later".
    settings
        What the subjects depend on, by content.

    Returns
    -------
    DataFrame
        One row per image, word and cause, with `COLUMNS`.

    Raises
    ------
    StudyError
        If the pipeline does not reproduce the recorded image.
    """
    can_hide = pipe is None or _can_hide(pipe)

    def measure(run: Run) -> list[dict[str, Any]]:
        if pipe is None:
            raise StudyError(
                f"The image of {run.facts['prompt']!r} must be drawn again without its words, but "
                "pipe is None. Give the pipeline that made it, or causes=False."
            )
        return _rows(run, subjects[run.key](), pipe, nouns, late=late, can_hide=can_hide)

    return measured(
        runs,
        measure,
        name="maps-causes",
        columns=COLUMNS,
        settings={"nouns": list(nouns), "late": late, **(settings or {})},
        what="drawing without words",
        progress=progress,
    )


def _can_hide(pipe: Any) -> bool:
    try:
        ablate(pipe, tokens=[0], text_encoder=True)
    except UnsupportedPipelineError:
        return False
    return True


def ways_without(
    subject: Subject, nouns: Sequence[str], *, late: float, can_hide: bool = True
) -> list[Without]:
    """Everything that is drawn of one image, in the order of `CAUSES` and words."""
    prompt, text = subject.recording.prompt, subject.recording.prompt.text
    passes = len(subject.recording.timesteps)
    objects = [each for each in subject.words if each.role == OBJECT]
    ways: list[Without] = []
    if can_hide:
        hidden = {each.word: prompt.token_indices(each.word) for each in subject.words}
        ways += [Without(e, PREDICTION, text, hidden[e.word], passes) for e in subject.words]
        ways += [Without(e, HIDDEN, text, hidden[e.word]) for e in objects]
        until = min(max(1, round(late * passes)), passes - 1)
        if until > 0:
            ways += [Without(e, LATER, text, hidden[e.word], until) for e in objects]
    for each in objects:
        if (other := another_noun(prompt, each.word, nouns)) is not None:
            instead = text[: each.word.start] + other + text[each.word.end :]
            ways.append(Without(each, REPLACED, instead))
    for each in objects:
        if (left := without_object(prompt, each.word, [e.word for e in objects])) is not None:
            ways.append(Without(each, REMOVED, left))
    return ways


def another_noun(prompt: Prompt, word: Word, nouns: Sequence[str]) -> str | None:
    """A noun that the prompt does not hold, with the same article; drawn by the text."""
    vowels = tuple("aeiou")
    fitting = [
        noun
        for noun in nouns
        if not prompt.occurrences(noun)
        and noun.startswith(vowels) == word.text.casefold().startswith(vowels)
    ]
    if not fitting:
        return None
    draw = hashlib.sha256(f"{prompt.text}\n{word.start}".encode()).digest()
    return fitting[int.from_bytes(draw[:4], "big") % len(fitting)]


_DETERMINERS = ("a", "an", "the")


def without_object(prompt: Prompt, word: Word, objects: Sequence[Word]) -> str | None:
    """The prompt of a pair without one of the two, nor the words between them.

    Returns
    -------
    str or None
        "a cat left of a dog in the snow" without the cat is "a dog in the snow", without the dog
        "a cat in the snow". None if there are not two objects, or the second has no article.
    """
    if len(objects) != 2 or word not in objects:
        return None
    first, second = sorted(objects, key=lambda each: each.start)
    if word == second:
        return prompt.text[: first.end] + prompt.text[second.end :]
    starts = [
        max(
            (
                each.start
                for each in prompt.words
                if low <= each.start < noun.start and each.text.casefold() in _DETERMINERS
            ),
            default=None,
        )
        for low, noun in ((0, first), (first.end, second))
    ]
    if starts[0] is None or starts[1] is None:
        return None
    return prompt.text[: starts[0]] + prompt.text[starts[1] :]


def _rows(
    run: Run,
    subject: Subject,
    pipe: Any,
    nouns: Sequence[str],
    *,
    late: float,
    can_hide: bool,
) -> list[dict[str, Any]]:
    ways = ways_without(subject, nouns, late=late, can_hide=can_hide)
    if not ways:
        return []
    images, predictions = drawn_without(pipe, subject, ways)
    before = subject.recording.image
    changed = 0.0 if before is None else difference(before, images[0]).max()
    if changed > _ROUNDING:
        raise StudyError(
            f"This pipeline does not reproduce the recorded image of {run.facts['prompt']!r}: "
            f"pixels differ by up to {255 * changed:.0f} of 255. The effect of a word can only be "
            "measured with the pipeline that made the recording."
        )
    rows = []
    for way, image, prediction in zip(ways, images[1:], predictions, strict=True):
        field = difference(images[0], image)
        field = prediction if way.cause == PREDICTION else field
        field = pooled(field, subject.recording.facts.latent_size)
        word = way.word.word
        rows.append(
            {
                **of_run(run),
                "word": word.text,
                "start": word.start,
                "end": word.end,
                "role": way.word.role,
                "cause": way.cause,
                "without": way.prompt,
                "amount": float(field.mean()),
                "field": packed(field),
            }
        )
    return rows


_ROUNDING = 4 / 255
"""A batch rounds otherwise than an image by itself, by a shade or two."""


def drawn_without(
    pipe: Any, subject: Subject, ways: Sequence[Without]
) -> tuple[list[Any], list[Field]]:
    """Draw an image as it was, and in the same call once for each way to do without a word.

    Returns
    -------
    images
        One more than ways: the first is the image as it was.
    predictions
        For each way (y, x): how much the prediction of the prompt's row differs from the first's,
        norm over channels, mean over those passes whose latents are the first's.
    """
    recording = subject.recording
    texts = [recording.prompt.text, *(way.prompt for way in ways)]
    predictions = _Predictions(adapter_of(pipe), [0, *(way.until for way in ways)])
    columns = [(), *(way.columns for way in ways)]
    with contextlib.ExitStack() as stack:
        if any(columns):
            change = ablate(pipe, tokens=columns, text_encoder=True, renormalize=True)
            stack.enter_context(change)
        stack.enter_context(predictions.watched())
        stack.enter_context(quiet(pipe))
        images = pipe(**_call_again(pipe, recording, texts)).images
    return list(images), predictions.means()[1:]


class _Predictions:
    """What the denoiser predicts in the rows of a batch: compared with the first, and held to it.

    A row that is held up to some pass is given the first's predictions until then, so that its
    latents, and whatever the scheduler remembers, are the first's.
    """

    def __init__(self, adapter: Any, until: Sequence[int]) -> None:
        self._adapter = adapter
        self._until = until
        self._sums: list[Any] = [0.0] * len(until)
        self._passes = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Compare and hold what the denoiser gives, while open."""
        handle = self._adapter.net.register_forward_hook(self._hold)
        try:
            yield
        finally:
            handle.remove()

    def _hold(self, module: Any, arguments: Any, output: Any) -> None:
        values: Tensor = output[0] if isinstance(output, tuple) else output.sample
        blocks = self._blocks(values)
        rows = blocks[self._place(len(blocks))].float()
        norms = (rows - rows[:1]).norm(dim=1).double().cpu().numpy()  # (row, y, x)
        for row, until in enumerate(self._until):
            if self._passes <= until:
                self._sums[row] = self._sums[row] + norms[row]
            if self._passes < until:
                blocks[:, row] = blocks[:, 0]
        self._passes += 1

    def _blocks(self, values: Tensor) -> Tensor:
        """(block, row, channel, y, x): a view of the denoiser's output."""
        return values.view(-1, len(self._until), *values.shape[1:])

    def _place(self, blocks: int) -> int:
        """Which of the blocks is the prompt's."""
        order: str = self._adapter.batch_orders.get(blocks, "")
        if "p" not in order:
            raise StudyError(
                f"The denoiser returned {blocks} rows for each image, and it is unknown which is "
                "the prompt's. Leave the causes out: causes=False."
            )
        return order.index("p")

    def means(self) -> list[Field]:
        """(y, x) of each row, mean over the passes in which its latents were the first's."""
        last = self._passes - 1
        return [
            total / (min(until, last) + 1)
            for total, until in zip(self._sums, self._until, strict=True)
        ]


def _call_again(pipe: Any, recording: Any, prompts: Sequence[str]) -> dict[str, Any]:
    """The recorded call, with these prompts, each from the recording's own noise."""
    facts = recording.facts
    if facts.omitted:
        raise StudyError(
            f"The image of {recording.prompt.text!r} was drawn with {', '.join(facts.omitted)}, "
            f"which a recording does not keep, so it cannot be drawn again. Leave the causes out: "
            f"causes=False."
        )
    seed = seed_of(recording)
    call = {k: v for k, v in facts.call.items() if k not in ("return_dict", "output_type")}
    call["generator"] = [torch.Generator("cpu").manual_seed(seed) for _ in prompts]
    call["prompt"] = list(prompts)
    negative = facts.batch.get("negative_prompts")
    if negative is not None:
        call["negative_prompt"] = [next(iter(negative))] * len(prompts)
    return call
