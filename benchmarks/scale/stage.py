"""The stage: a bed with cdefence's manifests applied, and one controller process with the rights of its ServiceAccount.

What belongs here: what has to be there before anything is measured, and the way into the bed.  What never does: pods and
streams.

There is no kubelet here that could run the Deployment, and no kube-proxy: the controller is a process in the bed, its
kubeconfig holds a token of the ServiceAccount, and the addresses of the two Services are simply the node's own.
"""

import ipaddress
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError
from sidecar import contract
from tests.cluster.bed import daemon, netns
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY

NAME: Final = "scale"
SYSTEM: Final = contract.SYSTEM_NAMESPACE
WEBHOOK_PORT: Final = 443
"""The Service's own: nobody here leads it to another one."""
_OVERLAY: Final = REPOSITORY / "manifests/kustomize/overlays/ha"
_PYTHON: Final = REPOSITORY / ".venv/bin/python"
_CDEFENCE: Final = REPOSITORY / ".venv/bin/cdefence"
_IMAGE: Final = "cdefence:0.1.0"
_ACCOUNT: Final = "cdefence-controller"
# The clients resolve the Service's name as they do in a pod, by the system's resolver; its file is theirs alone.
_WITH_HOSTS: Final = 'mount --bind "$0" /etc/hosts && exec "$@"'


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs."""

    bed: Bed
    controller: daemon.Daemon
    hosts: Path

    @property
    def folder(self) -> Path:
        """For files of the run; goes with the bed."""
        return self.bed.places.folder

    def client(self, module: str, *words: object) -> list[str]:
        """The words that run a module of this package where the scope API's name is known."""
        run = [str(_PYTHON), "-m", f"benchmarks.scale.{module}", *map(str, words)]
        return ["unshare", "--mount", "sh", "-c", _WITH_HOSTS, str(self.hosts), *run]


@contextmanager
def within(bed: Bed) -> Iterator[None]:
    """This thread, and what it starts, in the bed's network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        with netns.path(bed.places.netns).open() as inside:
            os.setns(inside.fileno(), os.CLONE_NEWNET)
        yield
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)


@contextmanager
def standing() -> Iterator[Stage]:
    """The stage, taken down at the end in any case.  Raises BedError, BenchError."""
    bed = Bed.named(f"{NAME}-pid{os.getpid()}")
    try:
        bed.up(worker=False)
        addresses = _install(bed)
        hosts = bed.places.folder / "hosts"
        hosts.write_text(
            f"127.0.0.1 localhost\n{addresses[contract.SCOPES_SERVICE]} {contract.SCOPES_SERVICE}.{SYSTEM}.svc\n"
        )
        controller = _started(bed)
        with within(bed):
            yield Stage(bed, controller, hosts)
    finally:
        bed.down()


def _install(bed: Bed) -> dict[str, str]:
    """Apply the manifests; the addresses of our Services, which are the node's from now on."""
    _kubectl(bed, "apply", "-k", str(_OVERLAY))
    found = {}
    for service in (contract.WEBHOOK_SERVICE, contract.SCOPES_SERVICE):
        path = "jsonpath={.spec.clusterIP}"
        address = _kubectl(bed, "get", "service", service, "-n", SYSTEM, "-o", path)
        _run(bed, ["ip", "address", "replace", str(ipaddress.ip_address(address)), "dev", "lo"])
        found[service] = address
    return found


def _started(bed: Bed) -> daemon.Daemon:
    """The controller, ready, and its CA in the webhook's configuration."""
    settings = {
        "IMAGE": _IMAGE,
        "IDENTITY": "scale-0",
        "KUBECONFIG": _kubeconfig(bed),
        "WEBHOOK_PORT": WEBHOOK_PORT,
    }
    environment = {f"CDEFENCE_CONTROLLER_{key}": str(value) for key, value in settings.items()}
    process = bed.start("controller", [_CDEFENCE, "controller"], environment)
    url = f"http://127.0.0.1:{contract.CONTROLLER_HEALTH_PORT}/readyz"
    words = ["get", "mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG]
    path = "jsonpath={.webhooks[0].clientConfig.caBundle}"
    until(lambda: bed.run(["curl", "-sf", "-m", "3", url]).returncode == 0, "the controller is ready")
    until(lambda: bool(_kubectl(bed, *words, "-o", path)), "the webhook has its CA")
    return process


def _kubeconfig(bed: Bed) -> Path:
    """The administrator's, but for the user, who is the controller's ServiceAccount."""
    document = json.loads(bed.kubeconfig.read_text())
    token = _kubectl(bed, "create", "token", _ACCOUNT, "-n", SYSTEM, "--duration=6h")
    document["users"] = [{**each, "user": {"token": token}} for each in document["users"]]
    path = bed.places.folder / "controller.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))
    return path


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is true.  Raises BenchError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise BenchError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)


def _kubectl(bed: Bed, *words: str) -> str:
    return _run(bed, ["kubectl", *words])


def _run(bed: Bed, words: Sequence[str]) -> str:
    done = bed.run(words)
    if done.returncode:
        raise BenchError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()
