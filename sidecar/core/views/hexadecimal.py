r"""Bytes in hexadecimal: one run, or with something between them: `34313131`, `34 31 31 31`, `0x34, 0x31`."""

import re
from typing import Final

from sidecar.core.views.signs import DIGITS, either
from sidecar.core.views.view import Sign

_BETWEEN: Final = rb"(?:[ :;,|-]|,?[ ]?0x|\r?\n[ ]{0,8}|,\r?\n?[ ]{0,8}(?:0x)?)"
_RUN: Final = re.compile(rb"(?:(?:[0-9A-Fa-f]{2})++|" + _BETWEEN + rb"[0-9A-Fa-f]{2})*+")
_SEPARATORS: Final = re.compile(rb"0x|[^0-9A-Fa-f]")
_UNFINISHED: Final = re.compile(
    rb"(?:" + _BETWEEN + rb"|,?[ ]?0?|\r?\n?[ ]{0,8}|,\r?\n?[ ]{0,8}0?)?[0-9A-Fa-f]?"
)
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")

_PAIRS: Final = either(b"3%b3" % first for first in DIGITS) + rb"[0-9]"
_SPACED: Final = either(b"3%b 3" % first for first in DIGITS) + rb"[0-9]"
_COLONS: Final = either(b"3%b:3" % first for first in DIGITS) + rb"[0-9]"
_NO_DIGIT: Final = rb"(?:[^0-9A-Fa-f]|[^3][0-9A-Fa-f]|3[A-Fa-f])"
"""A sign in a long run of digits is seen once, where these begin."""
SIGNS: Final = (
    Sign(_PAIRS + rb"(?:3[0-9]|2[0DdEe]){5}", after=_NO_DIGIT),
    Sign(_SPACED + rb"(?:[ ](?:3[0-9]|2[0DdEe])){5}"),
    Sign(_COLONS + rb"(?::3[0-9]){5}"),
    Sign(rb"0x3[0-9](?:,?[ ]?0x(?:3[0-9]|2[0DdEe])){5}"),
    *(
        Sign(either({word.hex().encode(), word.hex().upper().encode()}))
        for word in (
            b"AKIA",
            b"AIza",
            b"ghp_",
            b"glpat-",
            b"xoxb-",
            b"sk_live_",
            b"-----BEGIN",
            b'":"',
            b"password",
            *(b"eyJ", b"eyI", b"eyAi", b"ewog", b"W3si"),  # as JSON begins in base64
        )
    ),
)
UNSURE: Final = rb"(?:(?:3[0-9]|2[0DdEe])[ ]?){6,8}[23]?"


def start(before: bytes) -> int:
    """Where a run begins whose bytes end with the sign, at the end of `before`."""
    at = len(before)
    while at >= 2 and before[at - 1] in _HEX and before[at - 2] in _HEX:
        at -= 2
        if (
            at
            and before[at - 1] in b" :;|-"
            and at >= 3
            and before[at - 2] in _HEX
            and before[at - 3] in _HEX
        ):
            at -= 1
        elif before[at - 2 : at] == b"0x" and before[at - 4 : at - 3] == b",":
            at -= 4
        elif before[at - 2 : at] == b"0x" and before[at - 3 : at - 2] in (b",", b" "):
            at -= 3
    return at


class Hexadecimal:
    """Reads one run of bytes in hexadecimal."""

    def __init__(self) -> None:
        self.over: int | None = None
        self._rest = b""

    @property
    def pending(self) -> int:
        """Bytes of a pair of which only the beginning has come."""
        return len(self._rest)

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to."""
        if self.over is not None:
            self.over += len(piece)
            return b""
        text = self._rest + piece
        found = _RUN.match(text)
        assert found is not None
        self._rest = text[found.end() :]
        if len(self._rest) > 16 or not _UNFINISHED.fullmatch(self._rest):
            self.over, self._rest = len(self._rest), b""
        return bytes.fromhex(_SEPARATORS.sub(b"", found[0]).decode())

    def end(self) -> bytes:
        """Half a byte is none."""
        return b""
