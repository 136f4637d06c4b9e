"""Keys whose form is in their last bytes: what makes them random stands before the hit.

What belongs here: how much of what has to stand there, and nothing that would make it longer.  What never does: the form
of the end, which the expressions state.  An expression that began with random bytes would keep back every end of a text.
"""

from __future__ import annotations

import re
from functools import partial
from types import MappingProxyType

from dlp_patterns import randomness
from dlp_patterns.model import Confirmed


def _check(body: re.Pattern[bytes], size: int, window: bytes, start: int, end: int) -> Confirmed | None:
    """The end of a key in window[start:end], if `size` bytes of its body stand before it, and no more of them."""
    before = window[max(0, start - size) : start]
    if (
        len(before) < size
        or not body.fullmatch(before)
        or body.match(window[max(0, start - size - 1) : start - size])
    ):
        return None
    evidence = randomness.weigh(before)
    return Confirmed(start, end, "token", evidence) if evidence else None


CHECKS = MappingProxyType(
    {
        "hex_32": partial(_check, re.compile(rb"[0-9a-f]+"), 32),
        "base64_42": partial(_check, re.compile(rb"[0-9A-Za-z+/]+"), 42),
    }
)
