"""Track 2 of a magnetic stripe, and its equivalents: PAN `=` or `D` YYMM SVC discretionary.

What belongs here: the rules of ISO/IEC 7813 that a finite expression cannot state; `D` for `=` is how ISO
8583 field 35 and EMV tag 57 write it.  What never does: the rules of the card number (checks/pan.py), of
date and service code (stripe.py).
"""

from __future__ import annotations

import re

from dlp_patterns import stripe
from dlp_patterns.checks import pan
from dlp_patterns.model import Confirmed, Evidence

_SEPARATOR = re.compile(rb"[=D]")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The stripe in window[start:end].  STRONG with a start sentinel or an issuer that is sure."""
    sentinel = window.startswith(b";", start, end)
    number, *rest = _SEPARATOR.split(window[start + sentinel : end], maxsplit=1)
    if not sentinel and window[max(0, start - 1) : start] == b";":
        return None  # the same stripe, which is told with its sentinel
    if not rest or not stripe.is_plausible(rest[0]) or window[max(0, start - 1) : start].isdigit():
        return None
    card = pan.check(number, 0, len(number))
    if card is None:
        return None
    sure = sentinel or card.evidence > Evidence.WEAK
    return Confirmed(start, end, card.kind, Evidence.STRONG if sure else Evidence.FAIR, card.test)
