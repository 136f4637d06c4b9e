"""Same bytes, any chunking, same answer; and no leak before the verdict (promise 2 of the architecture).

For every example of every shape of pattern in every carrier, and for examples of any pattern drawn at random: findings
and verdict do not depend on how the stream was cut, of a blocked value at most the first six characters have left before
the verdict, Hyperscan and the plain oracle lead to the same steps, and masking changes the same bytes of the value and
nothing else.
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns import masking
from dlp_patterns.model import Pattern
from sidecar.core.confirm import OPEN_ENDED
from sidecar.core.findings import Action
from sidecar.core.inspector import AHEAD
from sidecar.core.scopes import Mode
from tests.kit.carriers import CARRIERS, Carried
from tests.kit.cuts import Outcome, bytewise, cuttings, pieces
from tests.kit.effort import effort
from tests.kit.engines import BLOCK_ALL, MASK_ALL, flow, hyperscan, patterns, plain, representatives

LEAD = 6
"""Characters of a blocked value that may be seen (PCI DSS 3.4.1: the BIN)."""

EXAMPLES = [(pattern, at) for pattern in representatives() for at in range(len(pattern.match))]
IDS = [f"{pattern.id}-{at}" for pattern, at in EXAMPLES]
TEXTS = [example.text for pattern in patterns() for example in pattern.match]


def leaked(carried: Carried, seen: Outcome) -> int:
    """How many characters of the blocked value had left before the verdict."""
    assert seen.verdict is not None
    assert seen.verdict.finding is not None
    return len(carried.text(seen.released)) - seen.verdict.finding.offset


def in_every_carrier(text: bytes, seed: int) -> list[Carried]:
    return [carried for wrap in CARRIERS if (carried := wrap(text, Random(seed))) is not None]


def in_two(carried: Carried, value: bytes) -> list[list[bytes]]:
    """Cut in two where it could matter: at the head's end, and around the value if that is plain on the wire."""
    wire, head = carried.wire, carried.wire.find(b"\r\n\r\n") + 4
    at, size = wire.find(value), len(value)
    places = {head - 4, head - 2, head - 1, head, head + 1, *range(head, len(wire), len(wire) // 6)}
    if at >= 0:
        places |= {at + step for step in (-1, 0, 1, 5, 6, 7, size // 2, size - 1, size, size + 1, size + 2)}
        places |= {at + size + AHEAD + step for step in (-1, 0, 1)}
    return [pieces(wire, [place]) for place in places if 0 < place < len(wire)]


@pytest.mark.parametrize(("pattern", "at"), EXAMPLES, ids=IDS)
def test_every_example_is_found_in_every_carrier(pattern: Pattern, at: int) -> None:
    """Monitor mode tells everything, so that a pattern cannot hide behind another that blocks first."""
    example = pattern.match[at]
    shown = masking.shown(pattern.show, example.value, pattern.openings)
    for carried in in_every_carrier(example.text, at):
        seen = carried.run(flow(Mode.MONITOR), [carried.wire])
        told = [(finding.pattern, finding.shown, finding.part, finding.view) for finding in seen.findings]
        views = [view for *what, view in told if what == [pattern.told, shown, carried.part]]
        assert views
        assert len(views) == len(set(views)), "once in each reading: an escaped line break is another byte"
        assert seen.released == carried.wire
        assert carried.run(flow(Mode.MONITOR), bytewise(carried.wire)).answer == seen.answer


@pytest.mark.parametrize(("pattern", "at"), EXAMPLES, ids=IDS)
def test_every_example_is_blocked_the_same_at_any_single_cut(pattern: Pattern, at: int) -> None:
    example = pattern.match[at]
    for carried in in_every_carrier(example.text, at):
        whole = carried.run(flow(policy=BLOCK_ALL), [carried.wire])
        assert whole.verdict is not None
        for cut in [bytewise(carried.wire), *in_two(carried, example.value)]:
            seen = carried.run(flow(policy=BLOCK_ALL), cut)
            assert seen.answer == whole.answer
            assert leaked(carried, seen) <= LEAD


@st.composite
def cut_examples(draw: st.DrawFn, most: int = 8) -> tuple[Carried, list[bytes]]:
    text = draw(st.sampled_from(TEXTS))
    wrap = draw(st.sampled_from(CARRIERS))
    carried = wrap(text, Random(draw(st.integers(0, 10**6))))
    if carried is None:  # a text that this carrier cannot carry
        carried = CARRIERS[-1](text, Random(0))
    assert carried is not None
    return carried, draw(cuttings(carried.wire, most))


@effort(300)
@given(cut_examples())
def test_findings_and_verdict_do_not_depend_on_the_cutting(drawn: tuple[Carried, list[bytes]]) -> None:
    carried, cut = drawn
    whole = carried.run(flow(), [carried.wire])
    seen = carried.run(flow(), cut)
    assert seen.answer == whole.answer
    if seen.verdict is None:
        assert seen.released == carried.wire
        assert not any(finding.action is Action.BLOCK for finding in seen.findings)
    else:
        assert leaked(carried, seen) <= LEAD


@effort(200)
@given(cut_examples())
def test_masking_changes_the_value_and_nothing_else(drawn: tuple[Carried, list[bytes]]) -> None:
    carried, cut = drawn
    whole = carried.run(flow(policy=MASK_ALL), [carried.wire])
    seen = carried.run(flow(policy=MASK_ALL), cut)
    assert seen.answer == whole.answer
    assert whole.findings
    if not carried.linear or any(finding.pattern in OPEN_ENDED for finding in seen.findings):
        assert (
            seen.verdict is not None
        )  # a compressed body cannot be masked, nor can a key that goes on: both are blocked
        return
    assert seen.verdict is None
    assert seen.released == whole.released
    assert len(seen.released) == len(carried.wire)
    text, masked = carried.text(carried.wire), carried.text(seen.released)
    changed = [at for at, (old, new) in enumerate(zip(text, masked, strict=True)) if old != new]
    values = {at for finding in seen.findings for at in range(finding.offset, finding.offset + 256)}
    assert changed
    assert set(changed) <= values
    assert {masked[at] for at in changed} == {masking.STAR}
    again = carried.run(flow(policy=MASK_ALL), [seen.released])
    assert not again.findings, "what was masked must not be found again"


@effort(40)
@given(cut_examples(most=3))
def test_the_engine_and_the_oracle_lead_to_the_same_steps(drawn: tuple[Carried, list[bytes]]) -> None:
    carried, cut = drawn
    if len(cut) > 6:
        cut = pieces(carried.wire, range(0, len(carried.wire), len(carried.wire) // 5))
    fast = carried.run(flow(matcher=hyperscan()), cut)
    slow = carried.run(flow(matcher=plain()), cut)
    assert fast.steps == slow.steps
