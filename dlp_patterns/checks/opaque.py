"""Tokens without check digits, known by what they begin with: random, or a placeholder?

What belongs here: the answer for the whole of what the expression matched.  What never does: how it is told
(`dlp_patterns.randomness`), prefixes and lengths, which the expressions state.
"""

from __future__ import annotations

from dlp_patterns import randomness
from dlp_patterns.model import Confirmed


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token in window[start:end], if it looks random."""
    evidence = randomness.weigh(window[start:end])
    return Confirmed(start, end, "token", evidence) if evidence else None
