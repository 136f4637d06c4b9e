"""The table of scenarios: complete, and free of contradictions."""

from collections import Counter

import pytest

from sidecar.core.reasons import Reason
from sidecar.lab import scenarios, topology
from sidecar.lab.clients import Curl, Openssl, Raw
from sidecar.lab.scenarios import SCENARIOS, Arrival, Scenario, Seen


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(SCENARIOS) >= 22
    assert [title for title, count in Counter(each.title for each in SCENARIOS).items() if count > 1] == []


def test_everything_that_can_be_seen_is_shown() -> None:
    assert {each.expect for each in SCENARIOS} == set(Seen)


def test_every_client_plays() -> None:
    assert {type(each.client) for each in SCENARIOS} == {Curl, Raw, Openssl}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.title)
def test_a_scenario_makes_sense(scenario: Scenario) -> None:
    source, target = topology.pod(scenario.source), topology.pod(scenario.target)
    assert source.protected or target.protected
    assert {scenario.reason, scenario.uninspected} <= {"", *Reason}
    silent = scenario.expect in (Seen.REFUSED, Seen.REJECTED)
    assert bool(scenario.reason) is not silent, "whoever speaks gives a reason"
    if scenario.expect in (Seen.DENIED, Seen.REFUSED, Seen.REJECTED):
        assert scenario.arrives is Arrival.NOTHING
    for name, _ in scenario.changes:
        assert topology.pod(name).protected


def test_raw_http() -> None:
    assert scenarios.chunked("abcde", 3).endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert scenarios.with_length("abc").endswith(b"Content-Length: 3\r\n\r\nabc")
