"""What is seen of a cluster while something is broken: knocks, ledgers, metrics, and the processes behind containers.

What never belongs here: what breaks, and what is expected.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sidecar import contract
from tests.cluster.bed.bed import Bed
from tests.cluster.cluster import PATIENCE_S, Cluster
from tests.cluster.demo.scene import pid_of
from tests.cluster.faults.routes import INSIDE, NEWCOMER, OUTSIDE, ROUTES, Route, namespace_of, newcomer

SYSTEM = contract.SYSTEM_NAMESPACE
CONTROLLER = "deployment/cdefence-controller"
LEDGER = "/tmp/app/ledger.json"
ANSWERED = "answered"


@dataclass(slots=True)
class Window:
    """A stretch of time, by the clock that the whole machine shares."""

    begin: float = field(default_factory=time.time)
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Knock:
    """How one knock ended."""

    at: float
    until: float
    to: str
    end: str


@dataclass(frozen=True, slots=True)
class Scene:
    """The pods of `routes`, running on a bed with cdefence installed."""

    cluster: Cluster
    bed: Bed

    # --- knocks

    @contextmanager
    def window(self) -> Iterator[Window]:
        """What happens within is looked at afterwards."""
        window = Window()
        yield window
        window.end = time.time()

    def knocks(self, pod: str, window: Window, namespace: str | None = None) -> list[Knock]:
        """All knocks of a pod that began and ended within a window."""
        since = datetime.fromtimestamp(window.begin - 10, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        log = f"/api/v1/namespaces/{namespace or namespace_of(pod)}/pods/{pod}/log?container=knock&sinceTime={since}"
        knocks = [Knock(**json.loads(line)) for line in self.cluster.read(log).splitlines()]
        return [each for each in knocks if window.begin <= each.at and each.until <= window.end]

    def ends(self, window: Window) -> Mapping[Route, Counter[str]]:
        """How the knocks of each route ended."""
        told = {source: self.knocks(source, window) for source in {route.source for route in ROUTES}}
        return {
            route: Counter(each.end for each in told[route.source] if each.to == route.name)
            for route in ROUTES
        }

    def watched(self, least: int = 10, seconds: float = PATIENCE_S) -> Mapping[Route, Counter[str]]:
        """How knocks end from now on, until there are `least` of them on every route."""
        window = Window(end=float("inf"))
        ends: Mapping[Route, Counter[str]] = {}

        def enough() -> bool:
            nonlocal ends
            ends = self.ends(window)
            return all(found.total() >= least for found in ends.values())

        self.cluster.until(enough, f"{least} knocks on every route", seconds=seconds)
        return ends

    @contextmanager
    def newcomer(self) -> Iterator[None]:
        """A pod without a sidecar comes, knocks as NEWCOMER says, and goes."""
        where = ("pod/newcomer", "-n", OUTSIDE)
        self.cluster.apply(newcomer(self.cluster, "newcomer", OUTSIDE, None))
        try:
            self.cluster.wait("condition=Ready", *where)
            yield
        finally:
            self.cluster.kubectl("delete", *where, timeout=120)

    def newcomer_is_kept_apart(self, least: int = 5) -> None:
        """It knocks some times more: never an answer of a pod in scope, always one of a pod that nobody protects."""
        window = Window(end=float("inf"))
        ends: Mapping[str, Counter[str]] = {}

        def enough() -> bool:
            nonlocal ends
            told = self.knocks("newcomer", window, OUTSIDE)
            ends = {
                each.target: Counter(knock.end for knock in told if knock.to == each.name)
                for each in NEWCOMER
            }
            return all(found.total() >= least for found in ends.values())

        self.cluster.until(enough, "knocks of the newcomer")
        assert ANSWERED not in ends["vault"]
        assert set(ends["stranger"]) == {ANSWERED}

    def received(self, pod: str) -> Mapping[str, int]:
        """The ledger of a server's TCP port: `connections`, `received_bytes`, `pans`."""
        done = self.cluster.execute(pod, ["cat", LEDGER], namespace=namespace_of(pod), container="app")
        ledger: dict[str, dict[str, int]] = json.loads(done.stdout) if done.stdout else {}
        return ledger.get("tcp", {"connections": 0, "received_bytes": 0, "pans": 0})

    # --- metrics

    def sidecar(self, pod: str, series: str) -> float:
        """One sample of a sidecar; its name with its labels."""
        return _sample(self.page(pod), series)

    def page(self, pod: str) -> str:
        """All metrics of a sidecar."""
        return self._page(INSIDE, pod, contract.METRICS_PORT)

    def controllers(self, series: str) -> list[float]:
        """One sample of each running replica of the controller."""
        return [
            _sample(self._page(SYSTEM, each, contract.CONTROLLER_METRICS_PORT), series)
            for each in self.replicas()
        ]

    def map_age(self, pod: str) -> float:
        """How old a sidecar thinks its map is, in seconds."""
        return self.sidecar(pod, "cdefence_scope_map_age_seconds")

    def replicas(self) -> list[str]:
        """The names of the controller's pods that are not ending."""
        return [name for name, ending in self._replicas() if not ending]

    def all_replicas(self) -> list[str]:
        """The names of all pods of the controller."""
        return [name for name, _ in self._replicas()]

    def _replicas(self) -> list[tuple[str, bool]]:
        path = '{range .items[*]}{.metadata.name}{" "}{.metadata.deletionTimestamp}{"\\n"}{end}'
        rows = self.cluster.ask(path, "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=controller")
        return [(row.split()[0], len(row.split()) > 1) for row in rows.splitlines()]

    def _page(self, namespace: str, pod: str, port: int) -> str:
        return self.cluster.read(f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics")

    # --- the controller, stopped and started

    def scale(self, replicas: int) -> None:
        """Run so many replicas of the controller, and wait until that is so."""
        self.cluster.kubectl("scale", CONTROLLER, f"--replicas={replicas}", "-n", SYSTEM)
        if replicas:
            self.cluster.rollout(CONTROLLER, "-n", SYSTEM)
        else:
            words = ("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=controller")
            self.cluster.wait("delete", *words)

    def fresh(self, *pods: str) -> bool:
        """Whether all these sidecars follow the controller."""
        return all(self.sidecar(pod, "cdefence_scope_stream_connected") == 1 for pod in pods)

    def until_fresh(self, *pods: str, seconds: float = PATIENCE_S) -> None:
        """Wait for that."""
        self.cluster.until(lambda: self.fresh(*pods), f"{', '.join(pods)}: map fresh", seconds=seconds)

    # --- processes

    def pid(self, pod: str, container: str) -> int:
        """The process of a running container, on this machine."""
        rows = self.cluster.ask(
            "{range .status['initContainerStatuses','containerStatuses'][*]}"
            '{.name} {.containerID}{"\\n"}{end}',
            "pod",
            pod,
            "-n",
            namespace_of(pod),
        )
        known = dict(row.split() for row in rows.splitlines() if len(row.split()) == 2)
        return pid_of(self.bed, known[container].rpartition("/")[2])

    def inside(self, pod: str, container: str) -> list[str]:
        """The words that run a command of this machine in the network namespace of a pod."""
        return ["nsenter", f"--net=/proc/{self.pid(pod, container)}/ns/net", "--"]

    def file(self, pod: str, container: str, path: str) -> bytes:
        """A file as a container sees it; ours have no program that could show it."""
        return Path(f"/proc/{self.pid(pod, container)}/root{path}").read_bytes()

    def restarts(self, pod: str, container: str, namespace: str | None = None) -> int:
        """How often the kubelet has started a container again."""
        both = "{range .status['initContainerStatuses','containerStatuses'][*]}"
        path = f'{both}{{.name}} {{.restartCount}}{{"\\n"}}{{end}}'
        rows = self.cluster.ask(path, "pod", pod, "-n", namespace or namespace_of(pod)).splitlines()
        return int(dict(row.split() for row in rows)[container])


def _sample(page: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    assert found is not None, f"no {series} among the metrics"
    return float(found[1])


def held(ends: Mapping[Route, Counter[str]], least: int = 5) -> None:
    """No false denial and no false permit: every route was knocked on, and ended as it must, each time."""
    wrong = {
        f"{route.source} to {route.name}": dict(found)
        for route, found in ends.items()
        if found.total() < least or (set(found) != {ANSWERED} if route.allowed else ANSWERED in found)
    }
    assert not wrong, wrong
