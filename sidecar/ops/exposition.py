"""The counters as Prometheus families: one table says every name, type, help and label set.

What belongs here: names and rendering, at scrape time.  What never does: counting (metrics.py).
prometheus_client is imported here only; its default collectors (garbage collector, platform) are left out,
because ten thousand sidecars times forty series is what a Prometheus server feels.  So is what its package gathers
beside: an HTTP server, a client and TLS, 2.4 MB in each of them, which only a scraper without OpenMetrics makes us load.
"""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sidecar.ops.metrics import Metrics
from sidecar.ops.process import Usage, usage
from sidecar.ops.without_init import in_place

if "prometheus_client" not in sys.modules:
    in_place("prometheus_client")

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

_OPENMETRICS: Final = "application/openmetrics-text;version=1.0.0"
"""As Prometheus asks for it, among other formats."""

type Row = tuple[tuple[str, ...], float]
"""Label values in the order of the family's labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.  The format adds `_total` to the name of a counter and `_info` to an info's."""

    name: str
    kind: Literal["counter", "gauge", "info"]
    help: str
    labels: tuple[str, ...] = ()


FLOWS = Family(
    "cdefence_flows",
    "counter",
    "Connections, by what became of them.",
    ("direction", "verdict", "reason", "src_scope", "dst_scope", "protocol"),
)
BLOCKED = Family(
    "cdefence_blocked_flows",
    "counter",
    "Connections that were denied or cut off, by the policy rule that said so.",
    ("direction", "reason", "policy"),
)
FINDINGS = Family(
    "cdefence_dlp_findings",
    "counter",
    "Confirmed findings, by pattern and what was done.",
    ("detector", "action", "direction"),
)
EXCUSED = Family(
    "cdefence_dlp_excused_findings",
    "counter",
    "Confirmed findings that an exclusion or exception of the policy spoke about, by its name.",
    ("basis", "policy", "direction"),
)
PASSED_OVER = Family(
    "cdefence_dlp_passed_over_bytes",
    "counter",
    "Bytes in which patterns that a flow can only report were not looked for, because enough of them were told on it.",
)
INSPECTED = Family(
    "cdefence_inspected_bytes",
    "counter",
    "Bytes that were looked into.",
    ("direction", "protocol"),
)
UNINSPECTED = Family(
    "cdefence_uninspected_bytes",
    "counter",
    "Bytes that passed without a look, and why.",
    ("reason",),
)
ACTIVE = Family("cdefence_active_connections", "gauge", "Open connections.", ("direction",))
MAP_AGE = Family(
    "cdefence_scope_map_age_seconds",
    "gauge",
    "Time since the scope map was last known to be right; infinite without one.",
)
MAP_ENTRIES = Family("cdefence_scope_map_entries", "gauge", "Entries of the scope map, by class.", ("scope",))
CONFLICTS = Family(
    "cdefence_scope_conflicts",
    "counter",
    "Entries of scope maps that disagreed about an address; the stricter won.",
)
STREAM = Family(
    "cdefence_scope_stream_connected", "gauge", "Whether the controller tells this sidecar what changes."
)
RECONNECTS = Family(
    "cdefence_scope_stream_reconnects", "counter", "Times the scope stream had to be opened again."
)
LOOKUPS = Family(
    "cdefence_scope_lookups",
    "counter",
    "Questions to the controller about peers that the map lacked, by how they were answered.",
    ("result",),
)
EVENTS_DROPPED = Family(
    "cdefence_events_dropped", "counter", "Audit events that could not be written in time."
)
EXCEPTION_ENDS = Family(
    "cdefence_policy_exception_expiry_timestamp_seconds",
    "gauge",
    "When each exception of the policy ends or has ended, since 1970.",
    ("policy",),
)
POLICY_ERRORS = Family(
    "cdefence_policy_reload_errors", "counter", "Changed policy files that could not be used."
)
MAP_ERRORS = Family(
    "cdefence_scope_map_reload_errors", "counter", "Changed scope map files that could not be used."
)
POLICY = Family("cdefence_policy", "info", "The policy in force.", ("version",))
BUILD = Family("cdefence_build", "info", "This build.", ("version",))

# The names that every Prometheus client gives to these; dashboards know them.
MEMORY = Family("process_resident_memory_bytes", "gauge", "Resident memory.")
CPU = Family("process_cpu_seconds", "counter", "User and system CPU time.")
OPEN_FDS = Family("process_open_fds", "gauge", "Open file descriptors.")
MAX_FDS = Family("process_max_fds", "gauge", "How many file descriptors may be open.")
STARTED = Family("process_start_time_seconds", "gauge", "When the proxy began, since 1970.")

SCAN_NAME = "cdefence_scan_duration_seconds"
SCAN_HELP = "Time of one call of the matcher."

# Upper bounds are powers of two nanoseconds, every fourth-fold from one microsecond to one second: eleven
# series.
SCAN_BOUNDS = tuple(range(10, 31, 2))


def _rows(metrics: Metrics) -> Iterator[tuple[Family, list[Row]]]:
    """Every family with its current rows."""
    yield FLOWS, [(key, count) for key, count in metrics.flows.items()]
    yield BLOCKED, [(key, count) for key, count in metrics.blocked_flows.items()]
    yield FINDINGS, [(key, count) for key, count in metrics.findings.items()]
    yield EXCUSED, [(key, count) for key, count in metrics.excused_findings.items()]
    yield PASSED_OVER, [((), metrics.passed_over)]
    yield INSPECTED, [(key, count) for key, count in metrics.inspected_bytes.items()]
    yield UNINSPECTED, [((reason,), count) for reason, count in metrics.uninspected_bytes.items()]
    yield ACTIVE, [((way,), count) for way, count in metrics.active.items()]
    yield MAP_AGE, [((), metrics.scope_map_age())]
    yield MAP_ENTRIES, [((scope,), count) for scope, count in metrics.scope_map_entries().items()]
    yield CONFLICTS, [((), metrics.scope_conflicts)]
    yield STREAM, [((), metrics.scope_stream_connected)]
    yield RECONNECTS, [((), metrics.scope_stream_reconnects)]
    yield LOOKUPS, [((result,), count) for result, count in metrics.scope_lookups.items()]
    yield EVENTS_DROPPED, [((), metrics.events_dropped())]
    yield EXCEPTION_ENDS, [((name,), end) for name, end in metrics.policy_exceptions.items()]
    yield POLICY_ERRORS, [((), metrics.policy_reload_errors)]
    yield MAP_ERRORS, [((), metrics.scope_map_reload_errors)]
    yield POLICY, [((metrics.policy_version,), 1)] if metrics.policy_version else []
    yield BUILD, [((metrics.version,), 1)]
    yield from _process_rows(usage(), metrics.started_at)


def _process_rows(used: Usage, started_at: float) -> Iterator[tuple[Family, list[Row]]]:
    yield MEMORY, [((), used.resident_bytes)]
    yield CPU, [((), used.cpu_seconds)]
    yield OPEN_FDS, [] if used.open_fds is None else [((), used.open_fds)]
    yield MAX_FDS, [((), used.max_fds)]
    yield STARTED, [((), started_at)]


class Families(Collector):
    """Renders one `Metrics` whenever its registry is scraped."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Every family, with at least its help and type."""
        for family, rows in _rows(self._metrics):
            yield _rendered(family, rows)
        yield _scan_histogram(self._metrics)


def _rendered(family: Family, rows: list[Row]) -> Metric:
    if family.kind == "info":
        values = dict(zip(family.labels, rows[0][0], strict=True)) if rows else None
        return InfoMetricFamily(family.name, family.help, value=values)
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.name, family.help, labels=family.labels)
    for labels, value in rows:
        metric.add_metric([str(label) for label in labels], value)
    return metric


def _scan_histogram(metrics: Metrics) -> Metric:
    buckets = [(f"{2**bits / 1e9:.9g}", float(sum(metrics.scans[: bits + 1]))) for bits in SCAN_BOUNDS]
    buckets.append(("+Inf", float(sum(metrics.scans))))
    return HistogramMetricFamily(SCAN_NAME, SCAN_HELP, buckets=buckets, sum_value=metrics.scan_ns / 1e9)


class Exposition:
    """What `/metrics` answers: our families and the process's memory, CPU and file descriptors."""

    def __init__(self, metrics: Metrics) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(Families(metrics))

    def page(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the format that the `Accept` header asks for (OpenMetrics or
        text)."""
        if _OPENMETRICS in accept:
            page: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return page, openmetrics.CONTENT_TYPE_LATEST
        encode, content_type = importlib.import_module("prometheus_client.exposition").choose_encoder(accept)
        return encode(self.registry), content_type
