"""The node's network namespace, and the one that plays the world outside, joined by a veth pair.

Enter with `nsenter --net`: `ip netns exec` would mount a fresh /sys and hide the cgroups from the kubelet.
What never belongs here: the host's own addresses, routes or rules.
"""

from pathlib import Path
from typing import Final

from tests.cluster.bed import addresses
from tests.cluster.bed.places import Places
from tests.cluster.bed.shell import quietly, run

_RUN: Final = Path("/run/netns")

# What a node needs from its kernel, and IPv6 addresses that are usable at once.
_SYSCTLS: Final = (
    "net/ipv4/ip_forward=1",
    "net/ipv6/conf/all/forwarding=1",
    "net/ipv6/conf/all/accept_dad=0",
    "net/ipv6/conf/default/accept_dad=0",
)


def path(netns: str) -> Path:
    """The file that names the namespace."""
    return _RUN / netns


def inside(netns: str) -> list[str]:
    """The words to put before a command so that it runs in `netns`."""
    return ["nsenter", f"--net={path(netns)}", "--"]


def create(places: Places) -> None:
    """Both namespaces, addresses, routes.  Raises BedError."""
    node, outside = places.netns, places.outside
    for netns in (node, outside):
        run(["ip", "netns", "add", netns])
        run(["ip", "-n", netns, "link", "set", "lo", "up"])
        _sysctls(netns)
    run(["ip", "-n", node, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", outside])
    for netns, v4, v6 in (
        (node, addresses.NODE_V4, addresses.NODE_V6),
        (outside, addresses.GATEWAY_V4, addresses.GATEWAY_V6),
    ):
        _ip(netns, f"addr add {v4}/24 dev eth0")
        _ip(netns, f"-6 addr add {v6}/64 dev eth0 nodad")
        _ip(netns, "link set eth0 up")
    _ip(node, f"route add default via {addresses.GATEWAY_V4}")
    _ip(node, f"-6 route add default via {addresses.GATEWAY_V6}")
    _ip(outside, f"addr add {addresses.EXTERNAL_V4}/32 dev lo")
    _ip(outside, f"-6 addr add {addresses.EXTERNAL_V6}/128 dev lo nodad")


def remove(places: Places) -> None:
    """Both namespaces, if they are there; what lives in them must have ended before."""
    for netns in (places.netns, places.outside):
        if path(netns).exists():
            quietly(["ip", "netns", "del", netns])


def exists(places: Places) -> bool:
    """Whether the node's namespace is there."""
    return path(places.netns).exists()


def _ip(netns: str, words: str) -> None:
    run(["ip", "-n", netns, *words.split()])


def _sysctls(netns: str) -> None:
    for setting in _SYSCTLS:
        name, _, value = setting.partition("=")
        run([*inside(netns), "tee", f"/proc/sys/{name}"], stdin=value)
