"""Xz files (The .xz File Format, 1.2), read along block by block.

The library takes all the memory at once that a file declares, 8 MiB as `xz` packs and 64 as `xz -9` does.  So what is in a
block is opened by itself, with a dictionary of `_DICTIONARY`: all of a text that is no longer, and of a longer one as much
as copies from no further back.
"""

import zlib
from typing import Final

from sidecar.core.views.containers.member import Bounded, Packed
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Sign, Spec

_MAGIC: Final = b"\xfd7zXZ\x00"
_STREAM_HEADER: Final = 12
_CHECK_SIZES: Final = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)
_LZMA2: Final = 0x21
_LARGEST: Final = 40
"""The largest dictionary that can be declared, as it is written."""
_LONGEST: Final = 9
"""Bytes of a number."""
_DICTIONARY: Final = 4 * 1024 * 1024


class Xz(Packed):
    """What the blocks of xz files open to, one under the other."""

    def __init__(self) -> None:
        super().__init__(self._between, "xz: broken data, or a dictionary that is too large")
        self._check = 0
        """Bytes of the checksum behind each block."""
        self._began = 0
        """Bytes that had come when the data of a block began: it is padded to groups of four."""

    def _between(self) -> bytes | None:
        if not self.seek(_MAGIC):
            return None
        if len(self.buffer) < _STREAM_HEADER:
            return None
        if not _summed(self.buffer[6:_STREAM_HEADER]):
            self.buffer = self.buffer[len(_MAGIC) :]
            return b""
        self._check = _CHECK_SIZES[self.buffer[7] & 0x0F]
        self.buffer, self.state = self.buffer[_STREAM_HEADER:], self._header
        return b"\n"

    def _header(self) -> bytes | None:
        """Of a block; without one the index follows, and the file is over."""
        if not self.buffer:
            return None
        size = (self.buffer[0] + 1) * 4
        if size == 4:
            self.state = self._between
            return b""
        if len(self.buffer) < size:
            return None
        header, self.buffer = self.buffer[:size], self.buffer[size:]
        dictionary = _dictionary(header)
        if dictionary and _summed(header):
            self._began = self.came - len(self.buffer)
            self.open(Bounded.lzma2(min(dictionary, _DICTIONARY)))
        else:
            self.trouble("xz: unknown filter, or a broken header")
        return b""

    def _over(self) -> None:
        self.state = self._behind

    def _behind(self) -> bytes | None:
        taken = self.came - len(self.buffer) - self._began
        size = -taken % 4 + self._check
        if len(self.buffer) < size:
            return None
        self.buffer, self.state = self.buffer[size:], self._header
        return b""


def _summed(header: bytes) -> bool:
    """Whether a header ends with its checksum."""
    return zlib.crc32(header[:-4]).to_bytes(4, "little") == header[-4:]


def _dictionary(header: bytes) -> int:
    """The bytes that the only filter of a block declares; 0 if it is another than LZMA2."""
    flags, at = header[1], 2
    for declared in (0x40, 0x80):  # the size of its data, and of its text
        if flags & declared:
            at += next((at for at, byte in enumerate(header[at : at + _LONGEST], 1) if byte < 0x80), _LONGEST)
    filters = header[at : at + 3]
    if flags & 0x3F or len(filters) < 3 or filters[0] != _LZMA2 or filters[1] != 1 or filters[2] > _LARGEST:
        return 0
    bits = filters[2]
    return 0xFFFFFFFF if bits == _LARGEST else (2 | bits & 1) << (bits // 2 + 11)


XZ: Final = Spec("xz", Xz, (Sign(rb"\xfd7zXZ\x00"),), 0, run=True, start=whole, opens=True, cost=20)
