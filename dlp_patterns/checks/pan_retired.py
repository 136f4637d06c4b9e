"""Card numbers of brands that are gone, and of domestic schemes.

What belongs here: the table to look in.  What never does: what makes a card number (checks/pan.py).
"""

from __future__ import annotations

from dlp_patterns.checks import pan
from dlp_patterns.issuers import RETIRED
from dlp_patterns.model import Confirmed


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The card number in window[start:end]."""
    return pan.find(window, start, end, RETIRED)
