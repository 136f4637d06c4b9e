"""What bombs cost: processor time and memory of one connection that sends one.  `python -m benchmarks bombs`.

Each goes through a whole flow with the default policy, in protect mode and in monitor mode, where nothing ends it, in reads
of 64 KiB.  Time: the best of three.  Memory: what Python traces, and how much the process grew, each in a process of its
own.  The aim is 100 ms and 8 MB a flow; beyond `PLAIN` bytes on the wire, what plain text full of numbers may take is
added to the time (`PLAIN_EACH`).
"""

import gc
import os
import pickle
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.report import table
from sidecar.core.scopes import Mode
from tests.kit.bombs import bombs, post
from tests.kit.engines import flow

READ: Final = 64 * 1024
ROUNDS: Final = 3
TIME_BAR: Final = 0.1
MEMORY_BAR: Final = 8.0
"""MB."""
PLAIN: Final = 64 * 1024
PLAIN_EACH: Final = 1e-6
"""Seconds for each byte beyond that."""
COLUMNS: Final = ("bomb", "bytes", "protect ms", "monitor ms", "traced MB", "grown MB", "ends", "told")


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a bomb."""

    verdict: str
    """Empty if it passed."""
    told: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one bomb costs."""

    name: str
    wire: int
    protect: float
    monitor: float
    """Seconds."""
    traced: float
    grown: float
    """MB."""
    ending: Ending

    @property
    def within(self) -> bool:
        """Whether it stays within the bars."""
        most = TIME_BAR + max(0, self.wire - PLAIN) * PLAIN_EACH
        return max(self.protect, self.monitor) <= most and max(self.traced, self.grown) <= MEMORY_BAR

    @property
    def row(self) -> tuple[str, ...]:
        """As the table shows it."""
        told = ", ".join(f"{what} ({count})" for what, count in self.ending.told.items())
        times = (f"{self.protect * 1e3:.0f}", f"{self.monitor * 1e3:.0f}")
        sizes = (f"{self.traced:.1f}", f"{self.grown:.1f}")
        name = self.name if self.within else f"! {self.name}"
        return name, f"{self.wire:,}", *times, *sizes, self.ending.verdict or "passes", told


def main() -> int:
    """Measure, print one table; 1 if a bar was missed."""
    send(post(b"4111 1111 1111 1112"), Mode.PROTECT)  # what is compiled at first use
    costs = [cost(name, wire) for name, wire in bombs().items()]
    here = machine.look()
    print(f"{here.processor}, load {here.load_average}, commit {here.commit}\n")
    print(table(COLUMNS, [each.row for each in costs], {0, 6, 7}))
    missed = [each.name for each in costs if not each.within]
    print(f"\n{len(costs) - len(missed)} of {len(costs)} within the bars")
    return 1 if missed else 0


def cost(name: str, wire: bytes) -> Cost:
    """What a bomb costs."""
    protect = min(_seconds(wire, Mode.PROTECT) for _ in range(ROUNDS))
    monitor = min(_seconds(wire, Mode.MONITOR) for _ in range(ROUNDS))
    told = send(wire, Mode.MONITOR).told
    ending = Ending(send(wire, Mode.PROTECT).verdict, told)
    return Cost(
        name, len(wire), protect, monitor, _apart(lambda: _traced(wire)), _apart(lambda: _grown(wire)), ending
    )


def send(wire: bytes, mode: Mode) -> Ending:
    """One connection on which a client sends these bytes, as far as it gets."""
    one, told = flow(mode=mode), Counter[str]()
    for at in range(0, len(wire), READ):
        step = one.client.feed(wire[at : at + READ])
        told.update(each.shown if each.pattern == "unscannable" else each.pattern for each in step.findings)
        if step.verdict is not None and step.verdict.enforced:
            return Ending(step.verdict.reason.value, dict(told))
    return Ending("", dict(told))


def _seconds(wire: bytes, mode: Mode) -> float:
    gc.collect()
    began = time.process_time()
    send(wire, mode)
    return time.process_time() - began


def _traced(wire: bytes) -> float:
    tracemalloc.start()
    send(wire, Mode.MONITOR)
    return tracemalloc.get_traced_memory()[1] / 1e6


def _grown(wire: bytes) -> float:
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # from here on the peak is measured
    before = _status("VmRSS")
    send(wire, Mode.MONITOR)
    return max(0.0, _status("VmHWM") - before)


def _status(field: str) -> float:
    """A field of this process's status, MB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(f"{field}:"))


def _apart(measure: Callable[[], float]) -> float:
    """The same in a process of its own, which has the compiled patterns already."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.write(write, pickle.dumps(measure()))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        measured = answer.read()
    os.waitpid(child, 0)
    return float(pickle.loads(measured))
