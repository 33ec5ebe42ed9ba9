"""The derivative of the denoiser: finite differences in float64, and one layer by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.tracing.gradients.derivative import change_along, gradient_of
from tests import pipelines

H = 1e-4


def inputs_of(pipe: Any, *, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of a tiny UNet, one row, drawn."""
    generator = torch.Generator().manual_seed(3)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    config = pipe.unet.config
    text = drawn(1, 12, config.cross_attention_dim)
    inputs = {"sample": drawn(1, config.in_channels, 8, 12), "timestep": torch.tensor(321)}
    if hasattr(pipe, "text_encoder_2"):
        width = pipe.text_encoder_2.config.projection_dim
        ids = torch.tensor([[64.0, 96.0, 0.0, 0.0, 64.0, 96.0]], dtype=dtype)
        inputs["added_cond_kwargs"] = {"text_embeds": drawn(1, width), "time_ids": ids}
    return inputs | {"encoder_hidden_states": text}


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sdxl], ids=["sd1", "sdxl"])
def test_the_change_is_that_of_central_differences(build: Any) -> None:
    pipe = build()
    net = copy.deepcopy(pipe.unet).double()
    inputs = inputs_of(pipe, dtype=torch.float64)
    text = inputs["encoder_hidden_states"]
    direction = torch.randn(text[0].shape, generator=torch.Generator().manual_seed(4)).double()
    prediction, change = change_along(net, inputs, direction)

    def predicted(factor: float) -> Tensor:
        moved = {**inputs, "encoder_hidden_states": text + factor * direction}
        with torch.no_grad():
            values: Tensor = net(**moved).sample[0]
        return values

    assert (prediction - predicted(0)).abs().max() < 1e-12
    # Of fourth order, so that what is left over is rounding.
    expected = (
        8 * (predicted(H) - predicted(-H)) - (predicted(2 * H) - predicted(-2 * H))
    ) / (12 * H)  # fmt: skip
    assert change.abs().max() > 1e-3
    assert (change - expected).abs().max() < 1e-8 * change.abs().max()


def test_backwards_and_forwards_agree() -> None:
    pipe = pipelines.sd1()
    net = copy.deepcopy(pipe.unet).double()
    inputs = inputs_of(pipe, dtype=torch.float64)
    direction = torch.randn(inputs["encoder_hidden_states"][0].shape, dtype=torch.float64)
    prediction, change = change_along(net, inputs, direction)
    value, gradient = gradient_of(net, inputs, lambda values: values.square().mean())
    assert value == pytest.approx(float(prediction.square().mean()), rel=1e-12)
    expected = float((2 * prediction * change).mean())
    assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-9)
    assert all(parameter.grad is None for parameter in net.parameters())


class OneLayer(nn.Module):
    """Cross-attention by hand: softmax(x W (text W_k)^T) text, whose derivative is known."""

    def __init__(self) -> None:
        super().__init__()
        self.key = nn.Linear(6, 5, bias=False).double()

    def forward(
        self, sample: Tensor, encoder_hidden_states: Tensor, *, return_dict: bool = True
    ) -> tuple[Tensor]:
        cells = sample.flatten(2).transpose(1, 2)  # (row, y*x, 5)
        p = (cells @ self.key(encoder_hidden_states).transpose(1, 2)).softmax(-1)
        out = p @ encoder_hidden_states
        return (out.transpose(1, 2).unflatten(2, sample.shape[2:]),)


def test_one_layer_has_the_derivative_that_it_has_on_paper() -> None:
    torch.manual_seed(0)
    net = OneLayer()
    inputs = {
        "sample": torch.randn(1, 5, 3, 4, dtype=torch.float64),
        "encoder_hidden_states": torch.randn(1, 7, 6, dtype=torch.float64),
    }
    direction = torch.randn(7, 6, dtype=torch.float64)
    with torch.no_grad():
        text, cells = inputs["encoder_hidden_states"][0], inputs["sample"][0].flatten(1).T
        p = (cells @ net.key(text).T).softmax(-1)
        moved = cells @ net.key(direction).T  # of the scores
        # d softmax = p (ds - sum p ds); d out = dp text + p direction
        expected = (p * (moved - (p * moved).sum(-1, keepdim=True))) @ text + p @ direction
    _, change = change_along(net, inputs, direction)
    torch.testing.assert_close(change.flatten(1).T, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("differentiate", [
    lambda net, inputs: change_along(net, inputs, torch.ones(7, 6)),
    lambda net, inputs: gradient_of(net, inputs, lambda values: values.square().mean()),
], ids=["forwards", "backwards"])  # fmt: skip
def test_a_text_that_is_cut_off_is_no_derivative_of_zero(differentiate: Any) -> None:
    class Cached(OneLayer):
        def forward(self, sample: Tensor, encoder_hidden_states: Tensor, **__: Any) -> Any:
            return (sample * encoder_hidden_states.detach().mean(),)

    inputs = {"sample": torch.ones(1, 5, 3, 4), "encoder_hidden_states": torch.ones(1, 7, 6)}
    with pytest.raises(UnsupportedPipelineError, match=r"of this Cached|in this Cached"):
        differentiate(Cached(), inputs)


def test_tensors_of_inference_mode_have_derivatives_too() -> None:
    with torch.inference_mode():
        inputs = {
            "sample": torch.randn(1, 5, 3, 4, dtype=torch.float64),
            "encoder_hidden_states": torch.randn(1, 7, 6, dtype=torch.float64),
        }
        direction = torch.ones(7, 6, dtype=torch.float64)
    net = OneLayer()
    _, change = change_along(net, inputs, direction)
    plain = {name: value.clone() for name, value in inputs.items()}
    _, expected = change_along(net, plain, direction.clone())
    assert change.any() and torch.equal(change, expected)


def test_an_operation_without_a_derivative_is_named() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, values: Tensor) -> Tensor:
            return values**2

    class Odd(OneLayer):
        def forward(self, sample: Tensor, encoder_hidden_states: Tensor, **__: Any) -> Any:
            return (sample + Square.apply(encoder_hidden_states).mean(),)

    inputs = {"sample": torch.ones(1, 5, 3, 4), "encoder_hidden_states": torch.ones(1, 7, 6)}
    with pytest.raises(UnsupportedPipelineError, match="Odd cannot be differentiated"):
        change_along(Odd(), inputs, torch.ones(7, 6))
    with pytest.raises(UnsupportedPipelineError, match="Odd cannot be differentiated"):
        gradient_of(Odd(), inputs, lambda values: values.square().mean())
