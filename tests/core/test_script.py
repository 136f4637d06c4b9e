"""The transcript kit keeps its own promises: nothing unexpected, nothing left over, nothing unasserted, nothing raw."""

import pytest

from sidecar.core.reasons import Reason
from tests.kit import script as kit
from tests.kit.engines import flow
from tests.kit.script import Blocked, ClientClosed, Found, Payload, Released, script

CARD = b"\x00 4111111111111111;" + b" " * 200


def test_a_script_that_is_met_is_true() -> None:
    assert script(flow()) >> Payload(b"\x00hello") << Released(b"\x00hello")


@pytest.mark.parametrize(
    ("what", "build"),
    [
        ("left over", lambda: script(flow()) >> Payload(b"\x00hello")),
        (
            "missing",
            lambda: script(flow()) >> Payload(b"\x00ok") << Released(b"\x00ok") << Blocked(Reason.GRID),
        ),
        ("different", lambda: script(flow()) >> Payload(b"\x00hello") << Released(b"\x00hallo")),
        (
            "too late",
            lambda: script(flow()) >> Payload(b"\x00hello") >> ClientClosed() << Released(b"\x00hello"),
        ),
        ("too early", lambda: script(flow()) << Released(b"\x00hello") >> Payload(b"\x00hello")),
        (
            "in another order",
            lambda: (
                script(flow())
                >> Payload(CARD)
                << Blocked(Reason.PAN_IN_CLEARTEXT)
                << Found("pci/pan", "411111******1111")
            ),
        ),
    ],
)
def test_a_script_that_is_not_met_shows_how(what: str, build) -> None:
    with pytest.raises(AssertionError, match="- expected, \\+ seen"):
        bool(build())


def test_a_script_that_nobody_asserts_is_noticed() -> None:
    _ = script(flow()) >> Payload(b"\x00hello")
    assert kit.unasserted() == 1
    assert kit.unasserted() == 0


def test_what_is_printed_shows_no_card_number() -> None:
    with pytest.raises(AssertionError) as caught:
        bool(script(flow()) >> Payload(CARD) << Released(CARD))
    assert "411111******1111" in str(caught.value)
    assert "4111111111111111" not in str(caught.value)
