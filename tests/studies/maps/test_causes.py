"""What a word really changes, against images drawn by hand and predictions computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import StudyError
from daam_nb.studies.maps.causes import (
    CAUSES,
    HIDDEN,
    LATER,
    PREDICTION,
    REMOVED,
    REPLACED,
    another_noun,
    drawn_without,
    ways_without,
    without_object,
)
from daam_nb.studies.maps.subjects import Subject
from daam_nb.studies.maps.word_roles import OBJECT, OTHER, RoleWord
from daam_nb.studies.redraw.redrawing import difference
from daam_nb.tracing import ablate, generate
from tests import joint_pipelines, pipelines
from tests.studies.toy import SIZE
from tests.tiny_recordings import tiny_prompt

TEXT = "a red cat left of a dog in snow"
NOUNS = ("cat", "dog", "car", "ant")
STEPS: dict[str, Any] = {**SIZE, "num_inference_steps": 5}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


def subject_of(pipe: Any, **call: Any) -> Subject:
    recording = generate(pipe, TEXT, seed=3, **{**STEPS, **call})
    words = [
        RoleWord(word, OBJECT if word.text in NOUNS else OTHER, word.text)
        for word in recording.prompt.read_words
    ]
    return Subject(recording, tuple(words))


@pytest.fixture(scope="module")
def subject(pipe: Any) -> Subject:
    return subject_of(pipe)


@pytest.fixture(scope="module")
def drawn(pipe: Any, subject: Subject) -> Any:
    ways = ways_without(subject, NOUNS, late=0.4)
    return ways, *drawn_without(pipe, subject, ways)


def of(drawn: Any, cause: str, text: str) -> tuple[Any, Any, Any]:
    ways, images, predictions = drawn
    place = next(
        i for i, way in enumerate(ways) if way.cause == cause and way.word.word.text == text
    )
    return ways[place], images[place + 1], predictions[place]


def pixels(image: Any) -> Any:
    return np.asarray(image, dtype=int)


def test_every_way_is_drawn(drawn: Any, subject: Subject) -> None:
    ways, images, predictions = drawn
    assert [way.cause for way in ways] == [
        *[PREDICTION] * len(subject.words), *[HIDDEN] * 2, *[LATER] * 2, *[REPLACED] * 2,
        *[REMOVED] * 2,
    ]  # fmt: skip
    assert set(CAUSES) == {way.cause for way in ways}
    assert len(images) == len(ways) + 1 == len(predictions) + 1
    assert np.abs(pixels(images[0]) - pixels(subject.recording.image)).max() <= 1


def test_hidden_is_what_ablate_draws(pipe: Any, drawn: Any) -> None:
    _, image, _ = of(drawn, HIDDEN, "cat")
    with ablate(pipe, words="cat", text_encoder=True, renormalize=True):
        again = generate(pipe, TEXT, seed=3, **STEPS).image
    assert np.abs(pixels(image) - pixels(again)).max() <= 1
    assert difference(image, drawn[1][0]).mean() > 1e-3


@pytest.mark.parametrize(
    ("cause", "word", "prompt"),
    [
        (REPLACED, "cat", "a red car left of a dog in snow"),  # the one noun with its article
        (REMOVED, "dog", "a red cat in snow"),
        (REMOVED, "cat", "a dog in snow"),
    ],
)
def test_another_prompt_is_drawn_from_the_same_noise(
    pipe: Any, drawn: Any, cause: str, word: str, prompt: str
) -> None:
    way, image, _ = of(drawn, cause, word)
    assert way.prompt == prompt
    again = generate(pipe, prompt, seed=3, **STEPS).image
    assert np.abs(pixels(image) - pixels(again)).max() <= 1


def test_the_same_trajectory_gives_the_same_image(drawn: Any) -> None:
    """A row that is held at every pass ends as the image; its prediction was another one."""
    _, image, prediction = of(drawn, PREDICTION, "cat")
    assert np.abs(pixels(image) - pixels(drawn[1][0])).max() <= 1
    assert prediction.shape == (8, 12) and prediction.min() >= 0 and prediction.max() > 0


def test_hidden_later_begins_at_its_step(pipe: Any, drawn: Any) -> None:
    """By hand: the embeddings are exchanged, and the columns left out, from step 2 of 5 on."""
    way, image, _ = of(drawn, LATER, "cat")
    assert way.until == 2
    with ablate(pipe, words="cat", text_encoder=True, renormalize=True):
        states: list[Any] = []
        handle = pipe.unet.register_forward_pre_hook(
            lambda module, args, kwargs: states.append(kwargs["encoder_hidden_states"].clone()),
            with_kwargs=True,
        )
        generate(pipe, TEXT, seed=3, **STEPS)
        handle.remove()

    def exchange(pipe: Any, step: int, timestep: Any, values: Any) -> Any:
        return {"prompt_embeds": states[0]} if step == 1 else {}

    tokens = [list(way.columns)]
    generator = torch.Generator().manual_seed(3)
    with ablate(pipe, tokens=tokens, steps=slice(2, None), renormalize=True):
        again = pipe(
            TEXT, generator=generator, callback_on_step_end=exchange,
            callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"], **STEPS,
        ).images[0]  # fmt: skip
    assert np.abs(pixels(image) - pixels(again)).max() <= 1
    assert np.abs(pixels(image) - pixels(of(drawn, HIDDEN, "cat")[1])).max() > 1


def test_predictions_by_hand(pipe: Any, subject: Subject, drawn: Any) -> None:
    """The denoiser called with the image's own latents and the embeddings without the word."""
    _, _, prediction = of(drawn, PREDICTION, "dog")
    plain, hidden = [], []

    def collected(outputs: list[Any]) -> Any:
        return pipe.unet.register_forward_hook(
            lambda module, args, output: outputs.append(
                (output[0] if isinstance(output, tuple) else output.sample)[1].clone()
            )
        )

    handle = collected(plain)
    latents: list[Any] = []

    def keep(pipe: Any, step: int, timestep: Any, values: Any) -> Any:
        latents.append(values["latents"].clone())
        return {}

    generator = torch.Generator().manual_seed(3)
    pipe(TEXT, generator=generator, callback_on_step_end=keep, **STEPS)
    handle.remove()
    handle = collected(hidden)

    def put(pipe: Any, step: int, timestep: Any, values: Any) -> Any:
        return {"latents": latents[step]}

    generator = torch.Generator().manual_seed(3)
    with ablate(pipe, words="dog", text_encoder=True, renormalize=True):
        pipe(TEXT, generator=generator, callback_on_step_end=put, **STEPS)
    handle.remove()
    norms = [(a - b).norm(dim=0) for a, b in zip(plain, hidden, strict=True)]
    expected = torch.stack(norms).mean(0).numpy()
    assert np.allclose(prediction, expected, atol=1e-5 * expected.max())


def test_nothing_is_left_behind(pipe: Any, subject: Subject, drawn: Any) -> None:
    assert not pipe.unet._forward_hooks
    again = generate(pipe, TEXT, seed=3, **STEPS).image
    assert np.array_equal(pixels(again), pixels(subject.recording.image))


def test_without_guidance_there_is_one_block(pipe: Any) -> None:
    unguided = subject_of(pipe, guidance_scale=1.0)
    ways = [way for way in ways_without(unguided, NOUNS, late=0.4) if way.cause == PREDICTION]
    images, predictions = drawn_without(pipe, unguided, ways)
    assert np.abs(pixels(images[0]) - pixels(unguided.recording.image)).max() <= 1
    assert all(prediction.max() > 0 for prediction in predictions)


def test_a_joint_model_draws_other_prompts() -> None:
    pipe = joint_pipelines.sd3()
    call = {"num_inference_steps": 2, "height": 32, "width": 32}
    recording = generate(pipe, "a cat and a dog", seed=0, **call)
    words = tuple(RoleWord(recording.prompt.find(n), OBJECT, n) for n in ("cat", "dog"))
    subject = Subject(recording, words)
    ways = ways_without(subject, NOUNS, late=0.4, can_hide=False)
    assert {way.cause for way in ways} == {REPLACED, REMOVED}
    images, _ = drawn_without(pipe, subject, ways)
    assert np.abs(pixels(images[0]) - pixels(recording.image)).max() <= 1
    assert difference(images[0], images[1]).max() > 0


def test_what_cannot_be_drawn_again_is_refused(pipe: Any) -> None:
    image = generate(pipe, TEXT, seed=3, callback_on_step_end=lambda *_: {}, **STEPS)
    ways = ways_without(Subject(image, ()), NOUNS, late=0.4)
    assert ways == []
    with pytest.raises(StudyError, match="was drawn with callback_on_step_end"):
        drawn_without(pipe, Subject(image, ()), ways)


# --- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("there is a cat and a dog", "cat", "there is a dog"),
        ("there is a cat and a dog", "dog", "there is a cat"),
        ("the big cat is above the red dog at night", "cat", "the red dog at night"),
        ("cat and a dog", "cat", None),  # nothing says where its phrase begins
        ("a cat", "cat", None),
    ],
)
def test_a_pair_without_one(text: str, gone: str, left: str | None) -> None:
    prompt = tiny_prompt(text, length=20)
    objects = [prompt.find(noun) for noun in ("cat", "dog") if noun in text]
    assert without_object(prompt, prompt.find(gone), objects) == left


def test_another_noun_fits_the_article() -> None:
    prompt = tiny_prompt("a cat and a dog")
    assert another_noun(prompt, prompt.find("cat"), NOUNS) == "car"
    assert another_noun(prompt, prompt.find("cat"), ("cat", "ant")) is None
