"""Accepts redirected connections and looks after those that are open: limits, time-outs, draining."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

from sidecar import contract
from sidecar.core.policy import Connection as ConnectionFacts
from sidecar.core.policy import Denial
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, PeerClass
from sidecar.net.origdst import original_destination
from sidecar.relay import sockets
from sidecar.relay.account import Account, facts
from sidecar.relay.connection import Connection
from sidecar.relay.splice import Pipes

if TYPE_CHECKING:
    from sidecar.ops.event_log import EventLog
    from sidecar.ops.metrics import Metrics
    from sidecar.ops.settings import Settings
    from sidecar.relay.world import World

ACCEPTS: Final = 64
"""Connections taken from one listener in one turn of the loop."""
TICK: Final = 1.0
PROBES: Final = frozenset((address, contract.PROBE_PORT) for address in contract.PROBE_ADDRESSES)

log = logging.getLogger(__name__)


class Relay:
    """All connections of one sidecar."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        metrics: Metrics,
        events: EventLog,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.world = world
        self.metrics = metrics
        self.events = events
        self.pipes = Pipes()
        self.connect_timeout = settings.connect_timeout_s
        self.hold_idle = settings.hold_idle_ms / 1000
        self.splice = settings.splice
        self.own_addresses: set[tuple[str, int]] = set()
        """Local ends of our upstream connections: whoever arrives from one of them is ourselves."""
        self._settings = settings
        self._listeners: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    def start(self) -> None:
        """Listen.  Raises OSError."""
        for direction, port in (
            (Direction.INBOUND, self._settings.inbound_port),
            (Direction.OUTBOUND, self._settings.outbound_port),
        ):
            for listener in sockets.listen(port, self._settings.bind):
                self._listeners.append(listener)
                self.loop.add_reader(listener, self._acceptable, listener, direction)
        self._ticker = self.loop.call_later(TICK, self._tick)

    def ended(self, connection: Connection) -> None:
        """`connection` is over."""
        if connection in self._connections:
            self._connections.discard(connection)
            self.metrics.active[connection.direction] -= 1
        if not self._connections:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Accept no more, let open connections end for up to `seconds`, then reset what is left."""
        for listener in self._listeners:
            self.loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        deadline = self.loop.time() + seconds
        while self._connections and self.loop.time() < deadline:
            for connection in [conn for conn in self._connections if conn.at_rest]:
                connection.close()
            self._empty.clear()
            if self._connections:
                with_limit = asyncio.wait_for(self._empty.wait(), min(TICK, deadline - self.loop.time()))
                await asyncio.gather(with_limit, return_exceptions=True)
        for connection in list(self._connections):
            connection.account.failed(Reason.DRAINING)
            connection.abort()
        if self._ticker is not None:
            self._ticker.cancel()

    # --- accepting --------------------------------------------------------------------------------------------------

    def _acceptable(self, listener: socket.socket, direction: Direction) -> None:
        for _ in range(ACCEPTS):
            try:
                client, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # out of descriptors: the backlog waits, the loop must not spin
                log.error("accept failed: %s", error.strerror)
                self.loop.remove_reader(listener)
                self.loop.call_later(
                    TICK, self.loop.add_reader, listener, self._acceptable, listener, direction
                )
                return
            try:
                self._accepted(client, peer[:2], direction)
            except OSError as error:  # the client is gone already
                log.debug("connection lost while accepting: %s", error.strerror)
                sockets.reset(client)

    def _accepted(self, client: socket.socket, peer: tuple[str, int], direction: Direction) -> None:
        client.setblocking(False)
        destination = original_destination(client)
        if destination in PROBES:
            self._answer_probe(client)
            return
        refusal = self._refusal(client, peer, destination)
        if destination is None:
            destination = client.getsockname()[:2]
        them = destination[0] if direction is Direction.OUTBOUND else peer[0]
        decision = refusal or self.world.decide(direction, them, destination[1], self.metrics.scope_map_age())
        mode, policy = self.world.mode, self.world.policy.version
        account = Account(
            self.metrics, self.events, facts(decision.connection, peer, destination, mode, policy)
        )
        account.decided(decision)
        if isinstance(decision, Denial):
            sockets.reset(client)
            return
        sockets.no_delay(client)
        connection = Connection(self, decision, account, client)
        self._connections.add(connection)
        self.metrics.active[direction] += 1
        connection.dial(decision, destination)

    def _answer_probe(self, client: socket.socket) -> None:
        """Our own question whether redirection works."""
        client.send(contract.PROBE_ANSWER)
        client.close()

    def _refusal(
        self, client: socket.socket, peer: tuple[str, int], destination: tuple[str, int] | None
    ) -> Denial | None:
        """Why a connection cannot be served whatever the policy says."""
        reason = None
        if destination is None:
            reason = Reason.UNKNOWN_DESTINATION
        elif destination == client.getsockname()[:2] or peer in self.own_addresses:
            reason = Reason.LOOP
        elif len(self._connections) >= self._settings.max_connections:
            reason = Reason.OVERLOADED
        if reason is None:
            return None
        port = destination[1] if destination is not None else 0
        connection = ConnectionFacts(Direction.INBOUND, PeerClass.UNKNOWN, self.world.scope, port)
        return Denial(connection, reason, reason.value)

    # --- once a second ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        limit = int(self._settings.idle_timeout_s / TICK)
        for connection in list(self._connections):
            connection.tick(limit)
        self._ticker = self.loop.call_later(TICK, self._tick)
