"""One meaning of steps, layers and heads; `tests/maps/test_selection.py` has them through maps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import SelectionError
from daam_nb.maps import heat_maps
from daam_nb.selection import Heads, Steps, in_words, select
from daam_nb.tracing import ablate, reweight
from tests import pipelines
from tests.tiny_recordings import tiny_recording
from tests.tracing.cases import SIZED

RUN = tiny_recording(steps=4, heads=(2, 4))
DOWN, DOWN_1, MID, UP_1, UP_2 = (layer.name for layer in RUN.layers)


# --- steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "steps"),
    [
        (None, (0, 1, 2, 3)),
        (-1, (3,)),
        ([3, 0], (0, 3)),
        (slice(1, None), (1, 2, 3)),
        (range(2), (0, 1)),
        (np.array([2]), (2,)),
    ],
)
def test_steps_of_a_loop(choice: Any, steps: tuple[int, ...]) -> None:
    chosen = Steps.read(choice)
    assert chosen.of(4) == steps
    assert [step for step in range(4) if chosen.holds(step, 4)] == list(steps)


def test_the_name_of_the_argument_stands_in_the_error() -> None:
    with pytest.raises(SelectionError, match=r"^keep_steps: A step is chosen by a whole number"):
        Steps.read([1, True], name="keep_steps")
    with pytest.raises(SelectionError, match=r"^keep_steps=\[9\]: There is no step 9: the loop"):
        Steps.read(9, name="keep_steps").of(4)
    with pytest.raises(SelectionError, match="names step 3 more than once"):
        Steps.read([3, -1]).of(4)


def test_no_step_at_all_only_where_that_is_allowed() -> None:
    assert Steps.read([], empty=True).of(4) == ()
    with pytest.raises(SelectionError, match="The choice of steps is empty"):
        Steps.read([])


# --- heads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "pairs"),
    [
        ((DOWN_1, 3), [(DOWN_1, 3)]),
        ([(UP_1, 2), (DOWN, 0), (UP_1, 0)], [(DOWN, 0), (UP_1, 0), (UP_1, 2)]),
        ([(RUN.layers[1], 1)], [(DOWN_1, 1)]),
        ([[DOWN_1, np.int64(1)]], [(DOWN_1, 1)]),
        ({(DOWN, 1): "as by_head gives them", (UP_2, 0): ""}, [(DOWN, 1), (UP_2, 0)]),
        (((name, 0) for name in (UP_2, DOWN)), [(DOWN, 0), (UP_2, 0)]),
    ],
)
def test_heads_one_by_one(choice: Any, pairs: list[tuple[str, int]]) -> None:
    selection = select(RUN, layers="paper", steps=None, heads=choice)
    assert [(layer.name, head) for layer, head in selection.pairs] == pairs
    assert selection.heads == tuple(pairs)
    assert [layer.name for layer in selection.layers] == list(dict.fromkeys(n for n, _ in pairs))


def test_the_map_of_single_heads_is_the_mean_of_their_maps() -> None:
    by_head = heat_maps(RUN, layers="all").by_head("cat")
    chosen = [(MID, 3), (DOWN, 1), (UP_1, 0)]
    maps = heat_maps(RUN, layers="all", heads=chosen)
    expected = torch.stack([by_head[pair].values.double() for pair in chosen]).mean(0)
    torch.testing.assert_close(maps.word("cat").values.double(), expected, rtol=1e-6, atol=1e-9)
    assert set(maps.by_head("cat")) == set(chosen)
    assert maps.choice.startswith("3 of 5 layers, ") and "3 single heads" in maps.choice
    again = heat_maps(RUN, layers=maps.layers, heads=maps.heads)
    assert torch.equal(again.values, maps.values)


def test_one_head_by_its_pair_is_the_head_by_its_number() -> None:
    by_pair = heat_maps(RUN, heads=(UP_1, 3))
    by_number = heat_maps(RUN, layers=UP_1, heads=3)
    assert torch.equal(by_pair.values, by_number.values)
    assert by_pair.choice == by_number.choice


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ((MID, 0), f"'{MID}', which is not among the 4 chosen layers (of 5). Pass layers="),
        (("up_blocks.1", 0), "there is no such layer. Did you mean"),
        (("attic", 0), "there is no such layer. There are down_blocks.0"),
        ((DOWN, 2), f"Layer '{DOWN}' has no head 2: it has 2, 0 to 1. No chosen layer has any"),
        ([(DOWN, 2), (DOWN, 0)], "or pass missing='skip'"),
        ((DOWN, -1), "There is no head -1 of layer"),
        ((DOWN, True), "A head is chosen by a whole number, not by True"),
        ([(DOWN, 1), 3], "3 (int) is given among (layer, head) pairs"),
        ([3, (DOWN, 1)], "3 (int) is given among (layer, head) pairs"),
        ([(DOWN, 1), (DOWN, 1)], f"names ('{DOWN}', 1) more than once"),
        (DOWN, f"heads='{DOWN}': heads must be"),
        ([DOWN], "is given among (layer, head) pairs"),
        ((0, DOWN), "0 (int) is given among"),
        ([(0, 1)], "a tuple of 2 int is given among"),
        ([()], "a tuple without anything in it is given among"),
    ],
)
def test_heads_that_cannot_be(choice: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=re.escape(message)):
        heat_maps(RUN, heads=choice)


def test_single_heads_that_are_missing_are_skipped_when_asked() -> None:
    maps = heat_maps(RUN, heads=[(DOWN, 1), (DOWN, 5)], missing="skip")
    assert maps.skipped == ((DOWN, 5),) and maps.heads == ((DOWN, 1),)


def test_no_head_at_all_only_where_that_is_allowed() -> None:
    assert Heads.read([], empty=True).none
    with pytest.raises(SelectionError, match="The choice of heads is empty"):
        Heads.read([])


# --- interventions --------------------------------------------------------------------------------


def test_single_heads_are_changed_and_no_others() -> None:
    pipe = pipelines.sd1()
    names = [name for name, module in pipe.unet.named_modules() if name.endswith("attn2")]
    first, last = names[0], names[-1]

    def image(*changes: Any) -> np.ndarray[Any, Any]:
        from contextlib import ExitStack

        with ExitStack() as stack:
            for change in changes:
                stack.enter_context(change)
            generator = torch.Generator().manual_seed(0)
            image: np.ndarray[Any, Any] = pipe(**SIZED, generator=generator).images[0]
        return image

    plain = image()
    pairs = image(ablate(pipe, words="cat", heads=[(last, 0), (first, 1)]))
    apart = image(
        ablate(pipe, words="cat", layers=first, heads=1),
        ablate(pipe, words="cat", layers=last, heads=0),
    )
    assert np.array_equal(pairs, apart) and not np.array_equal(pairs, plain)
    one = image(reweight(pipe, "cat", 3.0, heads=(first, 1)))
    assert np.array_equal(one, image(reweight(pipe, "cat", 3.0, layers=first, heads=1)))
    with pytest.raises(SelectionError, match="which is not among the 1 chosen layers"):
        image(ablate(pipe, words="cat", layers=first, heads=(last, 0)))
    with pytest.raises(SelectionError, match="there is no such layer"):
        image(ablate(pipe, words="cat", heads=("attic", 0)))


def test_in_words() -> None:
    assert in_words((0, 1, 2, 5, 7, 8)) == "0-2, 5, 7-8"
    assert in_words((4,)) == "4"
