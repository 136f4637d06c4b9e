"""From a pattern to the expressions that engines run: the value between its boundaries, and its prefixes at a text's end.

Both the Hyperscan engine and the plain oracle are built from these texts, so they cannot drift apart.
"""

from dlp_patterns import regex
from dlp_patterns.model import MAX_DISTANCE, Boundary, Pattern
from sidecar.core.views.view import Sign


def left(boundary: Boundary) -> bytes:
    """What stands before a value: the beginning of the text or a byte that the boundary allows."""
    return b"" if boundary is Boundary.NONE else b"(?:^|" + boundary.outside + b")"


def value(pattern: Pattern) -> bytes:
    """The whole pattern with the bytes at its sides that its boundaries allow; behind the end of a text stands `PAD`."""
    return left(pattern.boundary.left) + b"(?:" + pattern.regex + b")" + pattern.boundary.right.outside


def sign(sign: Sign) -> bytes:
    """What tells that a view could bring something."""
    return (b"(?:^|" + sign.after + b")" if sign.after else b"") + b"(?:" + sign.regex + b")"


PAD = b"\n"
"""Stands for the byte behind the end of a text, and before the beginning of a tail; every boundary allows it."""


def unfinished(pattern: Pattern) -> bytes:
    """Any beginning of the value, read backwards from the end of a text, and the byte that may stand before it.

    Engines run it on the mirrored tail with `PAD` behind.  So the end of a match tells where the value begins, which
    costs an automaton nothing, while tracking the start of a match forwards makes large patterns too large.
    """
    before = pattern.boundary.left.outside or rb"[\x00-\xff]"
    return b"^(?:" + regex.mirrored(regex.prefixes(pattern.regex)) + b")" + before


def reach(patterns: tuple[Pattern, ...]) -> int:
    """How many bytes before the end of a hit confirmation may look at: boundary, value, context and the word it cuts."""
    return max((pattern.width for pattern in patterns), default=0) + MAX_DISTANCE + 4
