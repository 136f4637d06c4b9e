"""Passwords in addresses: `scheme://user:password@`.

What belongs here: telling a password from what stands for one in documentation.  What never does: schemes and hosts.
Source: RFC 3986 section 3.2.1 (userinfo).
"""

from __future__ import annotations

import re

from dlp_patterns import passwords
from dlp_patterns.model import Confirmed

_ADDRESS = re.compile(rb"[a-z0-9+]+://([^:]*):([^@]+)@\Z")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The address in window[start:end]; FAIR if its password is a plain word."""
    address = _ADDRESS.match(window, start, end)
    evidence = passwords.weigh(address[2]) if address else None
    return Confirmed(start, end, "password", evidence) if evidence else None
