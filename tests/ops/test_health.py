"""Readiness: every fact is a reason until it is true."""

from dataclasses import fields

import pytest

from sidecar.ops.health import Facts, Health

GOOD = {fact.name: True for fact in fields(Facts)}

MISSING = [
    ("listening", "not listening yet"),
    ("rules_working", "redirection has not been seen working"),
    ("patterns_loaded", "patterns are not loaded"),
    ("policy_loaded", "no policy is loaded"),
    ("scope_map_loaded", "no scope map is loaded, or it has expired"),
    ("not_draining", "shutting down"),
]


def test_every_fact_is_in_the_table():
    assert [name for name, _ in MISSING] == [fact.name for fact in fields(Facts)]


@pytest.mark.parametrize(("fact", "reason"), MISSING)
def test_one_missing_fact(fact, reason):
    health = Health(Facts(**GOOD))
    health.note(**{fact: False})
    assert not health.ready
    assert (health.readyz().status, health.readyz().body.decode()) == (503, f"{reason}\n")
    assert health.livez().status == 200
    health.note(**{fact: True})
    assert health.ready


def test_at_the_start_everything_is_missing_but_the_process_lives():
    health = Health()
    assert health.readyz().body.decode().splitlines() == [reason for _, reason in MISSING[:-1]]
    assert (health.livez().status, health.livez().body) == (200, b"alive\n")


def test_ready():
    answer = Health(Facts(**GOOD)).readyz()
    assert (answer.status, answer.body) == (200, b"ready\n")


def test_a_mistyped_fact_is_an_error():
    with pytest.raises(TypeError):
        Health().note(pattern_loaded=True)
