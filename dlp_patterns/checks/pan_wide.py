"""Card numbers in full-width digits.

What belongs here: reading them as the digits they are.  What never does: what makes a card number (checks/pan.py).
"""

from __future__ import annotations

import re

from dlp_patterns.checks import pan
from dlp_patterns.model import Confirmed

_WIDE = re.compile(rb"\xef\xbc([\x90-\x99])")
_SEPARATOR = re.compile(rb"\xe3\x80\x80|\xef\xbc\x8d|[ -]")
_BEFORE = re.compile(rb"\xef\xbc[\x90-\x99]\Z")
_OFFSET = 0x90 - ord("0")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The card number that window[start:end] is, if no further digit stands beside it."""
    if _BEFORE.search(window, max(0, start - 3), start) or _WIDE.match(window, end):
        return None
    text = _SEPARATOR.sub(b" ", window[start:end])
    narrow = _WIDE.sub(lambda digit: bytes([digit[1][0] - _OFFSET]), text)
    card = pan.check(narrow, 0, len(narrow))
    whole = card is not None and (card.start, card.end) == (0, len(narrow))
    return Confirmed(start, end, card.kind, card.evidence, card.test) if card and whole else None
