"""The order of things: pods up, proxies idle and weighed, then round by round every question to every peer in turn.

Peers take turns within a question, so whatever else the machine does hits all of them; ratios are made within a round.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import application, runner
from benchmarks.errors import BenchError, CannotRunError
from benchmarks.load import LoadError
from benchmarks.peers.model import Peer
from benchmarks.questions import memory
from benchmarks.questions.model import Question
from benchmarks.results import Answers, Incident, Results, Sample, Standing
from benchmarks.runner import Runner
from benchmarks.topology import Network


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long."""

    peers: Sequence[Peer]
    questions: Sequence[Question]
    rounds: int
    seconds: float
    warm_up: bool = True


def run(plan: Plan) -> Results:
    """Measure.  Raises BenchError when nothing can be measured at all."""
    results = Results(plan.rounds, plan.seconds)
    with Network() as network:
        _say("generating payloads")
        corpus = application.make_files(network)
        runners = [up for peer in plan.peers if (up := _start(network, peer, corpus, results))]
        if plan.warm_up:
            _warm_up(plan, runners, corpus)
        _ask_all(plan, runners, corpus, results)
        for each in runners:
            if each.weight is not None:
                results.weights[each.peer.name] = memory.loaded(each.pod, each.weight)
    return results


def _start(network: Network, peer: Peer, corpus: Path, results: Results) -> Runner | None:
    """A peer that cannot run is noted with the reason; the others go on."""
    _say(f"starting {peer.title}")
    pod = network.pod(peer.name)
    try:
        up = runner.bring_up(peer, pod, corpus)
        version = peer.version()
    except (CannotRunError, BenchError) as reason:
        results.standings.append(Standing(peer.name, peer.title, peer.does, absent=str(reason)))
        network.discard(pod)
        return None
    results.standings.append(Standing(peer.name, peer.title, peer.does, version=version))
    return up


def _warm_up(plan: Plan, runners: Sequence[Runner], corpus: Path) -> None:
    """One second each, unmeasured: caches of the kernel, of the interpreter, of the allocator."""
    _say("warming up")
    for each in runners:
        try:
            each.measure(plan.questions[0], 1.0, corpus)
        except (LoadError, BenchError):
            continue  # what is wrong will be told when it counts


def _ask_all(plan: Plan, runners: Sequence[Runner], corpus: Path, results: Results) -> None:
    turns = [
        (
            question,
            [(each, Answers(question, each.peer.name)) for each in runners if question.suits(each.peer.tls)],
        )
        for question in plan.questions
    ]
    results.answers += [answers for _, asked in turns for _, answers in asked]
    for number in range(1, plan.rounds + 1):
        for question, asked in turns:
            _say(f"round {number} of {plan.rounds}: {question.title}")
            for each, answers in asked:
                answers.rounds.append(_measure(question, each, plan.seconds, corpus, number, results))


def _measure(
    question: Question, each: Runner, seconds: float, corpus: Path, number: int, results: Results
) -> Sample | None:
    """One question to one peer; None, and a failure noted, when it has no answer.

    If a process has ended, which on a shared machine may be somebody else's doing, it is started again and asked once more.
    """
    try:
        return each.measure(question, seconds, corpus)
    except (LoadError, BenchError) as error:
        missing = each.missing()
        incident = Incident(question.name, each.peer.name, number, missing or str(error))
    if not missing:
        results.failures.append(incident)
        return None
    results.repeats.append(incident)
    try:
        each.revive()
        return each.measure(question, seconds, corpus)
    except (LoadError, BenchError) as error:
        results.failures.append(Incident(question.name, each.peer.name, number, str(error)))
        return None


def _say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
