"""Waiting for what another process makes true a little later.

What never belongs here: what that is, and what is expected then.
"""

import time
from collections.abc import Callable


def until(true: Callable[[], bool], what: str, seconds: float = 120, pace: float = 0.25) -> float:
    """Wait until something is true, and say how long that took; fails when it does not become true.

    It is asked every `pace` seconds: most of what is asked is a word of kubectl.
    """
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(pace)
    return time.monotonic() - begun
