"""The tail that is held: whatever could still become a value stays, except what may be shown of it anyway."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns import masking
from dlp_patterns.model import DataClass, Pattern
from tests.kit.effort import effort
from tests.kit.engines import hyperscan, patterns, representatives

EVERY = frozenset(range(len(patterns())))
BEFORE = [b"", b" ", b"\n", b"card=", b"x" * 400 + b" "]


def values(pattern: Pattern) -> list[bytes]:
    """What the expression matches in the examples, before any check narrows it."""
    found = (re.search(pattern.regex, example.text, re.DOTALL) for example in pattern.match)
    return [match.group() for match in found if match is not None]


def assert_held(pattern: Pattern, before: bytes, value: bytes) -> None:
    """Every beginning of `value` at the end of a text is kept, but for what may be shown."""
    lead = masking.lead(pattern.show, pattern.openings)
    alone = hyperscan().hold(frozenset({patterns().index(pattern)}))
    for size in range(len(value) + 1):
        tail = (before + value[:size])[-hyperscan().reach :]
        assert alone(tail) >= size - lead
        assert hyperscan().hold(EVERY)(tail) >= alone(tail)


@pytest.mark.parametrize("pattern", representatives(), ids=lambda pattern: pattern.id)
def test_no_beginning_of_an_example_is_released(pattern: Pattern) -> None:
    assert values(pattern)
    for value in values(pattern):
        for before in BEFORE:
            assert_held(pattern, before, value)


@pytest.mark.parametrize("pattern", representatives(), ids=lambda pattern: pattern.id)
def test_no_beginning_of_a_generated_value_is_released(pattern: Pattern) -> None:
    @effort(4)
    @given(st.from_regex(re.compile(pattern.regex, re.DOTALL), fullmatch=True), st.sampled_from(BEFORE))
    def check(value: bytes, before: bytes) -> None:
        assert_held(pattern, before, value)

    check()


def test_nothing_is_held_of_text_that_cannot_become_a_value() -> None:
    """Of personal data something nearly always is: any letter can begin a word before it, or an address of e-mail."""
    personal = {at for at, pattern in enumerate(patterns()) if pattern.klass is DataClass.PII}
    hold = hyperscan().hold(EVERY - personal)
    for text in (b"", b"hello, world.", b"\x00\x01\x02", b"4111 1111 1111 1111 ok", b"41111111!"):
        assert hold(text) == 0


@effort(100)
@given(st.integers(0, 10**9))
def test_what_is_held_is_bounded_by_the_widest_pattern(seed: int) -> None:
    rng = Random(seed)
    text = bytes(rng.choices(b"0123456789 -.;=%B^AKIA", k=rng.randrange(600)))
    widest = max(pattern.width for pattern in patterns())
    assert hyperscan().hold(EVERY)(text[-hyperscan().reach :]) <= widest


def test_reach_covers_the_widest_value_and_its_context() -> None:
    contexts = (pattern.context.distance for pattern in patterns() if pattern.context)
    assert hyperscan().reach > max(pattern.width for pattern in patterns()) + max(contexts)
