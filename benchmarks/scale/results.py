"""What a run has found out, the bars it is held against, and its two forms: a table and JSON.  Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from benchmarks.machine import Machine
from benchmarks.report import number, table
from benchmarks.scale.plan import Plan
from benchmarks.spread import Spread, spread

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Round:
    """One repetition; times in seconds, processor time as parts of one core, memory in bytes."""

    snapshots: list[float]
    """From before the connection to the whole map, one stream after the other."""
    acknowledged: list[float]
    """From the API server's answer to a change until it is in a sidecar's map: every change in every map."""
    sent: list[float]
    """The same from the change's request."""
    lost: int
    """Changes that a map did not get."""
    cpu_quiet: float
    cpu_changing: float
    admissions: list[float]
    """How long each answer of the webhook took."""
    admissions_s: float
    admissions_cpu: float
    """Processor seconds of the controller for all of them."""
    streams: int
    """Open at the end of the round."""
    resident: int


@dataclass(slots=True)
class Results:
    """A whole run."""

    plan: Plan
    created_s: float
    """For all pods through API server, webhook, guard."""
    first_snapshots: list[float]
    """Of the held streams, opened 32 at a time."""
    all_snapshots_s: float
    """Until the last of them had its snapshot."""
    rounds: list[Round] = field(default_factory=list)
    peak: int = 0
    """Resident memory of the controller at most, from its start to the end."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach."""

    text: str
    passes: Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a figure of each round, and the bar for their median."""

    key: str
    title: str
    unit: str
    of: Callable[[Round], float]
    bar: Bar | None = None

    def spread(self, results: Results) -> Spread:
        """Over the rounds."""
        found = spread(self.of(each) for each in results.rounds)
        assert found is not None, "a run has rounds"
        return found


def at(times: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie; infinite if there are none, which passes no bar."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("inf")


def _ms(times: Callable[[Round], Sequence[float]], part: float) -> Callable[[Round], float]:
    return lambda each: 1000 * at(times(each), part)


_SECOND: Final = Bar("≤ 1,000", lambda value: value <= 1000)
_MEMORY: Final = Bar("≤ 250", lambda value: value <= 250)
_RATE: Final = Bar("≥ 150", lambda value: value >= 150)

FIGURES: Final = (
    Figure("snapshot_p50", "first snapshot, p50", "ms", _ms(lambda one: one.snapshots, 0.5)),
    Figure("snapshot_max", "first snapshot, slowest", "ms", _ms(lambda one: one.snapshots, 1.0), _SECOND),
    Figure("change_p50", "change acknowledged → map, p50", "ms", _ms(lambda one: one.acknowledged, 0.5)),
    Figure(
        "change_p99", "change acknowledged → map, p99", "ms", _ms(lambda one: one.acknowledged, 0.99), _SECOND
    ),
    Figure("change_sent_p99", "change sent → map, p99", "ms", _ms(lambda one: one.sent, 0.99)),
    Figure("cpu_quiet", "controller CPU, nothing changes", "% of a core", lambda one: 100 * one.cpu_quiet),
    Figure("cpu_changing", "controller CPU, changes", "% of a core", lambda one: 100 * one.cpu_changing),
    Figure("rss", "controller RSS", "MB", lambda one: one.resident / 1e6, _MEMORY),
    Figure("admissions", "admissions", "/s", lambda one: len(one.admissions) / one.admissions_s, _RATE),
    Figure("admission_p50", "admission, p50", "ms", _ms(lambda one: one.admissions, 0.5)),
    Figure("admission_p99", "admission, p99", "ms", _ms(lambda one: one.admissions, 0.99)),
    Figure(
        "admission_cpu",
        "admission, controller CPU",
        "ms",
        lambda one: 1000 * one.admissions_cpu / max(1, len(one.admissions)),
    ),
)


def passed(results: Results) -> bool:
    """Whether every bar is cleared, and every change was seen."""
    bars = all(one.bar is None or one.bar.passes(one.spread(results).middle) for one in FIGURES)
    return bars and not any(each.lost for each in results.rounds)


def render(results: Results, machine: Machine) -> str:
    """The report."""
    plan = results.plan
    lost = sum(each.lost for each in results.rounds)
    parts = [
        (
            f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, Linux {machine.kernel}, "
            f"Python {machine.python}; load average before: {machine.load_average:g}; commit {machine.commit}"
        ),
        (
            f"{plan.pods:,} pods in {plan.namespaces} namespaces, one replica, {plan.streams:,} streams: "
            f"{plan.watchers} read by the sidecar's client, {plan.holders:,} held.  {len(results.rounds)} rounds: "
            f"{plan.joins} new streams, {plan.changes} changes at {plan.rate:g}/s, {plan.quiet_s:g} s of rest, "
            f"{plan.admissions_s:g} s of admissions on {plan.connections} connections"
        ),
        table(("figure", "min", "median", "max", "unit", "bar", ""), _rows(results), {0, 4, 6}),
        (
            f"pods let in (API server, webhook, guard): {plan.pods / results.created_s:,.0f}/s; "
            f"all {plan.holders:,} streams anew, 32 at a time: {results.all_snapshots_s:.1f} s, "
            f"p99 of one {at(results.first_snapshots, 0.99):.2f} s; peak RSS {results.peak / 1e6:.0f} MB; "
            f"streams at the end {results.rounds[-1].streams:,}; changes that a map did not get: {lost}"
        ),
    ]
    return "\n\n".join(parts)


def _rows(results: Results) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for one in FIGURES:
        seen = one.spread(results)
        text, judged = "", ""
        if one.bar is not None:
            text, judged = one.bar.text, "pass" if one.bar.passes(seen.middle) else "MISSED"
        cells = (number(seen.low), number(seen.middle), number(seen.high))
        rows.append((one.title, *cells, one.unit, text, judged))
    return rows


def as_json(results: Results, machine: Machine, when: datetime) -> str:
    """Everything; of long lists of times the percentiles, by round."""
    figures = {
        one.key: {
            "title": one.title,
            "unit": one.unit,
            **asdict(one.spread(results)),
            "rounds": [one.of(each) for each in results.rounds],
            "bar": None if one.bar is None else one.bar.text,
            "passed": None if one.bar is None else one.bar.passes(one.spread(results).middle),
        }
        for one in FIGURES
    }
    document = {
        "format": FORMAT,
        "date": when.isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "plan": asdict(results.plan),
        "figures": figures,
        "pods_per_s": results.plan.pods / results.created_s,
        "streams_anew": {
            "seconds": results.all_snapshots_s,
            "p50": at(results.first_snapshots, 0.5),
            "p99": at(results.first_snapshots, 0.99),
        },
        "peak_rss_bytes": results.peak,
        "streams": [each.streams for each in results.rounds],
        "lost": [each.lost for each in results.rounds],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
