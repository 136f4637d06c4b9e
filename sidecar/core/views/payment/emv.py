"""Data elements of chip cards, in BER-TLV (EMV Book 3, annex A and B), wherever they stand in a stream.

    5A 08 41 11 11 11 11 11 11 11      ->  tag_5a_pan=4111111111111111

Only the tags of card data are looked for, by tag and length, so neither the templates around them nor the protocol matter.
A card number counts by its check digit; the other elements count near one.
"""

import re
from collections.abc import Callable
from typing import Final

from dlp_patterns.sums import luhn
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Endless, Sign, Spec

_NEAR: Final = 512
"""Bytes from a card number to the elements that belong to it."""
_LONGEST: Final = 30
"""Bytes of an element, with tag and length."""
_BCD: Final = rb"[\x00-\x09\x10-\x19\x20-\x29\x30-\x39\x40-\x49\x50-\x59\x60-\x69\x70-\x79\x80-\x89\x90-\x99]"
_ELEMENT: Final = re.compile(
    rb"\x5a[\x06-\x0a]" + _BCD + rb"{6}|\x57[\x08-\x13]" + _BCD + rb"{6}|\x5f\x24\x03" + _BCD + rb"{3}"
    rb"|\x5f\x20[\x02-\x1a]|\x99\x08|\x9f\x6b[\x08-\x13]" + _BCD + rb"{6}"
)
_STRIPE: Final = re.compile(r"(\d{12,19})D(\d{7}\d*)F?")


def _number(value: bytes) -> str:
    digits = value.hex().rstrip("f")
    return digits if 12 <= len(digits) <= 19 and luhn.is_valid(digits.encode()) else ""


def _stripe(value: bytes) -> str:
    found = _STRIPE.fullmatch(value.hex().upper())
    return f"{found[1]}={found[2]}" if found and luhn.is_valid(found[1].encode()) else ""


def _date(value: bytes) -> str:
    return value.hex()


def _name(value: bytes) -> str:
    return value.decode("ascii", "replace") if all(0x20 <= byte < 0x7F for byte in value) else ""


def _block(value: bytes) -> str:
    return value.hex().upper()


_READ: Final[dict[bytes, tuple[str, Callable[[bytes], str], bool]]] = {
    b"\x5a": ("tag_5a_pan", _number, True),
    b"\x57": ("tag_57_track2", _stripe, True),
    b"\x9f\x6b": ("tag_9f6b_track2", _stripe, True),
    b"\x5f\x24": ("tag_5f24_card_expiry", _date, False),
    b"\x5f\x20": ("tag_5f20_name", _name, False),
    b"\x99": ("tag_99_pin_block", _block, False),
}
"""By tag: its name, what makes text of the value (nothing: it is no such value), and whether it is a card number."""


class Emv(Endless):
    """Elements of card data, a line each."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        """Where the buffer begins in the text."""
        self._card = -_NEAR
        """Where the last card number was."""
        self._waiting: list[tuple[int, str]] = []
        """Elements without a card number yet."""

    @property
    def pending(self) -> int:
        """Bytes of an element that has begun, and of those that wait for a card number."""
        end = self._at + len(self._buffer)
        return max(len(self._buffer), end - self._waiting[0][0] if self._waiting else 0)

    def feed(self, piece: bytes) -> bytes:
        """The elements in `piece`."""
        return self._read(self._buffer + piece, over=False)

    def end(self) -> bytes:
        """The last."""
        return self._read(self._buffer, over=True)

    def _read(self, text: bytes, *, over: bool) -> bytes:
        lines: list[str] = []
        at = 0
        limit = len(text) if over else len(text) - _LONGEST
        while (found := _ELEMENT.search(text, at)) and found.start() < limit:
            at = self._element(text, found.start(), lines)
        known = max(at, limit, 0)
        self._buffer, self._at = text[known:], self._at + known
        self._waiting = [each for each in self._waiting if self._at - each[0] < _NEAR]
        return "".join(lines).encode()

    def _element(self, text: bytes, at: int, lines: list[str]) -> int:
        """Note the element at `at`; where to look on."""
        tag = text[at : at + 1] if text[at : at + 1] in _READ else text[at : at + 2]
        begin = at + len(tag) + 1
        value = text[begin : begin + text[begin - 1]]
        name, read, card = _READ[tag]
        shown = read(value) if len(value) == text[begin - 1] else ""
        if not shown:
            return at + 1
        where, line = self._at + at, f"\n{name}={shown}\n"
        if card:
            self._card = where
            lines += [each for place, each in self._waiting if where - place < _NEAR]
            self._waiting.clear()
            lines.append(line)
        elif where - self._card < _NEAR:
            lines.append(line)
        else:
            self._waiting = [*self._waiting[-15:], (where, line)]
        return begin + len(value)


_ISSUED: Final = rb"[\x22-\x69]"
"""The first two digits of a card number."""
EMV: Final = Spec(
    "emv",
    Emv,
    tuple(Sign(tag + _ISSUED + _BCD + rb"{5}") for tag in (
        rb"\x5a\x07", rb"\x5a\x08", rb"\x5a\x09", rb"\x5a\x0a",
        *(rb"\x57\x%02x" % length for length in range(0x0B, 0x14)),
        *(rb"\x9f\x6b\x%02x" % length for length in range(0x0B, 0x14)),
    )),
    0,
    run=True, start=whole,
)  # fmt: skip
