"""Moves the bytes of one direction: read, inspect, write; read no further while the other side is slow.

A pump owns no decision.  `feed` says what may go out; the connection hears of everything else.
"""

from __future__ import annotations

import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from sidecar.core.inspection import Step
from sidecar.relay import sockets

if TYPE_CHECKING:
    import asyncio

    from sidecar.core.flow import Side
    from sidecar.relay.connection import Connection

FIRST_READ: Final = 16 * 1024
LARGEST_READ: Final = 256 * 1024
"""Reads grow to this size while they come back full: it bounds what one direction can have in memory."""
READS: Final = 4
"""Reads of one connection in one turn of the loop."""


class Pump:
    """One direction of one connection, from `source` to `target`."""

    __slots__ = (
        "_backlog",
        "_conn",
        "_ending",
        "_loop",
        "_pause",
        "_reading",
        "_size",
        "_source",
        "_target",
        "_waited",
        "done",
        "moved",
        "sent",
        "side",
    )

    def __init__(self, conn: Connection, side: Side, source: socket.socket, target: socket.socket) -> None:
        self._conn = conn
        self._loop = conn.loop
        self._source, self._target = source, target
        self._size = FIRST_READ
        self._backlog: memoryview | bytes = b""
        self._reading = self._ending = False
        self._pause: asyncio.TimerHandle | None = None
        self._waited = False
        self.side = side
        self.moved = 0
        """Bytes read and not yet counted by the connection."""
        self.sent = 0
        """Bytes written to the target."""
        self.done = False
        """The source has ended and everything it sent was passed on."""

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read."""
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def stop(self) -> None:
        """Neither read nor write any more."""
        self.stop_reading()
        if self._backlog:
            self._backlog = b""
            self._loop.remove_writer(self._target)
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    @property
    def drained(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._backlog

    def finish_with(self, last: bytes) -> None:
        """Write what waits, then `last`, then half-close; nothing more will be read."""
        self._ending = True
        self.send(last)
        self._maybe_end()

    def stop_reading(self) -> None:
        """Take no more from the source."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)

    # --- events from the loop ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Read until there is no more, but give other connections a turn.

        Not just once: after an error libuv calls once and never again, and data may be queued before a reset.
        """
        for _ in range(READS):
            if not (self._reading and self._read()):
                return
        self._loop.call_soon(self._readable)

    def _read(self) -> bool:
        """Take one piece from the source; whether more may be there."""
        try:
            data = self._source.recv(self._size)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self._conn.broken()
            return False
        count = len(data)
        if not count:
            self._ended()
            return False
        full = count == self._size
        if full and count < LARGEST_READ:
            self._size *= 4
        self.moved += count
        try:
            before = perf_counter_ns()
            step = self.side.feed(data)
            self._conn.metrics.scan(perf_counter_ns() - before)
        except Exception as error:  # noqa: BLE001 - whatever went wrong in inspection is a denial, never a pass
            self._conn.failed(self, data, error)
            return False
        try:
            self._react(data, step)
        except Exception as error:  # noqa: BLE001 - a defect must end the connection, not leave it half open
            self._conn.crashed(error)
            return False
        return full

    def _react(self, data: bytes, step: Step) -> None:
        if step.findings or step.verdict is not None:
            self._conn.stepped(self, step)
            return
        if step.release:
            self.send(step.release)
        if step.release is not data or self.side.passing:
            self._conn.looked_closer(self)

    def _ended(self) -> None:
        """The source will send no more."""
        self.stop_reading()
        self._ending = True
        try:
            step = self._conn.close_side(self)
        except Exception as error:  # noqa: BLE001 - as above
            self._conn.failed(self, b"", error)
            return
        self._conn.stepped(self, step)

    def _writable(self) -> None:
        if self._write(self._backlog):
            return
        self._loop.remove_writer(self._target)
        self._maybe_end()
        if not self._ending and not self._reading:
            self.start()

    # --- writing ------------------------------------------------------------------------------------------------------

    def apply(self, step: Step) -> None:
        """Send what a step released, and end if the source has."""
        if step.release:
            self.send(step.release)
        self._maybe_end()

    def send(self, data: bytes) -> None:
        """Write now what the target takes; keep the rest and stop reading until it is gone."""
        if not data:
            return
        if self._backlog:
            self._backlog = bytes(self._backlog) + data
        elif self._write(data):
            self.stop_reading()
            self._loop.add_writer(self._target, self._writable)

    def _write(self, data: memoryview | bytes) -> bool:
        """Write; True when some of `data` is left, which is then the backlog."""
        try:
            count = self._target.send(data)
        except (BlockingIOError, InterruptedError):
            count = 0
        except OSError:
            self._backlog = b""
            self._conn.broken()
            return False
        self.sent += count
        rest = len(data) - count
        self._backlog = memoryview(data)[count:] if rest else b""
        return bool(rest)

    def _maybe_end(self) -> None:
        if self._ending and not self._backlog and not self.done:
            self.done = True
            sockets.shut_write(self._target)
            self._conn.half_closed()

    # --- the pause after which a held tail may leave ----------------------------------------------------------------

    def expect_pause(self, seconds: float) -> None:
        """Tell the connection when the source stays silent for `seconds` (up to twice that long)."""
        if self._pause is None:
            self._pause = self._loop.call_later(seconds, self._paused, seconds)
            self._waited = False
        else:
            self._waited = True

    def _paused(self, seconds: float) -> None:
        self._pause = None
        if self._waited:  # there was more since the timer began: begin anew instead of moving it each time
            self.expect_pause(seconds)
        elif not self._ending:
            self._conn.paused(self)
