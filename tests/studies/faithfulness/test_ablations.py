"""Which columns each ablation takes, and that images drawn together are those drawn alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from daam_nb.recording import Recording
from daam_nb.studies.faithfulness.ablations import (
    ABLATIONS,
    ANOTHER_SEED,
    HIDDEN,
    OWN,
    REPEATED,
    SEED_STEP,
    Taken,
    columns,
    drawn_without,
    random_columns,
    repeating,
    taken_from,
)
from daam_nb.studies.redraw.redrawing import difference, drawn_again
from daam_nb.tracing import ablate, generate, redraw
from tests import pipelines
from tests.studies.toy import SIZE
from tests.tiny_recordings import tiny_prompt

NAMES = tuple(ABLATIONS)


def test_what_repeats_a_word() -> None:
    prompt = tiny_prompt("a red cat on the grass at night")  # start, 8 words, end, 2 of padding
    cat = prompt.find("cat")
    assert list(repeating(prompt, cat, OWN)) == []
    # on, the, at; not red and a before it, not grass and night
    assert list(repeating(prompt, cat)) == [4, 5, 7, 9, 10, 11]
    assert columns(prompt, cat, OWN) == columns(prompt, cat, HIDDEN) == (3,)
    assert columns(prompt, cat, REPEATED) == (3, 4, 5, 7, 9, 10, 11)


def test_object_control_and_random_columns_get_the_same_treatment() -> None:
    prompt = tiny_prompt("a red cat on the grass at night")
    cat, grass = prompt.find("cat"), prompt.find("grass")
    taken = taken_from(prompt, cat, grass, NAMES, key="x")
    assert [(one.kind, one.name) for one in taken] == [
        *(("object", name) for name in NAMES),
        *(("control", name) for name in NAMES),
        ("random", OWN),
        ("random", REPEATED),
        ("object", ANOTHER_SEED),
    ]
    assert [len(one.columns) for one in taken] == [1, 7, 1, 1, 5, 1, 1, 7, 0]
    assert taken == taken_from(prompt, cat, grass, NAMES, key="x")
    alone = taken_from(prompt, cat, None, [HIDDEN], key="x")
    assert [(one.kind, one.name) for one in alone] == [("object", HIDDEN), ("object", ANOTHER_SEED)]


def test_random_columns_are_none_of_the_words_own() -> None:
    prompt = tiny_prompt("a red cat on the grass at night")
    cat = prompt.find("cat")
    drawn = {random_columns(prompt, cat, 4, key=str(seed)) for seed in range(40)}
    assert {column for one in drawn for column in one} == set(range(1, 12)) - {3}
    assert len(drawn) > 20 and all(len(one) == 4 for one in drawn)
    assert random_columns(prompt, cat, 99, key="") == tuple(sorted(set(range(1, 12)) - {3}))


def test_images_drawn_together_are_those_drawn_alone() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, "a red cat and a dog", seed=3, **SIZE)
    assert isinstance(run, Recording)
    cat, dog = run.prompt.find("cat"), run.prompt.find("dog")
    taken = taken_from(run.prompt, cat, dog, NAMES, key="x")
    together = drawn_without(pipe, run, taken)

    def same(place: int, alone: Any) -> bool:
        return bool(difference(together[place], alone).max() <= 2 / 255)

    assert same(0, drawn_again(pipe, run, ablate(pipe, words="cat")))
    behind = [4, 5, *range(7, 77)]  # "and", "a"; the end of text and the padding
    assert same(1, drawn_again(pipe, run, ablate(pipe, words="cat", tokens=behind)))
    hidden = {"text_encoder": True, "renormalize": True}
    assert same(2, drawn_again(pipe, run, ablate(pipe, words="cat", **hidden)))
    assert same(5, drawn_again(pipe, run, ablate(pipe, words="dog", **hidden)))
    assert same(8, redraw(run, pipe, [3 + SEED_STEP])[0])
    far = [difference(one, run.image).max() for one in together]
    assert min(*far[:6], far[8]) > 2 / 255  # a column of padding alone may change next to nothing
    nothing = drawn_without(pipe, run, [Taken("object", OWN)] * 2)
    assert all(np.abs(difference(one, run.image)).max() <= 1 / 255 for one in nothing)
