"""The model: boundaries and context words, as tables."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace

import pytest

from dlp_patterns.model import Boundary, Confidence, Context, Pack, PatternError
from tests.kit.engines import patterns

PAN = next(pattern for pattern in patterns() if pattern.id == "pci/pan")

#          neighbour:  none   "5"    "a"    "Z"    "_"    "-"    " "    0xff
NEIGHBOURS = [None, *b"5aZ_- \xff"]
HOLDS = {
    Boundary.NONE: [True, True, True, True, True, True, True, True],
    Boundary.DIGIT: [True, False, True, True, True, True, True, True],
    Boundary.WORD: [True, False, False, False, False, True, True, True],
    Boundary.TOKEN: [True, False, False, False, False, False, True, True],
}


@pytest.mark.parametrize("boundary", Boundary)
def test_boundary_table(boundary: Boundary) -> None:
    assert [boundary.holds(byte) for byte in NEIGHBOURS] == HOLDS[boundary]


@pytest.mark.parametrize("boundary", [boundary for boundary in Boundary if boundary.outside])
def test_a_boundary_is_the_same_as_byte_and_as_expression(boundary: Boundary) -> None:
    outside = re.compile(boundary.outside, re.DOTALL)
    assert [boundary.holds(byte) for byte in range(256)] == [
        outside.fullmatch(bytes([byte])) is not None for byte in range(256)
    ]


def test_no_boundary_is_no_expression() -> None:
    assert Boundary.NONE.outside == b""


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        (b"card=", True),
        (b"CARD_NO: ", True),
        (b'{"cardNumber":"', True),
        (b"debit-card ", True),
        (b"myCard=", True),
        (b"card2: ", True),
        (b"discard ", False),
        (b"cardinal ", False),
        (b"CARDINAL ", False),
        (b"cards ", False),
        (b"card" + b" " * 20, False),  # ends more than 20 bytes before
        (b"card" + b" " * 16, True),
        (b"", False),
    ],
)
def test_context_words(before: bytes, seen: bool) -> None:
    assert Context((b"card",), 20, required=False).seen(before) is seen


def test_confidences_compare() -> None:
    assert Confidence.LIKELY < Confidence.CERTAIN


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("id", "Pan", "id: must be"),
        ("title", " ", "title: is empty"),
        ("regex", rb"a+", "regex: has an unbounded"),
        ("width", 1, "width: is 1"),
        ("match", (), "match: has no example"),
        ("no_match", (), "no_match: has fewer"),
    ],
)
def test_an_invalid_pattern_cannot_be_constructed(field: str, value: object, says: str) -> None:
    with pytest.raises(PatternError, match=says):
        replace(PAN, **{field: value})  # type: ignore[arg-type]


def test_a_pattern_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        PAN.width = 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "patterns", "says"),
    [
        ("pci", (), "is empty"),
        ("pci", (PAN, PAN), "used twice"),
        ("pii", (PAN,), "not in pack pii"),
        ("P C I", (PAN,), "rename the folder"),
    ],
)
def test_an_invalid_pack_cannot_be_constructed(name: str, patterns: tuple[object, ...], says: str) -> None:
    with pytest.raises(PatternError, match=says):
        Pack(name, patterns)  # type: ignore[arg-type]
