"""Planted faults: break the implementation in one place, and the matrix must notice.

Each fault replaces one function of `daam_nb.tracing`; the same comparison that passes without the
fault must fail with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from daam_nb.errors import ShapeError, WatchError
from daam_nb.tracing import attention, running, trace
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.models import BatchRows
from daam_nb.tracing.models.unet import UNet
from daam_nb.tracing.options import Options
from tests.tracing.cases import CASES, TWO, Case, sized
from tests.tracing.expected import Expected, assert_recorded, observe, row_of

NAMED = {case.name: case for case in CASES}
Fault = Callable[[pytest.MonkeyPatch], None]


def compare(case: Case, pipe: Any, expected: Expected, *, negative: bool = False) -> None:
    """What test_matrix asserts of a case."""
    with trace(pipe, **case.options(pipe)) as tracer:
        case.run(pipe)
    steps = range(len(expected.timesteps))
    assert len(tracer.recordings) == case.images
    for image, recording in enumerate(tracer.recordings):
        rows = [row_of(case.layout_at(step), image, case.images)[0] for step in steps]
        assert_recorded(recording, expected, rows, columns=case.columns(image), atol=case.atol)


def _rows(change: Callable[[BatchRows], BatchRows]) -> Fault:
    original = running.batch_rows

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(running, "batch_rows", lambda *a, **k: change(original(*a, **k)))

    return plant


def swapped_rows(rows: BatchRows) -> BatchRows:
    return dataclasses.replace(rows, conditional=rows.conditional[::-1])


def other_branch(rows: BatchRows) -> BatchRows:
    return dataclasses.replace(rows, conditional=rows.unconditional, unconditional=rows.conditional)


def transposed_sizes(patch: pytest.MonkeyPatch) -> None:
    original = UNet.layers
    patch.setattr(UNet, "layers", lambda self, size: original(self, size[::-1]))


def _written(change: Callable[..., tuple[str, int, int, Tensor]]) -> Fault:
    original = Buffers.write

    def plant(patch: pytest.MonkeyPatch) -> None:
        def write(self: Buffers, name: str, place: int, head: int, values: Tensor) -> None:
            original(self, *change(self, name, place, head, values))

        patch.setattr(Buffers, "write", write)

    return plant


def transposed_cells(self: Buffers, name: str, place: int, head: int, values: Tensor) -> Any:
    """Right shape, but (x, y) order read as (y, x)."""
    height, width = self.arrays[name].shape[-2:]
    return name, place, head, values.unflatten(-1, (width, height)).mT.flatten(-2)


def flipped_heads(_self: Any, name: str, place: int, head: int, values: Tensor) -> Any:
    return name, place, head, values.flip(0)


def other_step(self: Buffers, name: str, place: int, head: int, values: Tensor) -> Any:
    return name, len(self.arrays[name]) - 1 - place, head, values


def shifted_columns(patch: pytest.MonkeyPatch) -> None:
    original = Options.columns
    patch.setattr(
        Options, "columns", lambda self, prompt: tuple(c + 1 for c in original(self, prompt))
    )


def _probabilities(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    from daam_nb.tracing import observer

    original = attention.probabilities

    def plant(patch: pytest.MonkeyPatch) -> None:
        def wrong(query: Tensor, key: Tensor, columns: Tensor, **options: Any) -> Tensor:
            return original(query, key, columns, **change(options))

        patch.setattr(observer, "probabilities", wrong)

    return plant


FAULTS: tuple[tuple[str, str, Fault], ...] = (
    ("swapped rows", "two-prompts", _rows(swapped_rows)),
    ("swapped rows of one prompt", "two-prompts-three-images", _rows(swapped_rows)),
    ("the other guidance branch", "sd1", _rows(other_branch)),
    ("the other guidance branch", "instruct-pix2pix", _rows(other_branch)),
    ("transposed grid", "sd1", transposed_sizes),
    ("transposed cells", "sd1", _written(transposed_cells)),
    ("flipped heads", "sd1", _written(flipped_heads)),
    ("flipped steps", "sd1", _written(other_step)),
    ("columns shifted by one", "sd1", shifted_columns),
    ("no mask", "text-mask", _probabilities(lambda options: options | {"mask": None})),
    ("no scale", "sd1", _probabilities(lambda options: options | {"scale": 1.0})),
    (
        "SDPA's scale",
        "explicit-scale",
        _probabilities(lambda options: options | {"scale": 0.5**0.5}),
    ),
)


@pytest.mark.parametrize(("what", "name", "plant"), FAULTS, ids=[f"{w}-{n}" for w, n, _ in FAULTS])
def test_a_planted_fault_is_noticed(
    what: str, name: str, plant: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = NAMED[name]
    pipe = case.build()
    expected = observe(pipe, case.run)
    compare(case, pipe, expected)
    plant(monkeypatch)
    # Some are noticed before anything is compared: rows of another text, grids that do not fit.
    with pytest.raises((AssertionError, ShapeError, WatchError)):
        compare(case, pipe, expected)
    monkeypatch.undo()
    compare(case, pipe, expected)


def test_lora_and_ip_adapter_matter() -> None:
    """The variants really change attention: without them, the comparison fails."""
    for name in (
        "lora",
        "lora-loaded",
        "lora-scaled",
        "query-key-norms",
        "cross-norm",
        "text-mask",
    ):
        case = NAMED[name]
        pipe = case.build()
        plain = observe(NAMED["sd1"].build(), NAMED["sd1"].run)
        with pytest.raises(AssertionError):
            compare(case, pipe, plain)


def test_images_of_one_prompt_differ() -> None:
    """Blending images could not hide: their maps are far apart."""
    case = Case("two", NAMED["sd1"].build, sized(prompt=list(TWO), num_images_per_prompt=2))
    expected = observe(case.build(), case.run)
    for maps in expected.attention.values():
        last = maps[-1]
        assert float((last[4] - last[5]).abs().max()) > 1e-3
        assert torch.equal(last[4], last[4])
