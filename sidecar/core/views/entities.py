"""Character references of HTML and XML: `&#52;`, `&#x34;`, `&nbsp;`."""

import re
from html.entities import html5
from typing import Final

from sidecar.core.views.escapes import Escapes
from sidecar.core.views.signs import either
from sidecar.core.views.view import Sign

_FORM: Final = re.compile(
    rb"&(?:((?:#?|#[0-9]{1,9}|#[xX][0-9A-Fa-f]{0,9}|[A-Za-z][0-9A-Za-z]{0,24})\Z)"
    rb"|#(?:[0-9]{1,9}|[xX][0-9A-Fa-f]{1,9});?|[A-Za-z][0-9A-Za-z]{1,24};)"
)

_SPACES: Final = (
    *(
        b"nbsp",
        b"thinsp",
        b"ensp",
        b"emsp",
        b"hairsp",
        b"numsp",
        b"puncsp",
        b"emsp13",
        b"emsp14",
        b"shy",
        b"zwnj",
    ),
    *(
        b"ZeroWidthSpace",
        b"NoBreak",
        b"ndash",
        b"mdash",
        b"hyphen",
        b"dash",
        b"minus",
        b"period",
        b"Tab",
        b"NewLine",
    ),
)

SIGNS: Final = (
    Sign(
        rb"&\#(?:4[5689]|5[0-7]|6[5-9]|[78][0-9]|90|9[7-9]|1[01][0-9]|12[0-2])[;&0-9]"
    ),  # nobody has to write these so
    Sign(rb"&\#0{1,5}[3-9][0-9]"),
    Sign(rb"&\#[xX]0{0,5}(?:2[DEde]|3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])[;&]"),
    Sign(rb"[0-9]&\#(?:[0-9]{1,6}|[xX][0-9A-Fa-f]{1,5});[0-9]{2}"),
    Sign(rb"[0-9]&" + either(_SPACES) + rb";[0-9]{2}"),
    Sign(rb"[A-Z0-9]{4}&nbsp;[A-Z0-9]{4}"),
)
UNSURE: Final = rb"(?:[0-9A-Z]&(?:\#?[0-9A-Za-z]{0,14};?)|&\#[0-9A-Za-z]{0,8};?){1,3}[0-9]{0,2}"


def _unescaped(reference: bytes) -> bytes:
    name = reference[1:].rstrip(b";").decode()
    if name[0] != "#":
        return html5.get(name + ";", "").encode() or reference
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    if 0 < number < 0xD800 or 0xDFFF < number < 0x110000:
        return chr(number).encode()
    return reference


def make() -> Escapes:
    """A view of what is written as character references."""
    return Escapes(_FORM, _unescaped)
