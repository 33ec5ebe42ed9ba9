"""Compiled UNets: watched, they run eagerly; afterwards their compiled code is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo import eval_frame
from torch._dynamo.testing import CompileCounterWithBackend

from daam_nb.recording import Recording
from daam_nb.tracing import generate, reproduce, trace
from tests import pipelines
from tests.tracing.cases import Case, sized
from tests.tracing.expected import FLOAT32, assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

# Compiling takes seconds: the smallest UNet that has attention in its three stages.
SMALL: dict[str, Any] = {
    "block_out_channels": (4, 4),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "attention_head_dim": (1, 2),
}
USUAL = Case("usual", pipelines.sd1, sized(prompt="a dog", num_inference_steps=2))
COLUMNS = range(4)


class Marked:
    """A backend that counts its graphs and shifts their results a little.

    So an image of compiled code is told from one of eager code, as with a real backend, whose
    results differ in the last digits.
    """

    def __init__(self) -> None:
        self.frame_count = 0

    def __call__(self, graph: Any, _inputs: Any) -> Callable[..., Any]:
        """Count, and give back the graph with shifted results."""
        self.frame_count += 1

        def run(*args: Any) -> tuple[Any, ...]:
            return tuple(
                out * 1.01 if isinstance(out, torch.Tensor) and out.is_floating_point() else out
                for out in graph(*args)
            )

        return run


def small() -> Any:
    return pipelines.sd1(vae_levels=2, **SMALL)


def run(pipe: Any) -> np.ndarray:
    images: np.ndarray = pipe(**USUAL.arguments(pipe) | {"height": 16, "width": 24}).images
    return images


def wrapped(pipe: Any, backend: Any) -> None:
    """As diffusers' documentation has it: another module stands in the UNet's place."""
    pipe.unet = torch.compile(pipe.unet, backend=backend)


def in_place(pipe: Any, backend: Any) -> None:
    """`Module.compile`: the module stays."""
    pipe.unet.compile(backend=backend)


def repeated_blocks(pipe: Any, backend: Any) -> None:
    """Regional compilation: only the transformer blocks."""
    for name, part in pipe.unet.named_modules():
        if name.endswith("transformer_blocks.0"):
            part.compile(backend=backend)


@pytest.mark.parametrize(
    ("compiled", "backend"),
    [
        (wrapped, Marked),
        (in_place, Marked),
        (repeated_blocks, Marked),
        (repeated_blocks, lambda: CompileCounterWithBackend("aot_eager")),
    ],
    ids=["wrapped", "in-place", "blocks", "blocks-aot"],
)
def test_a_compiled_unet(compiled: Callable[[Any, Any], None], backend: Callable[[], Any]) -> None:
    torch.compiler.reset()
    eager = small()
    untraced = run(eager)
    expected = observe(eager, run)
    pipe = small()
    counter = backend()
    compiled(pipe, counter)
    earlier = run(pipe)
    assert counter.frame_count > 0  # it was compiled indeed
    if isinstance(counter, Marked):
        assert not np.array_equal(earlier, untraced)
    graphs = counter.frame_count
    before = snapshot(pipe)
    stance = eval_frame._stance
    with trace(pipe, dtype=torch.float32) as tracer:
        traced = run(pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert eval_frame._stance == stance
    assert np.array_equal(traced, untraced)
    assert_recorded(tracer.recording, expected, [1, 1], columns=COLUMNS, atol=FLOAT32)
    assert np.array_equal(run(pipe), earlier)
    assert counter.frame_count == graphs  # the compiled code is used again, not made again


def test_the_image_again_by_a_compiled_unet() -> None:
    torch.compiler.reset()
    pipe = small()
    made = generate(pipe, "a dog", seed=1, num_inference_steps=2, height=16, width=24)
    assert isinstance(made, Recording)
    pipe.unet = torch.compile(pipe.unet, backend="eager")
    again = reproduce(made, pipe)
    assert again.max_difference == 0 and not any("dtype" in why for why in again.why)


def test_the_users_own_stance_comes_back() -> None:
    torch.compiler.reset()
    pipe = small()
    in_place(pipe, "eager")
    with torch.compiler.set_stance("eager_on_recompile"):
        stance = eval_frame._stance
        with trace(pipe):
            run(pipe)
        assert eval_frame._stance == stance


def test_two_traces_and_one_stance() -> None:
    """The first trace that closes does not end the other's eager running."""
    torch.compiler.reset()
    eager = small()
    untraced = run(eager)
    expected = observe(eager, run)
    pipe = small()
    counter = Marked()
    in_place(pipe, counter)
    stance = eval_frame._stance
    first, second = trace(pipe, dtype=torch.float32), trace(pipe, dtype=torch.float32)
    first.__enter__()
    second.__enter__()
    run(pipe)
    first.__exit__(None, None, None)
    traced = run(pipe)
    second.__exit__(None, None, None)
    assert eval_frame._stance == stance
    assert counter.frame_count == 0
    assert np.array_equal(traced, untraced)
    for recording in (*first.recordings, *second.recordings):
        assert_recorded(recording, expected, [1, 1], columns=COLUMNS, atol=FLOAT32)
