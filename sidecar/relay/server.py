"""Accepts redirected connections and looks after those that are open: limits, time-outs, draining."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Final

from sidecar import contract
from sidecar.core.findings import Channel
from sidecar.core.policy import Denial, Permit
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction
from sidecar.net.origdst import original_destination
from sidecar.relay import sockets
from sidecar.relay.account import Account, facts
from sidecar.relay.arrival import Arrival
from sidecar.relay.connection import Connection
from sidecar.relay.doubts import Doubts
from sidecar.relay.hairpin import SelfCalls
from sidecar.relay.outbox import Outbox
from sidecar.relay.source_ports import SourcePorts
from sidecar.relay.splice import Pipes

if TYPE_CHECKING:
    from sidecar.ops.event_log import EventLog
    from sidecar.ops.metrics import Metrics
    from sidecar.ops.scope_lookup import ScopeLookup
    from sidecar.ops.settings import Settings
    from sidecar.relay.world import Regime, World

ACCEPTS: Final = 64
"""Connections taken from one listener in one turn of the loop."""
TICK: Final = 1.0
DRAIN_LOOK: Final = 0.1
"""Seconds between looks at what is still open while draining."""
PROBES: Final = frozenset((address, contract.PROBE_PORT) for address in contract.PROBE_ADDRESSES)

log = logging.getLogger(__name__)


class Relay:
    """All connections of one sidecar."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        limit: int,
        metrics: Metrics,
        events: EventLog,
        lookup: ScopeLookup | None = None,
    ) -> None:
        """`limit` is the number of connections that may be open at once."""
        self.loop = asyncio.get_running_loop()
        self.world = world
        self.metrics = metrics
        self.events = events
        self.pipes = Pipes()
        self.outbox = Outbox(self.loop)
        self.self_calls = SelfCalls(self)
        self.doubts = Doubts(self, lookup)
        self.connect_timeout = settings.connect_timeout_s
        self.hold_idle = settings.hold_idle_ms / 1000
        self.splice = settings.splice
        self.own_flows: set[tuple[tuple[str, int], tuple[str, int]]] = set()
        """Both ends of our upstream connections: what arrives with the same two is ourselves."""
        self.parting = False
        """Inbound connections are closed as soon as they rest; new ones are served, outbound ones left alone."""
        self._limit = limit
        self._idle_ticks = int(settings.idle_timeout_s / TICK)
        self._ports = {
            Direction.INBOUND: settings.inbound_port,
            Direction.OUTBOUND: settings.outbound_port,
        }
        self._addresses = settings.bind
        self._source_ports = SourcePorts.here()
        self._listeners: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._ticker: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen.  Raises OSError."""
        for direction, port in self._ports.items():
            for listener in sockets.listen(port, self._addresses):
                self._listeners.append(listener)
                self._accept_from(listener, direction)
        self._ticker = self.loop.call_later(TICK, self._tick)

    def dial(self, direction: Direction, destination: tuple[str, int]) -> socket.socket:
        """A socket on its way to `destination`.  Raises OSError."""
        if direction is Direction.OUTBOUND:
            return self._source_ports.dial(destination)
        return sockets.dial(destination)

    def ended(self, connection: Connection) -> None:
        """`connection` is over."""
        self._connections.remove(connection)
        self.metrics.active[connection.direction] -= 1

    async def drain(self, seconds: float) -> None:
        """Accept no more, let open connections end for up to `seconds`, then reset what is left."""
        for listener in self._listeners:
            self.loop.remove_reader(listener)
            listener.close()
        self.doubts.close()
        self.self_calls.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._connections:
                    for connection in [conn for conn in self._connections if conn.at_rest]:
                        connection.close()
                    await asyncio.sleep(DRAIN_LOOK)
        for connection in list(self._connections):
            connection.fail(Reason.DRAINING)
        if self._ticker is not None:
            self._ticker.cancel()

    # --- accepting --------------------------------------------------------------------------------------------------

    def _accept_from(self, listener: socket.socket, direction: Direction) -> None:
        if listener.fileno() >= 0:  # it may be closed by now
            self.loop.add_reader(listener, self._acceptable, listener, direction)

    def _acceptable(self, listener: socket.socket, direction: Direction) -> None:
        for _ in range(ACCEPTS):
            try:
                client, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # out of descriptors: the backlog waits, the loop must not spin
                log.error("accept failed: %s", error.strerror)
                self.loop.remove_reader(listener)
                self.loop.call_later(TICK, self._accept_from, listener, direction)
                return
            try:
                self._accepted(client, peer[:2], direction)
            except OSError as error:  # the client is gone already
                log.debug("connection lost while accepting: %s", error.strerror)
                sockets.reset(client)

    def _accepted(self, client: socket.socket, peer: tuple[str, int], direction: Direction) -> None:
        """Decide about a new connection and begin it, or reset it.  Raises OSError when the client is gone."""
        client.setblocking(False)
        asked = original_destination(client)
        if asked in PROBES:
            self._answer_probe(client)
            return
        destination = asked or client.getsockname()[:2]
        arrival = Arrival(client, peer, destination, direction)
        wanted = self.world.connection(direction, arrival.asked_about[0], destination[1])
        refusal = self._refusal(direction, peer, asked)
        if refusal is not None:
            self.begin(arrival, Denial(wanted, refusal, refusal.value))
            return
        decision = self.world.decide(wanted, self.metrics.scope_map_age())
        settled = isinstance(decision, Permit) and decision.would_deny is None
        if settled or not self.doubts.hold(arrival, decision):
            self.begin(arrival, decision)

    def begin(self, arrival: Arrival, decision: Permit | Denial) -> None:
        """The last word about a connection: dial for it, or reset it."""
        regime = self.world.regime
        account = self._decided(arrival, decision, regime)
        if isinstance(decision, Denial):
            sockets.reset(arrival.client)
            return
        connection = Connection(self, decision, regime, account, arrival.client)
        self._connections.add(connection)
        self.metrics.active[arrival.direction] += 1
        connection.dial(decision, arrival.destination)

    def detour_ends(self, arrival: Arrival, decision: Permit | Denial) -> None:
        """An inbound connection was our own call, which goes on without it, if `decision` lets it."""
        account = self._decided(arrival, decision, self.world.regime)
        account.close(Channel.UNDECIDED)
        sockets.reset(arrival.client)

    def _decided(self, arrival: Arrival, decision: Permit | Denial, regime: Regime) -> Account:
        told = facts(
            decision.connection, arrival.peer, arrival.destination, regime.mode, regime.policy.version
        )
        account = Account(self.metrics, self.events, told)
        account.decided(decision)
        return account

    def _answer_probe(self, client: socket.socket) -> None:
        """Our own question whether redirection works."""
        client.send(contract.PROBE_ANSWER)
        client.close()

    def _refusal(
        self, direction: Direction, peer: tuple[str, int], asked: tuple[str, int] | None
    ) -> Reason | None:
        """Why a connection cannot be served whatever the policy says."""
        if asked is None:
            return Reason.UNKNOWN_DESTINATION
        to_ourselves = direction is Direction.INBOUND and asked[1] in self._ports.values()
        if to_ourselves or (peer, asked) in self.own_flows:
            return Reason.LOOP
        open_ones = len(self._connections) + len(self.doubts) + len(self.self_calls)
        return Reason.OVERLOADED if open_ones >= self._limit else None

    # --- once a second ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        for connection in list(self._connections):
            connection.tick(self._idle_ticks)
            if self.parting and connection.direction is Direction.INBOUND and connection.at_rest:
                connection.close()
        self.self_calls.tick()
        self._ticker = self.loop.call_later(TICK, self._tick)
