"""Connections whose decision waits: is this peer really unknown, and is it perhaps ourselves?

    denied, peer unknown      -> the controller is asked about it, at most 0.2 s    (ops.scope_lookup)
    denied, peer is no pod    -> challenged, if a call of ours is under way          (hairpin)
    still denied              -> denied

What belongs here: holding a connection that nobody has answered yet, without holding up any other.  What never does:
deciding; the answer goes through the same decision as any class from the map.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.core.policy import Denial, Permit
from sidecar.core.reasons import Reason
from sidecar.core.scopes import PeerClass
from sidecar.relay import sockets

if TYPE_CHECKING:
    from sidecar.ops.scope_lookup import ScopeLookup
    from sidecar.relay.arrival import Arrival
    from sidecar.relay.server import Relay

# What somebody else's knowledge could change.  A stale map means that nobody answers.
_OPEN_QUESTIONS = frozenset({Reason.UNKNOWN_PEER, Reason.RULE})


class Doubts:
    """The connections of one relay that wait for an answer."""

    def __init__(self, relay: Relay, lookup: ScopeLookup | None) -> None:
        self._relay = relay
        self._lookup = lookup
        self._held: dict[asyncio.Task[None], Arrival] = {}

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, arrival: Arrival, decision: Permit | Denial) -> bool:
        """Whether `decision` is not the last word.  Then `arrival` is begun, or denied, later."""
        if self._lookup is not None and _unknown(decision):
            task = self._relay.loop.create_task(self._look_up(self._lookup, arrival, decision))
            self._held[task] = arrival
            task.add_done_callback(self._held.pop)
            return True
        return isinstance(decision, Denial) and self._relay.self_calls.challenge(arrival, decision)

    def close(self) -> None:
        """Deny whatever waits."""
        for task, arrival in self._held.items():
            task.cancel()
            sockets.reset(arrival.client)

    async def _look_up(self, lookup: ScopeLookup, arrival: Arrival, decision: Permit | Denial) -> None:
        answer = await lookup.ask(*arrival.asked_about)
        try:
            self._decide_again(arrival, decision, answer)
        except BaseException:
            sockets.reset(arrival.client)
            raise

    def _decide_again(self, arrival: Arrival, decision: Permit | Denial, answer: PeerClass) -> None:
        relay = self._relay
        known = relay.world.who(*arrival.asked_about)  # the map may have heard of it meanwhile
        them = answer if known is PeerClass.UNKNOWN else known
        if them is not PeerClass.UNKNOWN:
            wanted = relay.world.between(arrival.direction, them, arrival.destination[1])
            decision = relay.world.decide(wanted, relay.metrics.scope_map_age())
        if isinstance(decision, Denial) and relay.self_calls.challenge(arrival, decision):
            return
        relay.begin(arrival, decision)


def _unknown(decision: Permit | Denial) -> bool:
    """Whether it was decided against a peer of whom nothing is known."""
    against = decision.would_deny if isinstance(decision, Permit) else decision.reason
    pair = decision.connection.source, decision.connection.destination
    return against in _OPEN_QUESTIONS and PeerClass.UNKNOWN in pair
