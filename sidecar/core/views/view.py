"""What a view is, and what the table knows of each."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol


class View(Protocol):
    """Decodes one text as it arrives.  It is made where its sign was seen, in the middle of a text.

    What it makes of the bytes so far must not depend on how they were cut.  `feed` and `end` raise UnscannableError where
    a limit is hit.
    """

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that no output reflects yet and that still could matter."""

    @property
    def over(self) -> int | None:
        """None as long as what it decodes goes on; then how many of the bytes that were fed came behind its end."""

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to, as far as it is known."""

    def end(self) -> bytes:
        """The rest, when the text is over."""


class UnfinishedError(Exception):
    """What is read goes on behind what is there: more is needed."""


class Endless:
    """What views share that go on to the end of the text, and keep the beginning of something at the end of what came."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def over(self) -> None:
        """It goes on to the end of the text."""
        return None

    @property
    def pending(self) -> int:
        """Bytes of what has begun."""
        return len(self._buffer)


class Sign(NamedTuple):
    """What an engine looks for to know that a view could bring something: it is compiled in with the patterns.

    So a view that sleeps costs nothing.  Each sign that is seen costs a callback: it should be rare in ordinary text.
    """

    regex: bytes
    """In the grammar of `dlp_patterns.regex`."""
    after: bytes = b""
    """What stands before it, unless the text begins there; empty: anything may."""


_EDGE: Final = re.compile(rb"[^0-9A-Za-z+/=_%&#;\\\\-]")


def edge(before: bytes) -> int:
    """Where a view may begin: not in the middle of a number, a run or an escape."""
    found = _EDGE.search(before)
    return found.start() if found else 0


class Spec(NamedTuple):
    """One row of the table."""

    name: str
    make: Callable[[], View]
    signs: tuple[Sign, ...]
    """Any of them wakes the view."""
    widest: int
    """The most source bytes that one decoded byte can come from; 0: not known."""
    run: bool = False
    """It decodes one run of bytes until that is over.  Others sleep when no sign of theirs has come for a while."""
    start: Callable[[bytes], int] = edge
    """Where to begin, in what came up to the end of a sign."""
    matters: Callable[[bytes], bool] | None = None
    """Whether a sign could bring something, by what came up to its end: to begin a view costs fifty times as much."""
    unsure: bytes = b""
    """An expression of Python's: an end of a text that could become the first sign in it."""
    back: int = 0
    """How far before such an end a value could begin, bytes."""
    opens: bool = False
    """It can make very much more than it is fed: the work in that is limited (`core.decode.unscannable.Effort`)."""
    cost: int = 0
    """Nanoseconds for a byte that it takes away or adds; 0 where that is not worth counting."""
    guesses: bool = False
    """Nothing but the shape of a few bytes says that it is what is read: what it shows is likely at best."""
