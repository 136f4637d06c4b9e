"""The node gives an address away as quickly as it can: two addresses for two pods at a time, each change a change of scope.

A pod in scope ends at once though it may take half a minute, so for the API server it is still there when its address is
free.  In that moment the next pod is created, without a sidecar and not in scope, and knocks as soon as it runs.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.cluster.bed.bed import Bed
from tests.cluster.faults import routes
from tests.cluster.faults.routes import INSIDE, OUTSIDE, Route
from tests.cluster.faults.scene import ANSWERED, Knock, Scene, Window

POOL = ("10.244.0.200", "10.244.0.201"), ("fd44::c8", "fd44::c9")
LANES = 2
SHORT, LONG = 8, 200

INSIDER = (Route("reuser", "vault", allowed=True),)
OUTSIDER = (Route("reuser", "vault", allowed=False), Route("reuser", "stranger", allowed=True))


@dataclass(slots=True)
class Reuse:
    """What was seen of all pods so far."""

    owners: dict[str, str] = field(default_factory=dict)
    """Scope of the last owner of each address."""
    changes: int = 0
    after: list[float] = field(default_factory=list)
    """Seconds from the moment the address was free to the first knock of its next owner."""
    wrong: list[str] = field(default_factory=list)


@pytest.mark.parametrize("changes", [SHORT, pytest.param(LONG, marks=pytest.mark.deep)])
def test_by_a_kubelet(scene: Scene, healthy: None, changes: int) -> None:
    reuse = Reuse()
    with few_addresses(scene.bed), ThreadPoolExecutor(LANES) as workers:
        done = [workers.submit(_live_by_turns, scene, reuse, lane, changes) for lane in range(LANES)]
        for each in done:
            each.result()
    print(
        f"{reuse.changes} changes of owner; first knock {min(reuse.after):.2f} to {max(reuse.after):.2f} s after"
    )
    assert reuse.wrong == []
    assert reuse.changes >= changes


@contextmanager
def few_addresses(bed: Bed) -> Iterator[None]:
    """New pods get one of the addresses of POOL; containerd reads its CNI configuration when it changes."""
    file = bed.places.folder / "cni" / "10-bed.conflist"
    usual = file.read_text()
    document = json.loads(usual)
    for (found,), (first, last) in zip(document["plugins"][0]["ipam"]["ranges"], POOL, strict=True):
        found |= {"rangeStart": first, "rangeEnd": last}
    _replace(file, json.dumps(document, indent=1))
    try:
        yield
    finally:
        _replace(file, usual)


def _replace(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)


def _live_by_turns(scene: Scene, reuse: Reuse, lane: int, changes: int) -> None:
    freed = 0.0
    for turn in count():
        if reuse.changes >= changes:
            return
        inside = turn % 2 == 0
        name, namespace = f"reuser-{lane}-{turn}", INSIDE if inside else OUTSIDE
        wanted = INSIDER if inside else OUTSIDER
        pod = routes.pod(
            name, namespace, "in-scope" if inside else None, [routes.client(scene.cluster, wanted)]
        )
        pod["spec"]["terminationGracePeriodSeconds"] = 30
        scene.cluster.apply(json.dumps(pod))
        knocks = _knocks(scene, name, namespace, wanted)
        address = scene.cluster.ask("{.status.podIP}", "pod", name, "-n", namespace)
        _note(reuse, address, "inside" if inside else "outside", knocks, wanted)
        if freed:
            reuse.after.append(min(each.at for each in knocks) - freed)
        scene.cluster.kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
        freed = _freed(scene, address)


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

    scene.cluster.until(enough, f"knocks of {name}", seconds=120)
    return found


def _note(reuse: Reuse, address: str, owner: str, knocks: list[Knock], wanted: tuple[Route, ...]) -> None:
    before = reuse.owners.get(address)
    reuse.changes += before not in (None, owner)
    reuse.owners[address] = owner
    assert address in POOL[0]
    for route in wanted:
        ends = [each.end for each in knocks if each.to == route.name]
        if any((end == ANSWERED) is not route.allowed for end in ends):
            reuse.wrong.append(f"{address}, {before} and now {owner}, to {route.name}: {ends}")


def _freed(scene: Scene, address: str) -> float:
    """When the CNI's allocator has the address back."""
    places = scene.bed.places
    file = places.folder / "addresses" / places.netns / address
    end = time.monotonic() + 60
    while file.exists():
        assert time.monotonic() < end, f"{address} is never free"
        time.sleep(0.005)
    return time.time()
