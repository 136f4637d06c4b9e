"""GitLab's personal access tokens: the classic ones are random, the routable ones end in a checksum.

What belongs here: the checksum.  What never does: what the payload of a routable token says.
Source: GitLab source, `Authn::TokenField::Generator::RoutableToken`: prefix, payload, dot, version 01, dot, length of the
payload in two digits of base 36, and in seven the CRC32 of all that stands before; the first ones had no version.
A token whose checksum does not hold was edited or invented, and opens nothing: it is no finding.
"""

from __future__ import annotations

from dlp_patterns.checks import opaque
from dlp_patterns.model import Confirmed
from dlp_patterns.sums import crc62

_SUM = 7
_DIGITS = b"0123456789abcdefghijklmnopqrstuvwxyz"


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token in window[start:end]."""
    text = window[start:end]
    if b"." in text and text[-_SUM:] != crc62.checksum(text[:-_SUM], _DIGITS, _SUM):
        return None
    return opaque.check(window, start, end)
