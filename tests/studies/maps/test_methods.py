"""Methods: registered in a few lines, refused with a reason, and those that ship recomputed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb import generate
from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps
from daam_nb.studies import register_method
from daam_nb.studies.maps import registry
from daam_nb.studies.maps.choices import ONLY, VARIES, Choice, choices_for, choices_of
from daam_nb.studies.maps.methods import Method, to_record
from daam_nb.studies.maps.options import MapsOptions
from daam_nb.studies.maps.registry import method_named, method_names, methods_of
from daam_nb.studies.maps.shipped import SHIPPED
from tests.pipelines import sd1
from tests.tiny_recordings import tiny_recording, with_effects

RUN = tiny_recording("a cat and a dog")
WORDS = list(RUN.prompt.read_words)
CAT = RUN.prompt.find("cat")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_registered", {})
    yield


def nothing(recording: Any, words: Any, choice: Any) -> dict[Any, Any]:
    return {}


def test_a_function_becomes_a_method() -> None:
    @register_method("squared", label="attention, squared", record={"latents": True})
    def squared(recording: Any, words: Any, choice: Any) -> Any:
        maps = heat_maps(recording, layers=choice.layers, heads=choice.heads)
        return {word: maps.word(word.span).numpy() ** 2 for word in words}

    method = method_named("squared")
    assert (method.label, method.varies) == ("attention, squared", ("layers", "heads"))
    assert method_names() == (*SHIPPED, "squared")
    expected = heat_maps(RUN, layers="up", heads=[1]).word("cat").numpy().astype(float) ** 2
    values = method.maps(RUN, [CAT], Choice("up", [1]), {})
    assert np.allclose(values[CAT], expected, rtol=1e-6)
    register_method("squared", nothing)  # the cell runs again
    assert method_named("squared").function is nothing


def test_what_methods_record_together() -> None:
    one, other = Method("a", nothing, record={"x": True}), Method("b", nothing, record={"y": 2})
    assert to_record([one, other]) == {"x": True, "y": 2}
    with pytest.raises(StudyError, match=r"'a' records x=True and 'c' x=False"):
        to_record([one, Method("c", nothing, record={"x": False})])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Two words"}, "lower-case letters"),
        ({"function": 3}, "takes a function .* not"),
        ({"varies": ("layer",)}, "varies 'layer'; it must be one of layers, heads, scaling"),
        ({"name": "attention"}, "already a method"),
    ],
)
def test_what_is_no_method_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        register_method(**{"name": "mine", "function": nothing, **wrong})
    assert method_names() == tuple(SHIPPED)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "it must return a mapping word"),
        ({"cat": np.ones((2, 2))}, "not one of the requested words"),
        ({CAT: np.ones(3)}, r"of the shape \(3,\); it must have the shape \(y, x\)"),
        ({CAT: np.array([[-1.0, 0.0]])}, "values from -1 to 0; they must be finite and >= 0"),
        ({CAT: np.array([[np.nan, 0.0]])}, "finite and >= 0"),
    ],
)
def test_what_is_no_map_is_refused(result: Any, said: str) -> None:
    method = Method("mine", lambda recording, words, choice: result)
    with pytest.raises(StudyError, match=f"'mine' returned .*{said}"):
        method.maps(RUN, WORDS, Choice(), {})


def test_a_method_that_asks_the_pipeline() -> None:
    method = Method("mine", lambda r, w, c, pipe: {CAT: np.full((2, 2), pipe)}, needs_pipe=True)
    assert (method.maps(RUN, WORDS, Choice(), {}, pipe=3.0)[CAT] == 3).all()
    with pytest.raises(StudyError, match=r"'mine' needs the pipeline .* pipe is None"):
        method.maps(RUN, WORDS, Choice(), {})
    register_method("mine", method.function, needs_pipe=True)
    assert method_named("mine").needs_pipe


def test_the_encoder_by_hand() -> None:
    pipe = sd1()
    run = generate(pipe, "a cat and a dog", seed=0, num_inference_steps=2)
    words = [run.prompt.find("cat"), run.prompt.find("dog")]
    maps = SHIPPED["encoder"].maps(run, words, Choice(), {}, pipe=pipe)

    ids = torch.tensor([[token.id for token in run.prompt.tokens]])
    with torch.no_grad():
        plain = pipe.text_encoder(ids).last_hidden_state[0].double()
        for word in words:
            own = run.prompt.token_indices(word)
            mask = torch.ones_like(ids)
            mask[0, list(own)] = 0
            hidden = pipe.text_encoder(ids, attention_mask=mask).last_hidden_state[0].double()
            others = [i for i in range(ids.shape[1]) if i not in own]
            expected = float((hidden - plain)[others].norm() / plain.norm())
            assert maps[word].shape == run.facts.latent_size
            assert expected > 1e-3 and np.allclose(maps[word], expected, rtol=1e-4)
    assert not pipe.unet._forward_pre_hooks


def test_methods_by_name() -> None:
    assert list(methods_of(None)) == list(SHIPPED)
    own = Method("own", nothing)
    assert list(methods_of(["blob", own])) == ["blob", "own"]
    with pytest.raises(StudyError, match="no method 'atention', did you mean 'attention'"):
        methods_of(["atention"])
    with pytest.raises(StudyError, match="Two methods are called 'own'"):
        methods_of([own, own])
    assert MapsOptions(methods="blob").methods == ("blob",)
    assert MapsOptions(methods=own).methods == (own,)
    for wrong in ([], [nothing]):
        with pytest.raises(StudyError, match="methods="):
            MapsOptions(methods=wrong)


# --- choices ----------------------------------------------------------------------------------


def test_choices_by_name() -> None:
    choices = choices_of(None, recommended=["up"], heads=(0, 0, 3))
    assert list(choices) == [
        *("paper", "recommended", "all"),
        *("paper, layers scaled", "recommended, layers scaled", "all, layers scaled"),
        *("recommended, head 0", "recommended, head 3"),
    ]
    assert choices["recommended, head 3"] == Choice(["up"], [3])
    assert list(choices_of({"a": "up", "b": "mid"}, heads=(1,))) == ["a", "b", "a, head 1"]
    assert choices_of({"a": "up", "b": Choice(scaling="layers")})["a"] == Choice("up")
    for wrong in ({}, "paper"):
        with pytest.raises(StudyError, match="at least one choice"):
            choices_of(wrong)


def test_what_a_method_does_not_read_is_tried_once() -> None:
    choices = choices_of(None, heads=(1,))
    assert list(choices_for(VARIES, choices)) == list(choices)
    assert list(choices_for(("layers",), choices)) == ["paper", "all"]
    assert choices_for((), choices) == {ONLY: Choice()}


# --- those that ship --------------------------------------------------------------------------


def maps_of(name: str, choice: Choice | None = None, **masks: Any) -> dict[str, Any]:
    masks = {word: masks[word.text] for word in WORDS if word.text in masks}
    maps = SHIPPED[name].maps(RUN, WORDS, choice or Choice(), masks)
    return {word.text: values for word, values in maps.items()}  # of "a" the second


def test_attention_is_daams() -> None:
    maps = maps_of("attention", Choice("up", [1]))
    expected = heat_maps(RUN, layers="up", heads=[1])
    assert np.array_equal(maps["cat"], expected["cat"].numpy())


def test_scaled_layers_count_alike() -> None:
    """Each layer's maps over the layer's own maximum, over all words of the prompt."""
    expected = np.zeros((8, 12))
    layers = heat_maps(RUN).layers
    for layer in layers:
        of_layer = heat_maps(RUN, layers=[layer.name])
        values = of_layer["cat"].numpy().astype(float)
        expected += values / max(each.numpy().max() for each in of_layer.words) / len(layers)
    scaled = maps_of("attention", Choice(scaling="layers"))
    assert np.allclose(scaled["cat"], expected, rtol=1e-6)
    assert not np.allclose(scaled["cat"] / scaled["cat"].max(), _plain_cat(), atol=1e-3)


def _plain_cat() -> Any:
    values = maps_of("attention")["cat"]
    return values / values.max()


def test_shares_of_all_tokens_add_up_to_one() -> None:
    maps = SHIPPED["share"].maps(RUN, WORDS, Choice(), {})
    assert np.allclose(sum(maps.values()), 1, atol=1e-5)


def test_above_least_is_nothing_at_the_least_word() -> None:
    maps = SHIPPED["above-least"].maps(RUN, WORDS, Choice(), {})
    assert np.allclose(np.min(list(maps.values()), axis=0), 0)
    plain = SHIPPED["attention"].maps(RUN, WORDS, Choice(), {})
    least = np.min(list(plain.values()), axis=0)
    assert np.allclose(maps[CAT], plain[CAT] - least, atol=1e-9)


def test_the_end_of_text_is_added() -> None:
    end = heat_maps(RUN).end_of_text.numpy()
    assert np.allclose(maps_of("with-end")["cat"], maps_of("attention")["cat"] + end, atol=1e-7)


def test_effects_of_the_words_that_have_one() -> None:
    run = with_effects(RUN, [RUN.prompt.token_indices("cat")])
    words = list(run.prompt.read_words)
    maps = SHIPPED["effect"].maps(run, words, Choice("up"), {})
    assert [word.text for word in maps] == ["cat"]
    expected = heat_maps(run, kind="effect", layers="up")["cat"].numpy()
    assert np.array_equal(next(iter(maps.values())), expected)


def test_baselines() -> None:
    mask = np.zeros((64, 96), bool)
    mask[:32, :48] = True
    of_mask = maps_of("mask", cat=mask)
    assert list(of_mask) == ["cat"]
    assert of_mask["cat"].shape == (8, 12) and of_mask["cat"][:4, :6].min() == 1
    assert of_mask["cat"].sum() == 24
    assert set(maps_of("constant")["dog"].ravel()) == {1.0}
    blob = maps_of("blob")["dog"]
    assert np.allclose(blob, blob[::-1, ::-1]) and blob.argmax() in (41, 42, 53, 54)
    other = maps_of("another-word")
    assert np.array_equal(other["cat"], maps_of("attention")["dog"])  # the other content word
    assert np.array_equal(other["dog"], maps_of("attention")["cat"])
    assert "cat" not in {w.text for w in SHIPPED["another-word"].maps(RUN, [CAT], Choice(), {})}
