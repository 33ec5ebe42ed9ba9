"""For every kind of pipeline, variant, scheduler, prompt and size in `cases`: the image is the
untraced one, the probabilities are those of the independent computation, nothing is left behind.
"""

from __future__ import annotations

import numpy as np

from tests.tracing.cases import Case
from tests.tracing.conftest import Watched
from tests.tracing.expected import (
    as_arrays,
    assert_recorded,
    row_of,
)
from tests.tracing.traces import assert_nothing_left


def rows(case: Case, steps: int, image: int) -> list[int]:
    """The batch row of an image's conditional pass in every step."""
    return [row_of(case.layout_at(step), image, case.images)[0] for step in range(steps)]


def test_the_image_is_the_untraced_one(watched: Watched) -> None:
    assert np.array_equal(watched.traced, watched.untraced)
    assert np.array_equal(watched.again, watched.untraced)
    assert np.array_equal(as_arrays(watched.expected.images), watched.untraced)
    assert watched.untraced.std() > 0.01  # not one gray plane


def test_the_probabilities_are_those_of_weights_and_inputs(watched: Watched) -> None:
    case, steps = watched.case, len(watched.expected.timesteps)
    assert len(watched.recordings) == case.images
    for image, recording in enumerate(watched.recordings):
        assert_recorded(
            recording,
            watched.expected,
            rows(case, steps, image),
            columns=case.columns(image),
            atol=case.atol,
        )


def test_nothing_is_left(watched: Watched) -> None:
    assert_nothing_left(watched.before, watched.after)
