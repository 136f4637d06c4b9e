"""Tokens without check digits: random, or a placeholder from somebody's documentation?

What belongs here: what tells the two apart, whatever the issuer.  What never does: prefixes and lengths,
which the expressions state.
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_PREFIX = re.compile(rb"[A-Za-z]+[_.-](?:live_|pat_|AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw))?|AIza")
_PLACEHOLDER = re.compile(
    rb"(?i:example|placeholder|redacted|your[_-]|changeme|xxxx|abcdef|qwerty)|1234567|(.)\1\1\1\1"
)
_MIN_DISTINCT = 8
"""Fewest different characters of a token.  Of 20 random ones in base 62, fewer than 8 is less likely than 1 in 10^9."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token in window[start:end], if its part after the prefix looks random and holds a digit."""
    prefix = _PREFIX.match(window, start, end)
    body = window[prefix.end() if prefix else start : end]
    if (
        len(set(body)) < _MIN_DISTINCT
        or not any(48 <= byte <= 57 for byte in body)
        or _PLACEHOLDER.search(body)
    ):
        return None
    return Confirmed(start, end, "token", Evidence.STRONG)
