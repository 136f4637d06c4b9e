"""Avro object container files whose blocks are compressed with deflate (Avro 1.11, "Object Container Files").

Blocks that are not compressed stand in the plain text.
"""

from typing import Final

from sidecar.core.views.containers.member import Deflated, Packed
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Sign, Spec, UnfinishedError

_MAGIC: Final = b"Obj\x01"
_SYNC: Final = 16
_HEADER_LIMIT: Final = 64 * 1024
"""Bytes of a header, most of it a schema; a file with more is none."""
_LONGEST: Final = 10
"""Bytes of a number."""


class Avro(Packed):
    """The blocks of a file, one under the other."""

    def __init__(self) -> None:
        super().__init__(self._between, "avro: broken block")
        self._sync = b""

    def _between(self) -> bytes | None:
        if not self.seek(_MAGIC):
            return None
        self.state = self._header
        return b""

    def _header(self) -> bytes | None:
        try:
            codec, end = _codec(self.buffer, len(_MAGIC))
        except UnfinishedError:
            if len(self.buffer) <= _HEADER_LIMIT:
                return None
            codec, end = b"", len(_MAGIC)
        except ValueError:
            codec, end = b"", len(_MAGIC)
        self._sync = self.buffer[end - _SYNC : end]
        self.buffer, self.state = self.buffer[end:], self._between
        if codec == b"deflate":
            self.state = self._block
        elif codec not in (b"", b"null"):
            self.trouble("avro: unknown compression")
        return b""

    def _block(self) -> bytes | None:
        """How many records, how many bytes, and then deflate, which knows its end."""
        try:
            count, at = _number(self.buffer, 0)
            size, at = _number(self.buffer, at) if count > 0 else (0, at)
        except UnfinishedError:
            return None
        except ValueError:
            size = 0
        if size <= 0:  # the file is over
            self.state = self._between
            return b""
        self.buffer = self.buffer[at:]
        self.open(Deflated.raw())
        return b"\n"

    def _over(self) -> None:
        self.state = self._behind

    def _behind(self) -> bytes | None:
        if len(self.buffer) < _SYNC:
            return None
        same = self.buffer[:_SYNC] == self._sync
        self.buffer, self.state = self.buffer[_SYNC * same :], self._block if same else self._between
        return b""


def _codec(text: bytes, at: int) -> tuple[bytes, int]:
    """How the blocks of a file are compressed, and where its header ends.  Raises UnfinishedError or ValueError."""
    codec = b"null"
    while True:
        count, at = _number(text, at)
        if count < 0:
            _, at = _number(text, at)
        if not count:
            break
        for _ in range(abs(count)):
            key, at = _bytes(text, at)
            value, at = _bytes(text, at)
            codec = value if key == b"avro.codec" else codec
    if len(text) < at + _SYNC:
        raise UnfinishedError
    return codec, at + _SYNC


def _bytes(text: bytes, at: int) -> tuple[bytes, int]:
    size, at = _number(text, at)
    if not 0 <= size <= _HEADER_LIMIT:
        raise ValueError
    if len(text) < at + size:
        raise UnfinishedError
    return text[at : at + size], at + size


def _number(text: bytes, at: int) -> tuple[int, int]:
    """A number in zigzag coding, and where it ends."""
    value = 0
    for shift, byte in enumerate(text[at : at + _LONGEST]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at + shift + 1
    if len(text) >= at + _LONGEST:
        raise ValueError
    raise UnfinishedError


AVRO: Final = Spec("avro", Avro, (Sign(rb"Obj\x01[\x01-\x40]"),), 16, run=True, start=whole, opens=True)
