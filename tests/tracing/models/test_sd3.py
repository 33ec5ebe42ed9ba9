"""Stable Diffusion 3: joint attention, keys [image, text], text [CLIP, T5]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import JointAttnProcessor2_0

import daam_nb
from daam_nb.errors import (
    MissingTextError,
    SelectionError,
    ShapeError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer, Recording
from daam_nb.show.explorer.model.agreement import preview_distance
from daam_nb.tracing import ablate, generate, reproduce, reweight, trace
from daam_nb.tracing.forming import forming_images
from daam_nb.tracing.models import DenoiserInputs, Layout
from daam_nb.tracing.models.sd3 import StableDiffusion3
from tests import joint_pipelines as p
from tests import pipelines
from tests.tracing.expected import (
    FLOAT32,
    HALF,
    Expected,
    as_arrays,
    assert_attention,
    row_of,
)
from tests.tracing.models.joint import observe_joint
from tests.tracing.traces import Snapshot, assert_nothing_left, snapshot

PROMPT = "a red cat and a giraffe"
CLIP = tuple(range(9))  # start, a, red, cat, and, a, gir + affe, end
T5 = tuple(range(8))  # the same without a start
WINDOW, LENGTH = 77, 32

CALL: dict[str, Any] = {
    "prompt": PROMPT,
    "num_inference_steps": 3,
    "guidance_scale": 5.0,
    "output_type": "np",
    "height": pipelines.SIZE[0],
    "width": pipelines.SIZE[1],
    "max_sequence_length": LENGTH,
}
TWO = [PROMPT, "a dog"]
SKIPPING = {
    "skip_guidance_layers": [1],
    "skip_layer_guidance_start": 0.0,
    "skip_layer_guidance_stop": 1.0,
}


@dataclass(frozen=True, eq=False)
class Case:
    """One kind of call; `columns`: the key positions kept of each image's text, by hand."""

    name: str
    build: Callable[[], Any] = p.sd3
    call: dict[str, Any] = field(default_factory=dict)
    layout: str = "np"
    columns: tuple[tuple[int, ...], ...] = (CLIP,)
    encoder: str | None = None
    first: int = 0
    atol: float = FLOAT32

    def run(self, pipe: Any) -> Any:
        given = {"generator": torch.Generator().manual_seed(0)} | CALL | self.call
        with pipelines.seeded(7):  # ControlNets draw from the global state
            return pipe(**given).images


def _with_lora() -> Any:
    from peft import LoraConfig

    pipe = p.sd3()
    names = ["to_q", "to_k", "add_k_proj"]
    config = LoraConfig(r=3, lora_alpha=6, target_modules=names, init_lora_weights=False)
    with pipelines.seeded(21):
        pipe.transformer.add_adapter(config, "tiny")
        for name, parameter in pipe.transformer.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    return pipe


def _fused() -> Any:
    pipe = p.sd3(qk_norm=None, dual_attention_layers=())
    pipe.transformer.fuse_qkv_projections()
    return pipe


def _in_half(dtype: torch.dtype) -> Callable[[], Any]:
    return lambda: p.sd3().to(dtype)


CASES = (
    Case("plain"),
    Case("t5", encoder="t5", columns=(T5,), first=WINDOW),
    Case("without-t5", lambda: p.sd3(t5=False)),
    Case(
        "small-window-without-t5",
        lambda: p.sd3(t5=False, window=16, patch_size=1, pos_embed_max_size=16),
        {"prompt": "a dog " * 10},
        columns=(tuple(range(16)),),
    ),
    Case("no-dual-no-norm", lambda: p.sd3(qk_norm=None, dual_attention_layers=())),
    Case("patch-of-1", lambda: p.sd3(patch_size=1, pos_embed_max_size=16)),
    Case("guidance-off", call={"guidance_scale": 1.0}, layout="p"),
    Case("negative-prompt", call={"negative_prompt": "a blue house"}),
    Case("same-prompts", call={"negative_prompt": PROMPT}),
    Case("empty-prompt", call={"prompt": ""}, columns=((0, 1),)),
    Case("upright", call={"height": 112, "width": 48}),
    Case(
        "two-prompts-three-images",
        call={"prompt": TWO, "num_images_per_prompt": 3, "negative_prompt": ["blue", "a tree"]},
        columns=(CLIP,) * 3 + ((0, 1, 2, 3),) * 3,
    ),
    Case(
        "two-prompts-unguided-t5",
        call={"prompt": TWO, "guidance_scale": 0.0},
        layout="p",
        encoder="t5",
        columns=(T5, (0, 1, 2)),
        first=WINDOW,
    ),
    Case(
        "three-texts-t5",
        call={"prompt": "a dog", "prompt_2": "a bird", "prompt_3": PROMPT},
        encoder="t5",
        columns=(T5,),
        first=WINDOW,
    ),
    Case("over-the-window", call={"prompt": "a red cat " * 40}, columns=(tuple(range(WINDOW)),)),
    Case("skip-layer-guidance", call=SKIPPING),
    Case("img2img", p.sd3_img2img, {"image": pipelines.image(), "strength": 0.9}),
    Case(
        "inpaint",
        p.sd3_inpaint,
        {"image": pipelines.image(), "mask_image": pipelines.half_mask(), "strength": 0.9},
    ),
    Case("controlnet", p.sd3_controlnet, {"control_image": pipelines.image()}),
    Case(
        "controlnet-inpaint",
        p.sd3_controlnet_inpaint,
        {"control_image": pipelines.image(), "control_mask": pipelines.half_mask()},
    ),
    Case("fused", _fused),
    Case("lora", _with_lora),
    Case("lora-scaled", _with_lora, {"joint_attention_kwargs": {"scale": 0.3}}),
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
    chosen = {"dtype": torch.float32, "encoder": case.encoder} | options
    with trace(pipe, **chosen) as tracer:
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
    with trace(pipe, dtype=torch.float32, encoder=case.encoder) as tracer:
        traced = case.run(pipe)
    after = snapshot(pipe)
    images = tuple(map(as_arrays, (untraced, traced, expected.images, case.run(pipe))))
    return Watched(case, images, expected, tracer.recordings, before, after)


def of_text(case: Case, expected: Expected) -> Expected:
    """The expected maps of the columns that the case's text encoder makes."""
    attention = {
        name: [maps[:, :, case.first :] for maps in at] for name, at in expected.attention.items()
    }
    return replace(expected, attention=attention)


def compare(case: Case, expected: Expected, runs: tuple[Recording, ...]) -> None:
    """What is recorded is what weights and inputs give, of every image."""
    steps = range(len(expected.timesteps))
    assert len(runs) == len(case.columns)
    for image, run in enumerate(runs):
        rows = [row_of(case.layout, image, len(runs))[0]] * len(steps)
        assert [(layer.name, layer.stage) for layer in run.layers] == [
            (name, "double") for name in expected.attention
        ]
        for layer in run.layers:
            assert layer.size == expected.sizes[layer.name]
            assert layer.heads == expected.heads[layer.name]
        assert run.columns == case.columns[image]
        assert run.steps == tuple(steps)
        assert_attention(
            run.attention,
            of_text(case, expected),
            rows,
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
    """Shares of all keys, image keys too: nothing is renormalized."""
    for at in watched.expected.attention.values():
        for maps in at:
            mass = maps.sum(dim=2)
            assert float(mass.min()) > 0
            assert float(mass.max()) < 1
    for run in watched.runs:
        what = [item.what for item in run.manifest.skipped]
        assert "attention to image keys, and all attention of the text's own queries" in what


def test_nothing_is_left(watched: Watched) -> None:
    assert_nothing_left(watched.before, watched.after)


# --- planted faults ---------------------------------------------------------------------------


def _text_first(patch: pytest.MonkeyPatch) -> None:
    original = StableDiffusion3.layout

    def layout(self: StableDiffusion3, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        right = original(self, layer, inputs, row)
        return replace(right, image=slice(inputs.columns(row), None), text=0)

    patch.setattr(StableDiffusion3, "layout", layout)


def _clip_for_t5(patch: pytest.MonkeyPatch) -> None:
    original = StableDiffusion3.stream
    patch.setattr(
        StableDiffusion3, "stream", lambda *a: replace(original(*a), first=0, last=LENGTH)
    )


def _renormalized(patch: pytest.MonkeyPatch) -> None:
    from daam_nb.tracing import observer

    original = observer.probabilities

    def wrong(query: Any, key: Any, columns: Any, **options: Any) -> Any:
        found = original(query, key, columns, **options)
        return found / found.sum(dim=1, keepdim=True)

    patch.setattr(observer, "probabilities", wrong)


@pytest.mark.parametrize(
    ("name", "plant"),
    [("plain", _text_first), ("t5", _clip_for_t5), ("plain", _renormalized)],
    ids=["text first", "CLIP's columns for T5's", "renormalized"],
)
def test_a_planted_fault_is_noticed(
    name: str, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = NAMED[name]
    pipe = case.build()
    expected = observe_joint(pipe, case.run)
    compare(case, expected, record(pipe, case))
    plant(monkeypatch)
    # Some are noticed before they are compared: nobody wrote such rows, or used such attention.
    with pytest.raises((AssertionError, MissingTextError, WatchError)):
        compare(case, expected, record(pipe, case))


# --- words, both branches, what is said ---------------------------------------------------------


@pytest.fixture(scope="module")
def pipe() -> Any:
    """A pipeline that tests leave as it is."""
    return p.sd3()


@pytest.mark.parametrize(("encoder", "first"), [("clip", 0), ("t5", WINDOW)])
def test_the_negative_prompt(pipe: Any, encoder: str, first: int) -> None:
    case = Case("both", call={"negative_prompt": "a blue house"}, encoder=encoder, first=first)
    (run,) = record(pipe, case, negative=True)
    expected = of_text(case, observe_joint(pipe, case.run))
    assert run.negative_prompt is not None
    assert run.negative_prompt.text == "a blue house"
    assert_attention(
        run.negative_attention, expected, [0, 0, 0], columns=run.negative_columns, atol=FLOAT32
    )
    words = [run.negative_prompt.tokens[i] for i in run.negative_prompt.token_indices("house")]
    assert [token.piece.strip("▁").removesuffix("</w>") for token in words] == ["house"]
    assert run.facts.guidance == 5.0


def test_a_word_is_at_its_columns_in_both_encoders(pipe: Any) -> None:
    (clip,), (t5,) = (record(pipe, NAMED[name]) for name in ("plain", "t5"))
    assert clip.prompt.token_indices("giraffe") == (6, 7)
    assert t5.prompt.token_indices("giraffe") == (5, 6)
    assert (len(clip.prompt.tokens), len(t5.prompt.tokens)) == (WINDOW, LENGTH)
    assert (clip.facts.batch["encoder"], t5.facts.batch["encoder"]) == ("clip", "t5")


def skipped(run: Recording) -> str:
    return "\n".join(f"{item.what}: {item.why}" for item in run.manifest.skipped)


def test_the_manifest_says_what_is_missing(pipe: Any) -> None:
    (run,) = record(pipe, Case("guided", call=SKIPPING | {"prompt_3": "a dog"}))
    said = skipped(run)
    assert "attn2 of the dual layers (1): it is self-attention of the image" in said
    assert 'the text columns of the T5 encoder: a word has other tokens there; encoder="t5"' in said
    assert "the words of prompt_3, 'a dog'" in said
    assert "the extra pass of skip-layer guidance" in said
    assert "joint attention, image to text, of 3 layers" in run.manifest.captured[0]
    assert run.manifest.captured[0].endswith(", attention probability over image and text)")
    (other,) = record(pipe, NAMED["t5"])
    assert "the 77 text columns of the CLIP encoders" in skipped(other)
    assert "skip-layer" not in skipped(other)
    (alone,) = record(p.sd3(t5=False, dual_attention_layers=()), NAMED["plain"])
    assert "this pipeline has no T5 encoder" in skipped(alone)
    assert "attn2" not in skipped(alone)
    assert "encoder" not in alone.facts.batch


def test_other_texts_are_named_where_they_are_other(pipe: Any) -> None:
    second = {"prompt_2": "", "negative_prompt_2": "a bird", "negative_prompt_3": "a tree"}
    case = Case("second texts", call=second)
    (alone,) = record(pipe, case)
    assert "the words of" not in skipped(alone)  # an empty text is that of the first encoder
    (both,) = record(pipe, case, negative=True)
    said = skipped(both)
    assert "the words of negative_prompt_2, 'a bird'" in said
    assert "the words of negative_prompt_3, 'a tree': only the T5 encoder" in said


def test_tokens_and_layers_are_chosen_as_ever(pipe: Any) -> None:
    case = NAMED["plain"]
    (run,) = record(
        pipe, case, tokens=["cat"], layers="transformer_blocks.1", keep_steps=slice(1, None)
    )
    assert run.columns == (3,)
    assert [layer.name for layer in run.layers] == ["transformer_blocks.1.attn"]
    expected = observe_joint(pipe, case.run)
    assert_attention(
        run.attention, expected, [1, 1, 1], columns=(3,), atol=FLOAT32,
        layers=["transformer_blocks.1.attn"], steps=(1, 2),
    )  # fmt: skip
    (summed,) = record(pipe, case, keep="sum")
    (apart,) = record(pipe, case)
    for name, values in summed.attention.items():
        assert torch.allclose(values[0], apart.attention[name].sum(0), atol=1e-6)
    (every,) = record(pipe, case, tokens="all")
    assert every.columns == tuple(range(WINDOW))


def test_embeddings_with_their_text(pipe: Any) -> None:
    names = ("prompt_embeds", "negative_prompt_embeds")
    names += ("pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    made = pipe.encode_prompt(PROMPT, None, None, "cpu", max_sequence_length=LENGTH)
    case = Case("embeds", call={"prompt": None} | dict(zip(names, made, strict=True)))
    compare(case, observe_joint(pipe, case.run), record(pipe, case, prompt=PROMPT))
    with pytest.raises(MissingTextError, match="prompt_embeds"):
        record(pipe, case)
    (both,) = record(pipe, case, prompt=PROMPT, negative=True)
    assert both.negative_prompt is not None and both.negative_prompt.text == ""  # it is known
    blue = pipe.encode_prompt("a blue house", None, None, "cpu", max_sequence_length=LENGTH)[0]
    other = replace(case, call=dict(case.call) | {"negative_prompt_embeds": blue})
    with pytest.raises(MissingTextError, match="negative_prompt_embeds and no negative_prompt"):
        record(pipe, other, prompt=PROMPT, negative=True)
    short = {
        name: t[:, :50] if t.ndim == 3 else t for name, t in case.call.items() if name != "prompt"
    }
    with pytest.raises(ShapeError, match="50 columns, fewer than the 77"):
        record(pipe, replace(case, call={"prompt": None} | short), prompt=PROMPT)


def test_encoders_that_were_set_free_after_they_encoded() -> None:
    """Embeddings from elsewhere hold T5's columns, although the pipeline has no T5 any more."""
    pipe = p.sd3()
    names = ("prompt_embeds", "negative_prompt_embeds")
    names += ("pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    made = pipe.encode_prompt(PROMPT, None, None, "cpu", max_sequence_length=LENGTH)
    pipe.text_encoder_3 = None
    case = replace(NAMED["t5"], call={"prompt": None} | dict(zip(names, made, strict=True)))
    with pytest.raises(MissingTextError, match=r"no text encoder to ask.*max_length=32"):
        record(pipe, case, prompt=PROMPT)  # nothing can compare them: the columns are to be named
    named = Prompt.from_tokenizer(PROMPT, pipe.tokenizer_3, max_length=LENGTH)
    recordings = record(pipe, case, prompt=named)
    compare(case, observe_joint(pipe, case.run), recordings)
    assert "the check of the columns' names" in skipped(recordings[0])
    (run,) = record(pipe, replace(case, encoder=None), prompt=PROMPT)
    assert run.facts.batch["encoder"] == "clip"
    assert "the text columns of the T5 encoder: a word has other tokens there" in skipped(run)
    # Of a prompt that this pipeline encodes itself, these columns are zeros.
    with pytest.raises(SelectionError, match="fills with zeros: it has no T5 encoder"):
        record(pipe, NAMED["t5"])
    (zeros,) = record(pipe, NAMED["plain"])
    assert "these keys come from zeros and from no word" in skipped(zeros)
    pipe.tokenizer_3 = None
    (unnamed,) = record(pipe, replace(case, encoder=None), prompt=PROMPT)
    assert "this pipeline has no T5 tokenizer to name them" in skipped(unnamed)


# --- what becomes of a recording --------------------------------------------------------------


def test_maps_a_folder_and_the_image_again(pipe: Any, tmp_path: Path) -> None:
    given = {name: value for name, value in CALL.items() if name != "prompt"}
    run = generate(pipe, PROMPT, seed=3, **given | {"output_type": "pil"})
    assert isinstance(run, Recording)
    run.save(tmp_path / "run")
    back = daam_nb.load(tmp_path / "run")
    assert [layer.stage for layer in back.layers] == ["double"] * 3
    one, other = (daam_nb.heat_maps(r).word("giraffe") for r in (run, back))
    assert one.values.shape == (8, 12)  # the latent's grid, twice as fine as the layers'
    assert torch.equal(torch.as_tensor(one.values), torch.as_tensor(other.values))
    assert daam_nb.heat_maps(run, layers="all").layers == daam_nb.heat_maps(run).layers
    assert reproduce(run, pipe)
    last = forming_images(run, pipe, steps=-1)[0]
    assert np.array_equal(np.asarray(last), np.asarray(run.image))
    distance = preview_distance(run, ranges=2)
    assert distance.maps > 0 and distance.overlap > 0.5


def test_in_half_precision_the_last_frame_is_the_image() -> None:
    """These pipelines decode in half precision, whatever the VAE's configuration asks for."""
    pipe = p.sd3().to(torch.float16)
    assert pipe.vae.config.force_upcast
    run = generate(pipe, PROMPT, seed=3, **{k: v for k, v in CALL.items() if k != "prompt"})
    assert isinstance(run, Recording)
    last = forming_images(run, pipe, steps=-1)[0]
    assert np.array_equal(np.asarray(last), np.asarray(run.image))


def test_encoder_goes_through_generate(pipe: Any) -> None:
    given = {name: value for name, value in CALL.items() if name != "prompt"}
    run = generate(pipe, PROMPT, seed=3, encoder="t5", **given)
    assert isinstance(run, Recording)
    assert run.columns == T5


# --- refusals ---------------------------------------------------------------------------------


def test_an_encoder_that_is_not_there(pipe: Any) -> None:
    with pytest.raises(SelectionError, match="'clip': the columns that the two CLIP encoders"):
        trace(p.sd3(t5=False), encoder="t5")
    with pytest.raises(SelectionError, match="'t5': the columns of the T5 encoder"):
        trace(pipe, encoder="bert")
    with pytest.raises(SelectionError, match=r"encoder=\['clip', 't5'\] is not a text encoder"):
        trace(pipe, encoder=["clip", "t5"])  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="StableDiffusionPipeline"):
        trace(pipelines.sd1(), encoder="t5")


def test_a_pipeline_that_does_not_say_how_many_columns_are_clips() -> None:
    pipe = p.sd3()
    del pipe.tokenizer_max_length
    before = snapshot(pipe)
    with pytest.raises(UnsupportedPipelineError, match="tokenizer_max_length"):
        trace(pipe)
    assert_nothing_left(before, snapshot(pipe))


def test_what_fails_on_entering_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = p.sd3()
    before = snapshot(pipe)

    def broken(self: Any) -> Any:
        raise RuntimeError("encoders")

    monkeypatch.setattr(StableDiffusion3, "text_encoders", broken)
    with pytest.raises(RuntimeError, match="encoders"), trace(pipe):
        pass
    assert_nothing_left(before, snapshot(pipe))


def test_what_changes_attention_is_refused_by_name(pipe: Any) -> None:
    before = snapshot(pipe)
    for change in (lambda: ablate(pipe, words="cat"), lambda: reweight(pipe, "cat", 2.0)):
        with pytest.raises(UnsupportedPipelineError, match="StableDiffusion3Pipeline") as caught:
            change()
        assert "trace(pipe)" in str(caught.value)
    with pytest.raises(UnsupportedPipelineError, match="cannot be replayed"):
        trace(pipe, keep="replay")
    assert_nothing_left(before, snapshot(pipe))


def test_perturbed_attention_guidance_is_refused() -> None:
    with pytest.raises(UnsupportedPipelineError, match=r"StableDiffusion3PAGPipeline.*perturbed"):
        trace(p.sd3_pag())


def test_an_exchanged_transformer_is_refused() -> None:
    pipe = p.sd3()
    with pytest.raises(UnsupportedPipelineError, match="transformer was replaced"), trace(pipe):
        pipe.transformer = p.sd3(seed=5).transformer
        NAMED["plain"].run(pipe)


class Handmade:
    """Joint attention by a function that nobody can watch."""

    def __call__(self, attn: Any, hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
        hidden = torch.nn.functional.scaled_dot_product_attention
        plain = getattr(hidden, "__wrapped__", hidden)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.nn.functional, "scaled_dot_product_attention", plain)
            return JointAttnProcessor2_0()(attn, hidden_states, *args, **kwargs)


def test_attention_that_was_not_seen_is_an_error_with_the_image() -> None:
    pipe = p.sd3()
    case = NAMED["plain"]
    untraced = case.run(pipe)
    pipe.transformer.set_attn_processor(Handmade())
    with pytest.raises(WatchError, match=r"Handmade.*pipe\.transformer") as caught, trace(pipe):
        traced = case.run(pipe)
    assert np.array_equal(traced, untraced)
    assert len(caught.value.images) == 1


def test_other_text_than_ours_is_an_error(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The T5 encoder's own tokens are compared, not CLIP's."""
    original = type(pipe)._get_t5_prompt_embeds

    def shouted(self: Any, prompt: Any = None, **options: Any) -> Any:
        return original(self, [f"big {text}" for text in prompt], **options)

    monkeypatch.setattr(type(pipe), "_get_t5_prompt_embeds", shouted)
    record(pipe, NAMED["plain"])
    with pytest.raises(ShapeError, match="other tokens than those of"):
        record(pipe, NAMED["t5"])
