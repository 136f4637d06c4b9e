"""Thresholds, exclusions and exceptions on the wire: what passes, what is stopped before it leaves, and what is told."""

import gzip
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns import exact
from sidecar.core.allowances import Basis, Condition, Ground, Terms
from sidecar.core.confirm import Confirmer
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.flow import Flow
from sidecar.core.policy import Connection, DlpRule, Policy
from sidecar.core.reading import read
from sidecar.core.reasons import Reason
from sidecar.core.rulings import Rulings
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.relay.world import Regime
from tests.dlp_patterns.cards import cards
from tests.kit.cuts import Outcome, bytewise, cuttings, outcome
from tests.kit.effort import effort
from tests.kit.engines import hyperscan

KEY = b"the key of these tests"
TODAY = "2026-11-27"
VISA, MASTERCARD, AMEX = b"4111111111111111", b"5555555555554444", b"378282246310005"
BLANK = b" " * 200


@cache
def regime(policy: Policy, today: str) -> Regime:
    return Regime(hyperscan(), Confirmer(hyperscan().patterns), policy, Mode.PROTECT, today, KEY)


def worded(policy: Policy, today: str = TODAY, port: int = 8080) -> Flow:
    """A new connection under `policy`."""
    connection = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, port)
    return Flow(regime(policy, today).inspectors(connection))


def sent(policy: Policy, wire: bytes, cut: Sequence[bytes] | None = None, **facts: object) -> Outcome:
    """What comes of a client that sends `wire` and ends."""
    flow = worded(policy, **facts)  # type: ignore[arg-type]
    return outcome(lambda data: flow.client.feed(data), cut or [wire], flow.client_close)


def post(body: bytes, path: bytes = b"/pay") -> bytes:
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (path, len(body), body)


def told(seen: Outcome) -> list[tuple[str, str]]:
    return [(str(finding.action), finding.rule) for finding in seen.findings]


# --- thresholds -----------------------------------------------------------------------------------------------------------

REPORT = DlpRule("report", Action.ALERT)
THREE = Policy(dlp=(DlpRule("three", Action.BLOCK, at_least=3), REPORT))


def lines(*values: bytes) -> bytes:
    return b"\x00" + b"".join(b"card %b;\n" % value for value in values)


COUNTED = [
    ("below the threshold the next rule speaks", (VISA, MASTERCARD), ["report", "report"]),
    ("the value that reaches it is blocked", (VISA, MASTERCARD, AMEX), ["report", "report", "three"]),
    ("the same value counts once", (VISA, VISA, VISA, MASTERCARD), ["report"] * 4),
    ("also in another writing", (VISA, b"4111 1111 1111 1111", MASTERCARD), ["report"] * 3),
]


@pytest.mark.parametrize(("values", "rules"), [row[1:] for row in COUNTED], ids=[row[0] for row in COUNTED])
def test_different_values_are_counted(values: tuple[bytes, ...], rules: list[str]) -> None:
    wire = lines(*values) + BLANK
    for cut in ([wire], bytewise(wire)):
        seen = sent(THREE, wire, cut)
        assert [finding.rule for finding in seen.findings] == rules
        assert (seen.verdict is not None) is ("three" in rules)


def test_what_reaches_the_threshold_has_not_left() -> None:
    wire = lines(VISA, MASTERCARD, AMEX) + BLANK
    for cut in ([wire], bytewise(wire)):
        seen = sent(THREE, wire, cut)
        assert seen.verdict is not None
        assert seen.verdict.reason is Reason.PAN_IN_CLEARTEXT
        assert AMEX[:7] not in seen.released
    # What came before it had passed by then; a client that sends it all at once is stopped as a whole.
    assert MASTERCARD in sent(THREE, wire, bytewise(wire)).released


def test_behind_the_threshold_every_value_meets_the_rule() -> None:
    policy = Policy(dlp=(DlpRule("two", Action.MASK, at_least=2), REPORT))
    seen = sent(policy, lines(VISA, MASTERCARD, VISA) + BLANK)
    assert told(seen) == [("alert", "report"), ("mask", "two"), ("mask", "two")]
    assert seen.released.count(VISA) == 1
    assert MASTERCARD not in seen.released


def test_a_connection_is_counted_over_its_messages_unless_the_rule_says_otherwise() -> None:
    wire = b"".join(post(b"card=" + value) for value in (VISA, MASTERCARD, AMEX))
    assert sent(THREE, wire).verdict is not None
    each = Policy(dlp=(DlpRule("three", Action.BLOCK, at_least=3, per_message=True), REPORT))
    assert sent(each, wire).verdict is None
    together = wire + post(b"a=%b&b=%b&c=%b" % (VISA, MASTERCARD, AMEX))
    assert sent(each, together).verdict is not None


def test_directions_are_counted_apart() -> None:
    """Which of two directions is first, nobody knows: the answer must not depend on it."""
    flow = worded(THREE)
    assert flow.client.feed(lines(VISA, MASTERCARD) + BLANK).verdict is None
    assert flow.server.feed(lines(AMEX) + BLANK).verdict is None


def test_a_rule_that_speaks_earlier_leaves_nothing_to_count() -> None:
    policy = Policy(dlp=(DlpRule("cards", Action.ALERT, klass=FindingClass.TEST_PAN), *THREE.dlp))
    seen = sent(policy, lines(VISA, MASTERCARD, AMEX) + BLANK)
    assert [finding.rule for finding in seen.findings] == ["cards"] * 3


def test_content_that_cannot_be_read_has_no_value_to_count() -> None:
    policy = Policy(dlp=(DlpRule("two", Action.BLOCK, at_least=2), REPORT))
    body = b"POST / HTTP/1.1\r\nContent-Encoding: compress\r\nContent-Length: 3\r\n\r\nabc"
    assert told(sent(policy, body * 3)) == [("alert", "report")] * 3


def test_a_threshold_forgets_what_it_counted_when_it_is_reached() -> None:
    rules = THREE.flow_rules(PeerClass.IN_SCOPE, PeerClass.EXTERNAL, Channel.HTTP1)
    rulings = Rulings(rules)
    finding = sent(THREE, lines(VISA) + BLANK).findings[0]
    names = []
    for nth in range(50):
        names.append(rulings.finding(finding, "", rules.marks("pci/pan", b"%d" % nth)).rule)
        assert sum(map(len, rulings._seen.values())) < 3
    assert names == ["report"] * 2 + ["three"] * 48


numbers = st.lists(cards(), min_size=1, max_size=6)


@effort(100)
@given(numbers, st.integers(2, 5), st.sampled_from([Action.MASK, Action.BLOCK]), st.data())
def test_any_chunking_same_answer(
    values: list[bytes], most: int, action: Action, data: st.DataObject
) -> None:
    policy = Policy(dlp=(DlpRule("many", action, at_least=most), REPORT))
    wire = lines(*values)
    for stream in (wire, post(wire)):
        whole, seen = sent(policy, stream), sent(policy, stream, data.draw(cuttings(stream)))
        assert seen.answer == whole.answer
        if whole.verdict is None:
            assert seen.released == whole.released


# --- exclusions and exceptions --------------------------------------------------------------------------------------------


def excluded(condition: Condition, **conditions: object) -> Policy:
    rule = DlpRule("known", Action.ALLOW, condition=condition, basis=Basis.EXCLUSION, **conditions)  # type: ignore[arg-type]
    return Policy(exclusions=(rule,))


OURS = Condition(values=frozenset({exact.keyed(KEY, exact.normal(VISA))}))
JSON = b'{"debug": {"card": "%b"}, "payment": {"card": 1}}' % VISA
PAYMENT = b'{"debug": {"card": 1}, "payment": {"card": "%b"}}' % VISA
ZIPPED = gzip.compress(JSON)
CODED = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(ZIPPED), ZIPPED)
GET = b"GET /debug/dump?card=%b HTTP/1.1\r\nHost: a\r\n\r\n" % VISA

EXCLUDED: list[tuple[str, Condition, bytes, bool]] = [
    ("a value by its hash", OURS, lines(VISA), True),
    ("in another writing", OURS, lines(b"4111-1111-1111-1111"), True),
    ("another value", OURS, lines(MASTERCARD), False),
    ("a place in a body", Condition(places=("$.debug.*",)), post(JSON), True),
    ("another place", Condition(places=("$.debug.*",)), post(PAYMENT), False),
    ("a place in a compressed body", Condition(places=("$.debug.*",)), CODED, True),
    ("the url", Condition(places=("url",)), GET, True),
    ("a path", Condition(paths=("/debug/*",)), GET, True),
    ("the body under a path", Condition(paths=("/debug/*",)), post(JSON, b"/debug/x"), True),
    ("another path", Condition(paths=("/debug/*",)), post(JSON, b"/pay"), False),
    ("a path that climbs out", Condition(paths=("/debug/*",)), post(JSON, b"/debug/../pay"), False),
    ("a path in disguise", Condition(paths=("/debug/*",)), post(JSON, b"/debug/%2e%2e/pay"), False),
    ("a stream has no path", Condition(paths=("*",)), lines(VISA), False),
    ("path and place", Condition(paths=("/a",), places=("$.debug.card",)), post(JSON, b"/a"), True),
    ("path, but not the place", Condition(paths=("/a",), places=("$.debug.card",)), post(PAYMENT, b"/a"), False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "wire", "passes"), [row[1:] for row in EXCLUDED], ids=[row[0] for row in EXCLUDED]
)
def test_exclusions(condition: Condition, wire: bytes, passes: bool) -> None:
    for cut in ([wire], bytewise(wire)):
        seen = sent(excluded(condition), wire, cut)
        if passes:
            assert seen.released == wire
            assert seen.verdict is None
            assert {(f.action, f.rule, f.basis) for f in seen.findings} == {
                (Action.ALLOW, "known", Basis.EXCLUSION)
            }
        else:
            assert seen.verdict is not None
            assert {finding.basis for finding in seen.findings} == {Basis.DEFAULT}


def test_a_value_may_leave_but_what_stands_beside_it_may_not() -> None:
    wire = lines(VISA, MASTERCARD) + BLANK
    for cut in ([wire], bytewise(wire)):
        seen = sent(excluded(OURS), wire, cut)
        assert told(seen) == [("allow", "known"), ("block", "default-test-pan")]
        assert MASTERCARD[:7] not in seen.released


def test_a_response_has_the_path_of_its_request() -> None:
    policy = excluded(Condition(paths=("/debug/*",)))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\ncard=%b" % VISA
    asks = [b"GET %b HTTP/1.1\r\n\r\n" % path for path in (b"/debug/a", b"/pay", b"/debug/b")]
    for together in (True, False):
        flow = worded(policy)
        for ask in [b"".join(asks)] if together else asks:
            flow.client.feed(ask)
        assert flow.server.feed(answer).verdict is None
        assert flow.server.feed(answer).verdict is not None


def test_without_the_key_no_value_is_excluded() -> None:
    rules = excluded(OURS).flow_rules(PeerClass.IN_SCOPE, PeerClass.EXTERNAL, Channel.HTTP1)
    assert not rules.asks_more
    assert excluded(OURS).asks_for_values


def test_ports_tell_flows_apart() -> None:
    policy = Policy(
        exclusions=(DlpRule("known", Action.ALLOW, ports=frozenset({9000}), basis=Basis.EXCLUSION),)
    )
    wire = lines(VISA) + BLANK
    assert sent(policy, wire, port=9000).verdict is None
    assert sent(policy, wire, port=9001).verdict is not None


UNTIL_MARCH = Policy(
    exceptions=(
        DlpRule(
            "legacy",
            Action.ALERT,
            basis=Basis.EXCEPTION,
            terms=Terms("payments", "2027-03-31", Ground.MIGRATION, "the old gateway"),
        ),
    )
)


@pytest.mark.parametrize(
    ("today", "action", "basis"),
    [
        ("2027-03-31", Action.ALERT, Basis.EXCEPTION),
        ("2027-04-01", Action.BLOCK, Basis.DEFAULT),
    ],
)
def test_an_exception_ends(today: str, action: Action, basis: Basis) -> None:
    seen = sent(UNTIL_MARCH, lines(VISA) + BLANK, today=today)
    assert [(finding.action, finding.basis) for finding in seen.findings] == [(action, basis)]
    assert [rule.name for rule in UNTIL_MARCH.over(today)] == (["legacy"] if action is Action.BLOCK else [])


STRICTEST = [
    ("a threshold that may be reached", THREE, Action.BLOCK),
    ("a value that may be another", excluded(OURS), Action.BLOCK),
    ("a place that may be another", excluded(Condition(places=("url",))), Action.BLOCK),
    ("what is excluded anyway", Policy(exclusions=(DlpRule("all", Action.ALLOW),)), Action.ALLOW),
    (
        "a threshold nobody can reach",
        Policy(dlp=(REPORT, DlpRule("late", Action.BLOCK, at_least=2))),
        Action.ALERT,
    ),
]


@pytest.mark.parametrize(
    ("policy", "strictest"), [row[1:] for row in STRICTEST], ids=[row[0] for row in STRICTEST]
)
def test_what_might_be_blocked_is_held(policy: Policy, strictest: Action) -> None:
    rules = policy.flow_rules(PeerClass.IN_SCOPE, PeerClass.EXTERNAL, Channel.HTTP1, key=KEY)
    assert rules.strictest("pci/pan", (FindingClass.PAN, FindingClass.TEST_PAN)) is strictest


def test_a_complete_text_is_judged_by_all_rules_too() -> None:
    """What `cdefence scan` reads is one message."""
    document = b'{"debug": {"card": "%b"}, "payment": {"card": "%b"}}' % (VISA, AMEX)
    made = regime(excluded(Condition(places=("$.debug.*",))), TODAY)
    found = read(made.inspector(PeerClass.NODE, PeerClass.NODE, Channel.OPAQUE), document)
    assert [(str(each.action), each.where) for each in found] == [
        ("allow", "$.debug.card"),
        ("block", "$.payment.card"),
    ]


def chunked(body: bytes, size: int) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"POST /pay HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def zipped(body: bytes) -> bytes:
    coded = gzip.compress(body)
    return b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(coded), coded)


few = st.lists(cards(), min_size=1, max_size=3)


@effort(60)
@given(few, few, st.integers(1, 40), st.data())
def test_places_and_thresholds_do_not_depend_on_the_framing(
    debug: list[bytes], payment: list[bytes], size: int, data: st.DataObject
) -> None:
    """Whole, in chunks or compressed, and however it is cut: of the same body the same is told."""
    rules = (DlpRule("two", Action.BLOCK, at_least=2), REPORT)
    policy = Policy(dlp=rules, exclusions=excluded(Condition(places=("$.debug[*",))).exclusions)
    quoted = (b", ".join(b'"%b"' % number for number in each) for each in (debug, payment))
    body = b'{"debug": [%b], "payment": [%b]}' % tuple(quoted)
    seen = [
        sent(policy, wire, data.draw(cuttings(wire)))
        for wire in (post(body), chunked(body, size), zipped(body))
    ]
    first, *others = [[(f.rule, f.where, f.offset) for f in outcome.findings] for outcome in seen]
    assert others == [first, first]
    assert {where.startswith("$.debug") for rule, where, _ in first if rule == "known"} <= {True}
    counted = [rule for rule, _, _ in first if rule != "known"]
    assert set(counted[:-1]) <= {"report"}
    assert {each.verdict is not None for each in seen} == {counted[-1:] == ["two"]}
