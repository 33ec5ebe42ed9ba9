"""What an argument has to be, and what is said of what it is instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import SelectionError, UnknownOptionError, WrongKindError
from daam_nb.kinds import (
    check_choice,
    check_flag,
    check_length,
    check_path,
    check_share,
    check_slice,
    check_text,
    kind_of,
    names_checked,
    number_between,
    read_numbers,
    whole_numbers,
)


@names_checked
def drawn(pipe: Any, *, layers: str = "all", keep_steps: Any = None) -> str:
    """Say what was chosen."""
    return f"{pipe} {layers} {keep_steps}"


def test_a_function_that_checks_its_names() -> None:
    assert drawn(1, layers="up") == "1 up None"
    assert (drawn.__name__, drawn.__doc__) == ("drawn", "Say what was chosen.")
    with pytest.raises(UnknownOptionError) as caught:
        drawn(1, layer="up")
    assert str(caught.value) == (
        "drawn() takes no argument 'layer'; did you mean 'layers'? It takes pipe, layers, "
        "keep_steps."
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        drawn()  # type: ignore[call-arg]


def test_an_argument_that_has_no_name() -> None:
    with pytest.raises(UnknownOptionError) as caught:
        drawn(1, "up")  # type: ignore[misc]
    assert str(caught.value) == (
        "drawn() takes pipe without a name, and was given 'up' (str) beside. Name what it is: "
        "layers=, keep_steps=."
    )
    with pytest.raises(UnknownOptionError, match=r"was given 3 \(int\) beside.*: keep_steps=\.$"):
        drawn(1, 3, layers="up")  # type: ignore[misc]

    class Page:
        @names_checked
        def __init__(self, *parts: int, wide: bool = False) -> None:
            self.parts = parts

    class Sheet:
        @names_checked
        def __init__(self, width: int) -> None:
            self.width = width

    assert Page(1, 2, 3).parts == (1, 2, 3) and Sheet(4).width == 4
    with pytest.raises(UnknownOptionError, match=r"Sheet\(\) takes width .* Leave it out\."):
        Sheet(4, 5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None"),
        (True, "True (bool)"),
        ("x" * 99, "'" + "x" * 56 + "... (str)"),
        ([], "a list without anything in it"),
        ([1, "a", 2], "a list of 3 int and str"),
        (np.zeros((2, 3)), "a ndarray of shape (2, 3)"),
        (torch.zeros(4), "a Tensor of shape (4,)"),
        (int, "the class int"),
        (object(), "an object"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_a_value_is(value: Any, said: str) -> None:
    assert kind_of(value) == said


def test_flags_are_true_or_false() -> None:
    assert check_flag(True, "x") and not check_flag(np.bool_(False), "x")
    for wrong in ("no", "", 0, 1, None, [], np.array([True]), torch.tensor(True), 1.0):
        with pytest.raises(WrongKindError, match="negative= must be True or False, not"):
            check_flag(wrong, "negative")


def test_one_of_a_few_words() -> None:
    assert check_choice("up", "stage", ("up", "down")) == "up"
    for wrong in ("left", None, ["up"], np.array(["up"]), np.zeros((2, 2)), 1):
        with pytest.raises(SelectionError, match=r"stage=.* is not known\. Use 'up' or 'down'\."):
            check_choice(wrong, "stage", ("up", "down"))


def test_texts_and_paths(tmp_path: Path) -> None:
    assert check_text("", "x") == ""
    assert check_path(str(tmp_path), "x") == check_path(tmp_path, "x") == tmp_path
    assert check_path("~/x", "x") == Path.home() / "x"
    for wrong in (None, b"x", 5, ["x"], Path):
        with pytest.raises(WrongKindError, match="label must be a text, not"):
            check_text(wrong, "label")
        with pytest.raises(WrongKindError, match="folder must be a path \(str or pathlib"):
            check_path(wrong, "folder")


def test_shares_and_lengths() -> None:
    values: list[Any] = [0, 1, 0.4, np.float32(0.5), torch.tensor(0.25), np.array(0.5)]
    assert [check_share(v, "x") for v in values] == pytest.approx([0, 1, 0.4, 0.5, 0.25, 0.5])
    wrong: list[Any] = [-0.1, 1.1, float("nan"), True, "0.4", None, [0.4], np.array([0.4]), 1j]
    for value in [*wrong, np.bool_(True)]:
        with pytest.raises(SelectionError, match=r"opacity=.* is not between 0 and 1"):
            check_share(value, "opacity")
    assert check_length(3, "x", high=10) == 3.0
    for value in [*wrong[2:], 0, -1, 11, float("inf")]:
        with pytest.raises(SelectionError, match=r"width=.* above 0 and up to 10"):
            check_length(value, "width", high=10)


def test_whole_numbers() -> None:
    assert whole_numbers(3, "step") == whole_numbers(np.array(3), "step") == (3,)
    assert whole_numbers([2, 0, 2], "step") == (2, 0, 2)
    assert whole_numbers([], "step") == ()
    assert read_numbers(iter([2, 0]), "head") == (0, 2)
    assert number_between(np.int64(5), "seed", low=0, high=5) == 5
    for wrong in ("5", True, 5.0, None, -1, 6, [5], np.bool_(True), torch.tensor(True)):
        with pytest.raises(SelectionError, match=r"seed=.*: it must be a whole number from 0 to 5"):
            number_between(wrong, "seed", low=0, high=5)
    with pytest.raises(SelectionError, match=r"bins=0: it must be a whole number >= 1\."):
        number_between(0, "bins", low=1)


def test_an_empty_text_is_no_path() -> None:
    with pytest.raises(SelectionError, match=r"The current folder is '\.'"):
        check_path("", "A recording")
    assert check_path(".", "A recording") == Path()


BOOLS = [True, False, np.True_, torch.tensor(True), torch.tensor(False)]


@pytest.mark.parametrize("value", BOOLS, ids=repr)
@pytest.mark.parametrize("end", range(3))
def test_a_slice_of_bools_is_refused(value: Any, end: int) -> None:
    ends: list[Any] = [None, None, None]
    ends[end] = value
    with pytest.raises(SelectionError, match="the ends of a slice must be whole numbers or None"):
        check_slice(slice(*ends), "steps")


def test_slices_of_whole_numbers_are_taken() -> None:
    for right in (slice(None), slice(1, 3), slice(-2, None), slice(np.int64(1), None, -1)):
        assert check_slice(right, "steps") is right
    with pytest.raises(SelectionError, match=r"keep_steps=slice\('a', None, None\) cannot be read"):
        check_slice(slice("a", None), "keep_steps")
    with pytest.raises(SelectionError, match=r"not 1\.5 \(float\)"):
        check_slice(slice(1.5), "steps")
    with pytest.raises(SelectionError, match="the step of a slice must not be 0"):
        check_slice(slice(None, None, 0), "steps")
