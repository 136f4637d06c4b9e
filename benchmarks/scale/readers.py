"""Streams read by the sidecar's own client, `sidecar.ops.scope_stream`, as a process: `… watch|join TOKENS CA FIRST COUNT`.

`watch` keeps its streams open, says `ready`, and at each line that comes in tells when which address came to which map.
`join` opens one stream after the other, each until its first snapshot, and says how long each took.  What never belongs
here: how the times are judged.  They are of the clock that all processes of a machine share.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import uvloop

from sidecar import contract
from sidecar.core.scope_feed import NewMap, NewPolicy
from sidecar.ops.kinds import Origin
from sidecar.ops.metrics import Metrics
from sidecar.ops.scope_api import Access
from sidecar.ops.scope_stream import ScopeStream

HOST = f"{contract.SCOPES_SERVICE}.{contract.SYSTEM_NAMESPACE}.svc"
_PATIENCE_S = 120.0


class Ear:
    """A listener that notes when its map has changed, and how."""

    def __init__(self, told: defaultdict[str, list[float]]) -> None:
        self._told = told
        self.whole = asyncio.Event()
        self.whole_at = 0.0

    def new_map(self, change: NewMap) -> None:
        """The map of this sidecar is another one from now on."""
        now = time.monotonic()
        if change.changed is None:
            if not self.whole.is_set():
                self.whole_at = now
            self.whole.set()
            return
        for ip, port in change.changed:
            if port is None and change.scopes.listed(ip) is not None:
                self._told[ip].append(now)

    async def new_policy(self, _: NewPolicy) -> None:
        """Not measured."""

    def heard(self, _: float) -> None:
        """Not measured."""


def _stream(tokens: Path, ca: Path, number: int, ear: Ear) -> ScopeStream:
    access = Access(Origin(HOST, contract.SCOPES_PORT), tokens / str(number), ca)
    return ScopeStream(access, ear, Metrics())


async def watch(tokens: Path, ca: Path, numbers: range) -> None:
    """Until standard input ends."""
    told: defaultdict[str, list[float]] = defaultdict(list)
    ears = [Ear(told) for _ in numbers]
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_stream(tokens, ca, number, ear).run())
            for number, ear in zip(numbers, ears, strict=True)
        ]
        async with asyncio.timeout(_PATIENCE_S):
            for ear in ears:
                await ear.whole.wait()
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(told), flush=True)
            told.clear()
        for task in running:
            task.cancel()


async def join(tokens: Path, ca: Path, numbers: range) -> None:
    """Say the seconds from before the connection to the first whole map, one for each."""
    took = []
    for number in numbers:
        ear = Ear(defaultdict(list))
        begun = time.monotonic()
        task = asyncio.create_task(_stream(tokens, ca, number, ear).run())
        async with asyncio.timeout(_PATIENCE_S):
            await ear.whole.wait()
        took.append(ear.whole_at - begun)
        task.cancel()
        await asyncio.wait([task])
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    what, tokens, ca, first, count = sys.argv[1:]
    work = {"watch": watch, "join": join}[what]
    uvloop.run(work(Path(tokens), Path(ca), range(int(first), int(first) + int(count))))
