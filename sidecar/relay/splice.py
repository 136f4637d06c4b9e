"""Moves bytes that need no look from socket to socket inside the kernel (splice(2)), through a pipe.

A pipe is only borrowed while bytes are in flight, so ten thousand idle connections hold none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import TYPE_CHECKING, Final

from sidecar.relay import sockets

if TYPE_CHECKING:
    from sidecar.relay.connection import Connection

CHUNK: Final = 256 * 1024
"""Bytes moved at once; also the capacity of the pipe."""
_KEEP: Final = 64
_F_SETPIPE_SZ: Final = 1031


class Pipes:
    """A small pool of kernel pipes."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []

    def borrow(self) -> tuple[int, int]:
        """An empty pipe (read end, write end).  Raises OSError when descriptors run out."""
        if self._free:
            return self._free.pop()
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
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
        "_conn",
        "_inside",
        "_loop",
        "_pipe",
        "_pipes",
        "_reading",
        "_source",
        "_target",
        "done",
        "moved",
    )

    def __init__(self, conn: Connection, pipes: Pipes, source: socket.socket, target: socket.socket) -> None:
        self._conn = conn
        self._loop = conn.loop
        self._pipes = pipes
        self._source, self._target = source, target
        self._pipe: tuple[int, int] | None = None
        self._inside = 0
        self._reading = False
        self.moved = 0
        """Bytes read and not yet counted by the connection."""
        self.done = False

    def start(self) -> None:
        """Begin to move bytes."""
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def stop(self) -> None:
        """Move no more."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)
        if self._inside:
            self._loop.remove_writer(self._target)
        self._return_pipe()

    def _readable(self) -> None:
        try:
            if self._pipe is None:
                self._pipe = self._pipes.borrow()
            count = os.splice(self._source.fileno(), self._pipe[1], CHUNK)
        except (BlockingIOError, InterruptedError):
            self._return_pipe()
            return
        except OSError:
            self._conn.broken()
            return
        if count:
            self.moved += count
            self._inside = count
            self._push(first=True)
        else:
            self._end()

    def _push(self, *, first: bool) -> None:
        """Empty the pipe into the target; wait for the target when it is full."""
        assert self._pipe is not None
        try:
            while self._inside:
                self._inside -= os.splice(self._pipe[0], self._target.fileno(), self._inside)
        except (BlockingIOError, InterruptedError):
            if first:
                self._reading = False
                self._loop.remove_reader(self._source)
                self._loop.add_writer(self._target, self._writable)
            return
        except OSError:
            self._conn.broken()
            return
        if not first:
            self._loop.remove_writer(self._target)
            self.start()
        self._return_pipe()

    def _writable(self) -> None:
        self._push(first=False)

    def _return_pipe(self) -> None:
        if self._pipe is not None:
            self._pipes.give_back(self._pipe, empty=not self._inside)
            self._pipe, self._inside = None, 0

    def _end(self) -> None:
        self.stop()
        self.done = True
        sockets.shut_write(self._target)
        self._conn.half_closed()
