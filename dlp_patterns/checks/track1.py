"""Track 1 of a magnetic stripe: `%B` PAN `^` NAME `^` YYMM SVC discretionary `?`.

What belongs here: the rules of ISO/IEC 7813 for format B that a finite expression cannot state.  What never
does: the rules of the card number (checks/pan.py) and of date and service code (stripe.py).
"""

from __future__ import annotations

from dlp_patterns import stripe
from dlp_patterns.checks import pan
from dlp_patterns.model import Confirmed, Evidence


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The stripe in window[start:end], if number, month and service code hold."""
    fields = window[start:end].rstrip(b"?").split(b"^", 2)
    if len(fields) != 3 or not stripe.is_plausible(fields[2]):
        return None
    number = fields[0][2:]
    card = pan.check(number, 0, len(number))
    return Confirmed(start, end, card.kind, Evidence.STRONG, card.test) if card else None
