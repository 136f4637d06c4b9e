"""What is only reported is reported as a sample: which hits of such patterns are passed over.

An answer full of e-mail addresses is one story.  To find them all costs as much as all else that is looked for, and to
confirm each of them a hundred times that.  So of a pattern that this flow can at most report, the first `FIRST` values of a
direction are told, and then one in every `EVERY` bytes; between these it is not looked for.  Where `LOOKS` of its hits
turned out to be no values, as in a log full of accounts at hosts, the next `REST` bytes are spared that.  What may be
blocked, masked or counted towards a threshold is never passed over.

What belongs here: that rule, by offsets of the text alone, so that the answer does not depend on how it was cut.  What
never does: which patterns those are (`core.policy`), confirming (`core.confirm`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sidecar.core.hits import NOBODY, Hit

FIRST: Final = 4
"""Values of a pattern that are told in any case."""
EVERY: Final = 8 * 1024 * 1024
"""Bytes from one told value to the next."""
LOOKS: Final = 256
REST: Final = 256 * 1024
"""Hits that were no values, and the bytes in which no more are looked at then."""


class _Gap(NamedTuple):
    """Where hits of a pattern are passed over, in bytes of the direction."""

    begin: int
    end: int


class Samples:
    """The memory of one direction of a flow, or of one text."""

    __slots__ = ("_absent", "_base", "_covered", "_looks", "_patterns", "_told", "gaps", "passed_over")

    def __init__(self, patterns: frozenset[int]) -> None:
        """`patterns` are the indices of those that can only be reported."""
        self._patterns = patterns
        self._told: dict[int, int] = {}
        self._looks: dict[int, int] = {}
        """Hits that were no values, since the last gap."""
        self.gaps: dict[int, _Gap] = {}
        """Of the patterns that have one; others are not passed over."""
        self._base = 0
        """Bytes of the texts that are over."""
        self._covered = _Gap(0, 0)
        """Where no pattern that has a gap is told."""
        self._absent: frozenset[int] = NOBODY
        """The patterns that have one."""
        self.passed_over = 0
        """Bytes in which some pattern was not looked for, and that were not counted yet."""

    def next_text(self, length: int) -> None:
        """A text of `length` bytes is over; offsets are those of the next one from now on."""
        self._base += length

    def pass_over(self, begin: int, end: int) -> frozenset[int]:
        """The patterns of which no hit that ends behind offset `begin` and up to `end` need be looked at."""
        if not self.gaps:
            return NOBODY
        first, last = self._base + begin, self._base + end
        if self._covered.begin <= first and last < self._covered.end:
            absent = self._absent
        else:
            absent = frozenset(
                index for index, gap in self.gaps.items() if gap.begin <= first and last < gap.end
            )
        if absent:
            self.passed_over += end - begin
        return absent

    def passes_over(self, index: int, end: int) -> bool:
        """Whether a hit of this pattern, which ends at offset `end` of the text, need not be looked at."""
        gap = self.gaps.get(index)
        return gap is not None and gap.begin < self._base + end < gap.end

    def left(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The hits that are to be looked at, as far as that is known by now."""
        if not self.gaps:
            return hits
        gap_of, base = self.gaps.get, self._base
        return [hit for hit in hits if (gap := gap_of(hit[0])) is None or not gap[0] < base + hit[1] < gap[1]]

    def told(self, index: int, start: int, limit: int) -> None:
        """A value of this pattern was found at offset `start`; hits up to offset `limit` may belong to it."""
        if index not in self._patterns:
            return
        count = self._told[index] = self._told.get(index, 0) + 1
        if count >= FIRST:
            self._part(index, start, limit, start + EVERY)

    def looked(self, index: int, end: int) -> None:
        """A hit of this pattern that ends at offset `end` was looked at, and is no value."""
        if index not in self._patterns:
            return
        count = self._looks[index] = self._looks.get(index, 0) + 1
        if count >= LOOKS:
            self._looks[index] = 0
            self._part(index, end, end, end + REST)

    def _part(self, index: int, since: int, begin: int, end: int) -> None:
        """From now on, unless it was at `since`, a pattern has this gap."""
        gap = self.gaps.get(index)
        if gap is None or self._base + since >= gap.end:
            self.gaps[index] = _Gap(self._base + begin, self._base + end)
            begins, ends = zip(*self.gaps.values(), strict=True)
            self._covered, self._absent = _Gap(max(begins), min(ends)), frozenset(self.gaps)
