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


class Spec(NamedTuple):
    """One row of the table."""

    name: str
    make: Callable[[], View]
    might: Callable[[bytes], bool]
    """Whether this view could bring anything for a piece of text.  Very cheap."""
    widest: int
    """The most source bytes that one decoded byte can come from; 0: not known."""
