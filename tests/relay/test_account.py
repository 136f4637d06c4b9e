"""What is counted and told about findings that the policy excuses."""

from dataclasses import replace

import pytest

from dlp_patterns.model import Confidence, Severity
from sidecar.core.allowances import Basis
from sidecar.core.findings import Action, Channel, Finding, FindingClass, Part
from sidecar.core.inspection import Step
from sidecar.core.policy import Connection
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.ops.event_log import EventLog
from sidecar.ops.events import Event, FindingEvent, Origin
from sidecar.ops.metrics import Metrics
from sidecar.relay.account import Account, facts

FINDING = Finding(
    "pci/pan",
    FindingClass.PAN,
    "visa",
    "411111******1111",
    Confidence.CERTAIN,
    Severity.CRITICAL,
    Part.BODY,
    0,
    Reason.PAN_IN_CLEARTEXT,
    Action.ALLOW,
    "mine",
)
CONNECTION = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, 8080)


class Told(EventLog):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("/dev/null", Origin())
        self.events: list[FindingEvent] = []

    def emit(self, event: Event) -> None:
        assert isinstance(event, FindingEvent)
        self.events.append(event)


EXCUSED = [
    ("a rule that allows: nothing", Basis.RULE, Action.ALLOW, 0, 0),
    ("an exclusion: counted, told once a connection", Basis.EXCLUSION, Action.ALLOW, 3, 1),
    ("an exception that allows: each is told", Basis.EXCEPTION, Action.ALLOW, 3, 3),
    ("an exception that reports: each is told", Basis.EXCEPTION, Action.ALERT, 3, 3),
    ("a rule that reports: each is told", Basis.RULE, Action.ALERT, 0, 3),
]


@pytest.mark.parametrize(
    ("basis", "action", "counted", "told"), [row[1:] for row in EXCUSED], ids=[row[0] for row in EXCUSED]
)
def test_what_is_told_of_three_findings(basis: Basis, action: Action, counted: int, told: int) -> None:
    metrics, log = Metrics(), Told()
    ends = ("10.0.0.1", 4000), ("10.0.0.2", 8080)
    account = Account(metrics, log, facts(CONNECTION, *ends, Mode.PROTECT, "0123456789ab"))
    finding = replace(FINDING, basis=basis, action=action)
    for _ in range(3):
        account.found(Step(b"", (finding,)), Channel.HTTP1, enforced=True, incident="")
    assert metrics.findings["pci/pan", str(action), Direction.OUTBOUND] == 3
    assert metrics.excused_findings.get((basis, "mine", Direction.OUTBOUND), 0) == counted
    assert [event.finding.basis for event in log.events] == [basis] * told
    log.close()


def test_each_exclusion_is_told() -> None:
    log = Told()
    ends = ("10.0.0.1", 4000), ("10.0.0.2", 8080)
    account = Account(Metrics(), log, facts(CONNECTION, *ends, Mode.PROTECT, "0123456789ab"))
    findings = tuple(replace(FINDING, basis=Basis.EXCLUSION, rule=rule) for rule in ("a", "b", "a", "b"))
    account.found(Step(b"", findings), Channel.HTTP1, enforced=True, incident="")
    assert [event.finding.rule for event in log.events] == ["a", "b"]
    log.close()
