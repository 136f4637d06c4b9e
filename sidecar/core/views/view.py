"""What a view is, and what the table knows of each."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class View(Protocol):
    """Decodes one text as it arrives.  It can be made in the middle of a text.

    `feed` and `end` raise UnscannableError where a limit is hit.
    """

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that no output reflects yet and that still could matter."""

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to, as far as it is known."""

    def end(self) -> bytes:
        """The rest, when the text is over."""


class Sign(NamedTuple):
    """What an engine looks for to know that a view could bring something: it is compiled in with the patterns.

    So a view that sleeps costs nothing.  Each sign that is seen costs a callback: it should be rare in ordinary text.
    """

    regex: bytes
    """In the grammar of `dlp_patterns.regex`."""
    after: bytes = b""
    """A class of bytes, one of which stands before it, unless the text begins there; empty: anything may."""


class Spec(NamedTuple):
    """One row of the table."""

    name: str
    make: Callable[[], View]
    signs: tuple[Sign, ...]
    """Any of them wakes the view."""
    widest: int
    """The most source bytes that one decoded byte can come from; 0: not known."""
