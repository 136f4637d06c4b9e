"""One kind of object, listed and then watched for ever: what there is, and each change, exactly as the API server tells it.

What belongs here: paging, bookmarks, expired versions, broken connections, back-off, and telling what vanished while
nobody watched.  What never does: what an object means; `slim` reads it, `scope_model` thinks about it.

- A list has no resourceVersion: it is as new as the cluster.  (Version "0" would be cheaper and may be older than what
  this process or another replica has seen; a scope map must not go back in time.)
- A watch resumes after the last version seen, bookmarks included.  Version expired (410, as a status or inside the
  stream): list again.  Anything else: watch again from where we were.
- After each error the pause doubles, with jitter, up to five seconds: there are only a few of us, and as long as we wait
  nobody new is known.  A minute of health resets it.  A watch that the server ends is no error unless it ends at once.
- Two missed bookmarks in a row (they come every minute) are a dead connection, whatever TCP says.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from injector.kube import KubeError, Resource, at
from injector.slim import uid_of
from injector.tree import Object

log = logging.getLogger("cdefence.reflector")

PAGE = 500
SILENCE_S = 150.0
_WATCH_S = (290, 580)
_PAUSE_S = (0.8, 5.0)
_HEALTHY_S = 60.0
_GONE = 410


class Source(Protocol):
    """What a reflector needs of the API server; `kube.Kube` is one."""

    async def list(
        self, resource: Resource, namespace: str | None, parameters: Mapping[str, str], timeout_s: float
    ) -> Object:
        """One page."""
        ...

    def watch(
        self, resource: Resource, namespace: str | None, parameters: Mapping[str, str], read_timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lines of events."""
        ...


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """What is reflected, and where it goes."""

    resource: Resource
    slim: Callable[[Object], T]
    put: Callable[[T], None]
    drop: Callable[[T], None]
    namespace: str | None = None
    selectors: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """What a reflector has done; for metrics."""

    lists: int = 0
    watches: int = 0
    events: int = 0
    bytes: int = 0
    errors: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """Time and chance, so that tests can have their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[float, float], float] = random.uniform


class Reflector[T]:
    """Keeps one kind of object reflected; `run` never ends."""

    def __init__(self, source: Source, kind: Kind[T], pace: Pace | None = None) -> None:
        self._source = source
        self._kind = kind
        self._pace = pace or Pace()
        self._known: dict[str, T] = {}
        self._version = ""
        """Of the last thing seen; empty: list first."""
        self._pause = _PAUSE_S[0]
        self._watching = False
        self._last = self._pace.now()
        self.counts = Counts()
        self.synced = asyncio.Event()
        """Set once the first list is complete."""

    @property
    def name(self) -> str:
        """The kind, for logs and metrics."""
        return self._kind.resource.plural

    @property
    def blind_s(self) -> float:
        """For how long nothing has been heard from the API server; 0 while a watch is open."""
        return 0.0 if self._watching else self._pace.now() - self._last

    async def run(self) -> None:
        """List and watch, for ever."""
        while True:
            begun = self._pace.now()
            failed = await self._tried()
            lived = self._pace.now() - begun
            if lived >= _HEALTHY_S:
                self._pause = _PAUSE_S[0]
            if failed or lived < 1.0:
                await self._pace.sleep(self._pause * self._pace.chance(0.7, 1.3))
                self._pause = min(self._pause * 2, _PAUSE_S[1])

    async def _tried(self) -> bool:
        """One list if needed, one watch to its end; whether that ended in an error."""
        try:
            if not self._version:
                await self._list()
            await self._watch()
        except KubeError as error:
            self.counts.errors += 1
            if error.status == _GONE:
                self._version = ""
            log.warning("%s: %s; next try in about %.0f s", self.name, error, self._pause)
            return True
        finally:
            self._watching = False
        return False

    # --- list

    async def _list(self) -> None:
        """Everything there is, page by page; then what was known and is no more is dropped."""
        found: dict[str, T] = {}
        parameters = {**self._kind.selectors, "limit": str(PAGE)}
        while True:
            page = await self._source.list(self._kind.resource, self._kind.namespace, parameters, 30.0)
            self._heard()
            objects = page.get("items")
            for each in objects if isinstance(objects, list) else []:
                if isinstance(each, dict):
                    found[uid_of(each)] = self._kind.slim(each)
            token = at(page, "metadata", "continue")
            if not isinstance(token, str) or not token:
                break
            parameters["continue"] = token
            await asyncio.sleep(0)  # a page is a few milliseconds of parsing: let others in between
        self._replace(found)
        self._version = _version_of(page)
        self.counts.lists += 1
        self.synced.set()

    def _replace(self, found: dict[str, T]) -> None:
        """First what is gone, then what is there: its successor may have the same name or address."""
        for uid in self._known.keys() - found.keys():
            self._drop(uid)
        for uid, facts in found.items():
            self._put(uid, facts)

    # --- watch

    async def _watch(self) -> None:
        """Each change, until the server ends the watch.  Raises KubeError for whatever else ends it."""
        parameters = {
            **self._kind.selectors,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(self._pace.chance(*_WATCH_S))),
        }
        kind = self._kind
        async with self._source.watch(kind.resource, kind.namespace, parameters, SILENCE_S) as lines:
            self.counts.watches += 1
            self._watching = True
            self._heard()
            async for line in lines:
                self._heard()
                self.counts.bytes += len(line)
                self._event(line)

    def _event(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            raise KubeError(0, "BadAnswer", "a watch event is no JSON") from None
        what, found = at(event, "type"), at(event, "object")
        if not isinstance(found, dict):
            raise KubeError(0, "BadAnswer", "a watch event has no object")
        if what == "ERROR":
            raise _error_of(found)
        if what in ("ADDED", "MODIFIED"):
            self.counts.events += 1
            self._put(uid_of(found), self._kind.slim(found))
        elif what == "DELETED":
            self.counts.events += 1
            self._drop(uid_of(found))
        self._version = _version_of(found)

    def _heard(self) -> None:
        self._last = self._pace.now()

    def _put(self, uid: str, facts: T) -> None:
        if self._known.get(uid) == facts:
            return
        self._known[uid] = facts
        self.counts.objects = len(self._known)
        self._kind.put(facts)

    def _drop(self, uid: str) -> None:
        facts = self._known.pop(uid, None)
        self.counts.objects = len(self._known)
        if facts is not None:
            self._kind.drop(facts)


def _version_of(found: Object) -> str:
    version = at(found, "metadata", "resourceVersion")
    if not isinstance(version, str) or not version:
        raise KubeError(0, "BadAnswer", "an answer has no resourceVersion")
    return version


def _error_of(status: Object) -> KubeError:
    """The Status object of an ERROR event."""
    code, reason, message = status.get("code"), status.get("reason"), status.get("message")
    gone = code == _GONE or reason in ("Expired", "Gone")
    number = _GONE if gone else code if isinstance(code, int) else 0
    return KubeError(number, str(reason or ""), str(message or ""))
