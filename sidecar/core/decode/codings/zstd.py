"""Zstandard (RFC 8878), read along block by block.

A block opens to 128 KiB at most, and either whole or not at all, unless it is stored.
"""

from collections.abc import Callable, Iterator
from typing import Final

import zstandard

from sidecar.core.decode.codings.coding import BrokenError
from sidecar.core.decode.unscannable import UnscannableError

WINDOW_LIMIT: Final = 8 * 1024 * 1024
"""The largest window that the content coding allows (RFC 9659 3)."""
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
_SIZE_BYTES: Final = (0, 2, 4, 8)
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_STORED, _RLE, _RESERVED = 0, 1, 3


class Zstd:
    """A zstd body: frames, and frames to skip."""

    def __init__(self) -> None:
        self.window = 0
        self._stream: zstandard.ZstdDecompressionObj | None = None
        self._state: Callable[[bytes], bytes] = self._in_magic
        self._buffer = b""
        """The beginning of a header."""
        self._rest = b""
        """Of what is fed: what was not taken yet."""
        self._left = 0
        """Of the current block, checksum or frame to skip."""
        self._last = self._checksum = self._stored = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens."""
        while data:
            if text := self._state(data):
                yield text
            data = self._rest

    def _header(self, data: bytes, size: int) -> bytes:
        """The next `size` bytes, b"" while they are not there."""
        missing = size - len(self._buffer)
        self._buffer, self._rest = self._buffer + data[:missing], data[missing:]
        return self._buffer if len(self._buffer) == size else b""

    def _in_magic(self, data: bytes) -> bytes:
        if not (magic := self._header(data, 4)):
            return b""
        if magic == _MAGIC:
            self._state = self._in_descriptor
        elif magic[1:] == _SKIPPABLE and magic[0] >> 4 == 5:
            self._buffer, self._state = b"", self._in_skippable_size
        else:
            raise BrokenError
        return b""

    def _in_skippable_size(self, data: bytes) -> bytes:
        if size := self._header(data, 4):
            self._left, self._buffer = int.from_bytes(size, "little"), b""
            self._state = self._in_skippable if self._left else self._in_magic
        return b""

    def _in_skippable(self, data: bytes) -> bytes:
        self._rest = data[self._left :]
        self._left -= len(data) - len(self._rest)
        if not self._left:
            self._state = self._in_magic
        return b""

    def _in_descriptor(self, data: bytes) -> bytes:
        """The byte behind the magic number says how long the rest of the header is."""
        if self._header(data, 5):
            self._state = self._in_frame_header
        return b""

    def _in_frame_header(self, data: bytes) -> bytes:
        flags = self._buffer[4]
        alone = flags >> 5 & 1
        sizes = _SIZE_BYTES[flags >> 6] or alone
        header = self._header(data, 5 + (not alone) + _DICTIONARY_BYTES[flags & 3] + sizes)
        if not header:
            return b""
        self.window = _content_size(header, sizes) if alone else _window(header[5])
        if self.window > WINDOW_LIMIT:
            raise UnscannableError("content coding: window larger than 8 MiB")
        self._checksum = bool(flags & 4)
        self._stream = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).decompressobj()
        self._buffer, self._state = b"", self._in_block_header
        return self._fed(header)

    def _in_block_header(self, data: bytes) -> bytes:
        header = self._header(data, 3)
        if not header:
            return b""
        bits = int.from_bytes(header, "little")
        kind, size = bits >> 1 & 3, bits >> 3
        if kind == _RESERVED:
            raise BrokenError
        self._last, self._buffer = bool(bits & 1), b""
        self._left = 1 if kind == _RLE else size
        self._stored = kind == _STORED
        self._state = self._in_block
        if not self._left:
            self._after_block()
        return self._fed(header)

    def _in_block(self, data: bytes) -> bytes:
        self._rest = data[self._left :]
        block = data[: self._left]
        if self._stored and 1 < len(block) == self._left:
            # The library hands out what is stored as it comes, but nothing of a step in which it finds that a frame is
            # wrong, which it does at the end of a block: that is a step by itself, however the block came.
            self._rest, block = block[-1:] + self._rest, block[:-1]
        self._left -= len(block)
        if not self._left:
            self._after_block()
        return self._fed(block)

    def _after_block(self) -> None:
        if not self._last:
            self._state = self._in_block_header
        elif self._checksum:
            self._left, self._checksum = 4, False  # fed like one more block
            self._state = self._in_block
        else:
            self._state = self._in_magic

    def _fed(self, wire: bytes) -> bytes:
        assert self._stream is not None
        try:
            return self._stream.decompress(wire)
        except zstandard.ZstdError:
            raise BrokenError from None


def _content_size(header: bytes, size: int) -> int:
    return int.from_bytes(header[-size:], "little") + (256 if size == 2 else 0)


def _window(byte: int) -> int:
    base = 1 << (10 + (byte >> 3))
    return base + base // 8 * (byte & 7)
