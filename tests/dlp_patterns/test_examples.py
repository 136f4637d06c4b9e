"""Every example of every pattern, through plain `re`, the boundaries and the check."""

from __future__ import annotations

import pytest

from dlp_patterns.model import Example, NonMatch, Pattern
from tests.dlp_patterns.oracle import find
from tests.kit.engines import shipped

PATTERNS = shipped()
MATCH = [pytest.param(p, e, id=f"{p.id}-{at}") for p in PATTERNS for at, e in enumerate(p.match)]
NO_MATCH = [pytest.param(p, e, id=f"{p.id}-{e.why}") for p in PATTERNS for e in p.no_match]


@pytest.mark.parametrize(("pattern", "example"), MATCH)
def test_the_value_is_found_and_nothing_else(pattern: Pattern, example: Example) -> None:
    assert [found.value for found in find(pattern, example.text)] == [example.value]


@pytest.mark.parametrize(("pattern", "example"), NO_MATCH)
def test_nothing_is_found(pattern: Pattern, example: NonMatch) -> None:
    assert find(pattern, example.text) == []
