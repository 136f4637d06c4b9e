"""What README shows of a cluster, command by command, on a namespace with one application that nobody prepared."""

import os

from sidecar import contract
from tests.cluster.cluster import Cluster
from tests.kit.readme import ROOT, Command, commands

STORE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: store}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: IMAGE, imagePullPolicy: POLICY}]
---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: store}
spec: {selector: {app: till}, ports: [{port: 80, targetPort: 8080}]}
"""


def until_settled(cluster: Cluster, command: Command, environment: dict[str, str]) -> None:
    """The pod from before the label belongs to the Service until its address has been given up: a denial, until then."""

    def alone() -> bool:
        path = "{.items[*].endpoints[*].targetRef.name}"
        words = ("endpointslices", "-n", "store", "-l", "kubernetes.io/service-name=till")
        pods = cluster.ask("{.items[*].metadata.name}", "pods", "-n", "store").split()
        return len(pods) == 1 and cluster.ask(path, *words).split() == pods

    def works() -> bool:
        try:
            command.check(environment)
        except AssertionError:
            return False
        return True

    cluster.until(alone, "one pod, and the Service leads to it")
    cluster.until(works, command.line)


def test_from_nothing_to_a_blocked_card(installed: Cluster) -> None:
    environment = dict(installed.environment)
    environment["PATH"] = f"{ROOT / '.venv/bin'}:{environment.get('PATH', os.environ['PATH'])}"
    with installed.namespace("store"):
        installed.apply(STORE.replace("IMAGE", installed.app_image).replace("POLICY", installed.pull_policy))
        installed.rollout("deployment/till", "-n", "store")
        try:
            for command in commands("cluster"):
                if command.line.startswith("kubectl exec"):
                    until_settled(installed, command, environment)
                command.check(environment, timeout=300)
        finally:
            installed.run(["label", "namespace", "store", f"{contract.INJECTION_LABEL}-"])
