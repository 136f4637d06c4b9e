"""Telephone numbers: is it one by the numbering plan?

What belongs here: which text around a number makes it something else, and in which countries a national form is tried.
What never does: the plans (phonenumbers, by way of stdnums.py), words nearby.

A number in international form says which plan it belongs to, so it counts alone; one in national form is a number
somewhere for almost any ten digits, so its pattern asks for a word.
"""

from __future__ import annotations

import re

from dlp_patterns import stdnums
from dlp_patterns.model import Confirmed, Evidence

_INTERNATIONAL = re.compile(rb"\+[0-9][0-9 .()/-]*\Z")
_NATIONAL = re.compile(rb"(?<![0-9+])\(?[0-9][0-9 .()/-]*\Z")
_LEADS_AWAY = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/")
_MIN_DIGITS, _MAX_DIGITS = 8, 15

REGIONS = ("US", "GB", "DE", "FR", "IN", "BR", "ES", "IT", "AU", "JP", "MX", "NL", "PL", "CN", "KR", "ZA")
"""Whose national forms are tried, the most likely first; most numbers of other countries fit one of these plans as well."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The number at the end of window[start:end]: FAIR if international, WEAK if national."""
    found = _INTERNATIONAL.search(window, start, end)
    if found is not None:
        if (
            found.start() and window[found.start() - 1] in _LEADS_AWAY
        ):  # base64, a sum, the offset of a time zone
            return None
        return _confirmed(found, (None,), Evidence.FAIR)
    found = _NATIONAL.search(window, start, end)
    return _confirmed(found, REGIONS, Evidence.WEAK) if found is not None else None


def _confirmed(
    found: re.Match[bytes], regions: tuple[str | None, ...], evidence: Evidence
) -> Confirmed | None:
    text = found.group()
    digits = bytes(byte for byte in text if 48 <= byte <= 57)
    if not _MIN_DIGITS <= len(digits) <= _MAX_DIGITS or len(set(digits)) < 3:
        return None
    if not stdnums.is_phone(text.decode("ascii"), regions):
        return None
    return Confirmed(found.start(), found.end(), "phone", evidence)
