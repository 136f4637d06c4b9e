"""The dev overlay, installed, and the controller running as its service account; a control plane without nodes suffices.

The Deployment cannot run here, so one process plays its pod: same command, the token of the same account, the environment
of the Deployment.  Services are led to it by their addresses, which are the node's own here.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.bed import daemon
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY
from tests.kit.waiting import until
from tests.manifests.api import Api, Request

KUSTOMIZE = REPOSITORY / "manifests/kustomize"
SAMPLES = REPOSITORY / "manifests/samples/applications"
SYSTEM, ACCOUNT = "cdefence-system", "cdefence-controller"
CDEFENCE = REPOSITORY / ".venv/bin/cdefence"


@dataclass
class Installation:
    """What is up, after `up`."""

    bed: Bed
    api: Api
    process: daemon.Daemon | None = field(default=None)

    def up(self) -> None:
        """Install, start the controller, lead the Service to it, wait until it is ready."""
        self.apply()
        self.bed.run(["ip", "address", "replace", f"{self.service_address()}/32", "dev", "lo"])
        self.process = self.bed.start("installed-controller", [CDEFENCE, "controller"], self._environment())
        until(lambda: self.ready, "the controller is ready")

    def apply(self) -> None:
        """Install, or put right what is missing, and wait until the guard is in force."""
        self.api.kubectl("apply", "-k", KUSTOMIZE / "overlays/dev")
        until(self._guarded, "the guard is in force")

    def _guarded(self) -> bool:
        metadata = {"name": "guarded", "labels": {"cdefence.io/injection": "Enabled"}}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        return self.api.ask(Request("POST", "/api/v1/namespaces", body, "dryRun=All")).denial is not None

    def down(self) -> None:
        """Stop the controller."""
        if self.process:
            daemon.stop(self.bed.places, self.process, patience=60)

    def service_address(self) -> str:
        """The address of the webhook's Service."""
        return str(self.get("service", "cdefence-webhook")["spec"]["clusterIP"])

    def get(self, kind: str, name: str, namespace: str = SYSTEM) -> dict[str, Any]:
        """An object; empty if there is none."""
        found = self.api.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        parsed: dict[str, Any] = json.loads(found or "{}")
        return parsed

    @property
    def ready(self) -> bool:
        """What its readiness probe would say."""
        return self.bed.run(["curl", "-sf", "-m", "20", "http://127.0.0.1:8080/readyz"]).returncode == 0

    def log(self) -> str:
        """What the controller has logged."""
        return (self.bed.places.logs / "installed-controller.log").read_text()

    def cdefence(self, *words: str) -> tuple[int, str]:
        """Run the command line as the administrator; exit code and standard output."""
        done = self.bed.run([CDEFENCE, *words], timeout=300)
        return done.returncode, done.stdout or done.stderr

    def _environment(self) -> dict[str, str]:
        deployment = self.get("deployment", ACCOUNT)
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        said = dict(self.get("configmap", container["envFrom"][0]["configMapRef"]["name"])["data"])
        for each in container["env"]:
            source = each.get("valueFrom", {}).get("configMapKeyRef")
            if source:
                said[each["name"]] = self.get("configmap", source["name"])["data"][source["key"]]
        said["CDEFENCE_CONTROLLER_IDENTITY"] = "the-only-one"
        said["CDEFENCE_CONTROLLER_KUBECONFIG"] = str(self._kubeconfig())
        said["CDEFENCE_CONTROLLER_WEBHOOK_PORT"] = "443"  # no kube-proxy turns 443 into 9443 here
        return said

    def _kubeconfig(self) -> Path:
        """The bed's, with the token of the controller's account instead of the administrator's certificate."""
        config = yaml.safe_load(self.bed.kubeconfig.read_text())
        token = self.api.kubectl("create", "token", ACCOUNT, "-n", SYSTEM, "--duration=3h").strip()
        config["users"][0]["user"] = {"token": token}
        path = self.bed.places.folder / "controller.kubeconfig"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(config))
        return path
