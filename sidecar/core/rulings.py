"""What is decided about the values of one direction of a connection, one after another, where their kind does not tell.

What belongs here: the memory of thresholds (how many different values a rule has seen), and asking conditions.  What never
does: the conditions themselves (`allowances`), the order of rules (`policy`), acting on a ruling (`inspection`).

Each value comes here once, when it is told, in the order of the stream: the value that reaches a threshold is judged by its
rule before it leaves.  Those before it have passed by then.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from sidecar.core.allowances import NO_MARKS, Marks
from sidecar.core.confirm import OPEN_ENDED, Span
from sidecar.core.findings import Action, Finding, FindingClass
from sidecar.core.policy import DlpRule, FlowRules

MOST: Final = 1_000
"""The highest threshold: each value that is counted is remembered, some eighty bytes, until it is reached."""


@dataclass(slots=True)
class Rulings:
    """Rules, and what they have seen so far."""

    rules: FlowRules
    _seen: dict[str, set[int]] = field(default_factory=dict)
    """By rule, the values it has counted."""
    _enough: set[str] = field(default_factory=set)
    """Rules whose threshold was reached: they speak from then on, and need to remember nothing."""
    _per_message: set[str] = field(default_factory=set)
    """Rules that have counted something and begin anew with the next message."""

    def next_message(self) -> None:
        """Another message begins."""
        for name in self._per_message:
            self._seen.pop(name, None)
        self._enough -= self._per_message
        self._per_message.clear()

    def span(self, span: Span, path: str) -> Span:
        """A value as it is judged now; `path` is the one of its request, empty if that is not known."""
        return replace(span, finding=self.finding(span.finding, path, span.marks))

    def finding(self, finding: Finding, path: str, marks: Marks = NO_MARKS) -> Finding:
        """A finding as it is judged now."""
        rule = self._rule(finding, path, marks)
        if finding.klass is FindingClass.UNSCANNABLE:
            rule = self.rules.about_unread(rule, finding.kind)
        action = rule.action
        if action is Action.MASK and finding.pattern in OPEN_ENDED:
            action = Action.BLOCK
        return replace(finding, action=action, rule=rule.name, basis=rule.basis)

    def _rule(self, finding: Finding, path: str, marks: Marks) -> DlpRule:
        for rule in self.rules.rules:
            if not rule.fits(finding.pattern, finding.klass, finding.confidence):
                continue
            if rule.condition is not None and not rule.condition.holds(marks, path, finding.where):
                continue
            if rule.at_least > 1 and not self._reached(rule, marks):
                continue
            return rule
        raise AssertionError("the last default rule fits everything")

    def _reached(self, rule: DlpRule, marks: Marks) -> bool:
        """Whether the rule has seen enough different values, this one counted.  What has no value does not count."""
        name = rule.name
        if marks is NO_MARKS or name in self._enough:
            return marks is not NO_MARKS
        if rule.per_message:
            self._per_message.add(name)
        seen = self._seen.setdefault(name, set())
        seen.add(marks.distinct)
        if len(seen) < rule.at_least:
            return False
        self._enough.add(name)
        del self._seen[name]
        return True
