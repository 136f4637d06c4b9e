"""Tells about one connection: what was decided, what was found, how much was seen.  Counts once, at the right moment.

An event is told for whatever did not just pass; clean traffic is a counter.
"""

from collections.abc import Mapping
from dataclasses import replace

from sidecar.core.allowances import Basis
from sidecar.core.findings import Action, Channel, Finding
from sidecar.core.inspection import Step, Verdict
from sidecar.core.policy import Connection, Denial, Permit
from sidecar.core.reasons import Reason
from sidecar.core.samples import Samples
from sidecar.core.scopes import Mode
from sidecar.ops.event_log import EventLog
from sidecar.ops.events import Endpoint, FindingEvent, FlowEvent, new_incident
from sidecar.ops.events import Flow as FlowFacts
from sidecar.ops.metrics import Metrics
from sidecar.ops.verdict import Verdict as Word


class Account:
    """The books of one connection."""

    __slots__ = ("_closed", "_events", "_exclusions", "_facts", "_metrics", "_reason", "_rule", "_word")

    def __init__(self, metrics: Metrics, events: EventLog, facts: FlowFacts) -> None:
        self._metrics = metrics
        self._events = events
        self._facts = facts
        self._word: Word = "allowed"
        self._reason, self._rule = Reason.GRID, ""
        self._closed = False
        self._exclusions: frozenset[str] = frozenset()
        """Those that were told."""

    def decided(self, decision: Permit | Denial) -> None:
        """Segmentation has spoken."""
        self._reason, self._rule = decision.reason, decision.rule
        if isinstance(decision, Denial):
            self._word = "denied"
            self._metrics.blocked(self._facts.direction, decision.reason, decision.rule)
            self._events.emit(FlowEvent.decided(self._facts, decision))
            self.close(Channel.UNDECIDED)
        elif decision.would_deny is not None:
            self._word = "would_deny"
            self._events.emit(FlowEvent.decided(self._facts, decision))

    def found(self, step: Step, channel: Channel, *, enforced: bool, incident: str) -> None:
        """Tell the findings of one step."""
        facts = replace(self._facts, channel=channel)
        for finding in step.findings:
            done = finding.action if enforced or finding.action < Action.ALERT else Action.ALERT
            if step.verdict is not None and step.verdict.enforced and finding is step.verdict.finding:
                done = Action.BLOCK  # also when the policy wanted to mask and that was not safe
            self._metrics.finding(finding.pattern, str(done), facts.direction)
            if self._excused(finding) or finding.action > Action.ALLOW:
                self._events.emit(FindingEvent(facts, finding, done, incident or new_incident()))

    def _excused(self, finding: Finding) -> bool:
        """Count what the policy excuses; whether to tell it: an exception always, an exclusion once in a connection.

        An exclusion is there because its findings are noise; that it was used at all is evidence.
        """
        if finding.basis not in (Basis.EXCLUSION, Basis.EXCEPTION):
            return False
        self._metrics.excused(finding.basis, finding.rule, self._facts.direction)
        if finding.basis is Basis.EXCLUSION:
            known = self._exclusions
            self._exclusions = known | {finding.rule}
            return finding.rule not in known
        return True

    def ended_by(self, verdict: Verdict, channel: Channel, incident: str) -> None:
        """Content ended the connection, or would have."""
        rule = verdict.finding.rule if verdict.finding is not None else verdict.reason.value
        self._reason, self._rule = verdict.reason, rule
        self._word = "blocked" if verdict.enforced else "would_deny"
        if verdict.enforced:
            self._metrics.blocked(self._facts.direction, verdict.reason, rule)
        self._tell(channel, incident)

    def failed(self, reason: Reason, channel: Channel) -> None:
        """The connection was permitted, but ran into a limit or did not reach its upstream."""
        if self._word not in ("blocked", "denied"):
            self._word, self._reason = "failed", reason
            self._tell(channel)

    def moved(self, channel: Channel, count: int, uninspected: Mapping[Reason, int]) -> None:
        """`count` bytes were read in one direction; those that nobody looked at are told apart."""
        for reason, number in uninspected.items():
            self._metrics.uninspected(reason, number)
            count -= number
        if count > 0:
            self._metrics.inspected(self._facts.direction, channel, count)

    def passed_over(self, samples: Samples) -> None:
        """Count the bytes in which something was not looked for because enough of its kind were told."""
        self._metrics.passed_over += samples.passed_over
        samples.passed_over = 0

    def spliced(self, count: int) -> None:
        """`count` bytes passed inside the kernel."""
        self._metrics.uninspected(Reason.ENCRYPTED, count)

    def close(self, channel: Channel) -> None:
        """The connection is over: count it, once."""
        if not self._closed:
            self._closed = True
            source, destination = self._facts.source.scope, self._facts.destination.scope
            self._metrics.flow(self._facts.direction, self._word, self._reason, source, destination, channel)

    def _tell(self, channel: Channel, incident: str = "") -> None:
        """An event about the connection as a whole."""
        facts = replace(self._facts, channel=channel)
        self._events.emit(FlowEvent(facts, self._word, self._reason, self._rule, incident))


def facts(
    connection: Connection, client: tuple[str, int], server: tuple[str, int], mode: Mode, policy: str
) -> FlowFacts:
    """The facts that all events of a connection share."""
    return FlowFacts(
        connection.direction,
        Endpoint(client[0], client[1], connection.source),
        Endpoint(server[0], server[1], connection.destination),
        mode,
        policy,
    )
