"""Hyperscan and the plain oracle see the same hits: in complete texts, in streams at any cutting, and at their ends."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.model import Boundary, Pattern
from sidecar.core.hits import EngineError, Hit, Matcher
from sidecar.match.hs import HyperscanMatcher
from tests.dlp_patterns.cards import cards
from tests.kit.cuts import cuttings
from tests.kit.effort import effort
from tests.kit.engines import hyperscan, patterns, plain, representatives
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


def streamed(matcher: Matcher, cut: Sequence[bytes], keep: int = 0) -> list[list[Hit]]:
    """The hits that each piece brings, and those of the end; `keep` bytes of what came before are known."""
    found, tail, at = [], b"", 0
    for piece in cut:
        seen, known = tail + piece, len(tail)
        base, at = at - known, at + len(piece)
        found.append(hits((index, base + end) for index, end in matcher.more(seen, known)))
        tail = seen[-(keep or matcher.reach) :]
    found.append(hits((index, at - len(tail) + end) for index, end in matcher.last(tail)))
    return found


@effort(60)
@given(texts)
def test_a_complete_text(text: bytes) -> None:
    assert hits(hyperscan().once(text)) == hits(plain().once(text))


@effort(60)
@given(texts, st.data())
def test_a_stream_at_any_cutting(text: bytes, data: st.DataObject) -> None:
    """Hits of a stream are those of the complete text, and a hit is told with the piece in which it ends."""
    cut = data.draw(cuttings(text))
    fast, slow, at = streamed(hyperscan(), cut), streamed(plain(), cut), 0
    assert fast == slow
    assert hits(hit for found in fast for hit in found) == hits(hyperscan().once(text))
    for piece, now in zip(cut, fast, strict=False):
        assert all(at < end <= at + len(piece) for _, end in now)
        at += len(piece)


@effort(60)
@given(texts, st.sampled_from([frozenset({patterns().index(pattern)}) for pattern in representatives()]))
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
    assert streamed(hyperscan(), [b"", b"", b""]) == [[]] * 4
    *before, last = streamed(hyperscan(), [b"", b"4111111111111111", b""])
    assert before == [[]] * 3
    assert last == hits(hyperscan().once(b"4111111111111111"))
    assert hyperscan().hold(EVERY)(b"") == 0


# --- one value, one hit ------------------------------------------------------------------------------------------------

NOT_PREFIX_FREE = {
    "pci/pan_wide": "no single byte parts full-width digits from what follows; core tells the longer value",
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
        HyperscanMatcher([], signs=())
    with pytest.raises(EngineError):
        hyperscan().hold(frozenset())


def test_hits_of_one_scan_are_not_changed_by_the_next() -> None:
    first = hyperscan().once(b"4111111111111111 ")
    kept = list(first)
    hyperscan().once(b"5555555555554444 5555555555554444 ")
    assert list(first) == kept
    early = hyperscan().more(b"4111111111111111 ", 0)
    kept = list(early)
    hyperscan().more(b"4111111111111111 4111111111111111 ", 17)
    assert list(early) == kept
