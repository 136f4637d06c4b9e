"""Keeps the ConfigMap with our CAs in every opted-in namespace, for the sidecars there.  Only the leader runs it.

What belongs here: that one object, in those namespaces, equal to the bundle that is served.  What never does: the key of
any CA; who else trusts what.

A namespace that opts out keeps its ConfigMap, because pods that were injected before go on reading it.
"""

import asyncio
import logging
from dataclasses import dataclass

from injector.kube import CONFIG_MAPS, NAMESPACES, Kube, KubeError, PatchKind, at
from injector.reflector import Kind, Reflector
from injector.tree import Object
from injector.waiting import Waiting
from injector.webhook_config import NextBundle
from sidecar import contract

log = logging.getLogger("cdefence.ca_publisher")

KEY = contract.CA_FILE.rpartition("/")[2]
OPTED_IN = f"{contract.INJECTION_LABEL}=enabled"


async def publish(kube: Kube, next_bundle: NextBundle) -> None:
    """Hold the ConfigMap right in every opted-in namespace; never ends."""
    publisher = _Publisher(kube)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publisher.follow_bundle(next_bundle))
        tasks.create_task(publisher.namespaces().run())
        tasks.create_task(publisher.config_maps().run())
        tasks.create_task(publisher.waiting.reassert(lambda: publisher.opted_in))
        tasks.create_task(publisher.waiting.work(publisher.put_right))


def config_map(bundle: bytes) -> Object:
    """The object as it is applied."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": contract.CA_CONFIG_MAP,
            "labels": {"app.kubernetes.io/managed-by": "cdefence"},
        },
        "data": {KEY: bundle.decode("ascii")},
    }


@dataclass(frozen=True, slots=True)
class _Copy:
    """The ConfigMap as it is in one namespace."""

    namespace: str
    text: str


class _Publisher:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._bundle: bytes | None = None
        self.opted_in: set[str] = set()
        self.waiting = Waiting()

    async def follow_bundle(self, next_bundle: NextBundle) -> None:
        while True:
            self._bundle = await next_bundle(self._bundle)
            self.waiting.add(self.opted_in)

    def namespaces(self) -> Reflector[str]:
        """Those that opted in; one that opts out is told as deleted, because of the selector."""
        selectors = {"labelSelector": OPTED_IN}
        kind = Kind(NAMESPACES, _name, self._join, self.opted_in.discard, None, selectors)
        return Reflector(self._kube, kind)

    def config_maps(self) -> Reflector[_Copy]:
        """Somebody may change or delete one."""
        selectors = {"fieldSelector": f"metadata.name={contract.CA_CONFIG_MAP}"}
        return Reflector(self._kube, Kind(CONFIG_MAPS, _copy, self._seen, self._missed, None, selectors))

    def _join(self, namespace: str) -> None:
        self.opted_in.add(namespace)
        self.waiting.add([namespace])

    def _seen(self, copy: _Copy) -> None:
        if self._bundle is not None and copy.text != self._bundle.decode("ascii"):
            self._missed(copy)

    def _missed(self, copy: _Copy) -> None:
        self.waiting.add({copy.namespace} & self.opted_in)

    async def put_right(self, namespace: str) -> None:
        """Apply it there.  A namespace that is going or gone needs none."""
        if self._bundle is None or namespace not in self.opted_in:
            return
        body = config_map(self._bundle)
        try:
            await self._kube.patch(CONFIG_MAPS, contract.CA_CONFIG_MAP, PatchKind.APPLY, body, namespace)
        except KubeError as error:
            if not error.not_found:
                raise
            self.opted_in.discard(namespace)
            return
        log.debug("CA certificates are right in namespace %s", namespace)


def _name(namespace: Object) -> str:
    return str(at(namespace, "metadata", "name") or "")


def _copy(found: Object) -> _Copy:
    return _Copy(str(at(found, "metadata", "namespace") or ""), str(at(found, "data", KEY) or ""))
