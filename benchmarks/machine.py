"""Where and with what it was measured: a figure without these is hearsay."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that a reader needs to compare."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load_average: float
    """Of the minute before the run: who else was at work."""
    commit: str
    """Short name of the commit; with `+` when files of the product differ from it."""
    tools: tuple[str, ...]


def look() -> Machine:
    """This machine, now."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        load_average=round(os.getloadavg()[0], 2),
        commit=_commit(),
        tools=(*load.versions(), _said("nginx", "-v")),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    name = _said("git", "rev-parse", "--short", "HEAD")
    if not name or name.startswith("fatal"):
        return "unknown"
    changed = _said("git", "status", "--porcelain", "--", "sidecar", "injector", "dlp_patterns")
    return name + ("+" if changed else "")


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return (done.stdout or done.stderr).strip()
