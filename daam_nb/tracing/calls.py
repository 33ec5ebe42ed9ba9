"""One traced call of a pipeline: from the first text embedding to its recordings.

Hooks and taps report the events of a call (`on_encode`, `begin_pass`, `see`, `end_pass`,
`on_step`), which returns one `Recording` per image. Nothing here changes what the pipeline
computes, and no error of daam_nb stops it once denoising has begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import (
    BusyPipelineError,
    DaamError,
    MissingTextError,
    NothingRecordedError,
    SelectionError,
    ShapeError,
)
from daam_nb.recording import Facts, Layer, Manifest, Recording, sealed, select_layers
from daam_nb.tracing import busy, guards, provenance, report, texts
from daam_nb.tracing.buffers import Buffers, check_budget, check_finite, cost
from daam_nb.tracing.extras import Extras
from daam_nb.tracing.forming import with_decoded
from daam_nb.tracing.images import pil_images, returned_latents
from daam_nb.tracing.model_changes import model_changes
from daam_nb.tracing.models import (
    Adapter,
    BatchRows,
    Branch,
    DenoiserInputs,
    Omission,
    TextStream,
)
from daam_nb.tracing.models.answers import PROMPT_OF
from daam_nb.tracing.naming import Naming, Told
from daam_nb.tracing.options import Options
from daam_nb.tracing.passes import Pass, Plan, Target
from daam_nb.tracing.proof import Proofs
from daam_nb.tracing.running import RunningCall
from daam_nb.tracing.weights import samples


class WatchedCall(RunningCall):
    """A running or finished call of the traced pipeline."""

    def __init__(self, adapter: Adapter, options: Options, arguments: Mapping[str, Any]) -> None:
        super().__init__(adapter, arguments)
        self.options = options
        self.seeds = provenance.seeds(self.arguments.get("generator"))
        self.begun = time.perf_counter()
        self.failure: Exception | None = None
        self.images: tuple[Any, ...] = ()
        self.plan: Plan | None = None
        self.kept_layers: dict[str, Layer] = {}
        self.passing: Pass | None = None
        self.missing: set[str] = set()  # layers that did not run yet in this pass
        self.conditional: tuple[Buffers, ...] = ()
        self.unconditional: tuple[Buffers, ...] = ()
        self.timesteps: list[float] = []
        self.latents: list[Tensor] = []
        self.painted: dict[Branch, list[int]] = {"conditional": [], "unconditional": []}
        self.omissions: set[Omission] = set()
        self.other_texts: dict[int, str] = {}  # steps in which something else was read
        self._after: Tensor | None = None
        self._decoded: Tensor | None = None
        self._model: dict[str, Any] = {}
        self._guidance: list[float | None] = []  # of each step
        self._naming: Naming | None = None
        self._settled: dict[Branch, texts.Settled] = {}
        self._loop: guards.Loop | None = None
        self._guided = False
        self.extras = Extras(adapter, options)
        self.proofs = Proofs()

    # What the hooks tell ---------------------------------------------------------------------

    def fail(self, error: Exception) -> None:
        """Remember the first failure of watching; the pipeline goes on."""
        self.failure = self.failure or error
        self.passing = None

    def on_encode(self, result: Any, again: Callable[[], Any]) -> None:
        """``encode_prompt`` returned; it is run again for optional data that need it."""
        super().on_encode(result, again)
        if not self.settled:
            self.extras.encode(self.arguments, self.embeddings, again)

    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        """The denoiser starts. Before the first step, errors in the user's choices are raised."""
        if self.failure is not None:
            return
        try:
            self.check_scheduler()
            inputs = self.adapter.inputs(arguments)
            if inputs is None:
                return
            self.note_inputs(inputs)
            if inputs.unrecorded is not None:
                self.omissions.add(inputs.unrecorded)
                self.passing = None
                return
            if self.plan is None:
                self._settle(inputs)
            if others := inputs.other_positions:
                what = f"attention to and of other images, {others} positions behind the image"
                self.omissions.add((what, "they are neither the image nor text"))
            self._enter(inputs)
        except DaamError as error:
            if self.plan is None:
                raise
            self.fail(error)
        except Exception as error:  # whatever it is, the image goes on and it is raised later
            self.fail(error)

    def followed(self, name: str) -> Layer | None:
        """The layer of a name, if it is kept in the running pass."""
        return None if self.passing is None else self.kept_layers.get(name)

    def end_pass(self) -> None:
        """The denoiser is done: every layer that is kept must have run."""
        if self.passing is not None and self.passing.targets and self.missing:
            self.fail(
                ShapeError(
                    f"{len(self.missing)} layers, such as {min(self.missing)}, did not run in step "
                    f"{self.step}, so their attention was not computed: something skips parts of "
                    "the denoiser, as caches between steps do. Turn it off."
                )
            )
        self.proofs.end_pass(self.step)
        self.passing = None

    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        """``scheduler.step`` returned: the loop is one step further."""
        try:
            self._check_step(float(timestep))
            self.timesteps.append(float(timestep))
            self.latents.append(sample.detach().cpu().clone())
            self._after = result[0] if isinstance(result, tuple) else result.prev_sample
            self._decoded = None  # what is decoded on the way is not the result
            self._guidance.append(self.adapter.guidance(self.defaults))
            self.step += 1
        except Exception as error:
            self.fail(error)

    def on_decode(self, latents: Any) -> None:
        """The VAE was given these latents: after the last step, those of the images."""
        self._decoded = latents.detach() if isinstance(latents, Tensor) else None

    def _check_step(self, timestep: float) -> None:
        """One step of the loop is one step of the recording, and the denoiser ran in it."""
        if self.failure is not None:
            return
        self._loop = self._loop or guards.Loop(guards.scheduled(self.scheduler))
        painted = self.painted["conditional"][-1:] == [self.step] or self.step in self.other_texts
        why = self._loop.why_not(timestep)
        if not why and self._wanted() and not painted:
            why = guards.why_unpainted(self.step, self.adapter.component)
        if why:
            seen = f" Meanwhile {'; '.join(self.inner_calls)}." if self.inner_calls else ""
            self.fail(ShapeError(f"{type(self.pipe).__name__}: {why}{seen}"))

    def _wanted(self) -> bool:
        return self.options.wants(self.step, self.announced_steps())

    # Before the first step -------------------------------------------------------------------

    def _settle(self, inputs: DenoiserInputs) -> None:
        guards.check_arguments(self.arguments)
        self.adapter.check_call(self.defaults, inputs)
        sample, embeddings = inputs.sample, self.encoding(inputs.text)
        every = self.adapter.layers(inputs.latent_size)
        stream = self.adapter.stream(self.options.encoder)
        if empty := self.adapter.why_empty(stream, self.arguments):
            raise SelectionError(empty)
        rows = self.batch_rows(inputs.text, embeddings)
        self._guided = guided = self.adapter.guided(embeddings, rows)
        self._naming = Naming(self.adapter, stream, self.memory)
        for branch in (
            ("conditional", "unconditional")
            if self.options.negative and guided
            else ("conditional",)
        ):
            self._settled[branch] = self._settle_branch(
                branch, texts.of_images(inputs.text, rows, embeddings, branch), stream
            )
        prompts = self._settled["conditional"].prompts
        negatives = (
            self._settled["unconditional"].prompts if "unconditional" in self._settled else ()
        )
        for settled in self._settled.values():
            self.omissions |= settled.omissions
        self.omissions |= set(
            self.adapter.omissions(stream, self.arguments, negative=bool(negatives))
        )
        if self.adapter.is_vouched:
            self.omissions.add(
                (
                    f"the reading of {self.adapter.pipe_name}'s loop",
                    "its class is not known; it was vouched for, and checked while it ran",
                )
            )
        plan = Plan(
            layers=select_layers(every, self.options.layers),
            every_layer=every,
            steps=self.options.chosen_steps(self.announced_steps()),
            prompts=prompts,
            negatives=negatives,
            stream=stream,
            latent_size=inputs.latent_size,
            dtype=str(sample.dtype).removeprefix("torch."),
            device=str(sample.device),
        )
        self.extras.check(
            plan.layers,
            plan.prompts,
            lambda: texts.of_images(inputs.text, rows, embeddings, "conditional"),
        )
        self._allocate(plan, sample)
        self.plan, self.settled = plan, True
        weights = samples(self.pipe)
        self._model = {"weights": {name: each.values for name, each in weights.items()}}
        if changes := model_changes(self.pipe, weights):
            self._model["model_changes"] = list(changes)
        self.kept_layers = {layer.name: layer for layer in plan.layers}

    def _settle_branch(
        self, branch: Branch, rows: Sequence[Tensor], stream: TextStream
    ) -> texts.Settled:
        """Name the prompts of a branch; negative ones need no names if they are kept for replay."""
        assert self._naming is not None
        options, images = self.options, len(rows)
        if branch == "conditional":
            said = texts.told(self.arguments, stream, branch, options.texts, images=images)
            return texts.settle(self._naming, rows, said)
        said = texts.told(self.arguments, stream, branch, options.negative_texts, images=images)
        try:
            return texts.settle(
                self._naming,
                rows,
                said,
                way_out=" Or record only the prompt: negative=False.",
            )
        except MissingTextError:
            if options.keep != "replay" or said[0].text is not None:
                raise
            why = "its embeddings were given and no text; its columns are kept to be replayed"
            return texts.settle_unnamed(self._naming, rows, why)

    def _allocate(self, plan: Plan, sample: Tensor) -> None:
        options, keep, dtype = self.options, self.options.keep, self.options.dtype
        columns = [options.columns(prompt) for prompt in plan.prompts]
        negative = [options.negative_columns(prompt) for prompt in plan.negatives]
        steps, images, every = len(plan.steps), len(plan.prompts), self.announced_steps() + 1
        beside = self.extras.nbytes(images=images, steps=steps)
        needed = cost(
            plan.layers, columns + negative + self.extras.columns(images),
            steps=steps, keep=keep, dtype=dtype, effects=self.extras.effects.words,
            latents=every * sample[0].nbytes * images + beside,
        )  # fmt: skip
        check_budget(needed, options.memory)
        self.conditional, self.unconditional = (
            tuple(Buffers(plan.layers, c, steps=steps, keep=keep, dtype=dtype) for c in chosen)
            for chosen in (columns, negative)
        )
        self.extras.allocate(plan.layers, images=images, steps=steps)

    # Each pass -------------------------------------------------------------------------------

    def _enter(self, inputs: DenoiserInputs) -> None:
        plan, text = self.plan, inputs.text
        embeddings = self.encoding(text)
        assert plan is not None  # _settle ran
        if not self._wanted():
            self.passing = None
            return
        size = inputs.latent_size
        if size != plan.latent_size:
            raise ShapeError(
                f"The latents changed from {plan.latent_size} to {size} (height, width) within one "
                "call; so the call cannot be recorded as one image."
            )
        rows = self.batch_rows(text, embeddings)
        self.omissions |= report.rows(rows)
        self._guided = self._guided or bool(rows.unconditional)
        targets: list[Target] = []
        if self._reads_the_same(inputs, rows):
            branches: tuple[tuple[Branch, Any, Any], ...] = (
                ("conditional", rows.conditional, self.conditional),
                ("unconditional", rows.unconditional, self.unconditional),
            )
            for branch, indices, buffers in branches:
                if indices and buffers:
                    step_index = self._once(branch)
                    beside = self.extras.beside(branch, len(buffers))
                    self.extras.check_text(branch, self.step, [text[i] for i in indices])
                    targets += [
                        Target(row, kept, self._keys(kept).to(text[0].device), step_index, more)
                        for row, kept, more in zip(indices, buffers, beside, strict=True)
                    ]
        self.passing = Pass(inputs, tuple(targets))
        self.missing = set(self.kept_layers)

    def _keys(self, kept: Buffers) -> Tensor:
        """Positions of kept columns in the whole text, as the denoiser was given it."""
        assert self.plan is not None
        return torch.tensor(kept.columns) + self.plan.stream.first

    def _reads_the_same(self, inputs: DenoiserInputs, rows: BatchRows) -> bool:
        """Whether a pass reads the settled texts."""
        text = inputs.text
        if self.step in self.other_texts:  # the other branch of a step that is not kept
            return False
        assert self._naming is not None
        # Compared in every pass: what is written through `.data` or numpy counts no version.
        read: dict[Branch, str] = {}
        for branch, settled in self._settled.items():
            indices = rows.conditional if branch == "conditional" else rows.unconditional
            other = texts.exchanged(self._naming, settled, [text[row] for row in indices])
            if other is not None:
                read[branch] = other
        if not read:
            return True
        if not self.painted["conditional"] and not self.other_texts:
            self._settle_again(inputs, rows, tuple(read))
            return True
        if "unconditional" in read or self.options.keep == "replay":
            what = PROMPT_OF["unconditional" if "unconditional" in read else "conditional"]
            raise ShapeError(
                f"The {what} was replaced in step {self.step}: from there on "
                f"{next(reversed(read.values()))!r} was read. A recording holds one text: record "
                "only the steps that read one text (keep_steps=slice(...)), or draw each text with "
                "a separate call."
            )
        self.other_texts[self.step] = read["conditional"]
        return False

    def _settle_again(
        self, inputs: DenoiserInputs, rows: BatchRows, branches: Sequence[Branch]
    ) -> None:
        """Settle the texts again if the first kept step reads other texts than the first step."""
        assert self._naming is not None and self.plan is not None
        if self.extras.effects.are_kept:
            raise ShapeError(
                f"The text was replaced in step {self.step}, but effects are measured for the text "
                "that the call encoded. Leave the embeddings as they are, or leave out effects=."
            )
        for branch in branches:
            own = rows.conditional if branch == "conditional" else rows.unconditional
            unsaid = Told(None, texts.ARGUMENTS[branch], by_call=False)
            self._settled[branch] = texts.settle(
                self._naming, [inputs.text[row] for row in own], [unsaid] * len(own)
            )
            self.omissions |= self._settled[branch].omissions
        negative = self._settled.get("unconditional")
        self.plan = replace(
            self.plan,
            prompts=self._settled["conditional"].prompts,
            negatives=negative.prompts if negative else (),
        )
        self._allocate(self.plan, inputs.sample)

    def _once(self, branch: Branch) -> int:
        """Note that a branch is denoised in this step; return the index among the kept steps."""
        if self.painted[branch][-1:] == [self.step]:
            raise ShapeError(
                f"The denoiser ran twice on the {PROMPT_OF[branch]} within step {self.step}, "
                f"before this {type(self.scheduler).__name__} made another step: passes that are "
                "not its own steps cannot be recorded exactly."
            )
        self.painted[branch].append(self.step)
        return len(self.painted[branch]) - 1

    # The end ---------------------------------------------------------------------------------

    @torch.inference_mode(mode=False)  # what is made here outlives the user's inference mode
    def finish(self, output: Any) -> tuple[Recording, ...]:
        """One recording per image, from the pipeline's output.

        Raises
        ------
        DaamError
            The first failure of watching, if there was one.
        """
        taken = time.perf_counter() - self.begun
        self.images = pil_images(output)
        if self.failure is not None:
            raise self.failure
        if self.disturbances:
            raise BusyPipelineError(f"The call ran, but {busy.why_disturbed(self.disturbances)}")
        if self.plan is None or not self.painted["conditional"]:
            raise NothingRecordedError(
                f"{type(self.pipe).__name__} finished without running its denoiser on the prompt "
                f"at any step to be kept ({self.options.keep_steps})."
            )
        self.comparisons.check()
        self.proofs.check(self.adapter)
        if self.changes:
            check_finite((*self.conditional, *self.unconditional), self.changes)
        if not self.timesteps:
            raise ShapeError(
                f"{type(self.pipe).__name__} ran its denoiser but made no step of its "
                f"{type(self.scheduler).__name__}, so its steps are unknown."
            )
        if why := guards.why_not_the_grid(self.pipe, self.plan.latent_size, self.images, output):
            raise ShapeError(f"{type(self.pipe).__name__} ran, but {why}.")
        if self._after is not None:
            result = returned_latents(output, like=self._after)
            self.latents.append(result.detach().cpu().clone())
        count = len(self.plan.prompts)
        if self.images and len(self.images) != count:
            raise ShapeError(f"The pipeline returned {len(self.images)} images for {count} rows.")
        return tuple(self._recording(i, taken) for i in range(count))

    def _recording(self, i: int, taken: float) -> Recording:
        plan = self.plan
        assert plan is not None
        steps = tuple(self.painted["conditional"])
        same = self.painted["unconditional"] == self.painted["conditional"]
        negative = self.unconditional[i] if self.unconditional and same else None
        run = Recording(
            prompt=plan.prompts[i],
            layers=plan.layers,
            attention=self.conditional[i].finished(),
            columns=self.conditional[i].columns,
            steps=steps,
            timesteps=tuple(self.timesteps),
            facts=self._facts(i, taken),
            manifest=self._manifest(i, steps),
            image=self.images[i] if self.images else None,
            latents=self._latents(i),
            negative_prompt=plan.negatives[i] if negative else None,
            negative_attention=negative.finished() if negative else {},
            negative_columns=negative.columns if negative else (),
            kept=self.options.keep,
            **self.extras.finished(i, negative=negative is not None),
        )
        return sealed(run)

    def _latents(self, i: int) -> Tensor | None:
        assert self.plan is not None
        if not self.latents:
            return None
        frames = torch.stack([frame[i] for frame in self.latents])
        frames = self.adapter.latents(frames, self.plan.latent_size)
        decoded = self._decoded if self.images else None
        usual = type(self.adapter).decode.__func__ is Adapter.decode.__func__  # type: ignore[attr-defined]
        if not usual or decoded is None or len(decoded) != len(self.plan.prompts):
            return frames
        return with_decoded(frames, decoded[i].cpu(), self.pipe.vae.config)

    def _manifest(self, i: int, steps: Sequence[int]) -> Manifest:
        plan = self.plan
        assert plan is not None
        return report.manifest(
            pipe=self.pipe, options=self.options, prompt=plan.prompts[i],
            columns=self.conditional[i].columns, kept=plan.layers, every=plan.every_layer,
            steps=steps, made=self.step,
            negative_steps=self.painted["unconditional"] if self.unconditional else None,
            negative_tokens=len(self.unconditional[i].columns) if self.unconditional else 0,
            guided=self._guided,
            missing_image=None if self.images else report.why_no_image(self.defaults),
            omissions=self.omissions, arguments=self.arguments, changes=self.changes,
            other_texts=self.other_texts, extras=self.extras.captured(i),
        )  # fmt: skip

    def _facts(self, i: int, taken: float) -> Facts:
        plan = self.plan
        assert plan is not None
        plain, omitted = provenance.plain_arguments(self.arguments)
        return Facts(
            model=provenance.model_name(self.pipe),
            pipeline=type(self.pipe).__name__,
            scheduler=type(self.pipe.scheduler).__name__,
            image_size=report.image_size(self.pipe, plan, self.images[i : i + 1]),
            latent_size=plan.latent_size,
            num_steps=self.step,
            guidance=self._guidance[0] if self._guided else None,
            seed=self.seeds.of(i),
            dtype=plan.dtype,
            device=plan.device,
            batch=report.batch(
                self.arguments, self.seeds, i, len(plan.prompts), changes=self.changes
            )
            | report.named_by(self.adapter, plan.stream)
            | report.guidance_of_steps(self._guidance, guided=self._guided)
            | self._model,
            call=plain,
            omitted=omitted,
            versions=provenance.versions(),
            duration=taken,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
