"""What a question is: a load that every peer gets, and which of its figures is the answer.  Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.load import Load, Outcome
from benchmarks.topology import HTTP_PORT, HTTPS_PORT, Pod

CONNECTIONS = 16
"""Kept open at once, unless a question says otherwise."""
FEW = 4
"""For large answers: proxies that buffer them whole would measure their allocator otherwise."""


class Unit(StrEnum):
    """What an answer is counted in."""

    REQUESTS = "req/s"
    MEGABYTES = "MB/s"
    CONNECTIONS = "conn/s"
    MICROSECONDS = "µs p50"
    """Of latency; less is better."""
    MEBIBYTES = "MiB"
    """Of memory; less is better."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of the report for each peer."""

    name: str
    title: str
    path: str
    unit: Unit
    connections: int = CONNECTIONS
    close: bool = False
    upload: str = ""
    """POST the file of that name."""
    tls: bool = False
    """Over TLS that nobody opens: asked only of peers that pass it through."""
    share: float = 1.0
    """Of the seconds of a round: some answers need less time to be steady."""

    def suits(self, passes_tls: bool) -> bool:
        """Whether this can be asked of a peer: all take plain HTTP, not all let TLS pass."""
        return passes_tls or not self.tls

    def load(self, pod: Pod, seconds: float, corpus: Path) -> Load:
        """The load on `pod`; whole seconds, as wrk counts them."""
        scheme, port = ("https", HTTPS_PORT) if self.tls else ("http", HTTP_PORT)
        return Load(
            url=f"{scheme}://{pod.address}:{port}{self.path}",
            seconds=max(1.0, round(seconds * self.share)),
            connections=self.connections,
            close=self.close,
            body=corpus / self.upload if self.upload else None,
        )

    def answer(self, outcome: Outcome) -> float:
        """The figure that this question is about."""
        match self.unit:
            case Unit.MEGABYTES:
                return outcome.octets / outcome.seconds / 1e6
            case Unit.MICROSECONDS:
                return outcome.p50
            case _:
                return outcome.requests / outcome.seconds
