"""The cgroup of a bed in each hierarchy: so that two beds on one machine do not clean up each other's pods.

Works on cgroup v2 and on v1 (also both).  What never belongs here: limits.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")


def hierarchies() -> list[Path]:
    """Where cgroup file systems are mounted."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    return [Path(words[1]) for words in mounts if words[2] in {"cgroup", "cgroup2"}]


def is_v1() -> bool:
    """Whether the kubelet will find version 1 (or a hybrid, which counts as such)."""
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def create(name: str) -> None:
    """The cgroup `name` below the root of each hierarchy."""
    for root in hierarchies():
        folder = root / name
        folder.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # v1: a new cpuset is empty, and takes no process
            if (folder / file).exists() and not (folder / file).read_text().strip():
                (folder / file).write_text((root / file).read_text())


def folders(name: str) -> list[Path]:
    """Every folder of the cgroup `name`, the deepest first."""
    tops = [root / name for root in hierarchies()]
    found = [Path(path) for top in tops if top.is_dir() for path, _, _ in os.walk(top, topdown=False)]
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def kill(name: str, seconds: float = 60) -> None:
    """SIGKILL to every process in it, until none is left."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pids = set(_processes(name))
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove(name: str, seconds: float = 60) -> None:
    """The folders, once no process is in them; the kernel needs a moment after the last one's end."""
    end = time.monotonic() + seconds
    while (left := folders(name)) and time.monotonic() < end:
        for folder in left:
            with suppress(OSError):
                folder.rmdir()
        time.sleep(0.02)


def _processes(name: str) -> Iterator[int]:
    for folder in folders(name):
        with suppress(OSError):
            yield from map(int, (folder / "cgroup.procs").read_text().split())
