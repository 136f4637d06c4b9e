"""Small things that are followed: list, then watch, for ever; and the names that wait to be put right.

What belongs here: a plain follower for the handful of objects that the controller itself keeps (its webhook configuration,
the CA in namespaces).  What never does: pods and Services by the thousand, which need a cache (reflector.py).
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from injector.kube import Kube, KubeError, Resource, at
from injector.tree import Object, items

log = logging.getLogger("cdefence.follow")

WATCH_S = 300
"""How long one watch lasts; the server ends it, and the list that follows heals whatever was missed."""
GONE = 410
_PAUSE_S = (0.8, 30.0)


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it is now, or as it was when it was deleted."""

    deleted: bool
    found: Object

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return str(at(self.found, "metadata", "name") or "")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for what has none."""
        return str(at(self.found, "metadata", "namespace") or "")


async def changes(kube: Kube, resource: Resource, **selectors: str) -> AsyncIterator[Change]:
    """Every object that matches, then every change, for ever; errors are told and tried again, later each time.

    Every object is told again at least every `WATCH_S`, so a caller that compares heals by itself.  What was deleted
    while no watch was running is not told: callers must not depend on deletions alone.
    """
    pause = _PAUSE_S[0]
    while True:
        try:
            page = await kube.list(resource, None, selectors)
            for found in items(page, "items"):
                yield Change(False, found)
            version = str(at(page, "metadata", "resourceVersion") or "")
            async for change in _watched(kube, resource, version, selectors):
                yield change
            pause = _PAUSE_S[0]
        except KubeError as error:
            if error.status != GONE:  # the list that follows is the cure
                log.warning("%s cannot be followed, next try in %.0f s: %s", resource.plural, pause, error)
                pause = min(pause * 2, _PAUSE_S[1])
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


async def _watched(
    kube: Kube, resource: Resource, version: str, selectors: dict[str, str]
) -> AsyncIterator[Change]:
    """Changes after `version` until the server ends the watch.  Raises: KubeError, also for an error in the stream."""
    parameters = {**selectors, "resourceVersion": version, "timeoutSeconds": str(WATCH_S)}
    async with kube.watch(resource, None, parameters, WATCH_S + 30.0) as lines:
        async for line in lines:
            event = json.loads(line)
            kind, found = at(event, "type"), at(event, "object")
            if kind == "ERROR" or not isinstance(found, dict):
                status = at(found, "code")
                code = status if isinstance(status, int) else 0
                raise KubeError(code, str(at(found, "reason")), str(at(found, "message")))
            yield Change(kind == "DELETED", found)


class Waiting:
    """Names that wait to be put right: each waits once, and comes back later when putting it right failed."""

    def __init__(self, retry_s: float = 5.0) -> None:
        self._retry_s = retry_s
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def add(self, names: Iterable[str]) -> None:
        """Have these put right."""
        self._names.update(names)
        if self._names:
            self._some.set()

    async def work(self, put_right: Callable[[str], Awaitable[None]]) -> None:
        """Put right whatever waits, one after the other; never ends.  A KubeError means once more, later."""
        while True:
            await self._some.wait()
            self._some.clear()
            names, self._names = sorted(self._names), set()
            failed = [name for name in names if not await _tried(put_right, name)]
            if failed:
                asyncio.get_running_loop().call_later(self._retry_s, self.add, failed)


async def _tried(put_right: Callable[[str], Awaitable[None]], name: str) -> bool:
    try:
        await put_right(name)
    except KubeError as error:
        log.warning("%s: %s", name, error)
        return False
    return True
