"""The controller is replaced under load, replica by replica: no admission fails, and no sidecar stops denying."""

from collections.abc import Iterator

import pytest

from tests.cluster.faults import admissions
from tests.cluster.faults.scene import CONTROLLER, SYSTEM, Scene, held

RECONNECTS = "cdefence_scope_stream_reconnects_total"
SIDECARS = ("vault", "sink", "checkout", "shop")


@pytest.fixture
def two_replicas(scene: Scene, healthy: None) -> Iterator[Scene]:
    """As overlay `ha` has it, on one node."""
    scene.scale(2)
    yield scene
    scene.scale(1)
    scene.until_fresh(*SIDECARS)


def test_no_admission_fails_and_no_denial_is_lost(two_replicas: Scene) -> None:
    scene = two_replicas
    old, before = set(scene.replicas()), {pod: scene.sidecar(pod, RECONNECTS) for pod in SIDECARS}
    with scene.window() as rollout, admissions.continuous(scene.cluster) as created:
        scene.cluster.kubectl("rollout", "restart", CONTROLLER, "-n", SYSTEM)
        scene.cluster.rollout(CONTROLLER, "-n", SYSTEM)
        scene.cluster.until(lambda: not old & set(scene.all_replicas()), "the old replicas are gone")
        scene.until_fresh(*SIDECARS)
        enough = created.injected + 20
        scene.cluster.until(lambda: created.injected >= enough, "more admissions")
        with scene.newcomer():
            scene.newcomer_is_kept_apart()
    assert not created.failures
    held(scene.ends(rollout))
    moved = {pod for pod in SIDECARS if scene.sidecar(pod, RECONNECTS) > before[pod]}
    assert moved == set(SIDECARS)  # or nothing was tried
    assert not old & set(scene.replicas())
