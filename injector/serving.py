"""Listening ports of the controller: each one application, served by uvicorn inside the one event loop.

What belongs here: sockets, the servers' limits, and ending them in order.  What never does: what is answered.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from asyncio import sslproto
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Go's HTTP client keeps idle connections for 90 s.  A server that closes earlier races with its next request, and a
# webhook call that meets a closed connection is a pod that was refused.
KEEP_ALIVE_S = 120
GRACE_S = 10
BACKLOG = 1024
# asyncio gives every TLS connection a read buffer of 256 KiB, zeroed and so in memory from the start: 2,000 sidecars would
# hold half a gigabyte of nothing.  Their requests are a few hundred bytes; the API server's come in a few reads.
sslproto.SSLProtocol.max_size = 4 * 1024
BODY_NOW: Final = "cdefence.body_now"
"""ASGI extension: `write` puts a piece of an answer of unknown length on the wire at once; False: not now, `send` it."""


class _Protocol(HttpToolsProtocol):
    """A connection that also takes a piece of an answer without a turn of the event loop.

    Waking a task for each piece and handing it through every layer costs as much again as encrypting and sending it.
    """

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {BODY_NOW: {"write": self._write_now}}

    def _write_now(self, piece: bytes) -> bool:
        if self.flow.write_paused or self.transport.is_closing():
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))  # RFC 9112, 7.1
        return True


class _Server(uvicorn.Server):
    """Signals belong to the process, not to one of its servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Draining:
    """An application around another one: once `begun`, every answer closes its connection.

    A client that keeps connections open would otherwise go on sending to a replica that is about to end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_and_close(message: Message) -> None:
            if self.begun and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_and_close)


class Endpoint:
    """One port.  Binding happens at once, so that a taken port is an error at the start; serving when `run`."""

    def __init__(self, app: ASGIApp, address: str, port: int, context: ssl.SSLContext | None = None) -> None:
        """Raises: OSError when the port is taken."""
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._draining = Draining(app)
        self._socket = _bound(address, port)
        self._server = _Server(
            uvicorn.Config(
                self._draining,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                ssl_context_factory=None if context is None else lambda *_: context,
            )
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        number: int = self._socket.getsockname()[1]
        return number

    def drain(self) -> None:
        """Close each connection with its next answer."""
        self._draining.begun = True

    async def run(self) -> None:
        """Serve until cancelled; requests under way are answered first, within `GRACE_S`."""
        serving = asyncio.ensure_future(self._server.serve([self._socket]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise


def _bound(address: str, port: int) -> socket.socket:
    """A listening socket; connections send at once what they have.

    asyncio switches Nagle's algorithm off only for sockets that say they are TCP, and those of `create_server` do not:
    the body of every answer would wait 40 ms for the acknowledgement of its header.  Connections inherit the option.
    """
    listener = _listening(address, port)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _listening(address: str, port: int) -> socket.socket:
    """On one address; without one on IPv4 and IPv6 together, where the kernel has both."""
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    try:
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    except (OSError, ValueError) as error:  # no IPv6 in this kernel, or switched off
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise
    return socket.create_server(("", port), backlog=BACKLOG)
