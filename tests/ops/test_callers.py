"""Who may have a probe or a hook relayed: the whole table, and the gateways that the kernel knows."""

import sys

import pytest

from sidecar.core.scopes import PeerClass
from sidecar.ops.callers import Callers
from tests.net.netns import command, in_lab, namespace

WHO = {
    "10.0.0.5": PeerClass.IN_SCOPE,  # our own address, too
    "10.0.0.6": PeerClass.IN_SCOPE,
    "10.0.0.7": PeerClass.CONNECTED_TO,
    "10.0.0.8": PeerClass.OUT_OF_SCOPE,
    "10.0.0.9": PeerClass.NODE,
    "203.0.113.1": PeerClass.EXTERNAL,
}
CALLERS = Callers(
    lambda ip: WHO.get(ip, PeerClass.UNKNOWN), ["10.0.0.5"], lambda: frozenset({"10.0.0.1", "10.0.0.6"})
)

# Who asks, whether for a probe, whether for a hook.
TABLE = [
    ("127.0.0.1", True, True),
    ("127.9.9.9", True, True),
    ("::1", True, True),
    ("10.0.0.5", True, True),
    ("10.0.0.9", True, True),
    ("10.0.0.1", True, True),  # the default gateway, which nobody lists
    ("10.0.0.77", True, False),
    ("203.0.113.1", True, False),
    ("fe80::1%eth0", True, False),
    ("10.0.0.6", False, False),  # a pod, though it claims to be the gateway
    ("10.0.0.7", False, False),
    ("10.0.0.8", False, False),
]


@pytest.mark.parametrize(("peer", "probe", "hook"), TABLE)
def test_who_may(peer: str, probe: bool, hook: bool) -> None:
    assert (CALLERS.may(peer, hook=False), CALLERS.may(peer, hook=True)) == (probe, hook)


ROUTES = [
    "link add eth9 type veth peer name eth8",
    "link set eth8 up",
    "link set eth9 up",
    "address add 10.78.0.2/24 dev eth9",
    "address add fd78::2/64 dev eth9 nodad",
    "route add 10.99.0.0/16 via 10.78.0.9",
    "route add default via 10.78.0.1",
    "route add default via fd78::1",
]
TELL = "from sidecar.ops.callers import default_gateways; print(*sorted(default_gateways()))"


@in_lab
def test_the_default_gateways_are_the_kernels() -> None:
    with namespace() as pod:
        told = ("ip", "netns", "exec", pod.name, sys.executable, "-c", TELL)
        assert command(*told).split() == []
        for words in ROUTES:
            pod.ip(words)
        assert command(*told).split() == ["10.78.0.1", "fd78::1"]
