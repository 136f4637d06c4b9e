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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a scope map: an address, for one port or (`port=None`) for all of them, and its class."""

    ip: str
    scope: PeerClass
    port: int | None = None


@dataclass(frozen=True, slots=True)
class ScopeMap:
    """An immutable snapshot: address (and port) to class.

    `cluster` are the networks whose unlisted addresses are `unknown`; every other unlisted address is `external`.
    """

    epoch: int
    cluster: tuple[Network, ...]
    conflicts: int
    _by_ip: Mapping[str, PeerClass] = field(repr=False)
    _by_ip_port: Mapping[tuple[str, int], PeerClass] = field(repr=False)

    @classmethod
    def build(cls, entries: Iterable[Entry], cluster: Iterable[str] = (), epoch: int = 0) -> "ScopeMap":
        """A snapshot of `entries`.

        Raises ValueError for an address or network that is not one.
        """
        by_ip: dict[str, PeerClass] = {}
        by_ip_port: dict[tuple[str, int], PeerClass] = {}
        conflicts = 0
        for entry in entries:
            ip = ip_address(entry.ip).compressed
            if entry.port is None:
                conflicts += _put(by_ip, ip, entry.scope)
            else:
                conflicts += _put(by_ip_port, (ip, entry.port), entry.scope)
        return cls(epoch, tuple(ip_network(net) for net in cluster), conflicts, by_ip, by_ip_port)

    def classify(self, ip: str, port: int | None = None) -> PeerClass:
        """The class of the peer at `ip` (compressed text form); `port` is given when the peer is a destination."""
        if port is not None and self._by_ip_port:
            found = self._by_ip_port.get((ip, port))
            if found is not None:
                return found
        found = self._by_ip.get(ip)
        if found is not None:
            return found
        address = ip_address(ip)
        return PeerClass.UNKNOWN if any(address in net for net in self.cluster) else PeerClass.EXTERNAL

    def counts(self) -> dict[PeerClass, int]:
        """How many entries each class has."""
        totals = dict.fromkeys(PeerClass, 0)
        for scope in (*self._by_ip.values(), *self._by_ip_port.values()):
            totals[scope] += 1
        return totals


def _put[K](table: dict[K, PeerClass], key: K, scope: PeerClass) -> int:
    """Enter one class under `key`, keeping the stricter; 1 when two entries disagreed, else 0."""
    known = table.setdefault(key, scope)
    if known is scope:
        return 0
    table[key] = max(known, scope, key=_STRICTNESS.__getitem__)
    return 1
