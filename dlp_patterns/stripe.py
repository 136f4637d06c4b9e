"""What follows the card number on a magnetic stripe: expiry and service code (ISO/IEC 7813).

What belongs here: the fields both tracks share.  What never does: sentinels and field separators, which the
tracks have their own of.
"""

from __future__ import annotations

import re

# YYMM with a month, then a service code: interchange 1 2 5 6 7 9, authorisation 0 2 4, services 0-7.  `^`
# or `=` stands for a field that is left out.
_AFTER_NUMBER = re.compile(rb"(?:[0-9]{2}(?:0[1-9]|1[0-2])|[\^=])(?:[125679][024][0-7]|[\^=])")


def is_plausible(data: bytes) -> bool:
    """Whether `data` begins with an expiry and a service code as they stand on a stripe."""
    return _AFTER_NUMBER.match(data) is not None
