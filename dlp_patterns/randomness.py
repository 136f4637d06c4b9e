"""Random, or written by a person?  What tells the body of a token from a placeholder in somebody's documentation.

What belongs here: what can be said of any token, whoever issued it.  What never does: prefixes and lengths, which the
expressions state.
"""

from __future__ import annotations

import re

from dlp_patterns.model import Evidence

_PLACEHOLDER = re.compile(
    rb"(?i:example|placeholder|redacted|your[_-]?(?:api|key|token|secret|pass|own)|your[_-]|change_?me|insert|xxxx|dummy"
    rb"|sample|foobar|qwerty|todo)|([^-=A])\1\1\1\1|A{24}|\*\*\*|\$\{|\{\{|<[a-z]"
)
"""A run of A is no placeholder as long as it can be the zeros of something binary in base64."""
_SEQUENCE = re.compile(rb"(?i:abcdef|zyxwvu)|1234567|7654321")
"""Nothing random has this, but a lazy secret can: it says less, not nothing."""

_HALF = 16
"""Fewest bytes at the end of a token that are looked at: its prefix, which is not random, stays out of it."""
_MIN_DISTINCT = 7
"""Fewest different characters among sixteen; of as many random hex digits, fewer are less likely than 1 in 100."""
_MIN_DISTINCT_SHORT = 5
_MIN_DISTINCT_LETTERS = 9
"""The same for letters without any digit."""


def weigh(text: bytes) -> Evidence | None:
    """How much the characters of a token say that it is one; None: it is a placeholder, or words."""
    tail = text[-max(_HALF, len(text) // 2) :]
    distinct = len(set(tail))
    if distinct < (_MIN_DISTINCT if len(tail) >= _HALF else _MIN_DISTINCT_SHORT) or _PLACEHOLDER.search(text):
        return None
    if not any(48 <= byte <= 57 for byte in tail) and not _mixed(tail, distinct):
        return None
    return Evidence.FAIR if _SEQUENCE.search(text) else Evidence.STRONG


def _mixed(text: bytes, distinct: int) -> bool:
    """Whether letters alone look random: many, and upper and lower case mixed as no name mixes them."""
    upper = sum(65 <= byte <= 90 for byte in text)
    return distinct >= _MIN_DISTINCT_LETTERS and 3 <= upper <= len(text) - 3


_CHANGES = re.compile(rb"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])|[a-z](?=[A-Z])")
_FEWEST_CHANGES = 3
_CHANGES_IN_EACH = 7
"""Of random hex or base 36 every second place is a change, of base 32 every third."""
_SEPARATORS = re.compile(rb"[^0-9A-Za-z]")
_SEPARATORS_IN_EACH = 7


def scrambled(text: bytes, fewest: int | None = None) -> bool:
    """Whether letters and digits change places as in nothing that a person writes: no path, no name with a date in it.

    `fewest` changes are enough where more than the value speaks for it.
    """
    changes, separators = len(_CHANGES.findall(text)), len(_SEPARATORS.findall(text))
    enough = max(_FEWEST_CHANGES, len(text) // _CHANGES_IN_EACH) if fewest is None else fewest
    return changes >= enough and separators <= len(text) // _SEPARATORS_IN_EACH
