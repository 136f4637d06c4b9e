"""Waiting for what comes a little later than the answer that a client has: counts, ledgers, events.

What never belongs here: what is expected of them.
"""

import time
from collections.abc import Callable

from sidecar.lab.app import Tally
from sidecar.lab.lab import Lab
from sidecar.lab.topology import Pod

PATIENCE = 120.0
"""Seconds; what is waited for takes milliseconds on a quiet machine."""


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true; fails when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.01)


def at_rest(lab: Lab, pod: Pod) -> dict[str, Tally]:
    """What `pod` has received once none of its connections is open: a server counts after it has answered."""
    until(lambda: not any(tally.open for tally in lab.received(pod).values()))
    return lab.received(pod)
