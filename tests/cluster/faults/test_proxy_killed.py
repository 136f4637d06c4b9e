"""A sidecar is killed: until the kubelet has started it again nothing comes in or goes out, and never a byte passes unseen.

The kubelet starts it again at once the first time, and after ten seconds the second time: long enough to knock often.
"""

import os
import signal
from collections import Counter
from collections.abc import Mapping

import pytest

from sidecar import contract
from tests.cluster.faults.routes import ROUTES, Route
from tests.cluster.faults.scene import ANSWERED, Scene, held

PROXY = contract.PROXY_CONTAINER

# Whose proxy is killed, and what its pod takes part in.  Those routes may end as these words say, all others as always.
SHUT = {"refused", "reset", "closed"}


@pytest.mark.parametrize("victim", ["checkout", "vault"])
def test_nothing_passes_until_it_is_back(scene: Scene, healthy: None, victim: str) -> None:
    before = scene.restarts(victim, PROXY)
    for kill in (1, 2):
        with scene.window() as dead:
            os.kill(scene.pid(victim, PROXY), signal.SIGKILL)
            scene.cluster.until(
                lambda: scene.restarts(victim, PROXY) == before + kill,  # noqa: B023
                f"the proxy of {victim} was started again",
                seconds=90,
            )
        scene.cluster.until(lambda: _ready(scene, victim), f"{victim} is ready again", seconds=120)
    ends = scene.ends(dead)
    touched = {route for route in ROUTES if victim in (route.source, route.target)}
    held({route: found for route, found in ends.items() if route not in touched})
    assert _shut(ends, touched) == set()
    scene.until_fresh("vault", "sink", "checkout", "shop")
    held(scene.watched(10))


def _ready(scene: Scene, pod: str) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return scene.cluster.ask(path, "pod", pod, "-n", "faults") == "True"


def _shut(ends: Mapping[Route, Counter[str]], touched: set[Route]) -> set[str]:
    """Routes of a dead proxy that were not refused, and how they ended."""
    return {
        f"{route.source} to {route.name}: {dict(ends[route])}"
        for route in touched
        if not (set(ends[route]) & SHUT) or (not route.allowed and ANSWERED in ends[route])
    }
