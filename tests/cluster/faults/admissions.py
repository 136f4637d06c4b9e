"""Pods that are created all the time, through webhook and guard, without ever becoming real: `dryRun=All`.

What never belongs here: what is done to the webhook meanwhile.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from sidecar import contract
from tests.cluster.cluster import Cluster
from tests.cluster.faults import routes
from tests.cluster.faults.api import PODS, api_of
from tests.cluster.faults.routes import INSIDE
from tests.manifests.api import Api, Request


@dataclass(slots=True)
class Admissions:
    """What came of them so far."""

    injected: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """By what the API server said."""


@contextmanager
def continuous(cluster: Cluster, workers: int = 2) -> Iterator[Admissions]:
    """Create pods in the opted-in namespace, one after the other, until the end of the context."""
    admissions, stop, lock = Admissions(), threading.Event(), threading.Lock()
    numbers = count()

    def work() -> None:
        api = api_of(cluster)
        while not stop.is_set():
            outcome = _create(cluster, api, f"created-{next(numbers)}")
            with lock:
                admissions.injected += outcome == ""
                admissions.failures.update([outcome] if outcome else [])

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield admissions
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _create(cluster: Cluster, api: Api, name: str) -> str:
    """Empty when the pod would have been created with a sidecar, else what went wrong."""
    body = routes.pod(name, INSIDE, "in-scope", [routes.server(cluster)])
    made = api.ask(Request("POST", PODS, body, "dryRun=All"))
    if made.status != 201:
        return f"{made.status} {made.message}"
    names = [each["name"] for each in made.body["spec"].get("initContainers", ())]
    return "" if names == [contract.INIT_CONTAINER, contract.PROXY_CONTAINER] else f"not injected: {names}"
