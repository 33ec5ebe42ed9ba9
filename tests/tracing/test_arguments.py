"""A name that nothing reads is refused, before the first step, by whatever door it comes in."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from daam_nb.errors import (
    DaamError,
    ReproductionError,
    SelectionError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WrongKindError,
)
from daam_nb.recording import load
from daam_nb.tracing import ablate, generate, redraw, replay, reproduce, reweight, trace, vouch_for
from daam_nb.tracing.arguments import CallNames, call_names
from tests import joint_pipelines, pipelines
from tests.tiny_recordings import tiny_recording

FEW: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture
def ran(pipe: Any) -> Any:
    """The parts that ran."""
    parts: list[str] = []
    handles = [
        part.register_forward_pre_hook(lambda *_, name=name: parts.append(name))
        for name, part in (("unet", pipe.unet), ("text", pipe.text_encoder))
    ]
    yield parts
    for handle in handles:
        handle.remove()


# --- what a call takes ------------------------------------------------------------------------


def test_a_pipeline_takes_its_signature_and_what_it_pops_from_its_kwargs() -> None:
    known = call_names(pipelines.sd1())
    assert not known.any_name
    assert {"prompt", "guidance_scale", "callback_on_step_end"} <= set(known.names)
    assert known.names[-2:] == ("callback", "callback_steps")
    assert known.unknown(["guidance", "callback_steps", "layer"]) == ["guidance", "layer"]
    closed = call_names(joint_pipelines.sd3())
    assert not closed.any_name and "callback" not in closed.names


class Reading(StableDiffusionPipeline):  # type: ignore[misc]
    """Takes names out of its keywords in every way there is."""

    def __call__(self, prompt: Any, **more: Any) -> Any:
        if "size" in more:
            more["height"], more["width"] = more.pop("size")
        return super().__call__(prompt, num_inference_steps=more.get("few", 1))


class Handing(StableDiffusionPipeline):  # type: ignore[misc]
    """Hands all of its keywords to the class above."""

    def __call__(self, *args: Any, strange: int = 0, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class Elsewhere(StableDiffusionPipeline):  # type: ignore[misc]
    """Hands them to where nobody can look."""

    def __call__(self, prompt: Any, **kwargs: Any) -> Any:
        return self.other(**kwargs)

    def other(self, **kwargs: Any) -> Any:
        return kwargs


def kept(function: Any) -> Any:
    @functools.wraps(function)
    def same(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return same


class Wrapped(StableDiffusionPipeline):  # type: ignore[misc]
    """Is decorated, as by `torch.no_grad`."""

    __call__ = kept(StableDiffusionPipeline.__call__)


def test_what_a_pipeline_of_the_users_own_takes() -> None:
    def of(kind: type) -> CallNames:
        return call_names(kind.__new__(kind))

    reading = of(Reading)
    assert (set(reading.names), reading.any_name) == (
        {"prompt", "size", "few", "height", "width"},
        False,
    )
    plain = of(StableDiffusionPipeline)
    assert of(Handing) == CallNames(("strange", *plain.names))
    assert of(Wrapped) == plain
    assert of(Elsewhere).any_name and of(Elsewhere).unknown(["anything"]) == []


def test_a_call_that_cannot_be_read_takes_everything() -> None:
    namespace: dict[str, Any] = {}
    exec("class Typed:\n    def __call__(self, prompt, **kwargs): ...", namespace)
    assert call_names(namespace["Typed"]()).any_name


# --- generate and trace -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"guidance": 4.0}, "takes no argument 'guidance'; did you mean 'guidance_scale'?"),
        ({"layer": "up"}, "takes no argument 'layer'; did you mean 'layers'?"),
        ({"step": 3}, "takes no argument 'step'; did you mean 'keep_steps'?"),
        ({"token": "cat"}, "did you mean 'tokens'?"),
        ({"seeds": 3}, "did you mean 'seed'?"),
        ({"num_images": 2}, "did you mean 'num_images_per_prompt'?"),
        ({"negativ_prompt": "x"}, "did you mean 'negative_prompt'?"),
        ({"heads": [2]}, "takes no argument 'heads'"),
        ({"sed": 1, "hight": 64}, "'sed' is probably 'seed', 'hight' is probably 'height'."),
    ],
    ids=str,
)
def test_generate_refuses_a_name_that_nothing_reads(
    pipe: Any, ran: list[str], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnknownOptionError) as caught:
        generate(pipe, "a cat", **FEW | options)
    assert str(caught.value).startswith("generate() takes no argument") and said in str(
        caught.value
    )
    assert isinstance(caught.value, TypeError) and ran == []


def test_steps_says_both_ways(pipe: Any, ran: list[str]) -> None:
    with pytest.raises(UnknownOptionError) as caught:
        generate(pipe, "a cat", steps=20)
    assert "num_inference_steps=20 draws in 20 steps" in str(caught.value)
    assert "keep_steps=slice(10, None) keeps" in str(caught.value)
    assert ran == []


def test_what_is_kept_and_what_is_drawn(pipe: Any) -> None:
    run = generate(
        pipe, "a cat", seed=0, keep_steps=[1], height=64, width=96, num_inference_steps=3
    )
    assert run.facts.num_steps == 3  # type: ignore[union-attr]
    assert run.steps == (1,)  # type: ignore[union-attr]


def test_a_pipeline_without_kwargs_is_answered_in_the_same_words() -> None:
    with pytest.raises(UnknownOptionError, match="did you mean 'guidance_scale'"):
        generate(joint_pipelines.sd3(), "a cat", guidance=4.0)


def test_verbs_of_tracing_say_the_nearest_name(pipe: Any) -> None:
    run = tiny_recording(kept="replay")
    calls: list[tuple[Any, str, str]] = [
        (lambda: trace(pipe, layer="up"), "trace()", "layers"),
        (lambda: trace(pipe, steps=[1]), "trace()", "keep_steps"),
        (lambda: ablate(pipe, word="cat"), "ablate()", "words"),
        (lambda: ablate(pipe, words="cat", step=3), "ablate()", "steps"),
        (lambda: reweight(pipe, "cat", 2.0, head=1), "reweight()", "heads"),
        (lambda: replay(pipe, run, align="words"), "replay()", "alignment"),
    ]
    for call, where, near in calls:
        with pytest.raises(UnknownOptionError) as caught:
            call()
        assert str(caught.value).startswith(f"{where} takes no argument")
        assert f"did you mean '{near}'?" in str(caught.value)


@pytest.mark.parametrize("change", [trace, lambda pipe: ablate(pipe, words="cat")])
def test_a_call_inside_the_block_is_refused_too(pipe: Any, ran: list[str], change: Any) -> None:
    with (
        pytest.raises(
            UnknownOptionError,
            match=r"^StableDiffusionPipeline\.__call__\(\) takes no argument 'guidance'; did you "
            "mean 'guidance_scale'",
        ),
        change(pipe),
    ):
        pipe("a cat", guidance=4.0, **FEW)
    assert ran == []


def test_deprecated_names_that_are_read_are_let_through(pipe: Any) -> None:
    """`callback` is no parameter: the pipeline takes it out of its keywords, and calls it."""
    told: list[int] = []
    with trace(pipe) as tracer:
        pipe(
            "a cat", callback=lambda step, *_: told.append(step), callback_steps=1, **FEW,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
    assert told == [0, 1]
    facts = tracer.recording.facts
    assert facts.omitted == ("callback",)
    assert facts.call["callback_steps"] == 1 and "kwargs" not in facts.call
    again = reproduce(tracer.recording, pipe, callback=lambda *_: None)
    assert again.same


def test_a_subclass_that_hands_its_keywords_on_is_watched() -> None:
    own = vouch_for(Handing)(**pipelines.sd1().components)
    own.set_progress_bar_config(disable=True)
    run = generate(own, "a cat", seed=0, guidance_scale=3.0, **FEW)
    assert run.facts.guidance == 3.0  # type: ignore[union-attr]
    assert run.facts.call["height"] == 64  # type: ignore[union-attr]
    assert reproduce(run, own).same  # type: ignore[arg-type]
    with pytest.raises(UnknownOptionError, match="did you mean 'guidance_scale'"):
        generate(own, "a cat", guidance=3.0)


# --- kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seed": "0"}, SelectionError, "seed='0': it must be a whole number from 0 to"),
        ({"seed": 1.5}, SelectionError, "seed=1.5: it must be a whole number"),
        ({"seed": True}, SelectionError, "seed=True: it must be a whole number"),
        ({"seed": -1}, SelectionError, "seed=-1: it must be a whole number from 0"),
        (
            {"seed": 2**64},
            SelectionError,
            "it must be a whole number from 0 to 18446744073709551615",
        ),
        ({"seed": [0.0]}, SelectionError, "seed=0.0: it must be a whole number"),
        ({"seed": torch.Generator()}, SelectionError, "it must be a whole number"),
        ({"num_images_per_prompt": 1.5}, SelectionError, "num_images_per_prompt=1.5"),
        ({"num_images_per_prompt": "2"}, SelectionError, "num_images_per_prompt='2'"),
        ({"num_images_per_prompt": True}, SelectionError, "num_images_per_prompt=True"),
        ({"prompt": None}, WrongKindError, "A prompt must be a text or a list of texts, not None."),
        ({"prompt": 5}, WrongKindError, "not 5 (int)."),
        ({"prompt": b"cat"}, WrongKindError, "not b'cat' (bytes)."),
        ({"prompt": ["a cat", 5]}, WrongKindError, "not 5 (int)."),
        ({"prompt": {"a": 1}}, WrongKindError, "not a dict"),
        (
            {"prompt": tiny_recording()},
            WrongKindError,
            "not a recording. For its prompt: generate(",
        ),
        ({"prompt": tiny_recording().prompt}, WrongKindError, "[caption.text for caption in"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_kinds_are_refused_before_the_first_step(
    pipe: Any, ran: list[str], options: dict[str, Any], error: type[Exception], said: str
) -> None:
    arguments = {"prompt": "a cat", **options}
    with pytest.raises(error) as caught:
        generate(pipe, arguments.pop("prompt"), **arguments)
    assert said in str(caught.value) and ran == []


def test_seeds_of_every_kind_of_whole_number(pipe: Any) -> None:
    seeds: list[Any] = [np.int64(3), torch.tensor(3), [3], (3,), range(3, 4), np.array([3])]
    runs = [
        generate(pipe, "a cat", seed=seed, **FEW | {"num_inference_steps": 1}) for seed in seeds
    ]
    assert [run.facts.seed for run in runs] == [3] * 6  # type: ignore[union-attr]
    assert {run.image.tobytes() for run in runs} == {runs[0].image.tobytes()}  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", ["a model", None, 3, StableDiffusionPipeline], ids=str)
def test_what_is_no_pipeline(wrong: Any) -> None:
    for call in (trace, lambda pipe: generate(pipe, "a cat"), lambda pipe: ablate(pipe, words="a")):
        with pytest.raises(UnsupportedPipelineError):
            call(wrong)


# --- again ------------------------------------------------------------------------------------


def test_swapped_arguments_are_called_so(pipe: Any, ran: list[str]) -> None:
    run = tiny_recording()
    for call, order in (
        (lambda: reproduce(pipe, run), r"reproduce\(run, pipe\)"),
        (lambda: redraw(pipe, run, [0]), r"redraw\(run, pipe, seeds\)"),
    ):
        with pytest.raises(
            WrongKindError, match=f"takes a Recording, not a StableDiff.*The order is {order}"
        ):
            call()
    assert ran == []


def test_only_what_the_recording_lacks_can_be_given_again(pipe: Any, ran: list[str]) -> None:
    run = generate(pipe, "a cat", seed=0, **FEW)
    ran.clear()
    for call in (
        lambda **more: reproduce(run, pipe, **more),  # type: ignore[arg-type]
        lambda **more: redraw(run, pipe, [0], **more),  # type: ignore[arg-type]
    ):
        for other in ({"guidance_scale": 2.0}, {"guidance": 2.0}, {"seed": 1}):
            with pytest.raises(UnknownOptionError, match=r"repeats the call.*: nothing\."):
                call(**other)
    for seeds in ([], "01", [0.5], [True]):
        with pytest.raises(SelectionError):
            redraw(run, pipe, seeds)  # type: ignore[arg-type]
    assert ran == []


def test_a_pipeline_that_takes_other_arguments_cannot_make_it_again(
    pipe: Any, ran: list[str], tmp_path: Any
) -> None:
    run = generate(joint_pipelines.sd3(), "a cat", seed=0, max_sequence_length=16, **FEW)
    opened = load(run.save(tmp_path / "run"))  # type: ignore[union-attr]
    with pytest.raises(ReproductionError, match="takes no max_sequence_length, which the recorded"):
        reproduce(opened, pipe)
    assert ran == []


def test_an_older_recording_with_a_name_that_was_dropped_is_made_again(pipe: Any) -> None:
    """Names that the pipeline swallowed were once noted as ``kwargs``; it swallowed them then."""
    from dataclasses import replace

    run = generate(pipe, "a cat", seed=0, **FEW)
    call = {**run.facts.call, "kwargs": {"guidance": 4.0, "callback_steps": 1}}  # type: ignore[union-attr]
    older = replace(run, facts=replace(run.facts, call=call))  # type: ignore[type-var, union-attr]
    assert reproduce(older, pipe).same  # type: ignore[arg-type]


def test_every_error_here_is_of_the_family() -> None:
    assert issubclass(UnknownOptionError, DaamError) and issubclass(WrongKindError, TypeError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": 5}, "Layers must be chosen by 'paper'"),
        (
            {"layers": [3]},
            "A layer must be chosen by its name, a stage or a Layer, not by 3 of type int",
        ),
        ({"layers": {"up": 1}}, "not by a dict"),
        ({"keep_steps": 1.5}, "keep_steps: A step is chosen by a whole number, not by 1.5"),
        ({"keep_steps": [True]}, "keep_steps: A step is chosen by a whole number, not by True"),
        ({"keep_steps": "1"}, "keep_steps: A step is chosen by a whole number, not by '1'"),
        ({"keep_steps": slice("a", None)}, "keep_steps=slice('a', None, None) cannot be read"),
        ({"keep_steps": np.array([True, False])}, "A step is chosen by a whole number"),
        ({"tokens": 1.5}, "a token must be chosen by a word or by its key position"),
        (
            {"tokens": torch.tensor([True])},
            "a token must be chosen by a word or by its key position",
        ),
        ({"negative": "no"}, "negative= must be True or False, not 'no' (str)"),
        ({"keep": np.array(["sum"])}, "keep=a ndarray of shape (1,) is not known"),
        ({"dtype": "float16"}, "dtype='float16' is not one of torch.float16"),
        ({"memory": True}, "memory=True is not a size"),
        ({"prompt": 5}, "prompt= must be the text of the embeddings"),
    ],
    ids=str,
)
def test_choices_of_other_kinds_are_refused_when_the_trace_is_made(
    pipe: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(DaamError) as caught:
        trace(pipe, **options)
    assert said in str(caught.value)


def test_one_token_is_one_choice(pipe: Any) -> None:
    run = generate(pipe, "a red cat", tokens=2, **FEW)
    assert run.columns == (2,)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"words": 5}, "a word must be a text, a Word or (start, end)"),
        ({"words": {"cat": 1}}, "words=a dict: a word must be a text"),
        ({"words": b"cat"}, "a word must be a text"),
        ({"tokens": "cat"}, "tokens must be key positions, whole numbers. Give words as words="),
        ({"tokens": 1.5}, "tokens must be whole numbers"),
        ({"words": "cat", "heads": "0"}, "heads='0': heads must be a whole number"),
        ({"words": "cat", "heads": (h for h in [True])}, "A head is chosen by a whole number"),
        ({"words": "cat", "steps": [0.5]}, "steps: A step is chosen by a whole number, not by 0.5"),
        ({"words": "cat", "layers": 5}, "Layers must be chosen by"),
        ({"words": "cat", "passes": ["both"]}, "passes=['both'] is neither 'prompt' nor"),
        ({"words": "cat", "renormalize": "no"}, "renormalize= must be True or False"),
        ({"words": "cat", "text_encoder": 1}, "text_encoder= must be True or False"),
        ({"tokens": [2], "occurrence": 1}, "occurrence=1 chooses among several equal words"),
        ({"words": (2, 5), "occurrence": 0}, "no word is given as text"),
        ({"words": "cat", "occurrence": True}, "An occurrence is chosen by a whole number"),
        ({"words": "cat", "area": "left"}, "area= must be a mask of the image"),
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", str(value)),
)
def test_interventions_refuse_other_kinds_when_they_are_made(
    pipe: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(DaamError) as caught:
        ablate(pipe, **options)
    assert said in str(caught.value)


def test_a_generator_of_heads_is_read_once(pipe: Any) -> None:
    assert "heads=[0, 1]" in str(ablate(pipe, words="cat", heads=(h for h in (0, 1))).change)


def test_an_intervention_at_steps_that_the_loop_has_not_is_refused(
    pipe: Any, ran: list[str]
) -> None:
    with (
        pytest.raises(SelectionError, match=r"steps=slice\(5, 9, None\) selects none of the 2"),
        ablate(pipe, words="cat", steps=slice(5, 9)),
    ):
        pipe("a cat", **FEW)
    assert "unet" not in ran


@pytest.mark.parametrize("factor", [True, "2", None, [2.0], float("nan"), -1])
def test_a_factor_is_a_number(pipe: Any, factor: Any) -> None:
    with pytest.raises(SelectionError, match="factor="):
        reweight(pipe, "cat", factor)


def test_replay_says_what_it_takes(pipe: Any) -> None:
    run = tiny_recording(kept="replay")
    for wrong, said in (
        (pipe, "replay() takes a Recording, not a StableDiffusionPipeline"),
        ("runs/x", "If it is a folder, open it first"),
        ([run, "x"], "replay() takes a Recording, not 'x' (str)"),
    ):
        with pytest.raises(WrongKindError) as caught:
            replay(pipe, wrong)
        assert said in str(caught.value)
    with pytest.raises(WrongKindError, match=r"The order is replay\(pipe, run\)"):
        replay(run, pipe)  # type: ignore[arg-type]
