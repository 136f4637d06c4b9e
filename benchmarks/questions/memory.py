"""How much memory does a proxy hold?  Weighed when it is ready and idle, and again when all loads are over.

Every proxy is started twice: what it prepares at its first start on a machine (we compile patterns, mitmproxy makes
certificates) and keeps on disk is told apart from what it holds ever after.
"""

from dataclasses import dataclass

from benchmarks import usage
from benchmarks.topology import Pod


@dataclass(frozen=True, slots=True)
class Weight:
    """Resident memory of one peer in MiB.  `loaded` and `peak` are None if it did not live to the end."""

    first: float
    idle: float
    loaded: float | None = None
    peak: float | None = None


def idle(pod: Pod) -> float:
    """Before any load, in MiB."""
    return _mebibytes(usage.memory(usage.pids(pod)).now)


def loaded(pod: Pod, before: Weight) -> Weight:
    """After the last load."""
    proxy = usage.pids(pod)
    if not proxy:
        return before
    memory = usage.memory(proxy)
    return Weight(before.first, before.idle, _mebibytes(memory.now), _mebibytes(memory.peak))


def _mebibytes(octets: int) -> float:
    return octets / 2**20
