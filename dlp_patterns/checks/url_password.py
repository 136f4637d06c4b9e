"""Passwords in addresses: `scheme://user:password@`.

What belongs here: telling a password from what stands for one in documentation.  What never does: schemes and hosts.
Source: RFC 3986 section 3.2.1 (userinfo).
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_ADDRESS = re.compile(rb"[a-z0-9+]+://([^:]*):([^@]+)@\Z")
_STANDS_FOR_ONE = re.compile(
    rb"(?i)[\[({<%$*#].*|.*(?:\$\{|\{\{|%\(|[\])}>]\Z).*|x+|\.+|-+|_+"
    rb"|(?:my|your|the|some|db|user)?[_-]?(?:password|passwd|pass|pwd|pw|secret|token|key|credentials?)[0-9]?"
    rb"|test(?:ing)?|foo|bar|baz|example|change_?me|guest|root|admin|postgres|mysql|redis|user(?:name)?|hidden|redacted"
)
"""What people write where a password would stand."""
_WEAK = 8


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The address in window[start:end]; FAIR if its password is a plain word."""
    address = _ADDRESS.match(window, start, end)
    if address is None or _STANDS_FOR_ONE.fullmatch(address[2]):
        return None
    plain = address[2].isalpha() or len(address[2]) < _WEAK or len(set(address[2])) < _WEAK // 2
    return Confirmed(start, end, "password", Evidence.FAIR if plain else Evidence.STRONG)
