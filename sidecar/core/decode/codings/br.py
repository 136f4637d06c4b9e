"""Brotli (RFC 7932), opened by Google's library; it lets no more than its window be kept in memory."""

from collections.abc import Iterator
from typing import Final

import brotli

from sidecar.core.decode.codings.coding import PART, BrokenError
from sidecar.core.decode.unscannable import UnscannableError

_REPLAY: Final = 512 * 1024
"""So much of a body is kept, to find the text before the byte that is wrong; it opens to `_REPLAY_TEXT` at most.  In a body
that is longer, the text of the step in which it breaks is lost."""
_REPLAY_TEXT: Final = 4 * 1024 * 1024
_HEADER: Final = 5
"""Bytes that hold the window and the header of the first block."""


class Brotli:
    """A brotli body.

    The library fills its whole window before it hands anything out.  So a window larger than `limit` is refused, unless the
    stream begins with its last block and that is small: the window is then never filled.
    """

    window: int = 0
    """It is within the limit, or nothing is opened at all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream: brotli.Decompressor | None = None
        self._begin = b""
        self._came: list[bytes] | None = []
        """Everything so far; None when that became too much."""
        self._in = self._out = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens."""
        if self._stream is None:
            self._begin += data
            if not self._begin:
                return
            if _window(self._begin[0]) > self._limit:
                if len(self._begin) < _HEADER:
                    return
                if not 0 < _only_block(self._begin) <= self._limit:
                    raise UnscannableError("window of the content coding too large")
            self._stream, data = brotli.Decompressor(), self._begin
        yield from self._fed(self._stream, data)

    def _fed(self, stream: "brotli.Decompressor", data: bytes) -> Iterator[bytes]:
        before, failed = self._out, False
        try:
            for text in _opened(stream, data):
                self._out += len(text)
                yield text
        except brotli.error:
            failed = True  # here the error still holds the stream, and a second window would be one too many
        if failed:
            self._stream = stream = brotli.Decompressor()
            yield from self._until_error(stream, data, self._out - before)
            raise BrokenError
        self._in += len(data)
        self._remember(data)

    def _until_error(self, stream: "brotli.Decompressor", data: bytes, told: int) -> Iterator[bytes]:
        """What `data` opens before the byte that is wrong, behind the first `told`.

        The library throws away what a step opened before an error, so all is opened once more, this step byte by byte.
        """
        if self._came is None:
            return
        for piece in self._came:
            for _ in _opened(stream, piece):
                pass
        try:
            for at in range(len(data)):
                for text in _opened(stream, data[at : at + 1]):
                    if fresh := text[told:]:
                        yield fresh
                    told = max(0, told - len(text))
        except brotli.error:
            return

    def _remember(self, data: bytes) -> None:
        if self._came is None:
            return
        if self._in > _REPLAY or self._out > _REPLAY_TEXT:
            self._came = None
        else:
            self._came.append(data)


def _window(first: int) -> int:
    """The size of the window that the first byte of a stream declares (RFC 7932 9.1)."""
    short, long = first >> 1 & 7, first >> 4 & 7
    return 1 << (16 if not first & 1 else 17 + short if short else 8 + long if long > 1 else 17)


def _only_block(header: bytes) -> int:
    """The size of the first block if it is the last one too, else 0 (RFC 7932 9.2).  For windows of 256 KiB and more."""
    bits = int.from_bytes(header[:_HEADER], "little") >> 4
    last, empty, nibbles = bits & 1, bits >> 1 & 1, bits >> 2 & 3
    if not last or empty or nibbles == 3:
        return 0
    return (bits >> 4 & (1 << 4 * (nibbles + 4)) - 1) + 1


def _opened(stream: "brotli.Decompressor", data: bytes) -> Iterator[bytes]:
    text = stream.process(data, output_buffer_limit=PART)
    while text:
        yield text
        text = stream.process(b"", output_buffer_limit=PART)
