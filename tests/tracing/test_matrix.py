"""For every kind of pipeline, variant, scheduler, prompt and size in `cases`: the picture is the
untraced one, the probabilities are those of the independent computation, nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.tracing.cases import CASES, Case
from tests.tracing.conftest import Watched
from tests.tracing.expected import (
    as_arrays,
    assert_recorded,
    row_of,
)
from tests.tracing.traces import assert_nothing_left

Watch = Callable[[Case], Watched]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def rows(case: Case, steps: int, picture: int) -> list[int]:
    """The batch row of a picture's conditional pass in every step."""
    return [row_of(case.layout_at(step), picture, case.pictures)[0] for step in range(steps)]


@every_case
def test_the_picture_is_the_untraced_one(case: Case, watch: Watch) -> None:
    watched = watch(case)
    assert np.array_equal(watched.traced, watched.untraced)
    assert np.array_equal(watched.again, watched.untraced)
    assert np.array_equal(as_arrays(watched.expected.images), watched.untraced)
    assert watched.untraced.std() > 0.01  # not one grey plane


@every_case
def test_the_probabilities_are_those_of_weights_and_inputs(case: Case, watch: Watch) -> None:
    watched = watch(case)
    steps = len(watched.expected.timesteps)
    assert len(watched.recordings) == case.pictures
    for picture, recording in enumerate(watched.recordings):
        assert_recorded(
            recording,
            watched.expected,
            rows(case, steps, picture),
            columns=case.columns(picture),
            atol=case.atol,
        )


@every_case
def test_nothing_is_left(case: Case, watch: Watch) -> None:
    watched = watch(case)
    assert_nothing_left(watched.before, watched.after)
