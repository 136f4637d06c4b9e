"""Passwords that a command line, a connection string or a call is given: the expression says where one stands.

What belongs here: narrowing the hit to the password, and what only stands for one.  What never does: commands and calls,
which the expressions state.
"""

from __future__ import annotations

import re

from dlp_patterns import passwords
from dlp_patterns.model import Confirmed

_VALUE = re.compile(rb"[^\s\"'`\\;,<>=(]+\Z")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The password at the end of window[start:end]; FAIR if it is a plain word."""
    value = _VALUE.search(window, start, end)
    if value is None or value.start() == start:
        return None
    evidence = passwords.weigh(value.group())
    return Confirmed(value.start(), end, "password", evidence) if evidence else None
