"""Knows our own calls again: a pod that calls itself through its own Service arrives with the address of its node.

kube-proxy turns the Service's address to the pod's own and, so that the answers find back, the source to the node's.
Nothing on the wire says any more that this is us, and a node is no partner of the CDE.  So we ask: the inbound side sends
16 random bytes to the peer that it would deny, and the outbound side looks whether a call that is under way begins with
them.  Then that call is carried on inside the pod, to where the inbound connection wanted to go, and *the inbound
connection itself is dropped*: never is a byte taken from it.

    app -> outbound side -> Service address ~~~> node address -> inbound side   would be denied: nonce
    app -> outbound side    <~~~~~~~~~~~~~~~~~~~~~~~ nonce ~~~~~~~~~~~~~~~~~~
    app -> outbound side -----------------------------------> app               and the detour is closed

So nothing is gained by whoever passes a nonce on: a stranger at a node, challenged while we call a server that works
with it, can at most have our own call end at ourselves; the stranger is still shown out.

Which way it errs: a denial stays a denial unless the nonce comes back within a second, on a call that has not been
answered and does not go to a pod by its own address.  Nonces are looked for on every such call until its first byte,
also after that second, so that an application never reads one.

What never belongs here: letting a connection from outside through.
"""

from __future__ import annotations

import secrets
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sidecar.core.policy import Denial
from sidecar.core.reasons import Reason
from sidecar.core.scopes import POD_SCOPES, Direction

if TYPE_CHECKING:
    from sidecar.relay.arrival import Arrival
    from sidecar.relay.connection import Connection
    from sidecar.relay.pump import Pump
    from sidecar.relay.server import Relay

NONCE: Final = 16
"""Bytes; nobody guesses 128 bits."""
WAIT_S: Final = 1.0
"""For the nonce to come back; on one machine it takes less than a millisecond."""
UNDER_WAY_TICKS: Final = 3
"""Seconds after which a call that was not answered is no reason any more to challenge anybody."""
REMEMBER_S: Final = 10.0
"""For so long a nonce that did not come back is known, should it come late."""
MOST_KNOWN: Final = 1024
"""Nonces known; no more challenges while there are so many."""
HALF_S: Final = 0.1
"""For the rest of a nonce, where a network has cut it in two."""
NO_CHANCE: Final = 8
"""Bytes that nobody sends by chance: a nonce that is cut off behind them does not go on to the application either."""
MOST_AT_ONCE: Final = 64
KEEP: Final = 256 * 1024
"""Bytes kept of what was sent on one call, to be said again; a nonce is back before the first of them is read."""

_CHALLENGED: Final = frozenset({Reason.GRID, Reason.RULE, Reason.UNKNOWN_PEER, Reason.STALE_SCOPE_MAP})


class SelfCalls:
    """What one relay knows about calls that may come back to it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._under_way: set[Call] = set()
        self._open: dict[bytes, Challenge] = {}
        self._spent: deque[tuple[float, bytes]] = deque()
        self._known: set[bytes] = set()

    def watch(self, connection: Connection, destination: tuple[str, int]) -> Call | None:
        """A call to `destination` begins; None if it cannot come back to us as a stranger.

        A pod's own address leads to that pod.  Any other can be turned round: those of Services, nodes (NodePort), load
        balancers.
        """
        scopes = self._relay.world.scopes
        if connection.direction is Direction.INBOUND or scopes is None:
            return None
        if scopes.listed(destination[0]) in POD_SCOPES and not scopes.is_service(*destination):
            return None
        call = Call(self, connection)
        self._under_way.add(call)
        return call

    def settled(self, call: Call) -> None:
        """`call` is answered, over, or has been under way for too long."""
        self._under_way.discard(call)

    def challenge(self, arrival: Arrival, denial: Denial) -> bool:
        """Ask a peer that is about to be denied whether it is us; False if it need not be asked."""
        stranger = arrival.direction is Direction.INBOUND and denial.connection.source not in POD_SCOPES
        if not stranger or not self._under_way or denial.reason not in _CHALLENGED:
            return False
        self._forget()
        if len(self._open) >= MOST_AT_ONCE or len(self._known) >= MOST_KNOWN:
            return False
        nonce = secrets.token_bytes(NONCE)
        challenge = Challenge(self, self._relay, arrival, denial, nonce)
        if not challenge.asked:
            return False
        self._open[nonce] = challenge
        self._known.add(nonce)
        return True

    def begins_like_one(self, start: bytes) -> bool:
        """Whether `start` is (the beginning of) a nonce of ours.  Nearly always there is none to compare with."""
        if len(start) == NONCE:
            return start in self._known
        return bool(start and self._known) and any(nonce.startswith(start) for nonce in self._known)

    def answer(self, nonce: bytes) -> Challenge | None:
        """The challenge that `nonce` answers; None if it comes too late."""
        return self._open.get(nonce)

    def met(self, challenge: Challenge) -> None:
        """`challenge` was answered: its nonce has come, and will not come again."""
        del self._open[challenge.nonce]
        self._known.discard(challenge.nonce)

    def failed(self, challenge: Challenge) -> None:
        """`challenge` was not answered: its nonce stays known for a while."""
        del self._open[challenge.nonce]
        self._spent.append((self._relay.loop.time(), challenge.nonce))

    def __len__(self) -> int:
        return len(self._open)

    def tick(self) -> None:
        """Once a second."""
        for call in tuple(self._under_way):
            call.tick()

    def close(self) -> None:
        """Deny whoever still waits."""
        for challenge in tuple(self._open.values()):
            challenge.failed()

    def _forget(self) -> None:
        before = self._relay.loop.time() - REMEMBER_S
        while self._spent and self._spent[0][0] < before:
            self._known.discard(self._spent.popleft()[1])


class Challenge:
    """An inbound connection that is denied unless it turns out to be our own call."""

    def __init__(
        self, calls: SelfCalls, relay: Relay, arrival: Arrival, denial: Denial, nonce: bytes
    ) -> None:
        self.nonce = nonce
        self.asked = False
        """The peer was sent the nonce, all of it."""
        self._calls = calls
        self._relay = relay
        self._arrival = arrival
        self._denial = denial
        with suppress(OSError):
            self.asked = arrival.client.send(nonce) == NONCE
        self._timer = relay.loop.call_later(WAIT_S, self.failed) if self.asked else None

    def failed(self) -> None:
        """It is somebody else: what was decided holds."""
        self._stop_waiting()
        self._calls.failed(self)
        self._relay.begin(self._arrival, self._denial)

    def met(self) -> tuple[str, int] | None:
        """It is us.  Where the call wants to go in our own pod; None if the policy lets nobody of our scope go there."""
        self._stop_waiting()
        self._calls.met(self)
        world, arrival = self._relay.world, self._arrival
        wanted = world.between(Direction.INBOUND, world.scope, arrival.destination[1])
        decision = world.decide(wanted, self._relay.metrics.scope_map_age())
        self._relay.detour_ends(arrival, decision)
        return None if isinstance(decision, Denial) else arrival.destination

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class Call:
    """A call to a Service, until its first byte comes back; keeps what is said on it, should it have to be said again."""

    __slots__ = ("_age", "_calls", "_conn", "_kept", "_partial", "_request", "_size", "_upstream")

    def __init__(self, calls: SelfCalls, connection: Connection) -> None:
        self._calls = calls
        self._conn = connection
        self._upstream: socket.socket | None = None
        self._request: Pump | None = None
        self._kept: list[bytes] | None = []
        """None: too much was said, or too long ago."""
        self._size = self._age = 0
        self._partial = False

    def begin(self, upstream: socket.socket, request: Pump) -> None:
        """The upstream has answered the dial; `request` is what moves bytes to it."""
        self._upstream, self._request = upstream, request
        request.call = self
        self._conn.loop.add_reader(upstream, self._readable)

    def keep(self, data: bytes) -> None:
        """These bytes go to the upstream."""
        if self._kept is not None:
            self._kept.append(data)
            self._size += len(data)
            if self._size > KEEP:
                self._kept = None

    def tick(self) -> None:
        """Another second under way."""
        self._age += 1
        if self._age >= UNDER_WAY_TICKS:
            self._kept = None
            self._calls.settled(self)

    def stop(self) -> None:
        """It does not matter any more."""
        self._calls.settled(self)
        if self._request is not None:
            self._request.call = None
        if self._upstream is not None:
            self._conn.loop.remove_reader(self._upstream)
            self._upstream = None

    def _readable(self) -> None:
        try:
            self._listen()
        except Exception as error:  # noqa: BLE001 - however it ends, a connection must not stay half open
            self._conn.broken(error)

    def _listen(self) -> None:
        """Look at the first bytes and leave them where they are.  Raises OSError when the upstream is gone."""
        assert self._upstream is not None
        try:
            start = self._upstream.recv(NONCE, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        if not self._calls.begins_like_one(start):
            self._go_on()
        elif len(start) == NONCE:
            self._come_back(start)
        elif not self._partial:
            # Wake us when all of it is there, or no more comes.
            self._partial = True
            self._upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, NONCE)
            self._conn.loop.call_later(HALF_S, self._no_more)
        else:
            self._no_more()

    def _no_more(self) -> None:
        """A nonce that stays a beginning."""
        if self._upstream is None:
            return
        with suppress(BlockingIOError, InterruptedError):
            if len(self._upstream.recv(NONCE, socket.MSG_PEEK)) >= NO_CHANCE:
                self.stop()
                self._conn.abort()
                return
        self._go_on()

    def _go_on(self) -> None:
        upstream = self._upstream
        assert upstream is not None
        if self._partial:
            upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self.stop()
        self._conn.answered()

    def _come_back(self, nonce: bytes) -> None:
        challenge, kept = self._calls.answer(nonce), self._kept
        self.stop()
        inside = None
        if challenge is not None and kept is not None:
            inside = challenge.met()
        elif challenge is not None:
            challenge.failed()
        if inside is None:
            self._conn.abort()
        else:
            self._conn.turn_inside(inside, b"".join(kept or ()))
