"""Settings of the controller: what a line in a Deployment's environment becomes, and what is said when it cannot."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from injector import settings
from injector.recipe import PullPolicy
from injector.settings import CertificateMode, ClassOf, LogLevel, SettingsError, load
from sidecar.core.scopes import PeerClass

P = "CDEFENCE_CONTROLLER_"
IMAGE = {f"{P}IMAGE": "registry.example/cdefence:1.0"}


def test_only_the_image_must_be_said():
    got = load(IMAGE)
    assert (got.image, got.certificates, got.webhook_port, got.scopes_port, got.drain_s) == (
        "registry.example/cdefence:1.0",
        CertificateMode.SELF,
        9443,
        8443,
        5,
    )
    assert got.identity  # the pod's name, by way of the host's


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("IMAGE_PULL_POLICY", "Never", PullPolicy.NEVER),
        ("CERTIFICATES", "cert-manager", CertificateMode.CERT_MANAGER),
        ("CERTIFICATES", "secret", CertificateMode.SECRET),
        ("TLS_SECRET", "our-tls", "our-tls"),
        ("LEAF_LIFE_S", "3600", 3600),
        ("CLUSTER_CIDRS", "10.244.0.0/16, fd44::/48", (ip_network("10.244.0.0/16"), ip_network("fd44::/48"))),
        ("CLUSTER_CIDRS", "", ()),
        (
            "NETWORKS",
            "203.0.113.0/24=connected-to,2001:db8::/32=external",
            (
                ClassOf(ip_network("203.0.113.0/24"), PeerClass.CONNECTED_TO),
                ClassOf(ip_network("2001:db8::/32"), PeerClass.EXTERNAL),
            ),
        ),
        ("QUARANTINE_S", "0", 0),
        ("KUBECONFIG", "/tmp/k", Path("/tmp/k")),
        ("BIND", "::1", "::1"),
        ("BIND", "", ""),
        ("WEBHOOK_PORT", "0", 0),
        ("DRAIN_S", "0", 0),
        ("LOG_LEVEL", "debug", LogLevel.DEBUG),
    ],
)
def test_a_value(name, text, value):
    assert getattr(load(IMAGE | {P + name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IMAGE", ""),
        ("IMAGE", "two words"),
        ("IMAGE_PULL_POLICY", "never"),
        ("CERTIFICATES", "acme"),
        ("TLS_SECRET", "Not_A_Name"),
        ("LEAF_LIFE_S", "59"),
        ("LEAF_LIFE_S", "٣٦٠٠"),
        ("CLUSTER_CIDRS", "10.0.0.1/8"),
        ("CLUSTER_CIDRS", "10.0.0.0/8,10.0.0.0/8"),
        ("NETWORKS", "203.0.113.0/24"),
        ("NETWORKS", "203.0.113.0/24=friendly"),
        ("BIND", "localhost"),
        ("WEBHOOK_PORT", "65536"),
        ("CONCURRENCY", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_is_refused_is_named_with_what_is_allowed(name, text):
    with pytest.raises(SettingsError) as refused:
        load(IMAGE | {P + name: text})
    (problem,) = refused.value.problems
    assert problem.field == P + name
    assert problem.remedy.startswith("allowed: ")


def test_every_problem_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        load({f"{P}LOG_LEVEL": "x", f"{P}IMGE": "cdefence", "CDEFENCE_LOG_LEVEL": "not ours", "HOME": "/"})
    assert [(each.field, each.what) for each in refused.value.problems] == [
        (f"{P}IMAGE", "missing"),
        (f"{P}IMGE", "no such setting"),
        (f"{P}LOG_LEVEL", "its value is not allowed"),
    ]


def test_every_setting_is_documented():
    for each in fields(settings.Settings):
        assert settings.about(each).help.endswith("."), each.name
        assert settings.about(each).kind.allowed, each.name
