"""How each kind of value may be shown: the ONE place, one table.

What belongs here: which characters of a value may be seen by a person, a log or the far side of a masked
connection.
What never does: who asks, and why.  PCI DSS 3.4.1: of a card number at most the BIN (six digits here) and
the last four.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

STAR = ord("*")
MAX_LEAD = 6
MAX_STARS = 12
"""Longest run of stars in an event: the length of a long secret is nobody's business either."""

MIN_HIDDEN = 2
"""Fewest characters that must be hidden between head and tail; a shorter value is hidden whole."""

_LONG_STARS = re.compile(rf"\*{{{MAX_STARS},}}")
_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord(".") for byte in range(256))

_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_ALL = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind is shown.

    opening: what may stand before the sensitive part and is public (a prefix, a sentinel); always shown.  None: the literal
    texts with which the pattern's expression begins (`regex.openings`), which say the kind and nothing of the value.
    hides: the bytes that carry the value; all others are separators and stay.
    head, tail: how many of those bytes stay visible at either end.
    ends: bytes that end the part with a head and a tail; after one of them everything but `keeps` is hidden.
    lead: how many leading bytes of what the expression matches may be seen before a verdict, at most MAX_LEAD.  None: as
    many as its literal beginnings have.
    """

    opening: re.Pattern[bytes] | None
    hides: frozenset[int]
    head: int
    tail: int
    lead: int | None
    ends: frozenset[int] = frozenset()
    keeps: frozenset[int] = frozenset()


_NOTHING = re.compile(rb"")

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        # A card number: BIN and last four, separators as they are.
        "first6_last4": Rule(_NOTHING, _DIGITS, head=6, tail=4, lead=6),
        # A magnetic stripe: its card number as above; name, date, service code and discretionary data never.
        "track": Rule(
            re.compile(rb"%[A-Za-z]|;"),
            _DIGITS,
            head=6,
            tail=4,
            lead=6,
            ends=frozenset(b"=^D"),
            keeps=frozenset(b"=^?;%"),
        ),
        # A number of which people read out the last four: social security.
        "last4": Rule(_NOTHING, _DIGITS, head=0, tail=4, lead=0),
        # A national number or one of an account: the last three letters or digits, which many know and few share.
        "last3": Rule(_NOTHING, _DIGITS | _LETTERS, head=0, tail=3, lead=0),
        # A telephone number: the last two digits.
        "phone": Rule(_NOTHING, _DIGITS, head=0, tail=2, lead=0),
        # An address of a mailbox: the first letter and the end of the domain.
        "email": Rule(_NOTHING, _DIGITS | _LETTERS, head=1, tail=2, lead=1),
        # An account: country, check digits, last four.
        "iban": Rule(_NOTHING, _DIGITS | _LETTERS, head=4, tail=4, lead=4),
        # A secret that says what it is: the literal prefix, nothing else.
        "token": Rule(None, _ALL, head=0, tail=0, lead=None),
        # A secret that only what stands before it makes known: nothing of it.  What stands before it is no secret.
        "hidden": Rule(_NOTHING, _ALL, head=0, tail=0, lead=None),
        # A private key: the line that announces it is public, the key is not.
        "pem": Rule(re.compile(rb"-----BEGIN [0-9A-Z ]{0,32}-----"), _ALL, head=0, tail=0, lead=4),
    }
)
"""Every way to show a value, by the name a pattern file uses in `show`."""


def mask(show: str, value: bytes, openings: tuple[bytes, ...] = ()) -> bytes:
    """`value` with everything hidden that `show` does not allow to be seen; always of the same length.

    openings: the literal beginnings of the pattern's expression, longest first.
    Raises KeyError for a `show` that is no row of RULES (the loader never lets one in).
    """
    rule = RULES[show]
    start = _opening(rule, value, openings)
    end = len(value)
    if rule.ends:
        end = next((at for at in range(start, end) if value[at] in rule.ends), end)
    out = bytearray(value)
    for at in _hidden(rule, value, start, end):
        out[at] = STAR
    for at in range(end, len(value)):
        if value[at] not in rule.keeps:
            out[at] = STAR
    return bytes(out)


def shown(show: str, value: bytes, openings: tuple[bytes, ...] = ()) -> str:
    """`value` masked for an event: printable ASCII only, long runs of stars shortened."""
    return printable(mask(show, value, openings))


def printable(masked: bytes) -> str:
    """What is masked already, for an event."""
    text = masked.translate(_PRINTABLE).decode("ascii")
    return _LONG_STARS.sub("*" * MAX_STARS, text) if "*" * MAX_STARS in text else text


def lead(show: str, openings: tuple[bytes, ...] = ()) -> int:
    """How many leading bytes of a match may be seen before a verdict on it; 0 to MAX_LEAD."""
    least = RULES[show].lead
    return min([MAX_LEAD, *map(len, openings)]) if least is None and openings else least or 0


def _opening(rule: Rule, value: bytes, openings: tuple[bytes, ...]) -> int:
    """How many leading bytes of the value are public."""
    if rule.opening is None:
        return next((len(text) for text in openings if value.startswith(text)), 0)
    found = rule.opening.match(value)
    return found.end() if found else 0


def _hidden(rule: Rule, value: bytes, start: int, end: int) -> list[int]:
    """Which bytes of value[start:end] carry the value and are neither its head nor its tail."""
    places = [at for at in range(start, end) if value[at] in rule.hides]
    if len(places) < rule.head + rule.tail + MIN_HIDDEN:
        return places
    return places[rule.head : len(places) - rule.tail]
