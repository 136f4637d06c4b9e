"""Takes a bed down, also after a crash, also twice: what a bed owns follows from its name alone.

Order: pods and daemons end before what they stand on.  What never belongs here: anything of another bed or of the host.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.cluster.bed import cgroups, daemon, netns
from tests.cluster.bed.errors import BedError
from tests.cluster.bed.places import Places, cache_root
from tests.cluster.bed.shell import quietly


def down(places: Places) -> None:
    """Everything of this bed, gone.  Raises BedError naming what could not be removed."""
    elsewhere = list(_elsewhere(places))  # now: containerd forgets a pod whose end it sees
    for each in daemon.recorded(places):
        if each.name in _FIRST:
            daemon.stop(places, each, patience=3)
    cgroups.kill(places.cgroup)
    for each in daemon.recorded(places):
        daemon.stop(places, each)
    _sweep(places)
    cgroups.remove(places.cgroup)
    for file in elsewhere:
        file.unlink(missing_ok=True)
    _unmount_below(places.folder)
    netns.remove(places)
    shutil.rmtree(places.folder, ignore_errors=True)
    if left := leftovers(places):
        raise BedError(f"bed {places.name}: could not remove {', '.join(left)}")


_CNI_RESULTS = Path("/var/lib/cni/results")

# Whoever would start pods again goes before the pods.
_FIRST = ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def leftovers(places: Places) -> list[str]:
    """What is still there of this bed."""
    left = [f"process {pid}" for pid in _members(places)]
    left += [f"mount {mount}" for mount in _mounts_below(places.folder)]
    left += [f"namespace {name}" for name in (places.netns, places.outside) if netns.path(name).exists()]
    left += [f"cgroup {path}" for path in cgroups.folders(places.cgroup)]
    return left + ([f"folder {places.folder}"] if places.folder.exists() else [])


def stale() -> list[Places]:
    """Beds of owners that have ended without taking them down: the name says `-pidN`."""
    beds = cache_root() / "beds"
    names = [path.name for path in beds.iterdir()] if beds.is_dir() else []
    owned = [(name, name.rpartition("-pid")[2]) for name in names if "-pid" in name]
    return [Places(name) for name, pid in owned if pid.isdigit() and daemon.birth(int(pid)) is None]


def _members(places: Places) -> Iterator[int]:
    """Processes in the bed's namespaces: its daemons, containerd's shims, commands started with `exec`."""
    ours = {_inode(netns.path(name)) for name in (places.netns, places.outside)} - {None}
    for pid in daemon.processes():
        if ours and pid != os.getpid() and _inode(Path(f"/proc/{pid}/ns/net")) in ours:
            yield pid


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None


def _sweep(places: Places) -> None:
    """SIGKILL to whatever still lives in the bed's namespaces, until nothing does."""
    for _ in range(1200):  # a minute
        members = list(_members(places))
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _elsewhere(places: Places) -> Iterator[Path]:
    """What containerd and CNI keep outside the bed's folder: sockets of shims, results of plugins."""
    for file in places.folder.glob("containerd-state/io.containerd.runtime.v2.task/k8s.io/*/address"):
        with suppress(OSError):
            yield Path(file.read_text().removeprefix("unix://"))
    sandbox = "[0-9a-f]" * 64
    for file in _CNI_RESULTS.glob(f"{places.netns}-{sandbox}-eth0"):
        yield file
        yield file.with_name(file.name.replace(places.netns, "cni-loopback").replace("-eth0", "-lo"))


def _mounts_below(folder: Path) -> list[str]:
    """Mount points below `folder`, the deepest first, proc_pid_mountinfo(5); the kernel writes a space as \\040."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].replace("\\040", " ") for line in lines]
    return sorted((point for point in points if Path(point).is_relative_to(folder)), key=len, reverse=True)


def _unmount_below(folder: Path) -> None:
    for _ in range(5):
        points = _mounts_below(folder)
        if not points:
            return
        for point in points:
            quietly(["umount", "-l", point])
