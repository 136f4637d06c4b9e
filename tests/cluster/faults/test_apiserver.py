"""The API server goes away and comes back: connections do not notice, and the controller catches up."""

import time

import pytest

from tests.cluster.faults.scene import SYSTEM, Scene, held

SILENCE = 'cdefence_watch_silence_seconds{kind="pods"}'
KNOWN = 'cdefence_scope_map_entries{scope="out-of-scope"}'

BRIEF_S, LONG_S = 8.0, 45.0
"""A restart; and so long that maps are stale."""


@pytest.mark.parametrize("seconds", [BRIEF_S, pytest.param(LONG_S, marks=pytest.mark.deep)])
def test_known_peers_are_not_denied_and_denials_hold(scene: Scene, healthy: None, seconds: float) -> None:
    (replica,) = scene.replicas()
    with scene.window() as outage:
        scene.bed.stop_apiserver()
        end = time.monotonic() + seconds
        while time.monotonic() < end:  # there is nobody to ask meanwhile
            time.sleep(0.1)
        scene.bed.start_apiserver()
    back = time.monotonic()
    scene.cluster.until(lambda: scene.controllers(SILENCE) == [0.0], "the controller watches again")
    print(f"away for {outage.end - outage.begin:.0f} s; watched again {time.monotonic() - back:.0f} s after")
    held(scene.ends(outage), least=int(seconds))
    scene.until_fresh("vault", "sink", "checkout", "shop")
    held(scene.watched(10))
    assert scene.replicas() == [replica]
    assert scene.restarts(replica, "controller", SYSTEM) == 0


def test_what_is_new_since_then_is_known(scene: Scene, healthy: None) -> None:
    before = scene.controllers(KNOWN)
    with scene.newcomer():
        scene.cluster.until(lambda: scene.controllers(KNOWN) > before, "the newcomer is in the map")
        scene.newcomer_is_kept_apart()
