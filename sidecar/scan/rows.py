"""A finding as commands write it: one flat object, the same keys everywhere.

What belongs here: those keys, and what offsets count.  What never does: where a row is written (report.py, jsonl.py).
"""

from collections.abc import Iterable
from typing import Any

from sidecar.core.findings import PLAIN, Action, Finding

Row = dict[str, Any]


def row(finding: Finding) -> Row:
    """`start` and `end` are byte offsets in the text of the view that found it."""
    return {
        "pattern": finding.pattern,
        "class": finding.klass.value,
        "confidence": finding.confidence.name.lower(),
        "start": finding.offset,
        "end": finding.offset + finding.length,
        "masked": finding.shown,
        "where": finding.where,
        "view": finding.view,
    }


def in_characters(rows: Iterable[Row], text: str, data: bytes) -> list[Row]:
    """The same with the offsets of the plain view in characters of `text`, whose bytes are `data`."""
    rows = list(rows)
    if len(text) == len(data):  # ASCII
        return rows
    at = characters = 0
    for each in sorted((each for each in rows if each["view"] == PLAIN), key=lambda each: each["start"]):
        start, end = each["start"], each["end"]
        characters, at = characters + _count(data[at:start]), start
        each["start"], each["end"] = characters, characters + _count(data[start:end])
    return rows


def strictest(findings: Iterable[Finding]) -> Action:
    """What the policy wants done about all of them together."""
    return max((finding.action for finding in findings), default=Action.ALLOW)


def _count(data: bytes) -> int:
    """Characters that begin in this UTF-8."""
    return len(data) - sum(byte & 0xC0 == 0x80 for byte in data)
