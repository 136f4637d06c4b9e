"""A cluster to demonstrate on: the test bed's, or the user's own (KUBECONFIG); what is read from it over its API.

What never belongs here: scenarios.
"""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubernetes.client import ApiClient, ApiException
from kubernetes.config import new_client_from_config

from tests.cluster.bed.bed import Bed

NAMESPACE: Final = "payments"
PATIENCE: Final = 120.0
"""Seconds that a rollout may take; two cores start a dozen pods with sidecars."""


class ClusterError(Exception):
    """The cluster did not do what it must; the text names the object."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """kubectl against one cluster.  `bed` is None when it is the user's own."""

    kubectl_words: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    api: ApiClient = field(repr=False)
    bed: Bed | None = None

    def kubectl(
        self, *words: str, stdin: bytes = b"", timeout: float = 60.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run kubectl to its end; its exit code is the caller's to judge.  Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [*self.kubectl_words, *words],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=self.environment,
        )

    def must(self, *words: str, stdin: bytes = b"", timeout: float = 60.0) -> str:
        """What kubectl says.  Raises ClusterError with its complaint."""
        done = self.kubectl(*words, stdin=stdin, timeout=timeout)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(words[:6])}: {done.stderr.decode().strip()}")
        return done.stdout.decode()

    def get(self, *words: str) -> dict[str, object]:
        """`kubectl get … -o json`."""
        document: dict[str, object] = json.loads(self.must("get", *words, "-o", "json"))
        return document

    def read(self, path: str) -> str:
        """What the API server answers to a GET.  Raises ClusterError."""
        try:
            answer = self.api.call_api(path, "GET", auth_settings=["BearerToken"], _preload_content=False)
            text: bytes = answer.data
        except ApiException as error:
            raise ClusterError(f"GET {path.partition('?')[0]}: {error.status} {error.reason}") from None
        return text.decode()

    def apply(self, folder: Path) -> None:
        """`kubectl apply -k`."""
        self.must("apply", "-k", str(folder))

    def rolled_out(self, namespace: str, *workloads: str) -> None:
        """Wait for each `deployment/NAME` or `statefulset/NAME`.  Raises ClusterError with what the pods say."""
        for workload in workloads:
            words = ("rollout", "status", "-n", namespace, workload, f"--timeout={PATIENCE:.0f}s")
            done = self.kubectl(*words, timeout=PATIENCE + 10)
            if done.returncode:
                pods = self.kubectl("get", "pods", "-n", namespace, "-o", "wide").stdout.decode()
                events = self.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp").stdout
                tail = "\n".join(events.decode().splitlines()[-15:])
                raise ClusterError(f"{workload}: {done.stderr.decode().strip()}\n{pods}\n{tail}")


def until(what: str, true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for something.  Raises ClusterError, naming `what`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise ClusterError(f"did not come true within {seconds:.0f} s: {what}")
        time.sleep(0.1)


def of_bed(bed: Bed) -> Cluster:
    """The test bed's."""
    return Cluster(("kubectl",), bed.environment(), new_client_from_config(str(bed.kubeconfig)), bed)


def of_user(environment: dict[str, str], words: Sequence[str] = ("kubectl",)) -> Cluster:
    """The one that KUBECONFIG names."""
    return Cluster(tuple(words), dict(environment), new_client_from_config(environment["KUBECONFIG"]))
