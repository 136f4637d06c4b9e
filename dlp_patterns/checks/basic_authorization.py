"""HTTP basic authorization: base64 of a user, a colon and a password.

What belongs here: decoding it, and what no client would send.  What never does: who the user is.
Source: RFC 7617 section 2.
"""

from __future__ import annotations

import base64
import binascii
import re

from dlp_patterns.model import Confirmed, Evidence

_CREDENTIALS = re.compile(rb"[0-9A-Za-z+/]+={0,2}\Z")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The credentials at the end of window[start:end]."""
    found = _CREDENTIALS.search(window, start, end)
    if found is None:
        return None
    try:
        decoded = base64.b64decode(found.group(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = decoded.partition(":")
    if not colon or not (user or password) or not decoded.isprintable():
        return None
    return Confirmed(found.start(), end, "basic", Evidence.STRONG if password else Evidence.FAIR)
