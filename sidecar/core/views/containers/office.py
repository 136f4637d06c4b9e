"""The text of office documents, whose XML cuts it into runs wherever the spelling was changed or a cursor once stood.

    <w:t>4111 11</w:t></w:r><w:r><w:t>11 1111 1111</w:t>     ->  4111 1111 1111 1111

WordprocessingML, DrawingML and the shared strings of SpreadsheetML (ECMA-376), and OpenDocument.
"""

import re
from typing import Final

from sidecar.core.views.view import Endless, Sign, Spec

_LONGEST: Final = 4098
"""Bytes of a tag; what is longer is text."""
_BREAK: Final = re.compile(
    rb"</(?:w:p|a:p|si|text:p|text:h|w:tc)>|<(?:w:tab|w:br|w:cr|text:tab|text:line-break)\b[^<>]{0,200}>"
)
_TAG: Final = re.compile(rb"<[^<>]{0,4096}>")


class Office(Endless):
    """Text without its tags, a line for each paragraph, cell or shared string."""

    def feed(self, piece: bytes) -> bytes:
        """The text in `piece`."""
        text = self._buffer + piece
        begun = text.rfind(b"<")
        whole = len(text) if begun < 0 or b">" in text[begun:] or len(text) - begun > _LONGEST else begun
        self._buffer = text[whole:]
        return _TAG.sub(b"", _BREAK.sub(b"\n", text[:whole]))

    def end(self) -> bytes:
        """What looked like a tag."""
        return self._buffer


OFFICE: Final = Spec(
    "office",
    Office,
    (Sign(rb"<w:t[ >]"), Sign(rb"<a:t>"), Sign(rb"<si><r>"), Sign(rb"<text:span")),
    0,
    cost=50,
)
