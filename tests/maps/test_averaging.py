import gc
import re
import weakref
from typing import Any

import pytest
import torch

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.maps import WordHeatMap, average, average_heads, average_words, heat_maps
from daam_nb.show.figures import overlay
from tests.tiny_recordings import IMAGE_SIZE, joint_layers, tiny_recording


def one(values: Any, label: str = "dog", **kwargs: Any) -> WordHeatMap:
    return WordHeatMap(values, label, **kwargs)


def test_mean_by_hand() -> None:
    made = average([one([[1.0, 0.0]]), one([[0.0, 0.5]], "Dog"), one([[0.5, 1.0]])])
    assert made.values.tolist() == [[0.5, 0.5]]
    assert made.label == "dog, Dog"
    assert (made.span, made.tokens, made.origin) == (None, (), None)
    assert average([one([[1.0]])], label="mean").label == "mean"


def test_over_runs() -> None:
    runs = [tiny_recording(seed=seed) for seed in range(3)]
    made = average(heat_maps(run).word("dog") for run in runs)
    expected = sum(heat_maps(run).word("dog").values for run in runs) / 3
    assert torch.allclose(made.values, expected)
    assert made.image_size == IMAGE_SIZE
    assert made.unit == "attention probability"


def test_no_run_is_held_on_to() -> None:
    held: list[weakref.ref[Any]] = []

    def maps() -> Any:
        for seed in range(3):
            gc.collect()
            assert sum(ref() is not None for ref in held) <= 1
            run = tiny_recording(seed=seed)
            held.append(weakref.ref(run))
            yield heat_maps(run).word("dog")
            del run

    average(maps())


def test_grids_that_differ() -> None:
    small, large = one([[1.0, 1.0]]), one(torch.ones(2, 4), "cat")
    message = "different grids: 1 x 2 and, for 'cat', 2 x 4. Give one size for all"
    with pytest.raises(ShapeError, match=message):
        average([small, large])
    assert average([small, large], size=(2, 4)).values.tolist() == torch.ones(2, 4).tolist()
    with pytest.raises(ShapeError, match="A size must be"):
        average([small], size=(0, 1))


def test_units_that_differ() -> None:
    maps = heat_maps(tiny_recording())
    with pytest.raises(SelectionError, match="different units: 'attention probability' and, for"):
        average([maps.word("dog"), maps.word("dog").normalized()])
    with pytest.raises(SelectionError, match="summed over steps"):
        average([maps.word("dog"), heat_maps(tiny_recording(), reduction="sum").word("dog")])


def test_nothing_and_garbage() -> None:
    for averaged in (average, average_words, average_heads):
        with pytest.raises(SelectionError, match="There is no map to average"):
            averaged([])
    with pytest.raises(SelectionError, match=re.escape("takes WordHeatMaps, not Tensor")):
        average([torch.ones(2, 2)])  # type: ignore[list-item]


def test_by_word() -> None:
    first = heat_maps(tiny_recording("a cat and a dog"))
    second = heat_maps(tiny_recording("A dog", seed=1))
    words = average_words([first, second])
    assert list(words) == ["a", "cat", "and", "dog"]
    dogs = (first.word("dog").values + second.word("dog").values) / 2
    assert torch.allclose(words["dog"].values, dogs)
    every_a = [first.word("a", occurrence=i).values for i in (0, 1)] + [second.word("a").values]
    assert torch.allclose(words["a"].values, torch.stack(every_a).mean(0))
    assert torch.equal(words["cat"].values, first.word("cat").values)
    assert list(average_words([first, second], case=True)) == ["a", "cat", "and", "dog", "A"]


def test_by_head() -> None:
    runs = [tiny_recording(seed=seed, heads=(2, 3)) for seed in range(2)]
    each = [heat_maps(run).by_head("dog") for run in runs]
    heads = average_heads(each)
    assert heads.keys() == each[0].keys()
    for pair, made in heads.items():
        expected = (each[0][pair].values + each[1][pair].values) / 2
        assert torch.allclose(made.values, expected)
        assert made.label == f"{pair[0]}, head {pair[1]}"


def test_the_choice_of_a_mean_is_that_of_its_maps() -> None:
    runs = [tiny_recording(seed=seed) for seed in range(3)]
    words = [heat_maps(run, steps=1).word("dog") for run in runs]
    assert average(words).choice == f"mean of 3 maps: {words[0].choice}"
    assert average(words).resize((16, 24)).choice == average(words).choice
    late = heat_maps(runs[0], steps=2).word("dog")
    mixed = average([*words, late])
    assert mixed.choice == f"mean of 4 maps of 2 choices ({words[0].choice}; {late.choice})"
    each = [heat_maps(runs[0], steps=0, heads=head, layers=stage).word("dog")
            for head in (0, 1) for stage in ("up", "down")]  # fmt: skip
    assert "mean of 4 maps of 4 choices (" in average(each).choice
    assert average(each).choice.endswith("; and 1 others)")
    assert average([one([[1.0]]), one([[0.0]])]).choice == "derived: mean of 2 maps: made by hand"
    by_word = average_words(heat_maps(run, steps=1) for run in runs)
    assert by_word["dog"].choice == average(words).choice
    assert "mean of 3 maps" in overlay(runs[0], average(words)).caption[-2]


def test_sides_and_kinds_of_attention_are_not_mixed() -> None:
    run = tiny_recording("a dog", negative="a dog")
    positive, negative = (heat_maps(run, negative=side).word("dog") for side in (False, True))
    message = "cross attention to the prompt and, for '(dog|a)', cross attention to the negative"
    for mix in (
        lambda: average([positive, negative]),
        lambda: average_words([heat_maps(run), heat_maps(run, negative=True)]),
    ):
        with pytest.raises(SelectionError, match=message):
            mix()
    joint = heat_maps(tiny_recording("a dog", layers=joint_layers()), layers="all").word("dog")
    with pytest.raises(SelectionError, match="for 'dog', joint attention to the prompt"):
        average([positive, joint], size=(8, 8))


def test_a_map_that_is_turned_on_its_side_is_noticed() -> None:
    word_map = heat_maps(tiny_recording()).word("dog")
    with pytest.warns(UserWarning, match="64 x 96 .height x width.. PIL's size is the other way"):
        word_map.resize(IMAGE_SIZE[::-1])
