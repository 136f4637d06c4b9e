"""As `assigned`, where code has fields of the same name: `access_token = response2.token` is none.

What belongs here: that nothing a person writes is taken.  What never does: which names, which the expressions state.
"""

from __future__ import annotations

from dlp_patterns import randomness
from dlp_patterns.checks import assigned
from dlp_patterns.model import Confirmed


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The value at the end of window[start:end], if letters and digits change places as at random."""
    found = assigned.check(window, start, end)
    return found if found and randomness.scrambled(window[found.start : found.end]) else None
