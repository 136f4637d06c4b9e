"""What a lab consists of, as pure data: pods, addresses, ports, names, and the texts of the files that pods
see.

What belongs here: facts and pure functions of them.  What never does: creating, starting or reading anything.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from sidecar import contract
from sidecar.core.scopes import PeerClass

DEFAULT_NAME: Final = "cdefence-lab"
# Namespace, folder and environment values are made from the name, so it is kept to what all of them take.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

HTTP_PORT: Final = 8080
HTTPS_PORT: Final = 8443
TCP_PORT: Final = 9000
UDP_PORT: Final = 9999

APP_UID: Final = 10001
"""The applications and the clients of the scenarios run as this user, without capabilities."""

CLUSTER: Final = ("10.77.0.0/24", "fd77::/64")
# RFC 5737 and RFC 3849 documentation addresses: outside the cluster networks, so `external` without any
# entry in the scope map.  They are on-link on the same bridge, which spares the lab a router and changes
# nothing for the sidecar.
OUTSIDE: Final = ("198.51.100.0/24", "2001:db8:77::/64")


@dataclass(frozen=True, slots=True)
class Pod:
    """One network namespace that stands in for a pod; a `protected` one has an init step and a sidecar."""

    name: str
    v4: str
    v6: str
    scope: PeerClass
    protected: bool = True

    @property
    def addresses(self) -> tuple[str, str]:
        """IPv4, then IPv6."""
        return self.v4, self.v6


PODS: Final = (
    Pod("checkout", "10.77.0.11", "fd77::11", PeerClass.IN_SCOPE),
    Pod("vault", "10.77.0.12", "fd77::12", PeerClass.IN_SCOPE),
    Pod("gateway", "10.77.0.20", "fd77::20", PeerClass.CONNECTED_TO),
    Pod("shop", "10.77.0.30", "fd77::30", PeerClass.OUT_OF_SCOPE),
    Pod("internet", "198.51.100.10", "2001:db8:77::10", PeerClass.EXTERNAL, protected=False),
)
PROTECTED: Final = tuple(pod for pod in PODS if pod.protected)

# The bridge's own namespace is the node: probes and scrapes come from here, as a kubelet's or a Prometheus'
# would.
NODE: Final = Pod("net", "10.77.0.1", "fd77::1", PeerClass.NODE, protected=False)


def pod(name: str) -> Pod:
    """The pod called `name`.  Raises KeyError, naming the pods there are."""
    for candidate in PODS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no pod {name!r} in the lab; there are: {', '.join(each.name for each in PODS)}")


def check_name(name: str) -> str:
    """`name`, if a lab can be called that.  Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"lab name {name!r}: use up to 40 lower-case letters, digits and dashes, not leading with a dash"
        )
    return name


def namespace(lab: str, member: Pod) -> str:
    """The network namespace of a pod (or of the node) of a lab.

    No member's name has a dash, so the last dash separates and two labs can never mean the same namespace.
    """
    return f"{lab}-{member.name}"


def prefix_length(address: str) -> int:
    """All networks of the lab are /24 (IPv4) or /64 (IPv6)."""
    return 64 if ":" in address else 24


def neighbour_networks(member: Pod) -> tuple[str, str]:
    """The networks that `member` reaches on-link besides its own."""
    return CLUSTER if member.scope is PeerClass.EXTERNAL else OUTSIDE


def gateways(member: Pod) -> tuple[str, ...]:
    """The default routers of a pod of the cluster: the node, which forwards nothing, so that no packet leaves the lab."""
    return NODE.addresses if member.protected else ()


def hosts(member: Pod) -> str:
    """/etc/hosts of a pod: every pod by name, in both families."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    lines += [f"{address} {each.name}" for each in PODS for address in each.addresses]
    lines += [f"{address} node" for address in NODE.addresses]
    return f"# {member.name}\n" + "\n".join(lines) + "\n"


def resolv_conf() -> str:
    """/etc/resolv.conf of a pod, without a server: a name that /etc/hosts lacks fails at once."""
    return "# names come from /etc/hosts\noptions timeout:1 attempts:1\n"


def scope_map(epoch: int = 1) -> str:
    """The scope map as JSON text; `internet` is external because it is outside the cluster networks."""
    peers = [{"ip": address, "scope": each.scope.value} for each in PROTECTED for address in each.addresses]
    document = {
        "apiVersion": contract.API_VERSION,
        "kind": "ScopeMap",
        "epoch": epoch,
        "cluster": list(CLUSTER),
        "nodes": list(NODE.addresses),
        "peers": peers,
    }
    return json.dumps(document, indent=1) + "\n"
