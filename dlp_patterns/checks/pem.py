"""Private keys in PEM: the announcement, and the beginning of a body that is no placeholder.

What belongs here: which kind of key, and whether a passphrase protects it.  What never does: reading the key.
Source: RFC 7468 (textual encodings), RFC 1421 (Proc-Type: 4,ENCRYPTED), RFC 9580 (OpenPGP armour).
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_HEADER = re.compile(rb"-----BEGIN ([A-Z0-9 ]{0,24}?) ?PRIVATE KEY(?: BLOCK)?-----")
_LINE = re.compile(rb"[0-9A-Za-z+/]{64}\Z")
_MIN_DISTINCT = 12
"""Fewest different characters in the first line of a key; its ASN.1 frame alone has more."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The key that begins in window[start:end]; FAIR if it is encrypted, since a passphrase still guards it."""
    header = _HEADER.match(window, start, end)
    if header is None:
        return None
    line = _LINE.search(window, header.end(), end)
    if line and len(set(line.group())) < _MIN_DISTINCT:
        return None
    kind = header.group(1).decode("ascii").lower() or "pkcs8"
    encrypted = "encrypted" in kind or window.endswith(b"Proc-Type", start, end)
    return Confirmed(start, end, kind, Evidence.FAIR if encrypted else Evidence.STRONG)
