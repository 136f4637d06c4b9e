"""From the model to every sidecar's stream: batches, each written once as bytes, and the queues that carry them.

What belongs here: when a batch is made, its number and hash, who gets it, and what happens to a reader that falls
behind.  What never does: HTTP and tokens (`scope_api`), and who is who (`scope_model`).

A change waits a tenth of a second for others to come with it.  Batches that follow each other keep a distance from begin
to begin, so that no more than a tenth of the time goes into them, but 0.3 s at most.  A line is written as soon as it is
made where none waits before it; else it joins a queue, which is short: who cannot keep up is told to start over, which
costs one snapshot, and never holds up the others.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from injector.scope_model import ScopeModel
from sidecar.core.policy_text import version
from sidecar.core.scope_feed import (
    encode_delta,
    encode_heartbeat,
    encode_policy,
    encode_resync,
    encode_snapshot,
    next_hash,
    state_hash,
)
from sidecar.core.scopes import PeerClass

HEARTBEAT_S = 5.0
WINDOW_S = 0.1
DISTANCE_S = 0.3
"""Goes before the tenth: with 2,000 streams a batch takes 75 ms of processor, and ten changes a second 28 % of a core;
a change that just missed one waits 0.3 s for the next."""
_EFFORT = 10.0
"""The next batch waits this many times as long as the last one took."""
LIFETIME_S = (1800.0, 3600.0)
QUEUE = 64
"""Lines that may wait for one reader: with a heartbeat every five seconds and ten batches a second, some six seconds."""
_STALE_S = 10.0


@dataclass(slots=True)
class HubCounts:
    """What a hub has done; for metrics."""

    batches: int = 0
    changes: int = 0
    snapshots: int = 0
    overflows: int = 0
    expired: int = 0
    last_batch_s: float = 0.0
    """Processor time."""


def _never(_: bytes) -> bool:
    return False


class Reader:
    """The lines on their way to one sidecar."""

    def __init__(self, owner: str, until: float) -> None:
        self.owner = owner
        """The uid of its pod."""
        self.until = until
        """End of its life, as the hub counts time."""
        self.at_once: Callable[[bytes], bool] = _never
        """Writes a line where nothing waits before it; False: it has to wait."""
        self._lines: deque[bytes] = deque()
        self._some = asyncio.Event()
        self._idle = False
        """Every line is written, and `lines` waits for the next."""
        self._over = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._over

    def offer(self, line: bytes) -> bool:
        """One more line; False if the queue is full, which ends it."""
        if self._over or (self._idle and self.at_once(line)):
            return True
        if len(self._lines) >= QUEUE:
            self.end()
            return False
        self._lines.append(line)
        self._wake()
        return True

    def end(self) -> None:
        """Start over: whatever waits is worth nothing now."""
        if not self._over:
            self._lines.clear()
            self._lines.append(encode_resync())
            self._over = True
            self._wake()

    async def lines(self) -> AsyncIterator[bytes]:
        """Each line that was not written at once, until the last."""
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self._over:
                return
            self._some.clear()
            self._idle = True
            await self._some.wait()

    def _wake(self) -> None:
        self._idle = False
        self._some.set()


class Hub:
    """One replica's view of who is who, and all who read it."""

    def __init__(
        self,
        model: ScopeModel,
        boot: str,
        blind_s: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`boot` names this run of this replica; `blind_s`: for how long it has not heard from the cluster."""
        self._model = model
        self._boot = boot
        self._blind_s = blind_s
        self._now = now
        self._seq = 0
        self._state = state_hash(model.ground.cluster, {})
        self._snapshots: dict[PeerClass, bytes] = {}
        self._policy_line = b""
        self._policy_version = ""
        self._readers: set[Reader] = set()
        self._streams: Counter[str] = Counter()
        self._poked = asyncio.Event()
        self._published = asyncio.Event()
        self.counts = HubCounts()
        self.open = False
        """Whether there is something to serve: set once everything has been listed."""

    @property
    def readers(self) -> int:
        """Open streams."""
        return len(self._readers)

    @property
    def policy(self) -> str:
        """The version of the policy that is served, empty for none."""
        return self._policy_version

    @property
    def stale(self) -> bool:
        """Whether this replica has been blind for so long that another one should be asked."""
        return self._blind_s() > _STALE_S

    def readers_of(self, uid: str) -> int:
        """Open streams of one pod."""
        return self._streams[uid]

    def poke(self) -> None:
        """Facts have changed."""
        self._poked.set()

    def set_policy(self, text: str) -> None:
        """Serve this policy from now on."""
        if version(text) == self._policy_version:
            return
        self._policy_line, self._policy_version = encode_policy(text), version(text)
        self._tell(self._policy_line)

    def join(self, uid: str, own: PeerClass) -> Reader:
        """A new reader for the pod `uid` of class `own`: the policy and a snapshot, then what comes."""
        reader = Reader(uid, self._now() + random.uniform(*LIFETIME_S))  # noqa: S311 - no secret
        self._readers.add(reader)
        self._streams[uid] += 1
        if self._policy_line:
            reader.offer(self._policy_line)
        reader.offer(self._snapshot(own))
        self.counts.snapshots += 1
        return reader

    def leave(self, reader: Reader) -> None:
        """A reader has gone."""
        self._readers.remove(reader)
        self._streams[reader.owner] -= 1
        if not self._streams[reader.owner]:
            del self._streams[reader.owner]

    def end_all(self) -> None:
        """Send everybody to another replica."""
        self.open = False
        for reader in self._readers:
            reader.end()

    async def changed(self) -> None:
        """Wait for the next batch."""
        await self._published.wait()

    async def run(self) -> None:
        """Batches and heartbeats, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batches())
            tasks.create_task(self._heartbeats())

    def publish(self) -> None:
        """Make a batch of what has changed, and send it."""
        delta = self._model.flush(self._now())
        self._published.set()
        self._published = asyncio.Event()
        if delta is None:
            return
        self._seq += 1
        self._state = next_hash(self._state, delta.before, delta.put, delta.drop)
        self._snapshots.clear()
        self._tell(encode_delta(self._seq, delta.put, delta.drop, self._state))
        self.counts.batches += 1
        self.counts.changes += len(delta.before)

    def beat(self) -> None:
        """Send a heartbeat, and end the streams whose time has come."""
        blind = self._blind_s()
        self._tell(encode_heartbeat(self._seq, self._state, self._policy_version, int(blind)))
        now = self._now()
        for reader in self._readers:
            # Whoever is sent away while this replica is blind would find nobody who can check its token.
            expired = now >= reader.until and blind <= _STALE_S
            if expired or self._model.protected(reader.owner) is None:
                self.counts.expired += 1
                reader.end()

    def _snapshot(self, own: PeerClass) -> bytes:
        """All entries as of the last batch, written once for each class of reader."""
        if own not in self._snapshots:
            ground = self._model.ground.cluster
            self._snapshots[own] = encode_snapshot(
                self._boot, self._seq, ground, own, self._model.entries, self._state
            )
        return self._snapshots[own]

    def _tell(self, line: bytes) -> None:
        for reader in self._readers:
            if not reader.offer(line):
                self.counts.overflows += 1

    async def _batches(self) -> None:
        not_before = 0.0
        while True:
            await self._something()
            await asyncio.sleep(max(WINDOW_S, not_before - self._now()))
            begun, effort = self._now(), time.thread_time()
            self._poked.clear()
            self.publish()
            # Who has to wait its turn is woken by the first turn of the loop and writes in it or the next.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.counts.last_batch_s = time.thread_time() - effort
            not_before = begun + min(DISTANCE_S, _EFFORT * self.counts.last_batch_s)

    async def _something(self) -> None:
        """Wait until facts have changed, or time has come for some of them."""
        due = self._model.next_due
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                await self._poked.wait()
        except TimeoutError:
            return

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.beat()
