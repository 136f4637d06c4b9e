"""The tail that must be held: how many bytes at the end of a text could still become a match.

Read backwards, the tail of a text may begin with the mirrored beginning of a value.  An engine says for each pattern how
long that can be; of it nothing may leave, except the first characters that may be shown anyway (`masking.lead`).
"""

from collections.abc import Iterable

from dlp_patterns import masking
from dlp_patterns.model import Pattern

Candidate = tuple[int, int]
"""(index of the pattern, length of the unfinished value together with the byte before it)."""


def mirrored(tail: bytes, pad: bytes) -> bytes:
    """The tail as engines look at it."""
    return (pad + tail)[::-1]


def lead(pattern: Pattern) -> int:
    """How much of a match may leave before the verdict on it."""
    return masking.lead(pattern.show, pattern.openings)


def shortest(pattern: Pattern) -> int:
    """The shortest candidate of which anything is held: more than may be shown anyway, and the byte before it."""
    return lead(pattern) + 2


def held(candidates: Iterable[Candidate], patterns: tuple[Pattern, ...]) -> int:
    """The number of bytes to keep back at the end of the tail."""
    return max(0, *(length - 1 - lead(patterns[index]) for index, length in candidates))
