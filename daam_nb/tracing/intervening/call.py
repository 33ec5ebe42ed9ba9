"""One call of a pipeline under an intervention: which rows of which pass are changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from daam_nb.errors import InterventionError
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer
from daam_nb.tracing import texts
from daam_nb.tracing.intervening.choices import Where
from daam_nb.tracing.models import Adapter, BatchRows, Branch, DenoiserInputs, Embeddings
from daam_nb.tracing.models.answers import Texts
from daam_nb.tracing.naming import Naming
from daam_nb.tracing.running import RunningCall


@dataclass(frozen=True, eq=False)
class Scene:
    """The properties of a call, known when its denoiser starts.

    Attributes
    ----------
    call
        The call itself.
    layers
        The layers to be changed.
    every_layer
        All cross-attention layers of the network, at the sizes of this call.
    images, keys, steps
        Images of the batch, key columns of the text, steps of the loop.
    chosen_steps
        The steps to be changed.
    guided
        Whether there are rows of the negative prompt.
    repeats
        Whether a prompt has more than one row (perturbed or image guidance).
    text, rows, embeddings
        The text of the first pass, the assignment of its rows, and the encoded embeddings.
    """

    call: EditedCall
    layers: tuple[Layer, ...]
    every_layer: tuple[Layer, ...]
    images: int
    keys: int
    steps: int
    chosen_steps: frozenset[int]
    guided: bool
    repeats: bool
    text: Texts
    rows: BatchRows
    embeddings: Embeddings

    def prompts(self) -> tuple[Prompt, ...]:
        """The prompt of every image, its tokens those that were encoded."""
        return self.call.names(self, "conditional", self.call.texts)

    def negatives(self) -> tuple[Prompt, ...]:
        """The negative prompt of every image."""
        return self.call.names(self, "unconditional", None)


@dataclass(frozen=True)
class Place:
    """Some heads of one row in one pass."""

    layer: Layer
    step: int
    image: int
    branch: Branch
    heads: range


class Change(Protocol):
    """A defined function of the attention, ready for one call."""

    def __call__(self, attention: Tensor, place: Place) -> Tensor:
        """(head, key, n), float32, of `place` -> the same shape; the argument stays as it is."""


class Rule(Protocol):
    """An intervention's change, independent of the call."""

    def prepare(self, scene: Scene) -> Change:
        """Prepare it for a call; raises a `DaamError` if it cannot be carried out there."""


@dataclass(frozen=True)
class Row:
    """A batch row that is changed, with its image and branch."""

    row: int
    image: int
    branch: Branch


@dataclass(frozen=True, eq=False)
class Pass:
    """One run of the denoiser: its batch, and the rows to be changed."""

    batch: int
    keys: int
    rows: tuple[Row, ...]


class EditedCall(RunningCall):
    """A running call whose attention is changed. Every error stops it: no half-changed image."""

    def __init__(
        self,
        adapter: Adapter,
        arguments: Mapping[str, Any],
        *,
        where: Where,
        rule: Rule,
        texts_of_user: Sequence[str | Prompt] | None,
        verb: str,
    ) -> None:
        super().__init__(adapter, arguments)
        self.verb = verb
        self.where, self.rule, self.texts = where, rule, texts_of_user
        self.change: Change | None = None
        self.layers: dict[str, Layer] = {}
        self.heads: dict[str, tuple[int, ...]] = {}
        self.steps: frozenset[int] = frozenset()
        self.passing: Pass | None = None
        self.edited = False
        self._settled: dict[Branch, tuple[Naming, texts.Settled]] = {}
        self.hidden_in: list[nn.Module] = []  # text encoders in which words were hidden

    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        """Settle what is changed at the first pass; find this pass's rows."""
        self.check_scheduler()
        inputs = self.adapter.inputs(arguments)
        if inputs is None:
            return
        self.note_inputs(inputs)
        text = inputs.text
        embeddings = self.encoding(text)
        rows = self.batch_rows(text, embeddings)
        if not self.settled:
            self._settle(inputs, rows, embeddings)
        self.passing = None
        if self.layers and self.step in self.steps:
            self._check_exchanged(text, rows)
            changed = tuple(self._rows_to_change(rows))
            self.passing = Pass(inputs.rows, inputs.columns(0), changed)

    def followed(self, name: str) -> Layer | None:
        """The layer of a name, if it is changed in the running pass."""
        return None if self.passing is None else self.layers.get(name)

    def end_pass(self) -> None:
        """The denoiser is done."""
        self.passing = None

    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        """The loop is one step further."""
        if not self.ran:
            raise InterventionError(
                f"Step {self.step} was made without the watched {self.adapter.component}: it was "
                "replaced during the call, or the pipeline skipped it. The step was not changed."
            )
        after = result[0] if isinstance(result, tuple) else result.prev_sample
        self.comparisons.note(
            ~after.isfinite().all(),
            f"The latents after step {self.step} are not finite (NaN or infinity) with "
            f"{', then '.join(self.changes)} in force, so there is no image. Change attention by "
            "less, or run the model in float32.",
        )
        self.step += 1

    def names(
        self, scene: Scene, branch: Branch, by_user: Sequence[str | Prompt] | None
    ) -> tuple[Prompt, ...]:
        """Name the prompts of one branch by what was encoded, which must not change any more."""
        stream = self.adapter.stream()
        naming = Naming(self.adapter, stream, self.memory, verb=self.verb)
        settled = texts.settle(
            naming,
            texts.of_images(scene.text, scene.rows, scene.embeddings, branch),
            texts.told(self.arguments, stream, branch, by_user, images=scene.images),
            way_out=(
                " Or choose key positions instead of words: tokens=."
                if branch == "conditional"
                else ' Or leave the negative prompt unchanged: passes="prompt".'
            ),
        )
        self._settled[branch] = naming, settled
        return settled.prompts

    def _check_exchanged(self, text: Texts, rows: BatchRows) -> None:
        for branch, (naming, settled) in self._settled.items():
            own = rows.conditional if branch == "conditional" else rows.unconditional
            read = texts.exchanged(naming, settled, [text[row] for row in own])
            if read is not None:
                raise InterventionError(
                    f"The text was replaced in step {self.step}: {read!r} is read there, but the "
                    f"columns to be changed are those of {settled.prompts[0].text!r}. Leave the "
                    "embeddings as they are, or choose steps= in which that text is read, or "
                    "tokens=."
                )

    def _settle(
        self,
        inputs: DenoiserInputs,
        rows: BatchRows,
        embeddings: Embeddings,
    ) -> None:
        self.adapter.check_call(self.defaults, inputs)
        every = self.adapter.layers(inputs.latent_size)
        heads = self.where.chosen_heads(every)
        steps = self.announced_steps()
        self.steps = self.where.chosen_steps(steps)
        scene = Scene(
            call=self,
            layers=tuple(heads),
            every_layer=every,
            images=len(embeddings.conditional),
            keys=inputs.columns(0),
            steps=steps,
            chosen_steps=self.steps,
            guided=bool(rows.unconditional),
            repeats=bool(rows.again),
            text=inputs.text,
            rows=rows,
            embeddings=embeddings,
        )
        self.change = self.rule.prepare(scene)
        self.layers = {layer.name: layer for layer in heads}
        self.heads = {layer.name: numbers for layer, numbers in heads.items()}
        self.settled = True

    def _rows_to_change(self, rows: BatchRows) -> list[Row]:
        """Every row of the prompt (PAG has two), and on request of the negative prompt."""
        branches: list[tuple[Branch, tuple[int, ...]]] = [
            ("conditional", rows.conditional),
            ("unconditional", rows.unconditional),
            *rows.again,
        ]
        return [
            Row(row, image, branch)
            for branch, indices in branches
            if branch == "conditional" or self.where.passes == "both"
            for image, row in enumerate(indices)
        ]
