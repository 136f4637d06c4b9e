"""What is only reported is told as a sample: how much of it, the same at any cutting, and never of what must not pass."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.findings import Action, FindingClass
from sidecar.core.flow import Flow
from sidecar.core.policy import DlpRule, Policy
from sidecar.core.samples import EVERY, FIRST, LOOKS, REST, Samples
from sidecar.core.scopes import Mode
from tests.kit.cuts import pieces
from tests.kit.effort import effort
from tests.kit.engines import flow

VISA = b"4111111111111111"
SPARE = 2
"""Values behind the last told one that could still be a part of it."""


def addresses(count: int, every: int = 64) -> bytes:
    """So many e-mail addresses, one every so many bytes."""
    return b"".join(b"to=person%d@mail.seznam.cz;".ljust(every) % number for number in range(10, 10 + count))


def post(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def told(one: Flow, *reads: bytes) -> list[int]:
    """Where the addresses stand that are told."""
    steps = [one.client.feed(read) for read in reads]
    assert b"".join(step.release for step in steps) == b"".join(reads)
    findings = [finding for step in steps for finding in step.findings]
    assert {finding.pattern for finding in findings} <= {"pii/email"}
    return [finding.offset for finding in findings]


def test_the_first_are_told_and_then_one_in_a_while():
    one = flow()
    assert FIRST <= len(told(one, post(addresses(400)))) <= FIRST + SPARE
    assert told(one, post(addresses(400))) == [], "another message, the same connection"
    assert told(one, post(b" " * EVERY)) == []
    assert 1 <= len(told(one, post(addresses(400)))) <= 1 + SPARE
    assert one.client.inspection is not None
    assert one.client.inspection.samples.passed_over >= len(addresses(400))


def test_one_in_a_while_also_within_one_message():
    offsets = told(flow(), post(addresses(4 * EVERY // 64)))
    assert FIRST + 4 <= len(offsets) <= FIRST + 5 * (1 + SPARE)
    gaps = [later - earlier for earlier, later in pairwise(offsets) if later - earlier > 256]
    assert len(gaps) == 4
    assert all(gap >= EVERY - 64 * (1 + SPARE) for gap in gaps)


def test_each_connection_begins_anew():
    assert [len(told(flow(), post(addresses(1)))) for _ in range(FIRST + 4)] == [1] * (FIRST + 4)


def accounts(count: int) -> bytes:
    """So many accounts at hosts, one every 64 bytes: each is a hit, and nobody's address."""
    return b"".join(b"by=person%d@build.local;".ljust(64) % number for number in range(count))


def test_hits_that_are_no_values_are_looked_at_as_a_sample_too():
    one = flow()
    assert len(told(one, post(accounts(LOOKS - 1) + addresses(1)))) == 1
    assert told(one, post(accounts(1) + addresses(1))) == []
    assert len(told(one, post(b" " * REST + addresses(1)))) == 1


@given(st.lists(st.integers(1, 2 * REST), max_size=40))
@effort(20)
def test_any_cutting_looks_at_the_same(cuts: Sequence[int]):
    text = post(
        accounts(LOOKS + 9) + addresses(3) + b" " * REST + addresses(3) + accounts(2 * LOOKS) + addresses(9)
    )
    assert told(flow(), *pieces(text, cuts)) == told(flow(), text)


COUNTED = Policy(dlp=(DlpRule("bulk", Action.BLOCK, klass=FindingClass.PII, at_least=300),))
ASKED = Policy(dlp=(DlpRule("many", Action.ALERT, klass=FindingClass.PII, at_least=200),))


def test_what_a_threshold_counts_is_never_passed_over():
    assert flow(policy=COUNTED).client.feed(post(addresses(299))).verdict is None
    assert flow(policy=COUNTED).client.feed(post(addresses(300))).verdict is not None
    rules = Counter(each.rule for each in flow(policy=ASKED).client.feed(post(addresses(250))).findings)
    assert rules == {"default-report": 199, "many": 51}


@pytest.mark.parametrize("mode", [Mode.PROTECT, Mode.MONITOR])
def test_what_must_not_pass_is_never_passed_over(mode: Mode):
    one = flow(mode)
    for _ in range(3):
        one.client.feed(post(addresses(400)))
    step = one.client.feed(post(addresses(400) + b"card " + VISA))
    assert [finding.pattern for finding in step.findings] == ["pci/pan"]
    assert (step.verdict is not None) is (mode is Mode.PROTECT)


def test_what_is_masked_is_masked_every_time():
    one = flow(policy=Policy(dlp=(DlpRule("mask", Action.MASK),)))
    body = b"card %b, and again;\n" % VISA * (FIRST * 4)
    assert len(one.client.feed(post(body)).findings) == FIRST * 4


STREAM = post(addresses(60)) + post(addresses(1700, 8 * 640)) + post(addresses(60)) + post(addresses(20, 128))


@given(st.lists(st.integers(1, len(STREAM)), max_size=40))
@effort(20)
def test_any_cutting_tells_the_same(cuts: Sequence[int]):
    assert told(flow(), *pieces(STREAM, cuts)) == told(flow(), STREAM)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2 * EVERY)), max_size=60))
def test_patterns_know_nothing_of_each_other(values: list[tuple[int, int]]):
    together, apart = Samples(frozenset(range(4))), [Samples(frozenset({index})) for index in range(4)]
    for index, at in sorted(values, key=lambda value: value[1]):
        assert together.passes_over(index, at) == apart[index].passes_over(index, at)
        for each in (together, apart[index]):
            each.told(index, at, at + 10)
