"""The closed grammar: what it refuses, and that its expression of prefixes is exact."""

from __future__ import annotations

import re
from itertools import product

import hyperscan
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp_patterns import regex
from dlp_patterns.errors import PatternError
from dlp_patterns.model import Example, Pattern
from tests.dlp_patterns.oracle import expression
from tests.kit.effort import effort
from tests.kit.engines import patterns

PATTERNS = [pytest.param(pattern, id=pattern.id) for pattern in patterns()]

OUTSIDE = [
    (rb"a(b)", "capturing group"),
    (rb"(?P<x>a)", "named group"),
    (rb"(?<x>a)", "named group"),
    (rb"(?P=x)", "backreference"),
    (rb"[ab]\1", "backreference"),
    (rb"(?=a)b", "lookaround"),
    (rb"(?<!a)b", "lookaround"),
    (rb"(?i)a", "flags"),
    (rb"(?s:a)", "flags"),
    (rb"(?>a)", "atomic group"),
    (rb"^a", "anchor"),
    (rb"a$", "anchor"),
    (rb"\ba", "anchor"),
    (rb"a\z", "anchor"),
    (rb"a.b", "dot for any byte"),
    (rb"a*", "unbounded repetition"),
    (rb"a+", "unbounded repetition"),
    (rb"a{2,}", "unbounded repetition"),
    (rb"a{,3}", "brace"),
    (rb"a{3", "brace"),
    (rb"a??", "lazy quantifier"),
    (rb"a{2,3}?", "lazy quantifier"),
    (rb"a{2}+", "possessive quantifier"),
    (rb"[a--b]", "set operation"),
    (rb"[[:alpha:]]", "not understood"),
    (rb"[]a]", "not understood"),
    (rb"\Da", "negated shorthand"),
    (rb"\v", "unknown escape"),
    (rb"\xZZ", "not understood"),
    (b"a\\", "not understood"),
    (b"\xe9", "outside ASCII"),
    (b"a b", "white space"),
    (rb"(?:a", "no expression"),
    (rb"a)", "no expression"),
    (rb"[z-a]", "no expression"),
    (rb"a{2}{3}", "no expression"),
    (rb"a{3,2}", "no expression"),
]


@pytest.mark.parametrize(("text", "complaint"), OUTSIDE)
def test_outside_the_grammar(text: bytes, complaint: str) -> None:
    with pytest.raises(PatternError, match=re.escape(complaint)) as caught:
        regex.parse(text)
    assert all(problem.field == "regex" and problem.remedy for problem in caught.value.problems)


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(PatternError) as caught:
        regex.parse(rb"^(a)+.\1")
    assert [problem.what for problem in caught.value.problems] == [
        "has an anchor",
        "has a capturing group",
        "has an unbounded repetition",
        "has a dot for any byte",
        "has a backreference",
    ]


@pytest.mark.parametrize(
    ("text", "compact"),
    [
        ("a b\n c", b"abc"),
        ("a # comment with ( and [\nb", b"ab"),
        ("[ #] b", b"[ #]b"),
        (r"\x20 \# \[ a", rb"\x20\#\[a"),
        (r"[\] ] #x", rb"[\] ]"),
    ],
)
def test_white_space_and_comments_do_not_count(text: str, compact: bytes) -> None:
    assert regex.compact(text) == compact


@pytest.mark.parametrize(
    ("text", "narrowest", "widest"),
    [(rb"a{2,5}", 2, 5), (rb"(?:ab|c)?\d", 1, 3), (rb"(?:[a-f]\x20?){3}", 3, 6), (rb"a|bcd", 1, 3)],
)
def test_widths(text: bytes, narrowest: int, widest: int) -> None:
    assert (regex.narrowest(text), regex.widest(text)) == (narrowest, widest)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        (rb"abc", rb"(?:a(?:b(?:c)?)?)?"),
        (rb"\d{3}", rb"\d{0,3}"),
        (rb"\d{3}x", rb"(?:\d{0,2}|\d{3}(?:x)?)"),
        (rb"\d{0,3}x", rb"\d{0,3}(?:x)?"),
        (rb"(?:ab){2}", rb"(?:ab)?(?:a(?:b)?)?"),
        (rb"(?:ab|cd)e", rb"(?:(?:a(?:b)?)?|(?:c(?:d)?)?|(?:ab|cd)(?:e)?)"),
    ],
)
def test_prefixes_stay_compact(text: bytes, prefixes: bytes) -> None:
    assert regex.prefixes(text) == prefixes


# A small world in which a language can be written out: expressions over a, b and c.

ATOMS = st.sampled_from([b"a", b"b", b"[ab]", b"[^a]", rb"\x61", b"[a-c]"])


def _join(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    group = inner.map(lambda text: b"(?:" + text + b")")
    counts = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(
        lambda pair: b"{%d,%d}" % (min(pair), max(pair))
    )
    return st.one_of(
        st.lists(st.one_of(ATOMS, group), min_size=1, max_size=3).map(b"".join),
        st.lists(inner, min_size=2, max_size=3).map(b"|".join),
        st.tuples(st.one_of(ATOMS, group), st.one_of(counts, st.just(b"?"))).map(b"".join),
    )


EXPRESSIONS = st.recursive(ATOMS, _join, max_leaves=5).filter(lambda text: regex.widest(text) <= 5)
STRINGS = [bytes(letters) for size in range(6) for letters in product(b"abc", repeat=size)]


def _language(text: bytes) -> set[bytes]:
    found = re.compile(text).fullmatch
    return {string for string in STRINGS if found(string)}


@settings(deadline=None, max_examples=60)
@given(EXPRESSIONS)
def test_prefixes_are_exact(text: bytes) -> None:
    viable = {string[:size] for string in _language(text) for size in range(len(string) + 1)}
    assert _language(regex.prefixes(text)) == viable


@settings(deadline=None, max_examples=60)
@given(EXPRESSIONS)
def test_mirrored_is_the_same_read_backwards(text: bytes) -> None:
    assert _language(regex.mirrored(text)) == {string[::-1] for string in _language(text)}


def assert_prefixes_are_viable(pattern: Pattern, value: bytes) -> None:
    viable = re.compile(regex.prefixes(pattern.regex)).fullmatch
    assert all(viable(value[:size]) for size in range(len(value) + 1))
    assert not viable(value + b"\x00" * pattern.width)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_prefix_of_an_example_is_viable(pattern: Pattern) -> None:
    for example in pattern.match:
        found = expression(pattern).search(example.text)
        assert found is not None
        assert_prefixes_are_viable(pattern, found.group())


@effort(400)
@given(st.data())
def test_every_prefix_of_any_value_is_viable(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(patterns()))
    value = data.draw(st.from_regex(re.compile(pattern.regex), fullmatch=True))
    assert_prefixes_are_viable(pattern, value)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_prefixes_are_in_the_grammar_and_for_hyperscan(pattern: Pattern) -> None:
    prefixes = regex.prefixes(pattern.regex)
    assert (regex.narrowest(prefixes), regex.widest(prefixes)) == (0, pattern.width)
    _compile(b"(?:" + prefixes + rb")\z", hyperscan.HS_FLAG_ALLOWEMPTY)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_hyperscan_streams_it_without_start_of_match(pattern: Pattern) -> None:
    """Every example ends, for Hyperscan too, where the expression says, fed one byte at a time."""
    outside = pattern.boundary.right.outside
    right = b"(?:" + outside + rb"|\z)" if outside else b""
    database = _compile(b"(?:" + pattern.regex + b")" + right, 0)
    for example in pattern.match:
        ends: list[int] = []
        with database.stream(match_event_handler=_note, context=ends) as stream:
            for byte in example.text:
                stream.scan(bytes([byte]))
        end = end_of_match(pattern, example)
        assert {end, end + 1} & set(ends), "no event at the end of the match"


def end_of_match(pattern: Pattern, example: Example) -> int:
    """Where the expression ends for `re`: a check may take a part of the match for the value."""
    begin = example.text.index(example.value)
    found = (expression(pattern).match(example.text, at) for at in range(begin + 1))
    return next(match.end() for match in found if match is not None and match.end() > begin)


@pytest.mark.parametrize("shorthand", [rb"\d", rb"\w", rb"\s", rb"[^\s]", rb"\t", rb"\f", rb"\xff", rb"[^a]"])
def test_both_engines_read_a_class_alike(shorthand: bytes) -> None:
    database = _compile(b"^" + shorthand, hyperscan.HS_FLAG_DOTALL)
    for byte in range(256):
        seen: list[int] = []
        with database.stream(match_event_handler=_note, context=seen) as stream:
            stream.scan(bytes([byte]))
        assert bool(seen) == (re.match(shorthand, bytes([byte])) is not None), byte


def _note(_id: int, _start: int, end: int, _flags: int, ends: list[int]) -> None:
    ends.append(end)


def _compile(expression: bytes, flags: int) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
    database.compile(expressions=[expression], ids=[0], elements=1, flags=[flags])
    return database


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (rb"gh[op]_[0-9a-z]{36}", (b"gho_", b"ghp_")),
        (rb"A(?:KI|SI)A[A-Z]{16}", (b"AKIA", b"ASIA")),
        (rb"(?:[Aa]cme|ACME)[a-z]{0,3}", (b"ACME", b"Acme", b"acme")),
        (rb"(?:xox[ab]-\d{3}|xapp-\d-)", (b"xapp-", b"xoxa-", b"xoxb-")),
        (rb"ab?:[0-9]", (b"ab:", b"a:")),
        (rb"[a-z]x", (b"",)),
        (rb"ab[cd]", (b"",)),  # nothing behind it: it is the value itself
        (rb"ab[cd][0-9]", (b"ab",)),  # a letter at the end may be one of the value
        (rb"ab[cd](?:e|\d)", (b"ab",)),
        (rb"k[0-9]{20}", (b"k",)),
        (rb"[ab][cd][ef][gh][ij][kl][mn]x", (b"",)),  # more than six bits of choice say too much
    ],
)
def test_how_every_match_begins(expression: bytes, expected: tuple[bytes, ...]) -> None:
    assert set(regex.openings(expression)) == set(expected)
    assert [len(text) for text in regex.openings(expression)] == sorted(map(len, expected), reverse=True)
