"""The lab's pure data: nothing in it contradicts itself, and names keep labs apart."""

import ipaddress
import json
from itertools import combinations

import pytest

from sidecar.core.scopes import Entry, PeerClass, ScopeMap
from sidecar.lab import topology
from sidecar.lab.topology import NODE, PODS

PAGE = """\
# checkout
127.0.0.1 localhost
::1 localhost ip6-localhost
10.77.0.11 checkout
fd77::11 checkout
10.77.0.12 vault
fd77::12 vault
10.77.0.20 gateway
fd77::20 gateway
10.77.0.30 shop
fd77::30 shop
198.51.100.10 internet
2001:db8:77::10 internet
10.77.0.1 node
fd77::1 node
"""


def test_every_pod_knows_every_name() -> None:
    assert topology.hosts(topology.pod("checkout")) == PAGE


def test_no_address_and_no_name_twice() -> None:
    members = (*PODS, NODE)
    addresses = [address for member in members for address in member.addresses]
    assert len(set(addresses)) == len(addresses)
    assert len({member.name for member in members}) == len(members)


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.name)
def test_the_scope_map_says_what_the_table_says(pod: topology.Pod) -> None:
    document = json.loads(topology.scope_map())
    entries = [Entry(peer["ip"], PeerClass(peer["scope"])) for peer in document["peers"]]
    known = ScopeMap.build(entries, document["cluster"])
    assert [known.classify(address) for address in pod.addresses] == [pod.scope, pod.scope]


def test_pods_are_on_link_with_each_other() -> None:
    for one, other in combinations(PODS, 2):
        reachable = [ipaddress.ip_network(net) for net in topology.neighbour_networks(one)]
        reachable += [
            ipaddress.ip_interface(f"{address}/{topology.prefix_length(address)}").network
            for address in one.addresses
        ]
        for address in other.addresses:
            assert any(ipaddress.ip_address(address) in net for net in reachable), (one.name, address)


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a/b", "a" * 41, "ä", "a\n"])
def test_impossible_lab_names(name: str) -> None:
    with pytest.raises(ValueError, match="lab name"):
        topology.check_name(name)


def test_namespaces_of_two_labs_never_meet() -> None:
    labs = ["a", "a-net", "a-checkout", "a-net-net", "a-b"]
    names = [topology.namespace(lab, member) for lab in labs for member in (*PODS, NODE)]
    assert len(set(names)) == len(names)


def test_an_unknown_pod_is_told_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"no pod 'till'.*checkout, vault, gateway, shop, internet"):
        topology.pod("till")
