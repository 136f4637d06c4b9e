"""Texts in which single characters are escaped: what all such views have in common.

    card%3D4111%2D1111...  ──►  card=4111-1111...

What belongs here: replacing escapes as a text grows, and waiting for the rest of one that was cut.  What never does: which
escapes there are (one module for each encoding).
"""

import re
from collections.abc import Callable


class Escapes:
    """Replaces escapes in a text that grows; everything else stays as it is."""

    over: int | None = None

    def __init__(self, form: re.Pattern[bytes], unescaped: Callable[[bytes], bytes]) -> None:
        """`form` matches escapes, and first of all the beginning of one at the text's end; then its only group is there.

        It begins with the byte that escapes begin with, spelled out: `re` then looks for that byte alone, and goes
        through what has none twenty times as fast as through one choice after the other at every byte.
        """
        self._form = form
        self._unescaped = unescaped
        self._rest = b""

    @property
    def pending(self) -> int:
        """Bytes of an escape of which only the beginning has come."""
        return len(self._rest)

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to, as far as it is known."""
        text, self._rest = self._rest + piece, b""
        return self._form.sub(self._replaced, text)

    def end(self) -> bytes:
        """The beginning of an escape that never came."""
        rest, self._rest = self._rest, b""
        return rest

    def _replaced(self, found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            self._rest = found[0]
            return b""
        return self._unescaped(found[0])
