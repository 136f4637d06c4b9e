"""Before the first byte: who may connect, what happens when the other end cannot be reached, and that nothing loops."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sidecar import contract
from sidecar.net.redirect import Redirect
from tests.net.netns import lab
from tests.relay.sidecar import (
    PATIENCE,
    POD,
    Room,
    Sidecar,
    Way,
    eventually,
    policy,
    scope_map,
    sidecar,
)
from tests.relay.sockets import EOF, RESET, ending, exactly, shut

pytestmark = lab


# --- the other end does not answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_refusal_by_the_server_is_a_reset_for_the_client(
    side: Sidecar, direction: str, version: int
) -> None:
    watch = side.watch()
    way = getattr(side, direction)(version)
    with way.listening() as listener:
        port = listener.getsockname()[1]
    assert way.denied(port)
    eventually(lambda: watch.told() == ["failed:dial_failed"])
    assert watch.flows("failed", "dial_failed", direction=direction) == 1
    assert watch.moved("cdefence_active_connections") == 0


@pytest.fixture(scope="module")
def hasty(here: Room) -> Iterator[Sidecar]:
    """A sidecar that waits for nothing longer than some seconds."""
    with sidecar(here, {"CONNECT_TIMEOUT_S": "1", "IDLE_TIMEOUT_S": "6"}) as made:
        yield made


def test_a_server_that_swallows_everything_is_given_up(hasty: Sidecar) -> None:
    watch = hasty.watch()
    swallow = "table inet t { chain c { type filter hook input priority 0; tcp dport 7 drop; }; }"
    hasty.outside.nft("-f -", stdin=swallow)
    with hasty.outbound().dial(7) as client:
        client.sendall(b"is anybody there?\n")
        assert ending(client) == (b"", RESET)
    eventually(lambda: watch.told() == ["failed:dial_timeout"])
    assert watch.flows("failed", "dial_timeout") == 1


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(hasty: Sidecar) -> None:
    watch = hasty.watch()
    with hasty.inbound().open() as (idle, theirs), hasty.inbound().open() as (busy, echo):
        echo.settimeout(PATIENCE)
        while not watch.flows("failed", "idle_timeout"):
            busy.sendall(b"tick\n")
            assert exactly(echo, 5) == b"tick\n"
        assert ending(idle) == (b"", RESET)
        assert ending(theirs) == (b"", RESET)
        shut(busy)
        assert ending(echo) == (b"", EOF)
    eventually(lambda: watch.told() == ["failed:idle_timeout"])


def test_a_peer_that_vanishes_is_noticed_by_the_kernel(side: Sidecar) -> None:
    """Both ends think that they talk to each other, but their keep-alives end here; so we must send our own."""
    with side.inbound().open() as (client, server):
        client.sendall(b"hello\n")
        assert exactly(server, 6)
        eventually(lambda: _kept_alive(side.pod.run(lambda: _connections(side))) == 2)


def _kept_alive(timers: list[str]) -> int:
    """How many there are; none while one of them still waits for an acknowledgement instead."""
    return len(timers) if all("timer:(keepalive" in line for line in timers) else 0


def _connections(side: Sidecar) -> list[str]:
    """The proxy's own sockets of open connections, as `ss` sees them."""
    from tests.net.netns import command

    lines = command("ip", "netns", "exec", side.pod.name, "ss", "-tneoO", "state", "established").splitlines()
    return [line for line in lines if f"uid:{contract.PROXY_UID}" in line and "15490" not in line]


# --- who may talk ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize(
    ("scope", "reason"), [("out-of-scope", "grid"), ("", "unknown_peer"), ("external", "grid")]
)
def test_who_is_no_partner_of_the_cde_is_denied_before_anything_is_dialed(
    here: Room, direction: str, scope: str, reason: str
) -> None:
    with sidecar(here, files={"scope-map.json": scope_map(outside=scope)}) as side:
        way, watch = getattr(side, direction)(), side.watch()
        with way.listening() as listener:
            assert way.denied(listener.getsockname()[1])
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.accept()
        eventually(lambda: watch.told() == [f"denied:{reason}"])
        (event,) = watch.events()
        assert event["unmapped"]["direction"] == direction
        assert watch.flows("denied", reason, direction=direction) == 1
        assert watch.moved("cdefence_blocked_flows_total", direction=direction, reason=reason) == 1


# --- loops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_our_inbound_port_is_shut_to_strangers(side: Sidecar, version: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        side.inbound(version).dial(contract.INBOUND_PORT)


@pytest.mark.parametrize("version", [4, 6])
def test_our_outbound_port_is_no_application(side: Sidecar, version: int) -> None:
    """Redirected like any other port; to dial it would be to dial ourselves."""
    watch = side.watch()
    assert side.inbound(version).denied(contract.OUTBOUND_PORT)
    eventually(lambda: watch.told() == ["denied:loop"])


@pytest.mark.parametrize("port", [contract.INBOUND_PORT, contract.OUTBOUND_PORT])
@pytest.mark.parametrize("address", ["127.0.0.1", POD[4], POD[6]])
def test_our_ports_lead_nowhere_from_inside(side: Sidecar, address: str, port: int) -> None:
    """Loopback is not redirected, so this is a connection to the listener itself."""
    watch = side.watch()
    assert Way(side.pod, side.pod, address, 4).denied(port)
    eventually(lambda: watch.told() == ["denied:unknown_destination"])
    direction = "inbound" if port == contract.INBOUND_PORT else "outbound"
    assert watch.flows("denied", "unknown_destination", direction=direction) == 1


@pytest.mark.parametrize("port", [contract.INBOUND_PORT, contract.OUTBOUND_PORT])
def test_our_ports_lead_nowhere_by_a_second_address(side: Sidecar, port: int) -> None:
    """Redirected to the first address of the interface, so the firewall takes it for any other connection."""
    watch = side.watch()
    side.pod.ip("addr replace 10.79.0.3/24 dev eth0")
    assert Way(side.outside, side.pod, "10.79.0.3", 4).denied(port)
    eventually(lambda: watch.told() == ["denied:loop"])
    assert watch.flows("denied", "loop", direction="inbound") == 1


def test_rules_that_do_not_know_our_uid_make_no_endless_loop(here: Room) -> None:
    """The dialed connection comes back to us: seen by its addresses, refused, and that is all."""
    with sidecar(here, rules=Redirect(uid=15002), ready=False) as side:
        eventually(lambda: "ready to relay" in side.log())
        watch = side.watch()
        assert side.outbound().denied(80)
        eventually(lambda: watch.told()[:1] == ["denied:loop"])
        assert len(watch.told()) <= 2  # the other may be the first connection's own end
        assert watch.flows("denied", "loop", direction="outbound") == 1


def test_a_port_that_we_use_too_is_no_loop(here: Room) -> None:
    """The kernel gives one source port to several connections, if only their destinations differ."""
    with sidecar(here) as side, ExitStack() as held:
        side.pod.run(lambda: Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40003"))
        for _ in range(12):
            client, server = held.enter_context(side.outbound().open())
            client.sendall(b"no loop\n")
            assert exactly(server, 8) == b"no loop\n"


def test_rules_of_the_policy_are_asked_before_the_grid(here: Room) -> None:
    rule = "  - {from: in-scope, to: external, ports: [4430], action: allow, why: acquirer}"
    files = {"policy.yaml": policy("segmentation:", rule), "scope-map.json": scope_map(outside="external")}
    with sidecar(here, files=files) as side:
        watch = side.watch()
        assert side.outbound().denied(4431)
        assert side.outbound().denied(4430)  # allowed, but nobody listens
        eventually(lambda: watch.told() == ["denied:grid", "failed:dial_failed"])
