"""Daemons: started in a namespace, remembered in a pid file, ended by that file, also by a later process.

A pid is only believed together with its start time, so that a number which the kernel gave to somebody else is never
signalled.  What never belongs here: what the daemons are.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.bed import netns
from tests.cluster.bed.errors import BedError
from tests.cluster.bed.places import Places

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process that this bed started."""

    name: str
    pid: int
    born: str
    """Field 22 of /proc/PID/stat, proc(5): clock ticks since boot."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return birth(self.pid) == self.born


def birth(pid: int) -> str | None:
    """When process `pid` was born; None when there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]


NODE: Final = ""


def start(
    places: Places,
    name: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    within: str | None = NODE,
) -> Daemon:
    """Start `command` in the node's namespace, `within` another one, or on the host (None).

    Its output goes to log/NAME.log.
    """
    space = places.netns if within == NODE else within
    words = [*(netns.inside(space) if space else []), *map(str, command)]
    places.logs.mkdir(parents=True, exist_ok=True)
    places.pids.mkdir(parents=True, exist_ok=True)
    with (places.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | dict(env or {}),
            cwd="/",
            start_new_session=True,
        )
    daemon = Daemon(name, process.pid, birth(process.pid) or "")
    (places.pids / name).write_text(f"{daemon.pid} {daemon.born}\n")
    process.returncode = 0  # its end is watched by pid file; Popen must not warn about a child that lives on
    return daemon


def recorded(places: Places) -> list[Daemon]:
    """Every daemon with a pid file, the latest first."""
    if not places.pids.is_dir():
        return []
    files = sorted(places.pids.iterdir(), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [_read(file) for file in files]


def find(places: Places, name: str) -> Daemon:
    """The daemon called `name`.  Raises BedError when this bed has none."""
    file = places.pids / name
    if not file.exists():
        raise BedError(
            f"bed {places.name}: no {name}; it runs {[daemon.name for daemon in recorded(places)]}"
        )
    return _read(file)


def stop(places: Places, daemon: Daemon, *, patience: float = 5) -> None:
    """End it: SIGTERM, and SIGKILL after `patience` seconds."""
    end_process(daemon.pid, daemon.born, patience=patience)
    (places.pids / daemon.name).unlink(missing_ok=True)


def end_process(pid: int, born: str, *, patience: float) -> None:
    """End process `pid` if it is still the one born at `born`."""
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 60.0)):
        if birth(pid) != born:
            break
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        _gone(pid, born, wait)
    _reap(pid)


def until(
    ready: Callable[[], bool], what: str, *, seconds: float, watching: Sequence[Daemon] = (), logs: Path
) -> None:
    """Poll `ready`.  Raises BedError naming `what` when time is up or a watched daemon has died."""
    end = time.monotonic() + seconds
    while not ready():
        for dead in (daemon for daemon in watching if not daemon.alive):
            raise BedError(f"{dead.name} has died:\n{tail(logs / f'{dead.name}.log')}")
        if time.monotonic() > end:
            ends = "\n".join(f"{each.name}: {tail(logs / f'{each.name}.log', 3)}" for each in watching)
            raise BedError(f"{what}: not after {seconds:g} s\n{ends}")
        time.sleep(_POLL_S)


def tail(file: Path, lines: int = 12) -> str:
    """The end of a log."""
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else "(no log)"


def processes() -> Iterator[int]:
    """Every process of this machine that we may see."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _read(file: Path) -> Daemon:
    pid, _, born = file.read_text().strip().partition(" ")
    return Daemon(file.name, int(pid), born)


def _gone(pid: int, born: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while birth(pid) == born and time.monotonic() < end:
        time.sleep(_POLL_S)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
