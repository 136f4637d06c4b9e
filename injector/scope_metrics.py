"""The metrics of the scope map: one table, read from the parts' own counters when somebody asks.

What belongs here: names, help, where a number is found.  What never does: counting.  Labels come from closed lists.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from injector.reflector import Counts
from injector.scope_service import ScopeService

type Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric; a name that ends in `_total` is a counter."""

    name: str
    help: str
    read: Callable[[ScopeService], Samples]
    labels: tuple[str, ...] = ()


def _one(read: Callable[[ScopeService], float]) -> Callable[[ScopeService], Samples]:
    return lambda scopes: [((), float(read(scopes)))]


class Watched(Protocol):
    """A reflector of anything."""

    @property
    def name(self) -> str: ...
    @property
    def blind_s(self) -> float: ...
    @property
    def counts(self) -> Counts: ...


def _by_kind(read: Callable[[Watched], float]) -> Callable[[ScopeService], Samples]:
    def samples(scopes: ScopeService) -> Samples:
        every: tuple[Watched, ...] = (*scopes.reflectors, scopes.policy_reflector)
        return [((each.name,), float(read(each))) for each in every]

    return samples


def _entries(scopes: ScopeService) -> Samples:
    return [((scope.value,), float(count)) for scope, count in Counter(scopes.model.entries.values()).items()]


def _answers(scopes: ScopeService) -> Samples:
    return [((path, str(status)), float(count)) for (path, status), count in scopes.api.answers.items()]


def _reviews(scopes: ScopeService) -> Samples:
    counts = scopes.reviewer.counts
    yield ("asked",), counts.reviews
    yield ("remembered",), counts.remembered
    yield ("refused",), counts.refused
    yield ("error",), counts.errors


TABLE = (
    Row("cdefence_streams", "Sidecars that follow this replica.", _one(lambda s: s.hub.readers)),
    Row("cdefence_scope_map_entries", "Entries of the scope map, by class.", _entries, ("scope",)),
    Row(
        "cdefence_scope_conflicts",
        "Addresses that live pods disagree about.",
        _one(lambda s: s.model.conflicts[0]),
    ),
    Row(
        "cdefence_scope_conflicts_total",
        "How often two live owners of one address began to disagree.",
        _one(lambda s: s.model.conflicts[1]),
    ),
    Row("cdefence_scope_batches_total", "Changes sent to all streams.", _one(lambda s: s.hub.counts.batches)),
    Row("cdefence_scope_changes_total", "Entries changed.", _one(lambda s: s.hub.counts.changes)),
    Row("cdefence_scope_snapshots_total", "Whole maps sent.", _one(lambda s: s.hub.counts.snapshots)),
    Row(
        "cdefence_scope_overflows_total",
        "Streams ended because their reader was too slow.",
        _one(lambda s: s.hub.counts.overflows),
    ),
    Row("cdefence_scope_answers_total", "Answers of the scope API.", _answers, ("path", "status")),
    Row("cdefence_token_reviews_total", "Tokens of sidecars, by what came of them.", _reviews, ("result",)),
    Row(
        "cdefence_watch_silence_seconds",
        "For how long a kind has had no open watch; 0 is healthy.",
        _by_kind(lambda r: r.blind_s),
        ("kind",),
    ),
    Row(
        "cdefence_watch_objects",
        "Objects that are followed.",
        _by_kind(lambda r: r.counts.objects),
        ("kind",),
    ),
    Row("cdefence_watch_events_total", "Changes seen.", _by_kind(lambda r: r.counts.events), ("kind",)),
    Row(
        "cdefence_watch_lists_total",
        "Times a kind was listed.",
        _by_kind(lambda r: r.counts.lists),
        ("kind",),
    ),
    Row(
        "cdefence_watch_errors_total", "Watches that failed.", _by_kind(lambda r: r.counts.errors), ("kind",)
    ),
    Row(
        "cdefence_policy_valid",
        "1 while the policy in force is what its ConfigMap says, else 0.",
        _one(lambda s: s.policy.state.valid),
    ),
    Row(
        "cdefence_policy_refused_total", "Policies that were refused.", _one(lambda s: s.policy.state.refused)
    ),
    Row("cdefence_events_lost_total", "Events that could not be told.", _one(lambda s: s.teller.lost)),
)


class ScopeMetrics(Collector):
    """Reads the table."""

    def __init__(self, scopes: ScopeService) -> None:
        self._scopes = scopes

    def describe(self) -> Iterator[Metric]:
        """Names only, so that the registry need not read anything yet."""
        return (_family(row, ()) for row in TABLE)

    def collect(self) -> Iterator[Metric]:
        """The numbers as of now."""
        return (_family(row, row.read(self._scopes)) for row in TABLE)


def _family(row: Row, samples: Samples) -> Metric:
    kind = CounterMetricFamily if row.name.endswith("_total") else GaugeMetricFamily
    family = kind(row.name.removesuffix("_total"), row.help, labels=row.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
