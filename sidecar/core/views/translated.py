"""Encodings in which every byte by itself becomes another one, or none: EBCDIC, and UTF-16 and UTF-32 as far as ASCII goes.

Of a wide character of ASCII all bytes but one are zero, whatever the byte order and wherever it begins, so that leaving out
the zeros reads all of them at once.
"""

from typing import Final

from sidecar.core.views.signs import DIGITS, either
from sidecar.core.views.view import Sign

_SAME: Final = bytes(range(256))
_FROM_EBCDIC: Final = _SAME.decode("cp037").encode("latin-1")

_WORDS: Final = (
    *(b"AKIA", b"ASIA", b"AIza", b"ghp_", b"gho_", b"glpat", b"sk_live", b"xox", b"npm_", b"pypi-"),
    b"-----BEGIN",
    *(b"assw", b"ecret", b"oken", b"eyJ", b"://", b"api"),
)

WIDE: Final = (
    Sign(either(b"\0%b\0" % digit for digit in DIGITS) + rb"[0-9\x20.-]\x00[0-9\x20.-]"),
    Sign(either(b"\0\0\0%b\0\0\0" % digit for digit in DIGITS) + rb"[0-9\x20.-]\x00\x00\x00[0-9\x20.-]"),
    Sign(rb"(?:\xff\xfe[\x09-\x7e]\x00[\x09-\x7e]\x00|\xfe\xff\x00[\x09-\x7e]\x00[\x09-\x7e])"),
    Sign(either(b"\0".join(bytes([byte]) for byte in word) for word in _WORDS)),
)
EBCDIC: Final = (
    Sign(rb"[\xf0-\xf9]{3,4}[\x40\x60]?[\xf0-\xf9]{2,4}[\x40\x60]?[\xf0-\xf9]{4}", after=rb"[^\xf0-\xf9]"),
)
UNSURE_EBCDIC: Final = rb"[\xf0-\xf9]{3,4}[\x40\x60]?[\xf0-\xf9]{2,4}[\x40\x60]?[\xf0-\xf9]{0,4}"


class Translated:
    """Reads every byte as another one."""

    pending = 0
    over: int | None = None

    def __init__(self, table: bytes, dropped: bytes) -> None:
        self._table = table
        self._dropped = dropped

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to."""
        return piece.translate(self._table, self._dropped)

    def end(self) -> bytes:
        """Nothing waits."""
        return b""


def wide() -> Translated:
    """A view of UTF-16 and UTF-32."""
    return Translated(_SAME, b"\0")


def ebcdic() -> Translated:
    """A view of EBCDIC; code pages 037 and 500 write letters, digits and most else alike."""
    return Translated(_FROM_EBCDIC, b"")
