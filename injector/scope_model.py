"""Who is who in the cluster: from facts about objects to the entries of the scope map, change by change, without I/O.

What belongs here: what class a pod, a node, a Service or a network has, and what a change of facts changes about that.
What never does: the API server (`reflector`, `slim`), sidecars (`scope_hub`), and the clock: the time comes in as an
argument, in seconds.

**A pod** of a namespace that opted in is what its annotation says, and `unknown` without one.  Anywhere else it is
`out-of-scope`, whatever its annotation says: it is known (a policy can name it), it is no part of the cardholder data
environment, and admission guards the annotation only where a namespace opted in; elsewhere anybody could write it.  A
pod of a namespace not heard of is `unknown`.  A pod on its node's network is the node.

A pod being deleted keeps its class for its grace period: it still finishes requests, and opens connections for that.
After it, `unknown`.  Deleted, or run to its end, it has lost its address, which is then `unknown` for `quarantine_s`
unless somebody new claims it.  Everything goes by uid: a late deletion of the former pod takes nothing from the next.

**A Service**: `clusterIP:port` has the strictest class of its endpoints, and is `unknown` without any; its other ports
are `unknown`.  Headless Services and ExternalNames have no address of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from ipaddress import ip_network
from types import MappingProxyType

from injector.address_book import AddressBook, Claim, Former, Rank
from injector.service_book import ServiceBook
from injector.slim import Namespace, Node, Pod, Service, Slice
from sidecar.core.scopes import Entry, Key, PeerClass, ScopeMap, stricter


@dataclass(frozen=True, slots=True)
class Ground:
    """What the operator says about addresses, before any object is known."""

    cluster: tuple[str, ...] = ()
    """Networks of the cluster (pods and Services): `unknown` unless listed."""
    networks: Mapping[str, PeerClass] = field(default_factory=lambda: MappingProxyType({}))
    """Classes of networks, such as an acquirer's outside; what is listed by address goes before."""
    quarantine_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Delta:
    """What has changed in the entries; never empty."""

    put: Mapping[Key, PeerClass]
    drop: tuple[Key, ...]
    before: Mapping[Key, PeerClass | None]
    """What each of them was; None: not listed."""


class ScopeModel:
    """The entries of the scope map, kept up to date.

    Facts go in (`put_…`, `drop_…`), in any order and as often as they come; `flush` then says what that has changed.
    """

    def __init__(self, ground: Ground | None = None) -> None:
        """Raises ValueError for a network that is none."""
        self.ground = ground or Ground()
        self._named = {str(ip_network(net)): scope for net, scope in self.ground.networks.items()}
        self._said = self._networks_with(())
        """What the operator says an address is."""
        self._networks = self._said
        """The same, and the networks of pods that nodes tell of."""
        self._namespaces: dict[str, Namespace] = {}
        self._pods: dict[str, Pod] = {}
        self._pods_in: dict[str, set[str]] = defaultdict(set)
        self._ends: dict[str, float] = {}
        """When the grace of a pod being deleted is over, by uid."""
        self._nodes: dict[str, Node] = {}
        self._addresses = AddressBook()
        self._services = ServiceBook()
        self._touched: set[Key] = {(net, None) for net in self._named}
        self._entries: dict[Key, PeerClass] = {}
        self.entries: Mapping[Key, PeerClass] = MappingProxyType(self._entries)
        """As of the last `flush`."""

    # --- what can be asked

    @property
    def changed(self) -> bool:
        """Whether `flush` has something to look at, apart from the time."""
        return bool(self._touched or self._addresses.touched or self._services.touched)

    @property
    def next_due(self) -> float | None:
        """When the passing of time alone changes something next."""
        return self._addresses.next_due

    @property
    def conflicts(self) -> tuple[int, int]:
        """Addresses that live owners disagree about: now, and how often that began."""
        return self._addresses.conflicts, self._addresses.conflicts_total

    def protected(self, uid: str) -> Pod | None:
        """The pod of this uid, if it runs, and we injected it where we inject."""
        pod = self._pods.get(uid)
        if pod is None or not pod.injected or pod.finished:
            return None
        namespace = self._namespaces.get(pod.namespace)
        return pod if namespace is not None and namespace.opted_in else None

    def scope_of(self, pod: Pod) -> PeerClass:
        """What a pod is."""
        namespace = self._namespaces.get(pod.namespace)
        if pod.host_network:
            return PeerClass.NODE
        if namespace is None:
            return PeerClass.UNKNOWN
        return (pod.scope or PeerClass.UNKNOWN) if namespace.opted_in else PeerClass.OUT_OF_SCOPE

    def classify(self, ip: str, port: int | None, now: float) -> PeerClass:
        """The class of an address as of now, with what is not flushed yet."""
        service = self._service_entry(ip, port, now) if port is not None else None
        return service or self._address_entry(ip, now) or self._networks.classify(ip)

    # --- facts

    def put_namespace(self, namespace: Namespace, now: float) -> None:
        """A namespace is new or has changed."""
        self._namespaces[namespace.name] = namespace
        self._claim_again(namespace.name, now)

    def drop_namespace(self, namespace: Namespace, now: float) -> None:
        """A namespace is gone."""
        known = self._namespaces.get(namespace.name)
        if known is not None and known.uid == namespace.uid:
            del self._namespaces[namespace.name]
            self._claim_again(namespace.name, now)

    def put_pod(self, pod: Pod, now: float) -> None:
        """A pod is new or has changed."""
        before = self._pods.get(pod.uid)
        self._pods[pod.uid] = pod
        self._pods_in[pod.namespace].add(pod.uid)
        if before is not None:
            self._release(before, before.ips if pod.finished else set(before.ips) - set(pod.ips), now)
        self._claim(pod, now)

    def drop_pod(self, pod: Pod, now: float) -> None:
        """A pod is gone."""
        known = self._pods.pop(pod.uid, None)
        if known is not None:
            self._pods_in[known.namespace].discard(known.uid)
            if not self._pods_in[known.namespace]:
                del self._pods_in[known.namespace]
            self._ends.pop(known.uid, None)
            self._release(known, known.ips, now)

    def put_node(self, node: Node, now: float) -> None:
        """A node is new or has changed; most changes are its heartbeat and say nothing to us."""
        if self._nodes.get(node.uid) == node:
            return
        self.drop_node(node, now)
        self._nodes[node.uid] = node
        for rank, ips in ((Rank.GATEWAY, node.gateways), (Rank.LIVE, node.ips)):
            for ip in ips:
                self._addresses.claim(ip, node.uid, Claim(rank, PeerClass.NODE))
        self._know_networks(node.cidrs)

    def drop_node(self, node: Node, _now: float) -> None:
        """A node is gone."""
        known = self._nodes.pop(node.uid, None)
        if known is not None:
            for ip in (*known.ips, *known.gateways):
                self._addresses.release(ip, known.uid)
            self._know_networks(known.cidrs)

    def put_service(self, service: Service, _now: float) -> None:
        """A Service is new or has changed."""
        self._services.put_service(service)

    def drop_service(self, service: Service, _now: float) -> None:
        """A Service is gone."""
        self._services.drop_service(service.uid)

    def put_slice(self, part: Slice, _now: float) -> None:
        """A part of the endpoints of a Service is new or has changed."""
        self._services.put_slice(part)

    def drop_slice(self, part: Slice, _now: float) -> None:
        """A part of the endpoints of a Service is gone."""
        self._services.drop_slice(part.uid)

    # --- what that changes

    def flush(self, now: float) -> Delta | None:
        """What has changed in the entries since the last time; None for nothing."""
        self._addresses.pass_time(now)
        for ip in self._addresses.touched:
            self._touched.add((ip, None))
            self._services.touch_endpoint(ip)
        keys = self._touched | self._services.touched
        changes = {key: (self._entries.get(key), self._entry(key, now)) for key in keys}
        before = {key: was for key, (was, is_now) in changes.items() if was is not is_now}
        put = {key: scope for key in before if (scope := changes[key][1]) is not None}
        drop = tuple(key for key in before if key not in put)
        self._entries.update(put)
        for key in drop:
            del self._entries[key]
        for touched in (self._touched, self._addresses.touched, self._services.touched):
            touched.clear()
        return Delta(put, drop, before) if before else None

    def _entry(self, key: Key, now: float) -> PeerClass | None:
        """What is to be listed under `key`."""
        ip, port = key
        if "/" in ip:
            return self._network_entry(ip)
        return self._address_entry(ip, now) if port is None else self._service_entry(ip, port, now)

    def _address_entry(self, ip: str, now: float) -> PeerClass | None:
        scope = self._addresses.scope_at(ip, now)
        if scope is None and self._services.has(ip):
            scope = PeerClass.UNKNOWN  # a port that the Service does not have
        # What is `unknown` where everything unlisted is need not be listed; nobody can lift that, so it stays true.
        return None if scope is PeerClass.UNKNOWN and self._said.classify(ip) is scope else scope

    def _service_entry(self, ip: str, port: int, now: float) -> PeerClass | None:
        services = self._services.at(ip, port)
        if not services:
            return None
        endpoints = (
            self._addresses.as_endpoint(endpoint, uid, now) or self._networks.classify(endpoint)
            for service in services
            for endpoint, uid in self._services.endpoints(service)
        )
        first = next(endpoints, PeerClass.UNKNOWN)
        return reduce(stricter, endpoints, first)

    def _network_entry(self, net: str) -> PeerClass | None:
        if net in self._named:
            return self._named[net]
        return PeerClass.UNKNOWN if net in self._pod_networks() else None

    # --- pods

    def _claim_again(self, namespace: str, now: float) -> None:
        """What a namespace says about its pods may have changed."""
        for uid in self._pods_in.get(namespace, ()):
            self._claim(self._pods[uid], now)

    def _claim(self, pod: Pod, now: float) -> None:
        if pod.finished:
            return
        claim = Claim(Rank.LIVE, self.scope_of(pod))
        if pod.grace_s is not None:
            until = self._ends.setdefault(pod.uid, now + pod.grace_s)
            claim = Claim(Rank.ENDING, claim.scope, until)
        for ip in pod.ips:
            self._addresses.claim(ip, pod.uid, claim)

    def _release(self, pod: Pod, ips: Iterable[str], now: float) -> None:
        former = Former(pod.uid, self.scope_of(pod), now + self.ground.quarantine_s)
        for ip in ips:
            self._addresses.release(ip, pod.uid, former)

    # --- nodes and networks

    def _know_networks(self, cidrs: Iterable[str]) -> None:
        """Nodes have come or gone with these networks of pods."""
        if all(self._is_cluster(net) for net in cidrs):
            return
        self._touched.update((net, None) for net in cidrs)
        self._networks = self._networks_with(self._pod_networks())
        self._services.touch_all()

    def _pod_networks(self) -> set[str]:
        """The networks of pods that the operator did not name."""
        told = {net for node in self._nodes.values() for net in node.cidrs}
        return {net for net in told - self._named.keys() if not self._is_cluster(net)}

    def _networks_with(self, unknown: Iterable[str]) -> ScopeMap:
        entries = [Entry(net, scope) for net, scope in self._named.items()]
        entries += [Entry(net, PeerClass.UNKNOWN) for net in unknown]
        return ScopeMap.build(entries, self.ground.cluster)

    def _is_cluster(self, net: str) -> bool:
        """Whether everything unlisted in this network is `unknown` already; a named network could say otherwise."""
        return any(_within(net, cluster) for cluster in self.ground.cluster) and not self._named


def _within(net: str, other: str) -> bool:
    inner, outer = ip_network(net), ip_network(other)
    return inner.version == outer.version and (
        int(outer.network_address) <= int(inner.network_address)
        and int(inner.broadcast_address) <= int(outer.broadcast_address)
    )
