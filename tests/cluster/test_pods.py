"""What users do with pods goes on working with a sidecar in them: probes, hooks, init containers, exec, logs, port-forward,
scraping; and a namespace that nobody labelled is left alone.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from sidecar import contract
from tests.cluster.cluster import Cluster

OPTED_IN = {contract.INJECTION_LABEL: "enabled", "pod-security.kubernetes.io/enforce": "privileged"}
CARD = "card=4111 1111 1111 1111"

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: NAME}, annotations: {cdefence.io/pci-scope: SCOPE}}
spec:
  terminationGracePeriodSeconds: 2
  automountServiceAccountToken: false
  initContainers: [INIT]
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: POLICY
      ports: [{name: web, containerPort: 8080}]
EXTRA
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: 8080}]}
"""
PROBES = """\
      startupProbe: {tcpSocket: {port: 9000}, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 300}
      readinessProbe:
        httpGet: {path: /ready, port: web, httpHeaders: [{name: X-Probe, value: "yes"}]}
        periodSeconds: 1
        timeoutSeconds: 30
      livenessProbe: {exec: {command: ["true"]}, periodSeconds: 1, timeoutSeconds: 60}
      lifecycle: {preStop: {httpGet: {path: /stopping, port: web}}}
"""
NOBODY_LISTENS = """\
      readinessProbe: {tcpSocket: {port: 8999}, periodSeconds: 1}
"""
EARLY = """{name: early, image: IMAGE, imagePullPolicy: POLICY, command: [sh, -c,
    "again='--retry 60 --retry-delay 1 --retry-all-errors -m 10';
    curl -s $again http://server/early 2>/dev/null; curl -s $again -o /dev/null -w ' %{http_code}' -d 'CARD' http://server/"]}"""
"""Again, until the node knows where the Service leads, and the server's sidecar this pod."""


def manifest(cluster: Cluster, name: str, scope: str, *, extra: str = "", init: str = "") -> str:
    words = {"INIT": init, "NAME": name, "SCOPE": scope, "EXTRA": extra, "CARD": CARD}
    words |= {"IMAGE": cluster.app_image, "POLICY": cluster.pull_policy}
    text = POD
    for word, value in words.items():
        text = text.replace(word, value)
    return text


@pytest.fixture(scope="module")
def space(installed: Cluster) -> Iterator[str]:
    """`server` with every kind of probe, `early` with an init container that speaks, `closed` whose probe must fail."""
    with installed.namespace("working", OPTED_IN) as name:
        texts = (
            manifest(installed, "server", "in-scope", extra=PROBES),
            manifest(installed, "closed", "in-scope", extra=NOBODY_LISTENS),
        )
        for text in texts:
            installed.kubectl("apply", "-n", name, "-f", "-", stdin=text)
        installed.wait("condition=Ready", "pod/server", "-n", name, seconds=180)
        early = manifest(installed, "early", "in-scope", init=EARLY)
        installed.kubectl("apply", "-n", name, "-f", "-", stdin=early)
        installed.wait("condition=Ready", "pod/early", "-n", name, seconds=180)
        yield name


def test_the_two_containers_come_first_and_hold_no_more_than_they_need(
    installed: Cluster, space: str
) -> None:
    document = json.loads(installed.kubectl("get", "pod", "early", "-n", space, "-o", "json"))
    init, proxy, early = document["spec"]["initContainers"]
    assert (init["name"], proxy["name"], early["name"]) == (
        contract.INIT_CONTAINER,
        contract.PROXY_CONTAINER,
        "early",
    )
    assert init["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert (proxy["restartPolicy"], proxy["securityContext"]["runAsUser"]) == ("Always", contract.PROXY_UID)
    log = installed.kubectl("logs", "early", "-n", space, "-c", contract.PROXY_CONTAINER)
    assert f"uid {contract.PROXY_UID}, gid {contract.PROXY_GID}, capabilities none" in log


def test_an_init_container_speaks_through_the_proxy(installed: Cluster, space: str) -> None:
    said = installed.kubectl("logs", "early", "-n", space, "-c", "early")
    assert said.startswith("GET /early")
    assert said.endswith(" 403")


def test_probes_pass_where_the_application_answers_and_fail_where_it_does_not(
    installed: Cluster, space: str
) -> None:
    assert installed.ask("{.status.containerStatuses[0].ready}", "pod/server", "-n", space) == "true"
    about = "involvedObject.name=closed,reason=Unhealthy"
    installed.until(
        lambda: (
            "probe failed" in installed.kubectl("get", "events", "-n", space, f"--field-selector={about}")
        ),
        "a probe that fails",
    )
    assert installed.ask("{.status.containerStatuses[0].ready}", "pod/closed", "-n", space) == "false"
    assert installed.ask("{.status.containerStatuses[0].restartCount}", "pod/server", "-n", space) == "0"


def test_exec_and_logs_mean_the_application_unless_told_otherwise(installed: Cluster, space: str) -> None:
    assert installed.execute("server", ["id", "-u"], namespace=space).stdout == "10001\n"
    whose = installed.run(["logs", "server", "-n", space])
    assert (whose.returncode, '"class_uid"' in whose.stdout) == (0, False)


def test_port_forward_reaches_the_application(installed: Cluster, space: str) -> None:
    words = ["kubectl", "port-forward", "pod/server", "-n", space, ":8080"]
    environment = dict(installed.environment)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as forward:
        try:
            assert forward.stdout is not None
            found = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
            assert found is not None
            with urlopen(f"http://127.0.0.1:{found[1]}/forwarded", timeout=120) as answer:
                assert answer.read().startswith(b"GET /forwarded")
        finally:
            forward.terminate()


def test_metrics_are_where_the_annotations_say(installed: Cluster, space: str) -> None:
    document = json.loads(installed.kubectl("get", "pod", "server", "-n", space, "-o", "json"))
    notes = document["metadata"]["annotations"]
    assert notes["prometheus.io/scrape"] == "true"
    where = f"server:{notes['prometheus.io/port']}/proxy{notes['prometheus.io/path']}"
    page = installed.kubectl("get", "--raw", f"/api/v1/namespaces/{space}/pods/{where}")
    for name in ("cdefence_flows_total{", "cdefence_scope_map_age_seconds ", "cdefence_policy_info{"):
        assert name in page


def test_a_namespace_without_the_label_is_left_alone(installed: Cluster) -> None:
    with installed.namespace("ordinary") as name:
        text = manifest(installed, "plain", "in-scope")
        installed.kubectl("apply", "-n", name, "-f", "-", stdin=text)
        installed.wait("condition=Ready", "pod/plain", "-n", name)
        document = json.loads(installed.kubectl("get", "pod", "plain", "-n", name, "-o", "json"))
        assert "initContainers" not in document["spec"]
        assert contract.STATUS_ANNOTATION not in document["metadata"]["annotations"]
