"""Relays the kubelet's probes and lifecycle hooks to the application, because behind a redirection every port looks open.

What belongs here: one question to a configured port of our own pod, and the status of the answer.  What never does:
anything of the caller's request beyond which of the configured questions it is, and anything of the answer but its
status: no body and no header leaves.

As the kubelet does it: HTTPS is not verified, redirects are followed where they stay on the same host, a status from
200 to 399 is good.  Unlike it, what listens only on loopback is found there.

    200–599   what the application said (HTTP)    200   it accepts (TCP), it is serving (gRPC)
    502       it could not be asked               503   it is not serving (gRPC)
    504       it did not answer in time           404   nothing is configured here, or not for this caller
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from sidecar.ops.callers import Callers
from sidecar.ops.endpoint import Answer, Asked, Route, plain
from sidecar.ops.probes import Probe, ProbeKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LONGEST_HEAD = 64 * 1024
_MOST_REDIRECTS = 10
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([\x21-\x7e]*)[ \t]*\r\n", re.IGNORECASE)
_REDIRECTS = (301, 302, 303, 307, 308)

type _Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AppProbes:
    """The pages of all configured probes."""

    def __init__(self, probes: Iterable[Probe], pod_ips: Iterable[str], callers: Callers) -> None:
        self._probes = tuple(probes)
        self._addresses = tuple(_addresses(pod_ips))
        self._callers = callers

    def routes(self) -> dict[str, Route]:
        """The page of each probe, by path."""
        return {probe.where: partial(self._page, probe) for probe in self._probes}

    async def _page(self, probe: Probe, asked: Asked) -> Answer:
        if not self._callers.may(asked.peer, hook=probe.kind is ProbeKind.HOOK):
            return plain(HTTPStatus.NOT_FOUND)
        return Answer(await self.ask(probe), "text/plain", b"")

    async def ask(self, probe: Probe) -> int:
        """The status that answers `probe`."""
        try:
            async with asyncio.timeout(probe.timeout):
                return await _ASK[probe.kind](probe, self._addresses)
        except TimeoutError:
            return HTTPStatus.GATEWAY_TIMEOUT
        except (OSError, EOFError, asyncio.LimitOverrunError):
            return HTTPStatus.BAD_GATEWAY


def _addresses(pod_ips: Iterable[str]) -> Iterator[str]:
    """Where the application is: as the kubelet has it at the pod's first address, else at loopback."""
    first, *_ = (*pod_ips, "")
    if first:
        yield first
        yield "::1" if ip_address(first).version == 6 else "127.0.0.1"
    else:
        yield from ("127.0.0.1", "::1")


# --- dialing ------------------------------------------------------------------------------------------------------------


async def _dial(addresses: Iterable[str], port: int) -> socket.socket:
    """A connection to the first address that accepts one.  Raises OSError when none does."""
    refused = OSError("no address")
    for address in addresses:
        try:
            return await _connected(address, port)
        except OSError as error:
            refused = error
    raise refused


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


@asynccontextmanager
async def _streams(sock: socket.socket, probe: Probe) -> "AsyncIterator[_Streams]":
    """What is said on `sock`, under TLS if `probe` wants that; closed afterwards, whatever happens."""
    tls = _unverified() if probe.tls and probe.speaks_http else None
    name = sock.getpeername()[0] if tls is not None else None  # an address: the kubelet names nobody either
    try:
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname=name, limit=_LONGEST_HEAD
        )
    except BaseException:
        sock.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _unverified() -> ssl.SSLContext:
    """As the kubelet: the certificate of an application is for its clients, not for a probe on the pod's address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# --- the questions ------------------------------------------------------------------------------------------------------


async def _ask_tcp(probe: Probe, addresses: Iterable[str]) -> int:
    (await _dial(addresses, probe.port)).close()
    return HTTPStatus.OK


async def _ask_grpc(probe: Probe, addresses: Iterable[str]) -> int:
    from sidecar.ops.grpc_health import serving

    sock = await _dial(addresses, probe.port)
    async with _streams(sock, probe) as (reader, writer):
        good = await serving(reader, writer, _authority(sock.getpeername()[0], probe.port), probe.service)
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE


async def _ask_http(probe: Probe, addresses: Iterable[str]) -> int:
    for _ in range(_MOST_REDIRECTS):
        sock = await _dial(addresses, probe.port)
        async with _streams(sock, probe) as (reader, writer):
            authority = _authority(sock.getpeername()[0], probe.port)
            writer.write(_request(probe, authority))
            head = await _final_head(reader)
        status = _status(head)
        further = _followed(probe, authority, head) if status in _REDIRECTS else None
        if further is None:
            return status
        probe = replace(probe, path=further)
    raise ConnectionAbortedError("too many redirects")


_ASK = {
    ProbeKind.HTTP: _ask_http,
    ProbeKind.HOOK: _ask_http,
    ProbeKind.TCP: _ask_tcp,
    ProbeKind.GRPC: _ask_grpc,
}


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _request(probe: Probe, authority: str) -> bytes:
    """The request as the kubelet writes it; a header that is set wins, `Host` too, and an empty one is left out."""
    given = {name.lower() for name, _ in probe.headers}
    ours = (
        ("Host", probe.host or authority),
        ("User-Agent", "kube-probe/cdefence"),
        ("Accept", "*/*"),
        ("Connection", "close"),
    )
    headers = [(name, value) for name, value in ours if name.lower() not in given]
    headers += [(name, value) for name, value in probe.headers if value or name.lower() != "accept"]
    lines = (f"GET {probe.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers))
    return "\r\n".join((*lines, "", "")).encode("latin-1")


async def _final_head(reader: asyncio.StreamReader) -> bytes:
    """The head of the answer, after those that only say that one will come (RFC 9110 15.2)."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        if _status(head) >= 200:
            return head


def _status(head: bytes) -> int:
    """The status of an answer.  Raises OSError for what is no HTTP/1."""
    line = _STATUS_LINE.match(head)
    if line is None:
        raise ConnectionAbortedError("no HTTP/1")
    return int(line[1])


def _followed(probe: Probe, authority: str, head: bytes) -> str | None:
    """The path that a redirect leads to; None where it leaves this server, which the kubelet counts as good."""
    found = _LOCATION.search(head)
    if found is None or not found[1]:
        return None
    here = f"{'https' if probe.tls else 'http'}://{authority}"
    try:
        target = urlsplit(urljoin(here + probe.path, found[1].decode("ascii")))
        same = (target.scheme, target.hostname, target.port or _DEFAULT_PORTS.get(target.scheme)) == (
            urlsplit(here).scheme,
            urlsplit(here).hostname,
            probe.port,
        )
    except ValueError:
        return None
    path = target.path or "/"
    return (f"{path}?{target.query}" if target.query else path) if same else None


_DEFAULT_PORTS = {"http": 80, "https": 443}
