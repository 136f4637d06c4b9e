"""What `cdefence check` and `cdefence status` read from a cluster, once, at the start.

What belongs here: which objects, and that not being allowed to read one is a fact like any other.  What never does:
judging them (preflight.py, status.py), and changing anything.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from injector.kube import (
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    LEASES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    NODES,
    Kube,
    KubeError,
    Resource,
)
from injector.tree import Object, items
from sidecar import contract

DEPLOYMENTS = Resource("apps", "v1", "deployments")
POLICIES = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", namespaced=False)
BINDINGS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", namespaced=False
)
GUARD_CONFIG_MAP = "cdefence-guard"
DEPLOYMENT = "cdefence-controller"
PAGE = 500

type Asked[T] = T | KubeError
"""An answer, or why there is none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was read."""

    version: Object
    nodes: Asked[list[Object]]
    namespaces: Asked[list[Object]]
    policies: Asked[list[Object]]
    bindings: Asked[list[Object]]
    parameters: Asked[Object]
    deployment: Asked[Object]
    webhook: Asked[Object]
    slices: Asked[list[Object]]
    lease: Asked[Object]
    policy: Asked[Object]
    cilium: Asked[Object]


async def gather(kube: Kube) -> Facts:
    """Read everything at once.  Raises KubeError if not even the version can be had: there is no cluster to speak of."""
    system = contract.SYSTEM_NAMESPACE
    version = await kube.raw("/version")
    (nodes, namespaces, policies, bindings, slices) = await asyncio.gather(
        asked(every(kube, NODES)),
        asked(every(kube, NAMESPACES)),
        asked(every(kube, POLICIES)),
        asked(every(kube, BINDINGS)),
        asked(every(kube, ENDPOINT_SLICES, system)),
    )
    (parameters, deployment, webhook, lease, policy, cilium) = await asyncio.gather(
        asked(kube.get(CONFIG_MAPS, GUARD_CONFIG_MAP, system)),
        asked(kube.get(DEPLOYMENTS, DEPLOYMENT, system)),
        asked(kube.get(MUTATING_WEBHOOKS, contract.WEBHOOK_CONFIG)),
        asked(kube.get(LEASES, contract.LEASE, system)),
        asked(kube.get(CONFIG_MAPS, contract.POLICY_CONFIG_MAP, system)),
        asked(kube.get(CONFIG_MAPS, "cilium-config", "kube-system")),
    )
    return Facts(
        version, nodes, namespaces, policies, bindings, parameters, deployment, webhook, slices, lease, policy, cilium
    )  # fmt: skip


async def asked[T](question: Awaitable[T]) -> Asked[T]:
    """The answer, or the error as a value."""
    try:
        return await question
    except KubeError as error:
        return error


async def every(kube: Kube, resource: Resource, namespace: str | None = None) -> list[Object]:
    """All objects of a kind, page by page.  Raises KubeError."""
    found: list[Object] = []
    parameters = {"limit": str(PAGE)}
    while True:
        page = await kube.list(resource, namespace, parameters)
        found += items(page, "items")
        metadata = page.get("metadata")
        more = metadata.get("continue") if isinstance(metadata, dict) else None
        if not more:
            return found
        parameters = {"limit": str(PAGE), "continue": str(more)}
