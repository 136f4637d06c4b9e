"""Processes of a lab: start one inside a pod, find them again, end them.

The kernel is the only record: a process belongs to a pod because it is in the pod's network namespace, and
has a role because its environment says so.  There is no pid file that could be stale, so `lab down` works
after any crash.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sidecar.lab import netns
from sidecar.lab.errors import LabError

# Not under the prefix of the settings: the proxy takes an unknown name there for a mistyped setting.
ROLE_VARIABLE = "LAB_ROLE"


class Role(StrEnum):
    """What a long-running process of a pod is there for."""

    PAUSE = "pause"
    """Holds the pod's mount namespace, as a pause container does."""
    SIDECAR = "sidecar"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Process:
    """A live process in a pod; `role` is None for clients that somebody runs in it."""

    pid: int
    role: Role | None


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a process runs; everybody but root without any capability and without the way to one."""

    uid: int
    gid: int

    def prefix(self) -> list[str]:
        """The `setpriv` words that make the following command run as this identity."""
        if self.uid == 0:
            return []
        return [
            "setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs",
            "--",
        ]


ROOT = Identity(0, 0)
# What the init container gets: root, but of all capabilities only the one that writes firewall rules.
NET_ADMIN_ONLY = (
    "setpriv",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all,+net_admin",
    "--no-new-privs",
    "--",
)


def find(namespace: str) -> list[Process]:
    """The live processes in `namespace`."""
    if not netns.exists(namespace):
        return []
    wanted = netns.inode(namespace)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _network_of(entry) == wanted:
            found.append(Process(int(entry.name), _role_of(entry)))
    return found


def with_role(namespace: str, role: Role) -> Process | None:
    """The process of `namespace` with that role, if it lives."""
    return next((process for process in find(namespace) if process.role is role), None)


def start(command: Sequence[str], environment: Mapping[str, str], role: Role, log: Path) -> int:
    """Start a long-running process in a session of its own, output appended to `log`; returns its pid.

    `posix_spawn` rather than `subprocess`: the process is meant to outlive us, and is found again through
    the kernel.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o640),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    marked = {**environment, ROLE_VARIABLE: role.value}
    try:
        return os.posix_spawnp(command[0], list(command), marked, file_actions=actions, setsid=True)
    except FileNotFoundError as missing:
        raise LabError(f"{command[0]}: command not found; install util-linux") from missing


def alive(pid: int) -> bool:
    """Whether `pid` runs (a zombie does not); collects it if it is a dead child of ours."""
    _reap(pid)
    return Path(f"/proc/{pid}/ns/net").exists()


def name_of(pid: int) -> str:
    """The name of the program that `pid` runs now; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def end(pids: Sequence[int], number: signal.Signals = signal.SIGKILL, patience: float = 5.0) -> None:
    """Signal the processes and wait for their end; what is still there after `patience` seconds is killed."""
    _signal(pids, number)
    if not gone(pids, patience):
        _signal(pids, signal.SIGKILL)
        if not gone(pids, 60.0):
            raise LabError(
                f"processes {[pid for pid in pids if alive(pid)]} do not end; is the machine overloaded?"
            )


def gone(pids: Sequence[int], patience: float) -> bool:
    """Wait up to `patience` seconds for the end of all `pids`; whether they all ended."""
    deadline = time.monotonic() + patience
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def end_all(namespace: str) -> None:
    """End everything in `namespace`, also what is started meanwhile."""
    while found := find(namespace):
        end([process.pid for process in found])


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        if alive(pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not our child: whoever started it, or init, collects it


def _network_of(entry: Path) -> int | None:
    try:
        return (entry / "ns/net").stat().st_ino
    except OSError:
        return None  # ended meanwhile, or a zombie


def _role_of(entry: Path) -> Role | None:
    try:
        environment = (entry / "environ").read_bytes()
    except OSError:
        return None
    for line in environment.split(b"\0"):
        name, _, value = line.partition(b"=")
        role = value.decode(errors="replace")
        if name == ROLE_VARIABLE.encode() and role in Role:
            return Role(role)
    return None
