"""The HTTP of the controller: the webhook's one path, health, metrics.  No decisions.

What belongs here: limits (size, time, how many at once), status codes, counting and logging of outcomes.  What never does:
what an AdmissionReview means (review.py and below).

Whatever can be understood is answered with 200 and an AdmissionReview; what goes wrong inside is a *denial* in such a
review, with a message, because that is what a user of kubectl gets to read – and because nothing may start unprotected.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from injector import review
from injector.controller_metrics import ControllerMetrics
from injector.review import MalformedError, Outcome, Result

log = logging.getLogger("cdefence.webhook")

# The API server takes requests up to 3 MiB (k8s.io/apiserver MaxRequestBodyBytes), and sends objects no larger than that.
MAX_BODY = 3 * 1024 * 1024
# The API server waits five seconds (timeoutSeconds); a denial with a reason is better than its own time-out.
DEADLINE_S = 4.0
# A usual pod takes a few milliseconds; passing it to a thread and back, past the interpreter's lock, takes as long again.
AT_ONCE = 64 * 1024
# Deciding is pure computing: more threads would only share that lock.
THREADS = 2
_TIMEOUT = 504

type Decide = Callable[[bytes], Outcome]
"""The body of a request in, the outcome out; answers whatever it is given."""
type Ready = Callable[[], list[str]]
"""What this replica is still waiting for; nothing means ready."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a webhook takes on."""

    concurrency: int
    max_body: int = MAX_BODY
    deadline_s: float = DEADLINE_S


class _TooLargeError(Exception):
    """The body is longer than is allowed."""


class Webhook:
    """Answers admission requests, a few at a time."""

    def __init__(self, decide: Decide, metrics: ControllerMetrics, limits: Limits) -> None:
        self._decide = decide
        self._metrics = metrics
        self._limits = limits
        self._places = asyncio.Semaphore(limits.concurrency)
        self._threads: Executor = ThreadPoolExecutor(THREADS, "admission")

    async def endpoint(self, request: Request) -> Response:
        """`POST`: an AdmissionReview in, an AdmissionReview out."""
        begun = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            return await self._answered(request)
        finally:
            self._metrics.in_flight.dec()
            self._metrics.duration.observe(time.perf_counter() - begun)

    async def _answered(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return self._unread(415, "content_type", "send application/json")
        body = b""
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                body = await self._body(request)
                async with self._places:
                    outcome = await self._decided(body)
        except _TooLargeError:
            return self._unread(413, "too_large", f"send at most {self._limits.max_body} bytes")
        except ClientDisconnect:
            return self._unread(400, "disconnected", "the request ended early")
        except TimeoutError:
            if not body:
                return self._unread(408, "slow_request", "the request did not come in time")
            outcome = _late(body, self._limits.deadline_s)
        return self._told(outcome)

    def _unread(self, status: int, reason: str, text: str) -> Response:
        """What is no AdmissionReview is not answered by one."""
        self._metrics.requests.labels(Result.MALFORMED.value, reason).inc()
        return PlainTextResponse(f"{text}\n", status)

    def _told(self, outcome: Outcome) -> Response:
        """The answer for the wire, counted and logged: names and reasons, never a value of the pod."""
        reason = outcome.reason.value if outcome.reason else ""
        self._metrics.requests.labels(outcome.result.value, reason).inc()
        level = logging.ERROR if outcome.result is Result.FAILED else logging.INFO
        why = outcome.failure or reason
        log.log(level, "pod %s/%s: %s %s", outcome.namespace, outcome.pod or "?", outcome.result.value, why)
        status = 200 if outcome.response.uid else 400
        return Response(outcome.body, status, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._limits.max_body:
                raise _TooLargeError
            parts.append(part)
        return b"".join(parts)

    async def _decided(self, body: bytes) -> Outcome:
        """At once, or in a thread when there is much to read: the event loop must turn meanwhile."""
        if len(body) <= AT_ONCE:
            return self._decide(body)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._decide, body)


def _late(body: bytes, deadline_s: float) -> Outcome:
    """The denial when deciding takes too long."""
    try:
        uid = review.parse(body).uid
    except MalformedError:
        uid = ""
    message = f"cdefence did not decide about this pod within {deadline_s:g} s, so it is refused; try again"
    return Outcome(review.Response(uid, False, message, _TIMEOUT), Result.FAILED, failure="deadline")


def webhook_app(path: str, webhook: Webhook) -> Starlette:
    """The application on the webhook's port."""
    return Starlette(routes=[Route(path, webhook.endpoint, methods=["POST"])])


def health_app(ready: Ready) -> Starlette:
    """`/livez`: this event loop turns; `/readyz`: nothing is missing (else 503 and what is)."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        missing = ready()
        return PlainTextResponse("".join(f"{each}\n" for each in missing) or "ok\n", 503 if missing else 200)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz)])


def metrics_app(registry: CollectorRegistry) -> Starlette:
    """`/metrics`, the Prometheus text format."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(routes=[Route("/metrics", metrics)])
