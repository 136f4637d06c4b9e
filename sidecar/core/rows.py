"""Values of a table are told once: where they stand, and as surely as the name of their column says.

    name,card_number          as it stands:  4539..., likely
    Jo,4539578763621486       its column:    4539..., certain      ──►  where it stands, certain

What belongs here: to pair what stands in a text with what the view of its columns shows, row by row and by offsets of the
text alone, so that it does not depend on how that was cut.  What never does: how a table is read (`views.columns`).
Which way it errs: what a pause lets go before its row is over can be told once more, surer.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sidecar.core.confirm import Span
from sidecar.core.findings import Action, Finding

_MOST: Final = 1024
"""Values that wait for each other; beyond it the first are told as they are: a table could be nothing but values."""


class Rows:
    """The values of one text that stand in a row of which not everything is known."""

    def __init__(self, keep: int) -> None:
        """Every value that stands in a text is confirmed when there are `keep` bytes behind it."""
        self._keep = keep
        self._standing: list[Span] = []
        self._named: list[Span] = []
        self._met: set[tuple[int, int]] = set()
        """Those of the named, by digest and begin of their row, that were seen where they stand."""

    def __bool__(self) -> bool:
        return bool(self._standing or self._named)

    def settled(
        self, standing: Sequence[Span], named: Sequence[Span], length: int, read: int, *, over: bool = False
    ) -> list[Span]:
        """The values that need wait no longer in a text of `length` bytes, whose columns were read up to offset `read`.

        `standing` are new ones in the text itself, `named` new ones that its columns show.
        """
        self._named += named
        raised = self._raised([*self._standing, *standing])
        known = length - self._keep
        early = [] if over else [span for span in raised if span.start >= read][-_MOST:]
        late = [] if over else [span for span in self._named if _row(span)[1] > known][-_MOST:]
        told = _without(raised, early)
        told += [span for span in _without(self._named, late) if _key(span) not in self._met]
        self._standing, self._named = early, late
        self._met.intersection_update(map(_key, late))
        return told

    def held(self, otherwise: int) -> int:
        """The offset from which on something waits that must not leave."""
        starts = [span.start for span in self._standing if span.finding.action >= Action.MASK]
        rows = [_row(span)[0] for span in self._named if span.finding.action >= Action.MASK]
        return min([otherwise, *starts, *rows])

    def _raised(self, standing: list[Span]) -> list[Span]:
        """Values that stand in the text, each as sure as its column says."""
        if not self._named:
            return standing
        named: dict[int, list[Span]] = {}
        for span in self._named:
            named.setdefault(span.digest, []).append(span)
        return [self._in_its_row(span, named.get(span.digest, ())) for span in standing]

    def _in_its_row(self, span: Span, named: Sequence[Span]) -> Span:
        at = bisect_right(named, span.start, key=lambda each: _row(each)[0]) - 1
        if at < 0 or span.end > _row(named[at])[1]:
            return span
        self._met.add(_key(named[at]))
        finding = _surer(span.finding, named[at].finding)
        return span if finding is span.finding else replace(span, finding=finding)


def _row(span: Span) -> tuple[int, int]:
    assert span.row is not None
    return span.row


def _key(span: Span) -> tuple[int, int]:
    return span.digest, _row(span)[0]


def _without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    left = set(map(id, others))
    return [span for span in spans if id(span) not in left]


def _surer(finding: Finding, other: Finding) -> Finding:
    """A finding with the confidence of another one of the same value, if that is surer, and what follows from it."""
    if other.confidence <= finding.confidence:
        return finding
    return replace(
        finding, confidence=other.confidence, action=other.action, rule=other.rule, basis=other.basis
    )
