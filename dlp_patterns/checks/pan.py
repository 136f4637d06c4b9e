"""Primary account numbers: issuer, length and Luhn of a run or of printed groups, and the text around it.

What belongs here: is this number a card number, or a part of something else?  What never does: the issuer
table (issuers.py), the sum (sums/luhn.py), words nearby (the pattern's context).

Which way it errs: a card number that is missed is a breach, one too many is a nuisance.  So a number is
dropped only for a reason that real card numbers practically never meet:

- part of a longer number: a digit next to it, or a group of four with the same separator before it (`9134 4111 1111
  1111 1111`), unless that group reads as an expiry (MMYY) or a year.  `qty 2 4111 ...` and `2025 4111 ...` are found.  A
  group *behind* it is not waited for: `4111 1111 1111 1111 9134` is found, and so is `4111 ... 1230 999`;
- the head of a printed IBAN before it (`DE89 3704 0044 ...`);
- the fraction of a decimal number (`0.4111...`): a dot with a digit before it.  A number followed by `.0` is found, since
  spreadsheets and data frames write card numbers as floats;
- hexadecimal: a letter a-f right behind it (but D, which separates the fields of track 2, and not if the byte before it
  is its length, as in protobuf), or a run of at least 20 hexadecimal digits that it ends, with a letter in it;
- inside a UUID: groups that go on where hexadecimal ones began, eight and then fours with a letter, or 8-4-4;
- at most two different digits, unless it is a published test number;
- separators that differ within the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from dlp_patterns.issuers import issuer_of
from dlp_patterns.model import Confirmed, Evidence
from dlp_patterns.published import TEST_NUMBERS
from dlp_patterns.sums import luhn

MIN_DIGITS, MAX_DIGITS = 12, 19

MIN_GROUPED = 13
"""Nobody prints the twelve digits of a Maestro card in groups; three groups of four are a part of something."""

HEX_ID = 20
"""Shortest hexadecimal run with a letter that is taken for an id: `acc4111111111111111` is a card number."""

_GROUP = re.compile(rb"[0-9]+")
_UUID_HEAD = re.compile(rb"(?<![0-9A-Fa-f])([0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){0,3})\Z")
_UUID_SHAPE = (8, 4, 4)
_UUID_WIDTH = 36
_HEX_BEFORE = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]*[A-Fa-f][0-9A-Fa-f]*\Z")
_HEX_BEHIND = frozenset({b"A", b"B", b"C", b"E", b"F", b"a", b"b", b"c", b"d", b"e", b"f"})
_LETTER = re.compile(rb"[A-Fa-f]")
_FRACTION = re.compile(rb"[0-9]\.\Z")
_REACH = 64
"""How far back a run of hexadecimal digits is followed, bytes: SHA-256 in hex."""

_EXPIRY = re.compile(rb"(?:0[1-9]|1[0-2])(?:2[4-9]|3[0-9]|4[0-5])")
_YEAR = re.compile(rb"19[5-9][0-9]|20[0-4][0-9]")
_IBAN_HEAD = re.compile(rb"[A-Z]{2}[0-9]{2}")
_TOKEN_BEFORE = re.compile(rb"[0-9A-Za-z]{1,8}\Z")
_FOUR = re.compile(rb"[0-9]{4}")

# How card numbers are printed, by lengths of groups.  Any other grouping is possible, and less sure.
_PRINTED = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13)})


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The card number in window[start:end] or in a part of it made of whole groups: the surest, then the longest."""
    if window[start:end].isdigit() and not luhn.is_valid(window[start:end]):
        return None  # one run of digits that is none: the usual case by far
    groups = [match.span() for match in _GROUP.finditer(window, start, end)]
    found = [confirmed for part in _parts(groups) if (confirmed := _confirm(window, part))]
    return max(found, key=lambda confirmed: confirmed.evidence, default=None) if found else None


def _parts(groups: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Every sequence of neighbouring groups with the digits of a card number, the longest first, from left to right."""
    lengths = [high - low for low, high in groups]
    for size in range(len(groups), 0, -1):
        least = MIN_DIGITS if size == 1 else MIN_GROUPED
        for first in range(len(groups) - size + 1):
            if least <= sum(lengths[first : first + size]) <= MAX_DIGITS:
                yield groups[first : first + size]


def _confirm(window: bytes, groups: list[tuple[int, int]]) -> Confirmed | None:
    """A card number made of exactly these groups."""
    digits = b"".join([window[low:high] for low, high in groups])
    if not luhn.is_valid(digits):
        return None
    issuer = issuer_of(digits)
    separators = {window[left[1] : right[0]] for left, right in pairwise(groups)}
    if issuer is None or len(separators) > 1:
        return None
    test = digits in TEST_NUMBERS
    start, end = groups[0][0], groups[-1][1]
    if (len(set(digits)) <= 2 and not test) or _is_part_of_more(window, start, end, groups):
        return None
    evidence = Evidence.STRONG if test else _evidence(issuer.evidence, groups)
    return Confirmed(start, end, issuer.brand, evidence, test)


def _shape(groups: list[tuple[int, int]]) -> tuple[int, ...]:
    """The lengths of the groups."""
    return tuple(high - low for low, high in groups)


def _evidence(base: Evidence, groups: list[tuple[int, int]]) -> Evidence:
    """How sure: the issuer's range, better if grouped as cards are printed, worse in any other grouping."""
    shape = _shape(groups)
    if len(shape) == 1 or base is Evidence.WEAK:
        return base
    return Evidence.STRONG if shape in _PRINTED else Evidence.WEAK


def _is_part_of_more(window: bytes, start: int, end: int, groups: list[tuple[int, int]]) -> bool:
    """Whether the text around window[start:end] shows that it is only a part of something."""
    if _digit_at(window, start - 1) or _digit_at(window, end):
        return True
    if len(groups) == 1:
        return _is_fraction(window, start) or _in_hex(window, start, end)
    separator = window[groups[0][1] : groups[1][0]]
    return _has_group_before(window, start, separator) or (
        separator == b"-" and _in_uuid(window, start, groups)
    )


def _digit_at(window: bytes, at: int) -> bool:
    return 0 <= at < len(window) and 48 <= window[at] <= 57


def _has_group_before(window: bytes, start: int, separator: bytes) -> bool:
    """Whether a group stands before the number that makes it a longer one, or an IBAN."""
    if not window.endswith(separator, 0, start):
        return False
    found = _TOKEN_BEFORE.search(window, max(0, start - len(separator) - 8), start - len(separator))
    token = found.group() if found else b""
    if _IBAN_HEAD.fullmatch(token):
        return True
    return bool(_FOUR.fullmatch(token)) and not (_EXPIRY.fullmatch(token) or _YEAR.fullmatch(token))


def _in_uuid(window: bytes, start: int, groups: list[tuple[int, int]]) -> bool:
    """Whether the groups go on where a UUID began, or are grouped like the beginning of one."""
    head = _UUID_HEAD.search(window, max(0, start - _UUID_WIDTH), start)
    return _shape(groups)[:3] == _UUID_SHAPE or (
        head is not None and _LETTER.search(head.group()) is not None
    )


def _is_fraction(window: bytes, start: int) -> bool:
    return _FRACTION.search(window, max(0, start - 2), start) is not None


def _in_hex(window: bytes, start: int, end: int) -> bool:
    """Whether the number goes on, or went on before, as the hexadecimal digits of an id."""
    behind = window[end : end + 1]
    if behind in _HEX_BEHIND:
        is_length_prefixed = start > 0 and window[start - 1] == end - start
        return not is_length_prefixed
    before = _HEX_BEFORE.search(window, max(0, start - _REACH), start)
    return before is not None and end - before.start() >= HEX_ID and not (behind.isalnum() and behind != b"D")
