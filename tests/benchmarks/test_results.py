"""From rounds to what may be said of them: spreads, ratios, bars, the table and the JSON."""

import json
from datetime import UTC, datetime

import pytest

from benchmarks import bars, report
from benchmarks.machine import Machine
from benchmarks.questions import QUESTIONS
from benchmarks.questions.memory import Weight
from benchmarks.results import Answers, Incident, Results, Sample, Standing
from benchmarks.spread import Spread, ratios, spread

MACHINE = Machine("Processor", 2, 16.0, "6.1", "3.13.0", 0.5, "abc1234", ("wrk 4", "nginx 1"))
SMALL = next(question for question in QUESTIONS if question.name == "small")


def sample(value):
    return Sample(value, p50=400.0, p99=2000.0, cpu=25.0)


@pytest.fixture
def results():
    return Results(
        rounds=3,
        seconds=3.0,
        standings=[
            Standing("cdefence", "cdefence", "everything", "cdefence 0"),
            Standing("envoy-http", "Envoy HTTP", "nothing", "Envoy 1"),
            Standing("mitmproxy", "mitmproxy + re", "bodies", absent="not installed; remedy: install it"),
        ],
        answers=[
            Answers(SMALL, "cdefence", [sample(20_000), sample(30_000), sample(10_000)]),
            Answers(SMALL, "envoy-http", [sample(10_000), sample(20_000), None]),
        ],
        weights={"cdefence": Weight(60.0, 40.0, 41.0, 42.0), "envoy-http": Weight(63.0, 63.0)},
        failures=[Incident("small", "envoy-http", 3, "7 connections refused")],
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 2.0], Spread(1.0, 2.0, 3.0)),
        ([None, 4.0], Spread(4.0, 4.0, 4.0)),
        ([None], None),
        ([], None),
    ],
)
def test_spread_is_of_the_rounds_that_have_a_figure(values, expected):
    assert spread(values) == expected


def test_ratios_are_made_within_a_round():
    assert ratios([10.0, 30.0, None, 5.0], [5.0, 10.0, 1.0, None]) == [2.0, 3.0, None, None]


def test_bars_are_judged_by_the_median_ratio_and_a_bar_without_a_figure_is_not_passed(results):
    judged = {one.text: (one.seen, one.passed) for one in bars.judge(results)}
    assert judged["small: at least 0.8 × envoy-http"] == (1.75, True)
    assert judged["small: at least 20 × mitmproxy"] == (None, False)
    assert judged["memory: idle at most 50 MB"] == (pytest.approx(41.94304), True)


def test_the_table_names_what_failed_and_who_could_not_run(results):
    text = report.render(results, bars.judge(results), MACHINE)
    assert "NOT MEASURED  mitmproxy + re: not installed; remedy: install it" in text
    assert "FAILED  small, envoy-http, round 3: 7 connections refused" in text
    row = next(line for line in text.splitlines() if line.lstrip().startswith("Envoy HTTP"))
    assert row.split() == [
        *("Envoy", "HTTP", "10,000", "15,000", "20,000", "req/s"),
        *("1.50", "–", "1.75", "–", "2.00", "400", "2,000", "25.0"),
    ]


def test_the_json_holds_every_round(results, tmp_path):
    when = datetime(2026, 1, 2, tzinfo=UTC)
    text = report.as_json(results, bars.judge(results), MACHINE, when)
    path = report.write(tmp_path, text, "abc1234+", when)
    assert path.name == "2026-01-02-abc1234-changed.json"
    assert (tmp_path / "latest.json").read_text() == path.read_text() == text
    theirs = json.loads(text)["answers"][1]
    assert [each and each["value"] for each in theirs["rounds"]] == [10_000, 20_000, None]
    assert theirs["cdefence_ratio_by_round"] == [2.0, 1.5, None]
