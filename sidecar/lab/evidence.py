"""Reads what the sidecars tell: their events and their metrics.

What belongs here: parsing the two public formats, as a SIEM and a Prometheus would.  What never does:
imports from the code that writes them; a test of a format that uses the writer's own code proves nothing.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_COUNTER = re.compile(r"(?P<series>cdefence_\w+_total(?:\{.*\})?) (?P<value>\S+)")
_REASON = re.compile(r'\breason="([^"]*)"')

type Counters = Mapping[str, float]
"""Value of each counter, by name and labels as the exposition format writes them."""


def counters(page: str) -> Counters:
    """Our counters (`cdefence_…_total`) of a metrics page in Prometheus' text format, and nothing else of it."""
    found = filter(None, map(_COUNTER.fullmatch, page.splitlines()))
    return {counter["series"]: float(counter["value"]) for counter in found}


def label(page: str, series: str, name: str) -> str:
    """The value of label `name` of the first sample of `series`; empty if there is none."""
    found = re.search(rf'^{series}\{{(?:.*,)?{name}="([^"]*)"', page, re.MULTILINE)
    return found[1] if found else ""


def allowed(moved: Counters) -> tuple[str, ...]:
    """The reasons for which flows were allowed meanwhile."""
    flows = [
        series
        for series in moved
        if series.startswith("cdefence_flows_total{") and 'verdict="allowed"' in series
    ]
    return tuple(sorted({reason[1] for series in flows if (reason := _REASON.search(series))}))


def moved(before: Counters, after: Counters) -> Counters:
    """How far each counter has moved; one that is lower belongs to a new process and began at zero."""
    changes = {}
    for series, value in after.items():
        start = before.get(series, 0.0)
        changes[series] = value - start if value >= start else value
    return {series: change for series, change in changes.items() if change}


def total(parts: Iterable[Counters]) -> Counters:
    """The sum, series by series."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update({series: int(value) for series, value in part.items()})
    return sums


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event, as far as the lab looks at it."""

    outcome: str
    """Of a flow its verdict (allowed, would_deny, denied, blocked, failed), of a finding what was done
    (allow, alert,
    mask, block)."""
    reason: str
    pattern: str = ""
    wanted: str = ""
    """Of a finding: what the policy would do in protect mode."""
    incident: str = ""


def event(line: str) -> Event:
    """Reads one line of an event file (OCSF JSON).  Raises ValueError, which does not show the line."""
    try:
        document = json.loads(line)
        unmapped, incident = document["unmapped"], document["metadata"].get("correlation_uid", "")
        if "data_security" in document:
            pattern = document["data_security"]["detection_pattern"]
            return Event(unmapped["done"], document["status_code"], pattern, unmapped["wanted"], incident)
        return Event(unmapped["verdict"], document["status_code"], incident=incident)
    except (json.JSONDecodeError, KeyError, TypeError) as failure:
        raise ValueError(f"not an audit event: {type(failure).__name__}") from None


def rejections(listing: str) -> Counters:
    """Packets of each rejecting rule, by the rule's comment, from `nft --json list table`."""
    found: Counter[str] = Counter()
    for entry in json.loads(listing)["nftables"]:
        rule = entry.get("rule", {})
        statements = {name: value for part in rule.get("expr", ()) for name, value in part.items()}
        if "reject" in statements:
            found[rule.get("comment", "")] += statements["counter"]["packets"]
    return found
