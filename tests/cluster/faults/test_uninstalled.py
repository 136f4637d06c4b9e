"""cdefence is uninstalled under running pods: they go on as they were, for as long as their last map may be used.

The last tests of this folder, by name: afterwards everything is installed anew, under a CA of its own.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.demo import install
from tests.cluster.faults.scene import Scene, held

SIDECARS = ("vault", "sink", "checkout", "shop")
EXPIRED_S = 600.0


@pytest.fixture(scope="module")
def uninstalled(scene: Scene) -> Iterator[Scene]:
    """`kubectl delete -k`, until all of it is gone."""
    scene.until_fresh(*SIDECARS)
    held(scene.watched())
    with scene.window() as meanwhile:
        scene.cluster.kubectl("delete", "-k", str(install.OVERLAY), timeout=180)
    held(scene.ends(meanwhile), least=1)
    yield scene
    install.install(scene.cluster)


def test_running_pods_go_on_and_denials_hold(uninstalled: Scene) -> None:
    scene = uninstalled
    held(scene.watched(20))
    with scene.newcomer():
        scene.newcomer_is_kept_apart()


@pytest.mark.deep
@pytest.mark.timeout(1200)
def test_they_fail_closed_when_the_last_map_has_expired(uninstalled: Scene) -> None:
    scene = uninstalled
    scene.cluster.until(
        lambda: min(scene.map_age(pod) for pod in SIDECARS) > EXPIRED_S, "expired maps", seconds=700
    )
    ends = scene.watched(10)
    answered = {(route.source, route.name) for route, found in ends.items() if found["answered"]}
    assert answered == {("shop", "stranger")}  # neither of them is in scope, or connected to what is


def test_installed_again_running_pods_come_back_by_themselves(uninstalled: Scene) -> None:
    """They trust the new CA as soon as their kubelet has brought it to them, which takes it up to a minute or two."""
    install.install(uninstalled.cluster)
    uninstalled.until_fresh(*SIDECARS, seconds=240)
    held(uninstalled.watched(10))
