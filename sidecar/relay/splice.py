"""Moves bytes that need no look from socket to socket inside the kernel (splice(2)), through a pipe.

A pipe is only borrowed while bytes are in flight, so ten thousand idle connections hold none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from typing import TYPE_CHECKING, Final

from sidecar.relay import sockets
from sidecar.relay.pump import READS

if TYPE_CHECKING:
    import asyncio

    from sidecar.core.findings import Channel
    from sidecar.relay.account import Account
    from sidecar.relay.connection import Connection

CHUNK: Final = 256 * 1024
"""Bytes moved at once; also the capacity of the pipe."""
RETRY: Final = 0.1
"""Seconds after which a pipe is asked for again, where descriptors had run out."""
_KEEP: Final = 64
_F_SETPIPE_SZ: Final = 1031


class Pipes:
    """A small pool of kernel pipes."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []

    def borrow(self) -> tuple[int, int] | None:
        """An empty pipe (read end, write end); None while descriptors have run out."""
        if self._free:
            return self._free.pop()
        try:
            pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return None
            raise
        with contextlib.suppress(OSError):  # over the user's pipe budget: the default size works too
            fcntl.fcntl(pipe[1], _F_SETPIPE_SZ, CHUNK)
        return pipe

    def give_back(self, pipe: tuple[int, int], *, empty: bool) -> None:
        """Return a pipe; one with bytes in it is closed."""
        if empty and len(self._free) < _KEEP:
            self._free.append(pipe)
        else:
            os.close(pipe[0])
            os.close(pipe[1])


class SplicePump:
    """One direction that passes without a look."""

    __slots__ = (
        "_again",
        "_conn",
        "_inside",
        "_loop",
        "_moved",
        "_pipe",
        "_pipes",
        "_reading",
        "_retry",
        "_source",
        "_target",
        "done",
    )

    def __init__(self, conn: Connection, pipes: Pipes, source: socket.socket, target: socket.socket) -> None:
        self._conn = conn
        self._loop = conn.loop
        self._pipes = pipes
        self._source, self._target = source, target
        self._pipe: tuple[int, int] | None = None
        self._inside = 0
        """Bytes in the pipe, which the target has not taken yet; while there are some, nothing is read."""
        self._reading = False
        self._again = False
        """As in `Pump`: its next turn has been arranged."""
        self._retry: asyncio.TimerHandle | None = None
        self._moved = 0
        """Bytes read and not yet told."""
        self.done = False
        """The source has ended and everything it sent was passed on."""

    def start(self) -> None:
        """Begin to move bytes."""
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def stop(self) -> None:
        """Move no more."""
        self._stop_reading()
        if self._retry is not None:
            self._retry.cancel()
        if self._inside:
            self._loop.remove_writer(self._target)
        self._return_pipe()

    def tell(self, account: Account, _: Channel) -> int:
        """Enter into the books what moved since the last time; how many bytes that is."""
        count, self._moved = self._moved, 0
        if count:
            account.spliced(count)
        return count

    # --- events from the loop ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """As in `Pump`: until there is no more, for the sake of what is queued before a reset."""
        if self._again:
            return
        try:
            for _ in range(READS):
                if not (self._reading and self._read()):
                    return
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
            if not self._write():
                return
            self._loop.remove_writer(self._target)
        except Exception as error:  # noqa: BLE001 - as above
            self._conn.broken(error)
        else:
            self.start()

    # --- moving -------------------------------------------------------------------------------------------------------

    def _read(self) -> bool:
        """Take what is there; whether more may be.  Raises OSError when one side is gone."""
        pipe = self._pipe = self._pipes.borrow()
        if pipe is None:
            self._stop_reading()
            self._retry = self._loop.call_later(RETRY, self.start)
            return False
        try:
            count = os.splice(self._source.fileno(), pipe[1], CHUNK)
        except (BlockingIOError, InterruptedError):
            self._return_pipe()
            return False
        if not count:
            self._end()
            return False
        self._moved += count
        self._inside = count
        if not self._write():
            self._stop_reading()
            self._loop.add_writer(self._target, self._writable)
        return count == CHUNK

    def _write(self) -> bool:
        """Empty the pipe into the target and return it; False when the target takes no more now."""
        assert self._pipe is not None
        try:
            while self._inside:
                self._inside -= os.splice(self._pipe[0], self._target.fileno(), self._inside)
        except (BlockingIOError, InterruptedError):
            return False
        self._return_pipe()
        return True

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)

    def _return_pipe(self) -> None:
        if self._pipe is not None:
            self._pipes.give_back(self._pipe, empty=not self._inside)
            self._pipe, self._inside = None, 0

    def _end(self) -> None:
        self.stop()
        self.done = True
        sockets.shut_write(self._target)
        self._conn.half_closed()
