"""Who may talk to whom, and what is done about a finding: the grid on one page, and the rules as tables."""

from itertools import product

import pytest

from dlp_patterns.model import Confidence
from sidecar.core.allowances import Basis
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.policy import (
    DEFAULT_DLP,
    Connection,
    Denial,
    DlpRule,
    FlowRules,
    Permit,
    Policy,
    SegmentRule,
    deny,
    segment,
)
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass
from tests.kit.golden import check_golden

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
EXTERNAL, NODE, UNKNOWN = PeerClass.EXTERNAL, PeerClass.NODE, PeerClass.UNKNOWN


def connection(
    source: PeerClass = IN,
    destination: PeerClass = OUT,
    port: int = 443,
    direction: Direction = Direction.OUTBOUND,
) -> Connection:
    return Connection(direction, source, destination, port)


# --- the grid -------------------------------------------------------------------------------------------------------------

MODES = tuple(Mode)
LEGEND = f"""\
The default grid of segmentation: every source (rows) and destination (columns), seen from the pod that is protected.

    ✔  allowed        ✘  denied        !  passes, and is reported as what protect mode would deny

Each cell has three marks, for the modes {", ".join(MODES)}.  Behind a denial: ? when the reason is
unknown_peer, otherwise it is grid.
"""


def mark(verdict: Permit | Denial) -> str:
    if isinstance(verdict, Denial):
        return "✘"
    return "✔" if verdict.would_deny is None else "!"


def cell(direction: Direction, source: PeerClass, destination: PeerClass) -> str:
    verdicts = [segment(connection(source, destination, 8080, direction), mode, Policy()) for mode in MODES]
    unknown = "?" if verdicts[-1].reason is Reason.UNKNOWN_PEER else " "
    return " ".join(map(mark, verdicts)) + unknown


def page() -> str:
    width = max(map(len, PeerClass)) + 2
    lines = [LEGEND]
    for direction in Direction:
        lines += [str(direction), " " * 14 + "".join(each.ljust(width) for each in PeerClass).rstrip()]
        for source in PeerClass:
            cells = (cell(direction, source, destination).ljust(width) for destination in PeerClass)
            lines.append(source.ljust(14) + "".join(cells).rstrip())
        lines.append("")
    return "\n".join(lines)


def test_the_whole_grid() -> None:
    check_golden("segmentation.txt", page())


EVERY_PAIR = list(product(Direction, PeerClass, PeerClass))


@pytest.mark.parametrize(("direction", "source", "destination"), EVERY_PAIR)
def test_the_grid_in_one_sentence(direction: Direction, source: PeerClass, destination: PeerClass) -> None:
    """Nothing outside {in-scope, connected-to} talks to a pod in scope, in either direction; all else may."""
    pair = {source, destination}
    verdict = segment(connection(source, destination, 1, direction), Mode.PROTECT, Policy())
    assert isinstance(verdict, Denial) is (IN in pair and not pair <= {IN, CONNECTED})


@pytest.mark.parametrize(("direction", "source", "destination"), EVERY_PAIR)
def test_modes_only_soften(direction: Direction, source: PeerClass, destination: PeerClass) -> None:
    one = connection(source, destination, 1, direction)
    strict = segment(one, Mode.PROTECT, Policy())
    for mode in (Mode.DISCOVER, Mode.MONITOR):
        mild = segment(one, mode, Policy())
        assert isinstance(mild, Permit)
        assert (mild.reason, mild.rule) == (strict.reason, strict.rule)
        assert mild.would_deny == (strict.reason if isinstance(strict, Denial) else None)


# --- segmentation rules ---------------------------------------------------------------------------------------------------

ACQUIRER = SegmentRule("acquirer", IN, EXTERNAL, frozenset({443, 8443}), allow=True)
NO_OUT = SegmentRule("no-out", None, OUT, allow=False)
ANY_ALLOWED = SegmentRule("any", allow=True)

RULES: list[tuple[str, tuple[SegmentRule, ...], Connection, bool, str]] = [
    ("a rule opens what the grid closes", (ACQUIRER,), connection(IN, EXTERNAL, 443), True, "acquirer"),
    ("on each of its ports", (ACQUIRER,), connection(IN, EXTERNAL, 8443), True, "acquirer"),
    ("not on another port", (ACQUIRER,), connection(IN, EXTERNAL, 80), False, "grid"),
    ("not the other way round", (ACQUIRER,), connection(EXTERNAL, IN, 443), False, "grid"),
    ("not for another source", (ACQUIRER,), connection(OUT, IN, 443), False, "grid"),
    ("a rule closes what the grid opens", (NO_OUT,), connection(CONNECTED, OUT), False, "no-out"),
    ("any source means any", (NO_OUT,), connection(UNKNOWN, OUT), False, "no-out"),
    ("the first rule that fits decides", (NO_OUT, ANY_ALLOWED), connection(IN, OUT), False, "no-out"),
    ("in the other order the other", (ANY_ALLOWED, NO_OUT), connection(IN, OUT), True, "any"),
    (
        "a rule that does not fit is passed over",
        (ACQUIRER, ANY_ALLOWED),
        connection(IN, UNKNOWN),
        True,
        "any",
    ),
    ("no ports means every port", (ANY_ALLOWED,), connection(IN, EXTERNAL, 1), True, "any"),
    ("no rules: the grid", (), connection(IN, CONNECTED), True, "grid"),
]


@pytest.mark.parametrize(
    ("rules", "one", "allowed", "by"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)
def test_segmentation_rules(rules: tuple[SegmentRule, ...], one: Connection, allowed: bool, by: str) -> None:
    verdict = segment(one, Mode.PROTECT, Policy(segmentation=rules))
    assert isinstance(verdict, Permit) is allowed
    assert verdict.rule == by
    assert verdict.reason is (Reason.GRID if by == "grid" else Reason.RULE)
    assert verdict.connection is one


def test_a_denial_by_rule_is_softened_like_any_other() -> None:
    verdict = segment(connection(CONNECTED, OUT), Mode.MONITOR, Policy(segmentation=(NO_OUT,)))
    assert verdict == Permit(connection(CONNECTED, OUT), Reason.RULE, "no-out", would_deny=Reason.RULE)


@pytest.mark.parametrize("reason", [Reason.NO_SCOPE_MAP, Reason.STALE_SCOPE_MAP, Reason.LOOP])
def test_other_denials_are_softened_by_the_mode_too(reason: Reason) -> None:
    one = connection()
    assert deny(one, Mode.PROTECT, reason) == Denial(one, reason, reason.value)
    for mode in (Mode.DISCOVER, Mode.MONITOR):
        assert deny(one, mode, reason) == Permit(one, reason, reason.value, would_deny=reason)


# --- what is done about findings --------------------------------------------------------------------------------------

PCI, PII, SECRETS = FindingClass.PAN, FindingClass.PII, FindingClass.SECRET
TEST_PAN, UNSCANNABLE = FindingClass.TEST_PAN, FindingClass.UNSCANNABLE
SAD = FindingClass.SAD
LIKELY, CERTAIN = Confidence

DEFAULTS = {
    PCI: Action.BLOCK,
    TEST_PAN: Action.BLOCK,
    SAD: Action.BLOCK,
    SECRETS: Action.BLOCK,
    PII: Action.ALERT,
    UNSCANNABLE: Action.ALERT,
}
"""By default, whatever the confidence."""


def rules(
    *dlp: DlpRule,
    source: PeerClass = IN,
    destination: PeerClass = CONNECTED,
    channel: Channel = Channel.HTTP1,
) -> FlowRules:
    return Policy(dlp=dlp).flow_rules(source, destination, channel)


@pytest.mark.parametrize("klass", FindingClass)
@pytest.mark.parametrize("confidence", Confidence)
def test_the_defaults(klass: FindingClass, confidence: Confidence) -> None:
    rule = rules().judge("any.pattern", klass, confidence)
    assert rule.action is DEFAULTS[klass]
    assert rule.name.startswith("default-")
    assert rule.basis is Basis.DEFAULT


def rule(action: Action, **conditions: object) -> DlpRule:
    return DlpRule("mine", action, **conditions)  # type: ignore[arg-type]


CARDS, REPORT = "default-card-data", "default-report"
MASK_PCI = rule(Action.MASK, klass=PCI)
JUDGED: list[tuple[str, FlowRules, tuple[str, FindingClass, Confidence], Action, str]] = [
    ("class", rules(MASK_PCI), ("pci/pan", PCI, CERTAIN), Action.MASK, "mine"),
    ("another class", rules(MASK_PCI), ("pci/pan", TEST_PAN, CERTAIN), Action.BLOCK, "default-test-pan"),
    ("pattern", rules(rule(Action.ALLOW, pattern="pci/pan")), ("pci/pan", PCI, CERTAIN), Action.ALLOW, "mine"),
    ("another pattern", rules(rule(Action.ALLOW, pattern="pci/pan")), ("pci/track1", PCI, CERTAIN), Action.BLOCK, CARDS),
    ("any", rules(rule(Action.BLOCK)), ("pii/iban", PII, LIKELY), Action.BLOCK, "mine"),
    ("confidence reached", rules(rule(Action.MASK, confidence=LIKELY)), ("pii/iban", PII, LIKELY), Action.MASK, "mine"),
    ("confidence exceeded", rules(rule(Action.MASK, confidence=LIKELY)), ("pii/iban", PII, CERTAIN), Action.MASK, "mine"),
    ("confidence missed", rules(rule(Action.MASK, confidence=CERTAIN)), ("pii/iban", PII, LIKELY), Action.ALERT, REPORT),
    ("source", rules(rule(Action.ALLOW, source=IN)), ("pci/pan", PCI, CERTAIN), Action.ALLOW, "mine"),
    ("another source", rules(rule(Action.ALLOW, source=OUT)), ("pci/pan", PCI, CERTAIN), Action.BLOCK, CARDS),
    ("destination", rules(rule(Action.ALLOW, destination=CONNECTED)), ("pci/pan", PCI, CERTAIN), Action.ALLOW, "mine"),
    ("another destination", rules(rule(Action.ALLOW, destination=IN)), ("pci/pan", PCI, CERTAIN), Action.BLOCK, CARDS),
    ("channel", rules(rule(Action.ALLOW, channel=Channel.HTTP1)), ("pci/pan", PCI, CERTAIN), Action.ALLOW, "mine"),
    ("another channel", rules(rule(Action.ALLOW, channel=Channel.OPAQUE)), ("pci/pan", PCI, CERTAIN), Action.BLOCK, CARDS),
    ("unread", rules(rule(Action.BLOCK, klass=UNSCANNABLE)), ("unscannable", UNSCANNABLE, CERTAIN), Action.BLOCK, "mine"),
    ("first match", rules(MASK_PCI, DlpRule("other", Action.ALLOW)), ("pci/pan", PCI, CERTAIN), Action.MASK, "mine"),
    ("second match", rules(MASK_PCI, DlpRule("other", Action.ALLOW)), ("pii/iban", PII, CERTAIN), Action.ALLOW, "other"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flow_rules", "finding", "action", "by"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
def test_what_is_done_about_a_finding(
    flow_rules: FlowRules, finding: tuple[str, FindingClass, Confidence], action: Action, by: str
) -> None:
    rule = flow_rules.judge(*finding)
    assert (rule.action, rule.name) == (action, by)


def test_the_strictest_action_looks_at_every_class_and_confidence() -> None:
    assert rules().strictest("pci/pan", (PCI, TEST_PAN)) is Action.BLOCK
    assert rules().strictest("pii/iban", (PII,)) is Action.ALERT
    assert rules(rule(Action.ALLOW, klass=PCI)).strictest("pci/pan", (PCI, TEST_PAN)) is Action.BLOCK
    assert rules(rule(Action.ALLOW)).strictest("pci/pan", (PCI, TEST_PAN)) is Action.ALLOW
    assert rules(rule(Action.MASK, confidence=CERTAIN)).strictest("pii/iban", (PII,)) is Action.MASK


def test_the_last_default_fits_everything() -> None:
    last = DEFAULT_DLP[-1]
    for source, destination, channel in product(PeerClass, PeerClass, Channel):
        assert last.concerns(source, destination, channel, 443)
    for klass, confidence in product(FindingClass, Confidence):
        assert last.fits("any.pattern", klass, confidence)


def test_actions_compare_by_strictness_and_read_as_words() -> None:
    assert sorted(Action, reverse=True) == [Action.BLOCK, Action.MASK, Action.ALERT, Action.ALLOW]
    assert [str(action) for action in Action] == ["allow", "alert", "mask", "block"]
