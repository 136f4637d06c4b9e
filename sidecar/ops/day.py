"""Which day it is: exceptions of a policy end with one, and core has no clock.

What belongs here: the day as policies write it (UTC), and when one is over.  What never does: what ends with it.
"""

import calendar
import time

FORM = "%Y-%m-%d"
SECONDS = 86_400


def today() -> str:
    """The day, UTC."""
    return time.strftime(FORM, time.gmtime())


def end_of(day: str) -> int:
    """When `day` is over, seconds since 1970.  Raises ValueError for what is no day."""
    return calendar.timegm(time.strptime(day, FORM)) + SECONDS


def days_left(day: str, now: str) -> int:
    """How many days behind `now` there are up to and with `day`; negative when it is over."""
    return (end_of(day) - end_of(now)) // SECONDS
