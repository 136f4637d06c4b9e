"""The client of the scope stream: keeps scope map and policy as the controller has them, for as long as it takes.

What belongs here: connecting again and again, and the clock: how long silence may last, how long to wait.  What never
does: what a line means (`core.scope_feed`), and what follows from a new map (whoever listens).

    connect -> lines ... -> any end: error, silence, mismatch, resync -> wait -> connect

Whatever ends a stream, the last map stays with the listener; it ages from the last good line on.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, Protocol

from sidecar.core.scope_feed import Alive, FeedError, Lines, NewMap, NewPolicy, ScopeFeed, Why
from sidecar.ops.metrics import Metrics
from sidecar.ops.scope_api import STREAM, Access, Api, ApiError, connect

CONNECT_S: Final = 10.0
"""For the name, the connection, TLS and the head of the answer."""
SILENCE_S: Final = 15.0
"""Without a line, of which the controller sends one at least every 5 s."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 15.0
"""Between attempts: doubled each time, and of that a random part, so that ten thousand sidecars do not come at once."""
GOOD_AFTER_S: Final = 30.0
"""A stream that lived that long was a good one: the next wait is the first again."""
LARGE: Final = 64 * 1024
"""Longer lines are read in a thread: a map of 100,000 entries takes half a second, and connections go on meanwhile."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Whoever lives by the map and the policy."""

    def new_map(self, change: NewMap) -> None:
        """Another map is right from now on."""

    async def new_policy(self, change: NewPolicy) -> None:
        """Another policy should hold from now on."""

    def heard(self, age: float) -> None:
        """The map that was told last is `age` seconds old."""


class ScopeStream:
    """The stream, over and over.  `run` it as a task and cancel it."""

    def __init__(self, access: Access, listener: Listener, metrics: Metrics) -> None:
        self._access = access
        self._listener = listener
        self._metrics = metrics
        self._wait = FIRST_WAIT_S
        self._told = ""
        """What was last logged, so that it is not logged at every attempt."""

    async def run(self) -> None:
        """Follow the controller for ever."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                await self._follow()
            except FeedError as error:
                self._ended(str(error), asked=error.why is Why.RESYNC)
            except ApiError as error:
                self._ended(str(error))
            except TimeoutError:
                self._ended("no answer in time")
            except Exception as error:  # a defect must not leave the old map in force for ever
                log.error("reading the scope stream failed: %s", type(error).__name__, exc_info=error)
            self._metrics.scope_stream_connected = False
            if loop.time() - begun > GOOD_AFTER_S:
                self._wait = FIRST_WAIT_S
            await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            self._wait = min(2 * self._wait, LONGEST_WAIT_S)
            self._metrics.scope_stream_reconnects += 1

    async def _follow(self) -> None:
        """One stream to its end, which is always an exception."""
        async with asyncio.timeout(CONNECT_S) as limit:
            api = await connect(self._access)
            try:
                status = await api.get(STREAM)
                if status != HTTPStatus.OK:
                    raise ApiError(f"{self._access.origin} answers {status}")
                await self._read(api, limit)
            finally:
                api.close()
        raise ApiError("the stream has ended")

    async def _read(self, api: Api, limit: asyncio.Timeout) -> None:
        feed, blind = ScopeFeed(), 0.0
        async for line in _lines(api, limit):
            change = feed.line(line) if len(line) < LARGE else await asyncio.to_thread(feed.line, line)
            if isinstance(change, NewPolicy):
                await self._listener.new_policy(change)
            elif isinstance(change, NewMap):
                self._listener.new_map(change)
            if isinstance(change, NewMap) and change.changed is None:
                blind = 0.0
                self._whole(feed)
            elif isinstance(change, Alive):
                blind = float(change.age)
            if self._metrics.scope_stream_connected:
                self._listener.heard(blind)

    def _whole(self, feed: ScopeFeed) -> None:
        """A snapshot has come."""
        if not self._metrics.scope_stream_connected:
            log.info("scope stream of %s, replica %s", self._access.origin, feed.epoch[:64])
        self._told, self._metrics.scope_stream_connected = "", True

    def _ended(self, why: str, *, asked: bool = False) -> None:
        if why != self._told:
            level = logging.INFO if asked else logging.WARNING
            log.log(level, "scope stream: %s; the last map stays while it may", why)
        self._told = why


async def _lines(api: Api, limit: asyncio.Timeout) -> AsyncIterator[bytes]:
    """The lines of the answer.  Silence ends it, time that the reader takes for itself does not."""
    lines, loop = Lines(), asyncio.get_running_loop()
    limit.reschedule(loop.time() + SILENCE_S)
    async for piece in api.body():
        for line in lines.feed(piece):
            limit.reschedule(None)
            yield line
            limit.reschedule(loop.time() + SILENCE_S)
