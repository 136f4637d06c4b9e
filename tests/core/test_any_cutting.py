"""Same bytes, any chunking, same answer: for streams that nobody would write, too.

Conversations with bytes changed, dropped, doubled and moved, and values that overlap, touch or nearly are ones: findings,
verdict and everything released must not depend on the cutting.
"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.findings import Action
from sidecar.core.policy import Policy
from sidecar.core.scopes import Mode
from tests.dlp_patterns.cards import cards
from tests.kit.cuts import Outcome, cuttings, outcome
from tests.kit.effort import effort
from tests.kit.engines import ALERT_ALL, BLOCK_ALL, MASK_ALL, flow, patterns
from tests.kit.http import conversation

POLICIES = st.sampled_from([Policy(), MASK_ALL, ALERT_ALL, BLOCK_ALL])
EXAMPLES = [example.text for pattern in patterns() for example in pattern.match]
NEAR_MISSES = [example.text for pattern in patterns() for example in pattern.no_match]
TROUBLE = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"0", b"5", b"\x00", b"\xff",
           b"Transfer-Encoding: chunked\r\n",
           b"Content-Length: 3\r\n", b"HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n"]  # fmt: skip


def mutated(wire: bytes, rng: Random) -> bytes:
    """`wire` with a few bytes changed, dropped, inserted, doubled or moved."""
    for _ in range(rng.randrange(4)):
        at, size = rng.randrange(len(wire) + 1), rng.choice((1, 1, 2, 8, 60))
        part = wire[at : at + size]
        other = rng.randrange(len(wire) + 1)
        wire = rng.choice(
            (
                wire[:at] + rng.choice(TROUBLE) + wire[at:],
                wire[:at] + rng.choice(TROUBLE) + wire[at + size :],
                wire[:at] + wire[at + size :],
                wire[:at] + part + wire[at:],
                wire[:other] + part + wire[other:],
                wire[:at] + rng.choice(EXAMPLES) + wire[at:],
            )
        )
    return wire


def ask(policy: Policy, cut: list[bytes], mode: Mode = Mode.PROTECT) -> Outcome:
    one = flow(mode, policy)
    return outcome(lambda data: one.client.feed(data), cut, one.client_close)


def answer(policy: Policy, asked: bytes, cut: list[bytes]) -> Outcome:
    one = flow(policy=policy)
    one.client.feed(asked)
    return outcome(lambda data: one.server.feed(data), cut, one.server_close)


def assert_same(whole: Outcome, seen: Outcome, wire: bytes) -> None:
    assert seen.answer == whole.answer
    if seen.verdict is None:
        assert seen.released == whole.released
    assert len(seen.released) <= len(wire)


@effort(250)
@given(st.integers(0, 10**9), POLICIES, st.data())
def test_requests_with_something_wrong(seed: int, policy: Policy, data: st.DataObject) -> None:
    rng = Random(seed)
    wire = mutated(b"".join(conversation(rng).requests), rng)
    assert_same(ask(policy, [wire]), ask(policy, data.draw(cuttings(wire))), wire)


@effort(250)
@given(st.integers(0, 10**9), POLICIES, st.data())
def test_responses_with_something_wrong(seed: int, policy: Policy, data: st.DataObject) -> None:
    rng = Random(seed)
    made = conversation(rng)
    asked, wire = b"".join(made.requests), mutated(b"".join(made.responses), rng)
    cut = data.draw(cuttings(wire))
    assert_same(answer(policy, asked, [wire]), answer(policy, asked, cut), wire)


separators = st.sampled_from(
    [b"", b" ", b"-", b";", b"=", b"\n", b".", b", ", b" " * 70, b"card ", b"0", b"a", b"xoxb-"]
)
grouped = cards().map(lambda number: b" ".join(number[at : at + 4] for at in range(0, len(number), 4)))
values = st.one_of(
    cards(),
    grouped,
    st.sampled_from(EXAMPLES),
    st.sampled_from(NEAR_MISSES),
    st.text("0123456789", max_size=25).map(str.encode),
)
texts = st.lists(st.tuples(values, separators).map(b"".join), min_size=1, max_size=6).map(b"".join)


@effort(300)
@given(texts, POLICIES, st.data())
def test_values_that_touch_and_overlap(text: bytes, policy: Policy, data: st.DataObject) -> None:
    wire = b"\x00" + text
    cut = data.draw(cuttings(wire))
    whole, seen = ask(policy, [wire]), ask(policy, cut)
    assert_same(whole, seen, wire)
    monitored = ask(policy, cut, Mode.MONITOR)
    assert monitored.released == wire
    assert monitored.verdict is None
    if policy is ALERT_ALL:
        assert monitored.findings == whole.findings
    if whole.verdict is not None:
        # Up to the verdict both told the same; protect mode then stopped.
        assert monitored.findings[: len(whole.findings)] == whole.findings


@effort(150)
@given(texts, st.data())
def test_what_is_masked_shows_no_more_than_each_finding_may(text: bytes, data: st.DataObject) -> None:
    wire = b"\x00" + text
    seen = ask(MASK_ALL, data.draw(cuttings(wire)))
    out = seen.released
    assert all(new in (old, ord("*")) for new, old in zip(out, wire[: len(out)], strict=True))
    if seen.verdict is None:
        for finding in seen.findings:
            assert finding.action is Action.MASK
            if finding.pattern == "pci/pan":
                value = out[finding.offset : finding.offset + len(finding.shown)]
                hidden = [at for at, char in enumerate(finding.shown) if char == "*"]
                assert all(value[at : at + 1] == b"*" for at in hidden)
