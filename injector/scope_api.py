"""The scope API: `GET /v1/scopes`, the stream, and `GET /v1/scopes/<ip>[?port=N]`, one look-up.

What belongs here: HTTP, and who may ask: a running pod that we injected, shown by its projected token.  What never does:
what is told (`scope_hub`, `scope_model`).  Only classes leave: no name of a pod, namespace, node or Service.

Refusals are short JSON: 401 no valid token for us, 403 not a pod that we protect, 400 no such address or port, 429 too
many streams of one pod, 503 not now: ask another replica.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from injector.kube import KubeError
from injector.scope_hub import Hub, Reader
from injector.scope_model import ScopeModel
from injector.serving import BODY_NOW
from injector.slim import Pod
from injector.token_review import Asker, Reviewer
from sidecar.core.scope_feed import encode_lookup
from sidecar.core.scopes import PeerClass

MAX_STREAMS = 10_000
STREAMS_OF_A_POD = 4
"""One is in use; others may still be closing after the network went away and came back."""
_PIECE = 4 * 1024
"""The TLS library keeps room for the largest piece that was ever written, on every connection, as long as it lives."""
_WAIT_S = 2.0
_HEADERS = {"content-type": "application/x-ndjson", "cache-control": "no-store"}


class RefusedError(Exception):
    """No answer; `status` is its HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class ScopeApi:
    """Answers sidecars."""

    def __init__(
        self, hub: Hub, model: ScopeModel, reviewer: Reviewer, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._model = model
        self._reviewer = reviewer
        self._now = now
        self.answers: Counter[tuple[str, int]] = Counter()
        """By path (`stream`, `lookup`) and HTTP status; for metrics."""

    def app(self) -> Starlette:
        """The application on the scope API's port."""
        return Starlette(
            routes=[
                Route("/v1/scopes", self.stream, methods=["GET"]),
                Route("/v1/scopes/{ip}", self.lookup, methods=["GET"]),
            ]
        )

    async def stream(self, request: Request) -> Response:
        """The policy and a snapshot, then every change and heartbeat."""
        try:
            pod = await self._admitted(request)
            if self._hub.readers >= MAX_STREAMS:
                raise RefusedError(503, "this replica serves as many streams as it can")
            if self._hub.readers_of(pod.uid) >= STREAMS_OF_A_POD:
                raise RefusedError(429, "this pod has enough streams open")
        except RefusedError as refusal:
            return self._refused("stream", refusal)
        self.answers["stream", 200] += 1
        return _Stream(self._hub, pod.uid, self._model.scope_of(pod))

    async def lookup(self, request: Request) -> Response:
        """What one address is now, a moment before the stream may say so."""
        try:
            await self._admitted(request)
            ip, port = _address(request.path_params["ip"]), _port(request.query_params.get("port"))
        except RefusedError as refusal:
            return self._refused("lookup", refusal)
        self.answers["lookup", 200] += 1
        scope = self._model.classify(ip, port, self._now())
        return Response(encode_lookup(ip, port, scope), headers=_HEADERS)

    async def _admitted(self, request: Request) -> Pod:
        """The pod that asks.  Raises RefusedError."""
        if not self._hub.open or self._hub.stale:
            raise RefusedError(503, "this replica does not know the cluster now")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise RefusedError(401, "send `Authorization: Bearer <token>`")
        try:
            asker = await self._reviewer.asker(token.strip())
        except KubeError:
            raise RefusedError(503, "the token cannot be checked now") from None
        if asker is None:
            raise RefusedError(401, "no valid token of a pod for this audience")
        return await self._protected(asker)

    async def _protected(self, asker: Asker) -> Pod:
        """The pod of the token; one that has just started may be news to this replica, so it waits a little."""
        try:
            async with asyncio.timeout(_WAIT_S):
                while (pod := self._model.protected(asker.uid)) is None:
                    await self._hub.changed()
        except TimeoutError:
            raise RefusedError(403, "not a pod that is protected here") from None
        if (pod.namespace, pod.name) != (asker.namespace, asker.name):
            raise RefusedError(403, "not a pod that is protected here")
        return pod

    def _refused(self, path: str, refusal: RefusedError) -> Response:
        self.answers[path, refusal.status] += 1
        headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else None
        return JSONResponse({"error": refusal.why}, refusal.status, headers)


class _Stream(Response):
    """The lines for one pod, as they come."""

    def __init__(self, hub: Hub, uid: str, own: PeerClass) -> None:
        # A stream is the last thing on its connection: nobody shall wait for another question on it.
        super().__init__(headers=_HEADERS | {"connection": "close"})
        del self.headers["content-length"]
        self._hub, self._uid, self._own = hub, uid, own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI.  The reader lives exactly as long as this call."""
        reader = self._hub.join(self._uid, self._own)
        reader.at_once = _at_once(scope)
        listening = asyncio.create_task(_end_with(receive, reader))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            # In pieces that a slow reader takes one by one: a snapshot must not lie in memory once for each.
            async for line in reader.lines():
                for start in range(0, len(line), _PIECE):
                    piece = line[start : start + _PIECE]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listening.cancel()
            self._hub.leave(reader)


def _at_once(scope: Scope) -> Callable[[bytes], bool]:
    """Writes a line that is one piece, if the connection takes it now."""
    write: Callable[[bytes], bool] = scope["extensions"][BODY_NOW]["write"]
    has_body = scope["method"] != "HEAD"
    return lambda line: has_body and len(line) <= _PIECE and write(line)


async def _end_with(receive: Receive, reader: Reader) -> None:
    """End the reader when its connection ends: what is sent after that goes nowhere, and nobody is told."""
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.end()


def _address(text: str) -> str:
    """An address in compressed form.  Raises RefusedError."""
    try:
        address = ip_address(text)
    except ValueError:
        raise RefusedError(400, "not an IP address") from None
    if "%" in text:
        raise RefusedError(400, "not an IP address without a zone")
    return address.compressed


def _port(text: str | None) -> int | None:
    """A port, or None.  Raises RefusedError."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535):
        raise RefusedError(400, "not a port")
    return int(text)
