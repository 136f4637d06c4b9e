"""Installs cdefence and the sample applications with the commands of the README, and waits until all of it runs."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from image.build import build
from sidecar import contract
from sidecar.core.scopes import PeerClass
from sidecar.lab import certs
from sidecar.lab.topology import Pod
from tests.cluster.bed import daemon, images
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY
from tests.cluster.demo.cluster import NAMESPACE, Cluster, until

OVERLAY: Final = REPOSITORY / "manifests/kustomize/overlays/dev"
APPLICATIONS: Final = Path(__file__).parent / "kustomize"
SAMPLES: Final = REPOSITORY / "manifests/samples/applications"
WORKLOADS: Final = (
    "deployment/checkout",
    "deployment/vault",
    "deployment/gateway",
    "deployment/shop",
    "statefulset/ledger",
)
_NAMES: Final = ("checkout", "vault", "gateway", "shop", "ledger", "internet")


def load_images(bed: Bed) -> None:
    """What a registry would have.  The overlay names the tag `dev`."""
    name = bed.load(build())
    address = f"--address={bed.places.containerd_socket}"
    bare, _, _ = name.rpartition(":")
    ctr = ["ctr", address, "--namespace=k8s.io", "images"]
    known = f"docker.io/library/{name}"
    bed.run([*ctr, "tag", "--force", known, f"docker.io/library/{bare}:dev"])
    bed.load(images.app())


def install(cluster: Cluster, overlay: Path = OVERLAY) -> None:
    """`kubectl apply -k`, until the controller is ready and the webhook has its CA."""
    cluster.apply(overlay)
    cluster.rolled_out(contract.SYSTEM_NAMESPACE, "deployment/cdefence-controller")
    until("the webhook has its caBundle", lambda: bool(_ca_bundle(cluster)), 60)


def _ca_bundle(cluster: Cluster) -> str:
    path = "jsonpath={.webhooks[0].clientConfig.caBundle}"
    return cluster.must("get", "mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG, "-o", path)


def applications(cluster: Cluster) -> None:
    """The sample applications, with what the demonstration adds, until they are ready."""
    cluster.must("apply", "-f", str(SAMPLES / "namespaces.yaml"))
    with TemporaryDirectory() as folder:
        if cluster.kubectl("get", "secret", "demo-tls", "-n", NAMESPACE).returncode:
            _certificates(cluster, Path(folder))
            if cluster.bed is not None:
                _internet(cluster.bed, Path(folder))
    cluster.must("delete", "job", "--all", "-n", NAMESPACE)  # a Job cannot be changed, and is to run anew
    cluster.apply(APPLICATIONS)
    cluster.rolled_out(NAMESPACE, *WORKLOADS)
    cluster.rolled_out("elsewhere", "deployment/stranger")


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
            text = cluster.must(*words, "-n", namespace, "--dry-run=client", "-o", "json")
            cluster.must("apply", "-f", "-", stdin=text.encode())


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
    status = cluster.get("job", name, "-n", NAMESPACE)["status"]
    assert isinstance(status, dict)
    return any(
        each["type"] == "Complete" and each["status"] == "True" for each in status.get("conditions", ())
    )


def uninstall(cluster: Cluster) -> None:
    """Everything that `install` and `applications` made."""
    for folder in (APPLICATIONS, OVERLAY):
        cluster.kubectl("delete", "-k", str(folder), "--ignore-not-found", "--wait=false", timeout=120)
