"""What `/metrics` says: names, types and labels as in one golden table, and no label that could grow without bound."""

import math
import re
from itertools import product

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from sidecar import __version__
from sidecar.core.allowances import Basis
from sidecar.core.findings import Action, Channel
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Entry, PeerClass, ScopeMap
from sidecar.ops.exposition import SCAN_BOUNDS, SCAN_NAME, Exposition
from sidecar.ops.metrics import SCAN_BITS, UNINSPECTED, Lookup, Metrics
from sidecar.ops.verdict import VERDICTS

# Every family: sample name, type, labels.  A dashboard or an alert breaks when a line of this changes.
TABLE = """
cdefence_active_connections              gauge      direction
cdefence_blocked_flows_total             counter    direction policy reason
cdefence_build_info                      gauge      version
cdefence_dlp_excused_findings_total      counter    basis direction policy
cdefence_dlp_findings_total              counter    action detector direction
cdefence_dlp_passed_over_bytes_total     counter
cdefence_events_dropped_total            counter
cdefence_flows_total                     counter    direction dst_scope protocol reason src_scope verdict
cdefence_inspected_bytes_total           counter    direction protocol
cdefence_policy_exception_expiry_timestamp_seconds gauge      policy
cdefence_policy_info                     gauge      version
cdefence_policy_reload_errors_total      counter
cdefence_scan_duration_seconds           histogram  le
cdefence_scope_conflicts_total           counter
cdefence_scope_lookups_total             counter    result
cdefence_scope_map_age_seconds           gauge
cdefence_scope_map_entries               gauge      scope
cdefence_scope_map_reload_errors_total   counter
cdefence_scope_stream_connected          gauge
cdefence_scope_stream_reconnects_total   counter
cdefence_uninspected_bytes_total         counter    reason
process_cpu_seconds_total                counter
process_max_fds                          gauge
process_open_fds                         gauge
process_resident_memory_bytes            gauge
process_start_time_seconds               gauge
"""

# The closed sets behind each label; `policy` names rules of the policy file, `detector` patterns of the packs.
WORDS = {
    "direction": set(Direction),
    "verdict": set(VERDICTS),
    "reason": set(Reason),
    "src_scope": set(PeerClass),
    "dst_scope": set(PeerClass),
    "scope": set(PeerClass),
    "protocol": set(Channel),
    "action": {str(action) for action in Action},
    "result": set(Lookup),
    "basis": {Basis.EXCLUSION, Basis.EXCEPTION},
    "policy": {"grid", "segmentation[0]", "quarantine"},
    "detector": {"pci/pan"},
    "version": {__version__, "0123456789ab"},
    "le": {f"{2**bits / 1e9:.9g}" for bits in SCAN_BOUNDS} | {"+Inf"},
}


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def everything() -> Metrics:
    """Metrics in which every method was called with every word."""
    metrics = Metrics(Clock())
    for way, verdict, reason, peer, channel in product(Direction, VERDICTS, Reason, PeerClass, Channel):
        metrics.flow(way, verdict, reason, peer, peer, channel)
    for way, reason, rule in product(Direction, Reason, WORDS["policy"]):
        metrics.blocked(way, reason, rule)
    for way, action in product(Direction, Action):
        metrics.finding("pci/pan", str(action), way)
    for basis, way in product(WORDS["basis"], Direction):
        metrics.excused(basis, "quarantine", way)
    for way, channel in product(Direction, Channel):
        metrics.inspected(way, channel, 10)
    for reason in UNINSPECTED:
        metrics.uninspected(reason, 10)
    metrics.scan(1)
    metrics.set_policy("0123456789ab", {"quarantine": 1.0})
    two = [Entry("10.0.0.1", PeerClass.IN_SCOPE), Entry("10.0.0.2", PeerClass.IN_SCOPE)]
    metrics.set_scope_map(ScopeMap.build(two).counts, 1, 40.0)
    return metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample as it is written: `name{labels}` to value."""
    text = Exposition(metrics).page("")[0].decode()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_table():
    lines = []
    for family in parse_text(Exposition(everything()).page("")[0].decode()):
        labels = sorted({label for sample in family.samples for label in sample.labels})
        name = family.name + ("_total" if family.type == "counter" else "")
        lines.append(f"{name:40} {family.type:10} {' '.join(labels)}".rstrip())
    assert sorted(lines) == TABLE.strip().splitlines()


def test_no_label_can_grow_without_bound():
    for family in parse_text(Exposition(everything()).page("")[0].decode()):
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert value in WORDS[label], (family.name, label, value)


def test_every_family_has_help():
    for family in Exposition(Metrics()).registry.collect():
        assert family.documentation.endswith(".")


FRESH = [
    'cdefence_uninspected_bytes_total{reason="encrypted"}',
    'cdefence_uninspected_bytes_total{reason="unsupported_encoding"}',
    'cdefence_uninspected_bytes_total{reason="too_large"}',
    'cdefence_active_connections{direction="inbound"}',
    'cdefence_active_connections{direction="outbound"}',
    'cdefence_inspected_bytes_total{direction="inbound",protocol="http1"}',
    'cdefence_scope_map_entries{scope="unknown"}',
    "cdefence_dlp_passed_over_bytes_total",
    "cdefence_events_dropped_total",
    "cdefence_policy_reload_errors_total",
    "cdefence_scope_map_reload_errors_total",
    "cdefence_scope_conflicts_total",
    "cdefence_scope_stream_connected",
    "cdefence_scope_stream_reconnects_total",
    'cdefence_scope_lookups_total{result="found"}',
    'cdefence_scope_lookups_total{result="unknown"}',
    'cdefence_scope_lookups_total{result="failed"}',
    "cdefence_scan_duration_seconds_count",
]


@pytest.mark.parametrize("series", FRESH)
def test_what_has_not_moved_is_zero_not_absent(series):
    assert samples(Metrics())[series] == 0


def test_what_was_counted_is_told():
    metrics = Metrics(Clock())
    way = Direction.OUTBOUND
    for _ in range(3):
        metrics.flow(way, "denied", Reason.GRID, PeerClass.IN_SCOPE, PeerClass.NODE, Channel.UNDECIDED)
    metrics.blocked(way, Reason.GRID, "grid")
    metrics.finding("pci/pan", "block", way)
    metrics.inspected(way, Channel.HTTP1, 100)
    metrics.inspected(way, Channel.HTTP1, 11)
    metrics.uninspected(Reason.ENCRYPTED, 7)
    metrics.active[way] += 2
    metrics.events_dropped = lambda: 5
    metrics.passed_over += 9
    metrics.policy_reload_failed()
    metrics.scope_map_reload_failed()
    metrics.set_policy("0123456789ab")
    metrics.scope_stream_connected = True
    metrics.scope_stream_reconnects += 4
    metrics.looked_up(Lookup.FAILED)
    told = samples(metrics)
    expected = {
        'cdefence_flows_total{direction="outbound",dst_scope="node",protocol="undecided",reason="grid",'
        'src_scope="in-scope",verdict="denied"}': 3,
        'cdefence_blocked_flows_total{direction="outbound",policy="grid",reason="grid"}': 1,
        'cdefence_dlp_findings_total{action="block",detector="pci/pan",direction="outbound"}': 1,
        'cdefence_inspected_bytes_total{direction="outbound",protocol="http1"}': 111,
        'cdefence_uninspected_bytes_total{reason="encrypted"}': 7,
        'cdefence_active_connections{direction="outbound"}': 2,
        "cdefence_events_dropped_total": 5,
        "cdefence_dlp_passed_over_bytes_total": 9,
        "cdefence_scope_stream_connected": 1,
        "cdefence_scope_stream_reconnects_total": 4,
        'cdefence_scope_lookups_total{result="failed"}': 1,
        "cdefence_policy_reload_errors_total": 1,
        "cdefence_scope_map_reload_errors_total": 1,
        'cdefence_policy_info{version="0123456789ab"}': 1,
        f'cdefence_build_info{{version="{__version__}"}}': 1,
    }
    assert {series: told[series] for series in expected} == expected


def test_the_scope_map():
    metrics = Metrics(clock := Clock())
    assert samples(metrics)["cdefence_scope_map_age_seconds"] == math.inf  # an alert on age fires
    metrics.set_scope_map(ScopeMap.build([Entry("10.0.0.1", PeerClass.IN_SCOPE)]).counts, 0, 40.0)
    clock.now = 55.5
    told = samples(metrics)
    assert told["cdefence_scope_map_age_seconds"] == 15.5
    assert told['cdefence_scope_map_entries{scope="in-scope"}'] == 1
    metrics.set_scope_map(ScopeMap.build([Entry("10.0.0.1", PeerClass.NODE)]).counts, 0, 55.0)
    metrics.scope_map_heard(3.0)
    told = samples(metrics)
    assert told["cdefence_scope_map_age_seconds"] == 3.0
    assert told['cdefence_scope_map_entries{scope="in-scope"}'] == 0
    assert told['cdefence_scope_map_entries{scope="node"}'] == 1


def test_conflicts_are_a_counter():
    """The same map again adds nothing, more conflicts add the new ones, and it never falls."""
    metrics, seen = Metrics(), []
    for conflicts in (2, 2, 3, 0, 1):
        metrics.set_scope_map(dict, conflicts, 0.0)
        seen.append(samples(metrics)["cdefence_scope_conflicts_total"])
    assert seen == [2, 2, 3, 3, 4]


# Nanoseconds, and the bound of the first bucket that counts it.
SCANS = [
    (0, 10),
    (1, 10),
    (1024, 10),
    (1025, 12),
    (4096, 12),
    (4097, 14),
    (2**30, 30),
    (2**30 + 1, None),
    (2**62, None),
]


@pytest.mark.parametrize(("ns", "bits"), SCANS)
def test_a_scan_is_counted_in_its_bucket(ns, bits):
    metrics = Metrics()
    metrics.scan(ns)
    told = samples(metrics)
    buckets = {bound: told[f'{SCAN_NAME}_bucket{{le="{2**bound / 1e9:.9g}"}}'] for bound in SCAN_BOUNDS}
    assert buckets == {bound: float(bits is not None and bound >= bits) for bound in SCAN_BOUNDS}
    assert told[f'{SCAN_NAME}_bucket{{le="+Inf"}}'] == told[f"{SCAN_NAME}_count"] == 1
    assert told[f"{SCAN_NAME}_sum"] == pytest.approx(ns / 1e9)
    assert len(metrics.scans) == SCAN_BITS + 1


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", r"text/plain; version=0\.0\.4; charset=utf-8", parse_text),
        ("text/html", r"text/plain; version=0\.0\.4; charset=utf-8", parse_text),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            r"application/openmetrics-text.*",
            parse_openmetrics,
        ),
    ],
)
def test_the_format_is_what_the_scraper_accepts(accept, content_type, parse):
    body, told = Exposition(everything()).page(accept)
    assert re.fullmatch(content_type, told)
    assert {family.name for family in parse(body.decode())} >= {"cdefence_flows", SCAN_NAME}
