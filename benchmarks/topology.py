"""The network of a benchmark: one client namespace, and a pod of its own for each peer, joined by a cable each.

    client (wrk)  10.79.N.1 ──veth── 10.79.N.2  pod N (nginx, one proxy, its firewall)

All pods stand side by side and idle until asked, so rounds can go from peer to peer without a restart in between.  Nothing
of the host changes: cables are made inside the client namespace.  The names are fixed and a lock admits one benchmark at a
time, since two would measure each other; what a crash has left behind is removed at the next start.
"""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.errors import BenchError
from sidecar import contract
from sidecar.lab import netns, processes
from sidecar.lab.files import make_directory
from sidecar.lab.lab import PYTHON
from sidecar.lab.processes import Identity, Role
from sidecar.lab.topology import APP_UID

PREFIX: Final = "cdbench-"
CLIENT: Final = PREFIX + "client"
NETWORK: Final = "10.79.0.0/16"
UPLINK: Final = "eth0"
HTTP_PORT, HTTPS_PORT = 8080, 8443
START_PATIENCE: Final = 60.0
"""Seconds for a process to become ready: several start at once on a busy machine."""
TOOLS: Final = {
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "openssl": "openssl",
    "wrk": "wrk",
    "nginx": "nginx-light",
}
"""Commands that are run, and the Debian packages they come in."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A namespace with an application and, unless it is the bare one, a proxy before it."""

    name: str
    number: int
    directory: Path
    """On the host; inside the pod it is `sidecar.lab.pause.POD_DIRECTORY`."""

    @property
    def namespace(self) -> str:
        """The network namespace."""
        return PREFIX + self.name

    @property
    def address(self) -> str:
        """Where the application is reached."""
        return f"10.79.{self.number}.2"

    @property
    def client(self) -> str:
        """Where requests come from."""
        return f"10.79.{self.number}.1"

    def log(self, what: str) -> Path:
        """Standard output and error of a process."""
        return self.directory / f"log/{what}.log"

    def command(self, command: Sequence[str], identity: Identity, *, mounts: bool = True) -> list[str]:
        """`command` as the host must call it for it to run in this pod, or without its `mounts`.  Raises BenchError."""
        pause = processes.with_role(self.namespace, Role.PAUSE)
        if pause is None:
            raise BenchError(f"pod {self.name} is not there any more")
        spaces = ["--net", "--uts", *(["--mount"] if mounts else [])]
        return ["nsenter", f"--target={pause.pid}", *spaces, "--", *identity.prefix(), *command]

    def start(
        self,
        command: Sequence[str],
        role: Role,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a long-running process and wait until it is `ready`; BenchError with the end of its log if not.

        `command` enters the pod by itself.
        """
        log = self.log(role.value)
        pid = processes.start(command, {**plain_environment(), **(environment or {})}, role, log)
        await_process(pid, f"{self.name}: {role.value}", log, ready)


class Network:
    """All namespaces of one benchmark, as a context: whatever happens inside, they are gone afterwards."""

    def __init__(self) -> None:
        base = Path("/run") if os.access("/run", os.W_OK) else Path("/tmp")
        self.directory = base / "cdefence-bench"
        self._lock = -1
        self._pods = 0

    def __enter__(self) -> Self:
        _require_root_and_tools()
        make_directory(self.directory)
        self._lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise BenchError("another benchmark is running, and two would measure each other; wait") from None
        try:
            self._remove_leftovers()
            netns.create(CLIENT)
            netns.configure(CLIENT, ["link set lo up"])
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it
        try:
            self._remove()
        finally:
            signal.signal(signal.SIGINT, impatient)

    def pod(self, name: str) -> Pod:
        """A new pod, cabled to the client, with nothing in it but the process that holds its mounts."""
        self._pods += 1
        pod = Pod(name, self._pods, self.directory / name)
        _prepare_files(pod)
        _cable(pod)
        _hold_mounts(pod)
        return pod

    def discard(self, pod: Pod) -> None:
        """Remove one pod."""
        processes.end_all(pod.namespace)
        netns.delete(pod.namespace)

    def _remove_leftovers(self) -> None:
        _remove_namespaces()
        for left in self.directory.iterdir():
            shutil.rmtree(left)

    def _remove(self) -> None:
        _remove_namespaces()
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


def plain_environment() -> dict[str, str]:
    """What every process gets: nothing of the caller's environment but the search path."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/"}


def from_client(command: Sequence[str]) -> list[str]:
    """`command` as the host must call it for it to run in the client namespace."""
    return ["nsenter", f"--net={netns.path(CLIENT)}", "--", *command]


def await_process(pid: int, what: str, log: Path, ready: Callable[[], bool]) -> None:
    """Wait for `ready`; an early death, or too long a wait, is a BenchError with the end of the log."""
    deadline = time.monotonic() + START_PATIENCE
    while not ready():
        dead = not processes.alive(pid)
        if dead or time.monotonic() > deadline:
            fault = "ended at its start" if dead else f"was not ready in {START_PATIENCE:.0f} s"
            raise BenchError(f"{what} {fault}: {last_line(log.read_text(errors='replace'))}")
        time.sleep(0.02)


def last_line(text: str) -> str:
    """What a failed command said last."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no message"


def _prepare_files(pod: Pod) -> None:
    make_directory(pod.directory)
    make_directory(pod.directory / "log")
    make_directory(pod.directory / "app", APP_UID)
    make_directory(pod.directory / "proxy", contract.PROXY_UID)
    (pod.directory / "hosts").write_text(f"127.0.0.1 localhost\n{pod.address} {pod.name}\n")
    (pod.directory / "resolv.conf").write_text("# no names are asked for\n")


def _cable(pod: Pod) -> None:
    """The pod's default route is the client, which forwards nothing: the sidecar's probe of its own rules needs one."""
    netns.create(pod.namespace)
    near, far = pod.name, pod.namespace
    netns.configure(
        CLIENT,
        [
            f"link add name {near} type veth peer name {UPLINK} netns {far}",
            f"addr add {pod.client}/24 dev {near}",
            f"link set {near} up",
        ],
    )
    netns.configure(
        far,
        [
            "link set lo up",
            f"addr add {pod.address}/24 dev {UPLINK}",
            f"link set {UPLINK} up",
            f"route add default via {pod.client} dev {UPLINK}",
        ],
    )


def _hold_mounts(pod: Pod) -> None:
    """As in the lab: users without rights must reach the interpreter, wherever it is installed."""
    enter = ["nsenter", f"--net={netns.path(pod.namespace)}", "unshare", "--mount", "--uts"]
    command = [*enter, "--propagation=slave", "--", *PYTHON, "sidecar.lab.pause"]
    command += [f"--name={pod.name}", f"--files={pod.directory}"]
    log = pod.log("pause")
    pid = processes.start(command, plain_environment(), Role.PAUSE, log)
    await_process(pid, f"{pod.name}: pause", log, lambda: processes.name_of(pid) == "sleep")


def _remove_namespaces() -> None:
    names = [path.name for path in netns.DIRECTORY.glob(PREFIX + "*")] if netns.DIRECTORY.is_dir() else []
    for name in names:
        processes.end_all(name)
    for name in names:
        netns.delete(name)


def _require_root_and_tools() -> None:
    if os.geteuid() != 0:
        raise BenchError("root is needed, to make network namespaces; remedy: run it with sudo")
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if missing:
        raise BenchError(f"missing Debian packages: {' '.join(sorted(missing))}; remedy: .ci/setup bench")
