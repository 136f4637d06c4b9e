"""Waiting for what comes a little later than the answer that a client has: ledgers.

What never belongs here: what is expected of them.
"""

from sidecar.lab.app import Tally
from sidecar.lab.lab import Lab
from sidecar.lab.topology import Pod
from tests.kit.waiting import until

PACE = 0.01
"""Seconds between two looks: what is waited for takes milliseconds on a quiet machine."""


def at_rest(lab: Lab, pod: Pod) -> dict[str, Tally]:
    """What `pod` has received once none of its connections is open: a server counts after it has answered."""
    until(lambda: not any(tally.open for tally in lab.received(pod).values()), "nothing is open", pace=PACE)
    return lab.received(pod)
