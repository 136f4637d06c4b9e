"""Keys without a form of their own, known by the service whose name stands before them: `loadmill_secret: "..."`.

What belongs here: where the name may stand, and telling keys from what only looks random.  What never does: the names
(`dlp_patterns.services`), and how a key is assigned, which the expression states.
"""

from __future__ import annotations

import re

from dlp_patterns import randomness, services
from dlp_patterns.model import Confirmed, Evidence

_VALUE = re.compile(rb"(?<![0-9A-Za-z_.~+/-])[0-9A-Za-z_.~+/-]+={0,2}\Z")
_LONGEST = 171
"""The longest value and what may stand behind it, bytes."""
_FIELD = re.compile(
    rb"[0-9A-Za-z_.-]+(?:[ ][0-9A-Za-z_.-]+){0,3}"
    rb"(?:[^0-9A-Za-z]{0,16}|[\"'] value=[\"']|</t[hd]>\s{0,4}<td>)(?:[0-9A-Za-z-]{2,16} )?(?:[0-9]+:)?\Z"
)
"""The name of the field right before a value, of several words even, what assigns, and a scheme such as `Bearer`."""
_PARENT = re.compile(rb"[0-9A-Za-z_.-]{2,32}(?:[\"']?[:=]\s{0,2}\{?|\])\s{1,32}[\"']?\Z")
"""What the field is part of: `stripe:`, `"stripe": {` or `[stripe]` on the line before it."""
_SUMMED = re.compile(rb"(?:gh[oprsu]|npm)_")
"""What has check digits is told by them, or not at all."""
_ASSIGNS = re.compile(rb"[:=,(>]")
_PUBLIC = frozenset(
    b"""
    sha hash digest md5 checksum commit revision integrity etag fingerprint thumbprint public publishable version
    trace span cache idempotency page next continuation cursor csrf xsrf primary foreign sort partition object dedup
    request correlation
    """.split()
)
"""What a field with such a word in its name holds may be seen by anybody, or is no key at all."""

_FEWEST = 2
"""Changes between letters and digits in what a field of a service holds; what only stands near it must have more."""
_SOLID = 20
"""From so many bytes on, what has no separators is no name of a thing: `abcdefgh...2026` is one change."""
_FEWEST_SOLID = 1
_NEAR = 72
"""How far before a value a service is looked for, bytes."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The value at the end of window[start:end]; FAIR if the service is not named by its field, but near it."""
    value = _VALUE.search(window, start, end)
    if value is None or value.start() == start:
        return None
    text = value.group()
    evidence = _random(text)
    if evidence is None:
        return None
    before = window[max(0, value.start() - _NEAR) : value.start()]
    field = _FIELD.search(before)
    words = services.words(field.group()) if field else []
    if not _PUBLIC.isdisjoint(words) or words[-1:] == [b"name"]:
        return None
    random = randomness.scrambled(text)
    parent = _PARENT.search(before, 0, field.start()) if field else None
    if services.called(words) or (parent and services.called(services.words(parent.group()))):
        return Confirmed(value.start(), end, "service", evidence if random else Evidence.FAIR)
    assigned = _ASSIGNS.search(window, start, value.start()) is not None
    if random and assigned and services.named(services.words(before)):
        return Confirmed(value.start(), end, "service", Evidence.FAIR)
    return None


def rules_out(window: bytes, end: int) -> bool:
    """Whether what window[:end] ends in is a word, a path or a number, whatever stands before it."""
    value = _VALUE.search(window, max(0, end - _LONGEST), end)
    return value is None or _random(value.group()) is None


def _random(text: bytes) -> Evidence | None:
    """How much the characters say that this is a key; None: they say that it is none, or one that is told otherwise."""
    if text.isalpha() or _SUMMED.match(text):
        return None
    solid = len(text) >= _SOLID and text.isalnum()
    return randomness.weigh(text) if randomness.scrambled(text, _FEWEST_SOLID if solid else _FEWEST) else None
