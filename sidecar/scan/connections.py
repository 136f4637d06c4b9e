"""TCP put together again: each connection of a capture goes through the same `core.flow` as live traffic.

What belongs here: order, retransmission, gaps, who is the client.  What never does: reading captures (packets.py), and
what a finding is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sidecar.core.flow import Flow
from sidecar.core.inspection import Step
from sidecar.scan.packets import End, Segment

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
OUT_OF_ORDER: Final = 4 * 1024 * 1024
"""Bytes that wait for one that is missing; then it is taken for lost."""
OPEN: Final = 10_000
"""Connections that are followed at once; the one that was quiet longest goes first."""
_AROUND: Final = 1 << 32
_LOWEST_EPHEMERAL: Final = 1024

Tell = Callable[[End, End, Step], None]


class Half:
    """One direction: segments in any order, bytes in order."""

    def __init__(self, feed: Callable[[bytes], Step], close: Callable[[], Step]) -> None:
        self._feed = feed
        self._close = close
        self._next: int | None = None
        """The number of the byte that is due; None before the first."""
        self._waiting: dict[int, bytes] = {}
        self._size = 0
        self._last: int | None = None
        """The number behind the last byte, once a FIN has told it."""
        self._closed = False
        self.lost = 0
        """Places where bytes are missing."""

    @property
    def begun(self) -> bool:
        """Whether anything is known of it."""
        return self._next is not None

    def begin(self, seq: int) -> None:
        """The first byte will have this number."""
        if self._next is None:
            self._next = seq % _AROUND

    def take(self, seq: int, data: bytes) -> list[Step]:
        """A segment; what came of the bytes that are in order now."""
        self.begin(seq)
        ahead = self._ahead(seq)
        if ahead + len(data) > 0 and len(self._waiting.get(seq, b"")) < len(data):
            self._size += len(data) - len(self._waiting.get(seq, b""))
            self._waiting[seq] = data
        steps = self._in_order()
        while self._size > OUT_OF_ORDER:
            steps += self._skip()
        return steps

    def finish(self, seq: int) -> list[Step]:
        """A FIN, behind the byte `seq - 1`."""
        self.begin(seq)
        self._last = seq % _AROUND
        return self._in_order()

    def end(self) -> list[Step]:
        """Nothing more comes."""
        steps: list[Step] = []
        while self._waiting:
            steps += self._skip()
        return [*steps, *self._over()]

    def _over(self) -> list[Step]:
        if self._closed:
            return []
        self._closed = True
        return [self._close()]

    def _in_order(self) -> list[Step]:
        steps: list[Step] = []
        while due := [seq for seq in self._waiting if self._ahead(seq) <= 0]:
            for seq in sorted(due, key=self._ahead):
                data = self._waiting.pop(seq)
                self._size -= len(data)
                fresh = data[-self._ahead(seq) :]  # what was sent again was seen already
                if fresh and not self._closed:
                    assert self._next is not None
                    self._next = (self._next + len(fresh)) % _AROUND
                    steps.append(self._feed(fresh))
        if self._last is not None and self._next == self._last:
            steps += self._over()
        return steps

    def _skip(self) -> list[Step]:
        """What is missing does not come any more: go on behind it."""
        self.lost += 1
        self._next = min(self._waiting, key=self._ahead)
        return self._in_order()

    def _ahead(self, seq: int) -> int:
        """How far `seq` lies ahead of the byte that is due (numbers go around)."""
        assert self._next is not None
        return (seq - self._next + _AROUND // 2) % _AROUND - _AROUND // 2


class Connection:
    """Both directions."""

    def __init__(self, client: End, server: End, flow: Flow, tell: Tell) -> None:
        self.client = client
        self.server = server
        self.flow = flow
        self._tell = tell
        # what `feed` does changes as the flow learns what it carries: look it up each time
        self._halves = {
            client: Half(lambda data: flow.client.feed(data), flow.client_close),
            server: Half(lambda data: flow.server.feed(data), flow.server_close),
        }
        self.seq: int | None = None
        """The number in the client's SYN."""

    def take(self, segment: Segment) -> None:
        """One segment."""
        half = self._halves[segment.source]
        seq = segment.seq
        if segment.has(SYN):
            seq += 1
            half.begin(seq)
        if segment.data:
            self._told(segment.source, half.take(seq % _AROUND, segment.data))
        if segment.has(FIN):
            self._told(segment.source, half.finish(seq + len(segment.data)))

    def end(self) -> int:
        """It is over; how many places in it are missing."""
        for source in (self.client, self.server):
            self._told(source, self._halves[source].end())
        return sum(half.lost for half in self._halves.values())

    def _told(self, source: End, steps: list[Step]) -> None:
        target = self.server if source == self.client else self.client
        for step in steps:
            self._tell(source, target, step)


class Connections:
    """All connections of a capture."""

    def __init__(
        self, make: Callable[[], Flow], tell: Tell, ended: Callable[[Connection, int], None]
    ) -> None:
        self._make = make
        self._tell = tell
        self._ended = ended
        self._open: dict[frozenset[End], Connection] = {}
        """By both ends; the one that spoke last is last."""

    def take(self, segment: Segment) -> None:
        """One segment of any connection."""
        key = frozenset((segment.source, segment.target))
        connection = self._open.pop(key, None)
        opening = segment.has(SYN) and not segment.has(ACK)
        if connection is not None and opening and connection.seq != segment.seq:
            self._over(connection)  # the port is used again
            connection = None
        if connection is None:
            if not segment.data and not segment.has(SYN):
                return  # the end of one that has ended, or nothing yet
            connection = self._new(segment)
            connection.seq = segment.seq if opening else None
        self._open[key] = connection
        connection.take(segment)
        if segment.has(RST):
            self._over(self._open.pop(key))
        elif len(self._open) > OPEN:
            self._over(self._open.pop(next(iter(self._open))))

    def end(self) -> None:
        """The capture is over."""
        for connection in self._open.values():
            self._over(connection)
        self._open.clear()

    def _new(self, segment: Segment) -> Connection:
        ends = (segment.source, segment.target)
        client, server = reversed(ends) if _from_server(segment) else ends
        return Connection(client, server, self._make(), self._tell)

    def _over(self, connection: Connection) -> None:
        self._ended(connection, connection.end())


def _from_server(segment: Segment) -> bool:
    """Whether the first segment that is known of a connection comes from its server."""
    if segment.has(SYN):
        return segment.has(ACK)
    if segment.data.startswith(b"HTTP/"):
        return True
    return segment.source.port < _LOWEST_EPHEMERAL <= segment.target.port
