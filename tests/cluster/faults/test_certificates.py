"""The certificate changes, vanishes or cannot be used, while pods are created and sidecars follow the scope map."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from injector.certs import CA_CERT, LEAF_CERT, Bundle, Lives, as_data, created, rescued, with_new_ca
from injector.controller import tls_names
from sidecar import contract
from tests.cluster.faults import admissions, certificate
from tests.cluster.faults.certificate import Data
from tests.cluster.faults.scene import SYSTEM, Scene, held

SIDECARS = ("vault", "sink", "checkout", "shop")
RECONNECTS = "cdefence_scope_stream_reconnects_total"
NAMES = tls_names(SYSTEM)
DAY, MONTH = timedelta(days=1), timedelta(days=30)


def _new_leaf(data: Data, now: datetime) -> Bundle:
    """What a leader writes after two thirds of the leaf's life; made at `now`."""
    bundle = rescued(data, NAMES, now, Lives())
    assert bundle is not None
    return bundle


def _fresh(data: Data) -> Data:
    return as_data(_new_leaf(data, datetime.now(UTC)))


def _expired(data: Data) -> Data:
    """As on a node whose clock is two months ahead."""
    return as_data(_new_leaf(data, datetime.now(UTC) - 2 * MONTH))


def _not_yet_valid(data: Data) -> Data:
    """As on a node whose clock is two days behind."""
    return as_data(_new_leaf(data, datetime.now(UTC) + 2 * DAY))


def _garbage(data: Data) -> Data:
    return {**data, LEAF_CERT: b"-----BEGIN CERTIFICATE-----\n"}


def _strangers(data: Data) -> Data:
    """Of a CA that nobody was told of: the right form, and a trap."""
    other = as_data(created(NAMES, datetime.now(UTC), Lives()))
    return {**other, CA_CERT: data[CA_CERT]}


CHANGES = [
    pytest.param(_fresh, id="a new leaf"),
    pytest.param(_expired, id="expired"),
    pytest.param(_not_yet_valid, id="not valid yet", marks=pytest.mark.deep),
    pytest.param(_garbage, id="no certificate", marks=pytest.mark.deep),
    pytest.param(_strangers, id="of another CA", marks=pytest.mark.deep),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_under_load(scene: Scene, healthy: None, change: Callable[[Data], Data]) -> None:
    """What is good is served by and by, what is not never; either way a good one is there again, of the same CA."""
    before, streams = certificate.secret(scene), _reconnects(scene)
    with scene.window() as window, admissions.continuous(scene.cluster) as created_pods:
        written = change(before)
        certificate.write(scene, written)
        scene.cluster.until(
            lambda: certificate.is_good(certificate.secret(scene)), "the Secret holds a good pair"
        )
        now = certificate.secret(scene)
        scene.cluster.until(lambda: certificate.served(scene) == certificate.serial(now), "it is served")
        enough = created_pods.injected + 20
        scene.cluster.until(lambda: created_pods.injected >= enough, "more admissions")
    assert not created_pods.failures
    assert now[CA_CERT] == before[CA_CERT]
    assert (now[LEAF_CERT] == written[LEAF_CERT]) == (change is _fresh)
    held(scene.ends(window))
    assert _reconnects(scene) == streams  # those that are open stay open


def test_deleted_under_load(scene: Scene, healthy: None) -> None:
    """The leader writes what it still serves: nobody meets a CA that he was not told of."""
    before = certificate.secret(scene)
    with scene.window() as window, admissions.continuous(scene.cluster) as created_pods:
        scene.cluster.kubectl("delete", "secret", contract.TLS_SECRET, "-n", SYSTEM)
        scene.cluster.until(lambda: bool(certificate.secret(scene)), "the Secret is there again")
    assert certificate.secret(scene) == before
    assert not created_pods.failures
    held(scene.ends(window))


@pytest.mark.deep
def test_a_new_ca_under_load(scene: Scene, healthy: None) -> None:
    """The whole way in quick time: CA beside the old one, everybody told, leaf of the new one, new streams on it."""
    cluster = scene.cluster
    before = certificate.secret(scene)
    held_now = Bundle((before[CA_CERT],), before["ca.key"], before[LEAF_CERT], before["tls.key"])
    both = with_new_ca(held_now, datetime.now(UTC), Lives())
    with scene.window() as window, admissions.continuous(cluster) as created_pods:
        certificate.write(scene, as_data(both))
        cluster.until(lambda: _told(scene, both.ca_bundle), "API server and sidecars are told")
        certificate.write(scene, _fresh(as_data(both)))
        cluster.until(
            lambda: certificate.served(scene) == certificate.serial(certificate.secret(scene)),
            "it is served",
        )
        cluster.kubectl("rollout", "restart", "deployment/cdefence-controller", "-n", SYSTEM)
        cluster.rollout("deployment/cdefence-controller", "-n", SYSTEM)
        scene.until_fresh(*SIDECARS)
    assert not created_pods.failures
    held(scene.ends(window))


def _told(scene: Scene, bundle: bytes) -> bool:
    """Whether the webhook's caBundle and the file in each sidecar are these CAs."""
    path = "{.webhooks[0].clientConfig.caBundle}"
    words = ("mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG)
    if base64.b64decode(scene.cluster.ask(path, *words)) != bundle:
        return False
    return all(scene.file(pod, contract.PROXY_CONTAINER, contract.CA_FILE) == bundle for pod in SIDECARS)


def _reconnects(scene: Scene) -> dict[str, float]:
    return {pod: scene.sidecar(pod, RECONNECTS) for pod in SIDECARS}
