"""Every function that computes attention is seen: kernels, slices, and what changes inside a trace.

xformers cannot be installed here. A stand-in module in its place, whose function computes real
attention, exercises the tap: diffusers' own XFormersAttnProcessor calls it.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models import attention_processor
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _AttentionBackendRegistry,
    attention_backend,
)
from diffusers.models.attention_processor import (
    Attention,
    IPAdapterXFormersAttnProcessor,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)

from daam_nb.errors import InterventionError, WatchError
from daam_nb.tracing import ablate, replay, trace
from tests import pipelines
from tests.pipeline_variants import (
    with_dispatcher,
    with_explicit_softmax,
    with_fused_qkv,
    with_ip_adapter,
    with_lora,
    with_slicing,
    with_text_mask,
)
from tests.tracing.cases import PROMPT_TOKENS, Case, sized
from tests.tracing.expected import FLOAT32, assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

USUAL = Case("usual", pipelines.sd1)
COLUMNS = range(PROMPT_TOKENS + 2)


def check(pipe: Any, case: Case = USUAL) -> None:
    """Image, probabilities, nothing left."""
    untraced = case.run(pipe)
    expected = observe(pipe, case.run)
    before = snapshot(pipe)
    with trace(pipe, dtype=torch.float32) as tracer:
        traced = case.run(pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert np.array_equal(traced, untraced)
    assert_recorded(tracer.recording, expected, [1, 1, 1], columns=COLUMNS, atol=FLOAT32)


# --- xformers, by a stand-in ------------------------------------------------------------------


@pytest.fixture
def xformers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A module in xformers' place; the list counts its calls."""
    calls: list[int] = []

    def memory_efficient_attention(  # noqa: PLR0917
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_bias: torch.Tensor | None = None,
        p: float = 0.0,
        scale: float | None = None,
        *,
        op: Any = None,
        output_dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """(batch * head, n, dim) or (batch, n, head, dim), as xformers documents."""
        calls.append(query.ndim)
        four = query.ndim == 4
        if four:
            query, key, value = (t.transpose(1, 2) for t in (query, key, value))
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
        if attn_bias is not None:
            scores = scores + attn_bias
        out = scores.softmax(-1) @ value
        return out.transpose(1, 2) if four else out

    package, ops = types.ModuleType("xformers"), types.ModuleType("xformers.ops")
    ops.memory_efficient_attention = memory_efficient_attention  # type: ignore[attr-defined]
    package.ops = ops  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xformers", package)
    monkeypatch.setitem(sys.modules, "xformers.ops", ops)
    monkeypatch.setattr(attention_processor, "xformers", package, raising=False)
    return calls


def test_xformers(xformers: list[int], sd1: Any) -> None:
    sd1.unet.set_attn_processor(XFormersAttnProcessor())
    check(sd1)
    assert set(xformers) == {3}


def test_xformers_with_a_mask_and_a_scale(xformers: list[int], sd1: Any) -> None:
    with_text_mask(sd1).unet.set_attn_processor(XFormersAttnProcessor())
    for name, module in sd1.unet.named_modules():
        if name.endswith("attn2"):
            module.scale = 0.4
    check(sd1)
    assert xformers


def test_xformers_with_an_ip_adapter(xformers: list[int], sd1: Any) -> None:
    """The images' keys come second and are not the text."""
    with_ip_adapter(sd1)
    kept = dict(sd1.unet.attn_processors)
    made: dict[str, Any] = {}
    for name, old in kept.items():
        if not name.endswith("attn2.processor"):
            made[name] = XFormersAttnProcessor()
            continue
        made[name] = IPAdapterXFormersAttnProcessor(
            old.hidden_size, old.cross_attention_dim, old.num_tokens, old.scale
        )
        made[name].load_state_dict(old.state_dict())
    sd1.unet.set_attn_processor(made)
    image = pipelines.image((16, 16))
    case = Case("ip", pipelines.sd1, sized(ip_adapter_image=image))
    check(sd1, case)
    assert xformers


@pytest.mark.parametrize("masked", [False, True])
def test_xformers_under_an_intervention(xformers: list[int], sd1: Any, masked: bool) -> None:
    """Ablated and replayed images are those of PyTorch's kernel."""
    if masked:
        with_text_mask(sd1)
    with ablate(sd1, words="cat"):
        expected = USUAL.run(sd1)
    sd1.unet.set_attn_processor(XFormersAttnProcessor())
    plain = USUAL.run(sd1)
    with ablate(sd1, words="cat"):
        assert np.abs(USUAL.run(sd1) - expected).max() < 1e-5
    assert np.abs(expected - plain).max() > 1e-3
    with ablate(sd1):
        assert np.array_equal(USUAL.run(sd1), plain)
    with trace(sd1, keep="replay", dtype=torch.float32) as tracer:
        USUAL.run(sd1)
    with replay(sd1, tracer.recording):
        assert np.abs(USUAL.run(sd1) - plain).max() <= 1e-5
    assert set(xformers) == {3}


# --- diffusers' dispatcher --------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["native", "_native_math"])
def test_backends_of_the_dispatcher(backend: str) -> None:
    with attention_backend(backend):
        check(with_dispatcher(pipelines.sd1()))


def test_a_backend_that_is_not_sdpa(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel like sage attention, which never calls torch's function: an error, not silence."""
    name = AttentionBackendName.NATIVE

    def kernel(  # noqa: PLR0917
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
        **_options: Any,
    ) -> torch.Tensor:
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * (scale or query.shape[-1] ** -0.5)
        return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), value)

    monkeypatch.setitem(_AttentionBackendRegistry._backends, name, kernel)
    pipe = with_dispatcher(pipelines.sd1())
    untraced = USUAL.run(pipe)
    before = snapshot(pipe)
    with pytest.raises(WatchError, match="DispatchedAttention") as caught, trace(pipe):
        traced = USUAL.run(pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert np.array_equal(traced, untraced)
    assert len(caught.value.images) == 1
    with pytest.raises(InterventionError, match="DispatchedAttention"), ablate(pipe, words="cat"):
        USUAL.run(pipe)  # an image that nothing was changed in is not given out as changed


def test_the_private_registry_is_where_we_look_for_it() -> None:
    """A guard: when diffusers moves it, this says so."""
    assert isinstance(_AttentionBackendRegistry._backends, dict)
    assert AttentionBackendName.NATIVE in _AttentionBackendRegistry._backends
    assert "get_attention_scores" in vars(Attention)


# --- what changes while the trace is open -----------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda pipe: with_slicing(pipe, "max"),
        lambda pipe: with_slicing(pipe, 1),
        with_explicit_softmax,
        with_fused_qkv,
        with_lora,
    ],
    ids=["slicing-max", "slicing-1", "explicit", "fused", "lora"],
)
def test_a_change_inside_the_block(sd1: Any, change: Any) -> None:
    twin = change(pipelines.sd1())
    untraced = USUAL.run(twin)
    expected = observe(twin, USUAL.run)
    with trace(sd1, dtype=torch.float32) as tracer:
        change(sd1)
        traced = USUAL.run(sd1)
    assert np.array_equal(traced, untraced)
    assert_recorded(tracer.recording, expected, [1, 1, 1], columns=COLUMNS, atol=FLOAT32)
    assert np.array_equal(USUAL.run(sd1), untraced)


def test_processors_that_change_between_two_calls(sd1: Any) -> None:
    with trace(sd1, dtype=torch.float32) as tracer:
        first = USUAL.run(sd1)
        sd1.enable_attention_slicing(1)
        assert isinstance(next(iter(sd1.unet.attn_processors.values())), SlicedAttnProcessor)
        second = USUAL.run(sd1)
        sd1.disable_attention_slicing()
    plain = observe(pipelines.sd1(), USUAL.run)
    sliced = observe(with_slicing(pipelines.sd1(), 1), USUAL.run)
    assert np.array_equal(first, plain.images)
    assert np.array_equal(second, sliced.images)
    for run, expected in zip(tracer.recordings, (plain, sliced), strict=True):
        assert_recorded(run, expected, [1, 1, 1], columns=COLUMNS, atol=FLOAT32)


def test_slices_that_do_not_divide_the_heads() -> None:
    """Slices of 3 of 2, 4 and 8 heads: they run across batch rows, and the last one is short."""
    pipe = pipelines.sd1()
    pipe.unet.set_attention_slice(
        [min(3, module.sliceable_head_dim) for module in _sliceable(pipe.unet)]
    )
    sizes = {getattr(part, "slice_size", None) for part in pipe.unet.attn_processors.values()}
    assert sizes == {2, 3}
    check(pipe)


def _sliceable(unet: Any) -> list[Any]:
    found = []

    def visit(module: Any) -> None:
        if hasattr(module, "set_attention_slice") and module is not unet:
            found.append(module)
        for child in module.children():
            visit(child)

    visit(unet)
    return found


def test_batches_of_self_attention_of_the_same_shape_are_not_text(sd1: Any) -> None:
    """Latents of 7 x 11 = 77 cells: self-attention then has 77 keys, as the text has."""
    case = Case("77", pipelines.sd1, sized(height=56, width=88))
    check(sd1, case)
