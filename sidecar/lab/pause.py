"""Furnishes the file system of a pod, then pauses: the process that holds a pod's mount namespace.

Started by `lab up` as root inside fresh mount and UTS namespaces; its mounts are seen by the pod alone and
vanish with its last process.  It gives the pod its own /etc/hosts, /etc/resolv.conf, /run/cdefence and host
name, and it lets unprivileged users reach the Python interpreter: on many machines that lives under a home
directory with mode 0700, which the proxy's user may not pass.  The mode is never changed; the pod sees an
empty directory in its place, in which only the interpreter, the environment and the code are mounted.

What never belongs here: networking, and anything the host could see.
"""

import argparse
import ctypes
import os
import socket
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

POD_DIRECTORY = Path("/run/cdefence")
"""Where a pod finds its own files: certificates, scope map, policy."""

# <sys/mount.h>
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 0x2, 0x4, 0x1000, 0x4000


def code_trees() -> frozenset[Path]:
    """The directories that any Python process of ours needs, by every name they are reached with.

    Each symbolic link on the way from the environment's `python` to the real one is a name of its own.
    """
    trees = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]}
    hop = Path(sys.executable)
    while True:
        trees.add(Path(os.path.normpath(hop.parent.parent)))
        if not hop.is_symlink():
            break
        hop = hop.parent / hop.readlink()
    return frozenset(trees | {tree.resolve() for tree in trees})


def closed_ancestor(tree: Path) -> Path | None:
    """The topmost directory above `tree` that other users may not pass, if any."""
    for ancestor in reversed(tree.parents):
        if not ancestor.is_symlink() and not ancestor.stat().st_mode & stat.S_IXOTH:
            return ancestor
    return None


def unreadable(trees: Iterable[Path]) -> list[Path]:
    """Trees that are closed themselves; no mount can help there."""
    open_to_all = stat.S_IROTH | stat.S_IXOTH
    return sorted(tree for tree in trees if tree.stat().st_mode & open_to_all != open_to_all)


def veil(directory: Path, shown: Sequence[tuple[Path, int]]) -> None:
    """Put an empty directory over `directory` and mount in it, at their old names, the trees behind the
    descriptors.

    Descriptors, because the old paths are out of reach from the moment the veil is up.
    """
    mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for target, descriptor in shown:
        target.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)
        os.close(descriptor)


def mount(source: str, target: Path, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2), raising OSError.  The mount command would resolve /proc/self/fd to a path that is veiled."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (source.encode(), os.fsencode(target), kind.encode() if kind else None)
    if libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def furnish(files: Path, trees: Iterable[Path]) -> None:
    """All mounts of a pod whose own files are in the host directory `files`."""
    veils: dict[Path, list[tuple[Path, int]]] = {Path("/run"): [(POD_DIRECTORY, os.open(files, os.O_PATH))]}
    for tree in sorted(trees):
        closed = closed_ancestor(tree)
        if closed:
            veils.setdefault(closed, []).append((tree, os.open(tree, os.O_PATH)))
    for directory, shown in veils.items():
        veil(directory, shown)
    for name in ("hosts", "resolv.conf"):
        cover(POD_DIRECTORY / name, Path("/etc") / name)


def cover(source: Path, target: Path) -> None:
    """Show `source` at `target`, which may be a symbolic link into /run (systemd-resolved), empty by now."""
    real = target.resolve()
    if not real.exists():
        real.parent.mkdir(parents=True, exist_ok=True)
        real.touch()
    mount(str(source), real, None, MS_BIND)


def main(arguments: Sequence[str] | None = None) -> None:
    """Furnish, then become `sleep`: from the name change on the pod is ready for others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="host name of the pod")
    parser.add_argument("--files", required=True, type=Path, help="host directory with the pod's own files")
    options = parser.parse_args(arguments)
    trees = code_trees()
    if closed := unreadable(trees):
        sys.exit(f"not readable for other users: {', '.join(map(str, closed))}; remedy: chmod -R o+rX them")
    socket.sethostname(options.name)
    furnish(options.files, trees)
    os.execvp("sleep", ["sleep", "infinity"])  # noqa: S606  a fixed command


if __name__ == "__main__":
    main()
