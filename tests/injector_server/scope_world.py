"""A real API server for the scope map: pods that exist on paper only, a replica of the scope service, real sidecar clients.

Pods are bound to a node without a kubelet, and the test writes the status that a kubelet would write; everything else is
real: the API server's lists, watches and versions, the EndpointSlice controller, TokenReview, the streams.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from injector import live_tls
from injector.certs import Lives, created
from injector.kube import NAMESPACES, NODES, PODS, SERVICES, Kube, PatchKind, Resource, at, connect
from injector.scope_model import Ground
from injector.scope_service import ScopeService, ScopeSettings
from injector.serving import Endpoint
from injector.slim import uid_of
from injector.tree import Object
from sidecar import contract
from sidecar.core.scope_feed import Alive, Lines, NewMap, NewPolicy, ScopeFeed
from sidecar.core.scopes import PeerClass, ScopeMap
from sidecar.ops import scope_api as client
from sidecar.ops.kinds import Origin
from tests.cluster.bed.bed import Bed
from tests.injector_server import farewell

GROUND = Ground(("10.244.0.0/16", "fd44::/48", "10.96.0.0/16", "fd96::/112"), quarantine_s=5)
NODE = "paper"
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts")
_AT_ONCE = 24


async def until(true: Callable[[], bool], what: str, seconds: float = 120) -> float:
    """Wait until something is true, and say how long that took; Kubernetes' own controllers take their time."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


@dataclass
class Sidecar:
    """What one sidecar has been told."""

    scopes: ScopeMap | None = None
    policy: str = ""
    own: PeerClass = PeerClass.UNKNOWN
    beats: int = 0
    seen: list[tuple[float, NewMap]] = field(default_factory=list)

    def classify(self, ip: str, port: int | None = None) -> PeerClass:
        assert self.scopes is not None
        return self.scopes.classify(ip, port)

    def take(self, change: NewMap | NewPolicy | Alive) -> None:
        if isinstance(change, NewMap):
            self.scopes, self.own = change.scopes, change.own
            self.seen.append((time.monotonic(), change))
        elif isinstance(change, NewPolicy):
            self.policy = change.version
        else:
            self.beats += 1


@dataclass
class Replica:
    """One scope service that listens, with its certificate."""

    service: ScopeService
    port: int
    ca: Path

    @asynccontextmanager
    async def sidecar(self, token: Path) -> AsyncIterator[Sidecar]:
        """A sidecar that follows this replica; a line that it cannot believe fails the test."""
        api = await client.connect(client.Access(Origin("localhost", self.port), token, self.ca))
        found = Sidecar()
        assert await api.get(client.STREAM) == 200
        reading = asyncio.create_task(_read(api, found))
        try:
            await until(lambda: found.scopes is not None or reading.done(), "a snapshot")
            yield found
            if reading.done():
                reading.result()
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            api.close()


async def _read(api: client.Api, found: Sidecar) -> None:
    feed, lines = ScopeFeed(), Lines()
    async for piece in api.body():
        for line in lines.feed(piece):
            found.take(feed.line(line))


class World:
    """The API server, and what a test does to it."""

    def __init__(self, bed: Bed, kube: Kube, folder: Path) -> None:
        self.bed = bed
        self.kube = kube
        self.folder = folder
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._gone: list[str] = []

    def kubectl(self, *words: str, stdin: str = "", ok: bool = True) -> "subprocess.CompletedProcess[str]":
        done = self.bed.run(["kubectl", *words], stdin=stdin)
        assert not ok or done.returncode == 0, done.stderr
        return done

    async def namespace(self, name: str, *, opted_in: bool = True) -> str:
        """A namespace that takes pods, of a name like this; the name of a deleted one stays taken for a while."""
        name = f"{name}-{uuid4().hex[:6]}"
        labels: Object = {contract.INJECTION_LABEL: "enabled"} if opted_in else {}
        metadata: Object = {"name": name, "labels": labels}
        await self.kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self._gone.append(name)
        async with asyncio.timeout(120):
            while not (await self.kube.list(SERVICE_ACCOUNTS, name))["items"]:
                await asyncio.sleep(0.05)
        return name

    async def pod(
        self,
        namespace: str,
        name: str,
        ip: str = "",
        scope: PeerClass | None = PeerClass.IN_SCOPE,
        **labels: str,
    ) -> str:
        """A pod, running at `ip` if that is given; its uid."""
        annotations: Object = {contract.STATUS_ANNOTATION: "{}"}
        if scope is not None:
            annotations[contract.SCOPE_ANNOTATION] = scope.value
        metadata: Object = {"name": name, "labels": dict(labels), "annotations": annotations}
        proxy: Object = {
            "name": contract.PROXY_CONTAINER,
            "image": "cdefence:test",
            "restartPolicy": "Always",
        }
        spec: Object = {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 0,
            "initContainers": [proxy],
            "containers": [{"name": "app", "image": "app:1"}],
            "tolerations": [{"operator": "Exists"}],
        }
        body: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        async with self._places:
            made = await self.kube.create(PODS, body, namespace)
            if ip:
                await self.status(namespace, name, ip)
        return uid_of(made)

    async def status(self, namespace: str, name: str, ip: str, phase: str = "Running") -> None:
        """What a kubelet would write.

        The EndpointSlice controller looks at readiness alone, never at the phase: a pod that ran to its end and stayed
        ready would leave its Service only when something else of that Service changes.
        """
        ready: Object = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
        conditions: list[Object] = [ready]
        status: Object = {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [*conditions]}
        await self.kube.patch(PODS, name, PatchKind.MERGE, {"status": status}, namespace, "status")

    async def delete(self, namespace: str, *names: str) -> None:
        """Pods, at once and for good."""
        words = ["-n", namespace, "delete", "pod", *names, "--grace-period=0", "--force", "--wait=false"]
        await asyncio.to_thread(self.kubectl, *words)

    async def service(self, namespace: str, name: str, port: int = 443, **selector: str) -> str:
        """A Service; its address."""
        spec: Object = {"selector": dict(selector), "ports": [{"port": port}]}
        body: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
        return str(at(await self.kube.create(SERVICES, body, namespace), "spec", "clusterIP"))

    async def token(
        self, namespace: str, pod: str, uid: str, audience: str = contract.TOKEN_AUDIENCE
    ) -> Path:
        """What a projected volume of the pod would hold."""
        words = ["-n", namespace, "create", "token", "default", "--bound-object-kind=Pod", "--duration=1h"]
        words += [f"--bound-object-name={pod}", f"--bound-object-uid={uid}"]
        words += [f"--audience={audience}"] if audience else []
        done = await asyncio.to_thread(self.kubectl, *words)
        path = self.folder / f"{pod}-{audience or 'default'}.token"
        path.write_text(done.stdout)
        return path

    @asynccontextmanager
    async def replica(self, ground: Ground = GROUND) -> AsyncIterator[Replica]:
        """A replica that knows the cluster."""
        service = ScopeService(self.kube, ScopeSettings(ground, identity="replica-1"))
        bundle = created(("localhost",), datetime.now(UTC), Lives())
        ca = self.folder / "ca.crt"
        ca.write_bytes(bundle.ca_bundle)
        context = live_tls.server_context()
        live_tls.load(context, bundle.leaf, bundle.leaf_key)
        endpoint = Endpoint(service.app, "127.0.0.1", 0, context)
        tasks = [asyncio.create_task(service.run()), asyncio.create_task(endpoint.run())]
        try:
            await until(
                lambda: service.hub.open or any(task.done() for task in tasks), "everything is listed"
            )
            yield Replica(service, endpoint.port, ca)
        finally:
            service.end()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def begin(self) -> None:
        """The node on paper, and our own namespace."""
        node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        await asyncio.to_thread(self.kubectl, "apply", "-f", "-", stdin=json.dumps(node))
        await asyncio.to_thread(self.kubectl, "create", "namespace", contract.SYSTEM_NAMESPACE, ok=False)
        address: Object = {"type": "InternalIP", "address": "192.168.7.7"}
        await self.kube.patch(
            NODES, NODE, PatchKind.MERGE, {"status": {"addresses": [address]}}, sub="status"
        )

    async def end(self) -> None:
        """Nothing of the test is left."""
        for name in self._gone:
            await self._empty(name)
        if self._gone:
            await asyncio.to_thread(self.kubectl, "delete", "namespace", *self._gone, "--wait=false")
        await asyncio.to_thread(self._forget_policy)

    async def _empty(self, namespace: str) -> None:
        words = ["-n", namespace, "delete", "pod", "--all", "--grace-period=0", "--force", "--wait=false"]
        await asyncio.to_thread(self.kubectl, *words)

    def _forget_policy(self) -> None:
        where = ("-n", contract.SYSTEM_NAMESPACE, "delete", "configmap", contract.POLICY_CONFIG_MAP)
        self.kubectl(*where, "--ignore-not-found")


def told(bed: Bed, folder: Path, story: Callable[[World], Awaitable[None]], seconds: float = 600) -> None:
    """Run a story in a world of its own."""

    async def whole() -> None:
        async with asyncio.timeout(seconds), await connect(bed.kubeconfig) as kube:
            world = World(bed, kube, folder)
            await world.begin()
            try:
                await story(world)
            finally:
                await world.end()

    farewell.run(whole())


async def together(work: Iterable[Awaitable[object]]) -> None:
    """All of it; the world bounds how much at once."""
    await asyncio.gather(*work)
