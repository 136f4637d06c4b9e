"""Compressed members: what opens one, and a container of them."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from sidecar.core.decode.codings.coding import PART, BrokenError
from sidecar.core.decode.codings.deflate import opened
from sidecar.core.decode.unscannable import UnscannableError
from sidecar.core.views.containers.opener import Opener

_XZ_MEMORY: Final = 6 * 1024 * 1024
"""What the decoder of an xz stream may take."""
_XZ_DECLARED: Final = 80 * 1024 * 1024
"""What it may declare (`xz` declares 8 MiB, `xz -9` 64): memory is taken only as text comes, so that of a stream which
declares more than `_XZ_MEMORY` so much text is opened."""
_XZ_HEAD: Final = 2048
"""Bytes in which an xz stream has said what it needs (its format: 12 of the stream, 1024 of a block)."""


_XZ_LIMIT: Final = "xz: dictionary too large"
_MEMORY: Final = "Memory usage limit"
"""How liblzma's error begins (there is no class of its own)."""


class _MemoryError(BrokenError):
    """The member declares more than its decoder may take."""


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


class _Stream[S: zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor]:
    """A decoder of the standard library: all of them tell their end in the same words."""

    def __init__(self, stream: S) -> None:
        self._stream = stream

    @property
    def over(self) -> bool:
        """The member has ended."""
        return self._stream.eof

    @property
    def behind(self) -> bytes:
        """What was fed behind its end."""
        return self._stream.unused_data


class Deflated(_Stream["zlib._Decompress"]):
    """A member of deflate, in a wrapping that zlib knows."""

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

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to."""
        return opened(self._stream, data)


class Bounded(_Stream[bz2.BZ2Decompressor | lzma.LZMADecompressor]):
    """A member of bzip2, or of xz as `Xz` says."""

    @classmethod
    def bzip2(cls) -> "Bounded":
        """As bzip2."""
        return cls(bz2.BZ2Decompressor())

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to; in a broken member, the text of the step in which it breaks is lost."""
        stream = self._stream
        try:
            text = stream.decompress(data, PART)
            while text:
                yield text
                text = b"" if stream.eof or stream.needs_input else stream.decompress(b"", PART)
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise (_MemoryError if _MEMORY in str(error) else BrokenError) from None


class Xz:
    """A member of xz.  Its dictionary is bounded: by what it declares, or by the text that is opened."""

    def __init__(self) -> None:
        self._member = self._within(_XZ_MEMORY)
        self._head = b""
        """What came, as long as it could turn out that more is declared."""
        self._large = False
        self._room = _XZ_MEMORY

    @staticmethod
    def _within(memory: int) -> Bounded:
        return Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memory))

    @property
    def over(self) -> bool:
        """The member has ended."""
        return self._member.over

    @property
    def behind(self) -> bytes:
        """What was fed behind its end."""
        return self._member.behind

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to.  Iterating also raises UnscannableError, where the limit is hit."""
        try:
            if len(self._head) < _XZ_HEAD:
                self._head += data
            for text in self._member.feed(data):
                self._room -= len(text) if self._large else 0
                if self._room < 0:
                    raise UnscannableError(_XZ_LIMIT, too_large=True)
                yield text
        except _MemoryError:
            if self._large or len(self._head) > _XZ_HEAD + len(data):
                raise UnscannableError(_XZ_LIMIT, too_large=True) from None
            self._large, self._member = True, self._within(_XZ_DECLARED)
            head, self._head = self._head, b""
            yield from self.feed(head)


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
        except UnscannableError as error:
            self.buffer = error.behind if isinstance(error, BrokenError) else b""  # another may begin in it
            self._over()
            if error.too_large:
                self.trouble(str(error), too_large=True)
            elif self._broken or self._gave:
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
