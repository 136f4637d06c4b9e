"""The parts of the core by themselves: microseconds and MB/s, one thread, no sockets.  `python -m benchmarks micro`.

Tells *why* a figure of the whole moved.  Garbage collection stays on, as in the proxy.
"""

import gc
import timeit
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import corpus
from benchmarks.application import MEDIUM, SMALL
from benchmarks.report import number, table
from benchmarks.spread import spread
from dlp_patterns.load import builtin
from dlp_patterns.model import Pattern
from sidecar.core.decode.http1 import Exchange, RequestReader, ResponseReader
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Channel
from sidecar.core.flow import Flow
from sidecar.core.hits import Matcher
from sidecar.core.inspection import Inspection, Step
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Connection
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.match.hs import HyperscanMatcher
from sidecar.relay.world import World

REPEATS: Final = 5
LEAST_SECONDS: Final = 0.1
"""Of one repeat."""
READ: Final = 256 * 1024
"""What the relay reads at once from a fast sender."""
LONG: Final = 4_000_000
TAIL: Final = 160

_REQUEST: Final = (
    b"GET /orders/9115432 HTTP/1.1\r\nHost: checkout:8080\r\nUser-Agent: okhttp/4.12.0\r\nAccept: application/json\r\n"
    b"X-Request-Id: 5f0c3d0e-7b1a-4a54-9d0f-6f5b0a7c1c11\r\n"
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"
)
_RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 21 Nov 2024 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%b"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to time: `work` is done again and again, and handles `octets` bytes each time."""

    title: str
    work: Callable[[], object]
    octets: int = 0
    """0 where bytes are not what it is about."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The core as the proxy puts it together, between two in-scope pods."""

    matcher: Matcher
    world: World
    connection: Connection

    def inspector(self, channel: Channel) -> Inspector:
        """What the inspections of a flow share."""
        return self.world.inspector(self.connection)(channel)


def main() -> int:
    """Time everything, print one table."""
    with TemporaryDirectory() as folder:
        rows = [_row(piece) for piece in pieces(Path(folder))]
    print(table(("piece", "µs min", "median", "max", "MB/s"), rows, {0}))
    return 0


def pieces(cache: Path) -> Iterator[Piece]:
    """Everything that is timed; compiled patterns are kept in `cache`."""
    whole = subject(cache)
    yield from _exchanges(whole)
    yield from _opaque(whole)
    yield from _readers()
    yield from _holds(whole)


def subject(cache: Path) -> Subject:
    """With all packs, protect mode and the default policy.  Raises EngineError."""
    matcher = HyperscanMatcher(_patterns(), cache)
    world = World(PeerClass.IN_SCOPE, Mode.PROTECT, matcher)
    world.adopt(world.policy, world.mode)
    return Subject(
        matcher, world, Connection(Direction.INBOUND, PeerClass.IN_SCOPE, PeerClass.IN_SCOPE, 8080)
    )


def _patterns() -> list[Pattern]:
    """Of all packs."""
    return [pattern for pack in builtin() for pattern in pack.patterns]


def _exchanges(core: Subject) -> Iterator[Piece]:
    """Request and response on a connection that is kept alive, as the pumps feed them."""
    for title, size in (("100 B", SMALL), ("10 KB", MEDIUM)):
        whole = _response(size)
        head = whole.index(b"\r\n\r\n") + 4
        octets = len(_REQUEST) + len(whole)
        yield Piece(f"exchange {title}, answer in one read", _exchange(core, whole), octets)
        yield Piece(
            f"exchange {title}, head and body apart", _exchange(core, whole[:head], whole[head:]), octets
        )
    flow = Flow(core.world.inspector(core.connection))
    body = corpus.document(MEDIUM)
    upload = b"POST /orders HTTP/1.1\r\nHost: checkout:8080\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )
    answer = _response(SMALL)

    def post() -> None:
        _clean(flow.client.feed(upload))
        _clean(flow.server.feed(answer))

    yield Piece("exchange 10 KB upload, in one read", post, len(upload) + len(answer))


def _exchange(core: Subject, *answer: bytes) -> Callable[[], None]:
    flow = Flow(core.world.inspector(core.connection))

    def work() -> None:
        _clean(flow.client.feed(_REQUEST))
        for read in answer:
            _clean(flow.server.feed(read))

    return work


def _opaque(core: Subject) -> Iterator[Piece]:
    """A long answer: JSON full of digits, and bytes without any pattern."""
    for title, data in (("JSON", corpus.document(LONG)), ("random", corpus.noise(LONG))):
        reads = [data[at : at + READ] for at in range(0, len(data), READ)]

        def work(reads: Sequence[bytes] = reads) -> None:
            inspection = Inspection(core.inspector(Channel.OPAQUE), OpaqueReader())
            for read in reads:
                _clean(inspection.feed(read))

        yield Piece(f"inspection of a {LONG // 10**6} MB stream, {title}", work, LONG)


def _readers() -> Iterator[Piece]:
    """Framing alone, without a look at content."""
    exchange, response = Exchange(), _response(MEDIUM)
    asking, answering = RequestReader(exchange), ResponseReader(exchange)

    def quickly() -> None:
        assert asking.whole(_REQUEST)
        assert answering.whole(response)

    def by_pieces() -> None:
        list(asking.feed(_REQUEST))
        list(answering.feed(response))

    yield Piece("HTTP reader, 10 KB exchange, whole()", quickly, len(_REQUEST) + len(response))
    yield Piece("HTTP reader, 10 KB exchange, feed()", by_pieces, len(_REQUEST) + len(response))


def _holds(core: Subject) -> Iterator[Piece]:
    """The tail rule, once for each read of a growing text."""
    inspector = core.inspector(Channel.HTTP1)
    assert inspector.hold is not None
    hold = inspector.hold
    for title, tail in (
        ("JSON", corpus.document(LONG)[LONG // 2 :][:TAIL]),
        ("ends in a number", b"x" * (TAIL - 9) + b"\n41111111"),
    ):
        yield Piece(f"hold, {title}", partial(hold, tail))


def _response(size: int) -> bytes:
    body = corpus.document(size)
    return _RESPONSE % (len(body), body)


def _clean(step: Step) -> None:
    """A verdict would mean that something else is timed than clean traffic."""
    if step.verdict is not None:
        raise RuntimeError(f"the corpus is not clean: {step.verdict.reason}")


def _row(piece: Piece) -> Sequence[str]:
    timer = timeit.Timer(piece.work, setup=gc.enable)  # which timeit switches off
    count = 1
    while timer.timeit(count) < LEAST_SECONDS:
        count *= 2
    times = spread(seconds / count * 1e6 for seconds in timer.repeat(REPEATS, count))
    assert times is not None
    rate = number(piece.octets / times.middle) if piece.octets else ""
    return piece.title, number(times.low), number(times.middle), number(times.high), rate
