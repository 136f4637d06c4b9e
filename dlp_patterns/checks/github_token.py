"""GitHub's classic tokens: a prefix that says the kind, thirty random characters, a checksum.

What belongs here: the kinds and the checksum.  What never does: fine-grained tokens, whose checksum is not
published.
A token whose checksum does not hold was edited or invented, and opens nothing: it is no finding.
"""

from __future__ import annotations

from dlp_patterns.model import Confirmed, Evidence
from dlp_patterns.sums import crc62

_KINDS = {
    b"ghp_": "personal",
    b"gho_": "oauth",
    b"ghu_": "user-to-server",
    b"ghs_": "server-to-server",
    b"ghr_": "refresh",
}


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token in window[start:end], if its checksum holds."""
    kind = _KINDS.get(window[start:end][:4])
    if kind is None or not crc62.is_valid(window[start + 4 : end]):
        return None
    return Confirmed(start, end, kind, Evidence.STRONG)
