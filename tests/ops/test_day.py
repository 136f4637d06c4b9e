"""Days as policies write them."""

import re

import pytest

from sidecar.core.allowances import is_day
from sidecar.ops.day import days_left, end_of, today


def test_today_is_a_day():
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", today())
    assert is_day(today())


def test_a_day_ends_when_the_next_begins():
    assert end_of("1970-01-01") == 86_400
    assert end_of("2027-03-31") == 1_806_537_600


@pytest.mark.parametrize(
    ("day", "now", "left"),
    [("2027-03-31", "2027-03-31", 0), ("2028-03-01", "2028-02-28", 2), ("2027-03-31", "2027-04-01", -1)],
)
def test_days_left(day, now, left):
    assert days_left(day, now) == left
