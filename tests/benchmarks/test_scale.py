"""The figures of the control plane: what is made of rounds, which bars they pass, and streams that are held unread."""

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from benchmarks.machine import Machine
from benchmarks.scale import holders, results
from benchmarks.scale.plan import QUICK, WHOLE
from benchmarks.scale.results import Results, Round

MACHINE = Machine("Processor", 2, 16.0, "6.1", "3.13.0", 0.5, "abc1234", ())
ROUND = Round(
    snapshots=[0.1, 0.2, 0.9],
    acknowledged=[0.01 * number for number in range(100)],
    sent=[0.02 * number for number in range(100)],
    lost=0,
    cpu_quiet=0.05,
    cpu_changing=0.5,
    admissions=[0.04] * 1000,
    admissions_s=5.0,
    admissions_cpu=2.0,
    streams=1950,
    resident=200_000_000,
)


def run_of(*rounds):
    return Results(WHOLE, 100.0, [0.3], 20.0, list(rounds), 210_000_000)


def test_the_plan_leaves_nobody_out():
    for plan in (WHOLE, QUICK):
        assert plan.watchers + plan.joiners + plan.holders == plan.pods
        assert plan.holders > 0
        assert plan.changes <= plan.pods


def test_the_figures_of_a_round():
    seen = {one.key: round(one.spread(run_of(ROUND)).middle, 3) for one in results.FIGURES}
    assert seen == {
        "snapshot_p50": 200,
        "snapshot_max": 900,
        "change_p50": 500,
        "change_p99": 990,
        "change_sent_p99": 1980,
        "cpu_quiet": 5,
        "cpu_changing": 50,
        "rss": 200,
        "admissions": 200,
        "admission_p50": 40,
        "admission_p99": 40,
        "admission_cpu": 2,
    }


@pytest.mark.parametrize(
    ("changed", "passes"),
    [
        ({}, True),
        ({"snapshots": [0.1, 1.1]}, False),
        ({"acknowledged": [1.1] * 10}, False),
        ({"acknowledged": []}, False),
        ({"resident": 251_000_000}, False),
        ({"admissions": [0.1] * 700}, False),
        ({"lost": 1}, False),
    ],
)
def test_the_bars(changed, passes):
    assert results.passed(run_of(replace(ROUND, **changed))) is passes


def test_the_median_of_the_rounds_counts():
    slow = replace(ROUND, snapshots=[5.0])
    assert results.passed(run_of(ROUND, slow, ROUND))
    assert not results.passed(run_of(slow, slow, ROUND))


def test_both_reports_say_so():
    found = run_of(ROUND, replace(ROUND, resident=260_000_000), replace(ROUND, resident=300_000_000))
    row = next(
        line for line in results.render(found, MACHINE).splitlines() if line.startswith("controller RSS")
    )
    assert row.split()[2:] == ["200", "260", "300", "MB", "≤", "250", "MISSED"]
    figure = json.loads(results.as_json(found, MACHINE, datetime.now(UTC)))["figures"]["rss"]
    assert (figure["rounds"], figure["middle"], figure["passed"]) == ([200.0, 260.0, 300.0], 260.0, False)


def test_what_is_held_is_taken_unread_until_it_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        stream.setblocking(False)
        with stream, far:
            far.sendall(b"x" * 100_000)
            assert holders.discard([stream]) == [stream]
            far.close()
            while holders.discard([stream]):
                pass
