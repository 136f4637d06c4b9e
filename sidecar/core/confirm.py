"""From hit to finding: find the exact span again, look at the neighbours, run the check, weigh the context.

The engine says "pattern 3 ends about here".  Confirmation sees a fixed window, `reach` bytes before the end
and a fixed number behind it, never more: that is what makes the answer the same however the stream was cut.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dlp_patterns import masking
from dlp_patterns.checks import AT_BEST, SHORT_CUTS, AtBest, Check, ShortCut, check_of
from dlp_patterns.model import MAX_DISTANCE, Boundary, Confidence, Confirmed, DataClass, Pattern
from sidecar.core import judgement
from sidecar.core.allowances import NO_MARKS, Marks
from sidecar.core.findings import Action, Finding, FindingClass, Place
from sidecar.core.hits import Hit
from sidecar.core.judgement import Around, Judge
from sidecar.core.policy import FlowRules
from sidecar.core.reasons import Reason
from sidecar.core.where import roughly

_CLASSES = {
    DataClass.PAN: FindingClass.PAN,
    DataClass.SAD: FindingClass.SAD,
    DataClass.PII: FindingClass.PII,
    DataClass.SECRET: FindingClass.SECRET,
}
_REASONS = {
    FindingClass.PAN: Reason.PAN_IN_CLEARTEXT,
    FindingClass.TEST_PAN: Reason.PAN_IN_CLEARTEXT,
    FindingClass.SAD: Reason.SAD_IN_CLEARTEXT,
    FindingClass.PII: Reason.PII_IN_CLEARTEXT,
    FindingClass.SECRET: Reason.SECRET_IN_CLEARTEXT,
}
OPEN_ENDED = frozenset(
    {
        "secrets/aws_session_token",
        "secrets/azure_client_secret",
        "secrets/azure_container_registry_key",
        "secrets/azure_devops_pat",
        "secrets/azure_function_key",
        "secrets/bearer_authorization_long",
        "secrets/github_stateless_token",
        "secrets/jwt",
        "secrets/kubeconfig_client_key",
        "secrets/mailchimp_key",
        "secrets/onepassword_service_token",
        "secrets/private_key",
    }
)
"""What is found is only a part of these, the beginning or the end: to mask it would let the rest pass, so the stricter
action applies."""


@dataclass(frozen=True, slots=True)
class Span:
    """A confirmed value: where it is in its text, and the finding that may be shown about it."""

    start: int
    end: int
    index: int
    """Index of the pattern."""
    lead: int
    """How many of its leading bytes are shown in any case."""
    masked: bytes
    """The value as it may be shown, same length."""
    digest: int
    """Of pattern and value, to know the same value in another reading; good in this process only."""
    finding: Finding
    marks: Marks = NO_MARKS
    """What rules may ask for of the value itself."""
    sign: int | None = None
    """Of a value that a view shows: the offset behind that view's sign, in the text as it stands."""
    row: tuple[int, int] | None = None
    """Of a value that the columns of a table show: where its row begins and ends in the text that the table stands in."""

    def located(self, where: str) -> "Span":
        """The same value, telling where it stands."""
        return Span(
            self.start,
            self.end,
            self.index,
            self.lead,
            self.masked,
            self.digest,
            self.finding.located(where),
            self.marks,
            self.sign,
            self.row,
        )


@dataclass(frozen=True)
class Confirmer:
    """Confirms hits of one pattern set."""

    patterns: Sequence[Pattern]

    @cached_property
    def _checks(self) -> list[Check]:
        return [check_of(pattern) for pattern in self.patterns]

    @cached_property
    def _judges(self) -> list[Judge]:
        return [Judge(pattern) for pattern in self.patterns]

    @cached_property
    def _at_best(self) -> list[AtBest | None]:
        return [AT_BEST.get(pattern.check) for pattern in self.patterns]

    @cached_property
    def short_cuts(self) -> list[ShortCut | None]:
        """By pattern, the look that shows of most hits that nothing is behind them; None: there is none."""
        return [_look(SHORT_CUTS.get(pattern.check), pattern.boundary.right) for pattern in self.patterns]

    def confirm(self, hit: Hit, window: bytes, base: int, place: Place, rules: FlowRules) -> Span | None:
        """The confirmed value behind `hit`, or None.

        `window` is text from offset `base` to a little behind the hit, or to the end of the text.
        """
        index, end = hit
        pattern = self.patterns[index]
        confirmed, confidence = self._weighed(index, window, end - base, guessed=place.guessed)
        if confirmed is None or confidence is None:
            return None
        card = pattern.klass is DataClass.PAN
        klass = FindingClass.TEST_PAN if confirmed.test and card else _CLASSES[pattern.klass]
        rule = rules.judge(pattern.told, klass, confidence)
        action = rule.action
        if action is Action.MASK and pattern.id in OPEN_ENDED:
            action = Action.BLOCK
        value = window[confirmed.start : confirmed.end]
        masked = masking.mask(pattern.show, value, pattern.openings)
        finding = Finding(
            pattern=pattern.told,
            klass=klass,
            kind=confirmed.kind,
            shown=masking.printable(masked),
            confidence=confidence,
            severity=pattern.severity,
            part=place.part,
            offset=base + confirmed.start,
            reason=_REASONS[klass],
            action=action,
            rule=rule.name,
            basis=rule.basis,
            length=len(value),
            view=place.view,
            where=roughly(place),
        )
        return Span(
            base + confirmed.start,
            base + confirmed.end,
            index,
            _same(value, masked),
            masked,
            hash((pattern.told, value)),
            finding,
            rules.marks(pattern.told, value),
        )

    def is_value(self, hit: Hit, window: bytes, base: int) -> bool:
        """Whether `confirm` would confirm it."""
        return self._weighed(hit[0], window, hit[1] - base)[1] is not None

    def _weighed(
        self, index: int, window: bytes, end: int, *, guessed: bool = False
    ) -> tuple[Confirmed, Confidence | None] | tuple[None, None]:
        """What the check confirms, and how sure that is where it stands; None: it is no finding."""
        first = self._first(index, window, end)
        if first is None:
            return None, None
        confirmed, named = first
        behind = window[confirmed.end : confirmed.end + judgement.BEHIND]
        judge, before = self._judges[index], _before(window, confirmed.start)
        return confirmed, judge.confidence(confirmed.evidence, before, behind, named, guessed=guessed)

    def rules_out(self, index: int, end: int, text: bytes) -> bool:
        """Whether it takes no more than such a look."""
        look = self.short_cuts[index]
        return look is not None and look(text, end)

    def limit(self, span: Span) -> int:
        """The offset up to which every value of this pattern that begins where `span` does has been hit."""
        return span.start + self.patterns[span.index].width + 1

    def begins(self, index: int, text: bytes) -> int | None:
        """Where the longest end of `text` begins that has the shape of a pattern, checked or not; None for none."""
        pattern = self.patterns[index]
        found = _ending(pattern.boundary.left, pattern.regex).search(text, max(0, len(text) - pattern.width))
        return found.start() if found else None

    def _first(self, index: int, window: bytes, end: int) -> tuple[Confirmed, Around | None] | None:
        """The first value that the check confirms among the spans of the pattern that end at the hit.

        There can be several, and the first may be a decoy: `xoxb-placeholder-xoxb-...`.  With it comes what the name of
        its field says, if that was looked up.
        """
        pattern, check = self.patterns[index], self._checks[index]
        judge, at_best = self._judges[index], self._at_best[index]
        regex = _ending(pattern.boundary.left, pattern.regex)
        for stop in _stops(pattern.boundary.right, window, end):
            found = regex.search(window, max(0, stop - pattern.width), stop)
            while found is not None:
                start = found.start()
                named = None
                if at_best is not None and judge.heeds(at_best(window, start, stop)):
                    named = judge.named(_before(window, start))
                if named is not Around.AGAINST and (confirmed := check(window, start, stop)) is not None:
                    return confirmed, named if confirmed.start == start else None
                found = regex.search(window, start + 1, stop)
        return None


def _before(window: bytes, start: int) -> bytes:
    """The text before a value that speaks of it."""
    return window[max(0, start - MAX_DISTANCE) : start]


def _look(cut: ShortCut | None, right: Boundary) -> ShortCut | None:
    """A short cut for the end of a hit, which is that of a value or of the byte behind it (`_stops`)."""
    if cut is None or right is Boundary.NONE:
        return cut
    inside = right.inside

    def look(text: bytes, end: int) -> bool:
        if 0 < end < len(text):
            return text[end - 1] in inside or cut(text, end - 1)
        return all(cut(text, stop) for stop in _stops(right, text, end))

    return look


def _stops(right: Boundary, window: bytes, end: int) -> tuple[int, ...]:
    """Where a value can end whose hit ends at `end`.

    The engine reports the end of the boundary byte that it consumed, or the end of the text: then the byte was its own.
    """
    if right is Boundary.NONE:
        return (end,)
    if end < len(window):
        return (end - 1,) if end and right.holds(window[end - 1]) else ()
    return (end - 1, end) if end > 1 and right.holds(window[end - 1]) else (end,)


def _same(value: bytes, masked: bytes) -> int:
    """How many bytes a value and its mask begin with alike."""
    at = masked.find(b"*")
    while at >= 0 and value[at] == masking.STAR:
        at = masked.find(b"*", at + 1)
    return at if at >= 0 else len(value)


@lru_cache(maxsize=4096)
def _ending(left: Boundary, regex: bytes) -> re.Pattern[bytes]:
    """A pattern with its left boundary, up to the end of where it is looked for.

    Compiled when it is first hit: of hundreds of patterns most never are.
    """
    return re.compile(_behind(left) + rb"(?:" + regex + rb")\Z", re.DOTALL)


def _behind(boundary: Boundary) -> bytes:
    """The condition on the byte before a value, as a lookbehind (these expressions are for `re` only)."""
    return b"" if boundary is Boundary.NONE else boundary.outside.replace(b"[^", b"(?<![") + b")"
