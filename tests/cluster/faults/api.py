"""The API server, asked quickly: pods that are created, given a status, and deleted, many a second.

What never belongs here: kubectl, which takes a tenth of a second for each word.
"""

from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.faults import routes
from tests.cluster.faults.routes import INSIDE
from tests.manifests.api import Api, Outcome, Request

MERGE = "application/merge-patch+json"
PODS = f"/api/v1/namespaces/{INSIDE}/pods"


def api_of(cluster: Cluster) -> Api:
    """The cluster's administrator."""
    return Api(Path(cluster.environment["KUBECONFIG"]), Path("kubectl"))


class Pods:
    """Pods of the opted-in namespace that no kubelet starts; their names begin with `prefix`."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._api = api_of(cluster)
        self._prefix = prefix
        self._living: set[str] = set()

    def create(self, name: str, scope: str) -> None:
        """Through webhook and guard."""
        body = routes.pod(self._prefix + name, INSIDE, scope, [routes.server(self._cluster)])
        body["spec"] |= {"schedulerName": "nobody"}
        self._must(Request("POST", PODS, body), 201)
        self._living.add(name)

    def run(self, name: str, address: str) -> None:
        """It has this address now."""
        self._status(name, "Running", address)

    def finish(self, name: str, address: str) -> None:
        """It has run to its end; the address stays in its status."""
        self._status(name, "Succeeded", address)

    def delete(self, name: str) -> None:
        """It is gone when this returns, since no kubelet has to end it."""
        self._must(Request("DELETE", f"{PODS}/{self._prefix}{name}"), 200)
        self._living.discard(name)

    def forget(self, name: str) -> None:
        """Delete it if it is still there."""
        if name in self._living:
            self.delete(name)

    def close(self) -> None:
        """Delete what is there."""
        for name in tuple(self._living):
            self.delete(name)

    def _status(self, name: str, phase: str, address: str) -> None:
        body = {"status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}}
        self._must(Request("PATCH", f"{PODS}/{self._prefix}{name}/status", body, content=MERGE), 200)

    def _must(self, request: Request, status: int) -> Outcome:
        outcome = self._api.ask(request)
        assert outcome.status == status, f"{request.method} {request.path}: {outcome.message}"
        return outcome
