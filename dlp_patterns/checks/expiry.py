"""When a card expires: a month and a year, which only a name or a card number beside them tells from any other.

What belongs here: which months and years are plausible, and the record of card number and expiry.  What never does: names,
which the expression states.
"""

from __future__ import annotations

import re

from dlp_patterns.checks import pan
from dlp_patterns.model import Confirmed, Evidence

_MONTH, _YEAR = rb"(?:0[1-9]|1[0-2])", rb"(?:20)?(?:1[5-9]|[2-4][0-9])"
_PARTED = re.compile(_MONTH + rb"[ ]?[/-][ ]?" + _YEAR + rb"|20[2-4][0-9]-" + _MONTH)
_RUN = re.compile(_MONTH + _YEAR + rb"|(?:1[5-9]|[2-4][0-9])" + _MONTH)
_DATE = re.compile(rb"[0-9](?:[0-9 /-]{2,6})[0-9]\Z")
_BESIDE = re.compile(rb"(?<![0-9])([0-9](?:[ -]?[0-9]){11,18})[|,;:\t \"']{1,4}\Z")
_LETTER = re.compile(rb"[A-Za-z]")
_GOES_ON = re.compile(rb"[0-9A-Za-z_]|[.,/:-][0-9]")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The date at the end of window[start:end]: FAIR as MM/YY, WEAK as four digits, STRONG behind a card number."""
    date = _DATE.search(window, max(start, end - 9), end)
    if date is None or _GOES_ON.match(window, end):
        return None
    at = next((at for at in range(date.start(), end - 3) if _is_date(window[at:end])), None)
    if at is None or window[at - 1 : at].isdigit():
        return None
    number = _BESIDE.search(window, max(0, at - 32), at)
    if number is not None and pan.check(number[1], 0, len(number[1])) is not None:
        return Confirmed(at, end, "expiry", Evidence.STRONG)
    if not _LETTER.search(window, start, at):
        return None  # a record, but not of a card
    parted = _PARTED.fullmatch(window, at, end) is not None
    return Confirmed(at, end, "expiry", Evidence.FAIR if parted else Evidence.WEAK)


def _is_date(text: bytes) -> bool:
    return (_PARTED.fullmatch(text) or _RUN.fullmatch(text)) is not None
