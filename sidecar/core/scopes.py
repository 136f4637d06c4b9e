"""Who is who: the scope map from addresses to peer classes, and the words for classes, directions and modes.

The map is immutable: a new snapshot replaces the old one in a single assignment, so a decision never sees half of an
update.  When two entries disagree about one address the stricter class wins and the conflict is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class PeerClass(StrEnum):
    """What a peer is to the cardholder data environment.  The first three are the scopes a pod can declare."""

    IN_SCOPE = "in-scope"
    CONNECTED_TO = "connected-to"
    OUT_OF_SCOPE = "out-of-scope"
    EXTERNAL = "external"
    """Outside the cluster."""
    NODE = "node"
    """A cluster node: kubelet probes, NodePort and load-balancer traffic arrive from here."""
    UNKNOWN = "unknown"
    """Inside the cluster, but nobody told us who it is."""


POD_SCOPES = (PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE)


class Direction(StrEnum):
    """Seen from the protected pod."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Mode(StrEnum):
    """How far the sidecar goes, in the words users know."""

    DISCOVER = "discover"
    """Record flows and findings; deny nothing."""
    MONITOR = "monitor"
    """Record, and say what would have been denied; deny nothing."""
    PROTECT = "protect"
    """Enforce."""


# How cautious the default grid is about a class; a conflict resolves to the highest.
_STRICTNESS = {
    PeerClass.IN_SCOPE: 0,
    PeerClass.CONNECTED_TO: 1,
    PeerClass.OUT_OF_SCOPE: 2,
    PeerClass.NODE: 3,
    PeerClass.EXTERNAL: 4,
    PeerClass.UNKNOWN: 5,
}

Network = IPv4Network | IPv6Network

type Key = tuple[str, int | None]
"""What an entry is about: an address or network as compressed text, and one port or (None) all of them."""


def stricter(one: PeerClass, other: PeerClass) -> PeerClass:
    """Of two classes for one peer, the one that the default grid is more cautious about."""
    return max(one, other, key=_STRICTNESS.__getitem__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a scope map: an address, for one port or (`port=None`) for all of them, and its class.

    `ip` may also be a network (`203.0.113.0/24`), then without a port: the class of what nobody lists by address.
    """

    ip: str
    scope: PeerClass
    port: int | None = None


@dataclass(frozen=True, slots=True)
class _Prefixes:
    """The networks of one IP version and one prefix length."""

    version: int
    shift: int
    """Bits of the address behind the prefix."""
    scopes: Mapping[int, PeerClass]
    """By prefix."""


@dataclass(frozen=True, slots=True)
class ScopeMap:
    """An immutable snapshot: address (and port) to class.

    The most exact entry wins: address and port, address, then the longest network.  `cluster` are networks whose
    unlisted addresses are `unknown`; every other unlisted address is `external`.
    """

    epoch: int
    cluster: tuple[Network, ...]
    conflicts: int
    _by_ip: Mapping[str, PeerClass] = field(repr=False)
    _by_ip_port: Mapping[tuple[str, int], PeerClass] = field(repr=False)
    _by_network: Mapping[str, PeerClass] = field(repr=False)
    _prefixes: tuple[_Prefixes, ...] = field(repr=False)

    @classmethod
    def build(cls, entries: Iterable[Entry], cluster: Iterable[str] = (), epoch: int = 0) -> "ScopeMap":
        """A snapshot of `entries`.

        Raises ValueError for an address or network that is not one, and for a network with a port.
        """
        by_ip: dict[str, PeerClass] = {}
        by_ip_port: dict[tuple[str, int], PeerClass] = {}
        by_network: dict[str, PeerClass] = {}
        conflicts = 0
        for entry in entries:
            if "/" in entry.ip:
                if entry.port is not None:
                    raise ValueError(f"{entry.ip} is a network and has a port")
                conflicts += _put(by_network, str(ip_network(entry.ip)), entry.scope)
                continue
            ip = ip_address(entry.ip).compressed
            if entry.port is None:
                conflicts += _put(by_ip, ip, entry.scope)
            else:
                conflicts += _put(by_ip_port, (ip, entry.port), entry.scope)
        networks = tuple(ip_network(net) for net in cluster)
        return cls(
            epoch, networks, conflicts, by_ip, by_ip_port, by_network, _prefixes_of(networks, by_network)
        )

    def changed(self, epoch: int, put: Mapping[Key, PeerClass], drop: Iterable[Key] = ()) -> "ScopeMap":
        """The next snapshot: `drop` is no longer listed, `put` has these classes, whatever it had before.

        Addresses and networks are in compressed form; raises KeyError for a `drop` that is not listed.
        """
        by_ip, by_ip_port, by_network = dict(self._by_ip), dict(self._by_ip_port), dict(self._by_network)
        for ip, port in drop:
            if port is not None:
                del by_ip_port[ip, port]
            else:
                del (by_network if "/" in ip else by_ip)[ip]
        for (ip, port), scope in put.items():
            if port is not None:
                by_ip_port[ip, port] = scope
            else:
                (by_network if "/" in ip else by_ip)[ip] = scope
        same = by_network == self._by_network
        prefixes = self._prefixes if same else _prefixes_of(self.cluster, by_network)
        return ScopeMap(epoch, self.cluster, self.conflicts, by_ip, by_ip_port, by_network, prefixes)

    def listed(self, ip: str, port: int | None = None) -> PeerClass | None:
        """The class of exactly this entry (`ip` may be a network), or None."""
        if port is not None:
            return self._by_ip_port.get((ip, port))
        return (self._by_network if "/" in ip else self._by_ip).get(ip)

    def is_service(self, ip: str, port: int) -> bool:
        """Whether this is the address of a Service: only those are listed with their port."""
        return (ip, port) in self._by_ip_port

    def classify(self, ip: str, port: int | None = None) -> PeerClass:
        """The class of the peer at `ip` (compressed text form); `port` is given when the peer is a destination."""
        if port is not None and self._by_ip_port:
            found = self._by_ip_port.get((ip, port))
            if found is not None:
                return found
        found = self._by_ip.get(ip)
        return self._by_longest_network(ip) if found is None else found

    def _by_longest_network(self, ip: str) -> PeerClass:
        address = ip_address(ip)
        number = int(address)
        for prefixes in self._prefixes:
            if prefixes.version == address.version:
                found = prefixes.scopes.get(number >> prefixes.shift)
                if found is not None:
                    return found
        return PeerClass.EXTERNAL

    def counts(self) -> dict[PeerClass, int]:
        """How many entries each class has."""
        totals = dict.fromkeys(PeerClass, 0)
        for table in (self._by_ip, self._by_ip_port, self._by_network):
            for scope in table.values():
                totals[scope] += 1
        return totals


def _put[K](table: dict[K, PeerClass], key: K, scope: PeerClass) -> int:
    """Enter one class under `key`, keeping the stricter; 1 when two entries disagreed, else 0."""
    known = table.setdefault(key, scope)
    if known is scope:
        return 0
    table[key] = stricter(known, scope)
    return 1


def _prefixes_of(cluster: Iterable[Network], named: Mapping[str, PeerClass]) -> tuple[_Prefixes, ...]:
    """All networks, the longest first; those of the cluster are one more kind of `unknown`."""
    tables: dict[tuple[int, int], dict[int, PeerClass]] = {}
    every = [(net, PeerClass.UNKNOWN) for net in cluster]
    every += [(ip_network(text), scope) for text, scope in named.items()]
    for net, scope in every:
        shift = net.max_prefixlen - net.prefixlen
        _put(tables.setdefault((net.version, shift), {}), int(net.network_address) >> shift, scope)
    ordered = sorted(tables, key=lambda key: key[1])
    return tuple(_Prefixes(version, shift, tables[version, shift]) for version, shift in ordered)
