"""Byte streams that are looked at before they are read, and what compresses a whole file.

What belongs here: peeking, the codings that files have, and the budget that keeps a few bytes from becoming endless.  What
never does: content codings of HTTP (`core.decode`), archives with members (archives.py).
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Buffer, Callable
from typing import IO, Final, Protocol, cast

import zstandard

from sidecar.core.decode.content import UnscannableError

HEAD: Final = 1024
"""So much of a beginning tells what something is."""

BUDGET_FREE: Final = 1 << 30
BUDGET_GROWTH: Final = 256
"""What one file may open to, all in all: a gigabyte, and 256 times its size.  Text comes to 5 to 40 times."""


_PART: Final = 64 * 1024


class Readable(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Budget:
    """How much more may come out of one file."""

    def __init__(self, size: int) -> None:
        self._left = BUDGET_FREE + BUDGET_GROWTH * size

    def spend(self, amount: int) -> None:
        """Raises UnscannableError when it is used up."""
        self._left -= amount
        if self._left < 0:
            raise UnscannableError("opens to more than its size allows", too_large=True)


class Peeked(io.RawIOBase):
    """A stream whose beginning can be looked at; what comes out of it counts against the budget."""

    def __init__(self, source: Readable, budget: Budget | None = None) -> None:
        super().__init__()
        self._source = source
        self._budget = budget
        self._seen = b""
        self._problem: UnscannableError | None = None
        """What peeking met; it is for whoever reads that far."""

    def readable(self) -> bool:
        """Always."""
        return True

    def peek(self, size: int = HEAD) -> bytes:
        """The first `size` bytes that are still to be read, fewer at the end."""
        while len(self._seen) < size:
            try:
                more = self._more(size - len(self._seen))
            except UnscannableError as error:
                self._problem = error
                break
            if not more:
                break
            self._seen += more
        return self._seen[:size]

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none only at the end."""
        if size < 0:
            return self._rest()
        if self._seen:
            taken, self._seen = self._seen[:size], self._seen[size:]
            return taken
        return self._more(size) if size else b""

    def readinto(self, buffer: object) -> int:
        """For the readers of the standard library."""
        view = memoryview(cast("Buffer", buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def full(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        parts, got = [], 0
        while got < size and (part := self.read(size - got)):
            parts.append(part)
            got += len(part)
        return b"".join(parts)

    def as_far(self, size: int) -> tuple[bytes, UnscannableError | None]:
        """The same as far as it goes, and why it does not go on."""
        parts, got = [], 0
        try:
            while got < size and (part := self.read(min(size - got, _PART))):
                parts.append(part)
                got += len(part)
        except UnscannableError as error:
            return b"".join(parts), error
        return b"".join(parts), None

    def _rest(self) -> bytes:
        parts = []
        while part := self.read(1 << 20):
            parts.append(part)
        return b"".join(parts)

    def _more(self, size: int) -> bytes:
        if self._problem is not None:
            raise self._problem
        data = self._source.read(size)
        if self._budget is not None:
            self._budget.spend(len(data))
        return data


def _xz(source: Peeked) -> Readable:
    return lzma.LZMAFile(cast("IO[bytes]", source))


_CODINGS: Final[tuple[tuple[bytes, str, Callable[[Peeked], Readable]], ...]] = (
    (b"\x1f\x8b\x08", "gzip", lambda source: gzip.GzipFile(fileobj=source, mode="rb")),
    (b"BZh", "bzip2", lambda source: bz2.BZ2File(source)),
    (b"\xfd7zXZ\0", "xz", _xz),
    (
        b"\x28\xb5\x2f\xfd",
        "zstd",
        lambda source: zstandard.ZstdDecompressor().stream_reader(
            cast("IO[bytes]", source), read_across_frames=True
        ),
    ),
)
"""How a compressed file begins, the name of the view, and what opens it."""

BROKEN: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, ValueError)
"""What the openers raise when the data is not what it began like."""


def coding(head: bytes) -> str:
    """The name of the coding of something that begins with `head`; empty for none."""
    return next((name for magic, name, _ in _CODINGS if head.startswith(magic)), "")


def decoded(source: Peeked, name: str, budget: Budget) -> Peeked:
    """What a coded stream opens to.  Reading raises one of BROKEN, or UnscannableError."""
    opener = next(opener for _, each, opener in _CODINGS if each == name)
    return Peeked(_Strict(opener(source), name), budget)


class _Strict:
    """Reads a decoder, and says in our words what is wrong."""

    def __init__(self, source: Readable, name: str) -> None:
        self._source = source
        self._name = name

    def read(self, size: int, /) -> bytes:
        try:
            return self._source.read(size)
        except BROKEN:
            raise UnscannableError(f"is no complete {self._name}") from None
