"""The order of things: pods up, proxies idle and weighed, then round by round every question to every peer in turn.

Peers take turns within a question, so whatever else the machine does hits all of them; ratios are made within a round.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import application, load, usage
from benchmarks.errors import BenchError, CannotRunError
from benchmarks.load import LoadError
from benchmarks.peers import model
from benchmarks.peers.model import Peer
from benchmarks.questions import memory
from benchmarks.questions.memory import Weight
from benchmarks.questions.model import Question, Unit
from benchmarks.results import Answers, Failure, Results, Sample, Standing
from benchmarks.topology import Network, Pod, last_line
from sidecar.lab.processes import Role


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long."""

    peers: Sequence[Peer]
    questions: Sequence[Question]
    rounds: int
    seconds: float
    warm_up: bool = True


@dataclass(frozen=True, slots=True)
class Runner:
    """A peer in its pod."""

    peer: Peer
    pod: Pod


def run(plan: Plan) -> Results:
    """Measure.  Raises BenchError when nothing can be measured at all."""
    results = Results(plan.rounds, plan.seconds)
    with Network() as network:
        _say("generating payloads")
        application.make_files(network)
        runners = [runner for peer in plan.peers if (runner := _start(network, peer, results))]
        corpus = network.directory / "corpus"
        if plan.warm_up:
            _warm_up(plan, runners, corpus)
        _ask_all(plan, runners, corpus, results)
        for runner in runners:
            before = results.weights.get(runner.peer.name)
            if before is not None:
                results.weights[runner.peer.name] = memory.loaded(runner.pod, before)
    return results


def _start(network: Network, peer: Peer, results: Results) -> Runner | None:
    """A peer that cannot run is noted with the reason; the others go on."""
    _say(f"starting {peer.title}")
    pod = network.pod(peer.name)
    try:
        application.start(network, pod)
        weight = _start_proxy(peer, pod)
    except (CannotRunError, BenchError) as reason:
        results.standings.append(Standing(peer.name, peer.title, peer.does, absent=str(reason)))
        network.discard(pod)
        return None
    results.standings.append(Standing(peer.name, peer.title, peer.does, version=peer.version()))
    if weight is not None:
        results.weights[peer.name] = weight
    return Runner(peer, pod)


def _start_proxy(peer: Peer, pod: Pod) -> Weight | None:
    """Twice, see `questions.memory`.  Raises CannotRunError, BenchError."""
    launch = model.furnish(peer, pod)
    if launch is None:
        return None
    model.start(launch, pod)
    first = memory.idle(pod)
    model.stop(pod)
    model.start(launch, pod)
    return Weight(first, memory.idle(pod))


def _warm_up(plan: Plan, runners: Sequence[Runner], corpus: Path) -> None:
    """One second each, unmeasured: caches of the kernel, of the interpreter, of the allocator."""
    _say("warming up")
    for runner in runners:
        try:
            load.run(plan.questions[0].load(runner.pod, 1.0, corpus))
        except LoadError:
            continue  # what is wrong will be told when it is measured


def _ask_all(plan: Plan, runners: Sequence[Runner], corpus: Path, results: Results) -> None:
    tables: dict[tuple[str, str], Answers] = {}
    for question in plan.questions:
        for runner in runners:
            if runner.peer.tls or not question.tls:
                answers = Answers(question, runner.peer.name)
                tables[question.name, runner.peer.name] = answers
                results.answers.append(answers)
    for number in range(1, plan.rounds + 1):
        for question in plan.questions:
            _say(f"round {number} of {plan.rounds}: {question.title}")
            for runner in runners:
                if (question.name, runner.peer.name) in tables:
                    sample = _measure(question, runner, plan.seconds, corpus, number, results)
                    tables[question.name, runner.peer.name].rounds.append(sample)


def _measure(
    question: Question, runner: Runner, seconds: float, corpus: Path, number: int, results: Results
) -> Sample | None:
    """One question to one peer; None, and a failure noted, when requests failed."""
    proxy = usage.pids(runner.pod)
    try:
        before = usage.processor_seconds(proxy)
        outcome = load.run(question.load(runner.pod, seconds, corpus))
        spent = usage.processor_seconds(proxy) - before
    except (LoadError, BenchError, FileNotFoundError) as error:
        why = _what_ended(runner, proxy) or str(error)
        results.failures.append(Failure(question.name, runner.peer.name, number, why))
        return None
    amount = outcome.octets / 1e6 if question.unit is Unit.MEGABYTES else outcome.requests
    cpu = spent / amount * 1e6 if proxy and amount else None
    return Sample(question.answer(outcome), outcome.p50, outcome.p99, cpu)


def _what_ended(runner: Runner, proxy: Sequence[int]) -> str:
    """Whether the cause is that a process is gone, which somebody on this machine may have ended."""
    if runner.peer.prepare is not None and (not proxy or set(proxy) != set(usage.pids(runner.pod))):
        return f"the proxy has ended: {_last_words(runner.pod)}"
    return "" if application.listens(runner.pod) else "the application has ended"


def _last_words(pod: Pod) -> str:
    return last_line(pod.log(Role.SIDECAR.value).read_text(errors="replace"))


def _say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
