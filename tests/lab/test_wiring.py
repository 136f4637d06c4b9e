"""The network as commands: read it like a transcript."""

from sidecar.lab import wiring
from sidecar.lab.topology import NODE, pod


def test_a_pod_of_the_cluster() -> None:
    assert wiring.cable_commands(pod("vault"), "lab-vault") == [
        "link add name vault type veth peer name eth0 netns lab-vault",
        "link set vault master br0",
        "link set vault up",
    ]
    assert wiring.address_commands(pod("vault"), "eth0") == [
        "link set lo up",
        "link set eth0 up",
        "addr replace 10.77.0.12/24 dev eth0",
        "addr replace fd77::12/64 dev eth0 nodad",
        "route replace 198.51.100.0/24 dev eth0",
        "route replace 2001:db8:77::/64 dev eth0",
        "route replace default via 10.77.0.1 dev eth0",
        "route replace default via fd77::1 dev eth0",
    ]


def test_the_outside_reaches_the_cluster_on_link() -> None:
    assert wiring.address_commands(pod("internet"), "eth0")[2:] == [
        "addr replace 198.51.100.10/24 dev eth0",
        "addr replace 2001:db8:77::10/64 dev eth0 nodad",
        "route replace 10.77.0.0/24 dev eth0",
        "route replace fd77::/64 dev eth0",
    ]


def test_the_node_is_the_bridge() -> None:
    assert wiring.bridge_commands() == [
        "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
    ]
    assert "addr replace 10.77.0.1/24 dev br0" in wiring.address_commands(NODE, "br0")
