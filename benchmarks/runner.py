"""A peer in its pod: brought up, measured, and brought up again when one of its processes has ended meanwhile."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import application, load, usage
from benchmarks.errors import BenchError
from benchmarks.peers import model
from benchmarks.peers.model import Launch, Peer
from benchmarks.questions import memory
from benchmarks.questions.memory import Weight
from benchmarks.questions.model import Question, Unit
from benchmarks.results import Sample
from benchmarks.topology import Pod, last_line
from sidecar.lab.processes import Role


@dataclass(frozen=True, slots=True)
class Runner:
    """A peer, ready to be asked."""

    peer: Peer
    pod: Pod
    launch: Launch | None
    weight: Weight | None
    """Of the idle proxy; None where there is none."""

    def measure(self, question: Question, seconds: float, corpus: Path) -> Sample:
        """Put one question.  Raises LoadError when requests failed, BenchError when nothing could be asked."""
        proxy = usage.pids(self.pod)
        try:
            before = usage.processor_seconds(proxy)
            outcome = load.run(question.load(self.pod, seconds, corpus))
            spent = usage.processor_seconds(proxy) - before
        except FileNotFoundError:
            raise BenchError("the proxy has ended") from None
        amount = outcome.octets / 1e6 if question.unit is Unit.MEGABYTES else outcome.requests
        cpu = spent / amount * 1e6 if proxy and amount else None
        return Sample(question.answer(outcome), outcome.p50, outcome.p99, cpu)

    def missing(self) -> str:
        """Which process has ended, and what it said last; empty if all are there."""
        gone = []
        if self.launch is not None and not usage.pids(self.pod):
            words = self.pod.log(Role.SIDECAR.value).read_text(errors="replace")
            gone.append(f"the proxy has ended ({last_line(words)})")
        if not application.listens(self.pod):
            gone.append("nginx has ended")
        return ", ".join(gone)

    def revive(self) -> None:
        """Start again what has ended.  Raises BenchError."""
        if not application.listens(self.pod):
            application.start(self.pod)
        if self.launch is not None and not usage.pids(self.pod):
            model.start(self.launch, self.pod)


def bring_up(peer: Peer, pod: Pod, corpus: Path) -> Runner:
    """Application, firewall, proxy: the proxy twice, see `questions.memory`.  Raises CannotRunError, BenchError."""
    application.furnish(pod, corpus)
    application.start(pod)
    launch = model.furnish(peer, pod)
    if launch is None:
        if not model.answers(pod):
            raise BenchError("the application does not answer")
        return Runner(peer, pod, None, None)
    model.start(launch, pod)
    first = memory.idle(pod)
    model.stop(pod)
    model.start(launch, pod)
    return Runner(peer, pod, launch, Weight(first, memory.idle(pod)))
