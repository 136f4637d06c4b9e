"""What the scope map needs to know of each object of the cluster, and how to read it from the object's JSON.

What belongs here: small frozen facts, and one reader for each kind.  What never does: remembering or combining them;
that is `scope_model`.

A pod is some 5 KB of JSON and 0.3 KB of facts; only the facts are kept.  The API server has validated what we read, but
a reader still takes nothing for granted: what is missing or of another kind counts as not there, and what is no
address is not listed, which makes it `unknown`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from injector.kube import at
from injector.tree import Node as Json
from injector.tree import Object
from sidecar import contract
from sidecar.core.scopes import POD_SCOPES, PeerClass

_SCOPES = {scope.value: scope for scope in POD_SCOPES}
_FINISHED = ("Succeeded", "Failed")
_DEFAULT_GRACE_S = 30.0
_SERVICE_OF_SLICE = "kubernetes.io/service-name"

# Addresses that a node speaks from besides its own: tunnel and router interfaces, as network plugins publish them.
_NODE_ANNOTATIONS = (
    *(f"projectcalico.org/{family}{kind}" for family in ("IPv4", "IPv6") for kind in ("VXLANTunnelAddr",)),
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
    "network.cilium.io/ipv4-cilium-host",
    "network.cilium.io/ipv6-cilium-host",
)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and whether it opted in."""

    uid: str
    name: str
    opted_in: bool


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod: where it is, what it says it is, and how far its life has come."""

    uid: str
    namespace: str
    name: str
    ips: tuple[str, ...]
    scope: PeerClass | None
    """What its annotation says; None: nothing that is a scope."""
    injected: bool
    """It carries our status annotation and our proxy container."""
    host_network: bool = False
    finished: bool = False
    """It ran to its end: it keeps `status.podIP`, but the address is no longer its own."""
    grace_s: float | None = None
    """Being deleted: seconds it has from when that began; None: not being deleted."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its addresses, those it probably has as the gateway of its pods, and the networks of its pods."""

    uid: str
    name: str
    ips: tuple[str, ...]
    gateways: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A Service that has addresses of its own; a headless one or an ExternalName has none, its `ips` are empty."""

    uid: str
    namespace: str
    name: str
    ips: tuple[str, ...]
    ports: tuple[int, ...]
    """TCP only: nothing else passes the proxy."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the endpoints of one Service: addresses, each with the uid of its pod ("" for none)."""

    uid: str
    namespace: str
    service: str
    endpoints: tuple[tuple[str, str], ...]


def namespace(found: Object) -> Namespace:
    """The facts of a Namespace."""
    label = at(found, "metadata", "labels", contract.INJECTION_LABEL)
    return Namespace(uid_of(found), _text(at(found, "metadata", "name")), label == "enabled")


def pod(found: Object) -> Pod:
    """The facts of a Pod."""
    annotations = at(found, "metadata", "annotations")
    deleted = at(found, "metadata", "deletionTimestamp") is not None
    grace = at(found, "metadata", "deletionGracePeriodSeconds")
    return Pod(
        uid=uid_of(found),
        namespace=_text(at(found, "metadata", "namespace")),
        name=_text(at(found, "metadata", "name")),
        ips=_pod_ips(at(found, "status")),
        scope=_SCOPES.get(_text(at(annotations, contract.SCOPE_ANNOTATION))),
        injected=_is_injected(found),
        host_network=at(found, "spec", "hostNetwork") is True,
        finished=at(found, "status", "phase") in _FINISHED,
        grace_s=_seconds(grace) if deleted else None,
    )


def node(found: Object) -> Node:
    """The facts of a Node."""
    rows = _list(at(found, "status", "addresses"))
    own = [at(row, "address") for row in rows if at(row, "type") in ("InternalIP", "ExternalIP")]
    own += [at(found, "metadata", "annotations", name) for name in _NODE_ANNOTATIONS]
    cidrs = tuple(_networks(_list(at(found, "spec", "podCIDRs")) or [at(found, "spec", "podCIDR")]))
    return Node(
        uid=uid_of(found),
        name=_text(at(found, "metadata", "name")),
        ips=_addresses(own),
        gateways=tuple(address for cidr in cidrs for address in _gateways(cidr)),
        cidrs=cidrs,
    )


def service(found: Object) -> Service:
    """The facts of a Service.

    Only `clusterIPs`: an external IP or the address of a load balancer stays `external`, as strict as what may really
    be there; anybody who may create a Service could otherwise rename an address of the world.
    """
    ips = _list(at(found, "spec", "clusterIPs")) or [at(found, "spec", "clusterIP")]
    rows = _list(at(found, "spec", "ports"))
    ports = [at(row, "port") for row in rows if at(row, "protocol") in (None, "TCP")]
    return Service(
        uid=uid_of(found),
        namespace=_text(at(found, "metadata", "namespace")),
        name=_text(at(found, "metadata", "name")),
        ips=_addresses(ips),
        ports=tuple(dict.fromkeys(port for port in ports if isinstance(port, int))),
    )


def endpoint_slice(found: Object) -> Slice:
    """The facts of an EndpointSlice; those that are not ready count too, so that a class is known before traffic comes."""
    endpoints = [
        (address, _text(at(row, "targetRef", "uid")) if at(row, "targetRef", "kind") == "Pod" else "")
        for row in _list(at(found, "endpoints"))
        for address in _addresses(_list(at(row, "addresses")))
    ]
    return Slice(
        uid=uid_of(found),
        namespace=_text(at(found, "metadata", "namespace")),
        service=_text(at(found, "metadata", "labels", _SERVICE_OF_SLICE)),
        endpoints=tuple(endpoints),
    )


def uid_of(found: Object) -> str:
    """The uid of any object."""
    return _text(at(found, "metadata", "uid"))


def _text(found: Json) -> str:
    return found if isinstance(found, str) else ""


def _list(found: Json) -> list[Json]:
    return found if isinstance(found, list) else []


def _seconds(found: Json) -> float:
    return float(found) if isinstance(found, int | float) else _DEFAULT_GRACE_S


def _pod_ips(status: Json) -> tuple[str, ...]:
    several = [at(row, "ip") for row in _list(at(status, "podIPs"))]
    return _addresses(several or [at(status, "podIP")])


def _addresses(texts: list[Json]) -> tuple[str, ...]:
    """The addresses among `texts` in compressed form, none twice; "" and "None" (a headless Service) are none."""
    return tuple(dict.fromkeys(_valid(texts)))


def _valid(texts: list[Json]) -> Iterator[str]:
    for text in texts:
        if isinstance(text, str) and text not in ("", "None"):
            try:
                # cilium writes plain addresses, calico too; a prefix length behind one is no part of it
                yield ip_address(text.partition("/")[0]).compressed
            except ValueError:
                continue


def _networks(texts: list[Json]) -> Iterator[str]:
    for text in texts:
        if isinstance(text, str) and text:
            try:
                yield str(ip_network(text, strict=False))
            except ValueError:
                continue


def _gateways(cidr: str) -> Iterator[str]:
    """The first two addresses: the bridge of most plugins has the second, flannel's tunnel the first."""
    net = ip_network(cidr)
    yield from (net[index].compressed for index in range(min(2, net.num_addresses)))


def _is_injected(found: Object) -> bool:
    rows = _list(at(found, "spec", "initContainers"))
    proxied = any(at(row, "name") == contract.PROXY_CONTAINER for row in rows)
    return proxied and at(found, "metadata", "annotations", contract.STATUS_ANNOTATION) is not None
