"""Card numbers whose issuer gave them no check digit.

What belongs here: the table to look in.  What never does: numbers with a check digit, which checks/pan.py finds.
"""

from __future__ import annotations

from dlp_patterns.checks import pan
from dlp_patterns.issuers import UNSUMMED
from dlp_patterns.model import Confirmed


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The card number in window[start:end]."""
    return pan.find(window, start, end, UNSUMMED, summed=False)
