"""Quoted-printable (RFC 2045 6.7): `=34`, and lines that are broken where a `=` stands."""

import re
from typing import Final

from sidecar.core.views.escapes import Escapes
from sidecar.core.views.view import Sign

_FORM: Final = re.compile(
    rb"=(?:((?:[0-9A-Fa-f]|[ \t]{0,8}\r?)?\Z)|[0-9A-Fa-f]{2}(?:=[0-9A-Fa-f]{2})*|[ \t]{0,8}\r?\n)"
)

SIGNS: Final = (
    Sign(rb"=3[0-9]=3[0-9]"),
    Sign(rb"(?:[0-9 .-][0-9]|[0-9][ .-])=3[0-9][0-9 .-]{3}"),
    Sign(rb"[0-9]=2[0DE][0-9]{2}"),
    Sign(rb"(?:=C2=A0|=E2=80=[89AB][0-9A-F])[0-9]{2}"),
    Sign(rb"(?:=3D|=3A)[0-9A-Za-z][0-9A-Za-z_-]{5}"),
    Sign(rb"=\r\n"),
    Sign(rb"(?:[0-9-]=\n[0-9 .-]|[0-9A-Za-z_-]{4}=\n[0-9A-Za-z_-]{3})"),
)
UNSURE: Final = rb"(?:[0-9A-Za-z .-]=(?:[0-9A-F]{0,2}|[ \t]{0,2}\r?\n?)){1,3}[0-9A-Za-z_-]{0,6}"


def _unescaped(escapes: bytes) -> bytes:
    if escapes.endswith(b"\n"):
        return b""
    return bytes.fromhex(escapes.replace(b"=", b"").decode())


def make() -> Escapes:
    """A view of what is quoted-printable."""
    return Escapes(_FORM, _unescaped)
