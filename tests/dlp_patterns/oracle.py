"""Finds values with plain `re`, one place after the other: slow, simple, and what the examples of the packs mean.

The order that any matcher has to keep: at every start, from left to right, whose left boundary holds, the expression's
match there whose right boundary holds goes to the check; where nothing is confirmed, the next start is tried, else the
search goes on behind the confirmed value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from dlp_patterns.checks import REGISTRY
from dlp_patterns.model import MAX_DISTANCE, MAX_WIDTH, Confidence, Confirmed, Pattern
from sidecar.core import judgement
from sidecar.core.inspector import AHEAD
from sidecar.core.judgement import Judge

REACH = MAX_WIDTH + MAX_DISTANCE
"""What a check may see before the end of a hit, bytes.  Behind it: `AHEAD`, or what is left of the text."""


@dataclass(frozen=True)
class Found:
    value: bytes
    kind: str
    confidence: Confidence
    test: bool


@cache
def expression(pattern: Pattern) -> re.Pattern[bytes]:
    outside = pattern.boundary.right.outside
    return re.compile(b"(?:" + pattern.regex + b")" + (b"(?=" + outside + rb"|\Z)" if outside else b""))


def find(pattern: Pattern, text: bytes) -> list[Found]:
    """Every value of `pattern` in `text`."""
    judged = ((hit, _confidence(pattern, hit, text)) for hit in _confirmed(pattern, text))
    return [
        Found(text[hit.start : hit.end], hit.kind, confidence, hit.test)
        for hit, confidence in judged
        if confidence is not None
    ]


def _confirmed(pattern: Pattern, text: bytes) -> Iterator[Confirmed]:
    at = 0
    while match := expression(pattern).search(text, at):
        at = match.start() + 1
        if pattern.boundary.left.holds(text[match.start() - 1] if match.start() else None):
            base = max(0, match.end() - REACH)
            window = text[base : match.end() + AHEAD]
            confirmed = REGISTRY[pattern.check](window, match.start() - base, match.end() - base)
            if confirmed:
                at = base + confirmed.end
                yield replace(confirmed, start=base + confirmed.start, end=at)


def _confidence(pattern: Pattern, hit: Confirmed, text: bytes) -> Confidence | None:
    before = text[max(0, hit.start - MAX_DISTANCE) : hit.start]
    behind = text[hit.end : hit.end + judgement.BEHIND]
    return Judge(pattern).confidence(hit.evidence, before, behind)
