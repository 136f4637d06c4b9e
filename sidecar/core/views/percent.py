"""Percent-encoding (RFC 3986 2.1) and the `+` of forms: URLs, cookies, form bodies."""

import re
from binascii import unhexlify
from typing import Final

from sidecar.core.views.escapes import Escapes
from sidecar.core.views.signs import DIGITS, either
from sidecar.core.views.view import Sign

_MORE: Final = rb"(?:%[0-9A-Fa-f]{2}|\+)*"
_FORM: Final = re.compile(rb"%(?:([0-9A-Fa-f]?\Z)|[0-9A-Fa-f]{2}" + _MORE + rb")|\+" + _MORE)

SIGNS: Final = (
    Sign(rb"(?:%3[0-9]|%4[1-9A-Fa-f]|%5[0-9Aa]|%6[1-9A-Fa-f]|%7[0-9Aa])"),  # nobody has to encode these
    Sign(rb"%25[0-9A-Fa-f]{2}"),  # encoded twice
    Sign(rb"(?:%2[027CDcd]|%3[ADad]|%5[Ff]|%0[Aa])[0-9A-Za-z]{2}[0-9A-Za-z_-]{4}"),
    Sign(rb"[0-9](?:%2[0DdEe]|%0[9Aa]|%0[Dd]%0[Aa])[0-9]{2}"),
    Sign(rb"(?:%[Cc]2%[Aa]0|%[Ee]2%80%[89AaBb][0-9A-Fa-f])[0-9]{2}"),
    Sign(rb"[0-9]" + either(b"+" + digit for digit in DIGITS) + rb"(?:[0-9]{3}|[0-9]\+[0-9]{4})"),
)
UNSURE: Final = rb"(?:%[0-9A-Fa-f]{0,2}|[0-9]\+){1,3}[0-9A-Za-z]{0,6}"


_SINGLE: Final = {b"+": b" "} | {b"%%%02X" % byte: bytes([byte]) for byte in range(256)}
"""Most escapes stand by themselves."""


def _unescaped(escapes: bytes) -> bytes:
    if (single := _SINGLE.get(escapes)) is not None:
        return single
    plain = escapes.replace(b"+", b"%20") if b"+" in escapes else escapes
    return unhexlify(plain.replace(b"%", b""))


def make() -> Escapes:
    """A view of what is percent-encoded."""
    return Escapes(_FORM, _unescaped)
