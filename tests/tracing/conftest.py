"""Fixtures of the tests of watching: each case is run once, and looked at by several tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from daam_nb.recording import Recording
from daam_nb.tracing import trace
from tests import pipelines
from tests.tracing.cases import CASES, Case
from tests.tracing.expected import Expected, as_arrays, observe
from tests.tracing.traces import Snapshot, snapshot


@pytest.fixture(scope="package", autouse=True)
def _one_thread_and_quiet() -> Iterator[None]:
    """One thread, so that sums have one order; no warnings about tiny configurations."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    levels = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    yield
    torch.set_num_threads(threads)
    diffusers_logging.set_verbosity(levels[0])
    transformers_logging.set_verbosity(levels[1])


@dataclass(frozen=True)
class Watched:
    """A case, untraced and traced."""

    case: Case
    untraced: np.ndarray
    traced: np.ndarray
    again: np.ndarray
    expected: Expected
    recordings: tuple[Recording, ...]
    before: Snapshot
    after: Snapshot


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def watched(request: pytest.FixtureRequest) -> Watched:
    """Every case of the matrix in turn: run untraced, observed and traced, once for all tests."""
    case: Case = request.param
    pipe = case.build()
    untraced = case.run(pipe)
    expected = observe(case.twin() if case.twin else pipe, case.run)
    options = case.options(pipe)
    before = snapshot(pipe)
    with trace(pipe, **options) as tracer:
        traced = case.run(pipe)
    after = snapshot(pipe)
    again = case.run(pipe)
    return Watched(
        case,
        as_arrays(untraced),
        as_arrays(traced),
        as_arrays(again),
        expected,
        tracer.recordings,
        before,
        after,
    )


@pytest.fixture(scope="session")
def plain() -> Any:
    """A Stable Diffusion 1.x pipeline that tests must leave as it is; it has been called."""
    pipe = pipelines.sd1()
    pipe("a", num_inference_steps=1, height=8, width=8)
    return pipe


@pytest.fixture(scope="session")
def plain_expected(plain: Any) -> Expected:
    """What the usual call of `plain` computes."""
    return observe(plain, Case("sd1", pipelines.sd1).run)


@pytest.fixture
def sd1() -> Any:
    """A fresh pipeline, called once."""
    pipe = pipelines.sd1()
    pipe("a", num_inference_steps=1, height=8, width=8)
    return pipe
