"""Asks the controller about one peer that the map does not have, because it may have come up a moment ago.

What belongs here: questions within a budget, over a few connections, and which peers were unknown a moment ago.  What
never does: deciding anything; whoever asks decides again with the answer, which is kept nowhere: the map will have it.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from sidecar.core.scope_feed import FeedError, read_lookup
from sidecar.core.scopes import Key, PeerClass
from sidecar.ops.metrics import Lookup, Metrics
from sidecar.ops.scope_api import STREAM, Access, Api, ApiError, connect

BUDGET_S: Final = 0.2
"""For one question, the connection included; the peer's own connection waits for it."""
FORGET_S: Final = 1.0
"""For so long "unknown", or no answer, holds without asking again."""
MOST_AT_ONCE: Final = 8
"""Questions; one more is answered "unknown" at once."""
MOST_KEPT: Final = 4096
MOST_FREE: Final = 2
"""Connections kept for the next question."""
_LONGEST_ANSWER: Final = 4096


class ScopeLookup:
    """Questions about single peers."""

    def __init__(self, access: Access, metrics: Metrics) -> None:
        self._access = access
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._free: list[Api] = []
        """Connections on which nothing is asked."""
        self._asking: dict[Key, asyncio.Task[PeerClass]] = {}
        self._unknown: dict[Key, float] = {}
        """Until when a peer counts as unknown."""

    async def ask(self, ip: str, port: int | None) -> PeerClass:
        """The class of a peer (`port` where it is a destination), UNKNOWN if nobody knows or says so in time."""
        key = ip, port
        if self._unknown.get(key, 0.0) > self._loop.time():
            return PeerClass.UNKNOWN
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= MOST_AT_ONCE:
                self._metrics.looked_up(Lookup.FAILED)
                return PeerClass.UNKNOWN
            task = self._asking[key] = asyncio.create_task(self._find_out(key))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no more."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._free:
            self._free.pop().close()

    async def _find_out(self, key: Key) -> PeerClass:
        try:
            async with asyncio.timeout(BUDGET_S):
                found = await self._question(*key)
            result = Lookup.UNKNOWN if found is PeerClass.UNKNOWN else Lookup.FOUND
        except (ApiError, FeedError, TimeoutError):
            found, result = PeerClass.UNKNOWN, Lookup.FAILED
        finally:
            del self._asking[key]
        self._metrics.looked_up(result)
        if found is PeerClass.UNKNOWN:
            self._keep(key)
        return found

    async def _question(self, ip: str, port: int | None) -> PeerClass:
        idle = self._idle()
        if idle is not None:
            with suppress(ApiError):  # closed this very moment: once more
                return await self._on(idle, ip, port)
        return await self._on(await connect(self._access), ip, port)

    async def _on(self, api: Api, ip: str, port: int | None) -> PeerClass:
        try:
            found = await _answer(api, ip, port)
        except BaseException:
            api.close()
            raise
        if len(self._free) < MOST_FREE:
            self._free.append(api)
        else:
            api.close()
        return found

    def _idle(self) -> Api | None:
        """A connection that the API has not closed meanwhile."""
        while self._free:
            api = self._free.pop()
            if api.reusable:
                return api
            api.close()
        return None

    def _keep(self, key: Key) -> None:
        if len(self._unknown) >= MOST_KEPT:
            self._unknown.clear()
        self._unknown[key] = self._loop.time() + FORGET_S


async def _answer(api: Api, ip: str, port: int | None) -> PeerClass:
    status = await api.get(f"{STREAM}/{ip}" if port is None else f"{STREAM}/{ip}?port={port}")
    body = b""
    async for piece in api.body():
        body += piece
        if len(body) > _LONGEST_ANSWER:
            raise ApiError("an answer that is too long")
    if status == HTTPStatus.NOT_FOUND:
        return PeerClass.UNKNOWN
    if status != HTTPStatus.OK:
        raise ApiError(f"the API answers {status}")
    return read_lookup(body, ip, port)
