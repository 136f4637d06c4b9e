"""Hyperscan and the plain oracle see the same hits: in complete texts, in streams at any cutting, and at their ends."""

import gc
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.model import Boundary, Pattern
from sidecar.core.hits import EngineError, Hit, Matcher
from sidecar.core.policy import Policy
from sidecar.match.hs import HyperscanMatcher, HyperscanStream
from tests.dlp_patterns.cards import cards
from tests.kit.cuts import cuttings
from tests.kit.effort import effort
from tests.kit.engines import BLOCK_ALL, MASK_ALL, flow, hyperscan, patterns, plain
from tests.kit.prefixes import prefix_free

EXAMPLES = [example.text for pattern in patterns() for example in (*pattern.match, *pattern.no_match)]
GLUE = st.sampled_from(
    [b"", b" ", b"-", b".", b"\n", b"\x0b", b"\x00", b"\xc2\xa0", b"0", b"a", b"_", b"=", b";", b"card "]
)
pieces_of_examples = st.builds(
    lambda text, low, high: text[low % (len(text) + 1) :][: high % (len(text) + 1)],
    st.sampled_from(EXAMPLES),
    st.integers(0, 30),
    st.integers(0, 400),
)
near_misses = st.one_of(st.sampled_from(EXAMPLES), pieces_of_examples, cards(), st.binary(max_size=6))
texts = st.lists(st.tuples(near_misses, GLUE).map(b"".join), max_size=3).map(b"".join)
EVERY = frozenset(range(len(patterns())))


def hits(found: Iterable[Hit]) -> list[Hit]:
    """In one order; each hit is reported once."""
    ordered = sorted(found)
    assert len(ordered) == len(set(ordered))
    return ordered


def streamed(matcher: Matcher, cut: Sequence[bytes]) -> list[Hit]:
    stream = matcher.open()
    found = [hit for piece in cut for hit in stream.feed(piece)]
    last = stream.close()
    assert not stream.close(), "closing twice is safe"
    return hits([*found, *last])


@effort(60)
@given(texts)
def test_a_complete_text(text: bytes) -> None:
    assert hits(hyperscan().once(text)) == hits(plain().once(text))


@effort(60)
@given(texts, st.data())
def test_a_stream_at_any_cutting(text: bytes, data: st.DataObject) -> None:
    """Hits of a stream are those of the complete text, and a hit is told with the piece in which it ends."""
    cut = data.draw(cuttings(text))
    whole = hits(hyperscan().once(text))
    assert streamed(hyperscan(), cut) == whole
    assert streamed(plain(), cut) == whole
    fast, slow, at = hyperscan().open(), plain().open(), 0
    for piece in cut:
        now = hits(fast.feed(piece))
        assert now == hits(slow.feed(piece))
        assert all(at < end <= at + len(piece) for _, end in now)
        at += len(piece)
    assert hits(fast.close()) == hits(slow.close())


@effort(60)
@given(texts, st.sampled_from([frozenset({index}) for index in sorted(EVERY)]))
def test_the_same_tail_is_held(text: bytes, one: frozenset[int]) -> None:
    for which in (EVERY, one):
        assert hyperscan().hold(which)(text) == plain().hold(which)(text)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: pattern.id)
def test_every_example_alone(pattern: Pattern) -> None:
    for example in (*pattern.match, *pattern.no_match):
        for text in (example.text, b"\n" + example.text + b"\n", example.text * 2):
            assert hits(hyperscan().once(text)) == hits(plain().once(text))


def test_empty_texts_and_pieces() -> None:
    assert list(hyperscan().once(b"")) == []
    assert streamed(hyperscan(), [b"", b"", b""]) == []
    assert streamed(hyperscan(), [b"", b"4111111111111111", b""]) == hits(
        hyperscan().once(b"4111111111111111")
    )
    assert hyperscan().hold(EVERY)(b"") == 0


# --- one value, one hit ------------------------------------------------------------------------------------------------

NOT_PREFIX_FREE = {
    "secrets/private_key": "a word such as Version can begin 64 characters of base64; core tells the longer value",
}
"""Patterns without a right boundary of which one match can be the beginning of another, and why that is no harm."""


def ends_where_it_must(pattern: Pattern) -> bool:
    """Whether a value of the pattern cannot be taken for a shorter one while it arrives."""
    return pattern.boundary.right is not Boundary.NONE or prefix_free(pattern.regex)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: pattern.id)
def test_a_pattern_of_variable_width_says_where_it_ends(pattern: Pattern) -> None:
    assert ends_where_it_must(pattern) is (pattern.id not in NOT_PREFIX_FREE), "or the exemption is stale"


def test_exemptions_are_for_patterns_that_exist() -> None:
    assert set(NOT_PREFIX_FREE) <= {pattern.id for pattern in patterns()}


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (rb"ab", True),
        (rb"ab?", False),
        (rb"(?:ab|abc)", False),
        (rb"(?:ab|b)c", True),
        (rb"a{2,3}b", True),
        (rb"a{2,3}", False),
        (rb"[^?]{0,5}\?", True),
        (rb"\d{12,19}[=D]\d{7}", True),
        (rb"x(?:[0-9a-f]{4}|abc)", False),
    ],
)
def test_prefix_free_is_decided_right(regex: bytes, expected: bool) -> None:
    assert prefix_free(regex) is expected


# --- errors, and what is borrowed by native code -------------------------------------------------------------------------


def test_a_pattern_that_does_not_compile_is_an_error_of_the_engine() -> None:
    broken = replace(patterns()[0])
    object.__setattr__(broken, "regex", rb"(")
    with pytest.raises(EngineError, match="do not compile"):
        HyperscanMatcher([broken])


def test_no_pattern_at_all_is_an_error_of_the_engine() -> None:
    with pytest.raises(EngineError):
        HyperscanMatcher([])
    with pytest.raises(EngineError):
        hyperscan().hold(frozenset())


def test_a_closed_stream_refuses_bytes() -> None:
    stream = hyperscan().open()
    stream.close()
    with pytest.raises(EngineError, match="closed"):
        stream.feed(b"4111111111111111")


def test_hits_of_one_scan_are_not_changed_by_the_next() -> None:
    first = hyperscan().once(b"4111111111111111 ")
    kept = list(first)
    hyperscan().once(b"5555555555554444 5555555555554444 ")
    assert list(first) == kept
    stream = hyperscan().open()
    early = stream.feed(b"4111111111111111 ")
    kept = list(early)
    stream.feed(b"4111111111111111 ")
    assert list(early) == kept
    stream.close()


def test_streams_of_one_matcher_do_not_mix() -> None:
    one, other = hyperscan().open(), hyperscan().open()
    one.feed(b"41111111")
    other.feed(b"hello ")
    assert not other.feed(b"11111111 ")
    assert one.feed(b"11111111 ")
    one.close()
    other.close()


def open_streams() -> int:
    gc.collect()
    return sum(isinstance(each, HyperscanStream) and each._native is not None for each in gc.get_objects())


HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDINGS = {
    "clean, then closed": (Policy(), [HEAD, b"2\r\nok\r\n", b"0\r\n\r\n"], True),
    "cut off in a body, then closed": (Policy(), [HEAD, b"9\r\nok"], True),
    "opaque, then closed": (Policy(), [b"\x00hello"], True),
    "opaque, then dropped": (Policy(), [b"\x00hello"], False),
    "cut off in a body, then dropped": (Policy(), [HEAD, b"9\r\nok"], False),
    "blocked": (BLOCK_ALL, [HEAD, b"5\r\n41111\r\n", b"b\r\n11111111111\r\n", b"0\r\n\r\n"], False),
    "blocked in an opaque stream": (BLOCK_ALL, [b"\x004111111111111111;" + b" " * 200], False),
    "malformed": (Policy(), [HEAD, b"2\r\nok\r\n", b"x\r\n"], False),
    "could not be masked": (MASK_ALL, [HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n", b"1\r\nx\r\n"], False),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "stream", "closed"), ENDINGS.values(), ids=ENDINGS)
def test_streams_are_closed_however_a_flow_ends(policy: Policy, stream: list[bytes], closed: bool) -> None:
    before = open_streams()
    one = flow(policy=policy)
    for piece in stream:
        one.client.feed(piece)
    if closed:
        one.client_close()
        assert open_streams() == before, "nothing is left for discard to close"
    one.discard()
    one.discard()
    assert open_streams() == before


def test_a_forgotten_stream_is_closed_with_its_object() -> None:
    before = open_streams()
    hyperscan().open().feed(b"4111")
    assert open_streams() == before
