"""What the cluster tests share: replicas of the real controller process in the bed, and a few words of kubectl.

The API server reaches the webhook as it does anywhere: by a Service.  There is no kube-proxy in this bed, so the Service's
address is simply the node's own, and the controller listens there.
"""

import base64
import json
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from injector.certs import Lives, as_data, rescued
from sidecar import contract
from tests.cluster.bed import daemon
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY
from tests.injector_server.kit import NAMES
from tests.kit.waiting import until

SYSTEM = contract.SYSTEM_NAMESPACE
SERVICE_IP = "10.96.77.77"
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
CDEFENCE = REPOSITORY / ".venv" / "bin" / "cdefence"

WEBHOOK: dict[str, object] = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": contract.WEBHOOK_CONFIG},
    "webhooks": [
        {
            "name": "pods.injector.cdefence.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 30,
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "reinvocationPolicy": "IfNeeded",
            "namespaceSelector": {
                "matchExpressions": [
                    {"key": contract.INJECTION_LABEL, "operator": "In", "values": ["enabled"]}
                ]
            },
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ],
            "clientConfig": {
                "service": {
                    "namespace": SYSTEM,
                    "name": contract.WEBHOOK_SERVICE,
                    "port": 443,
                    "path": contract.WEBHOOK_PATH,
                }
            },
        }
    ],
}
SERVICE: dict[str, object] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": contract.WEBHOOK_SERVICE, "namespace": SYSTEM},
    "spec": {"clusterIP": SERVICE_IP, "ports": [{"port": 443, "targetPort": 443}]},
}


@dataclass
class Replica:
    """One controller process in the bed."""

    bed: Bed
    process: daemon.Daemon
    name: str
    base: int
    serves: bool

    def fetch(self, port: int, path: str) -> tuple[int, str]:
        """Status and body of a plain HTTP answer; 0 when nobody listens."""
        done = self.bed.run(
            ["curl", "-s", "-m", "20", "-w", "\n%{http_code}", f"http://127.0.0.1:{self.base + port}{path}"]
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    @property
    def ready(self) -> bool:
        """`/readyz` says so."""
        return self.fetch(80, "/readyz")[0] == 200

    def metric(self, name: str) -> float:
        """The sum of a metric's series; 0 when there is none."""
        lines = [line.rsplit(" ", 1) for line in self.fetch(90, "/metrics")[1].splitlines()]
        return sum(float(value) for key, value in lines if key == name or key.startswith(f"{name}{{"))

    @property
    def leads(self) -> bool:
        """It says that it holds the lease."""
        return self.metric("cdefence_leader") == 1.0

    def certificate(self) -> x509.Certificate:
        """What the webhook's port shows."""
        port = 443 if self.serves else self.base + 43
        code = f"import ssl; print(ssl.get_server_certificate(('127.0.0.1', {port})))"
        return x509.load_pem_x509_certificate(self.bed.run([PYTHON, "-c", code]).stdout.encode())

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024

    def log(self) -> str:
        """What it has logged."""
        return (self.bed.places.logs / f"{self.name}.log").read_text()

    def stop(self, patience: float = 60) -> None:
        """SIGTERM, and wait for its end."""
        daemon.stop(self.bed.places, self.process, patience=patience)


@dataclass
class Cluster:
    """The API server as a person with kubectl sees it."""

    bed: Bed
    replicas: list[Replica] = field(default_factory=list)

    # ---- replicas

    def start(self, number: int = 0, *, serves: bool = False, wait: bool = True, **settings: str) -> Replica:
        """Start replica `number`; `serves`: the Service is led to it."""
        base = 20_000 + 100 * number
        name = f"controller-{number}-{time.monotonic_ns()}"
        ports = {
            "WEBHOOK_PORT": base + 43,
            "SCOPES_PORT": base + 84,
            "HEALTH_PORT": base + 80,
            "METRICS_PORT": base + 90,
        }
        given = {"IMAGE": "cdefence:test", "KUBECONFIG": self.bed.kubeconfig, "IDENTITY": f"replica-{number}"}
        given |= {"DRAIN_S": 0, "CLUSTER_CIDRS": "10.244.0.0/16,10.96.0.0/16"} | ports
        if serves:
            given["WEBHOOK_PORT"] = 443
        environment = {f"CDEFENCE_CONTROLLER_{key}": str(value) for key, value in (given | settings).items()}
        process = self.bed.start(name, [CDEFENCE, "controller"], environment)
        replica = Replica(self.bed, process, name, base, serves)
        self.replicas.append(replica)
        if wait:
            until(lambda: replica.ready, f"{name} is ready")
        return replica

    def stop_all(self) -> None:
        """End every replica."""
        for replica in self.replicas:
            replica.stop()

    def clean(self) -> None:
        """No trace of cdefence, and an empty namespace of ours."""
        self.bed.run(["ip", "address", "replace", f"{SERVICE_IP}/32", "dev", "lo"])
        self.kubectl("delete", "mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG, "--ignore-not-found")
        self.kubectl("create", "namespace", SYSTEM, ok=False)
        self.kubectl("-n", SYSTEM, "delete", "secret,lease,configmap,service", "--all", "--ignore-not-found")

    # ---- kubectl

    def kubectl(self, *words: str, stdin: str = "", ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """One command of kubectl; `ok`: it must succeed."""
        done = self.bed.run(["kubectl", *words], stdin=stdin)
        assert not ok or done.returncode == 0, done.stderr
        return done

    def get(self, *words: str) -> dict[str, object] | None:
        """An object; None if there is none."""
        done = self.kubectl("get", *words, "-o", "json", ok=False)
        if done.returncode:
            assert "NotFound" in done.stderr, done.stderr
            return None
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    def apply(self, *objects: dict[str, object]) -> None:
        """Create or change objects."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "-f", "-", stdin=text)

    def create(
        self, pod: dict[str, object], namespace: str, *, dry: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Create a pod – only as far as admission, if `dry`."""
        words = ["create", "-n", namespace, "-f", "-", "-o", "json", *(["--dry-run=server"] if dry else [])]
        return self.kubectl(*words, stdin=json.dumps(pod), ok=False)

    def opted_in(self, name: str) -> str:
        """A namespace with our label."""
        return self.namespace(name, **{contract.INJECTION_LABEL: "enabled"})

    def namespace(self, name: str, **labels: str) -> str:
        """A namespace that takes pods."""
        metadata = {"name": name, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        until(
            lambda: self.get("-n", name, "serviceaccount", "default") is not None, "pods can be created there"
        )
        return name

    # ---- what the controller keeps

    def secret(self) -> dict[str, bytes]:
        """The data of the certificate's Secret; empty if there is none."""
        found = self.get("-n", SYSTEM, "secret", contract.TLS_SECRET) or {}
        data = found.get("data") or {}
        assert isinstance(data, dict)
        return {key: base64.b64decode(value) for key, value in data.items()}

    def put_secret(self, data: dict[str, bytes], name: str = contract.TLS_SECRET) -> None:
        """Write a Secret as an operator does: create it, or change what it holds."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        if self.get("-n", SYSTEM, "secret", name) is None:
            metadata = {"name": name, "namespace": SYSTEM}
            self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})
        else:
            self.kubectl("-n", SYSTEM, "patch", "secret", name, "-p", json.dumps({"data": encoded}))

    def wear_out(self) -> bytes:
        """Put a leaf of the same CA into the Secret that has a third of its life left no more; the leaf.

        Who reads it back from the Secret may find the next one already.
        """
        old = rescued(self.secret(), NAMES, datetime.now(UTC) - timedelta(days=25), Lives())
        assert old is not None
        self.put_secret(as_data(old))
        return old.leaf

    def ca_bundle(self) -> bytes:
        """What the API server trusts at our webhook."""
        where = "jsonpath={.webhooks[0].clientConfig.caBundle}"
        found = self.kubectl("get", "mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG, "-o", where)
        return base64.b64decode(found.stdout)

    def published(self, namespace: str) -> bytes:
        """What the sidecars of a namespace trust; empty if there is nothing."""
        found = self.get("-n", namespace, "configmap", contract.CA_CONFIG_MAP) or {}
        data = found.get("data") or {}
        assert isinstance(data, dict)
        return str(data.get("ca.crt", "")).encode()
