"""The control plane: etcd, API server, controller manager, scheduler; their command lines and when they are ready.

What never belongs here: the worker's programs (see `worker`), and anything that cdefence needs.
"""

import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from tests.cluster.bed import addresses, daemon
from tests.cluster.bed.daemon import Daemon
from tests.cluster.bed.places import Places

_ETCD: Final = "http://127.0.0.1:2379"

# Who did what to pods and namespaces, with the annotations that admission left: tests read it.
AUDIT_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, verbs: [get, list, watch]}
  - level: Metadata
    resources:
      - {group: "", resources: [pods, pods/ephemeralcontainers, pods/resize, pods/exec, namespaces]}
  - {level: None}
"""


def start_etcd(places: Places, binaries: Path) -> Daemon:
    """etcd on the namespace's loopback; what it stores does not survive the machine's crash, nor has to."""
    peer = "http://127.0.0.1:2380"
    command: list[str | Path] = [
        binaries / "etcd",
        f"--data-dir={places.folder / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]
    return daemon.start(places, "etcd", command)


def start_apiserver(places: Places, binaries: Path, port: int) -> Daemon:
    """The API server on every address of the namespace, dual stack services, RBAC, audit log of pods."""
    policy = places.folder / "audit-policy.yaml"
    policy.write_text(AUDIT_POLICY)
    pki = places.pki
    flags = {
        "etcd-servers": _ETCD,
        "secure-port": port,
        "advertise-address": addresses.NODE_V4,
        "service-cluster-ip-range": ",".join(addresses.SERVICE_CIDRS),
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "client-ca-file": pki / "ca.crt",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "kubelet-client-certificate": pki / "admin.crt",
        "kubelet-client-key": pki / "admin.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": pki / "accounts.key",
        "service-account-signing-key-file": pki / "accounts.key",
        "requestheader-client-ca-file": pki / "ca.crt",
        "requestheader-allowed-names": "aggregator",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": pki / "aggregator.crt",
        "proxy-client-key-file": pki / "aggregator.key",
        "audit-policy-file": policy,
        "audit-log-path": places.logs / "audit.log",
    }
    return daemon.start(places, "kube-apiserver", [binaries / "kube-apiserver", *_flags(flags)])


def start_manager(places: Places, binaries: Path) -> Daemon:
    """The controller manager with its default controllers."""
    pki = places.pki
    flags = {
        "kubeconfig": pki / "manager.kubeconfig",
        "authentication-kubeconfig": pki / "manager.kubeconfig",
        "authorization-kubeconfig": pki / "manager.kubeconfig",
        "leader-elect": "false",
        "root-ca-file": pki / "ca.crt",
        "service-account-private-key-file": pki / "accounts.key",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "use-service-account-credentials": "true",
        "allocate-node-cidrs": "true",
        "cluster-cidr": ",".join(addresses.CLUSTER_CIDRS),
        "node-cidr-mask-size-ipv4": 24,
        "node-cidr-mask-size-ipv6": 64,
        "service-cluster-ip-range": ",".join(addresses.SERVICE_CIDRS),
        "cert-dir": places.folder / "manager-certs",
    }
    name = "kube-controller-manager"
    return daemon.start(places, name, [binaries / name, *_flags(flags)])


def start_scheduler(places: Places, binaries: Path) -> Daemon:
    """The scheduler."""
    kubeconfig = places.pki / "scheduler.kubeconfig"
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "leader-elect": "false",
        "cert-dir": places.folder / "scheduler-certs",
    }
    return daemon.start(places, "kube-scheduler", [binaries / "kube-scheduler", *_flags(flags)])


def ready(places: Places, port: int) -> bool:
    """Whether the API server says that it is ready."""
    return answers(places, port, "/readyz")


def accounts_ready(places: Places, port: int) -> bool:
    """Whether the controller manager works: pods can be made once the default service account is there."""
    return answers(places, port, "/api/v1/namespaces/default/serviceaccounts/default")


def answers(places: Places, port: int, path: str) -> bool:
    """Whether the administrator gets a 200 for `path` (asked through the door, as the host's clients do)."""
    pki = places.pki
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=10, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _flags(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
