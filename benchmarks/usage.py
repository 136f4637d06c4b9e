"""What a proxy takes of the machine: resident memory and processor time, from /proc (proc(5)).

All processes of the pod that carry the sidecar's role are counted, children too: a proxy cannot look small by dividing.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.topology import Pod
from sidecar.lab import processes
from sidecar.lab.processes import Role

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields 14 and 15 of /proc/PID/stat, counted from behind the command name


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident set in bytes, now and at most."""

    now: int
    peak: int


def pids(pod: Pod) -> list[int]:
    """The processes of the proxy in `pod`."""
    return [each.pid for each in processes.find(pod.namespace) if each.role is Role.SIDECAR]


def memory(proxy: list[int]) -> Memory:
    """Summed over the processes of a proxy.  Raises FileNotFoundError when one is gone."""
    tables = [_status(pid) for pid in proxy]
    return Memory(sum(table["VmRSS"] for table in tables), sum(table["VmHWM"] for table in tables))


def processor_seconds(proxy: list[int]) -> float:
    """User and system time so far, all threads.  Raises FileNotFoundError when a process is gone."""
    total = 0
    for pid in proxy:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[_UTIME]) + int(fields[_STIME])
    return total * _TICK


def _status(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/status, in bytes."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1:] == ["kB"]}
