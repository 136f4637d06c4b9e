"""What openers of containers share: the buffer, the limits, and going on behind what cannot be opened."""

from collections.abc import Callable
from typing import Final, NamedTuple

from sidecar.core.decode.unscannable import CONTAINER_FREE, CONTAINER_LIMIT, UnscannableError

_BLOCK: Final = 4096
_PROBLEMS_LIMIT: Final = 16
"""A container of many broken parts is one story."""


def whole(_: bytes) -> int:
    """Where an opener begins in what came up to its sign: it finds the sign itself."""
    return 0


class Trouble(NamedTuple):
    """Something that could not be opened, or that was in what was opened."""

    error: UnscannableError
    at: int
    """Where the part begins, in bytes from the first that the opener was fed."""


class Opener:
    """A view that finds parts in a stream of bytes and opens them.

    A subclass says in `state` what to do next: a method that takes from `buffer` and returns the text that it opened, or
    None when it needs more.
    """

    def __init__(self, start: Callable[[], bytes | None]) -> None:
        self.troubles: list[Trouble] = []
        """What could not be opened, since `settled`."""
        self._parts: list[tuple[int, int]] = []
        """Where those began and ended that were opened, since `settled`."""
        self.began: int | None = None
        """Where the part began that is being opened."""
        self.last = 0
        """Where the last part began."""
        self.buffer = b""
        self.state = self._start = start
        self._in = self._made = self._told = 0

    @property
    def over(self) -> None:
        """It goes on to the end of the text."""
        return None

    @property
    def pending(self) -> int:
        """No value begins before the part that it stands in."""
        return 0

    @property
    def came(self) -> int:
        """Bytes that have come, those in the buffer too."""
        return self._in

    def feed(self, piece: bytes) -> bytes:
        """What the parts in `piece` open to."""
        parts: list[bytes] = []
        at = 0
        while at < len(piece):
            # In blocks that do not depend on how the text was cut, so that neither does what the limits leave.
            size = _BLOCK - self._in % _BLOCK
            block = piece[at : at + size]
            at += size
            came = self._in + size
            self._in += len(block)
            self.buffer += block
            while (text := self.state()) is not None:
                if text:
                    self._take(text, came, parts)
        return b"".join(parts)

    def end(self) -> bytes:
        """Nothing is kept back."""
        return b""

    def drop(self) -> None:
        """Nothing more is opened: let go of what takes memory.  The opener lives on for a while: its state refers to it."""
        self.buffer = b""

    def opens(self, at: int) -> bool:
        """Whether this byte stands behind the first of a part that is being opened, or was since `settled`."""
        began = self.began
        return (began is not None and began < at) or any(begin < at < end for begin, end in self._parts)

    def settled(self) -> None:
        """What was told of troubles and of parts is known."""
        self.troubles, self._parts = [], []

    @property
    def at(self) -> int:
        """Where the buffer begins."""
        return self._in - len(self.buffer)

    def part_begins(self) -> None:
        """The buffer begins with one."""
        self.began = self.last = self.at

    def part_ends(self) -> None:
        """The buffer begins behind it."""
        if self.began is not None:
            self._parts.append((self.began, self.at))
            self.began = None

    def trouble(self, what: str, at: int | None = None, *, too_large: bool = False) -> None:
        """What begins there, or with the buffer, cannot be opened: note it, and look for the next part."""
        self._told += 1
        if self._told <= _PROBLEMS_LIMIT:
            error = UnscannableError(what, too_large=too_large)
            self.troubles.append(Trouble(error, self.at if at is None else at))
        self.state = self._start

    def _take(self, text: bytes, came: int, parts: list[bytes]) -> None:
        room = CONTAINER_FREE + CONTAINER_LIMIT * came - self._made
        self._made += min(len(text), max(0, room))
        if room > 0:
            parts.append(text[:room])
        if len(text) > room:
            self.trouble("container exceeds the limit of growth", too_large=True)

    def seek(self, sign: bytes) -> bool:
        """Whether `sign` is there; if so the buffer begins with it, if not only what could become it is kept."""
        at = self.buffer.find(sign)
        if at >= 0:
            self.buffer = self.buffer[at:]
            return True
        keep = len(sign) - 1
        while keep and not self.buffer.endswith(sign[:keep]):
            keep -= 1
        self.buffer = self.buffer[len(self.buffer) - keep :]
        return False
