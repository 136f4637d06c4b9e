"""Installs cdefence and the sample applications with the commands of the README, and waits until all of it runs."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sidecar import contract
from sidecar.core.scopes import PeerClass
from sidecar.lab import certs
from sidecar.lab.topology import Pod
from tests.cluster.bed import daemon
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY
from tests.cluster.bed.shell import run
from tests.cluster.cluster import Cluster

OVERLAY: Final = REPOSITORY / "manifests/kustomize/overlays/dev"
APPLICATIONS: Final = Path(__file__).parent / "kustomize"
SAMPLES: Final = REPOSITORY / "manifests/samples/applications"
NAMESPACE: Final = "payments"
TAG: Final = "cdefence:dev"
"""What the overlay calls the image."""
APP: Final = "cdefence.test/app:1"
PATIENCE: Final = 300.0
"""Seconds that a rollout may take; two cores start a dozen pods with sidecars."""
WORKLOADS: Final = (
    "deployment/checkout",
    "deployment/vault",
    "deployment/gateway",
    "deployment/shop",
    "statefulset/ledger",
)
_NAMES: Final = ("checkout", "vault", "gateway", "shop", "ledger", "internet")


def install(cluster: Cluster, overlay: Path = OVERLAY) -> None:
    """`kubectl apply -k`, until the controller is ready and the webhook has its CA.  Raises ClusterError."""
    if cluster.bed is not None:
        tag(cluster.bed, cluster.image)
        cluster.kubectl("apply", "-k", str(overlay))
    else:
        cluster.apply(cluster.kubectl("kustomize", str(overlay)).replace(TAG, cluster.image))
    cluster.rollout("deployment/cdefence-controller", "-n", contract.SYSTEM_NAMESPACE, seconds=PATIENCE)
    path, words = (
        "{.webhooks[0].clientConfig.caBundle}",
        ("mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG),
    )
    cluster.until(lambda: bool(cluster.ask(path, *words)), "the webhook has its caBundle")


def tag(bed: Bed, image: str) -> None:
    """The name that the overlay gives the image, for the one that is loaded."""
    ctr = [
        "ctr",
        f"--address={bed.places.containerd_socket}",
        "--namespace=k8s.io",
        "images",
        "tag",
        "--force",
    ]
    run([*bed.command(ctr), f"docker.io/library/{image}", f"docker.io/library/{TAG}"])


def applications(cluster: Cluster) -> None:
    """The sample applications, with what the demonstration adds, until they are ready.  Raises ClusterError."""
    cluster.kubectl("apply", "-f", str(SAMPLES / "namespaces.yaml"))
    if cluster.run(["get", "secret", "demo-tls", "-n", NAMESPACE]).returncode:
        with TemporaryDirectory() as folder:
            _certificates(cluster, Path(folder))
            if cluster.bed is not None:
                _internet(cluster.bed, Path(folder))
    cluster.kubectl("delete", "job", "--all", "-n", NAMESPACE)  # a Job cannot be changed, and is to run anew
    text = cluster.kubectl("kustomize", str(APPLICATIONS))
    cluster.apply(text.replace(TAG, cluster.image).replace(APP, cluster.app_image))
    for workload in WORKLOADS:
        cluster.rollout(workload, "-n", NAMESPACE, seconds=PATIENCE)
    cluster.rollout("deployment/stranger", "-n", "elsewhere", seconds=PATIENCE)


def _certificates(cluster: Cluster, folder: Path) -> None:
    """One authority and one certificate with every name, as a Secret and a ConfigMap."""
    authority = certs.make_authority(folder)
    full = [name for each in _NAMES for name in (each, f"{each}.{NAMESPACE}", f"{each}-0.{each}")]
    everybody = Pod("payments", "127.0.0.1", "::1", PeerClass.IN_SCOPE)
    certs.make_server(folder, everybody, authority, os.getuid(), full)
    for namespace in (NAMESPACE, "elsewhere"):
        secret = (
            "create",
            "secret",
            "tls",
            "demo-tls",
            f"--cert={folder}/tls.crt",
            f"--key={folder}/tls.key",
        )
        config = ("create", "configmap", "demo-ca", f"--from-file=ca.crt={authority}")
        for words in (secret, config):
            cluster.apply(cluster.kubectl(*words, "-n", namespace, "--dry-run=client", "-o", "json"))


def _internet(bed: Bed, certificates: Path) -> None:
    """The application outside the cluster, on the bed's outside host."""
    folder = bed.places.folder / "internet"
    folder.mkdir(exist_ok=True)
    for name in ("tls.crt", "tls.key"):
        (folder / name).write_bytes((certificates / name).read_bytes())
    words = [
        sys.executable,
        "-P",
        "-m",
        "sidecar.lab.app",
        "--files",
        folder,
        "--ledger",
        folder / "received.json",
    ]
    if not any(each.name == "internet" and each.alive for each in daemon.recorded(bed.places)):
        environment = {"PYTHONPATH": str(REPOSITORY)}
        daemon.start(bed.places, "internet", words, env=environment, within=bed.places.outside)


def job_completed(cluster: Cluster, name: str) -> bool:
    """Whether a Job with a sidecar has come to its end."""
    path = '{.status.conditions[?(@.type=="Complete")].status}'
    return cluster.ask(path, "job", name, "-n", NAMESPACE) == "True"


def uninstall(cluster: Cluster) -> None:
    """Everything that `install` and `applications` made."""
    for folder in (APPLICATIONS, OVERLAY):
        cluster.run(["delete", "-k", str(folder), "--ignore-not-found", "--wait=false"], timeout=120)
