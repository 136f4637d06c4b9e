"""Audit events: what was decided about a flow and what was found in it, as frozen facts, and their JSON.

What belongs here: the shape of an event (OCSF, https://schema.ocsf.io: Network Activity 4001 for
segmentation, Data Security Finding 2006 for DLP) and nothing else.  `events.schema.json` beside this file
describes the same shape for machines.  What never does: writing (event_log.py), and raw values: what was
found is already masked in the `Finding`.

What OCSF has no field for (mode, PCI scope, the pod) goes into `unmapped`, or where a field means nearly
the same, there: the scope of an endpoint is its `zone`, the reason code is `status_code`.
"""

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from dlp_patterns.model import Confidence, Severity
from sidecar import __version__
from sidecar.core.findings import Action, Channel, Finding, FindingClass
from sidecar.core.policy import Denial, Permit
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.ops.verdict import Verdict

type Json = bool | int | str | list["Json"] | dict[str, "Json"]

OCSF_VERSION = "1.6.0"
"""The OCSF release whose field names and numbers are used; pinned."""

SCHEMA_VERSION = "1"
"""Version of our own use of it (`metadata.log_version`); raised when a field changes or goes away."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who tells: the pod that the sidecar protects."""

    pod: str = ""
    namespace: str = ""
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a connection: the address is in an event, never in a metric."""

    ip: str
    port: int
    scope: PeerClass


@dataclass(frozen=True, slots=True)
class Flow:
    """What all events of one connection have in common.  The source dialed, the destination was dialed."""

    direction: Direction
    source: Endpoint
    destination: Endpoint
    mode: Mode
    policy: str
    """`Policy.version`."""
    channel: Channel = Channel.UNDECIDED


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """What became of a connection, and why."""

    flow: Flow
    verdict: Verdict
    reason: Reason
    rule: str
    incident: str = ""
    """Set when an HTTP answer named one; see `new_incident`."""

    @classmethod
    def decided(cls, flow: Flow, decision: Permit | Denial, incident: str = "") -> "FlowEvent":
        """The event of a segmentation decision."""
        if isinstance(decision, Denial):
            return cls(flow, "denied", decision.reason, decision.rule, incident)
        if decision.would_deny is not None:
            return cls(flow, "would_deny", decision.would_deny, decision.rule, incident)
        return cls(flow, "allowed", decision.reason, decision.rule, incident)

    def to_json(self, origin: Origin, time_ms: int) -> Json:
        """The event as OCSF Network Activity; `time_ms` is milliseconds since 1970."""
        row = _VERDICTS[self.verdict]
        event = _common(origin, time_ms, _NETWORK_ACTIVITY, row, self.flow, self.reason, self.incident)
        event["connection_info"] = {
            "direction": _DIRECTIONS[self.flow.direction].caption,
            "direction_id": _DIRECTIONS[self.flow.direction].id,
            "protocol_name": "tcp",
            "protocol_num": 6,
        }
        event["firewall_rule"] = {"name": self.rule, "version": self.flow.policy}
        event["unmapped"] = _unmapped(origin, self.flow) | {"verdict": self.verdict}
        return event


@dataclass(frozen=True, slots=True)
class FindingEvent:
    """A finding, and what was done about it."""

    flow: Flow
    finding: Finding
    done: Action
    """What was really done; in discover and monitor mode milder than `finding.action`."""
    incident: str

    def to_json(self, origin: Origin, time_ms: int) -> Json:
        """The event as OCSF Data Security Finding; `time_ms` is milliseconds since 1970."""
        found = self.finding
        row = _DONE[self.done]._replace(severity=_SEVERITIES[found.severity])
        event = _common(origin, time_ms, _DATA_SECURITY_FINDING, row, self.flow, found.reason, self.incident)
        event["confidence"] = _CONFIDENCES[found.confidence].caption
        event["confidence_id"] = _CONFIDENCES[found.confidence].id
        event["finding_info"] = {
            "uid": self.incident,
            "title": found.reason.sentence,
            "types": [found.klass.value],
            "created_time": time_ms,
            "analytic": {"type": "Rule", "type_id": 1, "uid": found.pattern},
        }
        event["data_security"] = {
            "category": _CATEGORIES[found.klass].caption,
            "category_id": _CATEGORIES[found.klass].id,
            "data_lifecycle_state": "Data in-Transit",
            "data_lifecycle_state_id": 2,
            "detection_system": "DLP Gateway",
            "detection_system_id": 2,
            "detection_pattern": found.pattern,
            "pattern_match": found.shown,
            "policy": {"name": found.rule, "version": self.flow.policy},
        }
        event["unmapped"] = _unmapped(origin, self.flow) | {
            "kind": found.kind,
            "part": found.part.value,
            "where": found.where,
            "view": found.view,
            "offset": found.offset,
            "length": found.length,
            "basis": found.basis.value,
            "wanted": str(found.action),
            "done": str(self.done),
        }
        return event


@dataclass(frozen=True, slots=True)
class WithheldEvent:
    """Stands for an event that held an unmasked card number: a defect, told without the value."""

    def to_json(self, origin: Origin, time_ms: int) -> Json:
        """The event as OCSF Base Event."""
        return _head(origin, time_ms, _BASE_EVENT, _WITHHELD) | {
            "message": "An audit event held an unmasked card number and was withheld: a defect.",
            "unmapped": {"pod": origin.pod, "namespace": origin.namespace},
        }


type Event = FlowEvent | FindingEvent | WithheldEvent


# Letters only, no vowels: no id spells a word, and none can look like a card number.
_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrstv")


def new_incident() -> str:
    """A fresh incident id (64 random bits as 16 letters) for the HTTP answer, the event and the log."""
    return secrets.token_hex(8).translate(_LETTERS)


# --- OCSF's numbers


class _Word(NamedTuple):
    """One value of an OCSF enumeration."""

    id: int
    caption: str


class _Class(NamedTuple):
    """An OCSF event class and the category it belongs to."""

    uid: int
    name: str
    category: _Word


class _Row(NamedTuple):
    """How one outcome is told."""

    activity: _Word
    action: _Word
    disposition: _Word
    severity: _Word
    alert: bool


_NETWORK_ACTIVITY = _Class(4001, "Network Activity", _Word(4, "Network Activity"))
_DATA_SECURITY_FINDING = _Class(2006, "Data Security Finding", _Word(2, "Findings"))
_BASE_EVENT = _Class(0, "Base Event", _Word(0, "Uncategorized"))

_INFORMATIONAL, _LOW, _MEDIUM = _Word(1, "Informational"), _Word(2, "Low"), _Word(3, "Medium")
_HIGH, _CRITICAL = _Word(4, "High"), _Word(5, "Critical")

_ALLOWED, _DENIED = _Word(1, "Allowed"), _Word(2, "Denied")
_BLOCKED, _CORRECTED, _DETECTED = _Word(2, "Blocked"), _Word(11, "Corrected"), _Word(15, "Detected")
_ALERT, _ERROR = _Word(19, "Alert"), _Word(27, "Error")

_OPEN, _RESET, _FAIL, _REFUSE = _Word(1, "Open"), _Word(3, "Reset"), _Word(4, "Fail"), _Word(5, "Refuse")
_CREATE, _OTHER = _Word(1, "Create"), _Word(99, "Other")

_VERDICTS: dict[Verdict, _Row] = {
    "allowed": _Row(_OPEN, _ALLOWED, _ALLOWED, _INFORMATIONAL, alert=False),
    "would_deny": _Row(_OPEN, _ALLOWED, _DETECTED, _MEDIUM, alert=True),
    "denied": _Row(_REFUSE, _DENIED, _BLOCKED, _MEDIUM, alert=True),
    "blocked": _Row(_RESET, _DENIED, _BLOCKED, _HIGH, alert=True),
    "failed": _Row(_FAIL, _ALLOWED, _ERROR, _LOW, alert=False),
}
# The severity of a finding is its pattern's.
_DONE = {
    Action.ALLOW: _Row(_CREATE, _ALLOWED, _ALLOWED, _INFORMATIONAL, alert=False),
    Action.ALERT: _Row(_CREATE, _ALLOWED, _ALERT, _INFORMATIONAL, alert=True),
    Action.MASK: _Row(_CREATE, _ALLOWED, _CORRECTED, _INFORMATIONAL, alert=True),
    Action.BLOCK: _Row(_CREATE, _DENIED, _BLOCKED, _INFORMATIONAL, alert=True),
}
_WITHHELD = _Row(_OTHER, _DENIED, _ERROR, _CRITICAL, alert=True)

_SEVERITIES = {
    Severity.LOW: _LOW,
    Severity.MEDIUM: _MEDIUM,
    Severity.HIGH: _HIGH,
    Severity.CRITICAL: _CRITICAL,
}
_CONFIDENCES = {
    Confidence.LIKELY: _Word(2, "Medium"),
    Confidence.CERTAIN: _Word(3, "High"),
}
_CATEGORIES = {
    FindingClass.PAN: _Word(3, "Financial"),
    FindingClass.SAD: _Word(3, "Financial"),
    FindingClass.TEST_PAN: _Word(3, "Financial"),
    FindingClass.PII: _Word(1, "Personal"),
    FindingClass.SECRET: _Word(6, "Security"),
    FindingClass.UNSCANNABLE: _Word(0, "Unknown"),
}
_DIRECTIONS = {
    Direction.INBOUND: _Word(1, "Inbound"),
    Direction.OUTBOUND: _Word(2, "Outbound"),
}


# --- building


def _head(origin: Origin, time_ms: int, klass: _Class, row: _Row) -> dict[str, Json]:
    """What every event begins with."""
    product: dict[str, Json] = {"name": "cdefence", "vendor_name": "cdefence", "version": origin.version}
    return {
        "metadata": {
            "version": OCSF_VERSION,
            "product": product,
            "profiles": ["security_control"],
            "log_name": "cdefence.audit",
            "log_version": SCHEMA_VERSION,
        },
        "time": time_ms,
        "class_uid": klass.uid,
        "class_name": klass.name,
        "category_uid": klass.category.id,
        "category_name": klass.category.caption,
        "activity_id": row.activity.id,
        "activity_name": row.activity.caption,
        "type_uid": klass.uid * 100 + row.activity.id,
        "severity_id": row.severity.id,
        "severity": row.severity.caption,
        "action_id": row.action.id,
        "action": row.action.caption,
        "disposition_id": row.disposition.id,
        "disposition": row.disposition.caption,
        "is_alert": row.alert,
    }


def _common(
    origin: Origin, time_ms: int, klass: _Class, row: _Row, flow: Flow, reason: Reason, incident: str
) -> dict[str, Json]:
    """What the events of flows and findings have in common."""
    event = _head(origin, time_ms, klass, row) | {
        "status_code": reason.value,
        "message": reason.sentence,
        "src_endpoint": _endpoint(flow.source),
        "dst_endpoint": _endpoint(flow.destination),
    }
    if incident:
        event["metadata"] = event["metadata"] | {"correlation_uid": incident}  # type: ignore[operator]
    return event


def _endpoint(end: Endpoint) -> Json:
    return {"ip": end.ip, "port": end.port, "zone": end.scope.value}


def _unmapped(origin: Origin, flow: Flow) -> dict[str, Json]:
    return {
        "pod": origin.pod,
        "namespace": origin.namespace,
        "mode": flow.mode.value,
        "direction": flow.direction.value,
        "channel": flow.channel.value,
    }
