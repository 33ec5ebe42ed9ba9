"""The independent computation, checked by itself: it explains what the modules returned."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor

from tests.tracing.cases import CASES, Case
from tests.tracing.expected import (
    LAYOUTS,
    Expected,
    Seen,
    as_arrays,
    assert_attention,
    observe,
    output,
    probabilities,
    row_of,
)

CHOSEN = set(
    [
        "sd1",
        "sd2",
        "sdxl",
        "pag",
        "lcm",
        "instruct-pix2pix",
        "lora",
        "lora-scaled",
        "fused",
        "slicing-1",
        "slicing-2-of-3",
        "explicit-softmax",
        "explicit-scale",
        "query-key-norms",
        "text-mask",
        "text-mask-sliced",
        "cross-norm",
        "odd-latents",
        "textual-inversion-3",
        "fp16",
        "bf16",
    ]
)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in CHOSEN], ids=lambda case: case.name
)
def test_the_modules_output_follows_from_the_probabilities(case: Case) -> None:
    pipe = case.build()
    plain = case.run(pipe)
    expected = observe(pipe, case.run)
    assert (as_arrays(plain) == as_arrays(expected.images)).all()
    for layer, outputs in expected.outputs.items():
        for step, (real, recomputed) in enumerate(outputs):
            exact = {torch.float16: 2e-3, torch.bfloat16: 2e-2}.get(real.dtype, 1e-5)
            scale = max(1.0, float(real.abs().max()))
            assert float((real.float() - recomputed.float()).abs().max()) <= exact * scale
            maps = expected.attention[layer][step]  # (row, head, key, y, x)
            assert torch.allclose(maps.sum(dim=2), torch.ones(()), atol=1e-5)
            assert maps.shape[0] == LAYOUTS[case.layout_at(step)][0] * case.images
            assert maps.shape[1] == expected.heads[layer]
            assert maps.shape[3:] == expected.sizes[layer]


@pytest.mark.parametrize("norm", ["layer_norm", "group_norm"])
def test_every_norm_is_written_out(norm: str) -> None:
    """What the tiny pipelines do not have: images as 4 axes, spatial norm, residuals."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module: Any = Attention(
            query_dim=32,  # spatial_norm has 32 groups
            cross_attention_dim=12,
            heads=2,
            dim_head=4,
            bias=True,
            cross_attention_norm=norm,
            cross_attention_norm_num_groups=3,
            norm_num_groups=2,
            spatial_norm_dim=6,
            qk_norm=None,
            residual_connection=True,
            rescale_output_factor=1.7,
            processor=AttnProcessor(),
        )
        image, text = torch.randn(2, 32, 3, 5), torch.randn(2, 7, 12)
        mask, temb = torch.randn(2, 1, 7), torch.randn(2, 6, 1, 1)
        real = module(image, text, attention_mask=mask, temb=temb)
        seen = Seen(image, text, mask, temb)
        assert torch.allclose(output(module, seen), real, atol=1e-5)
        assert probabilities(module, seen).shape == (2, 2, 15, 7)


def test_rows_by_hand() -> None:
    # Two prompts, three images each: 6 rows a block, negatives first.
    assert row_of("np", 0, 6) == (6, 0)
    assert row_of("np", 5, 6) == (11, 5)
    assert row_of("p", 4, 6) == (4, None)
    assert row_of("npp", 1, 2) == (3, 1)
    assert row_of("pnn", 1, 2) == (1, 3)


def _two_layers() -> Expected:
    values = torch.linspace(0, 1, 2 * 2 * 3 * 4 * 5).reshape(2, 2, 3, 4, 5)
    attention = {"a": [values, values / 2], "b": [values**2, values**3]}
    return Expected(None, attention, {}, {}, [9.0, 1.0], [2, 2], {})


def _recorded(expected: Expected) -> dict[str, torch.Tensor]:
    return {name: torch.stack([at[1] for at in maps]) for name, maps in expected.attention.items()}


def test_the_comparison_accepts_what_is_right() -> None:
    expected = _two_layers()
    assert_attention(_recorded(expected), expected, [1, 1], columns=range(3), atol=1e-6)
    less = {"b": _recorded(expected)["b"][1:, :, [2, 0]]}
    assert_attention(less, expected, [1, 1], columns=[2, 0], atol=1e-6, layers=["b"], steps=[1])


@pytest.mark.parametrize(
    "fault",
    [
        lambda maps: {"b": maps["b"]},
        lambda maps: {"b": maps["b"], "a": maps["a"]},
        lambda maps: maps | {"a": maps["a"].transpose(-1, -2)},
        lambda maps: maps | {"a": maps["a"].flip(0)},
        lambda maps: maps | {"a": maps["a"].flip(1)},
        lambda maps: maps | {"a": maps["a"].flip(2)},
        lambda maps: maps | {"a": maps["a"][:1]},
        lambda maps: maps | {"a": maps["a"] * float("nan")},
        lambda maps: maps | {"b": maps["b"] + 2e-6},
    ],
)
def test_the_comparison_refuses_what_is_wrong(fault: Any) -> None:
    expected = _two_layers()
    with pytest.raises(AssertionError):
        assert_attention(fault(_recorded(expected)), expected, [1, 1], columns=range(3), atol=1e-6)
    with pytest.raises(AssertionError):  # another row
        assert_attention(_recorded(expected), expected, [1, 0], columns=range(3), atol=1e-6)
