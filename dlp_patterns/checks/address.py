"""Addresses of machines: IPv4 addresses of the public Internet, and hardware addresses.

What belongs here: which addresses lead to nobody.  What never does: the pack is off by default for what these are, a
part of every log line; that is said there.
Sources: IANA IPv4 Special-Purpose Address Registry; IEEE 802 (group and local bit, broadcast).
"""

from __future__ import annotations

import ipaddress
import re

from dlp_patterns.model import Confirmed, Evidence

_HARDWARE = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The address in window[start:end], if it is one that is given to somebody."""
    text = window[start:end].decode("ascii", "replace")
    if b"." in window[start:end]:
        return Confirmed(start, end, "ipv4", Evidence.FAIR) if _is_public(text) else None
    return Confirmed(start, end, "mac", Evidence.FAIR) if _is_one_card(text) else None


def _is_one_card(text: str) -> bool:
    """Whether it is written with one separator, and neither empty nor of a group."""
    places = _HARDWARE.fullmatch(text)
    return places is not None and not int(text[:2], 16) & 1 and len(set(text.upper())) > 4


def _is_public(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False
