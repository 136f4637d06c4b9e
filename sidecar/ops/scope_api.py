"""One connection to the controller's scope API: TLS under the controller's own name, HTTP/1.1, our token.

What belongs here: connecting, asking, reading the answer's bytes.  What never does: what the bytes mean (scope_stream.py,
scope_lookup.py), and when to try again.

Token and CA certificates are files that Kubernetes replaces while we run, so they are read for each connection.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import h11

from sidecar.core.fields import ConfigError
from sidecar.ops.files import text_of
from sidecar.ops.kinds import Origin

STREAM = "/v1/scopes"
"""Everything, and what changes; `STREAM/<ip>`, with `?port=<port>` where it is a destination: one peer."""

_READ = 64 * 1024
_LONGEST_HEAD = 16 * 1024


class ApiError(Exception):
    """The API did not give what it was asked for.  Its text holds nothing secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is, and who we are to it."""

    origin: Origin
    token: Path
    ca: Path


async def connect(access: Access) -> "Api":
    """A new connection.  Raises ApiError; the caller bounds the time and closes."""
    origin = access.origin
    token, context = _token(access.token), _trusting(access.ca)
    try:
        # The name is resolved in a thread, by the system's resolver: only that knows the cluster's search list.
        reader, writer = await asyncio.open_connection(
            origin.host, origin.port, ssl=context, server_hostname=origin.host
        )
    except ssl.SSLCertVerificationError as error:
        raise ApiError(f"{origin} is not to be trusted: {error.verify_message}") from None
    except OSError as error:
        raise ApiError(f"{origin} cannot be reached: {error.strerror or type(error).__name__}") from None
    return Api(reader, writer, str(origin).removeprefix("https://"), token)


class Api:
    """One open connection.  All methods raise ApiError when it ends or what comes is no HTTP."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, token: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = [
            ("Host", host),
            ("Authorization", f"Bearer {token}"),
            ("Accept", "application/x-ndjson"),
        ]
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)

    def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()

    async def get(self, path: str) -> int:
        """Ask for `path`, after an answer that was read to its end; the status of the answer."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        request = h11.Request(method="GET", target=path, headers=self._headers)
        try:
            self._writer.write(self._http.send(request) + self._http.send(h11.EndOfMessage()))
            await self._writer.drain()
        except OSError as error:
            raise ApiError(f"the connection broke: {type(error).__name__}") from None
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event.status_code

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the answer's body, as they come."""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    @property
    def reusable(self) -> bool:
        """Whether another question can be asked."""
        open_still = not self._writer.transport.is_closing() and not self._reader.at_eof()
        return open_still and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _event(self) -> "h11.Event":
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ))
        except h11.RemoteProtocolError:
            raise ApiError("the answer is no whole HTTP message") from None
        except OSError as error:
            raise ApiError(f"the connection broke: {type(error).__name__}") from None
        if isinstance(event, h11.ConnectionClosed) or not isinstance(event, h11.Event):
            raise ApiError("the connection was closed")
        return event


def _token(path: Path) -> str:
    """The token.  Raises ApiError when there is none, or it is nothing that a header could carry."""
    try:
        token = text_of(path).strip()
    except ConfigError as error:
        raise ApiError(f"no token: {error}") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ApiError(f"no token: {path} does not hold one")
    return token


def _trusting(path: Path) -> ssl.SSLContext:
    """TLS that trusts these certificates only, under the right name.  Raises ApiError when there are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours
    try:
        context.load_verify_locations(cadata=text_of(path))
    except ConfigError as error:
        raise ApiError(f"no CA certificates: {error}") from None
    except (ssl.SSLError, ValueError):
        raise ApiError(f"no CA certificates: {path} holds none in PEM form") from None
    return context
