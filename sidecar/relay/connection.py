"""The life of one redirected connection: permit, dial at once, pump both ways, and every way it can end.

    accepted -> decided -> dialing -> open -> (spliced) -> closed
                                        \\-> blocked -> (answered) -> closed

The upstream is dialed before the client has said a word, because the server may want to speak first (SMTP, MySQL).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from typing import TYPE_CHECKING

from sidecar.core.flow import Flow
from sidecar.core.hits import EngineError
from sidecar.core.inspection import Step, Verdict
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Mode
from sidecar.ops.events import new_incident
from sidecar.relay import sockets
from sidecar.relay.answers import answer
from sidecar.relay.farewell import Farewell
from sidecar.relay.pump import Pump
from sidecar.relay.splice import SplicePump

if TYPE_CHECKING:
    from sidecar.core.policy import Permit
    from sidecar.relay.account import Account
    from sidecar.relay.hairpin import Call
    from sidecar.relay.server import Relay
    from sidecar.relay.world import Regime

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

log = logging.getLogger(__name__)


class Connection:
    """A client, an upstream, and what flows between them."""

    __slots__ = (
        "_call",
        "_client",
        "_closed",
        "_enforce",
        "_farewell",
        "_flow",
        "_own",
        "_pumps",
        "_relay",
        "_request",
        "_response",
        "_timer",
        "_upstream",
        "account",
        "direction",
        "loop",
        "metrics",
        "outbox",
        "quiet",
    )

    def __init__(
        self, relay: Relay, permit: Permit, regime: Regime, account: Account, client: socket.socket
    ) -> None:
        self.loop = relay.loop
        self.metrics = relay.metrics
        self.outbox = relay.outbox
        self.account = account
        self.direction = permit.connection.direction
        self.quiet = 0
        """Ticks without a byte in either direction."""
        self._relay = relay
        self._client = client
        self._upstream: socket.socket | None = None
        self._own: tuple[tuple[str, int], tuple[str, int]] | None = None
        """Both ends of the upstream connection."""
        self._enforce = regime.mode is Mode.PROTECT
        self._flow = Flow(regime.inspectors(permit.connection))
        self._pumps: tuple[Pump | SplicePump, ...] = ()
        """What moves bytes now, the client's first; nothing before the upstream has answered."""
        self._request: Pump | None = None
        self._response: Pump | None = None
        self._call: Call | None = None
        """While the upstream might be ourselves."""
        self._farewell: Farewell | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # --- dialing ----------------------------------------------------------------------------------------------------

    def dial(self, permit: Permit, destination: tuple[str, int]) -> None:
        """Connect to where the client wanted to go.  The permit is the proof that somebody decided so."""
        assert permit.connection.port == destination[1]
        self._call = self._relay.self_calls.watch(self, destination)
        self._connect(destination)

    def turn_inside(self, destination: tuple[str, int], again: bytes) -> None:
        """The upstream is ourselves: go on to `destination` in our own pod, where `again` is said once more.

        The permit that was given holds: it was for calling the Service that leads here.
        """
        assert self._request is not None
        assert self._response is not None
        self._request.turn(again)
        self._response.stop()
        self._drop_upstream()
        self._connect(destination)

    def answered(self) -> None:
        """The upstream has begun to speak, and is not ourselves."""
        assert self._response is not None
        self._call = None
        self._response.start()

    def _connect(self, destination: tuple[str, int]) -> None:
        try:
            upstream = self._upstream = self._relay.dial(self.direction, destination)
        except OSError as error:
            self._dial_failed(error.errno or 0)
            return
        self._own = upstream.getsockname()[:2], destination
        self._relay.own_flows.add(self._own)
        self._timer = self.loop.call_later(self._relay.connect_timeout, self.fail, Reason.DIAL_TIMEOUT)
        self.loop.add_writer(upstream, self._connected)

    def _connected(self) -> None:
        upstream = self._upstream
        assert upstream is not None
        self.loop.remove_writer(upstream)
        self._cancel_timer()
        error = sockets.connect_error(upstream)
        if error:
            self._dial_failed(error)
            return
        self._response = Pump(self, self._flow.server, upstream, self._client)
        if self._request is None:
            self._request = Pump(self, self._flow.client, self._client, upstream)
            self._request.start()
        else:
            self._request.resume(upstream)
        self._pumps = (self._request, self._response)
        if self._call is not None:
            self._call.begin(upstream, self._request)
        else:
            self._response.start()

    def _dial_failed(self, code: int) -> None:
        log.debug("dial failed: %s", os.strerror(code))
        self.fail(Reason.OVERLOADED if code in _NO_DESCRIPTOR else Reason.DIAL_FAILED)

    # --- what the pumps report --------------------------------------------------------------------------------------

    def stepped(self, pump: Pump, step: Step) -> None:
        """A step found something, ended the connection, or was the last of its direction.  Raises OSError."""
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

    def looked_closer(self, pump: Pump) -> None:
        """Bytes were kept back or replaced, or the flow turned out to be encrypted."""
        if not self._pumps:
            return  # that look was the last
        if self._flow.encrypted:
            self._maybe_splice()
        elif self._flow.waiting:
            pump.expect_pause(self._relay.hold_idle)

    def paused(self, pump: Pump) -> None:
        """The source of `pump` was silent for a while.  Raises OSError."""
        try:
            step = self._flow.client_idle() if pump is self._request else self._flow.server_idle()
        except EngineError as error:
            self.failed(pump, b"", error)
        else:
            self.stepped(pump, step)

    def close_side(self, pump: Pump) -> Step:
        """The source of `pump` will send no more.  Raises EngineError."""
        return self._flow.client_close() if pump is self._request else self._flow.server_close()

    def failed(self, pump: Pump, data: bytes, error: Exception) -> None:
        """Inspection itself failed.  In protect mode that ends the connection; never is it "no findings".

        By a reset: where the messages stand, and whether an answer would be understood, is not known any more.
        """
        # The type only: a message from deep inside could quote what it was looking at.
        log.error("inspection failed: %s", type(error).__name__)
        verdict = Verdict(Reason.ENGINE_ERROR, self._enforce, detail=type(error).__name__)
        self.account.ended_by(verdict, self._flow.channel, new_incident())
        if self._enforce:
            self.abort()
            return
        pump.side.pass_by(Reason.ENGINE_ERROR)
        pump.side.inspection = None
        pump.apply(pump.side.feed(data))

    def half_closed(self) -> None:
        """One direction has passed on everything."""
        if all(pump.done for pump in self._pumps):
            self.close()

    def broken(self, error: Exception) -> None:
        """One side has reset the connection: so do we on the other.  Anything else than that is a defect of ours."""
        if not isinstance(error, OSError):
            log.error("connection aborted: %s", type(error).__name__, exc_info=error)
        self.abort()

    # --- blocking -----------------------------------------------------------------------------------------------------

    def _block(self, pump: Pump, step: Step, verdict: Verdict, incident: str) -> None:
        """End the connection so that no complete blocked message arrives, with an answer where one is possible."""
        assert self._request is not None
        assert self._response is not None
        asking = pump is self._request
        answerable = self._flow.request_answerable if asking else verdict.untouched
        self.tell_bytes()
        self._request.stop()
        unsent = self._response.stop()
        self._pumps = ()
        self._drop_upstream()
        if not answerable:
            self.abort()
            return
        before = unsent if asking else unsent + step.release
        last = answer(403 if asking else 502, verdict, incident)
        self._farewell = Farewell(self.loop, self._client, before + last, self._parted)

    def _parted(self, heard: bool) -> None:
        if heard:
            self.close()
        else:
            self.abort()

    # --- splice -------------------------------------------------------------------------------------------------------

    def _maybe_splice(self) -> None:
        """Hand an encrypted flow to the kernel, once nothing waits in user space."""
        upstream = self._upstream
        if upstream is None or not self._relay.splice:
            return
        for pump in self._pumps:
            if isinstance(pump, Pump):
                pump.flush()
        if self._closed or any(
            pump.done or not (isinstance(pump, Pump) and pump.drained) for pump in self._pumps
        ):
            return  # it stays with the ordinary pumps, which pass it by
        self.tell_bytes()
        for pump in self._pumps:
            pump.stop()
        request = SplicePump(self, self._relay.pipes, self._client, upstream)
        response = SplicePump(self, self._relay.pipes, upstream, self._client)
        self._pumps = (request, response)
        for pump in self._pumps:
            pump.start()

    # --- once a second ------------------------------------------------------------------------------------------------

    def tick(self, limit: int) -> None:
        """Tell what moved; end the connection after `limit` ticks of silence."""
        if self.tell_bytes():
            self.quiet = 0
            if self._reset_unseen():
                self.abort()
            return
        self.quiet += 1
        if self.quiet > limit:
            self.fail(Reason.IDLE_TIMEOUT)

    def tell_bytes(self) -> int:
        """Enter into the books what moved since the last time; how many bytes that is."""
        return sum(pump.tell(self.account, self._flow.channel) for pump in self._pumps)

    def _reset_unseen(self) -> bool:
        """Whether a side was reset behind the last bytes we read.

        libuv reports an error on a socket once and then stops watching it: when a reset arrives while data is still
        queued, the data is read and nobody is told of the reset any more.
        """
        both = (self._client, self._upstream)
        return any(sock is not None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for sock in both)

    @property
    def at_rest(self) -> bool:
        """Between messages: closing now would cut nothing short."""
        sent = all(pump.drained for pump in self._pumps if isinstance(pump, Pump))
        return self.quiet > 0 and sent and self._flow.between_messages

    # --- the end ----------------------------------------------------------------------------------------------------

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

    def fail(self, reason: Reason) -> None:
        """End a connection that ran into a limit or did not reach its upstream, and tell so."""
        self.account.failed(reason, self._flow.channel)
        self.abort()

    def _finish(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.tell_bytes()
        self._cancel_timer()
        for pump in self._pumps:
            pump.stop()
        self._pumps = ()
        if self._farewell is not None:
            self._farewell.stop()
        if self._call is not None:
            self._call.stop()
        if self._upstream is not None:
            self.loop.remove_writer(self._upstream)  # still dialing
        self._forget_own()
        self.account.close(self._flow.channel)
        self._relay.ended(self)

    def _drop_upstream(self) -> None:
        if self._call is not None:
            self._call.stop()
            self._call = None
        if self._upstream is not None:
            sockets.reset(self._upstream)
            self._upstream = None
        self._forget_own()

    def _forget_own(self) -> None:
        if self._own is not None:
            self._relay.own_flows.discard(self._own)
            self._own = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
