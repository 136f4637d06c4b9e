"""Dates of birth: a day of the calendar on which somebody alive can be born.

What belongs here: the orders in which a date is written, and the years that are plausible.  What never does: today (no
clock here), and whether the date is one of birth, which only its name can say.
"""

from __future__ import annotations

import re

from dlp_patterns.issued import is_day
from dlp_patterns.model import Confirmed, Evidence

_YEAR_FIRST = re.compile(rb"((?:19|20)[0-9]{2})([-./]?)([0-9]{1,2})\2([0-9]{1,2})\Z")
_YEAR_LAST = re.compile(rb"([0-9]{1,2})([-./ ])([0-9]{1,2})\2((?:19|20)[0-9]{2})\Z")
_YEARS = range(1905, 2031)


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The date at the end of window[start:end], if it is one in any order."""
    if found := _YEAR_FIRST.search(window, start, end):
        year, one, two = (int(found[group]) for group in (1, 3, 4))
        real = is_day(year, one, two)
    elif found := _YEAR_LAST.search(window, start, end):
        one, two, year = (int(found[group]) for group in (1, 3, 4))
        real = is_day(year, one, two) or is_day(year, two, one)
    else:
        return None
    if not real or year not in _YEARS or _digit_before(window, found.start()):
        return None
    return Confirmed(found.start(), end, "birth_date", Evidence.WEAK)


def _digit_before(window: bytes, start: int) -> bool:
    return start > 0 and 48 <= window[start - 1] <= 57
