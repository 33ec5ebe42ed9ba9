"""The context manager of every intervention, and the editor of one running layer."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from daam_nb.errors import InterventionError, ShapeError, UnsupportedPipelineError
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer
from daam_nb.tracing import busy, taps
from daam_nb.tracing.attached import Attached, ModuleInputs
from daam_nb.tracing.edits import KernelCall, Part, part_of
from daam_nb.tracing.intervening.call import EditedCall, Pass, Place, Row, Rule
from daam_nb.tracing.intervening.choices import Where
from daam_nb.tracing.intervening.hiding import Hiding
from daam_nb.tracing.models import adapter_of


class Intervention(Attached[EditedCall]):
    """An open or closed intervention; made by `ablate`, `reweight` and `replay`.

    Attributes
    ----------
    change
        What it does, in words; also in ``facts.batch["interventions"]`` of recordings.
    """

    kind = "intervention"

    def __init__(
        self,
        pipe: Any,
        *,
        words: str,
        where: Where,
        rule: Rule,
        prompt: Sequence[str | Prompt] | None = None,
        hiding: Hiding | None = None,
    ) -> None:
        super().__init__(adapter_of(pipe))
        verb = "replay" if words.startswith("replay(") else "intervene"
        if verb not in self.adapter.supports:
            raise UnsupportedPipelineError(
                f"{words} cannot be done to {self.adapter.pipe_name}: {self.adapter.why_not}. "
                "Interventions work on models with cross-attention, such as UNets; trace(pipe) and "
                "generate(pipe, ...) do work with this one."
            )
        self.change = words
        self._where, self._rule, self._prompt = where, rule, prompt
        self._hiding = hiding

    def __repr__(self) -> str:
        return f"<{self.change}>"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._take_off()
        except BaseException:  # an interrupt before its own `try`: doing it again is safe
            self._take_off()
            raise
        if kind is None and not self._calls:
            raise InterventionError(
                f"Nothing was changed by {self.change}: this {type(self.pipe).__name__} was not "
                "called inside the `with` block (in the block's own thread). Call the very "
                "pipeline that was given, not a copy of it, and not its parts."
            )

    def _watch_modules(self) -> None:
        super()._watch_modules()
        for encoder in self.adapter.text_encoders() if self._hiding is not None else ():
            self._watch(encoder, before=self._hide_words)

    def _hide_words(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ModuleInputs | None:
        """The text encoder starts: mask the call's first input that holds the prompts."""
        call = self._call()
        ids = args[0] if args else kwargs.get("input_ids")
        if not isinstance(call, EditedCall) or not isinstance(ids, Tensor):
            return None
        if self._hiding is None or module in call.hidden_in:
            return None
        mask = self._hiding.mask(call, module, ids)
        if mask is None:
            return None
        call.hidden_in.append(module)
        if mask.all():
            return None  # nothing is hidden, and the encoder keeps its bits
        own = kwargs.get("attention_mask")
        return args, {**kwargs, "attention_mask": mask if own is None else mask * own}

    def _new_call(self, arguments: dict[str, Any]) -> EditedCall:
        return EditedCall(
            self.adapter,
            arguments,
            where=self._where,
            rule=self._rule,
            texts_of_user=self._prompt,
            verb=str(self.change).partition("(")[0],
        )

    def _end(self, call: EditedCall, output: Any) -> None:
        if call.disturbances:
            raise InterventionError(
                f"{self.change} was carried out, but {busy.why_disturbed(call.disturbances)}"
            )
        call.comparisons.check()
        if call.layers and call.steps and not call.edited:
            raise InterventionError(
                f"Nothing was changed by {self.change}: {type(self.pipe).__name__} finished "
                "without computing the text attention of the chosen layers at the chosen steps."
            )

    def _enter_layer(self, call: EditedCall, name: str, module: nn.Module) -> None:
        layer = call.layers.get(name)
        if layer is not None and call.passing is not None:
            taps.running.editors.append(LayerEditor(call, call.passing, layer, module))

    def _leave_layer(self, call: EditedCall, name: str, output: Any) -> None:
        layer = call.layers.get(name)
        for editor in _editors(call):
            if editor.layer == layer:
                taps.running.editors.remove(editor)
                editor.done()

    def _refuse(self, call: EditedCall, error: ShapeError) -> None:
        raise error

    def _let_go(self, call: EditedCall) -> None:
        super()._let_go(call)
        for editor in _editors(call):
            taps.running.editors.remove(editor)


def _editors(call: EditedCall) -> list[LayerEditor]:
    return [e for e in taps.running.editors if isinstance(e, LayerEditor) and e.call is call]


class LayerEditor:
    """Changes the text attention of one layer in one pass, whole or in slices."""

    def __init__(self, call: EditedCall, passing: Pass, layer: Layer, module: nn.Module) -> None:
        self.call, self.passing, self.layer, self.module = call, passing, layer, module
        self.step = call.step
        self.seen = 0
        self.total = passing.batch * layer.heads

    def edit(self, call: KernelCall, changed: dict[int, Part]) -> None:
        """Change what is chosen of one kernel call; later calls are an IP-Adapter's images."""
        if self.seen >= self.total:
            return
        self._check(call)
        self.call.edited = True
        heads, low = self.layer.heads, self.seen
        high = low + call.query.shape[0] if call.flat else self.total
        for row in self.passing.rows:
            first, last = max(low, row.row * heads), min(high, (row.row + 1) * heads)
            if first < last:
                place = slice(first - low, last - low) if call.flat else row.row
                part = changed.get(row.row) or part_of(call, place)
                changed[row.row] = self._changed(
                    part, row, range(first - row.row * heads, last - row.row * heads)
                )
        self.seen = high

    def _changed(self, part: Part, row: Row, heads: range) -> Part:
        assert self.call.change is not None  # settled before the first layer
        place = Place(self.layer, self.step, row.image, row.branch, heads)
        after = self.call.change(part.after, place)
        changed_heads = self.call.heads[self.layer.name]
        kept = [i for i, head in enumerate(heads) if head not in changed_heads]
        if kept:
            after = after.clone()
            after[kept] = part.after[kept]
        return Part(part.place, part.before, after)

    def done(self) -> None:
        """The module returned: all of it must have been changed, else an error stops the call."""
        if self.seen < self.total:
            processor = type(self.module.get_processor()).__name__  # type: ignore[operator]
            raise InterventionError(
                f"{self.layer.name} ran, but the attention of {self.total - self.seen} of its "
                f"{self.total} rows could not be changed: its processor {processor} computes it "
                "with no known function. Use a processor of diffusers: "
                f"{self.call.adapter.way_out}."
            )

    def _check(self, call: KernelCall) -> None:
        height, width = self.layer.size
        expected = (self.passing.batch, self.layer.heads, height * width, self.passing.keys)
        batch, heads = expected[:2] if call.flat else call.query.shape[:2]
        shown = (batch, heads, call.query.shape[-2], call.key.shape[-2])
        if shown != expected:
            raise ShapeError(
                f"{self.layer.name}: attention of {shown} (batch, head, queries, keys) was seen "
                f"where the batch, a grid of {height}x{width} and the text make {expected}."
            )
