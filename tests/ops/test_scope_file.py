"""Scope map files: JSON and YAML say the same, and an address that is written unclearly is an error."""

import json

import pytest

from sidecar.core.scopes import PeerClass
from sidecar.ops.scope_file import ScopeMapError, load_scope_map, parse_scope_map

MAP = {
    "apiVersion": "cdefence.io/v1",
    "kind": "ScopeMap",
    "epoch": 7,
    "cluster": ["10.77.0.0/24", "fd77::/64"],
    "nodes": ["10.77.0.1"],
    "peers": [
        {"ip": "10.77.0.11", "scope": "in-scope"},
        {"ip": "10.77.0.50", "port": 8080, "scope": "connected-to"},
        {"ip": "fd77:0::0014", "scope": "out-of-scope"},
        {"ip": "10.77.0.99", "scope": "external"},
        {"ip": "10.77.0.60", "scope": "in-scope"},
        {"ip": "10.77.0.60", "scope": "out-of-scope"},
    ],
}

# Address, destination port, class.
WHO = [
    ("10.77.0.1", None, PeerClass.NODE),
    ("10.77.0.11", 443, PeerClass.IN_SCOPE),
    ("10.77.0.50", 8080, PeerClass.CONNECTED_TO),
    ("10.77.0.50", 8081, PeerClass.UNKNOWN),
    ("fd77::14", None, PeerClass.OUT_OF_SCOPE),
    ("10.77.0.99", None, PeerClass.EXTERNAL),
    ("10.77.0.60", None, PeerClass.OUT_OF_SCOPE),  # the stricter of two
    ("10.77.0.77", None, PeerClass.UNKNOWN),
    ("192.0.2.1", None, PeerClass.EXTERNAL),
]


@pytest.mark.parametrize("text", [json.dumps(MAP), "# YAML\n" + json.dumps(MAP)], ids=["json", "yaml"])
def test_a_map_is_read(text):
    scopes = parse_scope_map(text, "map")
    assert [(ip, port, scopes.classify(ip, port)) for ip, port, _ in WHO] == WHO
    assert (scopes.epoch, scopes.conflicts) == (7, 1)


def test_the_least_a_map_must_say():
    scopes = parse_scope_map("apiVersion: cdefence.io/v1\nkind: ScopeMap\ncluster: []\n", "map")
    assert scopes.epoch == 0
    assert scopes.classify("10.0.0.1") is PeerClass.EXTERNAL


PEERS = "in-scope, connected-to, out-of-scope, external, node or unknown"

# What replaces parts of the map, and the whole complaint.
REFUSED = [
    ({"kind": "Policy"}, "kind: is 'Policy'; write ScopeMap"),
    ({"pods": []}, "pods: is no known key; use apiVersion, kind, cluster, epoch, nodes or peers"),
    ({"epoch": -1}, "epoch: is -1; write a whole number from 0 to 9223372036854775807"),
    ({"epoch": True}, "epoch: is true; write a whole number from 0 to 9223372036854775807"),
    ({"cluster": "10.0.0.0/8"}, "cluster: is '10.0.0.0/8'; write a list"),
    (
        {"cluster": ["10.77.0.1/24"]},
        "cluster[0]: is '10.77.0.1/24'; write a network such as 10.77.0.0/24, host bits zero",
    ),
    ({"cluster": [10]}, "cluster[0]: is 10; write a network such as 10.77.0.0/24, host bits zero"),
    ({"nodes": ["node-1"]}, "nodes[0]: is 'node-1'; write an IPv4 or IPv6 address"),
    ({"peers": [{"ip": "10.77.0.1"}]}, "peers[0].scope: is missing; add it"),
    ({"peers": [{"scope": "node"}]}, "peers[0].ip: is missing; add it"),
    (
        {"peers": [{"ip": 167772161, "scope": "node"}]},
        "peers[0].ip: is 167772161; write an IPv4 or IPv6 address",
    ),
    (
        {"peers": [{"ip": "10.0.0.010", "scope": "node"}]},
        "peers[0].ip: is '10.0.0.010'; write an IPv4 or IPv6 address",
    ),
    (
        {"peers": [{"ip": "::ffff:10.0.0.1", "scope": "node"}]},
        "peers[0].ip: is '::ffff:10.0.0.1'; write the plain address, without ::ffff: or %zone",
    ),
    (
        {"peers": [{"ip": "fe80::1%eth0", "scope": "node"}]},
        "peers[0].ip: is 'fe80::1%eth0'; write the plain address, without ::ffff: or %zone",
    ),
    ({"peers": [{"ip": "::1", "scope": "pci"}]}, f"peers[0].scope: is 'pci'; use {PEERS}"),
    (
        {"peers": [{"ip": "::1", "scope": "node", "port": "80"}]},
        "peers[0].port: is '80'; write a whole number from 1 to 65535",
    ),
    (
        {"peers": [{"ip": "::1", "scope": "node", "name": "x"}]},
        "peers[0].name: is no known key; use ip, scope or port",
    ),
]


@pytest.mark.parametrize(("change", "complaint"), REFUSED, ids=[complaint for _, complaint in REFUSED])
def test_what_a_map_may_not_say(change, complaint):
    with pytest.raises(ScopeMapError) as caught:
        parse_scope_map(json.dumps(MAP | change), "map.json")
    assert str(caught.value) == f"map.json: {complaint}"


def test_a_map_must_say_what_the_cluster_is():
    with pytest.raises(ScopeMapError, match=r"^map: cluster: is missing; add it$"):
        parse_scope_map("apiVersion: cdefence.io/v1\nkind: ScopeMap\n", "map")


def test_all_problems_are_told_at_once():
    change = {"epoch": "x", "cluster": ["x"], "nodes": ["x"], "peers": [{"ip": "x", "scope": "x"}, 1]}
    with pytest.raises(ScopeMapError) as caught:
        parse_scope_map(json.dumps(MAP | change), "map")
    fields = ["epoch", "cluster[0]", "nodes[0]", "peers[0].ip", "peers[0].scope", "peers[1]"]
    assert [problem.field for problem in caught.value.problems] == fields


def test_the_file_names_itself(tmp_path):
    file = tmp_path / "map.json"
    with pytest.raises(ScopeMapError, match=r"map\.json: file: cannot be read: No such file or directory"):
        load_scope_map(file)
    file.write_text(json.dumps(MAP))
    assert load_scope_map(file).epoch == 7
