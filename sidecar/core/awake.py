"""The views of one text that are awake: where each begins, what it is fed, when it sleeps again.

    sign seen ──► view begins a little before it ──► fed as the text grows ──► done, or no sign for a while: asleep

What belongs here: that, by offsets of the text alone, so that it does not depend on how the text was cut.  What never does:
what a view makes of the text (`core.views`), what is found in it (`core.reading`).
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from dlp_patterns.model import Confidence
from sidecar.core.confirm import Span
from sidecar.core.decode.unscannable import (
    BYTE_COST,
    GLANCE_COST,
    TOO_MUCH,
    VIEW_COST,
    Effort,
    UnscannableError,
)
from sidecar.core.findings import Place
from sidecar.core.inspector import Seen
from sidecar.core.views.columns import Columns
from sidecar.core.views.containers.opener import Opener, Trouble
from sidecar.core.views.table import COLUMNS
from sidecar.core.views.view import Spec, View

FREE: Final = 4 * 1024 * 1024
GROWTH: Final = 16
"""Bytes that all views together may make of a text that came as it is: so many, and so many for each of its own.  A text
could be woven so that every view is awake in every other.  Where the work is limited, this is too."""


@dataclass(slots=True)
class Shared:
    """What all readings of one text share."""

    told: dict[tuple[str, int], Confidence] = field(default_factory=dict)
    """The values that were told by any of them, by `Place.copy` and digest: how sure they were at most."""
    source: int = 0
    """Bytes of the text itself."""
    effort: Effort = field(default_factory=Effort)
    """The work in what views make of it."""
    made: int = 0
    """Bytes that views made."""
    openers: dict[tuple[str, str], str] = field(default_factory=dict)
    """By `Place.copy` and name of a view that opens something: the reading in which its sign was seen first."""
    exceeded: bool = False
    """It was told that there is more to do in what was opened than may be."""

    def count(self, made: int) -> None:
        """So many more bytes were made.  Raises UnscannableError beyond what is allowed."""
        self.made += made
        if self.made > FREE + GROWTH * self.source:
            raise UnscannableError("encodings in encodings", too_large=True)


_SLICE: Final = 4 * 1024
"""How much of a container is opened at once: it can hold very much more."""
_SHORT: Final = 512
"""Bytes of a run that is looked at as a whole first: most runs are ids, and to begin a view costs three times as much."""


class Inner(Protocol):
    """A text that a view makes, as it is read: see `core.reading.Reading`."""

    length: int
    effort: Effort | None
    """What limits the work in it; None if that is not limited."""

    def feed(self, piece: bytes) -> list[Span]:
        """The values that are confirmed now."""

    def end(self) -> list[Span]:
        """The remaining values of a text that is over."""

    def pause(self) -> list[Span]:
        """The remaining values if the text were over; but it may go on."""

    def paused(self) -> None:
        """Everything so far has left in a pause."""

    def grows_through_pauses(self) -> bool:
        """Whether it ends in the shape of a value that must not leave and that began before the last pause."""

    def safe(self) -> int:
        """The offset up to which no byte belongs to a value that must not leave."""

    def taken_problems(self) -> list[UnscannableError]:
        """What could not be decoded, told once."""


class Awake:
    """The views of one text that are awake."""

    def __init__(
        self,
        inner: Callable[[Spec], Inner],
        silent: Callable[[bytes], bool],
        place: Place,
        keep: int,
        shared: Shared,
        views: Sequence[Spec],
        *,
        limited: bool,
    ) -> None:
        """A view begins `keep` bytes before its first sign, and sleeps as far behind its last one.

        `silent` says of a complete text that a view shows whether nothing would be told of it.  `limited` is the work in
        the views of what was opened, and of a view.
        """
        self.problems: list[UnscannableError] = []
        self._inner = inner
        self._silent = silent
        self._place = place
        self._keep = keep
        self._shared = shared
        self._views = views
        self._limited = limited
        self._stretches: dict[str, _Stretch] = {}

    def __bool__(self) -> bool:
        return bool(self._stretches)

    def readings(self) -> Iterator[Inner]:
        """What is read in the views that are awake."""
        return (stretch.inner for stretch in self._stretches.values())

    def feed(self, text: bytes, begin: int, woken: Sequence[Seen]) -> list[Span]:
        """The values in views of a text that has grown, of which `text` is the end, from offset `begin` on."""
        signs: dict[str, list[int]] = {}
        for spec, end in woken:
            signs.setdefault(spec.name, []).append(end)
            if spec.opens:
                self._shared.openers.setdefault((self._place.copy, spec.name), self._place.view)
        spans: list[Span] = []
        for spec in self._views:
            if spec.name in signs or spec.name in self._stretches:
                ends = sorted(signs.get(spec.name, ()))
                if ends and spec.matters is not None:
                    ends = [
                        end
                        for end in ends
                        if spec.matters(text[max(0, end - begin - self._keep) : end - begin])
                    ]
                spans += self._advance(spec, text, begin, ends)
        if any(stretch.spec.opens for stretch in self._stretches.values()):
            self._settle()
        return spans

    def pause(self) -> list[Span]:
        """The values in views if the text were over; but it may go on."""
        return [
            span for stretch in self._stretches.values() for span in _told(stretch, stretch.inner.pause())
        ]

    def columns_read(self, length: int) -> int:
        """The offset in the text, of `length` bytes so far, up to which all is told that a table's columns show."""
        stretch = self._stretches.get(COLUMNS.name)
        return length if stretch is None else stretch.rows_read(self._keep)

    def end(self) -> list[Span]:
        """The values that the end of the text completes."""
        spans: list[Span] = []
        for name in [spec.name for spec in self._views if spec.name in self._stretches]:
            spans += self._close(name, self._stretches[name].end)
        return spans

    def safe(self, length: int) -> int:
        """The offset in the text, of `length` bytes so far, up to which it is safe to let go."""
        return min((stretch.safe() for stretch in self._stretches.values()), default=length)

    # --- stretches ----------------------------------------------------------------------------------------------------

    def _advance(self, spec: Spec, text: bytes, begin: int, ends: list[int]) -> list[Span]:
        """Bring one view up to the end of the text, through the signs of it that end at `ends`."""
        spans: list[Span] = []
        at, length = 0, begin + len(text)
        while True:
            stretch = self._stretches.get(spec.name)
            if stretch is None:
                if at == len(ends) or self._refused(spec):
                    return spans
                first = self._first(spec, text, begin, ends[at])
                if passed := self._passed_over(spec, text[first - begin : first - begin + _SHORT]):
                    at = bisect_right(ends, first + passed, at + 1)
                    continue
                stretch = self._stretches[spec.name] = self._begin(spec, first, ends[at])
                at += 1
            while not spec.run and (beyond := bisect_right(ends, stretch.until, at)) > at:
                stretch.until = max(stretch.until, ends[beyond - 1] + self._keep)
                at = beyond
            stop = length if spec.run else min(length, stretch.until)
            spans += self._feed(stretch, text[stretch.fed - begin : stop - begin])
            if spec.name in self._stretches:
                return spans
            while at < len(ends) and ends[at] <= stretch.fed:
                at += 1

    def _first(self, spec: Spec, text: bytes, begin: int, end: int) -> int:
        """Where a view begins that is woken by a sign that ends at `end`."""
        first = max(begin, end - self._keep)
        return first + spec.start(text[first - begin : end - begin]) if first or spec.run else first

    def _passed_over(self, spec: Spec, piece: bytes) -> int:
        """How many bytes a run at the beginning of `piece` has that is over there and shows nothing; 0: look closer."""
        if not spec.run or spec.opens:
            return 0
        view = spec.make()
        try:
            decoded = view.feed(piece)
        except UnscannableError:
            return 0
        if view.over is None:
            return 0
        if self._limited:
            self._shared.effort.spent += GLANCE_COST
        return len(piece) - view.over if self._silent(decoded) else 0

    def _begin(self, spec: Spec, first: int, end: int) -> "_Stretch":
        inner = self._inner(spec)
        if inner.effort is not None:
            inner.effort.spent += VIEW_COST
        return _Stretch(spec, inner, first, end, end + self._keep)

    def _refused(self, spec: Spec) -> bool:
        """Whether a view may not begin, because there was too much in what was opened before."""
        refused = (spec.opens or self._limited) and self._shared.effort.gone
        if refused:
            self._tell_too_much()
        return refused

    def _tell_too_much(self) -> None:
        if not self._shared.exceeded:
            self._shared.exceeded = True
            self.problems.append(UnscannableError(TOO_MUCH, too_large=True))

    def _feed(self, stretch: "_Stretch", piece: bytes) -> list[Span]:
        """What a view makes of `piece`; afterwards it may sleep, with `stretch.fed` where it ended."""
        name, found = stretch.spec.name, list[Span]()
        try:
            stretch.feed(piece, self._shared, found)
        except UnscannableError as error:
            self.problems.append(error)
            return _told(stretch, found) + self._close(name, stretch.inner.end)
        spans = _told(stretch, found)
        self._note_problems(stretch)
        over = stretch.view.over
        if stretch.gave_up():
            spans += self._close(name, stretch.inner.end)
        elif over is not None:
            stretch.fed -= over
            spans += self._close(name, stretch.inner.end)
        elif not stretch.spec.run and stretch.fed == stretch.until:
            # What a view shows this far behind its last sign stands in the text itself.
            del self._stretches[name]
        return spans

    def _close(self, name: str, end: Callable[[], list[Span]]) -> list[Span]:
        stretch = self._stretches.pop(name)
        try:
            spans = end()
        except UnscannableError as error:
            self.problems.append(error)
            spans = stretch.inner.end()
        if stretch.gave_up():
            self._tell_too_much()
        self._note_problems(stretch)
        if isinstance(stretch.view, Opener):
            self.problems += [error for error, _ in stretch.view.troubles]
            stretch.view.drop()
        return _told(stretch, spans)

    def _note_problems(self, stretch: "_Stretch") -> None:
        """What could not be decoded in what a view shows."""
        problems = stretch.inner.taken_problems()
        if problems and isinstance(stretch.view, Opener):
            stretch.view.troubles += [Trouble(problem, stretch.view.last) for problem in problems]
        else:
            self.problems += problems

    def _settle(self) -> None:
        """Tell what could not be opened, but for what only looks broken here.

        What stands within a part that another view opens, as an archive that deflate only stored, is broken by the framing
        of that part: it is looked at in there.  And a container is told by the reading in which its sign was seen first: in
        others, percent-decoded for one, the same container is broken by the decoding.
        """
        openers = [(each, each.view) for each in self._stretches.values() if isinstance(each.view, Opener)]
        for each, view in openers:
            others = [(other, its) for other, its in openers if other is not each]

            def elsewhere(at: int, others: list[tuple[_Stretch, Opener]] = others) -> bool:
                return any(its.opens(at - other.first) for other, its in others)

            first = self._shared.openers.get((self._place.copy, each.spec.name), self._place.view)
            for error, at in view.troubles:
                if error.too_large or (
                    first == self._place.view
                    and each.first + at != each.elsewhere
                    and not elsewhere(each.first + at)
                ):
                    self.problems.append(error)
            if view.began is None:
                each.elsewhere = None
            elif elsewhere(each.first + view.began):
                each.elsewhere = each.first + view.began
        for _, view in openers:
            view.settled()


def _told(stretch: "_Stretch", spans: list[Span]) -> list[Span]:
    """Values that tell where in the text the sign stood through which they were seen, and in which row of a table."""
    return [replace(span, sign=stretch.sign, row=stretch.row(span)) for span in spans] if spans else spans


class _Stretch:
    """A view that decodes, and what is read in it."""

    def __init__(self, spec: Spec, inner: Inner, fed: int, sign: int, until: int) -> None:
        self.spec, self.inner = spec, inner
        self.view: View = spec.make()
        self.first = self.fed = fed
        """Where it began, and the offset up to which it has seen the text."""
        self.sign = sign
        """The offset behind the sign that woke it."""
        self.until = until
        """Where it sleeps if no other sign comes."""
        self.elsewhere: int | None = None
        """Where a part begins, if it is being opened and stands within one that another view opens."""
        self._clean_at = 0
        """How much of the text it had seen when last nothing was held."""
        self._seen = fed
        """The offset up to which it was fed."""
        self._marks: deque[tuple[int, int]] = deque()
        """Where nobody knows how wide a decoded byte can be: how many bytes were decoded up to which offset of the text."""

    def gave_up(self) -> bool:
        """There is too much in what it opens."""
        effort = self.inner.effort
        return effort is not None and effort.gone

    def feed(self, piece: bytes, shared: Shared, found: list[Span]) -> None:
        """Adds the values that are confirmed now, those before an error too."""
        if isinstance(self.view, Opener):
            self.fed += len(piece)  # beyond a limit its other parts in the piece are not begun again
            for at in range(0, len(piece), _SLICE):
                self._take(piece[at : at + _SLICE], shared, found)
        else:
            self._take(piece, shared, found)
            self.fed += len(piece)

    def _take(self, piece: bytes, shared: Shared, found: list[Span]) -> None:
        if self.gave_up():
            return
        decoded = self.view.feed(piece)
        if (effort := self.inner.effort) is None:
            shared.count(len(decoded))
        else:
            effort.spent += abs(len(decoded) - len(piece)) * self.spec.cost + len(piece) * BYTE_COST
        self._seen += len(piece)
        for part in (decoded,) if effort is None else effort.parts(decoded):
            if self.gave_up():
                return
            found += self.inner.feed(part)
        if not self.spec.widest:
            if self._marks and self._marks[-1][1] == self.inner.length:
                self._marks.pop()
            self._marks.append((self._seen - self.view.pending, self.inner.length))

    def row(self, span: Span) -> tuple[int, int] | None:
        """Where the row is in the text whose columns show a value; None if it is no table's, or a view in it shows it."""
        if not isinstance(self.view, Columns) or span.sign is not None:
            return None
        begin, end = self.view.places.row(span.start)
        return self.first + begin, self.first + end

    def rows_read(self, keep: int) -> int:
        """The offset in the text up to which all is told that its columns show."""
        assert isinstance(self.view, Columns)
        behind = self.view.places.first_behind(self.inner.length - keep)
        return self.fed - self.view.pending if behind is None else self.first + behind

    def end(self) -> list[Span]:
        """The remaining values when the text is over."""
        return self._read(self.view.end()) + self.inner.end()

    def safe(self) -> int:
        """The offset in the text up to which it is safe to let go."""
        held = self.inner.length - self.inner.safe()
        if not held and not self.view.pending:
            self._clean_at = self.fed
        elif self.spec.widest:
            self._clean_at = max(self._clean_at, self.fed - self.view.pending - held * self.spec.widest)
        else:
            safe, marks = self.inner.length - held, self._marks
            while marks and marks[0][1] <= safe:
                self._clean_at = max(self._clean_at, marks.popleft()[0])
        return self._clean_at

    def _read(self, decoded: bytes) -> list[Span]:
        return self.inner.feed(decoded) if decoded else []
