"""`add_gradients` against finite differences of what an untraced call gave its UNet."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
)
from torch import Tensor

from daam_nb.errors import (
    NotKeptError,
    ReproductionError,
    SelectionError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording, altered
from daam_nb.tracing import (
    ablate,
    add_effects,
    add_gradients,
    generate,
    look,
    region_gradient,
    reproduce,
    reweight,
)
from tests import joint_pipelines, pipelines
from tests.tracing.cases import PROMPT
from tests.tracing.test_effects import embeddings
from tests.tracing.traces import snapshot

CALL: dict[str, Any] = {"num_inference_steps": 3, "height": 64, "width": 96, "seed": 0}
H = 1e-3


def expected_gradients(
    pipe: Any, arguments: dict[str, Any], row: int, text: str, words: list[tuple[int, ...]]
) -> tuple[Tensor, Tensor]:
    """(pass, word, y, x) and (pass,): the definition, in float64, by central differences.

    Parameters
    ----------
    pipe
        The pipeline, which is called, untraced.
    arguments
        Of its call.
    row
        Which row of the UNet's batch is the prompt's.
    text
        The prompt.
    words
        Key positions of the words.
    """
    passes: list[dict[str, Any]] = []
    handle = pipe.unet.register_forward_pre_hook(
        lambda module, args, kwargs: passes.append(
            {"sample": args[0], "timestep": args[1], **kwargs}
        ),
        with_kwargs=True,
    )
    try:
        pipe(**arguments)
    finally:
        handle.remove()
    net = copy.deepcopy(pipe.unet).double()
    whole = embeddings(pipe, text, ()).double()
    half = pipe.unet.dtype.itemsize == 2
    shares, outputs = [], []
    for each in passes:
        rows = len(each["sample"])

        def own(value: Any, rows: int = rows) -> Any:
            if isinstance(value, dict):
                return {name: own(inner) for name, inner in value.items()}
            if isinstance(value, list | tuple):
                return [own(inner) for inner in value]
            if isinstance(value, Tensor) and value.ndim and len(value) == rows:
                return value[row : row + 1].double()
            return value

        kwargs = {name: own(value) for name, value in each.items()}

        def predicted(moved: Tensor, kwargs: dict[str, Any] = kwargs) -> Tensor:
            with torch.no_grad():
                kwargs = kwargs | {"encoder_hidden_states": moved[None], "return_dict": False}
                values: Tensor = net(**kwargs)[0][0]
            return values

        own_text = kwargs["encoder_hidden_states"][0]
        assert (own_text - whole).abs().max() < (2e-2 if half else 1e-5)
        output = predicted(own_text).norm(dim=0).mean()
        of_words = []
        for word in words:
            direction = embeddings(pipe, text, word).double() - whole
            ahead, behind = (predicted(own_text + sign * H * direction) for sign in (1, -1))
            of_words.append(((ahead - behind) / (2 * H)).norm(dim=0) / output)
        shares.append(torch.stack(of_words))
        outputs.append(output)
    return torch.stack(shares), torch.stack(outputs)


def compared(run: Recording, expected: tuple[Tensor, Tensor], *, share: float = 2e-4) -> None:
    gradients = run.gradients
    assert gradients is not None
    shares, outputs = expected
    assert shares.max() > 1e-3
    assert (gradients.shares - shares).abs().max() < share * shares.max()
    assert (gradients.outputs - outputs).abs().max() < max(1e-5, share / 10) * outputs.max()


def called(text: Any = PROMPT, *, seeds: int = 1, **more: Any) -> dict[str, Any]:
    """The arguments of the pipeline's call behind `generate`."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    arguments = {name: value for name, value in CALL.items() if name != "seed"}
    generator = generators[0] if seeds == 1 else generators
    return arguments | {"prompt": text, "generator": generator, "output_type": "latent"} | more


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sdxl], ids=["sd1", "sdxl"])
def test_they_are_the_definition_and_nothing_is_changed(build: Any) -> None:
    pipe = build()
    plain = generate(pipe, PROMPT, **CALL)
    assert plain.gradients is None
    before, numbers = snapshot(pipe), torch.get_rng_state()
    run = add_gradients(plain, pipe)
    assert snapshot(pipe) == before and torch.equal(torch.get_rng_state(), numbers)
    assert run.gradients is not None and len(run.gradients.words) == 6
    assert all(parameter.grad is None for parameter in pipe.unet.parameters())
    words = list(run.gradients.words)
    compared(run, expected_gradients(pipe, called(), 1, PROMPT, words))
    assert altered(run) == () and reproduce(run, pipe)
    assert all(torch.equal(run.attention[name], plain.attention[name]) for name in run.attention)
    maps = heat_maps(run, kind="gradient", steps=1)
    giraffe = run.gradients.shares[1, words.index((6, 7))]
    assert torch.equal(maps["giraffe"].values, giraffe)


def test_one_image_of_a_batch_some_steps_and_words() -> None:
    pipe = pipelines.sd1()
    texts = ["a dog", PROMPT]
    runs = generate(pipe, texts, **CALL, keep_steps=[0, 2], layers="up")
    run = add_gradients(runs[1], pipe, ["cat", "giraffe"])
    assert run.gradients is not None and run.gradients.words == ((3,), (6, 7))
    shares, outputs = expected_gradients(
        pipe, called(texts, seeds=2), 3, PROMPT, [(3,), (6, 7)]
    )  # fmt: skip
    compared(run, (shares[[0, 2]], outputs[[0, 2]]))
    with pytest.raises(WordNotFoundError, match="'cat'"):
        add_gradients(runs[0], pipe, ["cat"])


def test_without_guidance_and_of_a_sum_over_steps() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL, guidance_scale=1.0, keep="sum")
    run = add_gradients(run, pipe, "cat")
    compared(run, expected_gradients(pipe, called(guidance_scale=1.0), 0, PROMPT, [(3,)]))


@pytest.mark.parametrize(
    "scheduler",
    [
        EulerAncestralDiscreteScheduler,  # scales latents, and draws noise
        DPMSolverMultistepScheduler,
        HeunDiscreteScheduler,  # two passes of a timestep
        PNDMScheduler,
    ],
    ids=lambda kind: kind.__name__,
)
def test_other_schedulers(scheduler: Any) -> None:
    pipe = pipelines.sd1()
    config = pipe.scheduler.config
    pipe.scheduler = scheduler.from_config(
        config, **({"skip_prk_steps": True} if scheduler is PNDMScheduler else {})
    )
    run = add_gradients(generate(pipe, PROMPT, **CALL), pipe, "cat")
    compared(run, expected_gradients(pipe, called(), 1, PROMPT, [(3,)]))


@pytest.mark.parametrize(
    "build, more, row",
    [
        (pipelines.lcm, {}, 0),  # its guidance is embedded
        (pipelines.controlnet, {"image": pipelines.image()}, 1),  # residuals in each step
        (pipelines.img2img, {"image": pipelines.image()}, 1),
        (
            lambda: pipelines.inpaint(channels=9),
            {"image": pipelines.image(), "mask_image": pipelines.half_mask()},
            1,
        ),
    ],
    ids=["lcm", "controlnet", "img2img", "inpaint"],
)
def test_other_pipelines(build: Callable[[], Any], more: dict[str, Any], row: int) -> None:
    pipe = build()
    size = {} if build is pipelines.img2img else {"height": 64, "width": 96}
    options = {"num_inference_steps": 3, **size, **more}
    run = add_gradients(generate(pipe, PROMPT, seed=0, **options), pipe, "cat", **more)
    arguments = {name: value for name, value in called().items() if name in options} | options
    arguments |= {"prompt": PROMPT, "generator": torch.Generator().manual_seed(0)}
    compared(run, expected_gradients(pipe, arguments, row, PROMPT, [(3,)]))


def test_the_latents_are_the_recorded_ones() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    assert run.latents is not None
    facts = replace(run.facts, digests={})  # as of a recording that was put together by hand
    bent = run.latents.clone()
    bent[1] += 0.001 * torch.randn(bent[1].shape, generator=torch.Generator().manual_seed(0))
    plain, moved = (
        add_gradients(replace(run, latents=latents, facts=facts), pipe, "cat").gradients
        for latents in (run.latents, bent)
    )
    assert plain is not None and moved is not None
    assert torch.equal(plain.shares[[0, 2]], moved.shares[[0, 2]])
    assert not torch.equal(plain.shares[1], moved.shares[1])
    other = replace(run, latents=run.latents.roll(1, 2), facts=facts)
    with pytest.raises(ReproductionError, match="latents of step 0 differ from the recorded"):
        add_gradients(other, pipe, "cat")


@pytest.mark.parametrize(
    # Central differences are themselves true to some 1e-6 of the peak (3e-6 with torch 2.6).
    "dtype, share",
    [(torch.float64, 1e-5), (torch.bfloat16, 0.2), (torch.float16, 0.02)],
    ids=str,
)
def test_in_the_networks_own_precision(dtype: torch.dtype, share: float) -> None:
    pipe = pipelines.sd1().to(dtype)
    run = add_gradients(generate(pipe, PROMPT, **CALL), pipe, "cat")
    compared(run, expected_gradients(pipe, called(), 1, PROMPT, [(3,)]), share=share)


def test_within_inference_mode_and_without_grad() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    with torch.inference_mode():
        inside = add_gradients(run, pipe, "cat").gradients
    outside = add_gradients(run, pipe, "cat").gradients
    assert inside is not None and outside is not None
    assert torch.equal(inside.shares, outside.shares) and not inside.shares.is_inference()


def test_words_add_up_beside_effects() -> None:
    pipe = pipelines.sd1()
    run = add_effects(generate(pipe, PROMPT, tokens="all", **CALL), pipe, "cat")
    both = add_gradients(run, pipe, ["cat", "giraffe"])
    in_turn = add_gradients(add_gradients(run, pipe, ["giraffe"]), pipe, ["cat"])
    assert in_turn.gradients is not None and both.gradients is not None
    assert in_turn.gradients.words == both.gradients.words == ((3,), (6, 7))
    assert torch.equal(in_turn.gradients.shares, both.gradients.shares)
    assert in_turn.effects is not None and altered(in_turn) == ()
    phrase = add_gradients(run, pipe, ["red cat"])
    assert [word.text for word in heat_maps(phrase, kind="gradient")] == ["red cat"]


def test_other_pipelines_words_and_orders_are_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    with pytest.raises(WordNotFoundError, match="zebra"):
        add_gradients(run, pipe, ["zebra"])
    with pytest.raises(SelectionError, match="no word"):
        add_gradients(run, pipe, False)
    for words in ([], 3, ["cat", 2]):
        with pytest.raises(SelectionError, match=r"^words=.* selects no words.*words=\["):
            add_gradients(run, pipe, words)
    with pytest.raises(WrongKindError, match=r"add_gradients\(run, pipe\)"):
        add_gradients(pipe, run)
    with pytest.raises(UnsupportedPipelineError, match=r"no gradients of.*several text encoders"):
        add_gradients(run, joint_pipelines.sd3())
    with pytest.raises(UnsupportedPipelineError, match="no gradients of"):
        add_gradients(run, joint_pipelines.flux())
    with pytest.raises(UnknownOptionError):
        add_gradients(run, pipe, num_inference_steps=3)
    with pytest.raises(ReproductionError):
        add_gradients(run, pipelines.sdxl())
    with pytest.raises(NotKeptError, match="no latents"):
        add_gradients(replace(run, latents=None), pipe)


def _scaled(pipe: Any) -> None:
    with torch.no_grad():
        pipe.unet.conv_out.weight.mul_(0.5)


def _rescheduled(pipe: Any) -> None:
    pipe.scheduler = HeunDiscreteScheduler.from_config(pipe.scheduler.config)


def _louder(pipe: Any) -> None:
    encoder = pipe.text_encoder  # older versions of transformers have its layers in `text_model`
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    norm.register_forward_hook(lambda module, args, out: 1.5 * out)


@pytest.mark.parametrize(
    "change, why",
    [
        (_scaled, "weights of the unet are not those"),
        (lambda pipe: pipe.unet.enable_freeu(0.9, 0.2, 1.2, 1.4), "changed by nothing.*FreeU"),
        (_rescheduled, "timestep|steps"),
        (_louder, "changed by nothing.*text_encoder: hooks on 1 module"),
    ],
    ids=["weights", "freeu", "scheduler", "text encoder's hook"],
)
def test_another_model_is_refused(change: Callable[[Any], None], why: str) -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    change(pipe)
    with pytest.raises(ReproductionError, match=why):
        add_gradients(run, pipe, "cat")
    with pytest.raises(ReproductionError, match=why):
        region_gradient(run, pipe, (0.0, 0.0, 1.0, 0.5), "cat")


def test_hooks_of_transformers_in_a_recording_of_an_earlier_version_are_no_change() -> None:
    pipe = pipelines.sdxl()
    run = generate(pipe, PROMPT, **CALL)
    noted = {"model_changes": ["text_encoder: hooks on 6 modules"]}
    earlier = replace(run, facts=replace(run.facts, batch={**run.facts.batch, **noted}))
    assert add_gradients(earlier, pipe, "cat").gradients is not None


def test_what_the_model_did_not_make_alone_is_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, **CALL)
    with reweight(pipe, "cat", 2.0):
        changed = generate(pipe, PROMPT, **CALL)
        with pytest.raises(ReproductionError, match="is or was changed"):
            add_gradients(run, pipe)
    with pytest.raises(ReproductionError, match="is or was changed"):
        add_gradients(changed, pipe)
    with ablate(pipe, words="cat", text_encoder=True):
        hidden = generate(pipe, PROMPT, **CALL)
    with pytest.raises(ReproductionError, match="is or was changed"):
        add_gradients(hidden, pipe)
    assert run.image is not None
    with pytest.raises(ReproductionError, match="is a look"):
        add_gradients(look(pipe, run.image, PROMPT, t=[0.5]), pipe)
    run.attention[run.layers[0].name].mul_(0.5)
    with pytest.raises(ReproductionError, match="not what the pipeline made"):
        add_gradients(run, pipe)


def test_rows_that_are_read_together_are_refused() -> None:
    pipe = pipelines.pag()
    run = generate(pipe, PROMPT, **CALL, pag_scale=3.0)
    with pytest.raises(UnsupportedPipelineError, match="prompt's row twice"):
        add_gradients(run, pipe, "cat")


def test_texts_in_which_no_word_can_be_hidden_are_refused_in_words_of_gradients() -> None:
    pipe = pipelines.sdxl()
    run = generate(pipe, PROMPT, **CALL, prompt_2="another text")
    with pytest.raises(UnsupportedPipelineError, match="there are no gradients") as refused:
        add_gradients(run, pipe, "cat")
    assert "effect" not in str(refused.value)


def test_arguments_that_a_recording_lacks_are_asked_for() -> None:
    pipe = pipelines.sd1()
    seen: list[int] = []

    def watched(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(step)
        return tensors

    def moved(_: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        tensors["latents"] = tensors["latents"] + 1
        return tensors

    run = generate(pipe, PROMPT, **CALL, callback_on_step_end=watched)
    with pytest.raises(ReproductionError, match="callback_on_step_end"):
        add_gradients(run, pipe, "cat")
    with_callback = add_gradients(run, pipe, "cat", callback_on_step_end=watched).gradients
    plain = add_gradients(generate(pipe, PROMPT, **CALL), pipe, "cat").gradients
    assert plain is not None and with_callback is not None
    assert torch.equal(plain.shares, with_callback.shares)
    with pytest.raises(ReproductionError, match="changes the latents between the steps"):
        add_gradients(run, pipe, "cat", callback_on_step_end=moved)
