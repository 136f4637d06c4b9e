"""Throw-away network namespaces for tests: made, entered by a thread, removed.

A network namespace belongs to a thread, and so do the file-system ids that the firewall takes for a socket's owner.
So a function "runs in a pod as the proxy" in a thread of its own that ends with it; sockets it returns stay in the pod.
"""

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
MISSING = [
    tool
    for tool in ("ip", "nft")
    if shutil.which(tool, path=f"{os.environ.get('PATH')}:/usr/sbin:/sbin") is None
]
lab = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces"),
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)} (Debian: iproute2, nftables)"),
]
"""What a module with real namespaces says: `pytestmark = lab`."""


def in_lab[T: Callable[..., None]](test: T) -> T:
    """The same for one test."""
    for mark in lab:
        test = mark(test)
    return test


_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def command(*words: str, stdin: str | None = None) -> str:
    """Standard output of a fixed command that must succeed."""
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    """A network namespace by its name."""

    name: str

    def run[T](self, function: Callable[[], T], uid: int = 0, gid: int = 0) -> T:
        """The result of `function`, called inside, its sockets owned by `uid` and `gid`."""
        result: Future[T] = Future()

        def inside() -> None:
            try:
                with Path("/run/netns", self.name).open() as file:
                    os.setns(file.fileno(), os.CLONE_NEWNET)
                _libc.setfsgid(gid)
                _libc.setfsuid(uid)
                result.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is raised again in the caller
                result.set_exception(error)

        thread = Thread(target=inside, name=f"in {self.name}")
        thread.start()
        thread.join()
        return result.result()

    def ip(self, words: str) -> str:
        """`ip -netns <name> <words>`."""
        return command("ip", "-netns", self.name, *words.split())

    def nft(self, words: str, stdin: str | None = None) -> str:
        """`nft <words>` inside."""
        return command("ip", "netns", "exec", self.name, "nft", *words.split(), stdin=stdin)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A new, empty namespace with `lo` up; gone afterwards whatever happens."""
    made = Namespace(f"cdt{os.getpid()}-{next(_numbers)}")
    command("ip", "netns", "add", made.name)
    try:
        made.ip("link set lo up")
        yield made
    finally:
        command("ip", "netns", "delete", made.name)
