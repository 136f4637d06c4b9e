"""Reading events and metrics, by the formats' own rules."""

import json
from pathlib import Path

import pytest

from sidecar.lab import evidence
from sidecar.lab.evidence import Event

PAGE = """\
# HELP cdefence_flows_total Connections.
# TYPE cdefence_flows_total counter
cdefence_flows_total{direction="outbound",verdict="denied"} 3.0
cdefence_flows_total{direction="inbound",verdict="allowed"} 1e+01
cdefence_events_dropped_total 0.0
cdefence_active_connections{direction="outbound"} 2.0
cdefence_scan_duration_seconds_bucket{le="1.024e-06"} 5.0
cdefence_policy_info{version="ab12"} 1.0
process_cpu_seconds_total 1.5
"""


def test_only_counters_are_read() -> None:
    assert evidence.counters(PAGE) == {
        'cdefence_flows_total{direction="outbound",verdict="denied"}': 3,
        'cdefence_flows_total{direction="inbound",verdict="allowed"}': 10,
        "cdefence_events_dropped_total": 0,
    }


@pytest.mark.parametrize(
    ("series", "name", "value"),
    [
        ("cdefence_policy_info", "version", "ab12"),
        ("cdefence_flows_total", "verdict", "denied"),
        ("cdefence_policy_info", "absent", ""),
        ("cdefence_absent", "version", ""),
    ],
)
def test_a_label(series: str, name: str, value: str) -> None:
    assert evidence.label(PAGE, series, name) == value


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 5}, {"b": 3}),
        ({}, {"a": 0, "b": 1}, {"b": 1}),
        ({"a": 7}, {"a": 2}, {"a": 2}),  # a new process
        ({"a": 7}, {}, {}),  # killed
    ],
)
def test_what_has_moved(before: dict[str, float], after: dict[str, float], change: dict[str, float]) -> None:
    assert evidence.moved(before, after) == change


def test_the_reasons_of_allowed_flows() -> None:
    moved = {
        'cdefence_flows_total{direction="outbound",reason="rule",verdict="allowed"}': 1,
        'cdefence_flows_total{direction="inbound",reason="grid",verdict="allowed"}': 2,
        'cdefence_flows_total{direction="inbound",reason="loop",verdict="denied"}': 1,
        'cdefence_other_total{reason="x",verdict="allowed"}': 1,
    }
    assert evidence.allowed(moved) == ("grid", "rule")


def test_total() -> None:
    assert evidence.total([{"a": 1}, {"a": 2, "b": 1}, {}]) == {"a": 3, "b": 1}


FLOW = {
    "metadata": {"correlation_uid": "bcdf"},
    "status_code": "grid",
    "unmapped": {"verdict": "denied", "mode": "protect"},
}
FINDING = {
    "metadata": {},
    "status_code": "pan_in_cleartext",
    "data_security": {"detection_pattern": "pci/pan"},
    "unmapped": {"done": "alert", "wanted": "block"},
}


def test_events() -> None:
    assert evidence.event(json.dumps(FLOW)) == Event("denied", "grid", incident="bcdf")
    assert evidence.event(json.dumps(FINDING)) == Event("alert", "pan_in_cleartext", "pci/pan", "block")


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"unmapped": 1, "metadata": {}}'])
def test_what_is_no_event_is_an_error_that_does_not_show_it(line: str) -> None:
    with pytest.raises(ValueError, match=r"not an audit event: \w+$"):
        evidence.event(line)


def test_rejections_of_the_firewall() -> None:
    rules = [
        {"metainfo": {}},
        {"rule": {"comment": "replies", "expr": [{"counter": {"packets": 9}}, {"accept": None}]}},
        {
            "rule": {
                "comment": "the rest",
                "expr": [{"counter": {"packets": 2}}, {"reject": {"type": "icmpx"}}],
            }
        },
        {
            "rule": {
                "comment": "the rest",
                "expr": [{"counter": {"packets": 3}}, {"reject": {"type": "icmpx"}}],
            }
        },
    ]
    assert evidence.rejections(json.dumps({"nftables": rules})) == {"the rest": 5}


def test_the_names_are_those_that_the_sidecar_documents() -> None:
    schema = (Path(__file__).parents[2] / "sidecar/ops/events.schema.json").read_text()
    for name in ("correlation_uid", "status_code", "detection_pattern", "verdict", "wanted", "done"):
        assert f'"{name}"' in schema
