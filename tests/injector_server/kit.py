"""What these tests share: a server of ours in its own thread, clients that speak real TLS to it, a pod in a review."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from injector import live_tls, review
from injector.certs import Bundle, Lives, created
from injector.controller_metrics import ControllerMetrics
from injector.recipe import Recipe
from injector.server import AT_ONCE, Decide, Limits, Webhook, webhook_app
from injector.serving import Endpoint

HOST = "cdefence-webhook.cdefence-system.svc"
NAMES = (HOST, "cdefence-scopes.cdefence-system.svc")
DECIDE: Decide = partial(review.answer, recipe=Recipe("cdefence:test"))


LIMITS = Limits(64)


def bundle() -> Bundle:
    """A CA and a leaf of now."""
    return created(NAMES, datetime.now(UTC), Lives())


def pod(name: str = "shop", scope: str = "in-scope", **spec: object) -> dict[str, object]:
    """A pod of one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": {"cdefence.io/pci-scope": scope}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}], **spec},
    }


def asked(uid: str, pod: dict[str, object], namespace: str = "pay") -> bytes:
    """The body that the API server sends for the creation of a pod."""
    request = {
        "uid": uid,
        "operation": "CREATE",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": namespace,
        "object": pod,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def large(body: bytes) -> bytes:
    """The same request, long enough to be decided in a thread of its own."""
    return body + b" " * AT_ONCE


def trusting(cas: bytes) -> ssl.SSLContext:
    """What a client of ours has: these CAs and no others."""
    return ssl.create_default_context(cadata=cas.decode())


@dataclass
class Client:
    """One connection at a time to one port of this machine, for the name of our Service."""

    port: int
    context: ssl.SSLContext
    connection: http.client.HTTPSConnection | None = None

    def post(
        self, body: bytes, path: str = "/inject", kind: str = "application/json", **headers: str
    ) -> "Reply":
        """One request, on the connection that is open, else on a new one."""
        if self.connection is None:
            self.connection = _Named(HOST, self.port, context=self.context, timeout=120)
        self.connection.request("POST", path, body, {"Content-Type": kind, **headers})
        response = self.connection.getresponse()
        reply = Reply(response.status, response.read(), response.getheader("connection") or "")
        if reply.connection == "close":
            self.close()
        return reply

    def certificate(self) -> bytes:
        """What the server shows to a new connection (DER)."""
        with (
            socket.create_connection(("127.0.0.1", self.port)) as plain,
            self.context.wrap_socket(plain, server_hostname=HOST) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
            assert shown is not None
            return shown

    def close(self) -> None:
        """End the connection; the next request opens another one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class _Named(http.client.HTTPSConnection):
    """Connects to this machine, but asks for the name, as one does behind a Service."""

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    connection: str = ""

    @property
    def response(self) -> dict[str, object]:
        """`response` of the AdmissionReview."""
        document = json.loads(self.body)
        assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        found = document["response"]
        assert isinstance(found, dict)
        return found


@dataclass
class Server:
    """A webhook that listens."""

    endpoint: Endpoint
    context: ssl.SSLContext
    metrics: ControllerMetrics
    loop: asyncio.AbstractEventLoop

    def serve(self, new: Bundle) -> None:
        """Take a new certificate, in the server's own thread."""

        async def load() -> None:
            live_tls.load(self.context, new.leaf, new.leaf_key)

        asyncio.run_coroutine_threadsafe(load(), self.loop).result(10)

    def count(self, result: str, reason: str = "") -> float:
        """How many requests were counted so."""
        name = "cdefence_injection_requests_total"
        labels = {"result": result, "reason": reason}
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def served(
    first: Bundle, decide: Decide = DECIDE, limits: Limits = LIMITS, drain: bool = False
) -> Iterator[Server]:
    """A webhook on a free port of the loopback, in its own thread, ended in order afterwards."""
    context = live_tls.server_context()
    live_tls.load(context, first.leaf, first.leaf_key)
    metrics = ControllerMetrics()
    ready = threading.Event()
    made: list[Server] = []

    async def run() -> None:
        app = webhook_app("/inject", Webhook(decide, metrics, limits))
        endpoint = Endpoint(app, "127.0.0.1", 0, context)
        made.append(Server(endpoint, context, metrics, asyncio.get_running_loop()))
        if drain:
            endpoint.drain()
        running = asyncio.create_task(endpoint.run())
        stop.append(running.cancel)
        ready.set()
        await asyncio.wait([running])

    stop: list[object] = []
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(120)
    try:
        yield made[0]
    finally:
        made[0].loop.call_soon_threadsafe(stop[0])  # type: ignore[arg-type]
        thread.join(120)
