"""What this machine lacks to run a bed; nothing is installed here (`.ci/setup cluster` does that).

What never belongs here: what a built bed needs while it runs.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.cluster.bed import build

CNI_PLUGINS: Final = Path("/usr/lib/cni")
_CONTROL: Final = {"ip": "iproute2", "nsenter": "util-linux"}
_WORKER: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "modprobe": "kmod",
}
_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"


def missing(*, worker: bool = True, wanted: str = build.DEFAULT_VERSION) -> str | None:
    """One line that says what is missing and how to get it; None when a bed can be started here."""
    if os.geteuid() != 0:
        return "a Kubernetes cluster in network namespaces needs root"
    extend_path()
    commands = _CONTROL | (_WORKER if worker else {})
    packages = {package for command, package in commands.items() if shutil.which(command) is None}
    if worker and not (CNI_PLUGINS / "bridge").exists():
        packages.add("containernetworking-plugins")
    if packages:
        return f"missing Debian packages: {' '.join(sorted(packages))}; remedy: .ci/setup cluster"
    if not build.is_built(wanted) and build.go() is None:
        return "Go is missing; remedy: .ci/setup cluster"
    if worker and not Path("/proc/sys/net/bridge").exists():
        return "the kernel has no br_netfilter; remedy: modprobe br_netfilter"
    return None


def extend_path() -> None:
    """Programs of the system administrator are looked for too."""
    path = os.environ.get("PATH", "")
    if _SBIN not in path:
        os.environ["PATH"] = f"{path}:{_SBIN}"
