"""The last words to a client: written to the end, and what the client still sends is read past until it has heard them.

A socket that is closed while unread bytes wait in it answers with a reset, and a reset can make the client lose what it
has not read yet: our answer.  So we half-close, read on, and close when the client has (RFC 9112 9.6; nginx calls it
lingering close).

What never belongs here: what the words are.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from sidecar.relay import sockets

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

SILENCE: Final = 2.0
"""Seconds without a byte in either direction after which the client has heard what it will hear."""
LIMIT: Final = 30.0
"""Seconds for a client that goes on sending; nginx waits as long."""
_READ: Final = 64 * 1024


class Farewell:
    """Says `words` to `client`; then calls `over`, with whether all of them were written."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: socket.socket,
        words: bytes,
        over: Callable[[bool], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._left = words
        self._over = over
        self._client_ended = False
        self._stirred = False
        self._deadline = loop.time() + LIMIT
        self._timer = loop.call_later(SILENCE, self._look)
        loop.add_reader(client, self._readable)
        loop.add_writer(client, self._writable)

    def stop(self) -> None:
        """Neither speak nor listen any more."""
        self._timer.cancel()
        self._loop.remove_reader(self._client)
        self._loop.remove_writer(self._client)

    def _writable(self) -> None:
        try:
            count = self._client.send(self._left)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._end()
            return
        self._stirred = True
        self._left = self._left[count:]
        if not self._left:
            self._loop.remove_writer(self._client)
            sockets.shut_write(self._client)
            self._end_if_both_have()

    def _readable(self) -> None:
        try:
            data = self._client.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._end()
            return
        self._stirred = True
        if not data:
            self._loop.remove_reader(self._client)
            self._client_ended = True
            self._end_if_both_have()

    def _look(self) -> None:
        """Now and then: does anything still happen?"""
        if self._stirred and self._loop.time() < self._deadline:
            self._stirred = False
            self._timer = self._loop.call_later(SILENCE, self._look)
        else:
            self._end()

    def _end_if_both_have(self) -> None:
        if self._client_ended and not self._left:
            self._end()

    def _end(self) -> None:
        self.stop()
        self._over(not self._left)
