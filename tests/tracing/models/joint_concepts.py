"""What should have been recorded of concepts in joint attention, written out in float64.

Plain pre-hooks note what every block and its attention are given while the pipeline runs untraced.
From these and the modules' weights alone: the outputs of the image's attention, and the stream of
the concepts, block by block, with every norm, projection and activation written out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from tests.tracing.models.joint import pass_of, turn

Arguments = dict[str, Any]


@contextmanager
def noted(net: Any) -> Iterator[list[dict[str, Arguments]]]:
    """Of each run of the transformer: name of a module -> the named arguments it was given."""
    passes: list[dict[str, Arguments]] = []

    def note(name: str) -> Any:
        def hook(_module: Any, _args: Any, kwargs: Arguments) -> None:
            if not name:
                passes.append({})
            passes[-1][name] = {
                k: v.clone() if isinstance(v, Tensor) else v for k, v in kwargs.items()
            }

        return hook

    with ExitStack() as hooks:
        for name, module in net.named_modules():
            parts = name.split(".")
            is_block = len(parts) == 2 and parts[0].endswith("transformer_blocks")
            is_attention = len(parts) == 3 and parts[2] == "attn"
            if not name or is_block or is_attention:
                handle = module.register_forward_pre_hook(note(name), with_kwargs=True)
                hooks.callback(handle.remove)
        yield passes


def linear(module: Any, x: Tensor) -> Tensor:
    """x W^T + b."""
    bias = 0 if module.bias is None else module.bias.double()
    return x @ module.weight.double().T + bias


def layer_norm(x: Tensor, eps: float = 1e-6) -> Tensor:
    """Without weights, as in adaptive norms."""
    centered = x - x.mean(-1, keepdim=True)
    return centered / (centered.pow(2).mean(-1, keepdim=True) + eps).sqrt()


def rms(norm: Any, x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis."""
    if norm is None:
        return x
    return x / (x.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight.double()


def gelu(x: Tensor) -> Tensor:
    """By its approximation with tanh."""
    return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


def modulation(norm: Any, temb: Tensor, parts: int) -> tuple[Tensor, ...]:
    """What an adaptive norm makes of timestep and pooled prompt: (1, channel) each."""
    return linear(norm.linear, temb * torch.sigmoid(temb))[None].chunk(parts, dim=-1)


def heads(module: Any, x: Tensor) -> Tensor:
    """(position, head * dim) -> (head, position, dim)."""
    return x.unflatten(-1, (module.heads, -1)).transpose(0, 1)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(position, head * dim): before any projection of the output."""
    weights = (query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(-1)
    return (weights @ value).transpose(0, 1).flatten(1)


class Stream:
    """The concepts of one image in one run of the transformer.

    Parameters
    ----------
    net
        The transformer.
    inputs
        What its modules were given, of `noted`.
    row
        The image's in the batch.
    embeddings, places
        (token, channel) of the concepts, and their key positions in the text.
    """

    def __init__(
        self,
        net: Any,
        inputs: dict[str, Arguments],
        row: int,
        embeddings: Tensor,
        places: Sequence[int],
    ) -> None:
        self.net, self.inputs, self.row, self.places = net, inputs, row, list(places)
        self.at = pass_of(net, inputs[""])
        self.state = linear(net.context_embedder, embeddings.double())

    def maps(self) -> dict[str, Tensor]:
        """Name of a layer -> (token, cell)."""
        result = {}
        for name in self.inputs:
            if name.endswith(".attn"):
                of_single = name.startswith("single_")
                result[name] = self._single(name) if of_single else self._double(name)
        return result

    def _of(self, name: str, argument: str) -> Tensor:
        tensor: Tensor = self.inputs[name][argument][self.row]
        return tensor.double()

    def _turned(self, x: Tensor, ids: Tensor | None) -> Tensor:
        return x if ids is None else turn(x, ids, self.at.axes)

    def _ids(self) -> tuple[Tensor | None, Tensor | None]:
        """Of concepts and of all positions."""
        if self.at.ids is None:
            return None, None
        return self.at.ids[self.places], self.at.ids

    def _shares(self, image: Tensor, concepts: Tensor) -> Tensor:
        return (concepts @ image.T).softmax(0)

    def _double(self, name: str) -> Tensor:
        block = self.net.get_submodule(name.removesuffix(".attn"))
        attn, temb = block.attn, self._of(name.removesuffix(".attn"), "temb")
        own_ids, every_id = self._ids()
        flux = every_id is not None

        def text_parts(x: Tensor) -> list[Tensor]:
            parts = [heads(attn, linear(part, x)) for part in
                     (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)]  # fmt: skip
            return [rms(attn.norm_added_q, parts[0]), rms(attn.norm_added_k, parts[1]), parts[2]]

        x = self._of(name, "hidden_states")
        image = [heads(attn, linear(part, x)) for part in (attn.to_q, attn.to_k, attn.to_v)]
        image = [rms(attn.norm_q, image[0]), rms(attn.norm_k, image[1]), image[2]]
        prompt = text_parts(self._of(name, "encoder_hidden_states"))
        order = (prompt, image) if flux else (image, prompt)
        query, key, value = (torch.cat(pair, dim=1) for pair in zip(*order, strict=True))
        query, key = self._turned(query, every_id), self._turned(key, every_id)
        first = self.at.columns if flux else 0
        cells = slice(first, first + self.at.cells)
        of_image = attention(query, key, value)[cells]

        if getattr(block, "context_pre_only", False):
            scale, shift = modulation(block.norm1_context, temb, 2)
            rest: tuple[Tensor, ...] = ()
        else:
            shift, scale, *rest = modulation(block.norm1_context, temb, 6)  # type: ignore[assignment]
        own = text_parts(layer_norm(self.state) * (1 + scale) + shift)
        own[0], own[1] = self._turned(own[0], own_ids), self._turned(own[1], own_ids)
        keys = torch.cat([own[1], key[:, cells]], dim=1)
        out = attention(own[0], keys, torch.cat([own[2], value[:, cells]], dim=1))
        shares = self._shares(of_image, out)
        if rest:
            gate, shift, scale, gate_of_ff = rest
            self.state = self.state + gate * linear(attn.to_add_out, out)
            x = layer_norm(self.state) * (1 + scale) + shift
            x = linear(block.ff_context.net[2], gelu(linear(block.ff_context.net[0].proj, x)))
            self.state = self.state + gate_of_ff * x
        return shares

    def _single(self, name: str) -> Tensor:
        block = self.net.get_submodule(name.removesuffix(".attn"))
        attn, temb = block.attn, self._of(name.removesuffix(".attn"), "temb")
        own_ids, every_id = self._ids()

        def parts_of(x: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            query, key, value = (
                heads(attn, linear(part, x)) for part in (attn.to_q, attn.to_k, attn.to_v)
            )
            query, key = rms(attn.norm_q, query), rms(attn.norm_k, key)
            return self._turned(query, ids), self._turned(key, ids), value

        query, key, value = parts_of(self._of(name, "hidden_states"), every_id)
        cells = slice(self.at.columns, self.at.columns + self.at.cells)
        of_image = attention(query, key, value)[cells]
        shift, scale, gate = modulation(block.norm, temb, 3)
        x = layer_norm(self.state) * (1 + scale) + shift
        own = parts_of(x, own_ids)
        keys = torch.cat([own[1], key[:, cells]], dim=1)
        out = attention(own[0], keys, torch.cat([own[2], value[:, cells]], dim=1))
        shares = self._shares(of_image, out)
        beside = gelu(linear(block.proj_mlp, x))
        self.state = self.state + gate * linear(block.proj_out, torch.cat([out, beside], dim=-1))
        return shares
