r"""Escapes in strings: JSON (RFC 8259 7), and those of JavaScript, Python and C: `\u0034`, `\x34`, `\n`, `\/`."""

import re
from typing import Final

from sidecar.core.views.escapes import Escapes
from sidecar.core.views.signs import either
from sidecar.core.views.view import Sign

# Half of a pair of surrogates waits for the other half.
_FORM: Final = re.compile(
    rb"\\(?:((?:u[0-9A-Fa-f]{0,3}|u[Dd][89ABab][0-9A-Fa-f]{2}(?:\\(?:u[0-9A-Fa-f]{0,3})?)?|x[0-9A-Fa-f]?|0[67]?)?\Z)"
    rb"|u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*"
    rb"|x[0-9A-Fa-f]{2}|0[67][0-7]|[\"'/\\bfnrt])"
)
_SIMPLE: Final = {
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}

_TOKENS: Final = (
    b"ghp_",
    b"gho_",
    b"ghs_",
    b"github_pat_",
    b"glpat-",
    b"sk_",
    b"rk_",
    b"xox",
    b"npm_",
    b"pypi-",
    b"eyJ",
)
_LINE_ENDS: Final = (b"\\n", b"\\r", b"\\t")

SIGNS: Final = (
    Sign(
        rb"(?:\\u003[0-9]|\\u004[1-9A-Fa-f]|\\u005[0-9Aa]|\\u006[1-9A-Fa-f]|\\u007[0-9Aa])"
    ),  # nobody has to escape these
    Sign(rb"(?:\\x3[0-9]|\\x4[1-9A-Fa-f]|\\x5[0-9Aa]|\\x6[1-9A-Fa-f]|\\x7[0-9Aa])"),
    Sign(rb"(?:\\06[0-7]|\\07[01])\\0[67][0-7]"),
    Sign(rb"(?:\\u002[0267CDcd]|\\u003[ACDEacde]|\\u005[Ff])[0-9A-Za-z]{2}[0-9A-Za-z_-]{4}"),
    Sign(rb"(?:\\u00[0-2Aa][0-9A-Fa-f]|\\u20[0-6][0-9A-Fa-f]|\\u[Ff][Ee][Ff][Ff])[0-9]{2}"),
    Sign(rb"\\x[0-9A-Fa-f]{2}[0-9]{4}"),  # the length before a string, in the repr of bytes
    Sign(either(_LINE_ENDS) + rb"(?:[0-9]{2}|[A-Z][0-9A-Z]{3})"),
    Sign(either(end + word for end in _LINE_ENDS for word in _TOKENS)),
    Sign(rb"(?::\\/\\/|:\\\\/\\\\/)[0-9A-Za-z_.-]{1,24}:[^\s\"\\/@]{1,30}@"),  # a password in a URL
)
UNSURE: Final = rb"\\{1,4}(?:[nrtbf/]|u[0-9A-Fa-f]{0,4}|x[0-9A-Fa-f]{0,2}|0[67]?)?[0-9A-Za-z_-]{0,9}"


def _unescaped(escape: bytes) -> bytes:
    kind = escape[1:2]
    if kind == b"u":
        units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
        return units.decode("utf-16-be", "replace").encode()
    if kind == b"x":
        return bytes.fromhex(escape[2:].decode())
    if kind == b"0":
        return bytes([int(escape[1:], 8)])
    return _SIMPLE.get(kind, kind)


def make() -> Escapes:
    """A view of what is escaped in a string."""
    return Escapes(_FORM, _unescaped)
