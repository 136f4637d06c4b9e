"""`explain --jsonl`: everything in a text that looks like a value, and at which stage each ended.

    boundary    it is a part of something longer: the engine does not even report it
    check       the digits, the structure or the neighbours say no
    context     the field it stands in says that it is something else, or nothing says that it is what it must be called
    confidence  what the value says by itself is too little for what stands around it
    finding     and how sure

What belongs here: walking the same way as `core.confirm`, telling where it ends.  What never does: a value that is not
masked; what is no finding may be a real number with a typing error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dlp_patterns import fieldname, masking
from dlp_patterns.checks import check_of
from dlp_patterns.model import MAX_DISTANCE, Boundary, Confirmed, Pattern
from sidecar.core import judgement
from sidecar.core.findings import PLAIN, Part, Place
from sidecar.core.inspector import AHEAD, Inspector
from sidecar.core.judgement import Around
from sidecar.core.reading import read, spans
from sidecar.core.text import apart
from sidecar.scan.engine import Engine
from sidecar.scan.jsonl import Line
from sidecar.scan.rows import in_characters, row
from sidecar.scan.texts import text_of

STAGES: Final = ("boundary", "check", "context", "confidence", "finding")

_DIGITS_SHOWN: Final = 5
"""A name with more digits than that could itself be a value."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """One text that has the shape of a pattern, and what became of it."""

    pattern: Pattern
    start: int
    end: int
    stage: str
    why: str
    before: bytes = b""
    confidence: str | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The further it came the more it tells; of two that came as far the longer."""
        return STAGES.index(self.stage), self.end - self.start


def explained(engine: Engine) -> Callable[[Line], Line]:
    """Answers a line `{"id", "text"}` (or `data`, as for `scan --jsonl`)."""
    inspector = engine.inspector()

    def one(line: Line) -> Line:
        text, data = text_of(line)
        told = [_told(hit, data) for hit in _hits(inspector, data)]
        if text is not None:
            told = in_characters(told, text, data)
        hidden = (finding for finding in read(inspector, data) if finding.view != PLAIN)
        told += [
            {**row(each), "stage": "finding", "why": "found in what the view decodes"} for each in hidden
        ]
        return {"hits": told}

    return one


def _told(hit: _Hit, text: bytes) -> dict[str, Any]:
    name = fieldname.before(hit.before)
    return {
        "pattern": hit.pattern.told,
        "masked": masking.shown(hit.pattern.show, text[hit.start : hit.end], hit.pattern.openings),
        "start": hit.start,
        "end": hit.end,
        "view": PLAIN,
        "stage": hit.stage,
        "why": hit.why,
        "field": _harmless(name) or None,
        "word": _word(hit),
        "confidence": hit.confidence,
    }


# --- stages -------------------------------------------------------------------------------------------------------------


def _hits(inspector: Inspector, text: bytes) -> list[_Hit]:
    """One for each place and pattern, the one that came furthest, in the order of the text."""
    found = [*_findings(inspector, text), *_reported(inspector, text), *_shaped(inspector, text)]
    kept: list[_Hit] = []
    for hit in sorted(found, key=lambda each: each.rank, reverse=True):
        if not any(
            hit.pattern is each.pattern and hit.start < each.end and each.start < hit.end for each in kept
        ):
            kept.append(hit)
    return sorted(kept, key=lambda each: (each.start, each.end, each.pattern.id))


def _findings(inspector: Inspector, text: bytes) -> Iterator[_Hit]:
    """What is found."""
    for span in spans(inspector, text, Place(Part.BODY), depth=0):
        pattern, before = inspector.matcher.patterns[span.index], _before(text, span.start)
        around = judgement.look(pattern, before, _behind(text, span.end))
        level = span.finding.confidence.name.lower()
        yield _Hit(
            pattern,
            span.start,
            span.end,
            "finding",
            f"{_AROUND[around]}, policy says {span.finding.action}",
            before,
            level,
        )


def _reported(inspector: Inspector, text: bytes) -> Iterator[_Hit]:
    """What the engine reports, as far as it gets in confirmation."""
    _, reported = apart(inspector.matcher.once(text), len(inspector.matcher.patterns))
    for index, end in reported:
        pattern, begin = inspector.matcher.patterns[index], max(0, end - inspector.matcher.reach)
        window = text[begin : end + AHEAD]
        for start, stop in _candidates(pattern, window, end - begin):
            confirmed = check_of(pattern)(window, start, stop)
            yield _judged(pattern, text, begin, start, stop, confirmed)


def _judged(
    pattern: Pattern, text: bytes, base: int, start: int, stop: int, confirmed: Confirmed | None
) -> _Hit:
    if confirmed is None:
        before = _before(text, base + start)
        return _Hit(pattern, base + start, base + stop, "check", f"check {pattern.check} says no", before)
    at, end = base + confirmed.start, base + confirmed.end
    before = _before(text, at)
    around = judgement.look(pattern, before, _behind(text, end))
    if around is Around.AGAINST:
        return _Hit(pattern, at, end, "context", _AROUND[around], before)
    if pattern.context is not None and pattern.context.required and around < Around.NEARBY:
        return _Hit(pattern, at, end, "context", "a field's name or a word is required", before)
    evidence = f"{confirmed.evidence.name.lower()} evidence, {_AROUND[around]}"
    return _Hit(pattern, at, end, "confidence", evidence, before)


_AROUND: Final = {
    Around.AGAINST: "its field says that it is something else",
    Around.OTHER: "its field has another name",
    Around.NOTHING: "nothing around it says what it is",
    Around.NEARBY: "a word nearby speaks for it, but its field has another name",
    Around.WORD: "a word nearby speaks for it",
    Around.FIELD: "its field speaks for it",
}


def _candidates(pattern: Pattern, window: bytes, end: int) -> Iterator[tuple[int, int]]:
    """The spans of the pattern that end at a hit (which includes the byte behind, unless the text is over)."""
    left, right = pattern.boundary
    for stop in (end,) if right is Boundary.NONE else (end - 1, end):
        if stop < 1 or not right.holds(window[stop] if stop < len(window) else None):
            continue
        at = max(0, stop - pattern.width)
        while found := _ending(pattern.regex).search(window, at, stop):
            at = found.start() + 1
            if left.holds(window[at - 2] if at > 1 else None):
                yield at - 1, stop


def _shaped(inspector: Inspector, text: bytes) -> Iterator[_Hit]:
    """What has the shape of a value and is a part of something longer."""
    for pattern in inspector.matcher.patterns:
        left, right = pattern.boundary
        for found in _anywhere(pattern.regex).finditer(text):
            start, end = found.span()
            sides = [
                side
                for side, boundary, at in (("before", left, start - 1), ("behind", right, end))
                if not boundary.holds(text[at] if 0 <= at < len(text) else None)
            ]
            if sides:
                why = f"goes on {' and '.join(sides)} it"
                yield _Hit(pattern, start, end, "boundary", why, _before(text, start))


@lru_cache(maxsize=2048)
def _ending(regex: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:" + regex + rb")\Z", re.DOTALL)


@lru_cache(maxsize=2048)
def _anywhere(regex: bytes) -> re.Pattern[bytes]:
    return re.compile(regex, re.DOTALL)


# --- what speaks ----------------------------------------------------------------------------------------------------------


def _before(text: bytes, start: int) -> bytes:
    return text[max(0, start - MAX_DISTANCE) : start]


def _behind(text: bytes, end: int) -> bytes:
    return text[end : end + judgement.BEHIND]


def _word(hit: _Hit) -> str | None:
    """The word nearby that goes with such values: one of the pattern's own words, so it may be shown."""
    context = hit.pattern.context
    if context is None:
        return None
    return context.word(hit.before).decode() or None


def _harmless(name: bytes) -> str:
    """The name of a field; one that could itself be a value is not shown."""
    digits = sum(chr(byte).isdigit() for byte in name)
    return "*" if digits > _DIGITS_SHOWN else name.decode("ascii", "replace")
