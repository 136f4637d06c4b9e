"""Keeps the ConfigMap with our CAs in every opted-in namespace, for the sidecars there.  Only the leader runs it.

What belongs here: that one object, in those namespaces, equal to the bundle that is served.  What never does: the key of
any CA; who else trusts what.

A namespace that opts out keeps its ConfigMap, because pods that were injected before go on reading it.
"""

import asyncio
import logging

from injector.follow import Waiting, changes
from injector.kube import CONFIG_MAPS, NAMESPACES, Kube, KubeError, PatchKind, at
from injector.tree import Object
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
        tasks.create_task(publisher.follow_namespaces())
        tasks.create_task(publisher.follow_config_maps())
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


class _Publisher:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._bundle: bytes | None = None
        self._opted_in: set[str] = set()
        self.waiting = Waiting()

    async def follow_bundle(self, next_bundle: NextBundle) -> None:
        while True:
            self._bundle = await next_bundle(self._bundle)
            self.waiting.add(self._opted_in)

    async def follow_namespaces(self) -> None:
        async for change in changes(self._kube, NAMESPACES, labelSelector=OPTED_IN):
            if change.deleted or at(change.found, "metadata", "deletionTimestamp") is not None:
                self._opted_in.discard(change.name)
            else:
                self._opted_in.add(change.name)
                self.waiting.add([change.name])

    async def follow_config_maps(self) -> None:
        """Somebody may change or delete one."""
        selector = f"metadata.name={contract.CA_CONFIG_MAP}"
        async for change in changes(self._kube, CONFIG_MAPS, fieldSelector=selector):
            if change.deleted or not self._right(change.found):
                self.waiting.add({change.namespace} & self._opted_in)

    def _right(self, found: Object) -> bool:
        return self._bundle is not None and at(found, "data", KEY) == self._bundle.decode("ascii")

    async def put_right(self, namespace: str) -> None:
        """Apply it there.  A namespace that is going or gone needs none."""
        if self._bundle is None or namespace not in self._opted_in:
            return
        body = config_map(self._bundle)
        try:
            await self._kube.patch(CONFIG_MAPS, contract.CA_CONFIG_MAP, PatchKind.APPLY, body, namespace)
        except KubeError as error:
            if not error.not_found:
                raise
            self._opted_in.discard(namespace)
            return
        log.debug("CA certificates are right in namespace %s", namespace)
