"""The tail that must be held of values that open with a literal: found by that literal, like the values themselves.

What belongs here: which literals, and how much of a tail the value behind one could be.  What never does: searching for
them (hs.py), and values that open with anything, for which the tail is read backwards (`compose.unfinished`).

Hundreds of tokens read backwards are one automaton that no compiler finishes; their literals are a table, and only where
one stands in a tail an expression is asked.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dlp_patterns import regex
from dlp_patterns.model import Pattern
from sidecar.match import window
from sidecar.match.compiler import Expression

LEAST = 3
"""Bytes of the shortest literal of a pattern that is found by it: shorter ones stand everywhere."""


def opens_with_literal(pattern: Pattern) -> bool:
    """Whether the rule here is for this pattern."""
    return min(map(len, pattern.openings)) >= LEAST


class Openings:
    """The literals with which values of some patterns open, and what they mean for a tail."""

    def __init__(self, patterns: Sequence[Pattern], indices: Iterable[int]) -> None:
        self._patterns = patterns
        whole: dict[bytes, list[int]] = {}
        self._begun: dict[bytes, list[int]] = {}
        """Beginnings of literals of which something would be held, and the patterns they belong to."""
        for index in indices:
            for text in patterns[index].openings:
                whole.setdefault(text, []).append(index)
                for size in range(window.lead(patterns[index]) + 1, len(text)):
                    self._begun.setdefault(text[:size], []).append(index)
        self._whole = list(whole.items())
        self._sizes = sorted({len(text) for text in self._begun}, reverse=True)

    def expressions(self) -> list[Expression]:
        """What is looked for in a tail; the ids are those that `held` understands."""
        texts = enumerate(text for text, _ in self._whole)
        return [Expression(at, b"".join(b"\\x%02x" % byte for byte in text)) for at, text in texts]

    def held(self, tail: bytes, found: Iterable[tuple[int, int]]) -> int:
        """The number of bytes to keep back at the end of the tail; `found` are literals in it, by id and end."""
        most = self._held_of_begun(tail)
        for at, end in found:
            text, indices = self._whole[at]
            start = end - len(text)
            for index in indices:
                pattern = self._patterns[index]
                size = len(tail) - start - window.lead(pattern)
                if (
                    size > most
                    and len(tail) - start <= pattern.width
                    and self._may_begin(pattern, tail, start)
                    and _beginning(pattern.regex).fullmatch(tail, start)
                ):
                    most = size
        return most

    def _held_of_begun(self, tail: bytes) -> int:
        """The same for a tail that ends inside a literal."""
        most = 0
        for size in self._sizes:
            for index in self._begun.get(tail[-size:], ()) if size <= len(tail) else ():
                pattern = self._patterns[index]
                if self._may_begin(pattern, tail, len(tail) - size):
                    most = max(most, size - window.lead(pattern))
        return most

    @staticmethod
    def _may_begin(pattern: Pattern, tail: bytes, start: int) -> bool:
        return pattern.boundary.left.holds(tail[start - 1] if start else None)


@lru_cache(maxsize=4096)
def _beginning(expression: bytes) -> re.Pattern[bytes]:
    """Any beginning of what the expression matches."""
    return re.compile(regex.prefixes(expression), re.DOTALL)
