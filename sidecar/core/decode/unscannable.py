"""What cannot be looked at, and the growth that is allowed to what is opened.

What belongs here: the error that every decoder raises at a limit, and the accounts of what came and of what was made of it:
bytes, and the work that is in them.  What never does: a decoder.
"""

from collections.abc import Iterator
from typing import Final


class UnscannableError(Exception):
    """The content cannot be opened; `too_large` tells a limit from a coding that is broken or not supported."""

    def __init__(self, what: str, *, too_large: bool = False) -> None:
        super().__init__(what)
        self.too_large = too_large


GROWTH_LIMIT: Final = 128
"""Bytes of text for one that came, behind the first `GROWTH_FREE`.  JSON and HTML come to 5 to 40, deflate can make 1032
(zlib's own documentation), brotli and zstd any number; Suricata stops at a ratio of 2048 and at 1 MiB."""
GROWTH_FREE: Final = 1024 * 1024


CONTAINER_LIMIT: Final = 64
"""The same for one container in a text; the XML of a large spreadsheet comes to 10 to 30."""
CONTAINER_FREE: Final = 512 * 1024


EFFORT_FREE: Final = 20_000_000
EFFORT_EACH: Final = 900
"""Work in what is opened: so much, and so much for each byte that came, in nanoseconds.  They are counted, not measured:
the answer must not depend on the machine.  A list of numbers that comes as plain text takes as long a byte; without this
limit, a few kilobytes that open to one would keep us busy for seconds."""
BYTE_COST: Final = 5
"""Of a byte that was opened: to open it, to scan it, to keep it."""
SIGN_COST: Final = 2_000
"""Of whatever the engine sees."""
LOOK_COST: Final = 5_000
HIT_COST: Final = 55_000
VALUE_COST: Final = 120_000
"""Of a hit of a pattern that is looked at, of one that is not ruled out by that (lists of order numbers, packed ten to one,
are everyday traffic), and of the value that it turns out to be."""
GLANCE_COST: Final = 20_000
VIEW_COST: Final = 150_000
"""Of a short run that is looked at as a whole, and of a view that begins."""


DENSE_COST: Final = 500
"""Of a byte of a text full of numbers, about."""
_LEAST: Final = 4 * 1024


TOO_MUCH: Final = "too much in what was opened"


class Effort:
    """The work in what is opened: one for each direction of a connection, so that many small bombs are one."""

    def __init__(self, came: int = 0) -> None:
        self.came = came
        """Bytes as they came."""
        self.spent = 0

    @property
    def gone(self) -> bool:
        """No more is allowed until more has come."""
        return self._left < 0

    @property
    def _left(self) -> int:
        return EFFORT_FREE + EFFORT_EACH * self.came - self.spent

    def parts(self, text: bytes) -> Iterator[bytes]:
        """What is looked at, at once, of a text that was opened: the less is left, the less is begun in vain."""
        at = 0
        while at < len(text):
            size = max(_LEAST, self._left // DENSE_COST)
            yield text[at : at + size]
            at += size


class Account:
    """What came and what was made of it: one for each direction of a connection, so that many small bombs are one."""

    def __init__(self) -> None:
        self.came = 0
        self.made = 0

    def room(self, came: int) -> int:
        """How much more may be made when `came` bytes have come in all."""
        return GROWTH_FREE + GROWTH_LIMIT * came - self.made
