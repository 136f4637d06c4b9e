"""Primary account numbers: issuer, length and Luhn of a run or of printed groups, and the text around it.

What belongs here: is this number a card number, and how sure is that?  What never does: the issuer table (issuers.py), the
sum (sums/luhn.py), what neighbours say (neighbours.py), words nearby (the pattern's context).

Found is what has an issuer, one of its lengths and a check digit, is no part of something else, has the same separator
between all its groups (a line break may stand for one of them), and more than two different digits or is published for
testing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dlp_patterns import neighbours
from dlp_patterns.issuers import BRANDS, Table, issuer_of
from dlp_patterns.model import Confirmed, Evidence
from dlp_patterns.neighbours import INVISIBLE, Number
from dlp_patterns.published import TEST_NUMBERS
from dlp_patterns.sums import luhn

MIN_DIGITS, MAX_DIGITS = 12, 19

MIN_GROUPED = 13
"""Nobody prints the twelve digits of a Maestro card in groups; three groups of four are a part of something."""

_PARTS_GROUPS = b" .-"
"""What parts a group of so many digits (`MIN_GROUPED`) from one before it."""
_BEGINS_A_RUN = frozenset(b"\"':=>([{&|@#$%;,A\t\r\n_/")
"""Bytes that part no such groups: what stands behind one is a number of its own."""
_ENDS_NO_GROUP = frozenset(range(0x80)) - frozenset(b"0123456789" + _PARTS_GROUPS)
"""Behind one of these also what parts groups begins a number."""

_GROUP = re.compile(rb"[0-9]+")
_JOINED_GROUP = re.compile(rb"[0-9](?:" + INVISIBLE + rb"{0,2}[0-9])*")
_INVISIBLE = re.compile(INVISIBLE)
_TYPOGRAPHIC = re.compile(
    rb" ?(?:\xc2[\xa0\xb7]|\xe2(?:\x80[\x80-\x8a\x90-\x95\xa2\xaf]|\x81\x9f|\x88\x92)|\xe3\x80\x80) ?"
)
"""The separators outside ASCII, as packs/pci/pan_typographic.yaml lists them."""

# How card numbers are printed, by lengths of groups.  Any other grouping is possible, and less sure.
_PRINTED = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13)})
_PRINTED_WITH = frozenset({b" ", b"-", b"\xc2\xa0", b"\xe2\x80\x89", b"\xe2\x80\xaf", b"\xe2\x80\x91"})
"""Separators that cards are printed with; others are possible, and less sure."""


_MORE_NUMBERS = re.compile(rb"[ \t,;.]-?[0-9]")


class Group(NamedTuple):
    """Digits that stand together, and where."""

    start: int
    end: int
    digits: bytes


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The card number in window[start:end] or in a part of it made of whole groups: the surest, then the longest."""
    return find(window, start, end, BRANDS)


def at_best(window: bytes, start: int, end: int) -> Evidence:
    """What `check` can say at most: one run of digits that nobody has published is not sure by itself."""
    text = window[start:end]
    return Evidence.FAIR if text.isdigit() and text not in TEST_NUMBERS else Evidence.STRONG


def rules_out(window: bytes, end: int) -> bool:
    """Whether window[:end] ends in one run of digits, part of no printed groups, that is no card number."""
    tail = window[max(0, end - MAX_DIGITS - 2) : end]
    length = len(tail) - len(tail.rstrip(b"0123456789"))
    if not MIN_GROUPED <= length <= MAX_DIGITS:
        return False
    run = tail[-length:]
    return not (luhn.is_valid(run) and issuer_of(run)) and _begins_here(window, end - length, length)


def _begins_here(window: bytes, start: int, length: int) -> bool:
    """Whether so many digits at `start` are no group of a longer number that began before."""
    if not start or (last := window[start - 1]) in _BEGINS_A_RUN:
        return True
    if last not in _PARTS_GROUPS:
        return False
    before = window[max(0, start - 2 * MAX_DIGITS) : start].rstrip(_PARTS_GROUPS)
    group = len(before) - len(before.rstrip(b"0123456789"))
    if group:
        return group + length > MAX_DIGITS
    return before != b"" and before[-1] in _ENDS_NO_GROUP


def find(window: bytes, start: int, end: int, table: Table, *, summed: bool = True) -> Confirmed | None:
    """The same with the brands of `table`; not `summed`: of numbers whose issuer gave them no check digit."""
    length = neighbours.counted(window, start)
    if MIN_DIGITS <= length == end - start - 1:
        stop = start + length  # what stands behind is no part of it
        return _find(window[:stop], start, stop, table, summed)
    return _find(window, start, end, table, summed)


def _find(window: bytes, start: int, end: int, table: Table, summed: bool) -> Confirmed | None:
    text = window[start:end]
    if text.isdigit():  # one run: the usual case by far
        return (
            _confirm(window, [Group(start, end, text)], text, table)
            if (MIN_DIGITS <= len(text) <= MAX_DIGITS and luhn.is_valid(text) is summed)
            else None
        )
    groups = _groups(window, start, end, text)
    parts = ((part, b"".join([group.digits for group in part])) for part in _parts(groups))
    found = [
        confirmed
        for part, digits in parts
        if luhn.is_valid(digits) is summed and (confirmed := _confirm(window, part, digits, table))
    ]
    return max(found, key=lambda confirmed: confirmed.evidence, default=None) if found else None


def _groups(window: bytes, start: int, end: int, text: bytes) -> list[Group]:
    """The groups of digits; what has no width does not part them."""
    if text.isascii():
        return [Group(*match.span(), match[0]) for match in _GROUP.finditer(window, start, end)]
    return [
        Group(*match.span(), _INVISIBLE.sub(b"", match[0]))
        for match in _JOINED_GROUP.finditer(window, start, end)
    ]


def _parts(groups: list[Group]) -> Iterator[list[Group]]:
    """Every sequence of neighbouring groups with the digits of a card number, the longest first, from left to right."""
    lengths = [len(group.digits) for group in groups]
    for size in range(len(groups), 0, -1):
        least = MIN_DIGITS if size == 1 else MIN_GROUPED
        for first in range(len(groups) - size + 1):
            if least <= sum(lengths[first : first + size]) <= MAX_DIGITS:
                yield groups[first : first + size]


def _confirm(window: bytes, groups: list[Group], digits: bytes, table: Table) -> Confirmed | None:
    """A card number made of exactly these groups."""
    issuer = issuer_of(digits, table)
    separators = _separators(window, groups)
    if issuer is None or len(separators) > 1 or not all(map(_may_separate, separators)):
        return None
    test = digits in TEST_NUMBERS
    start, end = groups[0].start, groups[-1].end
    separator = next(iter(separators), b"")
    number = Number(window, start, end, tuple(group.digits for group in groups), separator)
    if (len(set(digits)) <= 2 and not test) or neighbours.part_of(number):
        return None
    evidence = Evidence.STRONG if test else _evidence(issuer.evidence, number)
    return Confirmed(start, end, issuer.brand, evidence, test)


def _separators(window: bytes, groups: list[Group]) -> set[bytes]:
    """What stands between the groups.  A line break counts only where there is nothing else."""
    gaps = {_INVISIBLE.sub(b"", window[left.end : right.start]) for left, right in pairwise(groups)}
    plain = {gap for gap in gaps if b"\n" not in gap}
    return plain or gaps


def _may_separate(gap: bytes) -> bool:
    return gap.isascii() or _TYPOGRAPHIC.fullmatch(gap) is not None


def _evidence(base: Evidence, number: Number) -> Evidence:
    """How sure: the issuer's range, better if grouped as cards are printed, worse in any other grouping or company."""
    if neighbours.doubt(number):
        return Evidence.WEAK
    if not number.separator:
        return base
    shape = tuple(map(len, number.groups))
    printed = number.separator in _PRINTED_WITH
    if base is Evidence.WEAK:
        return Evidence.SLIGHT if printed and shape in _PRINTED else base
    if shape not in _PRINTED:
        return _unusually_grouped(base, number, shape)
    one_of_more = neighbours.groups_behind(number) or neighbours.rising(number.groups)
    return Evidence.STRONG if printed and not one_of_more else Evidence.FAIR


def _unusually_grouped(base: Evidence, number: Number, shape: tuple[int, ...]) -> Evidence:
    """Nobody prints a number so; but a run may be wrapped where a line is full."""
    wrapped = b"\n" in number.separator and len(shape) == 2
    in_a_table = neighbours.groups_behind(number) or _MORE_NUMBERS.match(number.behind)
    return base if wrapped and not in_a_table else Evidence.WEAK
