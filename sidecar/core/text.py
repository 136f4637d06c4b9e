"""A text that grows: what is confirmed in it, and up to where it is safe to let go."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from sidecar.core.confirm import Span
from sidecar.core.decode.unscannable import (
    BYTE_COST,
    HIT_COST,
    LOOK_COST,
    SIGN_COST,
    VALUE_COST,
    Effort,
)
from sidecar.core.findings import Place
from sidecar.core.hits import Hit
from sidecar.core.inspector import AHEAD, Inspector, Seen, Values
from sidecar.core.samples import Samples
from sidecar.core.views.table import WAKES

_AT_ONCE: Final = 32
"""Hits after which the limit of work is asked again: how many of them are values is not known before."""


class Text:
    """One logical text: what the engine sees, whatever the framing around it.

    A hit is confirmed when `AHEAD` bytes behind it are known, or the text is over: what follows a number tells as much
    about it as what precedes it.  A value is told when none that begins at the same place can be longer any more: of a
    card number of 19 digits, whose first 16 are one too, the last four are not those of the shorter.  Until then it is
    held like one that is still growing.
    """

    def __init__(
        self,
        inspector: Inspector,
        place: Place,
        paused_at: int = 0,
        samples: Samples | None = None,
        effort: Effort | None = None,
    ) -> None:
        """`samples` are those of the direction whose text this is; a text of its own has its own.

        `effort` limits the work in a text that was opened; what came as it is has none.
        """
        self._inspector = inspector
        self._effort = effort
        self.exceeded = False
        """Something was passed over because of that."""
        self._samples = samples or inspector.samples()
        self._place = place
        self.paused_at = paused_at
        """Everything before this offset has left in a pause."""
        self._keep = inspector.keep
        self._tail = b""
        """The last `reach + AHEAD` bytes of the text."""
        self._open_hits: list[Hit] = []
        """Hits whose surroundings are not complete yet, by end."""
        self._values: Values = {}
        """Confirmed values that could still turn out to be longer."""
        self._told: set[tuple[int, int]] = set()
        self._patterns = len(inspector.matcher.patterns)
        self.woken: Sequence[Seen] = ()
        """The signs that were seen in the last piece."""
        self.length = 0

    def feed(self, piece: bytes) -> list[Span]:
        """The values that are confirmed now."""
        seen, known = self._tail + piece, len(self._tail)
        without = self._samples.pass_over(self.length, self.length + len(piece))
        self.length += len(piece)
        hits = self._inspector.matcher.more(seen, known, without)
        if self._effort is not None:
            self._effort.spent += len(piece) * BYTE_COST + len(hits) * SIGN_COST
        self._tail = seen[-self._keep :]
        if self.woken:
            self.woken = ()
        if hits:
            base = self.length - len(seen)
            hits = [(index, end + base) for index, end in hits] if base else hits
            self.woken, hits = apart(hits, self._patterns)
            hits = self._samples.left(hits)
        if not hits and not self._open_hits and not self._values:
            return []
        self._confirm(hits, seen, self.length - AHEAD)
        return self._final(self.length - AHEAD)

    def end(self) -> list[Span]:
        """The remaining values of a text that is over."""
        _, ended = apart(self._inspector.matcher.last(self._tail), self._patterns)
        hits = [(index, self.length) for index, _ in ended]
        if hits or self._open_hits:
            self._confirm(hits, self._tail, self.length)
        return self._final(None)

    def pause(self) -> list[Span]:
        """The remaining values if the text were over; but it may go on."""
        hits = [hit for hit in self._ending() if hit not in self._open_hits]
        self._confirm(hits, self._tail, self.length)
        return self._final(None)

    def grows_through_pauses(self) -> bool:
        """Whether the text ends in the shape of a value that must not leave and that began before the last pause."""
        base, inspector = self.length - len(self._tail), self._inspector
        shaped = {index for index, _ in self._ending()} & inspector.must_not_leave
        begins = (inspector.confirmer.begins(index, self._tail) for index in shaped)
        return any(begin is not None and base + begin < self.paused_at for begin in begins)

    def _ending(self) -> list[Hit]:
        """The hits at the very end of the text, if it ended here."""
        _, hits = apart(self._inspector.matcher.once(self._tail), self._patterns)
        return [(index, self.length) for index, end in hits if end == len(self._tail)]

    def safe(self) -> int:
        """The offset up to which no byte belongs to a value that could still become a finding that must not leave."""
        hold = self._inspector.hold
        return self.length if hold is None else min(self.length - hold(self._tail), self.begun())

    def begun(self) -> int:
        """The offset up to which no byte belongs to what was hit, or confirmed, and is not told yet."""
        inspector, safe = self._inspector, self.length
        patterns = inspector.matcher.patterns
        for index, end in self._open_hits:
            if index in inspector.must_not_leave:
                safe = min(safe, end - patterns[index].width - 1)
        for index, start in self._values:
            if index in inspector.must_not_leave:
                safe = min(safe, start)
        return safe

    def _confirm(self, hits: Sequence[Hit], seen: bytes, known: int) -> None:
        """Confirm what ends up to offset `known`; the rest stays open."""
        every = sorted((*self._open_hits, *hits), key=_by_end)
        ready = [hit for hit in every if hit[1] <= known]
        self._open_hits = every[len(ready) :]
        if not ready:
            return
        base, values, effort = self.length - len(seen), self._values, self._effort
        if effort is None:
            self._inspector.enter(values, ready, seen, base, self._place, self._samples)
            return
        only_told = self._inspector.only_told  # of these there are few: `Samples`
        while ready and not effort.gone:
            now, ready, known = ready[:_AT_ONCE], ready[_AT_ONCE:], len(values)
            examined = self._inspector.enter(values, now, seen, base, self._place, self._samples)
            fresh = sum(index not in only_told for index, _ in islice(values, known, None))
            effort.spent += len(now) * LOOK_COST + examined * HIT_COST + fresh * VALUE_COST
        self.exceeded = self.exceeded or bool(ready)

    def _final(self, known: int | None) -> list[Span]:
        """The values that cannot be longer any more when the text is known up to offset `known`; None: it is over."""
        values = self._values
        if not values:
            return []
        limit = self._inspector.confirmer.limit
        final = [span for span in self._inspector.in_order(values) if known is None or limit(span) <= known]
        for span in final:
            del values[span.index, span.start]
        fresh = [span for span in final if (span.index, span.start) not in self._told]
        reachable = self.length - self._keep  # nothing that is still to come begins before it
        self._told = {told for told in self._told if told[1] >= reachable}
        self._told.update((span.index, span.start) for span in fresh)
        return fresh


def apart(hits: Sequence[Hit], patterns: int) -> tuple[Sequence[Seen], Sequence[Hit]]:
    """The signs of views, and the hits of patterns, of which there are so many."""
    seen = [(WAKES[index - patterns], end) for index, end in hits if index >= patterns]
    return seen, [hit for hit in hits if hit[0] < patterns] if seen else hits


def _by_end(hit: Hit) -> tuple[int, int]:
    return hit[1], hit[0]
