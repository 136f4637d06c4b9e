"""Compressed members: what opens one, and a container of them."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from sidecar.core.decode.codings.coding import PART, BrokenError
from sidecar.core.decode.codings.deflate import opened
from sidecar.core.decode.unscannable import UnscannableError
from sidecar.core.views.containers.opener import Opener


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


class Stream[S: zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor]:
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


class Deflated(Stream["zlib._Decompress"]):
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


class Bounded(Stream[bz2.BZ2Decompressor | lzma.LZMADecompressor]):
    """A member of bzip2, or the LZMA2 data in one of xz."""

    @classmethod
    def bzip2(cls) -> "Bounded":
        """As bzip2."""
        return cls(bz2.BZ2Decompressor())

    @classmethod
    def lzma2(cls, dictionary: int) -> "Bounded":
        """As LZMA2, which copies from so many bytes of text."""
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}]
        return cls(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters))

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
        self._opened: Iterator[bytes] | None = None
        self._gave = False

    def open(self, member: Member) -> None:
        """The buffer begins with a member."""
        self._current, self._opened, self._gave = member, None, False
        self.part_begins()
        self.state = self._member

    def drop(self) -> None:
        """Let go of the decoder too."""
        super().drop()
        self._current = self._opened = None

    def _member(self) -> bytes | None:
        assert self._current is not None
        if self._opened is None:
            if not self.buffer:
                return None
            self._opened, self.buffer = self._current.feed(self.buffer), b""
        try:
            text = next(self._opened, None)
        except UnscannableError as error:
            self.buffer = error.behind if isinstance(error, BrokenError) else b""  # another may begin in it
            began = self._end()
            if error.too_large:
                self.trouble(str(error), too_large=True)
            elif self._broken or self._gave:
                self.trouble(self._broken or "broken compressed data", began)
            return b""
        if text is None:
            self._opened = None
            if self._current.over:
                self.buffer = self._current.behind
                self._end()
            return b""
        self._gave = True
        return text

    def _end(self) -> int | None:
        """The member ends where the buffer begins; where it began."""
        began = self.began
        self.part_ends()
        self._current = self._opened = None
        self._over()
        return began

    def _over(self) -> None:
        self.state = self._start
