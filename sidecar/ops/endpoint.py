"""A very small HTTP/1 server for probes and scrapes, on the relay's event loop.

What belongs here: reading one short request, answering it, closing.  What never does: keep-alive, request bodies,
routing beyond a table of paths.  Everything is bounded: head size, time, how many at once, and how many of them one
address may have; whoever asks may be hostile, because pods of any scope can reach the metrics port.
"""

import asyncio
import contextlib
import errno
import inspect
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

HEAD_LIMIT = 8 * 1024
"""Longest request head, bytes; Prometheus and the kubelet send below 1 KiB."""

TIMEOUT_S = 5.0
"""For reading the request, and again for writing the answer."""

MAX_AT_ONCE = 256
"""Open connections; one more is closed at once."""

MAX_OF_ONE = 32
"""Open connections from one address.  A scraper needs one, a kubelet as many as the pod has probes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page may know of a request: nothing that could choose what is done, beyond its path."""

    accept: str = ""
    """The `Accept` header."""
    peer: str = ""
    """The address of whoever asks."""


type Route = Callable[[Asked], Answer | Awaitable[Answer]]
"""One page.  One that has to wait bounds the time itself."""


def plain(status: HTTPStatus) -> Answer:
    """The answer that says only how it went."""
    return Answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())


class Endpoint:
    """One server: a table of paths, on one port of several addresses."""

    def __init__(self, routes: Mapping[str, Route], orders: Mapping[str, Route] | None = None) -> None:
        """`routes` are pages that are read (GET, HEAD), `orders` what is done on request (POST)."""
        orders = orders or {}
        self._tables = {"GET": routes, "HEAD": routes, "POST": orders}
        self._paths = routes.keys() | orders.keys()
        self._servers: list[asyncio.Server] = []
        self._open: dict[asyncio.Task[None], str] = {}
        """What is being served, and for whom."""

    async def start(self, addresses: Iterable[str], port: int) -> None:
        """Listen; port 0 lets the kernel choose.  Raises OSError if no address can be bound."""
        for listener in listen(addresses, port):
            server = await asyncio.start_server(self._accepted, sock=listener, limit=HEAD_LIMIT)
            self._servers.append(server)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports listened on."""
        return tuple(int(sock.getsockname()[1]) for server in self._servers for sock in server.sockets)

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        for server in self._servers:
            server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._servers.clear()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, peer = asyncio.current_task(), _peer(writer)
        full = len(self._open) >= MAX_AT_ONCE or [*self._open.values()].count(peer) >= MAX_OF_ONE
        if task is None or full:
            writer.transport.abort()
            return
        self._open[task] = peer
        try:
            await self._serve(reader, writer, peer)
        except (TimeoutError, ConnectionError):
            writer.transport.abort()
        finally:
            del self._open[task]
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            answer, with_body = plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        else:
            answer, with_body = await self._answer(head, peer)
        writer.write(_serialise(answer, with_body))
        async with asyncio.timeout(TIMEOUT_S):
            await writer.drain()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, head: bytes, peer: str) -> tuple[Answer, bool]:
        """The answer to a request head, and whether its body is sent (not for HEAD)."""
        request, *headers = head.decode("latin-1").split("\r\n")
        parts = request.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return plain(HTTPStatus.BAD_REQUEST), True
        method, target, _ = parts
        path, with_body = target.partition("?")[0], method != "HEAD"
        route = self._tables.get(method, {}).get(path)
        if route is None:
            known = path in self._paths or method not in self._tables
            return plain(HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND), with_body
        answer = route(Asked(_accept(headers), peer))
        return (await answer if inspect.isawaitable(answer) else answer), with_body


def _peer(writer: asyncio.StreamWriter) -> str:
    name: tuple[str, int] | None = writer.get_extra_info("peername")
    return name[0] if name else ""


def _accept(headers: Iterable[str]) -> str:
    for line in headers:
        name, _, value = line.partition(":")
        if name.lower() == "accept":
            return value.strip()
    return ""


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _serialise(answer: Answer, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (answer.body if with_body else b"")


# What bind or socket say when the kernel (or this network namespace) has no such family or address.
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


def listen(addresses: Iterable[str], port: int, backlog: int = 128) -> list[socket.socket]:
    """Listening TCP sockets, one for each address; a family that the kernel lacks is left out.

    IPv6 sockets take IPv6 only, so that `0.0.0.0` and `::` go together.  Raises OSError if an address
    cannot be bound for another reason, or none is left.
    """
    bound: list[socket.socket] = []
    absent: OSError | None = None
    for address in addresses:
        try:
            bound.append(_listener(address, port, backlog))
        except OSError as error:
            if error.errno not in _NO_FAMILY:
                for sock in bound:
                    sock.close()
                raise OSError(error.errno, error.strerror, f"{address} port {port}") from None
            absent = error
    if not bound:
        raise absent or OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    return bound


def _listener(address: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
