"""Moves the bytes of one direction: read, inspect, write; read no further while the other side is slow.

A pump owns no decision.  `feed` says what may go out; the connection hears of everything else.
"""

from __future__ import annotations

import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from sidecar.core.inspection import Step
from sidecar.relay import sockets
from sidecar.relay.outbox import LARGEST

if TYPE_CHECKING:
    import asyncio

    from sidecar.core.findings import Channel
    from sidecar.core.flow import Side
    from sidecar.relay.account import Account
    from sidecar.relay.connection import Connection
    from sidecar.relay.hairpin import Call

FIRST_READ: Final = 16 * 1024
SMALLEST_READ: Final = 4 * 1024
LARGEST_READ: Final = 256 * 1024
"""Reads grow to this size while they come back full: it bounds what one direction can have in memory."""
READS: Final = 4
"""Reads of one connection in one turn of the loop."""
TURN_NS: Final = 5_000_000
"""Nanoseconds after which one connection lets the others have theirs: a peer that sends its body digit by digit, each in
a chunk of its own, costs a hundred times what it should."""


class Pump:
    """One direction of one connection, from `source` to `target`."""

    __slots__ = (
        "_again",
        "_backlog",
        "_blocked",
        "_conn",
        "_ending",
        "_loop",
        "_moved",
        "_outbox",
        "_pause",
        "_reading",
        "_size",
        "_source",
        "_target",
        "_waited",
        "call",
        "done",
        "side",
    )

    def __init__(self, conn: Connection, side: Side, source: socket.socket, target: socket.socket) -> None:
        self._conn = conn
        self._loop = conn.loop
        self._source, self._target = source, target
        self._size = FIRST_READ
        self._outbox = conn.outbox
        self._backlog: memoryview | bytes = b""
        """What is not written yet: it waits for the end of the turn or, when blocked, for the target."""
        self._blocked = False
        """The target takes no more for now; nothing is read meanwhile."""
        self._reading = self._ending = False
        self._pause: asyncio.TimerHandle | None = None
        self._waited = False
        self._again = False
        """There was more to read than fits into one turn of the loop."""
        self._moved = 0
        """Bytes read and not yet told."""
        self.side = side
        self.call: Call | None = None
        """Keeps what is sent, while the upstream has not answered and might be ourselves."""
        self.done = False
        """The source has ended and everything it sent was passed on."""

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read."""
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def stop(self) -> bytes:
        """Neither read nor write any more; what was not written yet."""
        self._stop_reading()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._blocked:
            self._blocked = False
            if self._target.fileno() >= 0:  # it may be between two targets
                self._loop.remove_writer(self._target)
        left, self._backlog = bytes(self._backlog), b""
        return left

    def turn(self, again: bytes) -> None:
        """Let go of the target; the next one, which `resume` gives, is to get `again` instead of what was sent."""
        self._stop_reading()
        if self._blocked:
            self._loop.remove_writer(self._target)
        self._blocked, self._backlog, self.done = True, again, False

    def resume(self, target: socket.socket) -> None:
        """Go on, to this target."""
        self._target, self._blocked = target, False
        if not self._ending:
            self.start()
        if self._backlog:
            self.flush()
        else:
            self._maybe_end()

    @property
    def drained(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._backlog

    def tell(self, account: Account, channel: Channel) -> int:
        """Enter into the books what moved since the last time; how many bytes that is."""
        count, self._moved = self._moved, 0
        uninspected = self.side.uninspected
        if count or uninspected:
            account.moved(channel, count, uninspected)
            uninspected.clear()
            if self.side.inspection is not None:
                account.passed_over(self.side.inspection.samples)
        return count

    # --- events from the loop ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Read until there is no more, but give other connections a turn.

        Not just once: after an error libuv calls once and never again, and data may be queued before a reset.
        """
        if self._again:
            return  # its next turn has been arranged; two in one would become four in the next
        until = perf_counter_ns() + TURN_NS
        try:
            for _ in range(READS):
                if not (self._reading and self._read()):
                    return
                if perf_counter_ns() > until:
                    break
        except Exception as error:  # noqa: BLE001 - however it ends, a connection must not stay half open
            self._conn.broken(error)
        else:
            self._again = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._again = False
        self._readable()

    def _writable(self) -> None:
        try:
            if not self._write(self._backlog):
                return
            self._blocked = False
            self._loop.remove_writer(self._target)
            self._maybe_end()
        except Exception as error:  # noqa: BLE001 - as above
            self._conn.broken(error)
        else:
            if not self._ending:
                self.start()

    def flush(self) -> None:
        """Write what waited for the end of the turn."""
        if self._blocked or not self._backlog:
            return
        try:
            self._push(self._backlog)
            self._maybe_end()
        except Exception as error:  # noqa: BLE001 - as above
            self._conn.broken(error)

    def _paused(self, seconds: float) -> None:
        self._pause = None
        if self._waited:  # there was more since the timer began: begin anew instead of moving it each time
            self.expect_pause(seconds)
        elif not self._ending:
            try:
                self._conn.paused(self)
            except Exception as error:  # noqa: BLE001 - as above
                self._conn.broken(error)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self) -> bool:
        """Take one piece from the source; whether more may be there.  Raises OSError when one side is gone."""
        try:
            data = self._source.recv(self._size)
        except (BlockingIOError, InterruptedError):
            return False
        count = len(data)
        if not count:
            self._end()
            return False
        full = count == self._size
        self._moved += count
        try:
            before = perf_counter_ns()
            step = self.side.feed(data)
            took = perf_counter_ns() - before
            self._conn.metrics.scan(took)
        except Exception as error:  # noqa: BLE001 - whatever went wrong in inspection is a denial, never a pass
            self._conn.failed(self, data, error)
            return False
        if took > TURN_NS:
            self._size = SMALLEST_READ
        elif full and count < LARGEST_READ and took < TURN_NS // 4:
            self._size *= 4
        if step.findings or step.verdict is not None:
            self._conn.stepped(self, step)
        elif step.release:
            self.send(step.release)
        if step.release is not data or self.side.passing:
            self._conn.looked_closer(self)
        return full

    def _end(self) -> None:
        """The source will send no more."""
        self._stop_reading()
        self._ending = True
        try:
            step = self._conn.close_side(self)
        except Exception as error:  # noqa: BLE001 - as above
            self._conn.failed(self, b"", error)
        else:
            self._conn.stepped(self, step)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)

    def expect_pause(self, seconds: float) -> None:
        """Tell the connection when the source stays silent for `seconds` (up to twice that long)."""
        if self._pause is None:
            self._pause = self._loop.call_later(seconds, self._paused, seconds)
            self._waited = False
        else:
            self._waited = True

    # --- writing ------------------------------------------------------------------------------------------------------

    def apply(self, step: Step) -> None:
        """Send what a step released, and end if the source has.  Raises OSError when the target is gone."""
        if step.release:
            self.send(step.release)
        self._maybe_end()

    def send(self, data: bytes) -> None:
        """Write `data` at the end of the turn, or now if it is large.  Raises OSError when the target is gone."""
        if self.call is not None:
            self.call.keep(data)
        if self._backlog:
            data = bytes(self._backlog) + data
        elif len(data) < LARGEST:
            self._outbox.put(self)
        if self._blocked or len(data) < LARGEST:
            self._backlog = data
        else:
            self._push(data)

    def _push(self, data: memoryview | bytes) -> None:
        """Write what the target takes; when it does not take all, stop reading until it has."""
        if not self._write(data):
            self._blocked = True
            self._stop_reading()
            self._loop.add_writer(self._target, self._writable)

    def _write(self, data: memoryview | bytes) -> bool:
        """Write; False when some of `data` is left, which is then the backlog.  Raises OSError."""
        try:
            count = self._target.send(data)
        except (BlockingIOError, InterruptedError):
            count = 0
        if count == len(data):
            self._backlog = b""
            return True
        self._backlog = memoryview(data)[count:]
        return False

    def _maybe_end(self) -> None:
        if self._ending and not self._backlog and not self.done:
            self.done = True
            sockets.shut_write(self._target)
            self._conn.half_closed()
