"""The application of a pod: echoes, honestly, and keeps count of what reached it.

Listens, dual stack, for HTTP/1.1 (with and without TLS), TCP and UDP.  `GET /card` answers with a test PAN,
`/card/chunked` does so in chunks that cut it, `/card/late` after 512 KiB of filler; everything else is
echoed. It writes how much arrived, and how many whole test PANs were in it, to a file: the proof of what
did *not* arrive.

What never belongs here: knowledge of the sidecar, and keeping or logging what was received.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sidecar.lab.samples import PANS, VISA
from sidecar.lab.topology import HTTP_PORT, HTTPS_PORT, TCP_PORT, UDP_PORT

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
_READ = 256 * 1024

CARD = json.dumps({"card": VISA, "holder": "TEST CARD", "expires": "12/29"}).encode()
FILLER = b"All work and no card makes a long answer, line by line.\n" * (512 * 1024 // 56)


class BadRequestError(Exception):
    """The client sent something that is not an HTTP/1.1 request we understand; answered with 400."""


@dataclass(slots=True)
class Tally:
    """What reached one listener since the start."""

    connections: int = 0
    open: int = 0
    messages: int = 0
    received_bytes: int = 0
    pans: int = 0
    """Whole test PANs, however they were separated."""


@dataclass(slots=True)
class Ledger:
    """The tallies of all listeners, written to `path` after each change (once per turn of the event loop)."""

    path: Path
    tallies: dict[str, Tally] = field(default_factory=dict)
    _scheduled: bool = False

    def tally(self, listener: str) -> Tally:
        """The tally of `listener`; call `changed` after changing it."""
        return self.tallies.setdefault(listener, Tally())

    def changed(self) -> None:
        """Write soon."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.write)

    def write(self) -> None:
        """Write now; readers see the old file or the new one, never half of one."""
        self._scheduled = False
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({name: asdict(tally) for name, tally in self.tallies.items()}))
        part.replace(self.path)


class PanWatch:
    """Counts whole test PANs in a stream of bytes, ignoring everything that is not a digit.

    Coarser than the product's own detection on purpose: it must see a PAN that the product overlooked.
    """

    _DIGITS = b"0123456789"
    _OTHERS = bytes(set(range(256)) - set(_DIGITS))
    _KEEP = max(map(len, PANS)) - 1

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> int:
        """How many PANs end in `data`."""
        window = self._tail + data.translate(None, self._OTHERS)
        fresh_from = len(self._tail)
        self._tail = window[-self._KEEP :]
        return sum(_ends_after(window, pan.encode(), fresh_from) for pan in PANS)


def _ends_after(window: bytes, pan: bytes, position: int) -> int:
    count, start = 0, window.find(pan)
    while start >= 0:
        count += start + len(pan) > position
        start = window.find(pan, start + 1)
    return count


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """RFC 9112, section 9.3; HTTP/1.0 clients are answered and dropped."""
        return "close" not in self.headers.get("connection", "").lower()


class Conversation:
    """One client's connection: reads through the tally."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger, name: str
    ) -> None:
        self.reader, self.writer = reader, writer
        self._ledger, self._tally = ledger, ledger.tally(name)

    def note(self, data: bytes, watch: PanWatch) -> bytes:
        """Count `data` as received."""
        self._tally.received_bytes += len(data)
        self._tally.pans += watch.feed(data)
        self._ledger.changed()
        return data

    def note_message(self) -> None:
        """Count one whole message."""
        self._tally.messages += 1
        self._ledger.changed()

    def opened(self, change: int) -> None:
        """Count this connection in (+1) or out (-1)."""
        self._tally.connections += max(change, 0)
        self._tally.open += change
        self._ledger.changed()


# --- HTTP/1.1 (RFC 9112) ----------------------------------------------------------------------------------


async def converse_http(talk: Conversation) -> None:
    """Answer requests until the client closes or asks to."""
    try:
        while request := await read_request(talk):
            talk.note_message()
            talk.writer.write(answer(request))
            await talk.writer.drain()
            if not request.keep_alive:
                return
    except (BadRequestError, asyncio.LimitOverrunError, ValueError) as failure:
        talk.writer.write(response(400, f"{type(failure).__name__}\n".encode()))
        await talk.writer.drain()


async def read_request(talk: Conversation) -> Request | None:
    """The next request, or None when the client has closed before it began.

    Raises BadRequestError; asyncio.IncompleteReadError when the client closes in the middle.
    """
    head = await _read_head(talk)
    if head is None:
        return None
    line, *fields = head.split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError("request line")
    headers = dict(_header(text) for text in fields)
    if headers.get("expect", "").lower() == "100-continue":
        talk.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    watch = PanWatch()
    parts = [talk.note(part, watch) async for part in _body(talk.reader, headers)]
    return Request(words[0], words[1], headers, b"".join(parts))


async def _read_head(talk: Conversation) -> str | None:
    watch = PanWatch()
    try:
        head = await talk.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as closed:
        talk.note(closed.partial, watch)
        if closed.partial:
            raise
        return None
    return talk.note(head, watch)[:-4].decode("latin-1")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or name != name.strip():
        raise BadRequestError("header")
    return name.lower(), value.strip()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    """The body in the parts it came in."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise BadRequestError("ambiguous length")
    if coding is not None:
        async for part in _chunks(reader):
            yield part
    elif length is not None:
        async for part in _exactly(reader, _size(length, 10)):
            yield part


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """RFC 9112, section 7.1: chunk extensions are ignored; trailers are received, and counted, like body."""
    while size := _size((await reader.readuntil(b"\r\n")).split(b";")[0].strip().decode(), 16):
        async for part in _exactly(reader, size):
            yield part
        if await reader.readexactly(2) != b"\r\n":
            raise BadRequestError("chunk end")
    while (trailer := await reader.readuntil(b"\r\n")) != b"\r\n":
        yield trailer


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        part = await reader.read(min(size, _READ))
        if not part:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(part)
        yield part


def _size(text: str, base: int) -> int:
    if not text.isalnum() or (size := int(text, base)) > MAX_BODY:
        raise BadRequestError("length")
    return size


def answer(request: Request) -> bytes:
    """The answer to `request`."""
    if request.target == "/card/chunked":
        return chunked_card()
    if request.target == "/card":
        return response(200, CARD, "application/json")
    if request.target == "/card/late":
        return response(200, FILLER + CARD)
    echo = f"{request.method} {request.target}\n\n".encode() + request.body
    return response(200, echo, with_body=request.method != "HEAD")


def response(status: int, body: bytes, kind: str = "text/plain", *, with_body: bool = True) -> bytes:
    """A whole response with Content-Length; a 400 also closes the connection."""
    phrase = {200: "OK", 400: "Bad Request"}[status]
    close = "" if status == 200 else "Connection: close\r\n"
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{close}\r\n"
    return head.encode() + (body if with_body else b"")


def chunked_card() -> bytes:
    """The card answer in chunks of five bytes, so that no chunk holds a whole number.

    Written in one piece: a head on its own would have left before anything is found, and the end be a reset.
    """
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [CARD[start : start + 5] for start in range(0, len(CARD), 5)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


# --- TCP and UDP ------------------------------------------------------------------------------------------


async def converse_tcp(talk: Conversation) -> None:
    """Echo until the client ends its side, then end ours."""
    watch = PanWatch()
    while data := await talk.reader.read(_READ):
        talk.writer.write(talk.note(data, watch))
        await talk.writer.drain()
    talk.note_message()


class UdpEcho(asyncio.DatagramProtocol):
    """Echoes datagrams to their sender."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._tally = ledger, ledger.tally("udp")
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the way to answer."""
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str | int, ...]) -> None:
        """Count and echo."""
        self._tally.messages += 1
        self._tally.received_bytes += len(data)
        self._tally.pans += PanWatch().feed(data)
        self._ledger.changed()
        if self._transport:
            self._transport.sendto(data, address)


# --- serving ----------------------------------------------------------------------------------------------

CONVERSATIONS = {
    "http": (HTTP_PORT, converse_http),
    "https": (HTTPS_PORT, converse_http),
    "tcp": (TCP_PORT, converse_tcp),
}
# What ends a conversation without being anybody's fault here.
_ENDED = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError)


async def listen(
    ledger: Ledger, name: str, tls: ssl.SSLContext | None = None, at: tuple[str | None, int] | None = None
) -> asyncio.Server:
    """A listener for one of CONVERSATIONS, `at` a host and port or on its own port in IPv4 and IPv6."""
    port, converse = CONVERSATIONS[name]
    where, port = at or (None, port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Conversation(reader, writer, ledger, name)
        talk.opened(+1)
        try:
            await converse(talk)
        except _ENDED as ending:
            print(f"{name}: connection ended by {type(ending).__name__}", file=sys.stderr)
        finally:
            talk.opened(-1)
            writer.close()

    return await asyncio.start_server(serve, where, port, ssl=tls, limit=MAX_HEAD, reuse_address=True)


async def serve_all(files: Path, ledger: Ledger) -> None:
    """Listen on everything, for ever."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files / "tls.crt", files / "tls.key")
    servers = [await listen(ledger, name, tls if name == "https" else None) for name in CONVERSATIONS]
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: UdpEcho(ledger), local_addr=("::", UDP_PORT))
    ledger.write()
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m sidecar.lab.app --files DIRECTORY --ledger FILE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", required=True, type=Path, help="directory with tls.crt and tls.key")
    parser.add_argument("--ledger", required=True, type=Path, help="file for the tallies")
    options = parser.parse_args(arguments)
    asyncio.run(serve_all(options.files, Ledger(options.ledger)))


if __name__ == "__main__":
    main()
