"""Writes audit events as JSON lines without ever making the data path wait.

What belongs here: the bounded queue, the writer thread, the count of what was dropped, and the last look
for an unmasked card number.  What never does: the shape of an event (events.py).

A thread, not the event loop: stdout is often a pipe that somebody reads slowly, and a blocking write must
block nobody else.
"""

import json
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from sidecar.core.redact import holds_pan
from sidecar.ops.events import Event, Json, Origin, WithheldEvent

STDOUT = "-"

_BATCH = 64
"""Lines of one write: few system calls in a flood, yet short turns of the interpreter lock."""

_log = logging.getLogger(__name__)


class EventLog:
    """The audit log.  `sink` is `-` for stdout or the path of a file that is appended to (never rotated by
    us).

    Raises OSError if the file cannot be opened.
    """

    def __init__(
        self,
        sink: str,
        origin: Origin,
        capacity: int = 10_000,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._origin = origin
        self._capacity = capacity
        self._clock = clock
        self._queue: SimpleQueue[tuple[Event, int] | None] = SimpleQueue()
        self._refused = 0  # touched by the emitting thread only
        self._lost = 0  # touched by the writer only
        self._closed = False
        self._torn = False
        # 0600: events name peers and findings; whoever may read them is the operator's decision.
        self._fd = (
            os.dup(1)
            if sink == STDOUT
            else os.open(Path(sink), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        )
        self._writer = threading.Thread(target=self._run, name="audit-events", daemon=True)
        self._writer.start()

    @property
    def dropped(self) -> int:
        """Events that were not written: the queue was full, or the sink failed."""
        return self._refused + self._lost

    def emit(self, event: Event) -> None:
        """Hand over one event: never blocks; a full queue drops it and counts the drop."""
        if self._closed or self._queue.qsize() >= self._capacity:
            self._refused += 1
        else:
            self._queue.put((event, self._clock() // 1_000_000))

    def close(self, timeout: float = 2.0) -> bool:
        """Write what is queued, for at most `timeout` seconds; whether that was enough.

        Later events are dropped.
        """
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._writer.join(timeout)
        return not self._writer.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if lines := list(self._lines(batch)):
                self._write(b"".join(lines), len(lines))
        os.close(self._fd)

    def _next_batch(self) -> tuple[list[tuple[Event, int]], bool]:
        """At least one event (waiting for it), then as many as are there; and whether the log was closed."""
        batch: list[tuple[Event, int]] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == _BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _lines(self, batch: list[tuple[Event, int]]) -> Iterator[bytes]:
        for event, time_ms in batch:
            try:
                yield self._line(event, time_ms)
            except Exception:  # noqa: BLE001 - a defect in one event must not end the log of all others
                self._lost += 1
                _log.exception("an audit event could not be written down")

    def _line(self, event: Event, time_ms: int) -> bytes:
        line = _serialise(event.to_json(self._origin, time_ms))
        # Nothing that is built from a Finding can hold a raw value; this is for the defect that nobody
        # thought of.
        if holds_pan(line):
            line = _serialise(WithheldEvent().to_json(self._origin, time_ms))
        return line.encode() + b"\n"

    def _write(self, data: bytes, events: int) -> None:
        if self._torn:
            data = b"\n" + data  # the last write ended within a line
        try:
            _write_all(self._fd, data)
            self._torn = False
        except OSError as error:
            if not self._torn:
                _log.error("audit events cannot be written and are counted as dropped: %s", error.strerror)
            self._torn = True
            self._lost += events


def _write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, waiting as long as it takes; also on a descriptor that somebody made
    non-blocking."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            select.select([], [fd], [])


def _serialise(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))
