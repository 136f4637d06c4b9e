"""The conditions of exclusions and exceptions, each alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.allowances import NO_DAY, NO_MARKS, Condition, Ground, Marks, Terms, is_day, like

LIKE: list[tuple[str, str, bool]] = [
    ("/health", "/health", True),
    ("/health", "/healthz", False),
    ("/health/*", "/health/a/b", True),
    ("/health/*", "/health/", True),
    ("/health/*", "/health", False),
    ("*/debug", "/a/debug", True),
    ("*", "/anything", True),
    ("$.debug.*", "$.debug.a[0].b", True),
    ("$.debug.*", "$.debugger.a", False),
    ("$.items[*].note", "$.items[12].note", True),
    ("$.items[*].note", "$.items[12].notes", False),
    ("a*a", "a", False),
    ("a*b*c", "abc", True),
    ("a*b*c", "acb", False),
    ("*", "", False),
    ("", "", False),
]


@pytest.mark.parametrize(("glob", "text", "fits"), LIKE)
def test_a_star_stands_for_anything(glob: str, text: str, fits: bool) -> None:
    assert like(text, glob) is fits


@given(st.text("ab*", max_size=8), st.text("ab", min_size=1, max_size=12))
def test_globs_mean_what_an_expression_would(glob: str, text: str) -> None:
    expression = ".*".join(map(re.escape, glob.split("*")))
    assert like(text, glob) is bool(re.fullmatch(expression, text))


DAYS = [
    ("2026-11-27", True),
    ("2028-02-29", True),
    ("2000-02-29", True),
    ("2027-02-29", False),
    ("2100-02-29", False),
    ("2026-04-31", False),
    ("2026-13-01", False),
    ("2026-00-10", False),
    ("0000-01-01", False),
    ("2026-1-1", False),
    ("26-11-2027", False),
    ("2026-11-277", False),
    ("2026/11/27", False),
    ("٢٠٢٦-11-27", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "right"), DAYS)
def test_days_are_those_of_the_calendar(text: str, right: bool) -> None:
    assert is_day(text) is right


def test_an_exception_holds_up_to_its_last_day() -> None:
    terms = Terms("payments", "2027-03-31", Ground.MIGRATION, "the old gateway")
    assert [terms.over(day) for day in ("2026-12-31", "2027-03-31", "2027-04-01", NO_DAY)] == [
        False,
        False,
        True,
        True,
    ]


MINE = Marks(1, 0xABC)
HOLDS = [
    ("no condition", Condition(), NO_MARKS, "", "", True),
    ("a value", Condition(frozenset({0xABC})), MINE, "", "", True),
    ("another value", Condition(frozenset({0xABD})), MINE, "", "", False),
    ("no value", Condition(frozenset({0xABD})), NO_MARKS, "", "", False),
    ("a path", Condition(paths=("/a", "/b/*")), MINE, "/b/c", "", True),
    ("another path", Condition(paths=("/a", "/b/*")), MINE, "/c", "", False),
    ("no path is known", Condition(paths=("*",)), MINE, "", "body", False),
    ("a place", Condition(places=("url", "$.a.*")), MINE, "", "$.a.b", True),
    ("another place", Condition(places=("url", "$.a.*")), MINE, "", "header", False),
    ("any header", Condition(places=("header",)), MINE, "", "header:X-Card", True),
    ("one header", Condition(places=("header:X-Card",)), MINE, "", "header:X-Card", True),
    ("another header", Condition(places=("header:X-Other",)), MINE, "", "header:X-Card", False),
    ("all of them", Condition(frozenset({0xABC}), ("/a",), ("url",)), MINE, "/a", "url", True),
    ("not all of them", Condition(frozenset({0xABC}), ("/a",), ("url",)), MINE, "/a", "header", False),
]


@pytest.mark.parametrize(
    ("condition", "marks", "path", "where", "holds"),
    [row[1:] for row in HOLDS],
    ids=[row[0] for row in HOLDS],
)
def test_conditions(condition: Condition, marks: Marks, path: str, where: str, holds: bool) -> None:
    assert condition.holds(marks, path, where) is holds
