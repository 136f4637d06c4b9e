"""From a pattern to the expressions that engines run: the value between its boundaries, and its prefixes at a text's end.

Both the Hyperscan engine and the plain oracle are built from these texts, so they cannot drift apart.
"""

from dlp_patterns import regex
from dlp_patterns.model import MAX_DISTANCE, Boundary, Pattern


def left(boundary: Boundary) -> bytes:
    """What stands before a value: the beginning of the text or a byte that the boundary allows."""
    return b"" if boundary is Boundary.NONE else b"(?:^|" + boundary.outside + b")"


def value(pattern: Pattern, end_of_text: bytes) -> bytes:
    """The whole pattern; `end_of_text` is how the engine spells it (`\\z` in Hyperscan, `\\Z` in `re`)."""
    right = pattern.boundary.right
    behind = b"" if right is Boundary.NONE else b"(?:" + right.outside + b"|" + end_of_text + b")"
    return left(pattern.boundary.left) + b"(?:" + pattern.regex + b")" + behind


PAD = b"\n"
"""Put before a tail: every boundary allows it, and with a byte before each value no expression matches the empty text."""


def unfinished(pattern: Pattern, end_of_text: bytes) -> bytes:
    """One byte that may stand before the value, then any beginning of the value, up to the end of the padded text."""
    before = pattern.boundary.left.outside or b"."
    return before + b"(?:" + regex.prefixes(pattern.regex) + b")" + end_of_text


def reach(patterns: tuple[Pattern, ...]) -> int:
    """How many bytes before the end of a hit confirmation may look at: boundary, value, context and the word it cuts."""
    return max((pattern.width for pattern in patterns), default=0) + MAX_DISTANCE + 4
