"""The oracle: the same answers as `match.hs`, from Python's `re`, slowly and obviously.  For tests and fuzzers only.

Every end offset is tried on its own, which is what Hyperscan reports: one hit for each offset at which a match ends.
"""

import re
from collections.abc import Sequence

from dlp_patterns.model import Pattern
from sidecar.core.hits import Hit, Hold
from sidecar.core.views.table import SIGNS
from sidecar.core.views.view import Sign
from sidecar.match import compose, window


class PlainMatcher:
    """A `core.hits.Matcher` made of regular expressions."""

    def __init__(self, patterns: Sequence[Pattern], signs: Sequence[Sign] = SIGNS) -> None:
        self.patterns = tuple(patterns)
        self.reach = compose.reach(self.patterns)
        # `$!` cannot match: ends of text are handled by `_hits`, which knows whether the text is complete.
        wakes = [re.compile(compose.sign(sign) + rb"\Z", re.DOTALL) for sign in signs]
        self._open = [
            re.compile(compose.value(p, rb"(?!)") + rb"\Z", re.DOTALL) for p in self.patterns
        ] + wakes
        self._closed = [
            re.compile(compose.value(p, rb"\Z") + rb"\Z", re.DOTALL) for p in self.patterns
        ] + wakes
        self._unfinished = [re.compile(compose.unfinished(p) + rb"\Z", re.DOTALL) for p in self.patterns]

    def once(self, text: bytes) -> list[Hit]:
        """The hits in a complete text."""
        return self._hits(self._open, text, 0, len(text) - 1) + self._hits(
            self._closed, text, len(text), len(text)
        )

    def open(self) -> "PlainStream":
        """A text that arrives in pieces."""
        return PlainStream(self)

    def hold(self, patterns: frozenset[int]) -> Hold:
        """The tail rule for these patterns."""

        def hold(tail: bytes) -> int:
            text = window.mirrored(tail, compose.PAD)
            candidates = [
                (index, end)
                for index in patterns
                for end in range(1, len(text) + 1)
                if self._unfinished[index].match(text, 0, end)
            ]
            return window.held(candidates, self.patterns) if candidates else 0

        return hold

    def ending(self, text: bytes, first: int, last: int) -> list[Hit]:
        """The hits in an unfinished text that end at offsets first..last."""
        return self._hits(self._open, text, first, last)

    def at_end(self, text: bytes) -> list[Hit]:
        """The further hits that the end of the text makes."""
        before = set(self.ending(text, len(text), len(text)))
        return [hit for hit in self._hits(self._closed, text, len(text), len(text)) if hit not in before]

    def _hits(self, regexes: list[re.Pattern[bytes]], text: bytes, first: int, last: int) -> list[Hit]:
        return [
            (index, end)
            for end in range(first, last + 1)
            for index, regex in enumerate(regexes)
            if regex.search(text, max(0, end - self.reach), end)
        ]


class PlainStream:
    """A `core.hits.TextStream` that keeps the whole text."""

    def __init__(self, matcher: PlainMatcher) -> None:
        self._matcher = matcher
        self._text = b""
        self._closed = False

    def feed(self, piece: bytes) -> list[Hit]:
        """The hits that end in `piece`."""
        first = len(self._text) + 1
        self._text += piece
        return self._matcher.ending(self._text, first, len(self._text))

    def close(self) -> list[Hit]:
        """The hits that needed the end of the text."""
        if self._closed:
            return []
        self._closed = True
        return self._matcher.at_end(self._text)
