"""A sidecar is killed: until the kubelet has started it again nothing comes in or goes out, and never a byte passes unseen.

The kubelet starts it again at once the first time, and after ten seconds the second time: long enough to knock often.
"""

import os
import signal
from collections import Counter
from collections.abc import Mapping

import pytest

from sidecar import contract
from tests.cluster.faults.routes import INSIDE, ROUTES, Route
from tests.cluster.faults.scene import ANSWERED, Scene, held

PROXY = contract.PROXY_CONTAINER

SHUT = {"refused", "reset", "closed"}
"""How knocks end at a proxy that is dead."""

VICTIMS = [
    pytest.param(("checkout", "vault"), id="client and server"),
    pytest.param(("checkout",), id="client", marks=pytest.mark.deep),
    pytest.param(("vault",), id="server", marks=pytest.mark.deep),
]


@pytest.mark.parametrize("victims", VICTIMS)
def test_nothing_passes_until_it_is_back(scene: Scene, healthy: None, victims: tuple[str, ...]) -> None:
    before = _restarts(scene, victims)
    for kill in (1, 2):
        with scene.window() as dead:
            for victim in victims:
                os.kill(scene.pid(victim, PROXY), signal.SIGKILL)
            scene.cluster.until(
                lambda: _restarts(scene, victims) == [count + kill for count in before],  # noqa: B023
                f"the proxies of {victims} were started again",
            )
        scene.cluster.until(lambda: all(_ready(scene, each) for each in victims), "ready again")
    ends = scene.ends(dead)
    touched = {route for route in ROUTES if {route.source, route.target} & set(victims)}
    held({route: found for route, found in ends.items() if route not in touched})
    assert _passed(ends, touched) == set()
    scene.until_fresh("vault", "sink", "checkout", "shop")
    held(scene.watched(10))


def _restarts(scene: Scene, pods: tuple[str, ...]) -> list[int]:
    return [scene.restarts(pod, PROXY) for pod in pods]


def _ready(scene: Scene, pod: str) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return scene.cluster.ask(path, "pod", pod, "-n", INSIDE) == "True"


def _passed(ends: Mapping[Route, Counter[str]], touched: set[Route]) -> set[str]:
    """Routes of a dead proxy that it did not shut, and how knocks on them ended."""
    return {
        f"{route.source} to {route.name}: {dict(ends[route])}"
        for route in touched
        if not (set(ends[route]) & SHUT) or (not route.allowed and ANSWERED in ends[route])
    }
