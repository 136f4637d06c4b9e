"""What is shown on a cluster: the lab's scenarios, but for those that need a pod outside or a dead sidecar, and some that
only a cluster has: Services, names of StatefulSets, namespaces that are not opted in, a pod that calls itself.
"""

from typing import Final

from sidecar.lab.clients import Curl, Raw
from sidecar.lab.samples import VISA
from sidecar.lab.scenarios import GRID, PAN, SCENARIOS, Arrival, Change, Scenario, Seen
from sidecar.lab.topology import TCP_PORT

_LAB: Final = tuple(
    each
    for each in SCENARIOS
    if each.source != "internet"
    and all(change is not Change.KILLED for _, change in each.changes)
    # UDP to a Service without a UDP port goes nowhere by itself; shown below to a pod that would answer.
    and each.title != "UDP out of a pod"
    and each.title != "sidecar back: PAN in a request body"
)

CLUSTER: Final = (
    Scenario(
        title="to a pod of a StatefulSet by name",
        source="checkout",
        target="ledger",
        client=Curl(body="a clean message"),
        expect=Seen.PASSED,
        reason=GRID,
        shows="a clean message",
    ),
    Scenario(
        title="PAN to a StatefulSet, IPv6",
        source="gateway",
        target="ledger",
        client=Curl(body=f"card={VISA}", v6=True),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="a pod that calls itself by its Service",
        source="checkout",
        target="checkout",
        client=Curl(body="myself"),
        expect=Seen.PASSED,
        reason=GRID,
        shows="myself",
    ),
    Scenario(
        title="a pod that is not opted in, to in-scope",
        source="stranger",
        target="vault",
        client=Curl(),
        expect=Seen.DENIED,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="the same in raw TCP, IPv6",
        source="stranger",
        target="vault",
        client=Raw(payload=b"knock\n", port=TCP_PORT, v6=True),
        expect=Seen.DENIED,
        arrives=Arrival.NOTHING,
    ),
)

SHOWN: Final = (*_LAB, *CLUSTER)


def without_internet() -> tuple[Scenario, ...]:
    """On a cluster of the user's own nobody plays the host outside."""
    return tuple(each for each in SHOWN if "internet" not in (each.source, each.target))
