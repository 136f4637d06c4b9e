"""The table of reasons is closed: each has a sentence, each is given by some code, and each is produced by some test."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sidecar.core.reasons import Reason

ROOT = Path(__file__).parents[2]

NOT_GIVEN: dict[str, str] = {}
"""Reasons that no code gives yet, and why they are in the table all the same."""
NOT_PROVED: dict[str, str] = {}
"""Reasons that no test produces, and why."""


def names(path: Path) -> Iterator[str]:
    """The reasons that a file names: `Reason.X`, or the code as a string of its own."""
    codes = {reason.value: reason.name for reason in Reason}
    text = path.read_text("utf-8")
    others = (
        "injector.eligible import" in text or path.name == "eligible.py"
    )  # the injector has a table of its own
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="Reason"), attr=name) if not others:
                yield name
            case ast.Constant(value=str(code)) if code in codes:
                yield codes[code]


@cache
def named_in(folder: str) -> frozenset[str]:
    files = (
        path for path in (ROOT / folder).rglob("*.py") if path.name not in ("reasons.py", "test_reasons.py")
    )
    return frozenset(name for path in files for name in names(path))


@pytest.mark.parametrize("reason", Reason)
def test_a_code_and_one_sentence(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.value)
    assert reason.value == reason.name.lower()
    assert reason.sentence[0].isupper()
    assert reason.sentence.endswith(".")
    assert not re.search(r"[.] [A-Z]|\n", reason.sentence)
    assert f"{reason}" == reason.value, "what logs and labels print is the code"


def test_no_sentence_twice() -> None:
    assert len({reason.sentence for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given_by_some_code(reason: Reason) -> None:
    given = reason.name in named_in("sidecar") | named_in("injector")
    assert given is (reason.name not in NOT_GIVEN), (
        "give it, take it out of the table, or drop a stale exemption"
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_produced_by_some_test(reason: Reason) -> None:
    proved = reason.name in named_in("tests")
    assert proved is (reason.name not in NOT_PROVED), "write the test, or drop a stale exemption"


def test_only_reasons_of_the_table_are_named() -> None:
    known = set(Reason.__members__) | {"__members__"}
    assert named_in("sidecar") | named_in("injector") | named_in("tests") <= known


def test_exemptions_name_reasons() -> None:
    assert set(NOT_GIVEN) | set(NOT_PROVED) <= set(Reason.__members__)
