"""gzip and deflate (RFC 1950 to 1952), opened by zlib."""

import zlib
from collections.abc import Generator, Iterator
from typing import Final

from sidecar.core.decode.codings.coding import PART, BrokenError
from sidecar.core.decode.unscannable import UnscannableError

_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15


class Gzip:
    """A gzip body; it may have several members (RFC 1952 2.2)."""

    window: int = 32 * 1024

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens."""
        while data:
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(_GZIP)
            yield from opened(self._zlib, data)
            data = self._zlib.unused_data


class Deflate:
    """A deflate body: zlib (RFC 9110 8.4.1.2), but some send it raw; the first byte tells."""

    window: int = 32 * 1024

    def __init__(self) -> None:
        self._zlib: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens."""
        if not data:
            return
        if self._zlib is None:
            self._zlib = zlib.decompressobj(_ZLIB if data[0] & 0x0F == 8 else _RAW)
        behind = data
        if not self._zlib.eof:
            yield from opened(self._zlib, data)
            behind = self._zlib.unused_data
        if behind:
            raise UnscannableError("data behind the end of a deflate body")


def opened(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What `data` opens, up to the end of the stream; what is behind it is `stream.unused_data`."""
    full = False
    while (data or full) and not stream.eof:
        before = stream.copy()
        try:
            text = stream.decompress(data, PART)
        except zlib.error:
            behind = yield from _until_error(before, data)
            raise BrokenError(behind) from None
        full, data = len(text) == PART, stream.unconsumed_tail
        if text:
            yield text


def _until_error(stream: "zlib._Decompress", data: bytes) -> Generator[bytes, None, bytes]:
    """What `data` opens before the byte that is wrong, and what is behind it: zlib itself throws both away."""
    for at in range(len(data)):
        try:
            text = stream.decompress(data[at : at + 1])
        except zlib.error:
            return data[at + 1 :]
        if text:
            yield text
    return b""
