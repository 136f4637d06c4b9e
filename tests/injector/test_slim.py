"""From the JSON of objects, as the API server writes it, to the few facts that matter."""

import pytest

from injector import slim
from injector.slim import Namespace, Node, Pod, Service, Slice
from sidecar.core.scopes import PeerClass

INJECTED = {
    "metadata": {
        "uid": "u1",
        "namespace": "pay",
        "name": "vault-0",
        "annotations": {"cdefence.io/pci-scope": "in-scope", "cdefence.io/status": "{}"},
    },
    "spec": {"initContainers": [{"name": "cdefence-init"}, {"name": "cdefence-proxy"}]},
    "status": {
        "phase": "Running",
        "podIP": "10.244.0.5",
        "podIPs": [{"ip": "10.244.0.5"}, {"ip": "fd44::5"}],
    },
}
VAULT = Pod("u1", "pay", "vault-0", ("10.244.0.5", "fd44::5"), PeerClass.IN_SCOPE, injected=True)


def meta(**more):
    return {"uid": "u1", "namespace": "pay", "name": "a", **more}


def plain(**more):
    facts = {"uid": "u1", "namespace": "pay", "name": "a", "ips": (), "scope": None, "injected": False}
    return Pod(**facts | more)


PODS = [
    ("injected, dual stack", INJECTED, VAULT),
    ("nothing but a name", {"metadata": meta()}, plain()),
    (
        "one address, the old way",
        {"metadata": meta(), "status": {"podIP": "10.0.0.1"}},
        plain(ips=("10.0.0.1",)),
    ),
    (
        "an address in long form",
        {"metadata": meta(), "status": {"podIP": "FD44:0::5"}},
        plain(ips=("fd44::5",)),
    ),
    ("no address", {"metadata": meta(), "status": {"podIP": "", "podIPs": None}}, plain()),
    (
        "a scope that is none",
        {"metadata": meta(annotations={"cdefence.io/pci-scope": "external"})},
        plain(),
    ),
    (
        "a status annotation without our container",
        {"metadata": meta(annotations={"cdefence.io/status": "{}"}), "spec": {"initContainers": None}},
        plain(),
    ),
    (
        "our container without the status annotation",
        {"metadata": meta(), "spec": {"initContainers": [{"name": "cdefence-proxy"}]}},
        plain(),
    ),
    ("on its node's network", {"metadata": meta(), "spec": {"hostNetwork": True}}, plain(host_network=True)),
    ("evicted", {"metadata": meta(), "status": {"phase": "Failed"}}, plain(finished=True)),
    ("a Job that is done", {"metadata": meta(), "status": {"phase": "Succeeded"}}, plain(finished=True)),
    (
        "being deleted",
        {"metadata": meta(deletionTimestamp="2026-11-24T10:00:00Z", deletionGracePeriodSeconds=5)},
        plain(grace_s=5.0),
    ),
    (
        "being deleted, it does not say how fast",
        {"metadata": meta(deletionTimestamp="2026-11-24T10:00:00Z")},
        plain(grace_s=30.0),
    ),
    (
        "fields of another kind",
        {"metadata": meta(annotations=[1]), "spec": 7, "status": {"podIPs": {}}},
        plain(),
    ),
]


@pytest.mark.parametrize(("what", "found", "facts"), PODS)
def test_a_pod(what, found, facts):
    assert slim.pod(found) == facts


@pytest.mark.parametrize(
    ("labels", "opted_in"),
    [
        ({"cdefence.io/injection": "enabled"}, True),
        ({"cdefence.io/injection": "Enabled"}, False),
        ({"cdefence.io/injection": "disabled"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_namespace(labels, opted_in):
    found = {"metadata": {"uid": "u1", "name": "pay", "labels": labels}}
    assert slim.namespace(found) == Namespace("u1", "pay", opted_in)


def test_a_node():
    found = {
        "metadata": {
            "uid": "u1",
            "name": "k1",
            "annotations": {
                "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.3.64",
                "network.cilium.io/ipv6-cilium-host": "fd44:3::7",
                "other": "10.9.9.9",
            },
        },
        "spec": {"podCIDR": "10.244.3.0/24", "podCIDRs": ["10.244.3.0/24", "fd44:0:0:3::/64"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.168.0.1"},
                {"type": "InternalIP", "address": "fd00::1"},
                {"type": "ExternalIP", "address": "203.0.113.7"},
                {"type": "Hostname", "address": "k1"},
                {"type": "InternalDNS", "address": "10.1.1.1"},
            ]
        },
    }
    assert slim.node(found) == Node(
        "u1",
        "k1",
        ("192.168.0.1", "fd00::1", "203.0.113.7", "10.244.3.64", "fd44:3::7"),
        ("10.244.3.0", "10.244.3.1", "fd44:0:0:3::", "fd44:0:0:3::1"),
        ("10.244.3.0/24", "fd44:0:0:3::/64"),
    )
    assert slim.node({"metadata": {"uid": "u2", "name": "k2"}}) == Node("u2", "k2", ())
    single = {"metadata": {"uid": "u2", "name": "k2"}, "spec": {"podCIDR": "10.0.0.7/32"}}
    assert slim.node(single).gateways == ("10.0.0.7",)


SERVICES = [
    (
        "dual stack, TCP and UDP",
        {
            "clusterIPs": ["10.96.0.9", "FD96::9"],
            "ports": [
                {"port": 53, "protocol": "UDP"},
                {"port": 53, "protocol": "TCP"},
                {"port": 443},
                {"port": 443, "protocol": "TCP"},
            ],
        },
        ("10.96.0.9", "fd96::9"),
        (53, 443),
    ),
    ("one address, the old way", {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}, ("10.96.0.9",), (80,)),
    ("headless", {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]}, (), (80,)),
    ("ExternalName", {"type": "ExternalName", "externalName": "api.acquirer.example"}, (), ()),
    (
        "addresses of the world are not renamed",
        {"clusterIPs": ["10.96.0.9"], "externalIPs": ["203.0.113.5"], "ports": [{"port": 80}]},
        ("10.96.0.9",),
        (80,),
    ),
]


@pytest.mark.parametrize(("what", "spec", "ips", "ports"), SERVICES)
def test_a_service(what, spec, ips, ports):
    assert slim.service({"metadata": meta(), "spec": spec}) == Service("u1", "pay", "a", ips, ports)


def test_an_endpoint_slice():
    found = {
        "metadata": meta(name="vault-x1", labels={"kubernetes.io/service-name": "vault"}),
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.244.0.5"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "uid": "p1"},
            },
            {
                "addresses": ["10.244.0.6"],
                "conditions": {"ready": False},
                "targetRef": {"kind": "Pod", "uid": "p2"},
            },
            {"addresses": ["10.244.0.7"], "targetRef": {"kind": "Node", "uid": "k1"}},
            {"addresses": ["192.0.2.7"]},
            {"addresses": ["db.example"]},
        ],
    }
    assert slim.endpoint_slice(found) == Slice(
        "u1",
        "pay",
        "vault",
        (("10.244.0.5", "p1"), ("10.244.0.6", "p2"), ("10.244.0.7", ""), ("192.0.2.7", "")),
    )
    assert slim.endpoint_slice({"metadata": meta(), "endpoints": None}) == Slice("u1", "pay", "", ())
