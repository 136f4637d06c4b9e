"""From what a scenario left behind to what was seen.  Pure: replies, events and tallies in, a judgement out.

What belongs here: the rules by which the lab believes something.  A block counts only if the sidecar says
so itself and the application at the other end confirms that nothing came through.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.lab import evidence
from sidecar.lab.app import PanWatch, Tally
from sidecar.lab.client import Outcome
from sidecar.lab.clients import Reply
from sidecar.lab.evidence import Counters, Event
from sidecar.lab.scenarios import Arrival, Scenario, Seen


@dataclass(frozen=True, slots=True)
class Traces:
    """What a scenario left behind."""

    reply: Reply
    events: Sequence[Event]
    before: Mapping[str, Tally]
    """What the application of the target had received, by listener."""
    after: Mapping[str, Tally]
    rejections: Counters
    """Packets that firewall rules have rejected meanwhile, by the rule's comment."""
    counters: Counters
    """Metrics that have moved meanwhile."""

    def received(self, count: str) -> int:
        """How far a tally of the target's application has moved, over all listeners."""
        return _sum(self.after, count) - _sum(self.before, count)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was seen, the reason that was given, and everything that is not as it must be."""

    seen: str
    reason: str
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the scenario did what it must."""
        return not self.faults


def judge(scenario: Scenario, traces: Traces) -> Judgement:
    """Compare what was seen with what `scenario` expects."""
    seen, reason = observe(traces)
    faults = []
    if seen != scenario.expect:
        faults.append(f"expected: {scenario.expect}")
    if scenario.reason and scenario.reason != reason.partition(" ")[0]:
        faults.append(f"reason is not {scenario.reason}")
    faults += _content_faults(scenario, traces)
    about = f"{reason}; {scenario.uninspected}, not inspected" if scenario.uninspected else reason
    return Judgement(seen, about, tuple(faults))


def observe(traces: Traces) -> tuple[str, str]:
    """What was seen, in the words of `Seen` where they fit, and the reason with what it was about."""
    reply = traces.reply
    if reply.status in (403, 502):
        return _refusal(reply, traces.events)
    if reply.outcome is Outcome.ANSWERED:
        return _passed(traces)
    if reply.outcome is Outcome.REJECTED or traces.rejections:
        rules = [comment for comment, packets in traces.rejections.items() if packets]
        return (Seen.REJECTED, f"firewall: {rules[0]}") if rules else ("rejected by nobody", "")
    return _cut(reply, traces.events)


def _refusal(reply: Reply, events: Sequence[Event]) -> tuple[str, str]:
    """An HTTP answer of the sidecar: it names an incident, and an event with that name must exist."""
    try:
        answer = json.loads(reply.body)
        incident, reason, pattern = answer["incident"], answer["reason"], answer.get("pattern") or ""
    except (ValueError, KeyError, TypeError):
        return f"{reply.status}, not by a sidecar", ""
    if all(event.incident != incident for event in events):
        return f"{reply.status} without an event", reason
    seen = Seen.BLOCKED_403 if reply.status == 403 else Seen.BLOCKED_502
    return seen, _about(Event("", reason, pattern))


def _cut(reply: Reply, events: Sequence[Event]) -> tuple[str, str]:
    """A connection that ended early: who said so?

    One that hangs is a fault, whatever the events say.  To curl a reset during the handshake is a refusal like that
    of a port where nobody listens, so events are asked first.
    """
    if reply.outcome is Outcome.TIMEOUT:
        return "no end", ""
    for outcome, seen in (
        ("denied", Seen.DENIED),
        ("block", Seen.BLOCKED_RESET),
        ("blocked", Seen.BLOCKED_RESET),
    ):
        for event in events:
            if event.outcome == outcome:
                return seen, _about(event)
    if reply.outcome is Outcome.REFUSED:
        return Seen.REFUSED, "the kernel: nobody listens"
    return f"{reply.outcome} without an event", ""


def _passed(traces: Traces) -> tuple[str, str]:
    """An answer: was something done or noted about it?  If not, a flow must have been counted as allowed."""
    for outcome, seen in (("mask", Seen.MASKED), ("would_deny", Seen.REPORTED), ("alert", Seen.REPORTED)):
        for event in traces.events:
            if event.outcome == outcome:
                return seen, _about(event)
    reasons = evidence.allowed(traces.counters)
    return (Seen.PASSED, ", ".join(reasons)) if reasons else ("passed by nobody", "")


def _about(event: Event) -> str:
    return f"{event.reason} {event.pattern}".strip()


def _content_faults(scenario: Scenario, traces: Traces) -> list[str]:
    """What the other end received, and what came back."""
    cards = traces.received("pans")
    checks = {
        "a connection arrived": scenario.arrives is Arrival.NOTHING
        and bool(traces.received("connections") or traces.received("messages")),
        "a card arrived": scenario.arrives is not Arrival.CARD and cards > 0,
        "the card did not arrive": scenario.arrives is Arrival.CARD and cards == 0,
        "a card came back": scenario.arrives is not Arrival.CARD and cards_in(traces.reply) > 0,
        "the answer is another": scenario.shows not in traces.reply.body,
        "not counted as uninspected": bool(scenario.uninspected)
        and uninspected(scenario.uninspected) not in traces.counters,
    }
    return [fault for fault, found in checks.items() if found]


def uninspected(reason: str) -> str:
    """The metric that counts bytes which were not inspected for `reason`."""
    return f'cdefence_uninspected_bytes_total{{reason="{reason}"}}'


def cards_in(reply: Reply) -> int:
    """Whole test PANs in an answer."""
    return PanWatch().feed(reply.body.encode("latin-1", "replace"))


def _sum(tallies: Mapping[str, Tally], count: str) -> int:
    numbers: list[int] = [getattr(tally, count) for tally in tallies.values()]
    return sum(numbers)
