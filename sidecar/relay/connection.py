"""The life of one redirected connection: permit, dial at once, pump both ways, and every way it can end.

    accepted -> decided -> dialing -> open -> (spliced) -> closed

The upstream is dialed before the client has said a word, because the server may want to speak first (SMTP, MySQL).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Final

from sidecar.core.findings import Channel
from sidecar.core.flow import Flow
from sidecar.core.hits import EngineError
from sidecar.core.inspection import Step, Verdict
from sidecar.core.reasons import Reason
from sidecar.ops.events import new_incident
from sidecar.relay import sockets
from sidecar.relay.answers import answer
from sidecar.relay.pump import Pump
from sidecar.relay.splice import SplicePump

if TYPE_CHECKING:
    from sidecar.core.policy import Permit
    from sidecar.relay.account import Account
    from sidecar.relay.server import Relay

LINGER: Final = 2.0
"""Seconds for which we read on after a final answer, so that it is not lost in a reset."""

log = logging.getLogger(__name__)


class Connection:
    """A client, an upstream, and what flows between them."""

    def __init__(self, relay: Relay, permit: Permit, account: Account, client: socket.socket) -> None:
        self.loop = relay.loop
        self.metrics = relay.metrics
        self.account = account
        self.direction = permit.connection.direction
        self.quiet = 0
        """Ticks without a byte in either direction."""
        self._relay = relay
        self._client = client
        self._upstream: socket.socket | None = None
        self._local: tuple[str, int] | None = None
        self._enforce = relay.world.mode.value == "protect"
        self._flow = Flow(relay.world.inspector(permit.connection))
        self._pumps: tuple[Pump, Pump] | tuple[SplicePump, SplicePump] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # --- dialing ----------------------------------------------------------------------------------------------------

    def dial(self, permit: Permit, destination: tuple[str, int]) -> None:
        """Connect to where the client wanted to go.  The permit is the proof that somebody decided so."""
        assert permit.connection.port == destination[1]
        try:
            upstream = self._upstream = sockets.client_socket(destination[0])
            upstream.connect(destination)
        except BlockingIOError:
            pass
        except OSError as error:
            self._dial_failed(error.errno or 0)
            return
        self._timer = self.loop.call_later(self._relay.connect_timeout, self._dial_timed_out)
        self.loop.add_writer(upstream, self._connected)

    def _connected(self) -> None:
        upstream = self._upstream
        assert upstream is not None
        self.loop.remove_writer(upstream)
        self._cancel_timer()
        error = upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._dial_failed(error)
            return
        self._local = upstream.getsockname()[:2]
        self._relay.own_addresses.add(self._local)
        flow = self._flow
        request = Pump(self, flow.client, self._client, upstream)
        response = Pump(self, flow.server, upstream, self._client)
        self._pumps = (request, response)
        request.start()
        response.start()

    def _dial_failed(self, code: int) -> None:
        log.debug("dial failed: %s", os.strerror(code))
        self.account.failed(Reason.DIAL_FAILED)
        self.abort()

    def _dial_timed_out(self) -> None:
        self.account.failed(Reason.DIAL_TIMEOUT)
        self.abort()

    # --- what the pumps report --------------------------------------------------------------------------------------

    def stepped(self, pump: Pump, step: Step) -> None:
        """A step found something, ended the connection, or was the last of its direction."""
        verdict = step.verdict
        incident = new_incident() if verdict is not None else ""
        if step.findings:
            self.account.found(step, self._flow.channel, enforced=self._enforce, incident=incident)
        if verdict is not None:
            self.account.ended_by(verdict, self._flow.channel, incident)
            if verdict.enforced:
                self._block(pump, step, verdict, incident)
                return
        pump.apply(step)
        if not self._closed:
            self.looked_closer(pump)

    def looked_closer(self, pump: Pump) -> None:
        """Bytes were kept back or replaced, or the flow turned out to be encrypted."""
        if self._flow.encrypted:
            self._maybe_splice()
        elif self._flow.waiting:
            pump.expect_pause(self._relay.hold_idle)

    def paused(self, pump: Pump) -> None:
        """The source of `pump` was silent for a while."""
        request = self._pumps is not None and pump is self._pumps[0]
        try:
            step = self._flow.client_idle() if request else self._flow.server_idle()
        except EngineError as error:
            self.failed(pump, b"", error)
            return
        self.stepped(pump, step)

    def close_side(self, pump: Pump) -> Step:
        """The source of `pump` will send no more.  Raises EngineError."""
        request = self._pumps is not None and pump is self._pumps[0]
        return self._flow.client_close() if request else self._flow.server_close()

    def failed(self, pump: Pump, data: bytes, error: Exception) -> None:
        """Inspection itself failed.  In protect mode that ends the connection; never is it "no findings"."""
        # The type only: a message from deep inside could quote what it was looking at.
        log.error("inspection failed: %s", type(error).__name__)
        verdict = Verdict(Reason.ENGINE_ERROR, self._enforce, detail=type(error).__name__)
        pump.side.pass_by(Reason.ENGINE_ERROR)
        pump.side.inspection = None
        self.stepped(pump, Step(data, (), verdict))

    def crashed(self, error: Exception) -> None:
        """A defect of ours: nothing more may pass on this connection."""
        log.error("connection aborted: %s", type(error).__name__, exc_info=error)
        self.abort()

    def half_closed(self) -> None:
        """One direction has passed on everything."""
        if self._pumps is not None and all(pump.done for pump in self._pumps):
            self.close()

    def broken(self) -> None:
        """One side reset the connection: so do we on the other."""
        self.abort()

    # --- blocking -----------------------------------------------------------------------------------------------------

    def _block(self, pump: Pump, step: Step, verdict: Verdict, incident: str) -> None:
        """End the connection so that no complete blocked message arrives, with an answer where one is possible."""
        assert self._pumps is not None
        request, response = self._pumps
        assert isinstance(request, Pump)
        assert isinstance(response, Pump)
        asking = pump is request
        possible = self._flow.channel is Channel.HTTP1 and (
            not self._flow.request_pending if asking else verdict.untouched
        )
        if asking and step.release and request.drained:
            request.send(step.release)  # complete messages before the blocked one
        self.account_for_bytes()
        request.stop()
        response.stop_reading()
        self._pumps = None
        self._drop_upstream()
        if not possible:
            self.abort()
            return
        self._timer = self.loop.call_later(LINGER, self.abort)
        self.loop.add_reader(self._client, self._discard)
        last = answer(403 if asking else 502, verdict, incident)
        response.finish_with((b"" if asking else step.release) + last)

    def _discard(self) -> None:
        """Read what the client still sends after our answer, so that its kernel does not throw the answer away."""
        try:
            if self._client.recv(65536):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self.abort()

    # --- splice -------------------------------------------------------------------------------------------------------

    def _maybe_splice(self) -> None:
        """Hand an encrypted flow to the kernel, once nothing waits in user space."""
        pumps = self._pumps
        if (
            pumps is None
            or self._upstream is None
            or not self._relay.splice
            or not isinstance(pumps[0], Pump)
        ):
            return
        if any(pump.done or not isinstance(pump, Pump) or not pump.drained for pump in pumps):
            return  # it stays with the ordinary pumps, which pass it by
        self.account_for_bytes()
        for pump in pumps:
            pump.stop()
        request = SplicePump(self, self._relay.pipes, self._client, self._upstream)
        response = SplicePump(self, self._relay.pipes, self._upstream, self._client)
        self._pumps = (request, response)
        request.start()
        response.start()

    # --- the end ----------------------------------------------------------------------------------------------------

    def tick(self, limit: int) -> None:
        """Once a second: count what moved; end the connection after `limit` ticks of silence."""
        if self.account_for_bytes():
            self.quiet = 0
            return
        self.quiet += 1
        if self.quiet == 1 and self._reset_unseen():
            self.abort()
            return
        if self.quiet > limit:
            self.account.failed(Reason.IDLE_TIMEOUT, self._flow.channel)
            self.abort()

    def _reset_unseen(self) -> bool:
        """Whether a side was reset behind the last bytes we read.

        libuv reports an error on a socket once and then stops watching it: when a reset arrives while data is still
        queued, the data is read and nobody is told of the reset any more.
        """
        both = (self._client, self._upstream)
        return any(sock is not None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for sock in both)

    def account_for_bytes(self) -> bool:
        """Count what moved since the last time; whether anything did."""
        moved = 0
        for pump in self._pumps or ():
            count, pump.moved = pump.moved, 0
            moved += count
            if isinstance(pump, Pump):
                if count or pump.side.uninspected:
                    self.account.moved(self._flow.channel, count, pump.side)
            elif count:
                self.account.spliced(count)
        return bool(moved)

    @property
    def at_rest(self) -> bool:
        """Between messages: closing now would cut nothing short."""
        flow = self._flow
        idle = not flow.exchange.waiting and not flow.waiting
        return flow.channel is Channel.HTTP1 and idle and self.quiet > 0

    def close(self) -> None:
        """Both sides have said everything."""
        self._finish()
        self._client.close()
        if self._upstream is not None:
            self._upstream.close()

    def abort(self) -> None:
        """Reset both sides.  Safe to call at any time, more than once."""
        self._finish()
        sockets.reset(self._client)
        if self._upstream is not None:
            sockets.reset(self._upstream)

    def _finish(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.account_for_bytes()
        self._cancel_timer()
        for pump in self._pumps or ():
            pump.stop()
        self._pumps = None
        for sock in (self._client, self._upstream):
            if sock is not None and sock.fileno() >= 0:
                self.loop.remove_reader(sock)
                self.loop.remove_writer(sock)
        self._flow.discard()
        self.account.close(self._flow.channel)
        self._forget_local()
        self._relay.ended(self)

    def _drop_upstream(self) -> None:
        if self._upstream is not None:
            self.loop.remove_reader(self._upstream)
            self.loop.remove_writer(self._upstream)
            sockets.reset(self._upstream)
            self._forget_local()
            self._upstream = None

    def _forget_local(self) -> None:
        if self._local is not None:
            self._relay.own_addresses.discard(self._local)
            self._local = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
