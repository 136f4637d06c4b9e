"""The tail that must be held: how many bytes at the end of a text could still become a match.

An engine finds, for each pattern, the earliest place from which the text's last bytes are the beginning of a value.
From there on nothing may leave, except the first characters that may be shown anyway (`masking.lead`, at most six).
"""

from collections.abc import Iterable

from dlp_patterns import masking
from dlp_patterns.model import Pattern

Candidate = tuple[int, int]
"""(index of the pattern, offset in the tail at which its value begins)."""


def held(length: int, candidates: Iterable[Candidate], patterns: tuple[Pattern, ...]) -> int:
    """The number of bytes to keep back at the end of a tail of `length` bytes."""
    return max(0, *(length - begin - masking.lead(patterns[index].show) for index, begin in candidates))
