"""From hit to finding: the right span, the neighbours, the words before it, and nothing of the value in what is shown."""

import dataclasses

import pytest

from dlp_patterns import masking
from dlp_patterns.model import Confidence, Pattern
from sidecar.core.confirm import OPEN_ENDED
from sidecar.core.findings import Action, Finding, FindingClass, Part, Place
from sidecar.core.inspector import Inspector
from sidecar.core.reasons import Reason
from sidecar.core.redact import holds_pan
from sidecar.core.scopes import Mode
from sidecar.core.text import apart
from tests.kit.cuts import outcome
from tests.kit.engines import ALERT_ALL, BLOCK_ALL, MASK_ALL, flow, hyperscan, inspector, patterns


def findings(text: bytes, inspect: Inspector | None = None) -> list[Finding]:
    """What is found in a complete text."""
    inspect = inspect or inspector(policy=ALERT_ALL)
    _, hits = apart(inspect.matcher.once(text), len(inspect.matcher.patterns))
    return [span.finding for span in inspect.confirm(hits, text, Place(Part.STREAM))]


def only(text: bytes) -> Finding:
    (finding,) = findings(text)
    return finding


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: pattern.id)
def test_every_example_is_found_once_and_its_counter_examples_never(pattern: Pattern) -> None:
    for example in pattern.match:
        told = [finding for finding in findings(example.text) if finding.pattern == pattern.told]
        assert [finding.shown for finding in told] == [
            masking.shown(pattern.show, example.value, pattern.openings)
        ]
        assert example.text[told[0].offset :].startswith(example.value)
    for counter in pattern.no_match:
        assert pattern.id not in {finding.pattern for finding in findings(counter.text)}


SSN = "123-45-6789"
KEY = "AKIA" + "RPZUZDIKFN33MB3X"
EXAMPLE_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
PCI, PII, SECRETS, TEST_PAN = FindingClass.PAN, FindingClass.PII, FindingClass.SECRET, FindingClass.TEST_PAN

CLASSES: list[tuple[str, bytes, FindingClass, Reason]] = [
    ("a card number", b"4000001234567899", PCI, Reason.PAN_IN_CLEARTEXT),
    ("a published test number", b"4111111111111111", TEST_PAN, Reason.PAN_IN_CLEARTEXT),
    ("personal data", b"ssn " + SSN.encode(), PII, Reason.PII_IN_CLEARTEXT),
    ("a secret", b"id=" + KEY.encode(), SECRETS, Reason.SECRET_IN_CLEARTEXT),
    ("a published test secret is no test card", b"id=" + EXAMPLE_KEY.encode(), SECRETS, Reason.SECRET_IN_CLEARTEXT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "klass", "reason"), [row[1:] for row in CLASSES], ids=[row[0] for row in CLASSES]
)
def test_class_and_reason(text: bytes, klass: FindingClass, reason: Reason) -> None:
    finding = only(text)
    assert (finding.klass, finding.reason) == (klass, reason)


def test_track_data_has_a_reason_of_its_own() -> None:
    """PCI DSS 3.3.1: it must not be kept even encrypted, so it is told apart from a card number."""
    told = findings(b";4111111111111111=30121010000012345678?")
    reasons = {finding.pattern: finding.reason for finding in told}
    assert reasons["pci/track2"] is Reason.SAD_IN_CLEARTEXT
    assert reasons["pci/pan"] is Reason.PAN_IN_CLEARTEXT


def test_patterns_with_a_treatment_of_their_own_exist() -> None:
    assert {pattern.id for pattern in patterns()} >= OPEN_ENDED


def test_another_way_of_writing_tells_the_id_and_class_of_a_pattern() -> None:
    known = {pattern.id: pattern for pattern in patterns()}
    for pattern in patterns():
        assert known[pattern.told].klass is pattern.klass
        assert not known[pattern.told].tells


def test_words_around_a_value_raise_confidence() -> None:
    lonely = only(b"x 4000001234567899")
    assert only(b"card 4000001234567899").confidence is Confidence.CERTAIN
    assert only(b"4000001234567899 on my card").confidence is Confidence.CERTAIN
    assert lonely.confidence < Confidence.CERTAIN
    assert only(b"card" + b"-" * 59 + b" 4000001234567899").confidence is Confidence.CERTAIN
    assert only(b"card" + b"-" * 61 + b" 4000001234567899").confidence == lonely.confidence, "too far away"
    assert only(b"4000001234567899, card").confidence == lonely.confidence, "of the next value"


def test_a_word_that_is_required_and_absent_makes_no_finding() -> None:
    assert only(b"card number 135410014004955").pattern == "pci/pan"
    assert findings(b"request id 135410014004955") == []


@pytest.mark.parametrize(
    ("before", "behind", "found"),
    [
        (b"", b"", True),
        (b"x", b"x", True),
        (b"_", b"_", True),
        (b"1", b"", False),
        (b"", b"1", False),
        (b"0.", b"", False),
        (b"\xff", b"\xff", True),
        (b"\n", b"\n", True),
    ],
)
def test_neighbours_of_a_number(before: bytes, behind: bytes, found: bool) -> None:
    assert bool(findings(before + b"4000001234567899" + behind)) is found


def test_a_finding_cannot_hold_the_value() -> None:
    """Neither its fields nor its repr, for any example of any pattern; also of the verdict and of the step's findings."""
    for pattern in patterns():
        for example in pattern.match:
            value = example.value.decode("latin-1")
            for finding in findings(example.text):
                told = repr(finding) + repr(dataclasses.asdict(finding))
                assert value not in told
                assert not holds_pan(told)
            one = flow(policy=BLOCK_ALL)
            seen = outcome(
                lambda data, one=one: one.client.feed(data), [b"\x00\n" + example.text], one.client_close
            )
            assert seen.verdict is not None
            assert value not in repr(seen.verdict)
            assert not holds_pan(repr(seen.verdict))
            assert seen.verdict.detail == ""


def test_the_fields_of_a_finding() -> None:
    """A new field is a new way for a value to leave: think, then add it here."""
    names = [field.name for field in dataclasses.fields(Finding)]
    assert names == ["pattern", "klass", "kind", "shown", "confidence", "severity", "part", "offset", "reason",
                     "action", "rule", "basis", "length", "view", "where"]  # fmt: skip


def test_details_of_malformed_http_quote_nothing() -> None:
    card = b"4111111111111111"
    for wire in (
        b"GET /%b HTTP/9.9\r\n\r\n" % card,
        b"GET / HTTP/1.1\r\n%b : x\r\n\r\n" % card,
        b"GET / HTTP/1.1\r\nA: \x00%b\r\n\r\n" % card,
        b"POST / HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % card,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: %b\r\n\r\n" % card,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % card,
        b"%b / HTTP/1.1\r\n\r\n" % card,
    ):
        one = flow(Mode.MONITOR)
        verdicts = [one.client.feed(piece).verdict for piece in (wire[:20], wire[20:])]
        assert not holds_pan(repr(verdicts))
        assert any(verdict is not None for verdict in verdicts)


def test_the_action_is_the_policys_whatever_the_mode() -> None:
    for mode in Mode:
        (finding,) = findings(b"4111111111111111", inspector(mode=mode))
        assert finding.action is Action.BLOCK
        assert finding.rule == "default-test-pan"


def test_what_is_only_the_beginning_of_a_secret_is_not_masked() -> None:
    """The first line of a private key is found; the others would pass."""
    (pattern,) = (each for each in patterns() if each.id == "secrets/private_key")
    (finding,) = findings(pattern.match[0].text, inspector(policy=MASK_ALL))
    assert finding.action is Action.BLOCK
    assert finding.rule == "mask-all"


def test_confirmation_never_looks_further_than_its_window() -> None:
    """The same finding whatever stands beyond the reach before it and beyond what is ahead."""
    near, value = b"x" * hyperscan().reach, b" 4000001234567899 " + b"y" * 80
    told = {
        only(far + near + value + far).confidence for far in (b"", b"card ", b"1" * 30 + b" ", b"deadbeef")
    }
    assert len(told) == 1
