"""The bed is a real cluster: native sidecars, Services and DNS in both families, jobs, exec, logs, a world outside."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import addresses
from tests.cluster.bed.bed import Bed
from tests.cluster.cluster import Cluster

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
    - name: sidecar
      image: IMAGE
      imagePullPolicy: POLICY
      restartPolicy: Always
      command: [sh, -c, "echo sidecar before the application; sleep 1000000"]
      startupProbe: {exec: {command: ["true"]}, periodSeconds: 1, timeoutSeconds: 60}
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: POLICY
      readinessProbe: {httpGet: {path: /hello, port: 8080}, periodSeconds: 1, timeoutSeconds: 60}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      initContainers:
        - {name: sidecar, image: IMAGE, imagePullPolicy: POLICY, restartPolicy: Always, command: [sleep, "1000000"]}
      containers:
        - {name: main, image: IMAGE, imagePullPolicy: POLICY, command: ["true"]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: main, image: IMAGE, imagePullPolicy: POLICY, command: [sleep, "1000000"]}
"""


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace with a web server behind a Service, a client and a Job."""
    with cluster.namespace("bed") as name:
        manifest = MANIFEST.replace("IMAGE", cluster.app_image).replace("POLICY", cluster.pull_policy)
        cluster.kubectl("apply", "-n", name, "-f", "-", stdin=manifest)
        cluster.wait("condition=Ready", "pod/web", "pod/client", "-n", name)
        yield name


def curl(cluster: Cluster, space: str, *words: str, pod: str = "client") -> list[str]:
    done = cluster.execute(pod, ["curl", "-sS", "--max-time", "30", *words], namespace=space)
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def test_a_pod_with_a_native_sidecar_runs(cluster: Cluster, space: str) -> None:
    assert cluster.ask("{.status.initContainerStatuses[0].started}", "pod/web", "-n", space) == "true"
    assert "before the application" in cluster.kubectl("logs", "web", "-c", "sidecar", "-n", space)


def test_a_job_with_a_native_sidecar_completes(cluster: Cluster, space: str) -> None:
    cluster.wait("condition=Complete", "job/once", "-n", space)


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_service_is_reached_by_its_name(cluster: Cluster, space: str, family: str) -> None:
    url = f"http://web.{space}.svc.cluster.local/hello"
    cluster.until(lambda: curl(cluster, space, family, url) == ["GET /hello", ""], "kube-proxy leads to it")


def test_names_outside_the_cluster_do_not_exist(cluster: Cluster, space: str, bed: Bed) -> None:
    """As a real resolver would say; a failure (SERVFAIL) would make clients ask again and wait."""
    answer = cluster.execute("client", ["nslookup", "nowhere.example."], namespace=space)
    assert "NXDOMAIN" in answer.stdout, answer.stdout + answer.stderr


def test_a_pod_reaches_itself_through_its_own_service(cluster: Cluster, space: str) -> None:
    url = f"http://web.{space}.svc/hello"
    cluster.until(lambda: curl(cluster, space, url, pod="web") == ["GET /hello", ""], "its own answer")


@pytest.mark.parametrize("host", [addresses.EXTERNAL_V4, f"[{addresses.EXTERNAL_V6}]"])
def test_a_host_outside_the_cluster_is_reached(
    cluster: Cluster, space: str, bed: Bed, tmp_path: Path, host: str
) -> None:
    (tmp_path / "where").write_text("outside\n")
    server = [sys.executable, "-m", "http.server", "--bind", "::", "8000", "-d", str(tmp_path)]
    with bed.outside("files", server):
        words = ("--retry-connrefused", "--retry", "8", f"http://{host}:8000/where")
        assert curl(cluster, space, *words)[:1] == ["outside"]


def test_what_happened_to_pods_is_in_the_audit_log(space: str, bed: Bed) -> None:
    events = [json.loads(line) for line in (bed.places.logs / "audit.log").read_text().splitlines()]
    created = [
        event
        for event in events
        if event["verb"] == "create" and event["objectRef"].get("namespace") == space
    ]
    assert {"web", "client"} <= {event["objectRef"].get("name") for event in created}
