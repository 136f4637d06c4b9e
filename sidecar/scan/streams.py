"""`inspect --jsonl`: a connection, cut as the line says, through the inspection of the proxy.

What belongs here: which reader a line asks for, and what the proxy would have let go.  What never does: another way to
inspect than `core.flow` and `core.inspection`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from sidecar.core.decode.http1 import Exchange, RequestReader, ResponseReader
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Channel, Finding
from sidecar.core.flow import Flow
from sidecar.core.inspection import Inspection, Step
from sidecar.core.scopes import Mode
from sidecar.scan.engine import Engine
from sidecar.scan.jsonl import Line, LineError, decoded, word
from sidecar.scan.rows import row, strictest

PROTOCOLS = ("auto", "http1", "opaque")
DIRECTIONS = ("request", "response")

_QUESTION = b"GET / HTTP/1.1\r\nHost: asked\r\n\r\n"
"""What a response answers: how it is framed depends on the request, and a line has none."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction of a connection, as the relay drives it."""

    feed: Callable[[bytes], Step]
    close: Callable[[], Step]


def inspected(engine: Engine) -> Callable[[Line], Line]:
    """Answers a line `{"id", "protocol"?, "direction"?, "segments"}`."""

    def one(line: Line) -> Line:
        protocol, direction = word(line, "protocol", PROTOCOLS), word(line, "direction", DIRECTIONS)
        segments = _segments(line)
        side = _SIDES[protocol, direction](engine, segments)
        return _driven(side, segments)

    return one


def _driven(side: _Side, segments: Sequence[bytes]) -> Line:
    """What comes of the segments, one read of the proxy each, and then of the end of the stream."""
    findings: list[Finding] = []
    released = 0
    steps = chain(enumerate(map(side.feed, segments)), _last(side, max(0, len(segments) - 1)))
    for at, step in steps:
        findings += step.findings
        released += len(step.release)
        if step.verdict is not None:
            return _told("block", findings, released, at, step.verdict.reason.value)
    return _told(str(strictest(findings)), findings, released, None, None)


def _last(side: _Side, at: int) -> Iterator[tuple[int, Step]]:
    """What the end of the stream leads to, which belongs to the last segment; not before it is asked for."""
    yield at, side.close()


def _told(
    verdict: str, findings: Sequence[Finding], released: int, blocked_at: int | None, reason: str | None
) -> Line:
    return {
        "verdict": verdict,
        "findings": [row(finding) for finding in findings],
        "released": released,
        "blocked_at": blocked_at,
        "reason": reason,
    }


# --- which reader -----------------------------------------------------------------------------------------------------


def _flow(engine: Engine) -> Flow:
    return Flow(lambda channel: engine.inspector(channel, Mode.PROTECT))


def _asking(engine: Engine, _: Sequence[bytes]) -> _Side:
    """The client of a new connection: its first bytes say what it speaks."""
    flow = _flow(engine)
    return _Side(lambda data: flow.client.feed(data), flow.client_close)


def _answering(engine: Engine, segments: Sequence[bytes]) -> _Side:
    """The server: of an HTTP connection if that is how it begins, else of one on which it speaks first."""
    flow = _flow(engine)
    if b"".join(segments)[:5].upper() == b"HTTP/":
        flow.client.feed(_QUESTION)
    return _Side(lambda data: flow.server.feed(data), flow.server_close)


def _http1_request(engine: Engine, _: Sequence[bytes]) -> _Side:
    inspector = engine.inspector(Channel.HTTP1, Mode.PROTECT)
    return _one_way(Inspection(inspector, RequestReader(Exchange())))


def _http1_response(engine: Engine, _: Sequence[bytes]) -> _Side:
    flow = _flow(engine)
    flow.client.feed(_QUESTION)
    inspector = engine.inspector(Channel.HTTP1, Mode.PROTECT)
    return _one_way(Inspection(inspector, ResponseReader(flow.exchange), heads_wait=True))


def _opaque(engine: Engine, _: Sequence[bytes]) -> _Side:
    return _one_way(Inspection(engine.inspector(Channel.OPAQUE, Mode.PROTECT), OpaqueReader()))


def _one_way(inspection: Inspection) -> _Side:
    return _Side(inspection.feed, inspection.close)


_SIDES: dict[tuple[str, str], Callable[[Engine, Sequence[bytes]], _Side]] = {
    ("auto", "request"): _asking,
    ("auto", "response"): _answering,
    ("http1", "request"): _http1_request,
    ("http1", "response"): _http1_response,
    ("opaque", "request"): _opaque,
    ("opaque", "response"): _opaque,
}


def _segments(line: Line) -> list[bytes]:
    if "segments" not in line:
        raise LineError("field segments is missing")
    segments = line["segments"]
    if not isinstance(segments, list):
        raise LineError("field segments is no list")
    return [decoded(segment, f"segments[{at}]") for at, segment in enumerate(segments)]
