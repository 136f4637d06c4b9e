"""The text that the contents of a PDF page show (ISO 32000-1, 9.4.3), whatever pieces it is written in.

    [(41) -20 (11 1) 3 (111)] TJ     ->  4111 111
    1 0 0 1 72 700 Tm <34313131> Tj  ->  (a new line) 4111

Strings are taken for Latin-1 or UTF-16; glyph numbers of embedded fonts are not translated.
"""

import re
from typing import Final

from sidecar.core.views.view import Endless, Sign, Spec

# Possessive everywhere, and an unfinished string is taken as a whole: every byte is looked at a few times at most, whatever
# is written.
_STRING: Final = rb"\((?:[^()\\]|\\[\s\S]){0,1000}+\)|<[0-9A-Fa-f\s]{0,2000}+>"
_NUMBER: Final = rb"(?<![\d.])[-+]?(?:\d{1,12}+\.?+\d{0,12}+|\.\d{1,12}+)"
_OPERATION: Final = re.compile(
    rb"(" + _STRING + rb"|\[(?:[^\[\]()<>]|" + _STRING + rb"){0,1000}+\])[\s]{0,4}(T[jJ]|['\"])"
    rb"|(" + _NUMBER + rb")[\s]{1,4}(Tm|T[dD])(?![A-Za-z])"
    rb"|(T\*)"
    rb"|\(+(?=\()|\((?:[^()\\]|\\[\s\S]){0,1000}+\)?+"
)
"""Something that is shown; a new place on the page, of which only the height matters; a new line; a string that is not
shown, or not yet."""
_ELEMENT: Final = re.compile(_STRING + rb"|" + _NUMBER)
_KEPT: Final = 4096
"""Bytes without an operation of which the last could be the beginning of one."""
_PART: Final = 32 * 1024
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|[\s\S]))")
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_GAP: Final = -180.0
"""Thousandths of the font's size by which the next glyph is moved: from there on it is a space between words."""


class PdfText(Endless):
    """What a page shows, a line for each position that is not on the line before it."""

    def __init__(self) -> None:
        super().__init__()
        self._height = b""
        """Of the current line, as it is written."""

    def feed(self, piece: bytes) -> bytes:
        """What `piece` shows."""
        return b"".join(self._shows(piece[at : at + _PART]) for at in range(0, len(piece), _PART))

    def _shows(self, piece: bytes) -> bytes:
        text, at, out = self._buffer + piece, 0, []
        for found in _OPERATION.finditer(text):
            if found.lastindex is None:
                continue  # what shows it may still come
            at = found.end()
            if found[1] is not None:
                out.append(_line(found[1], found[2]))
            elif found[4] == b"Tm":
                # What begins where the last glyph ended is not told from the next word: both are joined.
                out.append(b"\n" if found[3] != self._height else b"")
                self._height = found[3]
            else:
                out.append(b"\n" if found[3] is None or _number(found[3]) else b" ")
        self._buffer = text[max(at, len(text) - _KEPT) :]
        return b"".join(out)

    def end(self) -> bytes:
        """What has no operator is not shown."""
        return b""


def _line(operand: bytes, name: bytes) -> bytes:
    shown = _shown(operand) if operand[:1] != b"[" else b"".join(map(_shown, _ELEMENT.findall(operand)))
    return shown if name[:1] == b"T" else b"\n" + shown


def _shown(operand: bytes) -> bytes:
    if operand[:1] == b"(" and len(operand) > 1:
        return _narrow(_ESCAPE.sub(_unescaped, operand[1:-1]))
    if operand[:1] == b"<" and len(operand) > 1:
        digits = re.sub(rb"\s", b"", operand[1:-1])
        return _narrow(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()))
    return b" " if _number(operand) < _GAP else b""


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes([int(found[1], 8) & 0xFF])
    return _ESCAPED.get(found[2], b"" if found[2] in (b"\n", b"\r", b"\r\n") else found[2])


def _narrow(text: bytes) -> bytes:
    """Two bytes a character, the first of them zero, are one."""
    if text[:2] == b"\xfe\xff":
        text = text[2:]
    high = text[::2]
    return text[1::2] if len(text) > 1 and not any(high) else text


def _number(operand: bytes) -> float:
    try:
        return float(operand)
    except ValueError:
        return 0.0


PDF_TEXT: Final = Spec("pdf_text", PdfText, (Sign(rb"[\)\]>][ \r\n]?T[jJ]"),), 64, cost=150)
