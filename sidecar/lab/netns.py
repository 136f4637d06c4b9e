"""Network namespaces: create, wire, enter, remove.

`ip -batch` is used instead of pyroute2: one short process wires a whole namespace, its error is the
kernel's own words, and every step can be repeated by hand; pyroute2's `NetNS` starts an interpreter for
each namespace.  Entering is by `nsenter --net=`, because `ip netns exec` mounts a fresh /sys over the one
that is there.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from sidecar.lab.errors import LabError

DIRECTORY = Path("/run/netns")
BRIDGE = "br0"


def path(namespace: str) -> Path:
    """Where the namespace is mounted."""
    return DIRECTORY / namespace


def exists(namespace: str) -> bool:
    """Whether `namespace` is there and is a namespace (a crash of `ip netns add` can leave an empty file)."""
    try:
        return path(namespace).stat().st_dev != DIRECTORY.stat().st_dev
    except FileNotFoundError:
        return False


def inode(namespace: str) -> int:
    """The kernel's identity of the namespace, as in `/proc/PID/ns/net`."""
    return path(namespace).stat().st_ino


def create(namespace: str) -> None:
    """Make `namespace` unless it exists."""
    if exists(namespace):
        return
    path(namespace).unlink(missing_ok=True)
    _run(["ip", "netns", "add", namespace])


def delete(namespace: str) -> None:
    """Remove `namespace` and with it every link, address and rule in it.  Its processes must have ended."""
    if exists(namespace):
        _run(["ip", "netns", "delete", namespace])
    path(namespace).unlink(missing_ok=True)


def links(namespace: str) -> frozenset[str]:
    """Names of the links in `namespace`."""
    return frozenset(inside(namespace, lambda: [name for _, name in socket.if_nameindex()]))


def configure(namespace: str, lines: Iterable[str]) -> None:
    """Run `ip` commands (without the leading `ip`) in `namespace`, all in one process.

    Raises LabError with the command's own words.
    """
    _run(["nsenter", f"--net={path(namespace)}", "ip", "-batch", "-"], "\n".join(lines) + "\n")


def inside[T](namespace: str, function: Callable[[], T]) -> T:
    """Call `function` in a thread that has entered `namespace`; sockets made there stay there and can be
    handed out.

    The namespace is a property of the thread, so the rest of this process stays where it is.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with path(namespace).open("rb") as handle:
                os.setns(handle.fileno(), os.CLONE_NEWNET)
            results.append(function())
        except BaseException as failure:  # noqa: BLE001  handed to the caller, whatever it is
            failures.append(failure)

    thread = threading.Thread(target=run, name=f"in {namespace}")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def connect(namespace: str, host: str, port: int, timeout: float = 10.0) -> socket.socket:
    """A TCP connection to the address `host`, opened in `namespace`; `timeout` in seconds.  Raises OSError."""
    return inside(namespace, lambda: socket.create_connection((host, port), timeout=timeout))


def _run(command: list[str], text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " / ".join(done.stderr.split("\n")).strip(" /") or f"exit code {done.returncode}"
        raise LabError(f"{' '.join(command)}: {words}")
