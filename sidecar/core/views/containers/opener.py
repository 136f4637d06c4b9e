"""What openers of containers share: the buffer, the limits, and going on behind what cannot be opened."""

from collections.abc import Callable
from typing import Final

from sidecar.core.decode.unscannable import CONTAINER_FREE, CONTAINER_LIMIT, UnscannableError

_BLOCK: Final = 4096
_PROBLEMS_LIMIT: Final = 16
"""A container of many broken parts is one story."""


def whole(_: bytes) -> int:
    """Where an opener begins in what came up to its sign: it finds the sign itself."""
    return 0


class Opener:
    """A view that finds parts in a stream of bytes and opens them.

    A subclass says in `state` what to do next: a method that takes from `buffer` and returns the text that it opened, or
    None when it needs more.
    """

    def __init__(self, start: Callable[[], bytes | None]) -> None:
        self._problems: list[UnscannableError] = []
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

    def taken_problems(self) -> list[UnscannableError]:
        """What could not be opened, told once."""
        problems, self._problems = self._problems, []
        return problems

    def trouble(self, what: str, *, too_large: bool = False) -> None:
        """A part cannot be opened: note it, and look for the next."""
        self._told += 1
        if self._told <= _PROBLEMS_LIMIT:
            self._problems.append(UnscannableError(what, too_large=too_large))
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
