"""US social security numbers: what the issuer never assigned.

What belongs here: the rules of the Social Security Administration.  What never does: words nearby; a bare
nine-digit number is one in nine out of ten cases by these rules alone, so its pattern requires context.
Source: SSA, "Social Security Number Randomization" (2011): area 000, 666 and 900-999, group 00 and serial
0000 are never assigned.  Three numbers were printed in advertisements and belong to nobody.
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_NUMBER = re.compile(rb"([0-9]{3})([ .-]| - |\xe2\x80[\x87\x90-\x94\xaf]|\xc2\xa0|)([0-9]{2})\2([0-9]{4})\Z")
_NEVER_AREA = frozenset({b"000", b"666"})
_ADVERTISED = frozenset({b"078051120", b"219099999", b"457555462"})


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The number at the end of window[start:end]: FAIR if written 3-2-4, WEAK as bare digits."""
    number = _NUMBER.search(window, start, end)
    if number is None:
        return None
    area, separator, group, serial = number.groups()
    if area in _NEVER_AREA or area >= b"900" or group == b"00" or serial == b"0000":
        return None
    digits = area + group + serial
    if digits in _ADVERTISED or len(set(digits)) == 1:
        return None
    return Confirmed(number.start(), end, "ssn", Evidence.FAIR if separator else Evidence.WEAK)
