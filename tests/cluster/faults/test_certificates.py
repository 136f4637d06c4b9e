"""The certificate changes, vanishes or cannot be used, while pods are created and sidecars follow the scope map."""

import base64
import json
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from injector.certs import CA_CERT, LEAF_CERT, Bundle, Lives, as_data, created, rescued, with_new_ca
from injector.controller import tls_names
from sidecar import contract
from tests.cluster.faults import admissions
from tests.cluster.faults.scene import SYSTEM, Scene, held

SIDECARS = ("vault", "sink", "checkout", "shop")
RECONNECTS = "cdefence_scope_stream_reconnects_total"
NAMES = tls_names(SYSTEM)
DAY = timedelta(days=1)

type Data = Mapping[str, bytes]


def _new_leaf(data: Data, now: datetime) -> Bundle:
    """What a leader writes after two thirds of the leaf's life; made at `now`."""
    bundle = rescued(data, NAMES, now, Lives(leaf=DAY))
    assert bundle is not None
    return bundle


def _fresh(data: Data) -> Data:
    return as_data(_new_leaf(data, datetime.now(UTC)))


def _expired(data: Data) -> Data:
    """As on a node whose clock is two days ahead."""
    return as_data(_new_leaf(data, datetime.now(UTC) - 2 * DAY))


def _not_yet_valid(data: Data) -> Data:
    """As on a node whose clock is two days behind."""
    return as_data(_new_leaf(data, datetime.now(UTC) + 2 * DAY))


def _garbage(data: Data) -> Data:
    return {**data, LEAF_CERT: b"-----BEGIN CERTIFICATE-----\n"}


def _strangers(data: Data) -> Data:
    """Of a CA that nobody was told of: the right form, and a trap."""
    other = as_data(created(NAMES, datetime.now(UTC), Lives()))
    return {**other, CA_CERT: data[CA_CERT]}


CHANGES = {
    "a new leaf": _fresh,
    "expired": _expired,
    "not valid yet": _not_yet_valid,
    "no certificate": _garbage,
    "of another CA": _strangers,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_under_load(scene: Scene, healthy: None, change: Callable[[Data], Data]) -> None:
    """What is good is served by and by, what is not never; either way a good one is there again, of the same CA."""
    before, streams = _secret(scene), _reconnects(scene)
    with scene.window() as window, admissions.continuous(scene.cluster) as created_pods:
        written = change(before)
        _write(scene, written)
        scene.cluster.until(lambda: _is_good(_secret(scene)), "the Secret holds a good pair", seconds=90)
        now = _secret(scene)
        scene.cluster.until(lambda: _served(scene) == _serial(now), "it is served", seconds=60)
        enough = created_pods.injected + 20
        scene.cluster.until(lambda: created_pods.injected >= enough, "more admissions", seconds=60)
    assert not created_pods.failures
    assert now[CA_CERT] == before[CA_CERT]
    assert (now[LEAF_CERT] == written[LEAF_CERT]) == (change is _fresh)
    held(scene.ends(window))
    assert _reconnects(scene) == streams  # those that are open stay open


def test_deleted_under_load(scene: Scene, healthy: None) -> None:
    """The leader writes what it still serves: nobody meets a CA that he was not told of."""
    before = _secret(scene)
    with scene.window() as window, admissions.continuous(scene.cluster) as created_pods:
        scene.cluster.kubectl("delete", "secret", contract.TLS_SECRET, "-n", SYSTEM)
        scene.cluster.until(lambda: bool(_secret(scene)), "the Secret is there again", seconds=90)
    assert _secret(scene) == before
    assert not created_pods.failures
    held(scene.ends(window))


@pytest.mark.deep
def test_a_new_ca_under_load(scene: Scene, healthy: None) -> None:
    """The whole way in quick time: CA beside the old one, everybody told, leaf of the new one, new streams on it."""
    cluster = scene.cluster
    before = _secret(scene)
    held_now = Bundle((before[CA_CERT],), before["ca.key"], before[LEAF_CERT], before["tls.key"])
    both = with_new_ca(held_now, datetime.now(UTC), Lives())
    with scene.window() as window, admissions.continuous(cluster) as created_pods:
        _write(scene, as_data(both))
        cluster.until(lambda: _told(scene, both.ca_bundle), "API server and sidecars are told", seconds=180)
        _write(scene, _fresh(as_data(both)))
        cluster.until(lambda: _served(scene) == _serial(_secret(scene)), "it is served", seconds=60)
        cluster.kubectl("rollout", "restart", "deployment/cdefence-controller", "-n", SYSTEM)
        cluster.rollout("deployment/cdefence-controller", "-n", SYSTEM, seconds=120)
        scene.until_fresh(*SIDECARS)
    assert not created_pods.failures
    held(scene.ends(window))


def _secret(scene: Scene) -> Data:
    done = scene.cluster.run(["get", "secret", contract.TLS_SECRET, "-n", SYSTEM, "-o", "json"])
    data: dict[str, str] = json.loads(done.stdout).get("data", {}) if done.returncode == 0 else {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def _write(scene: Scene, data: Data) -> None:
    text = json.dumps({"data": {key: base64.b64encode(value).decode() for key, value in data.items()}})
    scene.cluster.kubectl("patch", "secret", contract.TLS_SECRET, "-n", SYSTEM, "--type=merge", "-p", text)


def _is_good(data: Data) -> bool:
    """As a client sees it: in time, and of a CA that he trusts."""
    now = datetime.now(UTC)
    try:
        leaf, ca = (x509.load_pem_x509_certificate(data[name]) for name in (LEAF_CERT, CA_CERT))
        leaf.verify_directly_issued_by(ca)
    except (KeyError, ValueError, InvalidSignature):
        return False
    return leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc


def _serial(data: Data) -> int:
    return x509.load_pem_x509_certificate(data[LEAF_CERT]).serial_number


def _served(scene: Scene) -> int:
    """The serial number of what the webhook's Service shows."""
    address = scene.cluster.ask("{.spec.clusterIP}", "service", contract.WEBHOOK_SERVICE, "-n", SYSTEM)
    done = scene.bed.run(["openssl", "s_client", "-connect", f"{address}:443", "-showcerts"])
    begin = done.stdout.find("-----BEGIN")
    pem = done.stdout[begin : done.stdout.find("-----END", begin)] + "-----END CERTIFICATE-----\n"
    return x509.load_der_x509_certificate(ssl.PEM_cert_to_DER_cert(pem)).serial_number


def _told(scene: Scene, bundle: bytes) -> bool:
    """Whether the webhook's caBundle and the file in each sidecar are these CAs."""
    path = "{.webhooks[0].clientConfig.caBundle}"
    words = ("mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG)
    if base64.b64decode(scene.cluster.ask(path, *words)) != bundle:
        return False
    return all(scene.file(pod, contract.PROXY_CONTAINER, contract.CA_FILE) == bundle for pod in SIDECARS)


def _reconnects(scene: Scene) -> dict[str, float]:
    return {pod: scene.sidecar(pod, RECONNECTS) for pod in SIDECARS}
