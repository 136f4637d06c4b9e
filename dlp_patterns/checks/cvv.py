"""Card verification codes: three or four digits, which only their name or a card number beside them tells from any other.

What belongs here: the names, what may stand between a name and its value, and the record of card number, expiry and code.
What never does: a code on its own.
"""

from __future__ import annotations

import re

from dlp_patterns.checks import pan
from dlp_patterns.model import Confirmed, Evidence

_SURE = rb"cv[vc]2?|card[ _-]?verification|cryptogramme"
_OTHER = rb"csc|(?:card[ _-]?)?cid|security[ _-]?code"
_SHORT = re.compile(rb"(?i:security[ _-]?code)" + rb"[^0-9A-Za-z]{1,8}[0-9]{3}\Z")
"""A field, and no one-time password, which is longer."""
_LEFT = rb"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_GAP = (
    rb"(?:[ _-]?(?i:code|value|number|num|no|nr|digits))?\.?"
    rb"\\{0,3}[\"'`\])]{0,3}\s{0,3}(?:=>|:=|==?|:|>|(?i:is|was|ist|:?</(?:th|dt)>\s{0,8}<(?:td|dd)>))?[\s\"'`\\\[({]{0,8}"
)
_NAMED = re.compile(_LEFT + rb"(?:(?i:(" + _SURE + rb"))|(?i:" + _OTHER + rb"))" + _GAP + rb"([0-9]{3,4})\Z")
_BESIDE = rb"[|,;:/\t \"']{1,4}"
_RECORD = re.compile(
    rb"(?<![0-9])([0-9](?:[ -]?[0-9]){11,18})" + _BESIDE
    + rb"(?:0[1-9]|1[0-2])[|,;:/\t \"'-]{0,3}(?:20)?[2-4][0-9]" + _BESIDE + rb"([0-9]{3,4})\Z"
)  # fmt: skip
_GOES_ON = re.compile(rb"[0-9A-Za-z_%]|[.,-][0-9]")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The code at the end of window[start:end], by the name before it or by the card number."""
    if _GOES_ON.match(window, end):
        return None
    named = _NAMED.search(window, start, end)
    if named is not None:
        sure, short = named[1] is not None, _SHORT.search(window, start, end) is not None
        evidence = Evidence.FAIR if sure else Evidence.SLIGHT if short else Evidence.WEAK
        return Confirmed(named.start(2), end, "cvv", evidence)
    record = _RECORD.search(window, max(0, end - 48), end)
    if record is None or record.start(2) < start or pan.check(record[1], 0, len(record[1])) is None:
        return None
    return Confirmed(record.start(2), end, "cvv", Evidence.STRONG)
