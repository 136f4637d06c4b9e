"""What the tests of `sidecar.ops` share: one flow, one finding, and a check of events against the shipped schema."""

import json
from collections.abc import Callable
from importlib.resources import files

import pytest

from dlp_patterns.model import Confidence, Severity
from sidecar.core.findings import Action, Channel, Finding, FindingClass, Part
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.ops.events import Endpoint, Flow, Json
from tests.ops.schema import problems


@pytest.fixture
def flow() -> Flow:
    return Flow(
        direction=Direction.OUTBOUND,
        source=Endpoint("10.77.0.11", 40_000, PeerClass.IN_SCOPE),
        destination=Endpoint("fd77::14", 8080, PeerClass.OUT_OF_SCOPE),
        mode=Mode.PROTECT,
        policy="0123456789ab",
        channel=Channel.HTTP1,
    )


@pytest.fixture
def finding() -> Finding:
    return Finding(
        pattern="pci/pan",
        klass=FindingClass.PAN,
        kind="visa",
        shown="411111******1111",
        confidence=Confidence.CERTAIN,
        severity=Severity.CRITICAL,
        part=Part.BODY,
        offset=17,
        reason=Reason.PAN_IN_CLEARTEXT,
        action=Action.BLOCK,
        rule="default-card-data",
        length=16,
        where="$.payment.card",
    )


@pytest.fixture(scope="session")
def fits_schema() -> Callable[[Json], list[str]]:
    """What is wrong with an event according to `events.schema.json`; empty when it fits."""
    schema = json.loads(files("sidecar.ops").joinpath("events.schema.json").read_text("utf-8"))
    return lambda event: problems(event, schema, schema)
