"""What cannot be looked at, and the growth that is allowed to what is opened.

What belongs here: the error that every decoder raises at a limit, and the accounts of what came and of what was made of it:
bytes, and the work that is in them.  What never does: a decoder.
"""

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


EFFORT_FREE: Final = 8 * 1024
EFFORT_EACH: Final = 2
"""Units of work in what is opened: so many, and one for so many bytes that came.  Plain text can hold as much work a byte;
without this limit, a few kilobytes that open to a list of card numbers would keep us busy for seconds."""
HIT_COST: Final = 2
VALUE_COST: Final = 128
"""Units that it takes to look at a hit of a pattern, and to tell the value that it turns out to be; to follow the sign of a
view is one unit, some five microseconds."""


class Effort:
    """The work in what is opened: one for each direction of a connection."""

    def __init__(self, came: int = 0) -> None:
        self.came = came
        """Bytes as they came."""
        self.spent = 0

    def signs(self, count: int) -> int:
        """How many of so many signs may still be followed; they count as followed."""
        return self._allowed(count, 1)

    def hits(self, count: int) -> int:
        """How many of so many hits may still be looked at; they count as looked at."""
        return self._allowed(count, HIT_COST)

    def values(self, count: int) -> None:
        """So many hits turned out to be values."""
        self.spent += count * VALUE_COST

    def _allowed(self, count: int, each: int) -> int:
        room = EFFORT_FREE + self.came // EFFORT_EACH - self.spent
        allowed = min(count, max(0, room) // each)
        self.spent += allowed * each
        return allowed


class Account:
    """What came and what was made of it: one for each direction of a connection, so that many small bombs are one."""

    def __init__(self) -> None:
        self.came = 0
        self.made = 0

    def room(self, came: int) -> int:
        """How much more may be made when `came` bytes have come in all."""
        return GROWTH_FREE + GROWTH_LIMIT * came - self.made
