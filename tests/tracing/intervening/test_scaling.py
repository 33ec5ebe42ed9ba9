"""`ablate` and `reweight` against images made by processors that write the attention out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb import heat_maps
from daam_nb.errors import (
    AmbiguousWordError,
    DaamError,
    InterventionError,
    MissingTextError,
    SelectionError,
    ShapeError,
    TruncatedWordError,
    WatchError,
    WordNotFoundError,
)
from daam_nb.tracing import ablate, generate, reweight, trace
from tests import pipeline_variants as v
from tests import pipelines
from tests.tracing.cases import PROMPT, TWO, Case, embedded, sized
from tests.tracing.intervened import image

CAT = 3  # the key column of "cat" in PROMPT: start, a, red, cat
USUAL = Case("usual", pipelines.sd1)
ATOL = 1e-5  # of a pixel in [0, 1]: kernels and written-out attention differ by rounding alone


def without(column: int, *rows: int) -> Callable[[Tensor, str, int], Tensor]:
    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[list(rows), :, :, column] = 0
        return attention

    return rewrite


def assert_far(a: np.ndarray, b: np.ndarray) -> None:
    """The change is far above rounding, so that a comparison with it says something."""
    assert np.abs(a - b).max() > 1e-3


# --- every way in which attention is computed -------------------------------------------------


def _ip(pipe: Any) -> Any:
    """Two kernel calls per layer, of which the second (images) must be left alone."""
    v.with_ip_adapter(pipe).set_ip_adapter_scale(0.0)
    return pipe


PROCESSORS = {
    "default": lambda pipe: pipe,
    "AttnProcessor2_0": v.with_sdpa,
    "AttnProcessor": v.with_explicit_softmax,
    "sliced, all heads": lambda pipe: v.with_slicing(pipe, "max"),
    "sliced, head by head": lambda pipe: v.with_slicing(pipe, 1),
    "fused": v.with_fused_qkv,
    "peft lora": v.with_lora,
    "loaded lora at 0.8": v.with_loaded_lora,
    "dispatcher": v.with_dispatcher,
    "text mask": v.with_text_mask,
    "channels last": v.with_channels_last,
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_every_processor(name: str) -> None:
    pipe = PROCESSORS[name](pipelines.sd1())
    before = USUAL.run(pipe)
    expected, _ = image(USUAL, pipe, without(CAT, 1))
    with ablate(pipe, words="cat"):
        got = USUAL.run(pipe)
    assert np.abs(got - expected).max() < ATOL
    assert_far(got, before)
    assert np.array_equal(USUAL.run(pipe), before)  # and after it all is as before


def test_an_ip_adapter(sd1: Any) -> None:
    case = Case("ip", pipelines.sd1, sized(ip_adapter_image=pipelines.image((16, 16))))
    with ablate(sd1, words="cat"):
        expected = USUAL.run(sd1)
    _ip(sd1)
    with ablate(sd1, words="cat"):
        got = case.run(sd1)
    assert np.abs(got - expected).max() < ATOL  # at scale 0 the adapter adds nothing
    sd1.set_ip_adapter_scale(0.7)
    plain = case.run(sd1)
    assert_far(plain, got)
    with reweight(sd1, "cat", 1.0):
        assert np.array_equal(case.run(sd1), plain)


KINDS = {
    "sd2": (Case("sd2", pipelines.sd2), (1,)),
    "sdxl": (Case("sdxl", pipelines.sdxl), (1,)),
    "unguided": (Case("unguided", pipelines.sd1, sized(guidance_scale=1.0)), (0,)),
    "lcm": (Case("lcm", pipelines.lcm), (0,)),
    "pag": (Case("pag", pipelines.pag), (1, 2)),  # both rows of the prompt
    "controlnet": (
        Case("controlnet", pipelines.controlnet, sized(image=pipelines.image())),
        (1,),
    ),
    "negative": (Case("negative", pipelines.sd1, sized(negative_prompt="a blue cat")), (1,)),
    "same": (Case("same", pipelines.sd1, sized(negative_prompt=PROMPT)), (1,)),
    "images": (Case("images", pipelines.sd1, sized(num_images_per_prompt=2)), (2, 3)),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_batch(name: str) -> None:
    case, rows = KINDS[name]
    pipe = case.build()
    expected, _ = image(case, pipe, without(CAT, *rows))
    with ablate(pipe, words="cat"):
        got = case.run(pipe)
    assert np.abs(got - expected).max() < ATOL
    assert_far(got, case.run(pipe))


def test_a_word_at_another_place_in_each_prompt(sd1: Any) -> None:
    case = Case("two", pipelines.sd1, sized(prompt=["a red cat", "cat and dog"]))

    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[2, :, :, 3] = 0
        attention[3, :, :, 1] = 0
        return attention

    expected, _ = image(case, sd1, rewrite)
    with ablate(sd1, words="cat"):
        assert np.abs(case.run(sd1) - expected).max() < ATOL


def test_half_precision(sd1: Any) -> None:
    """The trace sees exact zeros, and the model goes on in its own dtype."""
    pipe = sd1.to(torch.bfloat16)
    with ablate(pipe, words="cat"), trace(pipe) as tracer:
        got = USUAL.run(pipe)
    assert all((maps[:, :, CAT] == 0).all() for maps in tracer.recording.attention.values())
    assert_far(got, USUAL.run(pipe))


# --- what is chosen ---------------------------------------------------------------------------


def test_heads_layers_and_steps(sd1: Any) -> None:
    def rewrite(attention: Tensor, layer: str, step: int) -> Tensor:
        attention = attention.clone()
        if layer.startswith("up_blocks.1") and step in (0, 2):
            attention[1, 1, :, CAT] = 0
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with ablate(sd1, words="cat", heads=1, layers="up_blocks.1", steps=[0, -1]):
        got = USUAL.run(sd1)
    assert np.abs(got - expected).max() < ATOL
    assert not np.array_equal(got, USUAL.run(sd1))


def test_a_whole_head_of_both_passes(sd1: Any) -> None:
    def rewrite(attention: Tensor, layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        if layer.startswith("mid_block"):
            attention[:, 5] = 0
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with ablate(sd1, heads=[5], layers="mid", passes="both"):
        assert np.abs(USUAL.run(sd1) - expected).max() < ATOL


def test_an_area(sd1: Any) -> None:
    """The left half of the image, at layers of (8, 12), (4, 6) and (2, 3) cells."""
    half = np.zeros((64, 96), dtype=bool)
    half[:, :48] = True

    def rewrite(attention: Tensor, layer: str, _step: int) -> Tensor:
        n = attention.shape[2]
        width = {96: 12, 24: 6, 6: 3}[n]
        attention = attention.clone()
        grid = attention[1].unflatten(1, (-1, width))  # (head, y, x, key)
        grid[:, :, : (width + 1) // 2, CAT] = 0  # of 3 cells, half of the middle one lies in it
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with ablate(sd1, words="cat", area=half):
        got = USUAL.run(sd1)
    assert np.abs(got - expected).max() < ATOL
    with ablate(sd1, words="cat", area=np.ones((3, 5), dtype=bool)):
        everywhere = USUAL.run(sd1)
    with ablate(sd1, words="cat"):
        assert np.array_equal(USUAL.run(sd1), everywhere)
    assert_far(got, everywhere)
    with ablate(sd1, words="cat", area=~np.ones((3, 5), dtype=bool)):
        assert np.array_equal(USUAL.run(sd1), sd1(**USUAL.arguments(sd1)).images)
    with (
        pytest.raises(ShapeError, match=r"area= is 96 x 64 \(height x width\), and the attention"),
        ablate(sd1, words="cat", area=half.T),  # on its side
    ):
        USUAL.run(sd1)


def test_tokens_that_are_no_words(sd1: Any) -> None:
    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[:, :, :, 8:] = 0  # end of text and padding
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with ablate(sd1, tokens=range(8, 77), passes="both"):
        assert np.abs(USUAL.run(sd1) - expected).max() < ATOL


def test_words_and_tokens_together(sd1: Any) -> None:
    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[1, :, :, [2, 3, 8]] = 0
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with ablate(sd1, words=["cat", (2, 5)], tokens=8):  # "red" by its characters
        assert np.abs(USUAL.run(sd1) - expected).max() < ATOL


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_reweighting(sd1: Any, factor: float) -> None:
    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[1, :, :, [6, 7]] *= factor  # "giraffe" is two tokens
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with reweight(sd1, "giraffe", factor):
        assert np.abs(USUAL.run(sd1) - expected).max() < ATOL


def test_renormalizing(sd1: Any) -> None:
    def rewrite(attention: Tensor, _layer: str, _step: int) -> Tensor:
        attention = attention.clone()
        attention[1, :, :, CAT] *= 4
        attention[1] /= attention[1].sum(-1, keepdim=True)
        return attention

    expected, _ = image(USUAL, sd1, rewrite)
    with reweight(sd1, "cat", 4.0, renormalize=True):
        assert np.abs(USUAL.run(sd1) - expected).max() < ATOL


def test_a_factor_of_0_is_ablation(sd1: Any) -> None:
    with ablate(sd1, words="cat"):
        ablated = USUAL.run(sd1)
    with reweight(sd1, "cat", 0):
        assert np.array_equal(USUAL.run(sd1), ablated)


NOTHING: dict[str, Any] = {
    "nothing": {},
    "no words": {"words": []},
    "no tokens": {"tokens": ()},
    "no heads": {"words": "cat", "heads": []},
    "no layers": {"words": "cat", "layers": []},
    "no steps": {"words": "cat", "steps": ()},
    "both passes of nothing": {"passes": "both"},
}


@pytest.mark.parametrize("name", NOTHING)
def test_ablating_nothing_is_bit_identical(sd1: Any, name: str) -> None:
    plain = USUAL.run(sd1)
    with ablate(sd1, **NOTHING[name]):
        assert np.array_equal(USUAL.run(sd1), plain)


@pytest.mark.parametrize("change", [v.with_explicit_softmax, v.with_slicing, v.with_dispatcher])
def test_a_factor_of_1_is_bit_identical(sd1: Any, change: Callable[[Any], Any]) -> None:
    change(sd1)
    plain = USUAL.run(sd1)
    with reweight(sd1, "cat", 1):
        assert np.array_equal(USUAL.run(sd1), plain)


def test_prompt_embeds(sd1: Any) -> None:
    case = Case("embeds", pipelines.sd1, embedded(PROMPT))
    with ablate(sd1, words="cat"):
        expected = USUAL.run(sd1)
    with ablate(sd1, words="cat", prompt=PROMPT):
        assert np.array_equal(case.run(sd1), expected)
    with ablate(sd1, words="cat"):  # encoded inside the block: what was read is known
        assert np.array_equal(case.run(sd1), expected)
    arguments = case.arguments(sd1)
    before = Case("before", pipelines.sd1, arguments)
    with ablate(sd1, tokens=CAT):
        before.run(sd1)
    with pytest.raises(MissingTextError, match=r"prompt=.*tokens="), ablate(sd1, words="cat"):
        before.run(sd1)


# --- what cannot be ---------------------------------------------------------------------------

ERRORS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "absent": ({"words": "dog"}, WordNotFoundError, r"'dog' is not a word.*Its words are 'a', 'r"),
    "twice": ({"words": "a"}, AmbiguousWordError, r"'a' occurs 2 times.*occurrence=0 or 1"),
    "head": ({"heads": 2, "layers": "down"}, SelectionError, r"has no head 2: it has 2, 0 to 1"),
    "layer": ({"layers": "attic"}, SelectionError, "'attic' selects none of the 7 layers"),
    "step": ({"words": "cat", "steps": 3}, SelectionError, r"steps=\[3\]: There is no step 3"),
    "slice": ({"words": "cat", "steps": slice(7, 9)}, SelectionError, "none of the 3 steps"),
    "token": ({"tokens": 77}, SelectionError, r"tokens=77 is not a key position.*0 to 76"),
    "all": ({"heads": 0, "renormalize": True}, SelectionError, "every column is chosen"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_choices_that_do_not_exist_stop_the_call_before_a_step(sd1: Any, name: str) -> None:
    choices, error, text = ERRORS[name]
    steps: list[int] = []

    def count(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        steps.append(step)
        return tensors

    with pytest.raises(error, match=text), ablate(sd1, **choices):
        sd1(**USUAL.arguments(sd1), callback_on_step_end=count)
    assert not steps


def test_a_truncated_word(sd1: Any) -> None:
    with pytest.raises(TruncatedWordError, match="were not read"), ablate(sd1, words="giraffe"):
        sd1("a red cat " * 30 + "giraffe", num_inference_steps=1)


def test_a_word_that_one_prompt_of_the_batch_lacks(sd1: Any) -> None:
    with (
        pytest.raises(WordNotFoundError, match="'cat' is not a word or phrase of 'a dog'"),
        ablate(sd1, words="cat"),
    ):
        sd1(list(TWO), num_inference_steps=1)


UNREADABLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "passes": (lambda pipe: ablate(pipe, passes="some"), "'some' is neither 'prompt' nor 'both'"),  # type: ignore[arg-type]
    "words": (lambda pipe: ablate(pipe, words=[3]), "Give key positions as tokens="),  # type: ignore[list-item]
    "both": (lambda pipe: ablate(pipe, words="cat", passes="both"), "leave out passes="),
    "heads": (lambda pipe: ablate(pipe, heads="all"), "heads must be a whole number"),  # type: ignore[arg-type]
    "true": (lambda pipe: ablate(pipe, heads=[True]), "A head is chosen by a whole number"),
    "slice of true": (lambda pipe: ablate(pipe, steps=slice(True, None)), "the ends of a slice"),
    "steps of true": (lambda pipe: ablate(pipe, steps=True), "A step is chosen by a whole number"),
    "minus": (lambda pipe: ablate(pipe, heads=-1), "There is no head -1: heads count from 0"),
    "factor": (lambda pipe: reweight(pipe, "cat", -1), "finite number from 0"),
    "nan": (lambda pipe: reweight(pipe, "cat", float("nan")), "finite number from 0"),
    "area": (lambda pipe: ablate(pipe, words="cat", area=[[1, 2]]), "mask of the image"),
    "no word": (lambda pipe: reweight(pipe, None, 2), "Nothing was chosen"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_choices_that_cannot_be_read(plain: Any, name: str) -> None:
    make, text = UNREADABLE[name]
    with pytest.raises(SelectionError, match=text):
        make(plain)


def test_attention_that_nobody_can_change_is_refused() -> None:
    pipe = v.with_handmade_attention(pipelines.sd1())
    with (
        pytest.raises(InterventionError, match=r"HandmadeAttention .*set_default_attn_processor"),
        ablate(pipe, words="cat"),
    ):
        USUAL.run(pipe)


def test_a_pipeline_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(TypeError, match="of a family that this version cannot read"):
        ablate(pipelines.dit(), words="cat")


CALL: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}


def test_weights_beyond_the_storage_are_not_kept_as_infinity(plain: Any) -> None:
    """A recording of them said that the model had overflowed."""
    with (
        pytest.raises(WatchError, match=r"reweight.*float16 holds.*dtype=torch\.float32") as caught,
        reweight(plain, "cat", 1e6),
    ):
        generate(plain, "a red cat", seed=0, **CALL)
    assert len(caught.value.images) == 1
    with reweight(plain, "cat", 1e6):
        run = generate(plain, "a red cat", seed=0, dtype=torch.float32, **CALL)
    assert float(max(attention.max() for attention in run.attention.values())) > 65504


def test_weights_that_leave_no_image_are_said(plain: Any) -> None:
    with (
        pytest.raises(DaamError, match="not finite"),
        np.errstate(all="ignore"),
        reweight(plain, "cat", 1e38),
    ):
        plain("a red cat", **CALL)
    with pytest.raises(SelectionError, match=r"from 0 to 3\.4e\+38"):
        reweight(plain, "cat", 1e300)


@pytest.mark.parametrize("factor", [np.float32(2), np.int64(2), torch.tensor(2.0)])
def test_numbers_of_numpy_and_torch_are_numbers(plain: Any, factor: Any) -> None:
    assert str(reweight(plain, "cat", factor).change) == str(reweight(plain, "cat", 2.0).change)


def test_a_map_is_no_area(plain: Any) -> None:
    word_map = heat_maps(generate(plain, "a red cat", seed=0, **CALL)).word("cat")
    with pytest.raises(SelectionError, match=r"a WordHeatMap.*continuous values.*\.mask\(0\.4\)"):
        ablate(plain, words="cat", area=word_map)
