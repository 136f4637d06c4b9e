"""A text with all its readings: as it stands, and what the encodings in it hide (`core.views`).

    text -> plain                       every reading is a `Text` of its own, so that a value is found in it as anywhere;
         -> percent -> base64 -> ...    what a view decodes is read again, up to `DEPTH` views deep

A view sleeps until it might bring something, begins a little before that, and sleeps again when nothing of its kind has
come for a while.  Most of what it decodes stands in the plain text too; a value is told once, by the plainest reading.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from dlp_patterns.model import Confidence, Severity
from sidecar.core.awake import Awake, Shared
from sidecar.core.charset import transcoded
from sidecar.core.confirm import Span
from sidecar.core.decode.content import Inflater, UnscannableError
from sidecar.core.decode.unscannable import Effort
from sidecar.core.findings import Finding, FindingClass, Part, Place
from sidecar.core.hits import NOBODY, Hit
from sidecar.core.inspector import Inspector
from sidecar.core.reasons import Reason
from sidecar.core.rows import Rows
from sidecar.core.rulings import Rulings
from sidecar.core.samples import Samples
from sidecar.core.text import Text, apart
from sidecar.core.views.columns import header_end
from sidecar.core.views.table import COLUMNS, VIEWS
from sidecar.core.views.view import Spec
from sidecar.core.where import Trail, Whereabouts

DEPTH: Final = 3
"""Views in views: base64 of a percent-encoded form in a JSON string."""

AMPLE: Final = 1024
"""More bytes than any value and any encoding of one can have begun before the end of a text."""
_TOLD_LIMIT: Final = 4096
"""Values that are remembered, so that another reading does not tell them again."""
_SHORT: Final = 64
"""How much of the end of a text is looked at to see whether a sign begins there."""
_UNSURE: Final = tuple(
    (re.compile(rb"(?:" + spec.unsure + rb")\Z"), spec.back) for spec in VIEWS if spec.unsure
)


class Reading:
    """A growing text in all its readings.  The same questions as of a `Text` have the same meaning."""

    def __init__(
        self,
        inspector: Inspector,
        place: Place,
        paused_at: int = 0,
        depth: int = DEPTH,
        shared: Shared | None = None,
        samples: Samples | None = None,
        effort: Effort | None = None,
        *,
        limited: bool = False,
        every: bool = False,
    ) -> None:
        """`samples` are those of the direction, for the text as it stands; each view has its own.

        `effort` is that of the direction, and counts what came; it limits the work in this text if that is `limited`: in
        all that was opened, and in views in views.  With `every` it tells each value as often as it occurs.
        """
        self._counts = shared is None and effort is None
        self._shared = Shared(effort=effort or Effort()) if shared is None else shared
        self.effort = self._shared.effort if limited else None
        """What limits the work in this text."""
        self._text = Text(inspector, place, paused_at, samples, self.effort)
        self._inspector = inspector
        self._depth = depth
        self._first = shared is None
        self._every = every or self._first
        self._copy = place.copy
        self._keep = inspector.keep
        self._awake = _awake(
            inspector, place, depth, self._shared, limited=limited or shared is not None, every=self._every
        )
        self._rows = Rows(inspector.keep)
        self._before = b""
        """The end of the text: a view that wakes begins there."""
        self._too_deep = False
        """It was told that something in it was not opened."""
        self._safe = 0
        self._in_header = place.part is not Part.HEAD
        """Whether the text so far could be the header of a table (`views.columns`)."""
        self.length = 0
        """Bytes of text so far."""

    def feed(self, piece: bytes) -> list[Span]:
        """The values that are confirmed now, in any reading."""
        self.length += len(piece)
        if self._first:
            self._shared.source += len(piece)
        if self._counts:
            self._shared.effort.came += len(piece)
        standing, shown = self._fresh(self._text.feed(piece)), list[Span]()
        if not self._depth and not self._first and self._text.woken:
            self._tell_too_deep()
        if self._depth and piece:
            before, woken = self._before, self._text.woken
            if self._first and not before:
                woken = self._inspector.spoken(woken)
            if self._in_header:
                end = header_end(before + piece[: self._keep], self._keep)
                self._in_header = end is None
                woken = [(COLUMNS, end), *woken] if end else woken
            if woken or self._awake:
                shown = self._awake.feed(before + piece, self.length - len(before) - len(piece), woken)
            self._before = (
                piece[-self._keep :] if len(piece) >= self._keep else (before + piece)[-self._keep :]
            )
        return self._settled(standing, shown)

    def end(self) -> list[Span]:
        """The remaining values of a text that is over."""
        return self._settled(self._fresh(self._text.end()), self._awake.end(), over=True)

    def pause(self) -> list[Span]:
        """The remaining values if the text were over; but it may go on."""
        return self._settled(self._fresh(self._text.pause()), self._awake.pause(), over=True)

    def paused(self) -> None:
        """Everything so far has left in a pause."""
        self._text.paused_at = self._text.length
        for reading in self._awake.readings():
            reading.paused()

    def grows_through_pauses(self) -> bool:
        """Whether a reading ends in the shape of a value that must not leave and that began before the last pause."""
        return self._text.grows_through_pauses() or any(
            reading.grows_through_pauses() for reading in self._awake.readings()
        )

    def safe(self) -> int:
        """The offset up to which no byte belongs to a value that could still become a finding that must not leave."""
        safe = self._text.safe()
        if self._depth and self._inspector.hold is not None:
            safe = min(safe, self._unsure(), self._awake.safe(self.length), self._rows.held(safe))
        self._safe = max(self._safe, safe)
        return self._safe

    def amply_safe(self) -> int:
        """The same without a look at the end of the text: less, but never too much, and for next to nothing."""
        if self._inspector.hold is None:
            return self.safe()
        safe = min(self.length - AMPLE, self._text.begun())
        if self._awake or self._rows:
            safe = min(safe, self._awake.safe(self.length), self._rows.held(safe))
        self._safe = max(self._safe, safe)
        return self._safe

    @property
    def exceeded(self) -> bool:
        """Something in this text was passed over, because there was too much in what was opened."""
        return self._text.exceeded

    @property
    def has_problems(self) -> bool:
        """Whether something could not be decoded since the last look."""
        return bool(self._awake.problems)

    def taken_problems(self) -> list[UnscannableError]:
        """What could not be decoded, told once."""
        problems, self._awake.problems = self._awake.problems, []
        return problems

    def _tell_too_deep(self) -> None:
        """A container that nobody opens, in so many views, is no silence; the signs of other views are in any text."""
        if not self._too_deep and any(spec.opens for spec, _ in self._text.woken):
            self._too_deep = True
            self._awake.problems.append(UnscannableError(f"more than {DEPTH} encodings in each other"))

    def _unsure(self) -> int:
        """The offset up to which nothing can become part of an encoded value of which only the beginning has come."""
        end, sure = self._before[-_SHORT:], self.length
        for form, back in _UNSURE:
            if found := form.search(end):
                sure = min(sure, self.length - len(end) + found.start() - back)
        return sure

    def _fresh(self, spans: Sequence[Span]) -> list[Span]:
        """Those that no plainer reading has told."""
        return _fresh(spans, self._shared.told, self._every, self._copy) if spans else []

    def _settled(self, standing: list[Span], shown: list[Span], *, over: bool = False) -> list[Span]:
        """What stands in the text, and what views show: a value of a table is both."""
        if not (self._awake or self._rows or shown):
            return standing
        named = [span for span in shown if span.row is not None and (self._every or self._is_surer(span))]
        read = self._awake.columns_read(self.length)
        if not (named or self._rows) and read >= self.length:
            return standing + shown
        told = self._rows.settled(standing, named, self.length, read, over=over)
        return told + [span for span in shown if span.row is None]

    def _is_surer(self, named: Span) -> bool:
        """Whether its column makes a value surer than it was told; only where no value is told twice."""
        return self._shared.told.get((self._copy, named.digest), 0) < named.finding.confidence


def _fresh(
    spans: Sequence[Span], told: dict[tuple[str, int], Confidence], every: bool, copy: str
) -> list[Span]:
    """Those that no plainer reading of the same copy has told; `every` one is told by the first, as often as it occurs.

    A view of a run shows a copy of its own: that a number was masked where it stands plainly says nothing about the same
    number in base64 next to it.
    """
    fresh = []
    for span in spans:
        key, confidence = (copy, span.digest), span.finding.confidence
        if every or key not in told:
            fresh.append(span)
        if len(told) < _TOLD_LIMIT or key in told:
            told[key] = max(confidence, told.get(key, confidence))
    return fresh


def _awake(
    inspector: Inspector, place: Place, depth: int, shared: Shared, *, limited: bool, every: bool
) -> Awake:
    def inner(spec: Spec) -> Reading:
        through = place.through(spec.name, copy=spec.run, guessed=spec.guesses)
        each = every and spec is COLUMNS
        return Reading(inspector, through, 0, depth - 1, shared, limited=limited or spec.opens, every=each)

    silent = partial(_silent, inspector)
    return Awake(inner, silent, place, inspector.keep, shared, inspector.views, limited=limited)


def _silent(inspector: Inspector, text: bytes) -> bool:
    """Whether nothing would be told of a complete text that a view shows."""
    hits = inspector.matcher.once(text)
    woken, hits = apart(hits, len(inspector.matcher.patterns)) if hits else ((), hits)
    return not woken and not header_end(text, inspector.keep) and not inspector.any_value(hits, text)


def spans(
    inspector: Inspector, text: bytes, place: Place, depth: int = DEPTH, *, exact: bool = False
) -> list[Span]:
    """The values in a complete text; with a `depth` of 0 only as it stands."""
    return looked_at(inspector, text, place, depth, exact=exact)[0]


def looked_at(
    inspector: Inspector,
    text: bytes,
    place: Place,
    depth: int = DEPTH,
    *,
    exact: bool = False,
    samples: Samples | None = None,
    hits: Sequence[Hit] | None = None,
    effort: Effort | None = None,
) -> tuple[list[Span], list[UnscannableError]]:
    """The values in a complete text, in all its readings, and what could not be decoded; `hits` are those in it, if known.

    Only with `exact` a finding has its path in a body: what a stream tells must not depend on how it was cut.
    """
    if hits is None:
        without = samples.pass_over(0, len(text)) if samples is not None else NOBODY
        hits = inspector.matcher.once(text, without)
    woken, hits = apart(hits, len(inspector.matcher.patterns))
    if place.part is not Part.HEAD:
        woken = inspector.spoken(woken)
    found = inspector.confirm(hits, text, place, samples) if hits else []
    problems: list[UnscannableError] = []
    if depth and place.part is not Part.HEAD and (end := header_end(text, inspector.keep)):
        woken = [(COLUMNS, end), *woken]
    if woken and depth:
        shared = Shared(source=len(text), effort=effort or Effort(len(text)))
        _fresh(found, shared.told, True, place.copy)
        awake = _awake(inspector, place, depth, shared, limited=False, every=True)
        shown = awake.feed(text, 0, woken) + awake.end()
        named = [span for span in shown if span.row is not None]
        found = Rows(inspector.keep).settled(found, named, len(text), len(text), over=True)
        found += [span for span in shown if span.row is None]
        problems = awake.problems
    if found and (exact or place.part is Part.HEAD):
        whereabouts = Whereabouts(text, place, inspector.sees)
        found = [located(span, whereabouts) for span in found]
    return found, problems


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
    if read_as := transcoded(text, content_type):
        text, place = read_as[0], place.through(read_as[1])
    rules = inspector.rules
    every, problems = looked_at(inspector, text, place, exact=True)
    if rules.asks_more:
        rulings = Rulings(rules)
        every = [rulings.span(span, "") for span in every]
    found = [span.finding for span in every]
    found.sort(key=lambda finding: (finding.view, finding.offset))
    if problem is not None:
        problems.append(problem)
    return found + [unscannable(inspector, problem) for problem in problems]


def unscannable(inspector: Inspector, problem: UnscannableError) -> Finding:
    """The finding that something could not be looked at."""
    kind = (Reason.TOO_LARGE if problem.too_large else Reason.UNSUPPORTED_ENCODING).value
    rules = inspector.rules
    rule = rules.about_unread(rules.judge("unscannable", FindingClass.UNSCANNABLE, Confidence.CERTAIN), kind)
    return Finding(
        pattern="unscannable",
        klass=FindingClass.UNSCANNABLE,
        kind=kind,
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
    """A value that tells where it stands: of one that a view shows, where the view's sign was seen.

    The sign of a table is its header, and its rows stand behind that.
    """
    if span.sign is not None and span.finding.view.endswith(COLUMNS.name):
        return span
    at = whereabouts.at(span.start if span.sign is None else span.sign)
    return span if at == span.finding.where else span.located(at)
