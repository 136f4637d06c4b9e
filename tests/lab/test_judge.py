"""What the lab believes: a block needs a witness on each side, and anything else is a fault."""

import json
from dataclasses import replace

import pytest

from sidecar.lab.app import Tally
from sidecar.lab.client import Outcome
from sidecar.lab.clients import Curl, Reply
from sidecar.lab.evidence import Event
from sidecar.lab.judge import Traces, judge, observe
from sidecar.lab.samples import VISA
from sidecar.lab.scenarios import Arrival, Scenario, Seen

PAN = "pan_in_cleartext"
ANSWER = json.dumps({"incident": "bcdf", "reason": PAN, "pattern": "pci/pan"})
BLOCK = Event("block", PAN, "pci/pan", "block", "bcdf")
ALLOWED = {'cdefence_flows_total{reason="grid",verdict="allowed"}': 1.0}
ENCRYPTED = {'cdefence_uninspected_bytes_total{reason="encrypted"}': 9.0}
PASS = Reply(Outcome.ANSWERED, 200, "hello")


def traces(reply: Reply, *events: Event, **moved: float) -> Traces:
    return Traces(reply, events, {"tcp": Tally()}, {"tcp": Tally(connections=1)}, moved, ALLOWED)


OBSERVED: list[tuple[Traces, tuple[str, str]]] = [
    (traces(PASS), (Seen.PASSED, "grid")),
    (replace(traces(PASS), counters={}), ("passed by nobody", "")),
    (traces(PASS, Event("mask", PAN, "pci/pan", "mask")), (Seen.MASKED, f"{PAN} pci/pan")),
    (traces(PASS, Event("alert", PAN, "pci/pan", "block")), (Seen.REPORTED, f"{PAN} pci/pan")),
    (traces(PASS, Event("would_deny", "grid")), (Seen.REPORTED, "grid")),
    (traces(Reply(Outcome.ANSWERED, 403, ANSWER), BLOCK), (Seen.BLOCKED_403, f"{PAN} pci/pan")),
    (traces(Reply(Outcome.ANSWERED, 502, ANSWER), BLOCK), (Seen.BLOCKED_502, f"{PAN} pci/pan")),
    (traces(Reply(Outcome.ANSWERED, 403, ANSWER)), ("403 without an event", PAN)),
    (
        traces(Reply(Outcome.ANSWERED, 403, ANSWER), replace(BLOCK, incident="ghjk")),
        ("403 without an event", PAN),
    ),
    (traces(Reply(Outcome.ANSWERED, 403, "no"), BLOCK), ("403, not by a sidecar", "")),
    (traces(Reply(Outcome.ANSWERED, 502, "[]"), BLOCK), ("502, not by a sidecar", "")),
    (traces(Reply(Outcome.RESET), Event("denied", "grid")), (Seen.DENIED, "grid")),
    (traces(Reply(Outcome.CLOSED), Event("denied", "grid")), (Seen.DENIED, "grid")),
    (traces(Reply(Outcome.RESET), BLOCK), (Seen.BLOCKED_RESET, f"{PAN} pci/pan")),
    (traces(Reply(Outcome.RESET), Event("blocked", PAN)), (Seen.BLOCKED_RESET, PAN)),
    (traces(Reply(Outcome.RESET)), ("reset without an event", "")),
    (traces(Reply(Outcome.TIMEOUT), BLOCK), ("no end", "")),
    (traces(Reply(Outcome.REFUSED), Event("denied", "grid")), (Seen.DENIED, "grid")),
    (traces(Reply(Outcome.REFUSED)), (Seen.REFUSED, "the kernel: nobody listens")),
    (traces(Reply(Outcome.REJECTED), rest=2), (Seen.REJECTED, "firewall: rest")),
    (traces(Reply(Outcome.REJECTED)), ("rejected by nobody", "")),
]


@pytest.mark.parametrize(("left", "observed"), OBSERVED)
def test_observing(left: Traces, observed: tuple[str, str]) -> None:
    assert observe(left) == observed


GOOD = Scenario(title="t", source="shop", target="internet", client=Curl(), expect=Seen.PASSED, shows="hello")

FAULTS: list[tuple[Scenario, Traces, tuple[str, ...]]] = [
    (GOOD, traces(PASS), ()),
    (replace(GOOD, expect=Seen.DENIED), traces(PASS), ("expected: denied",)),
    (replace(GOOD, reason="rule"), traces(PASS), ("reason is not rule",)),
    (replace(GOOD, shows="bye"), traces(PASS), ("the answer is another",)),
    (replace(GOOD, arrives=Arrival.NOTHING), traces(PASS), ("a connection arrived",)),
    (replace(GOOD, arrives=Arrival.CARD), traces(PASS), ("the card did not arrive",)),
    (replace(GOOD, uninspected="encrypted"), traces(PASS), ("not counted as uninspected",)),
    (
        replace(GOOD, uninspected="encrypted"),
        replace(traces(PASS), counters=ALLOWED | ENCRYPTED),
        (),
    ),
    (GOOD, replace(traces(PASS), after={"tcp": Tally(pans=1)}), ("a card arrived",)),
    (GOOD, traces(Reply(Outcome.ANSWERED, 200, f"hello {VISA}")), ("a card came back",)),
    (
        replace(GOOD, arrives=Arrival.CARD),
        replace(traces(Reply(Outcome.ANSWERED, 200, f"hello {VISA}")), after={"tcp": Tally(pans=1)}),
        (),
    ),
]


@pytest.mark.parametrize(("scenario", "left", "faults"), FAULTS)
def test_faults(scenario: Scenario, left: Traces, faults: tuple[str, ...]) -> None:
    judgement = judge(scenario, left)
    assert judgement.faults == faults
    assert judgement.good is (not faults)
    assert VISA not in repr(judgement)
