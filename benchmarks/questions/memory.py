"""How much memory does a proxy hold?  Weighed when it is ready and idle, and again when all loads are over."""

from dataclasses import dataclass

from benchmarks import usage
from benchmarks.topology import Pod


@dataclass(frozen=True, slots=True)
class Weight:
    """Resident memory of one peer in MiB.  `loaded` and `peak` are None if it did not live to the end."""

    idle: float
    loaded: float | None = None
    peak: float | None = None


def idle(pod: Pod) -> Weight:
    """Before the first load."""
    return Weight(_mebibytes(usage.memory(usage.pids(pod)).now))


def loaded(pod: Pod, before: Weight) -> Weight:
    """After the last load."""
    proxy = usage.pids(pod)
    if not proxy:
        return before
    memory = usage.memory(proxy)
    return Weight(before.idle, _mebibytes(memory.now), _mebibytes(memory.peak))


def _mebibytes(octets: int) -> float:
    return octets / 2**20
