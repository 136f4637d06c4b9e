"""A text with all its readings: as it stands, and what the encodings in it hide (`core.views`).

    text -> plain                       every reading is a `Text` of its own, so that a value is found in it as anywhere;
         -> percent -> base64 -> ...    what a view decodes is read again, up to `DEPTH` views deep

A view sleeps until it might bring something, begins a little before that, and sleeps again when nothing of its kind has
come for a while.  Most of what it decodes stands in the plain text too; a value is told once, by the plainest reading.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dlp_patterns.model import Confidence, Severity
from sidecar.core.confirm import Span
from sidecar.core.decode.content import Inflater, UnscannableError
from sidecar.core.findings import Finding, FindingClass, Part, Place
from sidecar.core.inspector import AHEAD, Inspector
from sidecar.core.reasons import Reason
from sidecar.core.rulings import Rulings
from sidecar.core.text import Text, apart
from sidecar.core.views.table import VIEWS
from sidecar.core.views.view import Spec, View
from sidecar.core.where import Trail, Whereabouts

DEPTH: Final = 3
"""Views in views: base64 of a percent-encoded form in a JSON string."""

_SHORT: Final = 64
"""How much of the end of a text is looked at to see whether a sign begins there: the longest of them is shorter."""
_TOLD_LIMIT: Final = 4096
"""Values that are remembered, so that another reading does not tell them again."""
_EDGE: Final = re.compile(rb"[^0-9A-Za-z+/=_%&#;\\-]")
"""Where a view may begin: not in the middle of a number, a run or an escape."""
_ESCAPE_BEGINS: Final = re.compile(
    rb"(?:%[0-9A-Fa-f]?|\\{1,4}(?:u[0-9A-Fa-f]{0,3})?|&#?[0-9A-Za-z]{0,8}|=[0-9A-F]?\r?)\Z"
)
"""An end of a text that could become the first escape in it: with it, what stands before it could be part of a value."""
_RUN_BEGINS: Final = re.compile(
    rb"(?:(?=[A-Z0-9+/_-]{0,7}[a-z])(?=[a-z0-9+/_-]{0,7}[A-Z])[A-Za-z0-9+/_-]{9,23}"  # base64: six bytes, and some
    rb"|(?:[2-7][0-9a-fA-F]){7,12}[2-7]?"  # printable text in hexadecimal
    rb"|(?:[ -~]\0|\0[ -~]){6,12}[ -~]?)\Z"  # UTF-16
)
"""An end of a text that could become an encoded run, of which no more than the first characters may leave."""
_MIXED: Final = 320
"""How much of a value can stand unescaped before its first escape, bytes: the widest pattern, and some."""


class Reading:
    """A growing text in all its readings.  The same questions as of a `Text` have the same meaning."""

    def __init__(
        self,
        inspector: Inspector,
        place: Place,
        paused_at: int = 0,
        depth: int = DEPTH,
        told: set[int] | None = None,
    ) -> None:
        self.problems: list[UnscannableError] = []
        """What could not be decoded, since the last look."""
        self._text = Text(inspector, place, paused_at)
        self._inspector = inspector
        self._place = place
        self._depth = depth
        self._first = told is None
        self._told: set[int] = set() if told is None else told
        """Digests of the values that were told by any reading of this text."""
        self._awake: dict[str, _Awake] = {}
        self._keep = inspector.matcher.reach + AHEAD
        self._before = b""
        """The end of the text: a view that wakes begins there."""
        self._safe = 0

    @property
    def length(self) -> int:
        """Bytes of text so far."""
        return self._text.length

    def feed(self, piece: bytes) -> list[Span]:
        """The values that are confirmed now, in any reading."""
        spans = self._fresh(self._text.feed(piece))
        if self._depth and piece:
            before = self._before
            woken = self._text.woken
            if woken or self._awake:
                for spec in VIEWS:
                    if spec in woken:
                        spans += self._through(spec, piece, 0)
                    elif spec.name in self._awake:
                        spans += self._through(spec, piece, len(piece))
            self._before = (
                piece[-self._keep :] if len(piece) >= self._keep else (before + piece)[-self._keep :]
            )
        return spans

    def end(self) -> list[Span]:
        """The remaining values of a text that is over."""
        spans = self._fresh(self._text.end())
        for name in list(self._awake):
            spans += self._put_to_sleep(name)
        return spans

    def pause(self) -> list[Span]:
        """The remaining values if the text were over; but it may go on."""
        spans = self._fresh(self._text.pause())
        for view in self._awake.values():
            spans += view.reading.pause()
        return spans

    def paused(self) -> None:
        """Everything so far has left in a pause."""
        self._text.paused_at = self._text.length
        for view in self._awake.values():
            view.reading.paused()

    def grows_through_pauses(self) -> bool:
        """Whether a reading ends in the shape of a value that must not leave and that began before the last pause."""
        return self._text.grows_through_pauses() or any(
            view.reading.grows_through_pauses() for view in self._awake.values()
        )

    def safe(self) -> int:
        """The offset up to which no byte belongs to a value that could still become a finding that must not leave."""
        safe = self._text.safe()
        if self._depth and self._inspector.hold is not None:
            safe = min((safe, self._unsure(), *(view.safe(self.length) for view in self._awake.values())))
        self._safe = max(self._safe, safe)
        return self._safe

    # --- views ----------------------------------------------------------------------------------------------------------

    def _through(self, spec: Spec, piece: bytes, quiet: int) -> list[Span]:
        """What a view makes of `piece`, of which the last `quiet` bytes hold nothing for it."""
        view, spans = self._awake.get(spec.name), []
        try:
            if view is None:
                reading = Reading(
                    self._inspector, self._place.through(spec.name), 0, self._depth - 1, self._told
                )
                view = self._awake[spec.name] = _Awake(spec, reading)
                edge = _EDGE.search(self._before)
                spans += view.feed(self._before[edge.start() :] if edge else self._before)
            spans += view.feed(piece)
        except UnscannableError as error:
            self.problems.append(error)
            return spans + self._put_to_sleep(spec.name)
        self.problems += view.reading.taken_problems()
        view.quiet = view.quiet + quiet if quiet else 0
        if view.quiet > self._keep:
            spans += self._put_to_sleep(spec.name)
        return spans

    def _put_to_sleep(self, name: str) -> list[Span]:
        view = self._awake.pop(name)
        try:
            return view.end()
        except UnscannableError as error:
            self.problems.append(error)
            return view.reading.end()

    def taken_problems(self) -> list[UnscannableError]:
        """What could not be decoded, told once."""
        problems, self.problems = self.problems, []
        return problems

    def _unsure(self) -> int:
        """The offset up to which nothing can become part of an encoded value of which only the beginning has come."""
        end = self._before[-_SHORT:]
        if found := _ESCAPE_BEGINS.search(end):
            return self.length - len(end) + found.start() - _MIXED
        if found := _RUN_BEGINS.search(end):
            return self.length - len(end) + found.start()
        return self.length

    def _fresh(self, spans: Sequence[Span]) -> list[Span]:
        """Those that no plainer reading has told."""
        if not spans:
            return []
        fresh = list(spans) if self._first else [span for span in spans if span.digest not in self._told]
        if len(self._told) < _TOLD_LIMIT:
            self._told.update(span.digest for span in fresh)
        return fresh


class _Awake:
    """A view that decodes, and what is read in it."""

    def __init__(self, spec: Spec, reading: Reading) -> None:
        self.reading = reading
        self.quiet = 0
        """Bytes since the last that it could have brought something for."""
        self._view: View = spec.make()
        self._widest = spec.widest
        self._clean_at = 0
        """The length of the source when last nothing was held."""

    def feed(self, piece: bytes) -> list[Span]:
        return self._read(self._view.feed(piece))

    def end(self) -> list[Span]:
        return self._read(self._view.end()) + self.reading.end()

    def _read(self, decoded: bytes) -> list[Span]:
        return self.reading.feed(decoded) if decoded else []

    def safe(self, source: int) -> int:
        """The offset in the source, of `source` bytes so far, up to which it is safe to let go."""
        held = self.reading.length - self.reading.safe()
        if not held and not self._view.pending:
            self._clean_at = source
        elif self._widest:
            self._clean_at = max(self._clean_at, source - self._view.pending - held * self._widest)
        return self._clean_at


def spans(
    inspector: Inspector,
    text: bytes,
    place: Place,
    depth: int = DEPTH,
    told: set[int] | None = None,
    *,
    exact: bool = False,
) -> list[Span]:
    """The values in a complete text, in all its readings.  What cannot be decoded is only read as it stands.

    Only with `exact` a finding has its path in a body: what a stream tells must not depend on how it was cut.
    """
    woken, hits = apart(inspector.matcher.once(text), len(inspector.matcher.patterns))
    found = inspector.confirm(hits, text, place) if hits else []
    if told is None:
        told = set()
    else:
        found = [span for span in found if span.digest not in told]
    told.update(span.digest for span in found)
    if found and (exact or place.part is Part.HEAD):
        whereabouts = Whereabouts(text, place, inspector.sees)
        found = [located(span, whereabouts) for span in found]
    for spec in VIEWS if depth and woken else ():
        if spec in woken:
            view = spec.make()
            decoded = b"".join(_tried(view, text))
            if decoded:
                found += spans(inspector, decoded, place.through(spec.name), depth - 1, told, exact=exact)
    return found


def read(
    inspector: Inspector, text: bytes, *, content_type: bytes = b"", content_encoding: bytes = b""
) -> list[Finding]:
    """The findings in a complete text, as `Content-Type` and `Content-Encoding` describe it, by offset.

    What cannot be opened is a finding of its own (`unscannable`), and is read as it stands.
    """
    place, problem = Place(Part.BODY), None
    coding = content_encoding.strip().lower()
    if coding and coding != b"identity":
        opened: list[bytes] = []
        try:
            opened += Inflater(coding).feed(text)
        except UnscannableError as error:
            problem = error
        if opened:
            text, place = b"".join(opened), place.through(coding.decode().replace(",", "+").replace(" ", ""))
    if b"utf-16" in content_type.lower():
        text = text.decode("utf-16", "replace").encode()
        place = place.through("utf-16")
    rules = inspector.rules
    every = spans(inspector, text, place, exact=True)
    if rules.asks_more:
        rulings = Rulings(rules)
        every = [rulings.span(span, "") for span in every]
    found = [span.finding for span in every]
    found.sort(key=lambda finding: (finding.view, finding.offset))
    return found if problem is None else [*found, unscannable(inspector, problem)]


def unscannable(inspector: Inspector, problem: UnscannableError) -> Finding:
    """The finding that something could not be looked at."""
    rule = inspector.rules.judge("unscannable", FindingClass.UNSCANNABLE, Confidence.CERTAIN)
    return Finding(
        pattern="unscannable",
        klass=FindingClass.UNSCANNABLE,
        kind=(Reason.TOO_LARGE if problem.too_large else Reason.UNSUPPORTED_ENCODING).value,
        shown=str(problem),
        confidence=Confidence.CERTAIN,
        severity=Severity.MEDIUM,
        part=Part.BODY,
        offset=0,
        reason=Reason.UNSCANNABLE,
        action=rule.action,
        rule=rule.name,
        basis=rule.basis,
        where="body",
    )


def located(span: Span, whereabouts: Whereabouts | Trail) -> Span:
    """A value that tells where it stands."""
    return replace(span, finding=replace(span.finding, where=whereabouts.at(span.start)))


def _tried(view: View, text: bytes) -> Sequence[bytes]:
    parts: list[bytes] = []
    try:
        parts.append(view.feed(text))
        parts.append(view.end())
    except UnscannableError:
        pass
    return parts
