"""Who knocks at whom, all the time, while something is broken; and what may come of it.

    vault, sink (in-scope)   applications that echo          payments-like namespace, opted in
    checkout (in-scope)      -> vault, IPv4 and IPv6: allowed      -> sink with a card number in clear: blocked
    shop (out-of-scope)      -> vault: denied                      -> stranger: allowed
    stranger (no sidecar)    -> vault, sink: denied

Nothing may ever reach `sink`: its ledger is the proof, whatever is broken.  What never belongs here: faults.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sidecar.lab.samples import VISA
from tests.cluster.cluster import Cluster

INSIDE: Final = "faults"
"""Opted in."""
OUTSIDE: Final = "faults-elsewhere"
PORT: Final = 9000
KNOCK: Final = (Path(__file__).parent / "knock.py").read_text()

SERVICES: Final = {"vault": 11, "sink": 12, "stranger": 13}


def address(service: str, *, v6: bool = False) -> str:
    """The address that the Service was given; fixed, so that no test of a fault hangs on DNS."""
    return f"fd96::77{SERVICES[service]}" if v6 else f"10.96.77.{SERVICES[service]}"


@dataclass(frozen=True, slots=True)
class Route:
    """One client's way to one server."""

    source: str
    target: str
    allowed: bool
    v6: bool = False
    text: str = field(default="knock\n", repr=False)

    @property
    def name(self) -> str:
        """Unique among the routes of a source."""
        return f"{self.target}6" if self.v6 else self.target


ROUTES: Final = (
    Route("checkout", "vault", allowed=True),
    Route("checkout", "vault", allowed=True, v6=True),
    Route("checkout", "sink", allowed=False, text=f"card={VISA}\n"),
    Route("shop", "stranger", allowed=True),
    Route("shop", "vault", allowed=False),
    Route("stranger", "vault", allowed=False),
    Route("stranger", "sink", allowed=False),
)

NEWCOMER: Final = (
    Route("newcomer", "vault", allowed=False),
    Route("newcomer", "stranger", allowed=True),
)
"""Of a pod that comes while something is broken; without a sidecar."""

_SCOPES: Final = {
    "vault": "in-scope",
    "sink": "in-scope",
    "checkout": "in-scope",
    "shop": "out-of-scope",
    "stranger": None,
}


def namespace_of(pod: str) -> str:
    """Where a pod lives."""
    return INSIDE if _SCOPES[pod] else OUTSIDE


def manifest(cluster: Cluster) -> str:
    """Everything above, as a List in JSON."""
    items: list[object] = [_pod(cluster, name) for name in _SCOPES]
    items += [_service(name) for name in SERVICES]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def newcomer(cluster: Cluster, name: str, namespace: str, scope: str | None) -> str:
    """A pod that knocks as NEWCOMER says, in JSON."""
    return json.dumps(pod(name, namespace, scope, [client(cluster, NEWCOMER)]))


def server(cluster: Cluster) -> dict[str, object]:
    """A container that echoes."""
    return {
        "name": "app",
        "image": cluster.app_image,
        "imagePullPolicy": cluster.pull_policy,
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    }


def client(cluster: Cluster, routes: tuple[Route, ...]) -> dict[str, object]:
    """A container that knocks."""
    targets = [[each.name, address(each.target, v6=each.v6), PORT, each.text] for each in routes]
    return {
        "name": "knock",
        "image": cluster.app_image,
        "imagePullPolicy": cluster.pull_policy,
        "command": ["python3", "-c", KNOCK, json.dumps(targets)],
    }


def pod(name: str, namespace: str, scope: str | None, containers: list[dict[str, object]]) -> dict[str, Any]:
    """A pod that ends as soon as it is told to."""
    annotations = {"cdefence.io/pci-scope": scope} if scope else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name},
            "annotations": annotations,
        },
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "containers": containers,
        },
    }


def _pod(cluster: Cluster, name: str) -> dict[str, object]:
    routes = tuple(each for each in ROUTES if each.source == name)
    containers = [server(cluster)] if name in SERVICES else []
    containers += [client(cluster, routes)] if routes else []
    return pod(name, namespace_of(name), _SCOPES[name], containers)


def _service(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace_of(name)},
        "spec": {
            "selector": {"app": name},
            "ports": [{"port": PORT}],
            "ipFamilyPolicy": "RequireDualStack",
            "clusterIP": address(name),
            "clusterIPs": [address(name), address(name, v6=True)],
        },
    }
