"""A node's clock is ahead: ages are counted by the monotonic clock, and certificates and tokens have room for it.

The image of new containers is replaced by one whose programs are told a later time; see `clock`.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from image.build import build
from injector.certs import LEAF_CERT
from tests.cluster.demo import install
from tests.cluster.faults import admissions, certificate, clock, routes
from tests.cluster.faults.routes import INSIDE, Route
from tests.cluster.faults.scene import ANSWERED, CONTROLLER, SYSTEM, Scene, Window, held

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (cc)")

DAY_S = 86_400
ALMOST_AN_HOUR_S = 45 * 60
"""A certificate that the controller makes begins an hour before, because clocks differ."""
SIDECARS = ("vault", "sink", "checkout", "shop")
AHEAD = (Route("ahead", "vault", allowed=True), Route("ahead", "stranger", allowed=False))


@contextmanager
def image_ahead(scene: Scene, folder: Path, seconds: int) -> Iterator[None]:
    """Containers that start meanwhile are told a time that is so much later."""
    usual = build()
    scene.bed.load(clock.ahead(usual, folder, seconds))
    install.tag(scene.bed, scene.cluster.image)
    try:
        yield
    finally:
        scene.bed.load(usual)
        install.tag(scene.bed, scene.cluster.image)


def test_a_sidecar_a_day_ahead(scene: Scene, healthy: None, tmp_path: Path) -> None:
    """Its stream, its map and its token are as good as everybody's; only its events bear the other time."""
    cluster, where = scene.cluster, ("ahead", "-n", INSIDE)
    pod = routes.pod("ahead", INSIDE, "in-scope", [routes.client(cluster, AHEAD)])
    with image_ahead(scene, tmp_path, DAY_S):
        cluster.apply(json.dumps(pod))
        cluster.wait("condition=Ready", f"pod/{where[0]}", *where[1:])
    try:
        scene.until_fresh("ahead")
        window = Window(end=float("inf"))
        cluster.until(lambda: len(scene.knocks("ahead", window, INSIDE)) >= 40, "knocks")
        ends = {(each.to, each.end == ANSWERED) for each in scene.knocks("ahead", window, INSIDE)}
        assert ends == {("vault", True), ("stranger", False)}
        assert 0 <= scene.map_age("ahead") < 30
        log = cluster.kubectl("logs", *where, "-c", "cdefence-proxy").splitlines()
        event = json.loads(next(line for line in log if '"class_uid"' in line))
        assert event["time"] / 1000 - time.time() > DAY_S - 600
    finally:
        cluster.kubectl("delete", "pod", *where)


@pytest.mark.deep
def test_a_controller_almost_an_hour_ahead(scene: Scene, healthy: None, tmp_path: Path) -> None:
    """Admissions and streams go on, also with a certificate that it has made."""
    with admissions.continuous(scene.cluster) as created, scene.window() as window:
        with image_ahead(scene, tmp_path, ALMOST_AN_HOUR_S):
            _restart(scene)
        certificate.write(scene, {LEAF_CERT: b"none"})
        scene.cluster.until(lambda: certificate.is_good(certificate.secret(scene)), "a new certificate")
        made = x509.load_pem_x509_certificate(certificate.secret(scene)[LEAF_CERT])
        assert (
            600 < time.time() - made.not_valid_before_utc.timestamp() < 3600 - 600
        )  # made by a clock that is ahead
        scene.cluster.until(lambda: certificate.served(scene) == made.serial_number, "it is served")
        enough = created.injected + 20
        scene.cluster.until(lambda: created.injected >= enough, "more admissions")
        _restart(scene)  # with the right clock again; streams begin anew, under the new certificate
    assert not created.failures
    held(scene.ends(window))


def _restart(scene: Scene) -> None:
    scene.cluster.kubectl("rollout", "restart", CONTROLLER, "-n", SYSTEM)
    scene.cluster.rollout(CONTROLLER, "-n", SYSTEM)
    scene.until_fresh(*SIDECARS)
