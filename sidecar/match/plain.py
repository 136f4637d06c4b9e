"""The oracle: the same answers as `match.hs`, from Python's `re`, slowly and obviously.  For tests and fuzzers only.

Every end offset is tried on its own, which is what Hyperscan reports: one hit for each offset at which a match ends.
"""

import re
from collections.abc import Sequence

from dlp_patterns.model import Pattern
from sidecar.core.hits import NOBODY, Hit, Hold
from sidecar.core.views.table import SIGNS
from sidecar.core.views.view import Sign
from sidecar.match import compose, window


class PlainMatcher:
    """A `core.hits.Matcher` made of regular expressions."""

    def __init__(self, patterns: Sequence[Pattern], signs: Sequence[Sign] = SIGNS) -> None:
        self.patterns = tuple(patterns)
        self.reach = compose.reach(self.patterns)
        texts = [*map(compose.value, self.patterns), *map(compose.sign, signs)]
        self._anywhere = [re.compile(text, re.DOTALL) for text in texts]
        self._ending = [re.compile(text + rb"\Z", re.DOTALL) for text in texts]
        self._unfinished = [re.compile(compose.unfinished(p) + rb"\Z", re.DOTALL) for p in self.patterns]

    def once(self, text: bytes, _without: frozenset[int] = NOBODY) -> list[Hit]:
        """The hits in a complete text."""
        padded = text + compose.PAD
        hits = self._hits(padded, 1, len(padded))
        return list(dict.fromkeys((index, min(end, len(text))) for index, end in hits))

    def more(self, seen: bytes, known: int, _without: frozenset[int] = NOBODY) -> list[Hit]:
        """The hits that end behind offset `known` of a text that may go on."""
        return self._hits(seen, known + 1, len(seen))

    def last(self, seen: bytes) -> list[Hit]:
        """The further hits that the end of the text makes."""
        end = len(seen)
        before = self._hits(seen, end, end)
        every = ((index, end) for index, _ in self._hits(seen + compose.PAD, end + 1, end + 1))
        return [hit for hit in every if hit not in before]

    def hold(self, patterns: frozenset[int]) -> Hold:
        """The tail rule for these patterns."""

        def hold(tail: bytes) -> int:
            text = window.mirrored(tail, compose.PAD)
            candidates = [
                (index, end)
                for index in patterns
                for end in range(1, min(len(text), self.patterns[index].width + 1) + 1)
                if self._unfinished[index].match(text, 0, end)
            ]
            return window.held(candidates, self.patterns) if candidates else 0

        return hold

    def _hits(self, text: bytes, first: int, last: int) -> list[Hit]:
        """Every end from `first` to `last` at which a pattern ends.  Most patterns are nowhere in a text."""
        present = [index for index, regex in enumerate(self._anywhere) if regex.search(text)]
        return [
            (index, end)
            for end in range(max(first, 1), last + 1)
            for index in present
            if self._ending[index].search(text, max(0, end - self.reach), end)
        ]
