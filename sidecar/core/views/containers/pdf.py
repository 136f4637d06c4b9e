"""The compressed streams of a PDF (ISO 32000-1, 7.3.8 and 7.4): page contents, objects, form values.

A stream that is not compressed stands in the plain text.  What operators show in pieces is joined by `pdf_text`.
"""

import base64
import re
from collections.abc import Iterator
from typing import Final

from sidecar.core.decode.codings.coding import BrokenError
from sidecar.core.views.containers.member import Deflated, Packed
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Sign, Spec

_STREAM: Final = re.compile(rb"(?<!end)stream\r?\n")
_BEHIND: Final = 400
"""Bytes before a stream in which its dictionary is looked for."""
_FLATE: Final = re.compile(rb"/(?:FlateDecode|Fl)\b")
_LZW: Final = re.compile(rb"/(?:LZWDecode|LZW)\b")
_ASCII85: Final = re.compile(rb"/(?:ASCII85Decode|A85)\b")
_SPACE: Final = re.compile(rb"[\x00\t\n\f\r ]+")


class Pdf(Packed):
    """What the streams of a PDF open to, one under the other."""

    def __init__(self) -> None:
        super().__init__(self._between, "pdf: broken stream")

    def _between(self) -> bytes | None:
        found = _STREAM.search(self.buffer)
        if found is None:
            self.buffer = self.buffer[-_BEHIND:]
            return None
        before = self.buffer[max(0, found.start() - _BEHIND) : found.start()]
        self.buffer = self.buffer[found.end() :]
        dictionary = before[before.rfind(b"obj") + 1 :]
        if _FLATE.search(dictionary):
            self.state = self._begins
            if _ASCII85.search(dictionary):
                self.open(Armoured())
        elif _LZW.search(dictionary):
            self.trouble("pdf: LZW")
        return b"\n"

    def _begins(self) -> bytes | None:
        if len(self.buffer) < 2:
            return None
        if int.from_bytes(self.buffer[:2]) % 31 == 0 and self.buffer[0] & 0x0F == 8:  # RFC 1950 2.2
            self.open(Deflated.zlib())
        else:
            self.trouble("pdf: encrypted or broken stream")
        return b""


class Armoured:
    """A stream in ASCII base 85 around zlib."""

    def __init__(self) -> None:
        self.over = False
        self.behind = b""
        self._inner = Deflated.zlib()
        self._rest = b""
        self._broken = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` opens to."""
        text, mark, behind = data.partition(b"~")
        text = self._rest + _SPACE.sub(b"", text).replace(b"z", b"!!!!!")
        whole = len(text) if mark else len(text) // 5 * 5
        text, self._rest = text[:whole], text[whole:]
        if not self._broken and not self._inner.over:
            packed, self._broken = _unarmoured(text)
            try:
                yield from self._inner.feed(packed)
            except BrokenError:
                self._broken = True
        if mark:
            self.over, self.behind = True, behind
            if self._broken:  # told here, where another stream can begin
                raise BrokenError(behind)


def _unarmoured(text: bytes) -> tuple[bytes, bool]:
    """What the groups decode to up to one that is wrong, and whether there is one."""
    try:
        return base64.a85decode(text), False
    except ValueError:
        pass
    good = b""
    for at in range(0, len(text), 5):
        try:
            good += base64.a85decode(text[at : at + 5])
        except ValueError:
            break
    return good, True


PDF: Final = Spec("pdf", Pdf, (Sign(rb"%PDF-[12]\.[0-9]"),), 16, run=True, start=whole, opens=True)
