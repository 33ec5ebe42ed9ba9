import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps import heat_maps
from daam_nb.maps.stepsums import spans_of
from tests.tiny_recordings import joint_layers, tiny_recording

RUN = tiny_recording(steps=6, heads=(2, 4))
GAPS = tiny_recording(steps=6, kept_steps=(0, 2, 3, 5))
FINE = ("down_blocks.0", "up_blocks.2")


@pytest.mark.parametrize(
    ("choice", "steps"),
    [
        (None, (0, 1, 2, 3, 4, 5)),
        (2, (2,)),
        (-1, (5,)),
        (np.int64(3), (3,)),
        (torch.tensor(3), (3,)),
        (slice(4, None), (4, 5)),
        (slice(-2, None), (4, 5)),
        (slice(0, 100), (0, 1, 2, 3, 4, 5)),
        (slice(None, None, -2), (1, 3, 5)),
        (range(1, 4), (1, 2, 3)),
        ([4, 1], (1, 4)),
        ((step for step in (0, 5)), (0, 5)),
        (np.array([0, 3]), (0, 3)),
        (torch.tensor([2, 1]), (1, 2)),
        ({-6}, (0,)),
    ],
)
def test_steps(choice: Any, steps: tuple[int, ...]) -> None:
    assert heat_maps(RUN, steps=choice).steps == steps


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (6, "There is no step 6: the loop has 6 steps, 0 to 5 (or -6 to -1 from its end)."),
        (-7, "There is no step -7"),
        ([], "The choice of steps is empty. Name at least one step"),
        (range(0), "The choice of steps is empty"),
        (slice(3, 3), "steps=slice(3, 3, None) selects none of the 6 steps (0 to 5)"),
        (slice("a", None), "steps=slice('a', None, None) cannot be read"),
        (slice(None, None, 0), "the step of a slice must not be 0"),
        ([1, 1], "names step 1 more than once"),
        ([1, -5], "names step 1 more than once"),
        (True, "chosen by a whole number, not by True of type bool"),
        ([False, True], "not by False of type bool"),
        (np.array([True, False]), "not by"),
        (torch.tensor([True, False]), "not by tensor(True)"),
        (1.0, "not by 1.0 of type float. Use an int or several, as in steps=[0, 2], or a slice"),
        ([0, 2.5], "not by 2.5"),
        ("3", "not by '3' of type str"),
        (object(), "of type object"),
        (float("nan"), "not by nan"),
        (torch.tensor(2.0), "not by tensor(2.)"),
        ([[0]], "not by [0] of type list"),
    ],
)
def test_steps_that_cannot_be(choice: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=re.escape(message)):
        heat_maps(RUN, steps=choice)


def test_steps_that_were_not_kept_are_named() -> None:
    assert heat_maps(GAPS).steps == (0, 2, 3, 5)
    assert heat_maps(GAPS, steps=slice(2, 4)).steps == (2, 3)
    with pytest.raises(NotKeptError, match=r"Step 1 was not kept.*steps 0, 2-3, 5 of 6"):
        heat_maps(GAPS, steps=slice(0, 3))


def test_a_sum_has_no_single_steps() -> None:
    run = tiny_recording(steps=6, kept="sum")
    assert heat_maps(run).steps == tuple(range(6))
    for choice in (0, slice(None), range(6)):
        with pytest.raises(NotKeptError, match=r"one sum over 6 steps. Leave steps=None"):
            heat_maps(run, steps=choice)


def test_layers() -> None:
    assert [layer.stage for layer in heat_maps(RUN).layers] == ["down", "down", "up", "up"]
    assert heat_maps(RUN, layers="all").layers == RUN.layers
    assert [layer.stage for layer in heat_maps(RUN, layers="mid").layers] == ["mid"]
    by_function = heat_maps(RUN, layers=lambda layer: layer.size == (4, 6))
    assert [layer.stage for layer in by_function.layers] == ["down", "up"]


@pytest.mark.parametrize("choice", [3, None, 2.5, object(), [3], [None], [], "sideways"])
def test_layers_that_cannot_be(choice: Any) -> None:
    with pytest.raises(SelectionError):
        heat_maps(RUN, layers=choice)


def test_heads() -> None:
    maps = heat_maps(RUN, heads=1)
    assert maps.heads == (1,)
    assert [head for _, head in maps.pairs] == [1, 1, 1, 1]
    assert len(heat_maps(RUN).pairs) == 2 + 4 + 4 + 2
    assert heat_maps(RUN, heads=np.array([1, 0])).heads == (0, 1)


def test_a_head_that_some_layers_lack() -> None:
    with pytest.raises(SelectionError, match=r"'down_blocks.0.*has no head 3: it has 2, 0 to 1"):
        heat_maps(RUN, heads=[0, 3])
    maps = heat_maps(RUN, heads=[0, 3], missing="skip")
    assert [(layer.name.split(".att")[0], head) for layer, head in maps.pairs] == [
        ("down_blocks.0", 0),
        ("down_blocks.1", 0),
        ("down_blocks.1", 3),
        ("up_blocks.1", 0),
        ("up_blocks.1", 3),
        ("up_blocks.2", 0),
    ]
    assert [(name.split(".att")[0], head) for name, head in maps.skipped] == [
        (name, 3) for name in FINE
    ]
    assert "2 missing heads skipped" in maps.choice
    everywhere = heat_maps(RUN, heads=3, layers="mid")
    assert everywhere.skipped == ()


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_a_head_that_no_layer_has(missing: Any) -> None:
    with pytest.raises(SelectionError, match="No chosen layer has any of these heads"):
        heat_maps(RUN, heads=9, missing=missing)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (-1, "There is no head -1: heads count from 0"),
        ([], "The choice of heads is empty"),
        (True, "A head is chosen by a whole number, not by True"),
        (0.0, "Use an int or several, as in heads=[0, 2]."),
        ("all", "heads='all': heads must be a whole number"),
        ([0, 0], "names head 0 more than once"),
        (slice(0, 2), "not by slice(0, 2, None)"),
    ],
)
def test_heads_that_cannot_be(choice: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=re.escape(message)):
        heat_maps(RUN, heads=choice)


def test_words_that_are_no_option() -> None:
    with pytest.raises(SelectionError, match=r"missing='ignore' is not known. Use 'error' or"):
        heat_maps(RUN, missing="ignore")  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match=r"reduction='max' is not known. Use 'mean'"):
        heat_maps(RUN, reduction="max")  # type: ignore[arg-type]
    with pytest.raises(NotKeptError, match="no attention of the negative prompt"):
        heat_maps(RUN, negative=True)


@settings(deadline=None)
@given(st.sets(st.sampled_from([0, 2, 3, 5]), min_size=1))
def test_spans_hold_exactly_the_chosen_steps(steps: set[int]) -> None:
    found = spans_of(GAPS, tuple(sorted(steps)))
    assert {GAPS.steps[i] for start, stop in found for i in range(start, stop)} == steps
    assert all(left[1] < right[0] for left, right in pairwise(found))


def test_layers_are_named_in_the_choice() -> None:
    assert heat_maps(RUN).choice == (
        "down and up blocks (4 of 5 layers), steps 0-5 of 6, all heads, mean over steps"
    )
    assert heat_maps(RUN, layers="all").choice.startswith("all 5 layers, ")
    assert heat_maps(RUN, layers="up").choice.startswith("up blocks (2 of 5 layers), ")
    assert heat_maps(RUN, layers=[FINE[0]]).choice.startswith(f"layer {FINE[0]}.attentions.0.")
    assert heat_maps(RUN, layers=[FINE[0], "mid"]).choice.startswith("2 of 5 layers, ")
    part = heat_maps(RUN, steps=[0, 1, 4], heads=1, reduction="sum").normalized()
    assert part.choice.endswith(
        "steps 0-1, 4 of 6, head 1, sum over steps, share of the map's maximum"
    )


def test_joint_layers_are_called_so_in_the_choice() -> None:
    """There the paper's choice is every layer: the caption names no down and up blocks."""
    run = tiny_recording(steps=6, layers=joint_layers(double=2, single=3))
    assert heat_maps(run).choice.startswith("all 5 joint layers, ")
    assert heat_maps(run, layers="single").choice.startswith("single blocks (3 of 5 joint layers)")
    assert heat_maps(run, layers=run.layers[1:4]).choice.startswith("3 of 5 joint layers, ")
    alone = tiny_recording(layers=joint_layers(double=1, single=0))
    assert heat_maps(alone).choice.startswith("the only joint layer, ")


@pytest.mark.parametrize("ends", [(True, 3), (0, True), (0, 3, True)])
def test_true_is_no_end_of_a_slice(ends: tuple[Any, ...]) -> None:
    with pytest.raises(SelectionError, match=r"whole numbers or None, not True \(bool\)"):
        heat_maps(tiny_recording(), steps=slice(*ends))
