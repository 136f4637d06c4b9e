"""The lab's network as `ip` commands: a bridge in a namespace of its own, one cable to each pod.

What belongs here: from topology to commands, and running them.  Nothing is ever run in the host's own
namespace, so its addresses, routes and rules cannot change.
"""

from sidecar.lab import netns
from sidecar.lab.topology import NODE, PODS, Pod, gateways, namespace, neighbour_networks, prefix_length

UPLINK = "eth0"


def address_commands(member: Pod, device: str) -> list[str]:
    """Addresses and on-link routes of a pod or the node; every command may be repeated.

    `nodad`: without duplicate address detection IPv6 addresses can be used at once (RFC 4862, section 5.4).
    """
    commands = ["link set lo up", f"link set {device} up"]
    for address in member.addresses:
        flags = " nodad" if ":" in address else ""
        commands.append(f"addr replace {address}/{prefix_length(address)} dev {device}{flags}")
    commands += [f"route replace {network} dev {device}" for network in neighbour_networks(member)]
    return commands + [f"route replace default via {gateway} dev {device}" for gateway in gateways(member)]


def bridge_commands() -> list[str]:
    """The bridge.  Multicast snooping off: without a querier it may lose neighbour solicitations."""
    return [f"link add {netns.BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"]


def cable_commands(member: Pod, target: str) -> list[str]:
    """A veth pair from the bridge to the namespace `target`; the host never sees either end."""
    return [
        f"link add name {member.name} type veth peer name {UPLINK} netns {target}",
        f"link set {member.name} master {netns.BRIDGE}",
        f"link set {member.name} up",
    ]


def wire(lab: str) -> None:
    """Make the lab's network, or what is missing of it."""
    node = namespace(lab, NODE)
    netns.create(node)
    if netns.BRIDGE not in netns.links(node):
        netns.configure(node, bridge_commands())
    netns.configure(node, address_commands(NODE, netns.BRIDGE))
    for pod in PODS:
        _wire_pod(lab, node, pod)


def unwire(lab: str) -> None:
    """Remove the lab's network, whatever is left of it."""
    for member in (*PODS, NODE):
        netns.delete(namespace(lab, member))


def _wire_pod(lab: str, node: str, pod: Pod) -> None:
    target = namespace(lab, pod)
    netns.create(target)
    if UPLINK not in netns.links(target):
        netns.configure(node, cable_commands(pod, target))
    netns.configure(target, address_commands(pod, UPLINK))
