"""The demonstration: brings a lab up, plays every scenario, prints what was seen, takes the lab down.

What belongs here: the order, the waiting, the printing.  What never does: raw values; a reply's body is
judged and forgotten.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.lab import evidence
from sidecar.lab.app import Tally
from sidecar.lab.client import Outcome
from sidecar.lab.clients import Reply
from sidecar.lab.evidence import Counters, Event
from sidecar.lab.files import DEFAULT_POLICY
from sidecar.lab.judge import Judgement, Traces, judge, uninspected
from sidecar.lab.lab import Lab
from sidecar.lab.scenarios import SCENARIOS, Change, Scenario, Seen
from sidecar.lab.table import line, render
from sidecar.lab.topology import Pod

PATIENCE = 30.0
"""Seconds to wait for an event, or for the other end to see the end of a connection."""

_SILENT = (Seen.REFUSED, Seen.REJECTED)
"""What no sidecar speaks of: the kernel does it."""


class Scene(Protocol):
    """What the scenarios need of the pods: our lab has it, and a Kubernetes cluster can."""

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Everybody who can take part."""

    def run(
        self, pod: Pod, command: Sequence[str], *, stdin: bytes = b"", timeout: float = 20.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a client in `pod`.  Raises subprocess.TimeoutExpired."""

    def received(self, pod: Pod) -> dict[str, Tally]:
        """What has reached the application of `pod`, by listener."""

    def events_size(self, pod: Pod) -> int:
        """A `start` for `events`: everything from now on."""

    def events(self, pod: Pod, start: int = 0) -> list[str]:
        """The sidecar's events from `start` on, one JSON text each."""

    def rejections(self, pod: Pod) -> Counters:
        """Packets that the firewall of `pod` has rejected, by the comment of the rule."""

    def metrics(self, pod: Pod) -> str:
        """The sidecar's metrics page; empty if it is down."""

    def apply_policy(self, pod: Pod, text: str = DEFAULT_POLICY) -> None:
        """Let this policy be in force for `pod` when it returns."""

    def stop_sidecar(self, pod: Pod) -> None:
        """Kill the sidecar of `pod`."""

    def start_sidecar(self, pod: Pod) -> None:
        """Bring it back, ready."""


@dataclass(slots=True)
class Stage:
    """A lab on which scenarios are played; adds up the metrics that move."""

    lab: Scene
    moved: Counters = field(default_factory=dict)

    def play(self, scenario: Scenario) -> Judgement:
        """Play one scenario and judge it."""
        source, target = _named(self.lab, scenario.source), _named(self.lab, scenario.target)
        with changed(self.lab, scenario):
            before = Snapshot.take(self.lab, source, target)
            reply = converse(self.lab, scenario, source)
            traces = before.traces(self.lab, scenario, reply)
        self.moved = evidence.total((self.moved, traces.counters))
        return judge(scenario, traces)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where everything stood before a scenario."""

    ends: tuple[Pod, ...]
    """The protected ones of source and target: their sidecars may speak."""
    target: Pod
    received: dict[str, Tally]
    events: dict[Pod, int]
    rejections: dict[Pod, Counters]
    counters: dict[Pod, Counters]

    @classmethod
    def take(cls, lab: Scene, source: Pod, target: Pod) -> "Snapshot":
        """How `lab` stands now."""
        ends = tuple(end for end in (source, target) if end.protected)
        return cls(
            ends,
            target,
            lab.received(target),
            {end: lab.events_size(end) for end in ends},
            {end: lab.rejections(end) for end in ends},
            {each: evidence.counters(lab.metrics(each)) for each in lab.pods if each.protected},
        )

    def traces(self, lab: Scene, scenario: Scenario, reply: Reply) -> Traces:
        """What has happened since; waits for the other end to close and for the event that must come."""
        wait_for(lambda: not any(tally.open for tally in lab.received(self.target).values()))
        if scenario.expect is Seen.PASSED:
            wait_for(lambda: bool(evidence.allowed(self._moved(lab))))
        elif scenario.expect not in _SILENT:
            wait_for(lambda: any(event.outcome != "allowed" for event in self._new_events(lab)))
        if scenario.uninspected:
            wait_for(lambda: uninspected(scenario.uninspected) in self._moved(lab))
        return Traces(
            reply,
            self._new_events(lab),
            self.received,
            lab.received(self.target),
            evidence.total(evidence.moved(self.rejections[end], lab.rejections(end)) for end in self.ends),
            self._moved(lab),
        )

    def _new_events(self, lab: Scene) -> list[Event]:
        return [evidence.event(text) for end in self.ends for text in lab.events(end, self.events[end])]

    def _moved(self, lab: Scene) -> Counters:
        pages = {each: evidence.counters(lab.metrics(each)) for each in self.counters}
        return evidence.total(evidence.moved(self.counters[each], page) for each, page in pages.items())


def _named(lab: Scene, name: str) -> Pod:
    """The pod called `name`.  Raises KeyError."""
    return {each.name: each for each in lab.pods}[name]


def converse(lab: Scene, scenario: Scenario, source: Pod) -> Reply:
    """Run the scenario's client in the pod `source`."""
    call = scenario.client.call(scenario.target)
    try:
        done = lab.run(source, call.command, stdin=call.stdin, timeout=60)
    except subprocess.TimeoutExpired:
        return Reply(Outcome.TIMEOUT)
    return scenario.client.reply(done)


@contextmanager
def changed(lab: Scene, scenario: Scenario) -> Iterator[None]:
    """Make the scenario's changes, and undo them, whatever happens."""
    with ExitStack() as undo:
        for name, change in scenario.changes:
            where = _named(lab, name)
            if change is Change.KILLED:
                lab.stop_sidecar(where)
                undo.callback(lab.start_sidecar, where)
            else:
                lab.apply_policy(where, change.value)
                undo.callback(lab.apply_policy, where)
        yield


def wait_for(condition: Callable[[], bool]) -> None:
    """Until `condition` holds or patience ends; the judgement tells which."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


# --- the show ---------------------------------------------------------------------------------------------


def run(name: str, *, keep: bool = False, scenarios: Sequence[Scenario] = SCENARIOS) -> int:
    """Show `scenarios` on the lab called `name`; 0 if all did what they must, else 1.  Raises LabError.

    The lab is removed at the end, also after a failure, unless `keep`.
    """
    before = signal.signal(signal.SIGTERM, _leave)
    lab, started = Lab(name), time.monotonic()
    try:
        lab.up()
        print(f"lab {name!r} is up after {time.monotonic() - started:.1f} s\n")
        good = show(Stage(lab), scenarios)
        print(
            f"\n{good} of {len(scenarios)} scenarios as expected, {time.monotonic() - started:.1f} s in all"
        )
        return 0 if good == len(scenarios) else 1
    finally:
        if not keep:
            lab.down()
        signal.signal(signal.SIGTERM, before)


def show(stage: Stage, scenarios: Sequence[Scenario]) -> int:
    """Play and print line by line, then the metrics; returns how many were as expected."""
    header = ("scenario", "from", "to", "expected", "seen", "reason")
    plan = [(each.title, each.source, each.target, each.expect.value, "", "") for each in scenarios]
    widths = [max(map(len, column)) for column in zip(header, *plan, strict=True)]
    widths[4:] = [max(map(len, Seen)), max(map(len, (each.reason for each in scenarios)))]
    print(line(header, widths))
    print(line(["─" * width for width in widths], widths))
    good = 0
    for scenario, cells in zip(scenarios, plan, strict=True):
        judgement = stage.play(scenario)
        good += judgement.good
        print(line((*cells[:4], judgement.seen, judgement.reason), widths), flush=True)
        for fault in judgement.faults:
            print(f"    ✘ {fault}")
    print("\nmetrics that moved, all sidecars together\n")
    print(render(("by", "metric"), metric_rows(stage.moved)))
    return good


def metric_rows(moved: Counters) -> list[tuple[str, str]]:
    """The metrics, each by how much and under its own name."""
    width = max((len(f"{value:.0f}") for value in moved.values()), default=0)
    return [(f"{value:.0f}".rjust(width), series) for series, value in sorted(moved.items())]


def _leave(number: int, _frame: object) -> None:
    """SIGTERM ends the demonstration like an error, so that the lab is taken down."""
    sys.exit(128 + number)
