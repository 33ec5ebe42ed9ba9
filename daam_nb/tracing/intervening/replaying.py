"""`replay`: the attention of a recording in place of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from daam_nb.errors import InterventionError, NotKeptError, SelectionError, ShapeError
from daam_nb.kinds import names_checked
from daam_nb.prompt import Prompt
from daam_nb.recording import LayerChoice, Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.selection import HeadChoice, StepChoice
from daam_nb.tracing.intervening.alignment import Alignment, align, identity
from daam_nb.tracing.intervening.call import Change, Place, Scene
from daam_nb.tracing.intervening.choices import (
    Passes,
    WordChoice,
    WordsChoice,
    check_occurrence,
    columns_of,
    read_where,
    read_words,
)
from daam_nb.tracing.intervening.intervention import Intervention
from daam_nb.tracing.models import Branch
from daam_nb.tracing.options import TextChoice, texts_behind_embeddings

AlignmentChoice = Alignment | Literal["words"] | None


@dataclass(frozen=True, eq=False)
class _Replayed:
    """The recordings of one call, each branch with its alignment, per image."""

    runs: tuple[Recording, ...]
    alignments: dict[Branch, tuple[Alignment, ...]]

    def __call__(self, attention: Tensor, place: Place) -> Tensor:
        run = self.runs[place.image]
        links = self.alignments[place.branch][place.image].links
        if not links:
            return attention
        maps = run.attention if place.branch == "conditional" else run.negative_attention
        at_step = maps[place.layer.name][run.steps.index(place.step)]
        recorded = at_step[place.heads.start : place.heads.stop].flatten(2)  # (head, key, n)
        recorded = recorded.to(device=attention.device, dtype=attention.dtype)
        after = attention.clone()
        if all(share == 1 for _, _, share in links) and len({new for new, *_ in links}) == len(
            links
        ):
            after[:, [new for new, *_ in links]] = recorded[:, [old for _, old, _ in links]]
            return after
        after[:, sorted({new for new, *_ in links})] = 0
        for new, old, share in links:
            after[:, new] += share * recorded[:, old]
        return after


@dataclass(frozen=True, eq=False)
class _Replaying:
    """The same, independent of the call."""

    runs: tuple[Recording, ...]
    alignment: AlignmentChoice
    words: tuple[WordChoice, ...] | None
    occurrence: int | None
    passes: Passes

    def prepare(self, scene: Scene) -> Change:
        runs = self._per_image(scene)
        if scene.repeats:
            raise InterventionError(
                "This pipeline runs a prompt's rows more than once in a step (perturbed or image "
                "guidance), and a recording holds only the first, so it cannot be replayed "
                "exactly. Turn that guidance off (pag_scale=0)."
            )
        for run in runs:
            self._check(run, scene)
        prompts = scene.prompts()
        alignments: dict[Branch, tuple[Alignment, ...]] = {
            "conditional": tuple(
                self._alignment(run, prompt) for run, prompt in zip(runs, prompts, strict=True)
            )
        }
        if self.passes == "both" and scene.guided:
            alignments["unconditional"] = tuple(
                self._negative_alignment(run, negative)
                for run, negative in zip(runs, scene.negatives(), strict=True)
            )
        return _Replayed(runs, alignments)

    def _per_image(self, scene: Scene) -> tuple[Recording, ...]:
        if len(self.runs) in (1, scene.images):
            return self.runs * (scene.images // len(self.runs))
        raise SelectionError(
            f"{len(self.runs)} recordings are given for {scene.images} images; give one for "
            "all, or one for each."
        )

    def _check(self, run: Recording, scene: Scene) -> None:
        if run.facts.num_steps != scene.steps:
            raise SelectionError(
                f"The recording was made in {run.facts.num_steps} steps and this call makes "
                f"{scene.steps}: attention is replayed step by step. Call the pipeline with "
                f"num_inference_steps={run.facts.num_steps}."
            )
        there = {layer.name: layer for layer in run.layers}
        for layer in scene.layers:
            if there.get(layer.name) != layer:
                has = there.get(layer.name)
                holds = (
                    f"holds {layer.name} with {has.heads} heads of {has.size} cells"
                    if has
                    else f"does not hold {layer.name}"
                )
                raise ShapeError(
                    f"The recording {holds}; this call has it with {layer.heads} heads of "
                    f"{layer.size} cells (height, width). Use the model and the image size of "
                    "the recording, or choose layers= that it holds."
                )
        if len(run.columns) != scene.keys:
            raise ShapeError(
                f"The recording holds {len(run.columns)} key columns and this call has "
                f"{scene.keys}: they come from different text encoders."
            )
        if self.passes == "both" and scene.guided and not run.negative_attention:
            raise NotKeptError(
                "The recording was made without guidance, so it has no attention of the negative "
                'prompt for this guided call. Record with guidance, or replay passes="prompt".'
            )

    def _alignment(self, run: Recording, prompt: Prompt) -> Alignment:
        if isinstance(self.alignment, Alignment):
            found = self.alignment
            if why := found.why_not(run.prompt, prompt):
                raise SelectionError(why)
            beyond = max((max(link[:2]) for link in found.links), default=0)
            if beyond >= len(prompt.tokens):
                raise SelectionError(
                    f"The alignment names column {beyond}; these prompts have the columns 0 to "
                    f"{len(prompt.tokens) - 1}."
                )
        elif self.alignment == "words":
            found = align(run.prompt, prompt)
        else:
            _check_count(run.prompt, prompt, "prompt", 'alignment="words"')
            found = identity(len(prompt.tokens))
        if self.words is not None:
            found = found.only(columns_of(prompt, self.words, None, occurrence=self.occurrence))
        return found

    def _negative_alignment(self, run: Recording, negative: Prompt) -> Alignment:
        if self.words is not None:  # words of the prompt are none of the negative prompt
            return Alignment(())
        assert run.negative_prompt is not None
        _check_count(run.negative_prompt, negative, "negative prompt", 'passes="prompt"')
        return identity(len(negative.tokens))


def _check_count(recorded: Prompt, new: Prompt, what: str, way_out: str) -> None:
    then, now = len(recorded.text_columns), len(new.text_columns)
    if then != now:
        raise ShapeError(
            f"The recorded {what} {recorded.text!r} has {then} tokens and {new.text!r} has {now} "
            f"(including start and end of text), so their columns do not correspond. Use {way_out}"
            + (
                ", or an Alignment of your own: align(run.prompt, new)."
                if what == "prompt"
                else "."
            )
        )


@names_checked
def replay(
    pipe: Any,
    run: Recording | Sequence[Recording],
    *,
    alignment: AlignmentChoice = None,
    words: WordsChoice = None,
    occurrence: int | None = None,
    heads: HeadChoice = None,
    layers: LayerChoice | None = None,
    steps: StepChoice = None,
    passes: Passes = "both",
    prompt: TextChoice = None,
) -> Intervention:
    """Replace the model's attention by a recording's while a ``with`` block runs.

    At every chosen step, layer and head, each key column takes the recorded probabilities, in the
    prompt's rows and in the negative prompt's. With the run's own prompt, seed and arguments the
    image is reproduced; with another prompt its layout is kept (prompt-to-prompt).

    Parameters
    ----------
    pipe
        The pipeline that made the recording, or one of the same network and image size.
    run
        A recording made with ``keep="replay"``; for several images, one for all or one per image.
    alignment
        How the columns of a new prompt correspond to the recorded ones. None: column by column, for
        prompts with equally many tokens. ``"words"``: `align`. Or an `Alignment`. Columns without a
        counterpart keep the model's own attention; nothing is renormalized.
    words
        Words of the new prompt: only their columns are replayed (in the prompt's rows).
    occurrence
        Which one (0-based), for words that occur several times.
    heads, layers, steps
        Where to replay, as for `ablate`; by default everywhere.
    passes
        ``"both"``, or ``"prompt"``: only the conditional rows, as in prompt-to-prompt.
    prompt
        The text behind ``prompt_embeds``, for calls with embeddings.

    Returns
    -------
    Intervention
        A context manager.

    Raises
    ------
    NotKeptError
        If the recording was not made with ``keep="replay"``, or lacks the negative rows.
    ShapeError, SelectionError
        When the pipeline is called, before its first step: for another network, size, number of
        steps, or number of tokens (without an alignment).
    InterventionError
        For guidance that runs a prompt's rows twice, and as for `ablate`.

    References
    ----------
    Hertz et al. 2022, "Prompt-to-Prompt Image Editing with Cross Attention Control",
    https://arxiv.org/abs/2208.01626

    Examples
    --------
    >>> run = generate(pipe, "a red car", seed=0, keep="replay")  # doctest: +SKIP
    >>> with replay(pipe, run):  # doctest: +SKIP
    ...     blue = generate(pipe, "a blue car", seed=0)
    """
    runs: tuple[Any, ...] = tuple(run) if isinstance(run, list | tuple) else (run,)
    if not runs:
        raise SelectionError("No recording was given to replay.")
    for one in runs:
        check_recording(one, where="replay()", order="replay(pipe, run)", other=pipe)
        if one.kept != "replay":
            raise NotKeptError(
                f'This recording of {one.prompt.text!r} was made with keep="{one.kept}", which '
                "does not hold every column of both passes. Record it again for replaying: "
                'generate(pipe, prompt, seed=..., keep="replay").'
            )
    known = alignment is None or isinstance(alignment, str | Alignment)
    if not known or (isinstance(alignment, str) and alignment != "words"):
        raise SelectionError(
            f'alignment={alignment!r}: give "words", an Alignment, or None for prompts of equally '
            "many tokens."
        )
    chosen = read_words(words)
    check_occurrence(occurrence, chosen)
    where = read_where(layers, heads, steps, passes)
    texts = " and ".join(dict.fromkeys(repr(one.prompt.text) for one in runs))
    parts = [
        f"{texts} of seed {', '.join(str(one.facts.seed) for one in runs)}",
        "aligned" if alignment is not None else "",
        f"words={[str(word) for word in chosen]}" if chosen is not None else "",
        str(where),
    ]
    return Intervention(
        pipe,
        words=f"replay({', '.join(part for part in parts if part)})",
        where=where,
        rule=_Replaying(runs, alignment, chosen, occurrence, passes),
        prompt=texts_behind_embeddings(prompt),
    )
