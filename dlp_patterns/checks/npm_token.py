"""npm's access tokens: `npm_`, thirty random characters, and the checksum GitHub's tokens have.

What belongs here: the checksum.  What never does: the older tokens, which are bare UUIDs.
"""

from __future__ import annotations

from dlp_patterns.model import Confirmed, Evidence
from dlp_patterns.sums import crc62

_PREFIX = b"npm_"


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token in window[start:end], if its checksum holds."""
    if not window.startswith(_PREFIX, start, end) or not crc62.is_valid(window[start + len(_PREFIX) : end]):
        return None
    return Confirmed(start, end, "access", Evidence.STRONG)
