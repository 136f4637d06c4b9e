"""AWS access key ids: four letters that say the kind, sixteen of base 32.

What belongs here: the account number folded into newer ids, and AWS's own example.  What never does: secret
access keys.
Source: AWS IAM guide, "Unique identifiers" (AKIA long-term, ASIA temporary, ABIA STS bearer token, ACCA
context-specific).  In ids issued since 2019 the first 40 bits after the leading one are the account number, which has
twelve decimal digits; older ids go on with I or J.
"""

from __future__ import annotations

import base64
import binascii

from dlp_patterns.model import Confirmed, Evidence

_KINDS = {b"AKIA": "long-term", b"ASIA": "temporary", b"ABIA": "bearer", b"ACCA": "context-specific"}
_MIN_DISTINCT = 6


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The id in window[start:end]; `test` if it ends in EXAMPLE, as in AWS's documentation."""
    text = window[start:end]
    kind = _KINDS.get(text[:4])
    if kind is None or len(set(text[4:])) < _MIN_DISTINCT:
        return None
    old = text[4:5] in (b"I", b"J")
    evidence = Evidence.STRONG if old or _has_account(text[4:]) else Evidence.FAIR
    return Confirmed(start, end, kind, evidence, test=text.endswith(b"EXAMPLE"))


def _has_account(body: bytes) -> bool:
    """Whether the account number in a newer id has at most twelve digits."""
    try:
        packed = base64.b32decode(body)
    except binascii.Error:
        return False
    return (int.from_bytes(packed[:6]) & 0x7FFFFFFFFF80) >> 7 < 10**12
