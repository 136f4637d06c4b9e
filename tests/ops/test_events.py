"""Events: every outcome fits the shipped schema and OCSF's numbers, and none can hold a raw value."""

import json
from dataclasses import replace
from itertools import product

import pytest

from dlp_patterns.model import Confidence, Severity
from sidecar.core.allowances import Basis
from sidecar.core.findings import Action, FindingClass, Part
from sidecar.core.policy import Connection, Denial, Permit
from sidecar.core.reasons import Reason
from sidecar.core.redact import holds_pan
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.ops.events import FindingEvent, FlowEvent, Origin, WithheldEvent, new_incident
from sidecar.ops.verdict import VERDICTS

ORIGIN = Origin(pod="checkout", namespace="shop", version="9.9.9")
NOW = 1_732_400_000_123
INCIDENT = "bcdfghjkmnpqrstv"


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("incident", ["", INCIDENT])
def test_every_verdict_fits_the_schema(flow, verdict, incident, fits_schema):
    event = FlowEvent(flow, verdict, Reason.GRID, "grid", incident).to_json(ORIGIN, NOW)
    assert fits_schema(event) == []


def test_every_finding_fits_the_schema(flow, finding, fits_schema):
    for klass, severity, confidence, part, basis in product(FindingClass, Severity, Confidence, Part, Basis):
        found = replace(
            finding, klass=klass, severity=severity, confidence=confidence, part=part, basis=basis
        )
        for done in Action:
            event = FindingEvent(flow, found, done, new_incident()).to_json(ORIGIN, NOW)
            assert fits_schema(event) == []


def test_every_reason_direction_scope_and_mode_fits_the_schema(flow, fits_schema):
    for reason, way, peer, mode in product(Reason, Direction, PeerClass, Mode):
        told = replace(flow, direction=way, destination=replace(flow.destination, scope=peer), mode=mode)
        event = FlowEvent(told, "denied", reason, "grid").to_json(ORIGIN, NOW)
        assert fits_schema(event) == []


def test_a_withheld_event_fits_the_schema(fits_schema):
    assert fits_schema(WithheldEvent().to_json(ORIGIN, NOW)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"extra": 1}, "$.extra: not in the schema"),
        ({"time": -1}, "$.time: is below 0"),
        ({"time": True}, "$.time: is no integer"),
        ({"class_uid": 4002}, "$.class_uid: is not 4001"),
        (
            {"src_endpoint": {"ip": "a name", "port": 1, "zone": "node"}},
            "$.src_endpoint.ip: does not match ^[0-9a-f.:]+$",
        ),
    ],
)
def test_the_schema_is_not_a_rubber_stamp(flow, change, complaint, fits_schema):
    event = FlowEvent(flow, "denied", Reason.GRID, "grid").to_json(ORIGIN, NOW)
    assert complaint in fits_schema(event | change)


CONNECTION = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.EXTERNAL, 443)


@pytest.mark.parametrize(
    ("decision", "verdict", "reason", "activity", "action", "disposition"),
    [
        (Permit(CONNECTION, Reason.RULE, "acquirer"), "allowed", "rule", "Open", "Allowed", "Allowed"),
        (
            Permit(CONNECTION, Reason.GRID, "grid", would_deny=Reason.GRID),
            "would_deny",
            "grid",
            "Open",
            "Allowed",
            "Detected",
        ),
        (
            Denial(CONNECTION, Reason.UNKNOWN_PEER, "grid"),
            "denied",
            "unknown_peer",
            "Refuse",
            "Denied",
            "Blocked",
        ),
    ],
)
def test_a_decision_becomes_an_event(flow, decision, verdict, reason, activity, action, disposition):
    event = FlowEvent.decided(flow, decision).to_json(ORIGIN, NOW)
    assert event["unmapped"]["verdict"] == verdict
    assert event["status_code"] == reason
    assert event["message"] == Reason(reason).sentence
    assert (event["activity_name"], event["action"], event["disposition"]) == (activity, action, disposition)
    assert event["firewall_rule"] == {"name": decision.rule, "version": "0123456789ab"}


def test_a_finding_tells_who_what_where_and_what_was_done(flow, finding):
    event = FindingEvent(flow, finding, Action.ALERT, INCIDENT).to_json(ORIGIN, NOW)
    assert event["type_uid"] == 200601
    assert event["severity"] == "Critical"
    assert event["time"] == NOW
    assert event["src_endpoint"] == {"ip": "10.77.0.11", "port": 40_000, "zone": "in-scope"}
    assert event["dst_endpoint"] == {"ip": "fd77::14", "port": 8080, "zone": "out-of-scope"}
    assert event["metadata"]["correlation_uid"] == event["finding_info"]["uid"] == INCIDENT
    assert event["data_security"]["detection_pattern"] == "pci/pan"
    assert event["data_security"]["pattern_match"] == "411111******1111"
    assert event["unmapped"] == {
        "pod": "checkout",
        "namespace": "shop",
        "mode": "protect",
        "direction": "outbound",
        "channel": "http1",
        "kind": "visa",
        "part": "body",
        "where": "$.payment.card",
        "view": "plain",
        "offset": 17,
        "length": 16,
        "basis": "default",
        "wanted": "block",
        "done": "alert",
    }


def test_no_event_looks_like_a_card_number(flow, finding):
    """Ids, times and addresses must not trip the writer's last look, whatever the clock says."""
    for time_ms in range(NOW, NOW + 2_000):
        assert not holds_pan(
            json.dumps(
                FlowEvent(flow, "denied", Reason.GRID, "grid", new_incident()).to_json(ORIGIN, time_ms)
            )
        )
    for year in range(2024, 2090):  # 4,000,000,000,000 ms, where Visa begins, is in 2096
        event = FindingEvent(flow, finding, Action.BLOCK, new_incident())
        assert not any(
            holds_pan(json.dumps(event.to_json(ORIGIN, (year - 1970) * 31_556_952_000 + ms)))
            for ms in range(20)
        )


def test_incidents_are_letters_and_differ():
    incidents = {new_incident() for _ in range(1_000)}
    assert len(incidents) == 1_000
    assert all(len(incident) == 16 and incident.isalpha() for incident in incidents)
