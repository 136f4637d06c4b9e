"""Who lives in the cluster: opted-in namespaces, a Service in each, pods of every scope, each pod with its own token.

What belongs here: making them, and giving them addresses.  What never does: when they change, and who learns of it.

Every pod goes through the real webhook, guard and scheduler; KWOK gives it an address and says that it is Ready.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError
from benchmarks.scale.api import Api
from benchmarks.scale.plan import Plan
from injector.kube import at
from injector.tree import Node, Object, items
from sidecar import contract
from tests.cluster.bed import crowd

_SCOPES: Final = ("in-scope", "connected-to", "out-of-scope")
_AT_ONCE: Final = 24
_PATIENCE_S: Final = 600.0
_TOKEN_S: Final = 3600
_FIRST: Final = ip_address("10.244.128.0")
"""Of the cluster's pod addresses the upper half, which no node of the crowd gives out."""


@dataclass(frozen=True, slots=True)
class Resident:
    """One pod."""

    namespace: str
    name: str
    uid: str
    ip: str

    @property
    def path(self) -> str:
        """In the API."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, and how long it took to let them in."""

    residents: list[Resident]
    created_s: float
    ca: Path
    tokens: Path
    """A folder: the token of resident N is file N."""


def nodes(plan: Plan) -> int:
    """How many of KWOK's nodes have room for all."""
    return plan.pods // crowd.PODS_PER_NODE + 1


def fresh() -> Iterator[str]:
    """Addresses that nobody has had."""
    return (str(_FIRST + number) for number in count(1))


async def move(api: Api, resident: Resident, ip: str) -> None:
    """Another address; done once the API server has said so."""
    status: Object = {"podIP": ip, "podIPs": [{"ip": ip}]}
    await api.merge(f"{resident.path}/status", {"status": status})


async def settle(api: Api, plan: Plan, folder: Path, addresses: Iterator[str]) -> Population:
    """Create everybody and wait until all are Ready.  Raises BenchError."""
    spaces = [f"team-{number}" for number in range(plan.namespaces)]
    await _all(lambda name: api.post("/api/v1/namespaces", _namespace(name)), spaces)
    await _all(lambda name: api.post(f"/api/v1/namespaces/{name}/services", _service()), spaces)
    await _all(lambda name: _there(api, f"/api/v1/namespaces/{name}/serviceaccounts/default"), spaces)
    begun = time.monotonic()
    pods = [(spaces[number % len(spaces)], number) for number in range(plan.pods)]
    await _all(lambda one: api.post(f"/api/v1/namespaces/{one[0]}/pods", _pod(one[1])), pods)
    created_s = time.monotonic() - begun
    residents = await _ready(api, plan.pods)
    await _part(api, residents, addresses)
    tokens = folder / "tokens"
    tokens.mkdir(mode=0o700)
    numbered = list(enumerate(residents))
    await _all(lambda one: _token(api, one[1], tokens / str(one[0])), numbered)
    published = f"/api/v1/namespaces/{spaces[0]}/configmaps/{contract.CA_CONFIG_MAP}"
    ca = folder / "scopes-ca.crt"
    ca.write_text(str(at(await _there(api, published), "data", "ca.crt")))
    return Population(residents, created_s, ca, tokens)


async def webhook_ca(api: Api) -> str:
    """What the API server trusts at the webhook."""
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{contract.WEBHOOK_CONFIG}"
    configuration = await api.get(path)
    bundle = at(items(configuration, "webhooks")[0], "clientConfig", "caBundle")
    return base64.b64decode(str(bundle)).decode()


async def _all[T](work: Callable[[T], Awaitable[object]], over: Iterable[T]) -> None:
    """`work` on everything, some at once."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(each: T) -> None:
        async with places:
            await work(each)

    async with asyncio.TaskGroup() as tasks:
        for each in over:
            tasks.create_task(one(each))


async def _there(api: Api, path: str) -> Object:
    """What somebody else is about to create."""
    end = time.monotonic() + 60
    while True:
        try:
            return await api.get(path)
        except BenchError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)


async def _ready(api: Api, number: int) -> list[Resident]:
    """All pods, once each has an address of its own.  Raises BenchError."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        found = [_resident(each) for each in items(await api.get("/api/v1/pods?resourceVersion=0"), "items")]
        settled = [each for each in found if each.ip]
        if len(settled) == number:
            return settled
        if time.monotonic() > end:
            raise BenchError(f"only {len(settled)} of {number} pods are ready after {_PATIENCE_S:g} s")
        await asyncio.sleep(2)


async def _part(api: Api, residents: Sequence[Resident], addresses: Iterator[str]) -> None:
    """KWOK may give an address of a node twice, at the start, when two of its workers make the node's pool at once."""
    taken: set[str] = set()
    for each in residents:
        if each.ip in taken:
            await move(api, each, next(addresses))
        taken.add(each.ip)


def _resident(pod: Object) -> Resident:
    metadata = at(pod, "metadata")
    namespace, name, uid = (str(at(metadata, key)) for key in ("namespace", "name", "uid"))
    return Resident(namespace, name, uid, str(at(pod, "status", "podIP") or ""))


async def _token(api: Api, resident: Resident, file: Path) -> None:
    """What the kubelet would project into the pod."""
    bound: Object = {"kind": "Pod", "apiVersion": "v1", "name": resident.name, "uid": resident.uid}
    spec: Object = {
        "audiences": [contract.TOKEN_AUDIENCE],
        "expirationSeconds": _TOKEN_S,
        "boundObjectRef": bound,
    }
    body: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = await api.post(f"/api/v1/namespaces/{resident.namespace}/serviceaccounts/default/token", body)
    file.write_text(str(at(answer, "status", "token")))


def _namespace(name: str) -> Object:
    metadata: Object = {"name": name, "labels": {contract.INJECTION_LABEL: "enabled"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _service() -> Object:
    spec: Object = {"selector": {"app": "crowd"}, "ports": [{"port": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "crowd"}, "spec": spec}


def _pod(number: int) -> Object:
    metadata: Object = {
        "name": f"pod-{number}",
        "labels": {"app": "crowd"},
        "annotations": {contract.SCOPE_ANNOTATION: _SCOPES[number % len(_SCOPES)]},
    }
    containers: list[Node] = [{"name": "app", "image": "none", "ports": [{"containerPort": 8080}]}]
    spec: Object = {"containers": containers, **_placement()}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _placement() -> Object:
    rows: Sequence[dict[str, str]] = crowd.PLACEMENT["tolerations"]  # type: ignore[assignment]
    return {"nodeSelector": {crowd.LABEL: crowd.VALUE}, "tolerations": [dict[str, Node](row) for row in rows]}
