"""Concept maps: those of attention, with the concepts' text in the place of the prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError, ShapeError, WordNotFoundError
from daam_nb.maps import heat_maps
from daam_nb.recording import Kept, Recording, altered, load, sealed
from tests.maps.naive import naive_map
from tests.tiny_recordings import tiny_recording, with_concepts

STEPS = 4


def conceived(kept: Kept = "steps") -> Recording:
    return with_concepts(tiny_recording("a cat and a dog", steps=STEPS, kept=kept))


def in_place_of_the_prompt(run: Recording) -> Recording:
    """A recording whose prompt is the concepts' text."""
    concepts = run.concepts
    assert concepts is not None
    return replace(
        run, prompt=concepts.prompt, columns=concepts.columns, attention=concepts.attention
    )


@pytest.mark.parametrize(
    "choice",
    [{}, {"layers": "up", "steps": [1, 3]}, {"heads": 1}, {"reduction": "sum", "layers": "all"}],
)
def test_they_are_maps_of_attention_to_another_text(choice: dict[str, Any]) -> None:
    run = conceived()
    maps, expected = (
        heat_maps(run, kind="concept", **choice),
        heat_maps(in_place_of_the_prompt(run), **choice),
    )
    assert torch.equal(maps.values, expected.values)
    assert torch.equal(maps["blue sky"].values, expected["blue sky"].values)
    for name, word_map in maps.by_head("blue sky").items():
        assert torch.equal(word_map.values, expected.by_head("blue sky")[name].values)
    naive = naive_map(
        in_place_of_the_prompt(run),
        maps["sky"].tokens[0],
        layers=maps.layers,
        steps=maps.steps,
        heads=None if maps.heads is None else list(maps.heads),
        reduction=maps.reduction,
    )
    assert abs(maps["sky"].values.numpy() - naive).max() < 1e-5


def test_a_concept_may_stand_within_another() -> None:
    maps = heat_maps(conceived(), kind="concept")
    assert [word.text for word in maps] == ["sky", "blue sky"]
    assert maps["sky"].span == (0, 3) and maps.word("sky", occurrence=1).span == (10, 13)
    assert maps["blue"].span == (5, 9)
    assert "blue sky" in maps and "cat" not in maps
    assert [word_map.label for word_map in maps.words] == ["sky", "blue sky"]
    assert "over the concepts' text" in maps.unit and maps.prompt.text == "sky, blue sky"
    assert maps.start_of_text.label == "start of text"
    with pytest.raises(WordNotFoundError, match="'cat' is not a word or phrase of 'sky, blue sky'"):
        _ = maps["cat"]


def test_attention_and_concepts_are_cached_apart() -> None:
    run = conceived()
    first = heat_maps(run).values.clone()
    concepts = heat_maps(run, kind="concept").values.clone()
    assert torch.equal(heat_maps(run).values, first)
    assert torch.equal(heat_maps(run, kind="concept").values, concepts)


def test_what_is_not_held_is_refused() -> None:
    with pytest.raises(NotKeptError, match=r"holds no concepts.*concepts=\["):
        heat_maps(tiny_recording(), kind="concept")
    negative = with_concepts(tiny_recording(negative="bad"))
    with pytest.raises(NotKeptError, match="only in the conditional pass"):
        heat_maps(negative, kind="concept", negative=True)
    with pytest.raises(SelectionError, match="no shares"):
        heat_maps(conceived(), kind="concept").shares()


def test_parts_that_do_not_fit_are_refused() -> None:
    run = conceived()
    concepts = run.concepts
    assert concepts is not None
    name = run.layers[0].name
    for attention in (
        {**concepts.attention, name: concepts.attention[name][:1]},
        {other: array for other, array in concepts.attention.items() if other != name},
    ):
        with pytest.raises(ShapeError, match="The concepts' attention"):
            replace(run, concepts=replace(concepts, attention=attention))
    for change in ({"spans": ()}, {"spans": ((0, 3), (0, 3))}):
        with pytest.raises(SelectionError, match="at least one"):
            replace(concepts, **change)
    for columns in ((), (3, 1), (0, 99), (1, 1)):
        with pytest.raises(SelectionError, match="columns of concepts must be in ascending order"):
            replace(concepts, columns=columns)
    with pytest.raises(SelectionError, match="not among the columns"):
        replace(concepts, columns=(0, 1))


def test_sealed_saved_and_what_was_changed_is_noticed(tmp_path: Any) -> None:
    run = sealed(conceived())
    opened = load(run.save(tmp_path / "run"))
    assert opened.nbytes == run.nbytes and opened.concepts.words == run.concepts.words
    assert "sky, blue sky" in run._repr_html_()
    array = run.concepts.attention[run.layers[0].name]
    array.mul_(0.5)
    assert altered(run) == (f"concepts/attention/{run.layers[0].name}",)
    assert opened.concepts is not None


def test_a_sum_keeps_its_sum(tmp_path: Any) -> None:
    run = conceived(kept="sum")
    values = heat_maps(load(run.save(tmp_path / "run")), kind="concept")["sky"].values
    assert torch.equal(values, heat_maps(run, kind="concept")["sky"].values)


def test_the_explorer_shows_words_of_the_prompt_alone() -> None:
    from daam_nb.show.explorer import explore

    with pytest.raises(SelectionError, match=r"words of 'sky, blue sky'.*those of the prompt"):
        explore(conceived(), kind="concept", parser=False)
