"""ZIP archives and what is one (office documents, jars), from the local headers as they come by (APPNOTE.TXT 4.3).

A stored member stands in the plain text and is left to it; zips in it are found there, too.
"""

import struct
from collections.abc import Callable
from typing import Final

from sidecar.core.views.containers.member import Bounded, Deflated, Member, Packed
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Sign, Spec

_SIGN: Final = b"PK\x03\x04"
_HEADER: Final = struct.Struct("<4xHHHHHIIIHH")
_NEWEST: Final = 63
"""The highest version that a member may need (APPNOTE.TXT 4.4.3)."""
_ENCRYPTED: Final = 1
_STORED: Final = 0
_METHODS: Final[dict[int, Callable[[], Member]]] = {8: Deflated.raw, 12: Bounded.bzip2}
_NAME_LIMIT: Final = 4096
"""Bytes of name and of extra field; a member with more is none."""


class Zip(Packed):
    """The compressed members of a ZIP archive, one under the other."""

    def __init__(self) -> None:
        super().__init__(self._between, "zip: broken member")

    def _between(self) -> bytes | None:
        if not self.seek(_SIGN):
            return None
        self.state = self._header
        return b""

    def _header(self) -> bytes | None:
        size = _HEADER.size
        if len(self.buffer) < size:
            return None
        version, flags, method, *_, name, extra = _HEADER.unpack_from(self.buffer)
        if version & 0xFF > _NEWEST or name > _NAME_LIMIT or extra > _NAME_LIMIT:
            self.buffer, self.state = self.buffer[len(_SIGN) :], self._between
            return b""
        if len(self.buffer) < size + name + extra:
            return None
        self.buffer, self.state = self.buffer[size + name + extra :], self._between
        if flags & _ENCRYPTED:
            self.trouble("zip: encrypted member")
        elif method in _METHODS:
            self.open(_METHODS[method]())
        elif method != _STORED:
            self.trouble("zip: unknown compression of a member")
        return b"\n"


ZIP: Final = Spec("zip", Zip, (Sign(rb"PK\x03\x04[\x00-\x3f]"),), 16, run=True, start=whole, opens=True)
