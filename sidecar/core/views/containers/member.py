"""Compressed members: what opens one, and a container of them."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from sidecar.core.decode.codings.coding import PART, BrokenError
from sidecar.core.decode.codings.deflate import opened
from sidecar.core.views.containers.opener import Opener

_XZ_MEMORY: Final = 16 * 1024 * 1024
"""What an xz stream may declare; memory is taken as text comes, and that is bounded by the growth."""


class Member(Protocol):
    """Opens one member and knows its end."""

    @property
    def over(self) -> bool:
        """The member has ended."""

    @property
    def behind(self) -> bytes:
        """What was fed behind its end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to, part by part.  Iterating raises BrokenError where the member is broken."""


class Deflated:
    """A member of deflate, in a wrapping that zlib knows."""

    def __init__(self, stream: "zlib._Decompress") -> None:
        self._stream = stream

    @classmethod
    def raw(cls) -> "Deflated":
        """Without any."""
        return cls(zlib.decompressobj(-15))

    @classmethod
    def gzip(cls) -> "Deflated":
        """As gzip."""
        return cls(zlib.decompressobj(31))

    @classmethod
    def zlib(cls) -> "Deflated":
        """As zlib."""
        return cls(zlib.decompressobj(15))

    @property
    def over(self) -> bool:
        """The member has ended."""
        return self._stream.eof

    @property
    def behind(self) -> bytes:
        """What was fed behind its end."""
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to."""
        return opened(self._stream, data)


class Bounded:
    """A member of bzip2 or xz."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._stream = stream

    @classmethod
    def bzip2(cls) -> "Bounded":
        """As bzip2."""
        return cls(bz2.BZ2Decompressor())

    @classmethod
    def xz(cls) -> "Bounded":
        """As xz."""
        return cls(lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY))

    @property
    def over(self) -> bool:
        """The member has ended."""
        return self._stream.eof

    @property
    def behind(self) -> bytes:
        """What was fed behind its end."""
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to; in a broken member, the text of the step in which it breaks is lost."""
        stream = self._stream
        try:
            text = stream.decompress(data, PART)
            while text:
                yield text
                text = b"" if stream.eof or stream.needs_input else stream.decompress(b"", PART)
        except (OSError, EOFError, lzma.LZMAError):
            raise BrokenError from None


class Packed(Opener):
    """A container of compressed members."""

    def __init__(self, start: Callable[[], bytes | None], broken: str = "") -> None:
        """`broken` is what a broken member is called; one that gave no text is none if it has no name."""
        super().__init__(start)
        self._broken = broken
        self._current: Member | None = None
        self._parts: Iterator[bytes] | None = None
        self._gave = False

    def open(self, member: Member) -> None:
        """The buffer begins with a member."""
        self._current, self._parts, self._gave = member, None, False
        self.state = self._member

    def _member(self) -> bytes | None:
        assert self._current is not None
        if self._parts is None:
            if not self.buffer:
                return None
            self._parts, self.buffer = self._current.feed(self.buffer), b""
        try:
            text = next(self._parts, None)
        except BrokenError as error:
            self.buffer = error.behind  # another may begin in it
            self._over()
            if self._broken or self._gave:
                self.trouble(self._broken or "broken compressed data")
            return b""
        if text is None:
            self._parts = None
            if self._current.over:
                self.buffer = self._current.behind
                self._over()
            return b""
        self._gave = True
        return text

    def _over(self) -> None:
        self.state = self._start
