"""ISO 8583 messages: message type, bitmap, data elements (ISO 8583:1987, tables of clause 4).

    0200 4000000000000000 16 4111...      ->  de2_pan=4111...

Three ways of writing are read: all in ASCII with the bitmap in hexadecimal; ASCII with a binary bitmap; and packed (BCD)
with a binary bitmap.  A message counts if its card number (element 2, or the beginning of 35) is one.
Where a dialect leaves the standard, what was read up to there still counts.
"""

import binascii
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from dlp_patterns.issuers import BRANDS, RETIRED, issuer_of
from dlp_patterns.sums import luhn
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Endless, Sign, Spec, UnfinishedError

_LONGEST: Final = 4096
"""Bytes of a message that is waited for."""
_SHOWN: Final = {
    2: b"de2_pan",
    14: b"de14_card_expiry",
    35: b"de35_track2",
    36: b"de36_track3",
    45: b"de45_track1",
    52: b"de52_pin_block",
}
"""Elements that are written out, each behind its number and a name that says what it is."""
_CARDS: Final = frozenset({2, 35})
"""The elements with a card number; without one of them the others are nothing but bytes."""
_CARD: Final = re.compile(rb"(\d{12,19})(?:\Z|[=D])")


class Kind(Enum):
    """How an element's content is written."""

    DIGITS = auto()
    TRACK = auto()
    TEXT = auto()
    BINARY = auto()


class Element(NamedTuple):
    """One row of the table: `size` digits, characters or bytes, or at most so many behind a length of `prefix` digits."""

    kind: Kind
    size: int
    prefix: int = 0


def _table() -> dict[int, Element]:
    fixed = {3: 6, 7: 10, 8: 8, 9: 8, 10: 8, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 16: 4, 17: 4, 18: 4, 53: 16}
    fixed |= dict.fromkeys((4, 5, 6), 12) | dict.fromkeys(range(19, 25), 3) | {25: 2, 26: 2, 27: 1}
    fixed |= {66: 1, 67: 2, 68: 3, 69: 3, 70: 3, 71: 4, 72: 4, 73: 6, 90: 42}
    fixed |= dict.fromkeys(range(74, 82), 10) | dict.fromkeys(range(82, 86), 12)
    fixed |= dict.fromkeys(range(86, 90), 16)
    texts = {
        28: 9,
        29: 9,
        30: 9,
        31: 9,
        37: 12,
        38: 6,
        39: 2,
        40: 3,
        41: 8,
        42: 15,
        43: 40,
        49: 3,
        50: 3,
        51: 3,
    }
    texts |= {91: 1, 92: 2, 93: 5, 94: 7, 95: 42, 97: 17, 98: 25}
    short = {34: 28, 44: 25, 45: 76, 101: 17, 102: 28, 103: 28}
    table = {number: Element(Kind.DIGITS, size) for number, size in fixed.items()}
    table |= {number: Element(Kind.TEXT, size) for number, size in texts.items()}
    table |= {number: Element(Kind.TEXT, size, 2) for number, size in short.items()}
    table |= {number: Element(Kind.DIGITS, 11, 2) for number in (32, 33, 99, 100)}
    table |= {number: Element(Kind.TEXT, 999, 3) for number in (46, 47, 48, *range(54, 64), *range(104, 128))}
    table |= {52: Element(Kind.BINARY, 8), 64: Element(Kind.BINARY, 8), 65: Element(Kind.BINARY, 1)}
    table |= {96: Element(Kind.BINARY, 8), 128: Element(Kind.BINARY, 8)}
    return table | {
        2: Element(Kind.DIGITS, 19, 2),
        35: Element(Kind.TRACK, 37, 2),
        36: Element(Kind.TRACK, 104, 3),
    }


_TABLE: Final = _table()


class Way(NamedTuple):
    """How a message is written."""

    begins: "re.Pattern[bytes]"
    """Its message type: version, class, function, origin."""
    packed: bool = False
    """Digits are two a byte."""
    hexadecimal: bool = False
    """The bitmap and binary elements are digits, too."""
    counted: bool = False
    """Lengths are binary numbers (of digits), not digits."""


_ASCII_TYPE: Final = re.compile(rb"[012][1246][0-4][0-5]")
_PACKED_TYPE: Final = re.compile(
    rb"[\x01\x02\x04\x06\x11\x12\x14\x16\x21\x22\x24\x26][\x00-\x05\x10-\x15\x20-\x25\x30-\x35\x40-\x45]"
)
_WAYS: Final = (
    Way(_ASCII_TYPE, hexadecimal=True),
    Way(_ASCII_TYPE),
    Way(_PACKED_TYPE, packed=True),
    Way(_PACKED_TYPE, packed=True, counted=True),
)
_BEGINS: Final = re.compile(_ASCII_TYPE.pattern + rb"|" + _PACKED_TYPE.pattern)


class _Message:
    """Reads one message from a place in a text."""

    def __init__(self, text: bytes, at: int, way: Way) -> None:
        self._text = text
        self._at = at
        self._way = way

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """The elements that are written out.  Raises ValueError: this is no such message; UnfinishedError: it goes on."""
        if self._way.begins.match(self._text, self._at) is None:
            raise ValueError
        self._take(2 if self._way.packed else 4)
        for number in self._bitmap():
            element = _TABLE[number]  # KeyError: a dialect of its own
            content = self._content(element)
            if number in _SHOWN:
                yield number, content

    def _bitmap(self) -> list[int]:
        bits = self._binary(8)
        if bits[0] & 0x80:
            bits += self._binary(8)
        value, size = int.from_bytes(bits), len(bits) * 8
        numbers = [number for number in range(2, size + 1) if value >> (size - number) & 1 and number != 65]
        if not numbers or _CARDS.isdisjoint(numbers):
            raise ValueError
        return numbers

    def _take(self, size: int) -> bytes:
        part = self._text[self._at : self._at + size]
        if len(part) < size:
            raise UnfinishedError
        self._at += size
        return part

    def _binary(self, size: int) -> bytes:
        if not self._way.hexadecimal:
            return self._take(size)
        return binascii.unhexlify(
            self._take(2 * size)
        )  # ValueError; bytes.fromhex would pass over white space

    def _length(self, element: Element) -> int:
        if not element.prefix:
            return element.size
        digits = self._take((element.prefix + 1) // 2 if self._way.packed else element.prefix)
        text = digits.hex() if self._way.packed else digits
        length = int.from_bytes(digits) if self._way.counted else int(text)  # ValueError for what is no digit
        if not 0 < length <= element.size:
            raise ValueError
        return length

    def _content(self, element: Element) -> bytes:
        if element.kind is Kind.BINARY:
            return self._binary(element.size).hex().upper().encode()
        length = self._length(element)
        if element.kind is Kind.TEXT or not self._way.packed:
            content = self._take(length)
        else:
            digits = self._take((length + 1) // 2).hex().upper().encode()
            content = (
                digits[:length] if digits[length:] in (b"F", b"", b"0") else digits[len(digits) - length :]
            )
        if element.kind is Kind.DIGITS and not content.isdigit():
            raise ValueError
        return content


class Iso8583(Endless):
    """Messages in a stream; what stands between them (lengths, TPDU) does not matter."""

    def feed(self, piece: bytes) -> bytes:
        """The elements of the messages in `piece`."""
        self._buffer += piece
        return self._read(over=False)

    def end(self) -> bytes:
        """Those of a message that was cut short."""
        return self._read(over=True)

    def _read(self, *, over: bool) -> bytes:
        text, at, out = self._buffer, 0, b""
        while begin := _BEGINS.search(text, at):
            at = begin.start()
            lines, end = _lines(text, at, over=over or len(text) - at > _LONGEST)
            if end is None:
                self._buffer = text[at:]
                return out
            out, at = out + lines, end
        self._buffer = b"" if over else text[max(at, len(text) - 3) :]  # a type that has begun
        return out


def _lines(text: bytes, at: int, *, over: bool) -> tuple[bytes, int | None]:
    """The elements of a message at `at`, and where it ends; None: more is needed to know."""
    short = False
    for way in _WAYS:
        message, found, whole = _Message(text, at, way), [], False
        try:
            for number, content in message.elements():
                found.append((number, content))
                if number in _CARDS and not _is_card(content):
                    found.clear()
                    break
            else:
                whole = True
        except UnfinishedError:
            short = True
            if not over:
                continue
        except (ValueError, KeyError):
            pass
        if any(number in _CARDS for number, _ in found):
            lines = b"".join(b"%b=%b\n" % (_SHOWN[number], content) for number, content in found)
            return b"\n" + lines, message._at if whole else at + 2
    return b"", None if short and not over else at + 1


def _is_card(content: bytes) -> bool:
    """Whether it has the digit, and somebody issues such numbers: one in ten of what looks like a message has the digit."""
    found = _CARD.match(content)
    return (
        found is not None
        and luhn.is_valid(found[1])
        and any(issuer_of(found[1], table) for table in (BRANDS, RETIRED))
    )


_TYPES: Final = rb"(?:0100|0110|0120|0200|0210|0220|0400|0420|1100|1110|1200|1210|1220|1420)"
_PACKED: Final = (
    rb"(?:\x01\x00|\x01\x10|\x01\x20|\x02\x00|\x02\x10|\x02\x20|\x04\x00|\x04\x20|\x11\x00|\x12\x00|\x14\x20)"
)
_FIRST: Final = rb"[\x40-\x7f\xc0-\xff][\x00-\xff]{7}(?:[\x00-\xff]{8})?"
ISO8583: Final = Spec(
    "iso8583",
    Iso8583,
    (
        Sign(_TYPES + rb"[0-9A-Fa-f]{16}"),
        Sign(_TYPES + _FIRST + rb"1[2-9][2-9]\d{11}"),
        Sign(_PACKED + _FIRST + rb"[\x0c-\x19][\x22-\x69][\x00-\x99]{5}"),
    ),
    0,
    run=True,
    start=whole,
)
