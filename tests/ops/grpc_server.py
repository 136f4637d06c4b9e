"""A gRPC server with only the health service, in the words of the protocol; h2 is its HTTP/2, real on both sides.

What never belongs here: anything of `sidecar.ops.grpc_health`: two readings of one standard must meet.
"""

import asyncio
import contextlib

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

UNKNOWN, SERVING, NOT_SERVING = 0, 1, 2
OK, NOT_FOUND, UNIMPLEMENTED = 0, 5, 12


class HealthServer:
    """Answers Health/Check from `services`; `heard` has what was asked."""

    def __init__(self, services: dict[str, int], code: int = OK) -> None:
        self._services = services
        self._code = code
        self.heard: list[dict[str, str]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        conn = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        body = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                for event in conn.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self.heard.append(dict(event.headers))
                    elif isinstance(event, DataReceived):
                        body += event.data
                    elif isinstance(event, StreamEnded):
                        self._answer(conn, event.stream_id, body)
                writer.write(conn.data_to_send())
                await writer.drain()
        writer.close()

    def _answer(self, conn: H2Connection, stream: int, body: bytes) -> None:
        length, message = int.from_bytes(body[1:5]), body[5:]
        assert (body[0], len(message)) == (0, length)
        name = self._service(message)
        known = self._services.get(name)
        code = NOT_FOUND if known is None else self._code
        start = [(":status", "200"), ("content-type", "application/grpc")]
        if code != OK:  # "trailers only"
            conn.send_headers(stream, [*start, ("grpc-status", str(code))], end_stream=True)
            return
        conn.send_headers(stream, start)
        status = bytes((0x08, known)) if known else b""
        framed = b"\0" + len(status).to_bytes(4) + status
        conn.send_data(stream, framed[:3])
        conn.send_data(stream, framed[3:])
        conn.send_headers(stream, [("grpc-status", "0")], end_stream=True)

    @staticmethod
    def _service(message: bytes) -> str:
        if not message:
            return ""
        assert message[0] == 0x0A
        length, at, shift = 0, 1, 0
        while True:
            byte, at = message[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        assert len(message) == at + length
        return message[at:].decode()
