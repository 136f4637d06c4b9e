"""The node gives an address away as quickly as it can: there is one for new pods, and each next pod is of another scope.

A pod in scope ends at once though it may take half a minute, so for the API server it is still there when its address is
free.  In that moment the next pod is created, without a sidecar and not in scope, and knocks as soon as it runs.
"""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cluster.bed.bed import Bed
from tests.cluster.faults import routes
from tests.cluster.faults.routes import INSIDE, OUTSIDE, Route
from tests.cluster.faults.scene import ANSWERED, Knock, Scene, Window

FEW, MANY = 3, 200

INSIDER = (Route("reuser", "vault", allowed=True),)
OUTSIDER = (Route("reuser", "vault", allowed=False), Route("reuser", "stranger", allowed=True))


@pytest.mark.parametrize(
    "changes", [FEW, pytest.param(MANY, marks=[pytest.mark.deep, pytest.mark.timeout(7200)])]
)
def test_by_a_kubelet(scene: Scene, healthy: None, changes: int) -> None:
    after: list[float] = []
    wrong: list[str] = []
    neighbours = [scene.bed.command([]), *(scene.inside(pod, "app") for pod in ("vault", "stranger"))]
    with one_address(scene.bed) as address:
        freed = [0.0]
        for turn in range(changes + 1):
            name, namespace, wanted = _create(scene, turn)
            knocks = _knocks(scene, name, namespace, wanted)
            assert scene.cluster.ask("{.status.podIP}", "pod", name, "-n", namespace) == address
            wrong += _wrong(name, knocks, wanted)
            after.append(min(each.at for each in knocks) - freed[-1])
            scene.cluster.kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
            freed.append(_freed(scene.bed, address, neighbours))
    print(
        f"{changes} changes of owner; first knock of those outside {min(after[1::2]):.2f} s after, at the earliest"
    )
    assert wrong == []
    assert all(earlier < later for earlier, later in pairwise(freed))


def _create(scene: Scene, turn: int) -> tuple[str, str, tuple[Route, ...]]:
    """A pod in scope, then one that is not, by turns."""
    inside = turn % 2 == 0
    name = f"reuser-{turn}"
    namespace, wanted = (INSIDE, INSIDER) if inside else (OUTSIDE, OUTSIDER)
    containers = [routes.client(scene.cluster, wanted)]
    pod = routes.pod(name, namespace, "in-scope" if inside else None, containers)
    pod["spec"]["terminationGracePeriodSeconds"] = 30
    scene.cluster.apply(json.dumps(pod))
    return name, namespace, wanted


def _knocks(scene: Scene, name: str, namespace: str, wanted: tuple[Route, ...]) -> list[Knock]:
    """All of the pod's knocks, once there are some on each route."""
    found: list[Knock] = []
    every = Window(begin=time.time() - 300, end=float("inf"))

    def enough() -> bool:
        nonlocal found
        if scene.cluster.ask("{.status.phase}", "pod", name, "-n", namespace) != "Running":
            return False
        found = scene.knocks(name, every, namespace)
        told = Counter(each.to for each in found)
        return all(told[route.name] >= 5 for route in wanted)

    scene.cluster.until(enough, f"knocks of {name}")
    return found


def _wrong(name: str, knocks: list[Knock], wanted: tuple[Route, ...]) -> list[str]:
    """Routes on which any knock, from the first on, did not end as it must."""
    ends = {route: [each.end for each in knocks if each.to == route.name] for route in wanted}
    return [
        f"{name} to {route.name}: {found}"
        for route, found in ends.items()
        if any((end == ANSWERED) is not route.allowed for end in found)
    ]


# --- the CNI's allocator


@contextmanager
def one_address(bed: Bed) -> Iterator[str]:
    """New pods get this address or none; containerd reads its CNI configuration when it changes."""
    file = bed.places.folder / "cni" / "10-bed.conflist"
    taken = {each.name for each in _allocated(bed).iterdir()}
    number = next(n for n in range(16, 240) if f"10.244.0.{n}" not in taken)
    only = f"10.244.0.{number}", f"fd44::{number:x}"
    usual = file.read_text()
    document = json.loads(usual)
    for (found,), address in zip(document["plugins"][0]["ipam"]["ranges"], only, strict=True):
        found |= {"rangeStart": address, "rangeEnd": address}
    _replace(file, json.dumps(document, indent=1))
    try:
        yield only[0]
    finally:
        _replace(file, usual)


def _replace(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)


def _allocated(bed: Bed) -> Path:
    """Where the allocator keeps a file for each address that is taken."""
    return bed.places.folder / "addresses" / bed.places.netns


def _freed(bed: Bed, address: str, neighbours: list[list[str]]) -> float:
    """When the allocator has the address back.

    This bridge tells nobody that an address has moved, so the neighbours' memory of where it was is taken from them:
    they would send to the former pod for some seconds, which has nothing to do with scopes.
    """
    end = time.monotonic() + 90
    while (_allocated(bed) / address).exists():
        assert time.monotonic() < end, f"{address} is never free"
        time.sleep(0.005)
    freed = time.time()
    for where in neighbours:
        subprocess.run([*where, "ip", "neigh", "flush", "to", address], check=False, capture_output=True)
    return freed
