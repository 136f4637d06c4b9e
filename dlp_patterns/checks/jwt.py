"""JSON Web Tokens: a header that is JSON and names an algorithm.

What belongs here: reading the header.  What never does: the signature, and what the token claims.
Source: RFC 7515 section 4 (JOSE header, `alg`), RFC 7516 section 4 (`enc`), RFC 7519.
"""

from __future__ import annotations

import base64
import binascii
import json

from dlp_patterns.model import Confirmed, Evidence


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The token that begins in window[start:end]; FAIR if it says that nothing signs it."""
    encoded = window[start:end].partition(b".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if start == end or not isinstance(header, dict):
        return None
    algorithm = header.get("alg", header.get("enc"))
    if not isinstance(algorithm, str) or not algorithm:
        return None
    return Confirmed(start, end, "jwt", Evidence.FAIR if algorithm.lower() == "none" else Evidence.STRONG)
