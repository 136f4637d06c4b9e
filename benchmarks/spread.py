"""Repeated measurements and what may be said of them: minimum, median, maximum.  Pure.

No mean and no deviation: a shared machine disturbs in one direction only, and the median of few rounds forgets one bad one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the figures of the rounds lie."""

    low: float
    middle: float
    high: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of the rounds that have a figure; None if none has."""
    known = [value for value in values if value is not None]
    return Spread(min(known), median(known), max(known)) if known else None


def ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float | None]:
    """Ours ÷ theirs round by round: both sides of a ratio were measured within the same minute.

    None for a round in which one of them has no figure.
    """
    return [
        mine / other if mine is not None and other else None for mine, other in zip(ours, theirs, strict=True)
    ]
