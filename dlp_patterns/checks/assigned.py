"""Secrets without a form of their own, known by the name of the field before them: `datadog_api_key = ...`.

What belongs here: narrowing the hit to the value, and telling a random value from a placeholder, a key's field from that
of a digest.
What never does: which names and which shapes, which the expressions state.
"""

from __future__ import annotations

import re

from dlp_patterns import randomness
from dlp_patterns.model import Confirmed, Evidence

_VALUE = re.compile(rb"[^\s\"'`\\:=,(>\[\]]+={0,2}\Z")
_PUBLIC = re.compile(
    rb"(?i:sha(?!r)|hash(?!i)|digest|md5|checksum|commit|revision|integrity|etag|fingerprint|public|publishable|version|trace|span)"
)
"""What a field with such a name holds may be seen by anybody, or is no key; `shared`, `hashicorp` are other words."""
_SECRET = re.compile(rb"(?i:key|token|secret|pass|pwd|auth|cred|pat\b)")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The value at the end of window[start:end]; FAIR if the field's name does not call it a secret."""
    value = _VALUE.search(window, start, end)
    if value is None or value.start() == start:
        return None
    name = window[start : value.start()]
    evidence = randomness.weigh(value.group())
    if evidence is None or _PUBLIC.search(name):
        return None
    return Confirmed(value.start(), end, "assigned", evidence if _SECRET.search(name) else Evidence.FAIR)
