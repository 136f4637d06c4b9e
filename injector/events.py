"""Kubernetes Events: what a user of kubectl should see at the object it is about.

What belongs here: the form of an Event (events.k8s.io/v1) and sending it without making anybody wait.  What never does:
deciding what is worth telling, and data: a note names fields and remedies, never a value of traffic.

Telling is best effort: what cannot be sent is logged and counted.  Every replica may tell: the name of an Event is made
of what it says, so the same one told twice is one Event.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from injector.kube import EVENTS, KubeError, Resource
from injector.tree import Object
from sidecar import contract

log = logging.getLogger("cdefence.events")

_CONTROLLER = f"{contract.DOMAIN}/controller"
_MAX_NOTE = 1000
"""The API takes up to 1 kB."""
_WAITING = 100
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


class Kind(StrEnum):
    """The two kinds that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class About:
    """The object that an Event is about."""

    kind: str
    namespace: str
    name: str
    uid: str
    api_version: str = "v1"
    version: str = ""
    """Its resourceVersion, when the Event is about just that one."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One Event to be told."""

    about: About
    kind: Kind
    reason: str
    """UpperCamelCase, from a closed list."""
    note: str
    action: str


class Creator(Protocol):
    """What a teller needs of the API server; `kube.Kube` is one."""

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """A new object."""
        ...


class Teller:
    """Sends Events one after the other; `run` never ends."""

    def __init__(
        self, kube: Creator, instance: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`instance` is the name of this replica."""
        self._kube = kube
        self._instance = instance
        self._now = now
        self._waiting: asyncio.Queue[Telling] = asyncio.Queue(_WAITING)
        self.lost = 0
        """Events that could not be told."""

    def tell(self, telling: Telling) -> None:
        """Have it told soon."""
        try:
            self._waiting.put_nowait(telling)
        except asyncio.QueueFull:
            self.lost += 1

    async def run(self) -> None:
        """Tell what waits, for ever."""
        while True:
            telling = await self._waiting.get()
            try:
                await self._kube.create(EVENTS, self._event(telling), telling.about.namespace)
            except KubeError as error:
                if not error.conflict:  # told already, by us or another replica
                    self.lost += 1
                    log.warning("the Event %s cannot be told: %s", telling.reason, error)

    def _event(self, telling: Telling) -> Object:
        about = telling.about
        same = "\0".join((about.uid, about.version, telling.reason, telling.note))
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about.name[:200]}.{sha256(same.encode()).hexdigest()[:16]}",
                "namespace": about.namespace,
            },
            "eventTime": self._now().strftime(_FORM),
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance[:128],
            "action": telling.action,
            "reason": telling.reason,
            "type": telling.kind.value,
            "note": _short(telling.note),
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
                "resourceVersion": about.version,
            },
        }


def _short(note: str) -> str:
    """As much of the note as fits, in UTF-8."""
    data = note.encode()
    return note if len(data) <= _MAX_NOTE else data[:_MAX_NOTE].decode(errors="ignore") + "…"
