"""Content codings of HTTP bodies (RFC 9110 8.4.1): gzip and deflate are opened, what else there is is named.

A body is opened in parts of bounded size, as it arrives, and bounded three times: to `SIZE_LIMIT` bytes of text, to
`GROWTH_LIMIT` times its size (a few bytes must not keep us busy for long), and to `WASTE_LIMIT` bytes that give no text
at all (while a value is held, a peer could otherwise make us keep any amount of them).  Beyond that it cannot be scanned,
and is never silently clean.  What was opened before still counts.
"""

import zlib
from collections.abc import Iterator
from typing import Final

SIZE_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of text of one body."""
GROWTH_LIMIT: Final = 128
"""Bytes of text for one of the body, behind the first `GROWTH_FREE`.  JSON and HTML come to 5 to 40, deflate can make 1032
(zlib's own documentation); Suricata stops at a ratio of 2048 and at 1 MiB."""
GROWTH_FREE: Final = 4 * 1024 * 1024
WASTE_LIMIT: Final = 32 * 1024
"""Bytes that open to nothing: empty blocks, empty members, long names in gzip headers."""

_THIN: Final = 16
"""So many bytes for one byte of text are no waste: a stream that is flushed after every event."""
_BLOCK: Final = 4096
"""Bytes that are opened at once; they come to 4 MB at most."""
_GZIP, _ZLIB, _RAW = 31, 15, -15

_NAMED = frozenset(
    {b"br", b"compress", b"x-compress", b"zstd", b"dcb", b"dcz", b"aes128gcm", b"exi", b"pack200-gzip"}
)
"""The other codings that are registered with IANA.  Any other name is the peer's own text and never shown."""


class UnscannableError(Exception):
    """The content cannot be opened; `too_large` tells a limit from a coding that is broken or not supported."""

    def __init__(self, what: str, *, too_large: bool = False) -> None:
        super().__init__(what)
        self.too_large = too_large


class Inflater:
    """Opens one gzip or deflate body as it arrives."""

    def __init__(self, coding: bytes) -> None:
        """`coding` in lower case.  Raises UnscannableError for one that is not opened here."""
        if coding not in (b"gzip", b"x-gzip", b"deflate"):
            name = coding.decode() if coding in _NAMED else "several or unknown"
            raise UnscannableError(f"content coding: {name}")
        self._gzip = coding != b"deflate"
        self._zlib = zlib.decompressobj(_GZIP) if self._gzip else None
        self._in = self._out = 0
        self._opened = 0
        """Of the current block."""
        self._waste = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens, part by part.  Iterating raises UnscannableError where no more can be opened."""
        while data:
            # In blocks that do not depend on how the body was cut, so that neither does the answer.
            size = _BLOCK - self._in % _BLOCK
            block, data = data[:size], data[size:]
            yield from self._block(block)
            self._in += len(block)
            if self._in % _BLOCK == 0:
                self._weigh()

    def _weigh(self) -> None:
        """A block is complete: did it open to something, and not to too much?"""
        self._waste = max(0, self._waste + _BLOCK - _THIN * self._opened)
        self._opened = 0
        if self._waste > WASTE_LIMIT:
            raise UnscannableError("compressed data without content", too_large=True)
        if self._out > GROWTH_FREE + GROWTH_LIMIT * self._in:
            raise UnscannableError("decoded body exceeds the limit of growth", too_large=True)

    def _block(self, data: bytes) -> Iterator[bytes]:
        if (
            self._zlib is None
        ):  # "deflate" means zlib (RFC 9110 8.4.1.2), but some send it raw: the first byte tells
            self._zlib = zlib.decompressobj(_ZLIB if data[0] & 0x0F == 8 else _RAW)
        while data:
            if self._zlib.eof:
                self._next_member()
            yield from self._decompressed(self._zlib, data)
            data = self._zlib.unused_data

    def _next_member(self) -> None:
        """A gzip body may have several members (RFC 1952 2.2); anything else behind the end is not this coding."""
        if not self._gzip:
            raise UnscannableError("data behind the end of a deflate body")
        self._zlib = zlib.decompressobj(_GZIP)

    def _decompressed(self, stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        before = stream.copy()
        try:
            text = stream.decompress(data)
        except zlib.error:
            yield from self._until_error(before, data)
            raise UnscannableError("body does not match its content coding") from None
        yield from self._counted(text)

    def _until_error(self, stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        """What `data` opens before the byte that is wrong: zlib itself throws that away with the error."""
        for at in range(len(data)):
            try:
                text = stream.decompress(data[at : at + 1])
            except zlib.error:
                return
            yield from self._counted(text)

    def _counted(self, text: bytes) -> Iterator[bytes]:
        room = SIZE_LIMIT - self._out
        self._out += len(text)
        self._opened += len(text)
        if text:
            yield text[:room]
        if len(text) > room:
            raise UnscannableError("decoded body exceeds the limit", too_large=True)
