"""One question of the gRPC health protocol (grpc.health.v1.Health/Check) over a connection that is there.

What belongs here: the bytes of one call, HTTP/2 included.  What never does: dialing, time-outs, and any other call.
Imported only where a gRPC probe is configured, because h2 costs seven megabytes.
"""

import asyncio
from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

_READ = 16 * 1024
_LONGEST_ANSWER = 4096
"""Bytes of messages; an answer has seven."""
_SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
"""Not compressed, two bytes long: field 1, `status`, is 1, SERVING."""


async def serving(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, service: str
) -> bool:
    """Whether the server says that `service` ("" is all of it) is serving.

    Raises OSError when the connection ends before it has said so, or what comes is no HTTP/2.
    """
    call = _Call(authority, service)
    while not call.over:
        writer.write(call.to_send())
        await writer.drain()
        data = await reader.read(_READ)
        if not data:
            raise ConnectionResetError("no whole answer")
        call.heard(data)
    return call.good


class _Call:
    """The call as a state machine."""

    def __init__(self, authority: str, service: str) -> None:
        self.over = False
        self._status: dict[bytes, bytes] = {}
        self._message = b""
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.initiate_connection()
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/grpc.health.v1.Health/Check"),
                (":authority", authority),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                ("user-agent", "kube-probe/cdefence"),
            ],
        )
        self._h2.send_data(stream, _request(service), end_stream=True)

    @property
    def good(self) -> bool:
        """Whether the call went well and the answer is SERVING."""
        ok = self._status.get(b":status") == b"200" and self._status.get(b"grpc-status") == b"0"
        return ok and self._message == _SERVING

    def to_send(self) -> bytes:
        """What the other side is still to get."""
        return self._h2.data_to_send()

    def heard(self, data: bytes) -> None:
        """Bytes arrived.  Raises OSError for what is no HTTP/2."""
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            raise ConnectionAbortedError("no HTTP/2") from error
        for event in events:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            self._note(event.headers or ())
        elif isinstance(event, DataReceived):
            self._message += event.data or b""
            self.over = self.over or len(self._message) > _LONGEST_ANSWER
        elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
            self.over = True

    def _note(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._status.update({name: value for name, value in headers if name in (b":status", b"grpc-status")})


def _request(service: str) -> bytes:
    """HealthCheckRequest: field 1 is the service, and is left out when empty; five bytes before it say how long."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4) + message


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; below 2**14, as our service names are."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])
