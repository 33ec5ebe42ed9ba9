"""Two halves of the nouns: choices are made on one, and reported on the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def halves(nouns: Iterable[str]) -> dict[str, int]:
    """Noun -> 0 or 1: every other one in the order of their SHA-256, so that halves are equal."""
    ordered = sorted(set(nouns), key=lambda noun: hashlib.sha256(noun.encode()).hexdigest())
    return {noun: place % 2 for place, noun in enumerate(ordered)}
