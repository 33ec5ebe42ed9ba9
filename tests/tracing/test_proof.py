"""The recorded attention is the attention used: whatever a processor does behind the softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor
from torch.nn import functional

from daam_nb import menagerie
from daam_nb.errors import WatchError
from daam_nb.tracing import ablate, generate, proof, replay, trace
from tests import joint_pipelines, pipelines
from tests.pipeline_variants import DispatchedAttention, with_ip_adapter
from tests.tracing.cases import Case, sized
from tests.tracing.expected import assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

USUAL = Case("usual", pipelines.sd1, sized(output_type="pil"))
CAT = 3
"""Key position of "cat" in the usual prompt."""


class Explicit:
    """Attention written out, as prompt-to-prompt's processors have it: with an edit in between."""

    def __init__(self, edit: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.edit = edit

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """diffusers' own recipe of `AttnProcessor`, and the edit."""
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            attn.head_to_batch_dim(linear(given))
            for linear, given in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        attention = attn.get_attention_scores(query, key, attention_mask)
        if encoder_hidden_states is not None:
            attention = self.edit(attention)
        out: torch.Tensor = attn.to_out[0](attn.batch_to_head_dim(torch.bmm(attention, value)))
        return out


class Kernel:
    """PyTorch's kernel, and an edit of its result: (row, position, channel)."""

    def __init__(self, edit: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.edit = edit

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `AttnProcessor2_0`, and the edit."""
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            linear(given).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for linear, given in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attention_mask)
        mixed = mixed.transpose(1, 2).flatten(2)
        out: torch.Tensor = attn.to_out[0](
            mixed if encoder_hidden_states is None else self.edit(mixed)
        )
        return out


def without_cat(attention: torch.Tensor) -> torch.Tensor:
    """The column of "cat" set to zero in all rows."""
    edited = attention.clone()
    edited[..., CAT] = 0
    return edited


def in_place(attention: torch.Tensor) -> torch.Tensor:
    """The same, in the tensor that `get_attention_scores` returned."""
    attention[..., CAT] = 0
    return attention


def twice_cat(attention: torch.Tensor) -> torch.Tensor:
    """Attention re-weighting."""
    edited = attention.clone()
    edited[..., CAT] *= 2
    return edited


def one_head(mixed: torch.Tensor) -> torch.Tensor:
    """A head switched off, after the fact."""
    edited = mixed.clone()
    edited[..., : edited.shape[-1] // 8 or 1] = 0
    return edited


def one_half(mixed: torch.Tensor) -> torch.Tensor:
    """A region of the image that gets another result, as regional prompting has it."""
    edited = mixed.clone()
    edited[:, edited.shape[1] // 2 :] *= 0.5
    return edited


EDITS: dict[str, Any] = {
    "a column set to zero": Explicit(without_cat),
    "in place": Explicit(in_place),
    "a column doubled": Explicit(twice_cat),
    "a head switched off": Kernel(one_head),
    "a part of the image": Kernel(one_half),
    "something added": Kernel(lambda mixed: mixed + 0.01),
}


@pytest.mark.parametrize("name", EDITS)
def test_attention_that_is_changed_afterwards_is_refused(sd1: Any, name: str) -> None:
    """Recorded was what the processor threw away."""
    sd1.unet.set_attn_processor(EDITS[name])
    untraced = USUAL.run(sd1)
    before = snapshot(sd1)
    with pytest.raises(WatchError, match="did not use the attention") as caught, trace(sd1):
        USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    message = str(caught.value)
    for part in ("attn2", "at step 0", type(EDITS[name]).__name__, "daam_nb.ablate", "processor"):
        assert part in message
    assert np.array_equal(np.asarray(caught.value.images[0]), np.asarray(untraced[0]))


@pytest.mark.parametrize("processor", [Explicit(lambda a: a), Kernel(lambda m: m)])
def test_the_same_processors_without_an_edit_are_recorded(sd1: Any, processor: Any) -> None:
    sd1.unet.set_attn_processor(processor)
    expected = observe(pipelines.sd1(), USUAL.run)
    with trace(sd1, dtype=torch.float32) as tracer:
        USUAL.run(sd1)
    assert_recorded(tracer.recording, expected, [1] * 3, columns=range(9), atol=1e-5)


def test_an_edit_that_begins_late_is_noticed_where_it_begins(sd1: Any) -> None:
    """Prompt-to-prompt edits some of the steps."""
    processor = Explicit(lambda attention: attention)
    sd1.unet.set_attn_processor(processor)

    def begin(_pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        if step == 1:
            processor.edit = without_cat
        return {}

    with pytest.raises(WatchError, match="at step 2"), trace(sd1):
        sd1(**USUAL.arguments(sd1), callback_on_step_end=begin)


def test_an_edit_of_one_layer_names_it(sd1: Any) -> None:
    name = next(
        name for name in sd1.unet.attn_processors if "mid_block" in name and "attn2" in name
    )
    processors = dict.fromkeys(sd1.unet.attn_processors, AttnProcessor2_0())
    sd1.unet.set_attn_processor({**processors, name: Kernel(one_half)})
    with pytest.raises(WatchError, match=name.removesuffix(".processor")), trace(sd1):
        USUAL.run(sd1)
    with trace(sd1, layers="up"):  # the others are as they were recorded
        USUAL.run(sd1)


def test_a_kernel_that_is_not_what_it_is_called(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody replaced PyTorch's function, and drops a column."""
    original = functional.scaled_dot_product_attention

    def other(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key.shape[-2] == 77:
            value = value.clone()
            value[..., CAT, :] = 0
        return original(query, key, value, *args, **kwargs)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", other)
    with pytest.raises(WatchError, match="AttnProcessor2_0"), trace(sd1):
        USUAL.run(sd1)


def test_a_hook_that_switches_heads_off(sd1: Any) -> None:
    """As heads are ablated by hand: what goes into the projection is no longer the attention."""
    module = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    handle = module.to_out[0].register_forward_pre_hook(lambda _m, args: (one_head(args[0]),))
    with pytest.raises(WatchError, match="mid_block"), trace(sd1):
        USUAL.run(sd1)
    handle.remove()
    handle = module.to_v.register_forward_hook(lambda _m, _args, values: values * 1.5)
    with trace(sd1):  # other values, to which the same attention is paid
        USUAL.run(sd1)
    sd1.unet.set_attn_processor(Explicit(lambda attention: attention))
    with trace(sd1):
        USUAL.run(sd1)
    handle.remove()


class Aside:
    """A processor that does not use the layer's output projection."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The projection's weights, by hand."""
        inside = DispatchedAttention()
        linear = attn.to_out[0]
        del attn.to_out[0]
        try:
            attn.to_out.insert(0, torch.nn.Identity())
            mixed = inside(attn, hidden_states, encoder_hidden_states, attention_mask)
        finally:
            attn.to_out[0] = linear
        return functional.linear(mixed, linear.weight, linear.bias)


def test_what_cannot_be_proved_is_refused(sd1: Any) -> None:
    sd1.unet.set_attn_processor(Aside())
    with pytest.raises(WatchError, match=r"Aside does not hand it to the layer's own"), trace(sd1):
        USUAL.run(sd1)


def test_the_images_of_an_ip_adapter_are_added(sd1: Any) -> None:
    """Also by diffusers' processor that writes attention out, whose sum cannot be told apart."""
    with_ip_adapter(sd1)
    call = sized(ip_adapter_image=pipelines.image((16, 16)))
    with trace(sd1) as tracer:
        sd1(**call)
    assert len(tracer.recordings) == 1
    written_out = {}
    for name, old in sd1.unet.attn_processors.items():
        written_out[name] = old
        if name.endswith("attn2.processor"):
            written_out[name] = IPAdapterAttnProcessor(
                old.hidden_size, old.cross_attention_dim, old.num_tokens, old.scale
            )
            written_out[name].load_state_dict(old.state_dict())
    sd1.unet.set_attn_processor(written_out)
    with trace(sd1) as tracer:
        sd1(**call)
    assert len(tracer.recordings) == 1


@pytest.mark.parametrize("build", [joint_pipelines.sd3, joint_pipelines.flux])
def test_joint_attention_that_is_changed_afterwards(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = build()
    call: dict[str, Any] = {
        "max_sequence_length": 32,
        "num_inference_steps": 2,
        "output_type": "pt",
    }
    call |= {"prompt": "a red cat", "height": 64, "width": 96}
    with trace(pipe) as tracer:
        pipe(**call)
    assert len(tracer.recordings) == 1
    original = functional.scaled_dot_product_attention

    def halved(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs) * 0.5

    monkeypatch.setattr(functional, "scaled_dot_product_attention", halved)
    with pytest.raises(WatchError, match="did not use the attention"), trace(pipe):
        pipe(**call)


def test_what_was_changed_by_an_intervention_is_what_was_used(sd1: Any) -> None:
    with ablate(sd1, words="cat"), trace(sd1) as tracer:
        USUAL.run(sd1)
    assert all(not maps[:, :, CAT].any() for maps in tracer.recording.attention.values())


def test_every_layer_of_every_pass_is_proved(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that is never made would not refuse anything."""
    proved: list[bool] = []
    original = proof.Proof.see_projected

    def see(self: proof.Proof, projected: torch.Tensor) -> None:
        if self.proved:  # seen inside of `forward`, and now of `__call__`
            return
        original(self, projected)
        proved.append(self.proved and self.worst is not None and float(self.worst) < 0.5)

    monkeypatch.setattr(proof.Proof, "see_projected", see)
    with trace(sd1, negative=True) as tracer:
        USUAL.run(sd1)
    assert proved == [True] * 3 * len(tracer.recording.layers)


def test_attention_of_which_hardly_any_is_left_rounds_as_what_it_was() -> None:
    """A replay by words can leave a query next to nothing: the kernel's own rounding is larger."""
    pipe = menagerie.load()
    pipe.set_progress_bar_config(disable=True)
    red = generate(pipe, "a red car on the grass", seed=0, keep="replay", num_inference_steps=2)
    with replay(pipe, red, alignment="words"):
        run = generate(pipe, "a car on the grass", seed=0, num_inference_steps=2)
    left = [maps.float().sum(dim=2).min().item() for maps in run.attention.values()]
    assert min(left) < 1e-3
