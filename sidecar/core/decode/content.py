"""Content codings of HTTP bodies (RFC 9110 8.4.1): gzip and deflate are opened, what else there is is named.

Opening is bounded twice: a body may not grow beyond `GROWTH_LIMIT` times its size nor beyond `SIZE_LIMIT` bytes (Suricata
uses a ratio of 2048 and far smaller sizes).  Beyond that it is `too_large`, never silently clean.
"""

import zlib
from typing import Final

SIZE_LIMIT: Final = 256 * 1024 * 1024
GROWTH_LIMIT: Final = 1100
"""Deflate cannot do better than about 1032 : 1 (zlib's own documentation)."""

_GZIP, _ZLIB, _RAW = 31, 15, -15


class UnscannableError(Exception):
    """The content cannot be opened; `too_large` tells a limit from a coding that is broken or not supported."""

    def __init__(self, what: str, *, too_large: bool = False) -> None:
        super().__init__(what)
        self.too_large = too_large


class Inflater:
    """Opens one gzip or deflate body as it arrives."""

    def __init__(self, coding: bytes) -> None:
        if coding not in (b"gzip", b"x-gzip", b"deflate"):
            raise UnscannableError(f"content coding {coding[:40].decode('ascii', 'replace')}")
        # "deflate" means zlib (RFC 9110 8.4.1.2), but some peers send it raw: the first byte tells.
        self._zlib = None if coding == b"deflate" else zlib.decompressobj(_GZIP)
        self._gzip = coding != b"deflate"
        self._in = self._out = 0

    def feed(self, data: bytes) -> bytes:
        """The text that `data` opens.  Raises UnscannableError."""
        if not data:
            return b""
        if self._zlib is None:
            self._zlib = zlib.decompressobj(_ZLIB if data[0] & 0x0F == 8 else _RAW)
        self._in += len(data)
        opened = []
        try:
            while data:
                opened.append(self._step(self._zlib, data))
                data = self._zlib.unconsumed_tail
                if self._zlib.eof:
                    data = self._next_member(self._zlib.unused_data)
        except zlib.error:
            raise UnscannableError("body does not match its content coding") from None
        return b"".join(opened)

    def _step(self, stream: "zlib._Decompress", data: bytes) -> bytes:
        text = stream.decompress(data, 1024 * 1024)
        self._out += len(text)
        if self._out > SIZE_LIMIT or self._out > 4096 + self._in * GROWTH_LIMIT:
            raise UnscannableError("decoded body exceeds the limit", too_large=True)
        return text

    def _next_member(self, rest: bytes) -> bytes:
        """A gzip body may have several members (RFC 1952 2.2); anything else behind the end is not this coding."""
        if not rest:
            return b""
        if not self._gzip:
            raise UnscannableError("data behind the end of a deflate body")
        self._zlib = zlib.decompressobj(_GZIP)
        return rest
