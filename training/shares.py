"""Shares with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964
"""Of a normal variable, 95 % lie within this many deviations."""


@dataclass(frozen=True)
class Share:
    """How many of how many, with Wilson's interval (Wilson 1927).

    Each image is drawn from a prompt and noise of its own, so there are no clusters to respect;
    the difference of two shares (`minus`) is built of the ends of Wilson's, so that these are kept
    beside `daam_nb.studies.stats.intervals`, whose shares have the exact ones and no differences.

    Attributes
    ----------
    right, n
        Images for which something holds, of how many. With n = 0 everything is unknown: the
        value is nan and the interval 0 to 1.
    """

    right: int
    n: int

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> Share:
        """The share of outcomes that are true."""
        every = [bool(one) for one in outcomes]
        return cls(sum(every), len(every))

    @property
    def value(self) -> float:
        """The share, 0..1."""
        return self.right / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        if not self.n:
            return 0.0, 1.0
        p, n = self.value, self.n
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return max(middle - half, 0.0), min(middle + half, 1.0)

    def minus(self, other: Share) -> tuple[float, float, float]:
        """This share less another: the difference and its 95 % interval (Newcombe 1998)."""
        low, high = self.interval
        other_low, other_high = other.interval
        gap = self.value - other.value
        below = math.hypot(self.value - low, other_high - other.value)
        above = math.hypot(high - self.value, other.value - other_low)
        return gap, gap - below, gap + above

    def facts(self) -> dict[str, float | int | None]:
        """As plain data for JSON; the value of nothing is None."""
        low, high = self.interval
        return {
            "right": self.right,
            "n": self.n,
            "share": round(self.value, 4) if self.n else None,
            "low": round(low, 4),
            "high": round(high, 4),
        }
