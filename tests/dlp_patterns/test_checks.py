"""The registry of checks: complete both ways, and total."""

from __future__ import annotations

import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp_patterns import checks
from dlp_patterns.model import Pattern
from tests.kit.engines import shipped

PATTERNS = shipped()


def test_every_check_is_used_and_every_pattern_has_one() -> None:
    ours = {pattern.check for pattern in PATTERNS}
    assert ours | {"shape"} == set(checks.REGISTRY)  # which is for the packs of users


def test_every_module_is_registered() -> None:
    assert {module.name for module in pkgutil.iter_modules(checks.__path__)} == {
        name.partition(".")[0] for name in checks.REGISTRY
    }


# Bytes that get far into a check before they are wrong.
NEARLY = st.lists(
    st.one_of(
        st.sampled_from([example.value for pattern in PATTERNS for example in pattern.match]),
        st.sampled_from(
            [b"=", b"^", b"D", b";", b" ", b"-", b"=3012101", b"ghp_", b"DE89", b"-----BEGIN ", b"\xff"]
        ),
        st.text("0123456789", max_size=20).map(str.encode),
        st.binary(max_size=8),
    ),
    max_size=6,
).map(b"".join)


MODULES = sorted({name.partition(".")[0] for name in checks.REGISTRY})


@pytest.mark.parametrize("module", MODULES)
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_check_answers_for_any_bytes(module: str, data: st.DataObject) -> None:
    """For any window and span a check answers, and what it confirms lies inside the span; of a table any row."""
    name = data.draw(st.sampled_from([each for each in checks.REGISTRY if each.partition(".")[0] == module]))
    window = data.draw(NEARLY)
    start = data.draw(st.integers(0, len(window)))
    end = data.draw(st.integers(start, len(window)))
    found = checks.REGISTRY[name](window, start, end)
    assert found is None or (start <= found.start < found.end <= end and found.kind)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_a_value_cut_short_is_not_confirmed_as_more(pattern: Pattern) -> None:
    """No check confirms more than it was given: the last byte of a value is never taken from outside the span."""
    for example in pattern.match:
        end = example.text.index(example.value) + len(example.value) - 1
        for start in range(end + 1):
            found = checks.REGISTRY[pattern.check](example.text, start, end)
            assert found is None or found.end <= end


@pytest.mark.parametrize("name", sorted(checks.SHORT_CUTS))
@given(text=NEARLY)
@settings(max_examples=300, deadline=None)
def test_what_a_look_rules_out_is_confirmed_from_no_beginning(name: str, text: bytes) -> None:
    check, look = checks.REGISTRY[name], checks.SHORT_CUTS[name]
    for end in range(1, len(text) + 1):
        if look(text, end):
            assert not any(found.end == end for start in range(end) if (found := check(text, start, end)))
