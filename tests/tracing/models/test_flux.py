"""FLUX.1: joint attention in double and single blocks, keys [text, image, other images]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline

import daam_nb
from daam_nb.errors import ShapeError, UnsupportedPipelineError, WatchError
from daam_nb.recording import Layer, Recording
from daam_nb.tracing import ablate, generate, redraw, reproduce, trace
from daam_nb.tracing.forming import forming_images
from daam_nb.tracing.models import DenoiserInputs, Layout
from daam_nb.tracing.models.flux import Flux
from tests import joint_pipelines as p
from tests import pipelines
from tests.tracing.expected import FLOAT32, HALF, Expected, as_arrays, assert_attention
from tests.tracing.models.joint import observe_joint
from tests.tracing.traces import Snapshot, assert_nothing_left, snapshot

PROMPT = "a red cat and a giraffe"
T5 = tuple(range(8))  # a, red, cat, and, a, gir + affe, end
LENGTH = 32

CALL: dict[str, Any] = {
    "prompt": PROMPT,
    "num_inference_steps": 3,
    "output_type": "np",
    "height": pipelines.SIZE[0],
    "width": pipelines.SIZE[1],
    "max_sequence_length": LENGTH,
}
TWO = [PROMPT, "a dog"]


@dataclass(frozen=True, eq=False)
class Case:
    """One kind of call; `passes` of the transformer in a step, the prompt's first."""

    name: str
    build: Callable[[], Any] = p.flux
    call: dict[str, Any] = field(default_factory=dict)
    passes: int = 1
    columns: tuple[tuple[int, ...], ...] = (T5,)
    atol: float = FLOAT32

    def run(self, pipe: Any) -> Any:
        given = {"generator": torch.Generator().manual_seed(0)} | CALL | self.call
        with pipelines.seeded(7):  # ControlNets draw from the global state
            return pipe(**given).images


def _fused() -> Any:
    pipe = p.flux()
    for block in (
        *pipe.transformer.transformer_blocks,
        *pipe.transformer.single_transformer_blocks,
    ):
        block.attn.fuse_projections()
    return pipe


def _in_half(dtype: torch.dtype) -> Callable[[], Any]:
    return lambda: p.flux().to(dtype)


GUIDED = {"true_cfg_scale": 4.0, "negative_prompt": "a blue house"}
FROM_IMAGE = {"image": pipelines.image(), "strength": 0.9}
MASK = {"mask_image": pipelines.half_mask()}
CONTROL = {"control_image": pipelines.image(seed=1)}
CASES = (
    Case("plain"),
    Case("distilled", lambda: p.flux(guidance_embeds=True), {"guidance_scale": 3.5}),
    Case("true-guidance", call=GUIDED, passes=2),
    Case("same-prompts", call=GUIDED | {"negative_prompt": PROMPT}, passes=2),
    Case("upright", call={"height": 112, "width": 48}),
    Case("empty-prompt", call={"prompt": ""}, columns=((0,),)),
    Case(
        "two-prompts-two-images",
        call={"prompt": TWO, "num_images_per_prompt": 2},
        columns=(T5, T5, (0, 1, 2), (0, 1, 2)),
    ),
    Case(
        "two-prompts-guided",
        call=GUIDED | {"prompt": TWO, "negative_prompt": ["blue", "a green tree"]},
        passes=2,
        columns=(T5, (0, 1, 2)),
    ),
    Case("two-texts", call={"prompt": "a dog", "prompt_2": PROMPT}),
    Case("over-the-limit", call={"prompt": "a red cat " * 40}, columns=(tuple(range(LENGTH)),)),
    Case("img2img", p.flux_img2img, {"image": pipelines.image(), "strength": 0.9}),
    Case(
        "kontext",
        p.flux_kontext,
        {"image": pipelines.image((48, 32)), "_auto_resize": False, "max_area": 64 * 96},
    ),
    Case(
        "inpaint",
        p.flux_inpaint,
        {"image": pipelines.image(), "mask_image": pipelines.half_mask(), "strength": 0.9},
    ),
    Case("fill", p.flux_fill, {"image": pipelines.image(), "mask_image": pipelines.half_mask()}),
    Case("control", p.flux_control, {"control_image": pipelines.image()}),
    Case("controlnet", p.flux_controlnet, {"control_image": pipelines.image()}),
    Case("controlnet-img2img", p.flux_controlnet_img2img, FROM_IMAGE | CONTROL),
    Case("controlnet-inpaint", p.flux_controlnet_inpaint, FROM_IMAGE | MASK | CONTROL),
    Case("control-img2img", p.flux_control_img2img, FROM_IMAGE | CONTROL),
    Case("control-inpaint", p.flux_control_inpaint, FROM_IMAGE | MASK | CONTROL),
    Case(
        "kontext-inpaint",
        p.flux_kontext_inpaint,
        FROM_IMAGE | MASK | {"_auto_resize": False, "max_area": 64 * 96},
    ),
    Case("fused", _fused),
    Case("fp16", _in_half(torch.float16), atol=HALF),
    Case("bf16", _in_half(torch.bfloat16), atol=HALF),
    Case("latents-out", call={"output_type": "latent"}),
)
NAMED = {case.name: case for case in CASES}


@dataclass(frozen=True)
class Watched:
    """A case, untraced and traced."""

    case: Case
    images: tuple[np.ndarray, ...]
    expected: Expected
    runs: tuple[Recording, ...]
    before: Snapshot
    after: Snapshot


def record(pipe: Any, case: Case, **options: Any) -> tuple[Recording, ...]:
    with trace(pipe, **{"dtype": torch.float32} | options) as tracer:
        case.run(pipe)
    return tracer.recordings


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def watched(request: pytest.FixtureRequest) -> Watched:
    """Every case in turn: run untraced, observed and traced, once for all tests."""
    case: Case = request.param
    pipe = case.build()
    untraced = case.run(pipe)
    expected = observe_joint(pipe, case.run)
    before = snapshot(pipe)
    with trace(pipe, dtype=torch.float32) as tracer:
        traced = case.run(pipe)
    after = snapshot(pipe)
    images = tuple(_pixels(images) for images in (untraced, traced, expected.images))
    images += (_pixels(case.run(pipe)),)
    return Watched(case, images, expected, tracer.recordings, before, after)


def _pixels(images: Any) -> np.ndarray:
    return images.float().numpy() if isinstance(images, torch.Tensor) else as_arrays(images)


def of_branch(case: Case, expected: Expected, branch: int) -> Expected:
    """The passes on the prompt (0) or on the negative prompt (1)."""
    attention = {name: at[branch :: case.passes] for name, at in expected.attention.items()}
    return replace(expected, attention=attention, timesteps=expected.timesteps[:: case.passes])


def compare(case: Case, expected: Expected, runs: tuple[Recording, ...]) -> None:
    """What is recorded is what weights and inputs give, of every image."""
    wanted = of_branch(case, expected, 0)
    steps = range(len(wanted.timesteps))
    assert len(runs) == len(case.columns)
    for image, run in enumerate(runs):
        assert [(layer.name, layer.stage) for layer in run.layers] == [
            (name, "single" if name.startswith("single") else "double") for name in wanted.attention
        ]
        for layer in run.layers:
            assert layer.size == wanted.sizes[layer.name]
            assert layer.heads == wanted.heads[layer.name]
        assert run.columns == case.columns[image]
        assert run.steps == tuple(steps)
        assert_attention(
            run.attention,
            wanted,
            [image] * len(steps),
            columns=case.columns[image],
            atol=case.atol,
        )


def test_the_image_is_the_untraced_one(watched: Watched) -> None:
    untraced, traced, observed, again = watched.images
    assert np.array_equal(traced, untraced)
    assert np.array_equal(observed, untraced)
    assert np.array_equal(again, untraced)
    assert untraced.std() > 0.01  # not one gray plane


def test_the_probabilities_are_those_of_weights_and_inputs(watched: Watched) -> None:
    compare(watched.case, watched.expected, watched.runs)


def test_the_modules_output_follows_from_the_probabilities(watched: Watched) -> None:
    for layer, outputs in watched.expected.outputs.items():
        assert len(outputs) == len(watched.expected.timesteps)
        for real, recomputed in outputs:
            exact = {torch.float16: 2e-3, torch.bfloat16: 2e-2}.get(real.dtype, 1e-5)
            scale = max(1.0, float(real.abs().max()))
            assert float((real.float() - recomputed.float()).abs().max()) <= exact * scale, layer


def test_the_text_gets_less_than_all(watched: Watched) -> None:
    for at in watched.expected.attention.values():
        for maps in at:
            mass = maps.sum(dim=2)
            assert float(mass.min()) > 0
            assert float(mass.max()) < 1


def test_nothing_is_left(watched: Watched) -> None:
    assert_nothing_left(watched.before, watched.after)


def test_latents_are_unpacked(watched: Watched) -> None:
    """As the pipeline itself unpacks what it decodes."""
    case = watched.case
    pipe: Any = case.build()
    packed = replace(case, call=case.call | {"output_type": "latent"}).run(pipe)
    height, width = (size * 8 for size in watched.runs[0].facts.latent_size)
    whole = pipe._unpack_latents(packed, height, width, 8)
    for image, run in enumerate(watched.runs):
        assert run.latents is not None
        latents, decoded = run.latents[-1].float(), whole[image].float()
        if case.name.endswith("inpaint"):
            # The original's are put back behind the scheduler's step: what is recorded last is what
            # the VAE was given, brought back to the scale of latents, with one rounding.
            torch.testing.assert_close(latents, decoded, rtol=1e-5, atol=1e-5)
            continue
        assert torch.equal(latents, decoded)


# --- planted faults ---------------------------------------------------------------------------


def _layout(**changes: Callable[[Layout], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    original = Flux.layout

    def plant(patch: pytest.MonkeyPatch) -> None:
        def layout(self: Flux, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
            right = original(self, layer, inputs, row)
            return replace(right, **{name: change(right) for name, change in changes.items()})

        patch.setattr(Flux, "layout", layout)

    return plant


def _always_the_prompt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Flux, "lone_block", lambda self, ran: "p")


FAULTS = {
    "the text's own queries": ("plain", _layout(image=lambda s: slice(0, s.image.stop - LENGTH))),
    "image keys": ("plain", _layout(text=lambda s: s.image.start)),
    "the other image's cells": (
        "kontext",
        _layout(image=lambda s: slice(s.image.start + 6, None)),
    ),
    "the negative pass": ("same-prompts", _always_the_prompt),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_planted_fault_is_noticed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, plant = FAULTS[what]
    case = NAMED[name]
    pipe = case.build()
    expected = observe_joint(pipe, case.run)
    compare(case, expected, record(pipe, case))
    plant(monkeypatch)
    with pytest.raises((AssertionError, WatchError)):
        compare(case, expected, record(pipe, case))


# --- words, both branches, what is said ---------------------------------------------------------


@pytest.fixture(scope="module")
def pipe() -> Any:
    """A pipeline that tests leave as it is."""
    return p.flux()


@pytest.mark.parametrize("name", ["true-guidance", "same-prompts"])
def test_the_negative_prompt(pipe: Any, name: str) -> None:
    case = NAMED[name]
    (run,) = record(pipe, case, negative=True)
    expected = of_branch(case, observe_joint(pipe, case.run), 1)
    assert run.negative_prompt is not None
    assert run.negative_prompt.text == case.call["negative_prompt"]
    assert_attention(
        run.negative_attention, expected, [0, 0, 0], columns=run.negative_columns, atol=FLOAT32
    )
    assert run.facts.guidance == 4.0
    said = " ".join(item.what for item in run.manifest.skipped)
    assert ("the check of batch rows" in said) == (name == "same-prompts")


def test_without_a_second_pass_nothing_is_guided(pipe: Any) -> None:
    (run,) = record(pipe, Case("distilled", call={"guidance_scale": 3.5}), negative=True)
    assert run.facts.guidance is None
    assert run.negative_attention == {}
    why = {item.what: item.why for item in run.manifest.skipped}
    assert why["the negative prompt's maps"] == "no row of any pass was a negative prompt's"
    assert (
        why["the prompt as the CLIP encoder reads it"] == "it gives one vector and no key columns"
    )
    assert "encoder" not in run.facts.batch


def test_words_are_those_of_prompt_2(pipe: Any) -> None:
    (run,) = record(pipe, NAMED["two-texts"])
    assert run.prompt.text == PROMPT
    assert run.prompt.token_indices("giraffe") == (5, 6)
    assert any("the words of prompt, 'a dog'" in item.what for item in run.manifest.skipped)


def test_the_image_to_refer_to_is_not_the_image() -> None:
    """Kontext: its positions stand behind the image's, and the manifest says so."""
    (run,) = record(p.flux_kontext(), NAMED["kontext"])
    why = {item.what: item.why for item in run.manifest.skipped}
    others = [what for what in why if what.startswith("attention to and of ")]
    assert others == ["attention to and of other images, 6 positions behind the image"]


def test_compiled_it_runs_eagerly_while_watched(pipe: Any) -> None:
    case = NAMED["plain"]
    expected = observe_joint(pipe, case.run)
    compiled = p.flux()
    compiled.transformer = torch.compile(compiled.transformer, backend="eager")
    with trace(compiled, dtype=torch.float32) as tracer:
        traced = case.run(compiled)
    assert np.array_equal(traced, expected.images)
    compare(case, expected, tracer.recordings)


def test_maps_a_folder_and_the_image_again(pipe: Any, tmp_path: Path) -> None:
    given = {name: value for name, value in CALL.items() if name != "prompt"}
    run = generate(pipe, PROMPT, seed=3, **given | {"output_type": "pil"})
    assert isinstance(run, Recording)
    run.save(tmp_path / "run")
    back = daam_nb.load(tmp_path / "run")
    assert [layer.stage for layer in back.layers] == ["double"] * 2 + ["single"] * 2
    maps = daam_nb.heat_maps(back)
    assert maps.word("giraffe").values.shape == run.facts.latent_size == (8, 12)
    assert maps.choice.startswith("all 4 joint layers, ")
    single = daam_nb.heat_maps(back, layers="single")
    assert single.choice.startswith("single blocks (2 of 4 joint layers), ")
    assert reproduce(run, pipe)
    last = forming_images(run, pipe, steps=-1)[0]
    assert np.array_equal(np.asarray(last), np.asarray(run.image))


# --- refusals ---------------------------------------------------------------------------------


def test_what_changes_attention_is_refused_by_name(pipe: Any) -> None:
    with pytest.raises(UnsupportedPipelineError, match=r"FluxPipeline.*trace\(pipe\)"):
        ablate(pipe, words="cat")
    with pytest.raises(UnsupportedPipelineError, match="cannot be replayed"):
        trace(pipe, keep="replay")


@pytest.mark.parametrize("fault", ["order", "reference first", "a cell less", "none of the image"])
def test_positions_that_are_no_grid_are_refused(fault: str) -> None:
    ids = torch.cartesian_prod(torch.zeros(1), torch.arange(4.0), torch.arange(6.0))
    ids, positions = {
        "order": (ids.flip(0), 24),
        "reference first": (torch.cat([torch.ones(2, 3), ids]), 26),
        "a cell less": (ids[:-1], 23),
        "none of the image": (ids + 1, 24),
    }[fault]
    sample, text = torch.zeros(1, positions, 16), torch.zeros(1, LENGTH, 64)
    arguments = {"hidden_states": sample, "encoder_hidden_states": text, "img_ids": ids}
    with pytest.raises(ShapeError, match="are not a grid, row by row"):
        Flux(p.flux()).inputs(arguments)


def test_large_grids_in_bfloat16() -> None:
    """bfloat16 rounds whole numbers above 256; the grid is counted, not read from them."""
    height, width = 300, 2
    ids = torch.cartesian_prod(torch.zeros(1), torch.arange(300.0), torch.arange(2.0))
    inputs = Flux(p.flux()).inputs(
        {
            "hidden_states": torch.zeros(1, height * width, 4),
            "encoder_hidden_states": torch.zeros(1, LENGTH, 64),
            "img_ids": ids.to(torch.bfloat16),
        }
    )
    assert inputs is not None and inputs.latent_size == (2 * height, 2 * width)


def test_each_image_of_a_batch_is_drawn_again_with_its_own_texts(pipe: Any) -> None:
    given = {name: value for name, value in CALL.items() if name != "prompt"}
    texts = ["a dog", PROMPT]
    runs = generate(pipe, ["a cat", "a bird"], seed=[3, 4], prompt_2=texts, **given)
    alone = generate(pipe, "a bird", seed=4, prompt_2=PROMPT, **given)
    assert isinstance(runs, list) and isinstance(alone, Recording)
    for seeds in ([4], [4, 4]):
        for drawn in redraw(runs[1], pipe, seeds):
            off = np.abs(np.asarray(drawn).astype(int) - np.asarray(alone.image))
            assert off.max() <= 1


def test_without_the_tokenizer_of_the_columns() -> None:
    pipe = p.flux()
    pipe.tokenizer_2 = None
    with pytest.raises(UnsupportedPipelineError, match="has no `tokenizer_2`"):
        record(pipe, Case("embeds", call={"prompt": None} | _embeddings(p.flux())), prompt=PROMPT)


def _embeddings(pipe: Any) -> dict[str, Any]:
    text, pooled, _ = pipe.encode_prompt(PROMPT, None, max_sequence_length=LENGTH)
    return {"prompt_embeds": text, "pooled_prompt_embeds": pooled}


def test_a_pipeline_that_is_called_without_a_prompt() -> None:
    class WithoutPrompt(FluxPipeline):  # as VisualCloze's
        def __call__(self, task_prompt: str, content_prompt: str) -> Any:
            return super().__call__(f"{task_prompt} {content_prompt}")

    pipe = WithoutPrompt(**p.flux().components)
    with pytest.raises(UnsupportedPipelineError, match="WithoutPrompt is called without"):
        trace(pipe)


def test_a_cache_of_attention_is_an_error_that_names_it() -> None:
    from diffusers import PyramidAttentionBroadcastConfig

    pipe = p.flux()
    pipe.transformer.enable_cache(
        PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=2,
            spatial_attention_timestep_skip_range=(0, 2000),
            current_timestep_callback=lambda: 500,
        )
    )
    way_out = r"pipe\.transformer\.disable_cache\(\)"
    with pytest.raises(WatchError, match=way_out) as caught, trace(pipe):
        NAMED["plain"].run(pipe)
    assert len(caught.value.images) == 1


def test_a_cache_that_skips_layers_is_an_error_with_the_image() -> None:
    """A layer that did not run has no attention in that step; nothing is made up."""
    from diffusers import FirstBlockCacheConfig

    pipe = p.flux()
    case = NAMED["plain"]
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=100.0))
    with pytest.raises(WatchError, match="did not run in step 1") as caught, trace(pipe):
        case.run(pipe)
    assert len(caught.value.images) == 1
