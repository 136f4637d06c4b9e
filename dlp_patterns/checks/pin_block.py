"""Encrypted PINs: sixteen or thirty-two hexadecimal digits, which only their name tells from any other.

What belongs here: the name, and what no block looks like.  What never does: formats: an encrypted block shows none.
Source: ISO 9564-1 (formats 0, 1 and 3 are blocks of 8 bytes, format 4 is one of 16).
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_BLOCK = re.compile(rb"(?<![0-9A-Za-z])(?:0[xX])?([0-9A-Fa-f]{32}|[0-9A-Fa-f]{16})\Z")
_MIN_DISTINCT = 4
"""Fewest different digits: of sixteen random ones fewer are less likely than 1 in 10^6."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The block at the end of window[start:end]."""
    found = _BLOCK.search(window, start, end)
    if found is None or len(set(found[1].upper())) < _MIN_DISTINCT:
        return None
    return Confirmed(found.start(1), end, "pin block", Evidence.FAIR)
