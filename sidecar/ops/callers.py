"""Who may have a probe or hook relayed: the kubelet, and not whoever else can reach the health port.

    who asks                                        probe   hook
    the pod itself (loopback, its addresses)         yes    yes
    a pod with a scope                               no     no
    a node, or the pod's default gateway             yes    yes
    whoever is unknown, or outside the cluster       yes    no

A probe only says how the application is; a hook makes it do something, so for that the caller must be known.  With
bridges (and Cilium) the kubelet's own address is the gateway of its pods, which no list of nodes has; with others it may
be one that nobody listed, and then probes must go on.

What belongs here: this table.  What never does: what is relayed (app_probes.py).
"""

import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from sidecar.core.scopes import POD_SCOPES, PeerClass

_ROUTES4, _ROUTES6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
_NOBODY4, _NOBODY6 = "0" * 8, "0" * 32


class Callers:
    """The table, for one pod."""

    def __init__(
        self,
        classify: Callable[[str], PeerClass],
        own: Iterable[str],
        gateways: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        """`classify` says who an address is, `own` are the pod's addresses."""
        self._classify = classify
        self._own = frozenset(own)
        self._gateways = gateways or default_gateways

    def may(self, peer: str, *, hook: bool) -> bool:
        """Whether `peer` may have a probe relayed, or a hook."""
        if peer in self._own or is_loopback(peer):
            return True
        who = self._classify(peer)
        if who in POD_SCOPES:
            return False
        return not hook or who is PeerClass.NODE or peer in self._gateways()


def is_loopback(peer: str) -> bool:
    """Whether the caller is inside the pod: nobody else can have such an address."""
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False


def default_gateways() -> frozenset[str]:
    """Where the pod sends what has no nearer way, as `/proc/net` tells it."""
    return frozenset((*_gateways4(_rows(_ROUTES4)), *_gateways6(_rows(_ROUTES6))))


def _rows(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text("ascii").splitlines()]
    except OSError:  # a kernel without this family
        return []


def _gateways4(rows: Iterable[list[str]]) -> Iterator[str]:
    """Of interface, destination and gateway, each address a number as this machine keeps it; a title first."""
    for _, destination, gateway, *_ in rows:
        if destination == _NOBODY4 != gateway:
            yield socket.inet_ntop(socket.AF_INET, int(gateway, 16).to_bytes(4, sys.byteorder))


def _gateways6(rows: Iterable[list[str]]) -> Iterator[str]:
    """Of destination and its prefix length, source and its, and gateway, in network order."""
    for destination, length, _, _, gateway, *_ in rows:
        if (destination, length) == (_NOBODY6, "00") and gateway != _NOBODY6:
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(gateway))
