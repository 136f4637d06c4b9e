"""Helpers to write signs.

An engine finds literal bytes at many gigabytes a second, and classes of bytes at a tenth of that.  So every sign begins
with a choice of literals, written out: `either(b"30", b"31", ...)` and not `3[01]`.
"""

from collections.abc import Iterable
from typing import Final

DIGITS: Final = tuple(b"%d" % digit for digit in range(10))


def literal(text: bytes) -> bytes:
    """An expression for exactly these bytes."""
    return b"".join(
        bytes([byte]) if bytes([byte]).isalnum() and byte < 128 else b"\\x%02x" % byte for byte in text
    )


def either(texts: Iterable[bytes]) -> bytes:
    """An expression for any of these texts."""
    return b"(?:" + b"|".join(literal(text) for text in sorted(set(texts))) + b")"
