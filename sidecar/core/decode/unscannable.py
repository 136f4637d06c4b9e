"""What cannot be looked at, and the growth that is allowed to what is opened.

What belongs here: the error that every decoder raises at a limit, and the account of bytes that came and of bytes that were
made of them.  What never does: a decoder.
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


class Account:
    """What came and what was made of it: one for each direction of a connection, so that many small bombs are one."""

    def __init__(self) -> None:
        self.came = 0
        self.made = 0

    def room(self, came: int) -> int:
        """How much more may be made when `came` bytes have come in all."""
        return GROWTH_FREE + GROWTH_LIMIT * came - self.made
