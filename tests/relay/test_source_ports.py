"""Our own flows and those of an application never get each other's ports, however lately one was used."""

import errno
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sidecar.relay import source_ports
from sidecar.relay.source_ports import SourcePorts
from tests.net.netns import lab, namespace
from tests.relay.sidecar import Room, Sidecar, sidecar
from tests.relay.sockets import shut

pytestmark = lab

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FEW = 32
"""Ports that `connect` gets in a range of twice as many."""


@pytest.fixture
def narrow(here: Room) -> Iterator[Sidecar]:
    """The kernel has few ports to give; a sidecar of its own, which has been there before."""
    with sidecar(here) as side:
        side.pod.run(lambda: RANGE.write_text(f"33000 {33000 + 2 * FEW - 1}"))
        yield side


@pytest.mark.parametrize("version", [4, 6])
def test_who_connects_after_a_dial_that_nobody_answered_is_not_taken_for_it(
    narrow: Sidecar, version: int
) -> None:
    """As kube-proxy refuses for a Service without endpoints, and has one again a moment later."""
    way = narrow.outbound(version)
    refuse = "table inet t { chain c { type filter hook input priority 0; meta l4proto tcp ct state new reject; }; }"
    with way.listening() as listener:
        port = listener.getsockname()[1]
        narrow.outside.nft("-f -", stdin=refuse)
        for _ in range(FEW):
            assert way.denied(port)
        narrow.outside.nft("delete table inet t")
        for _ in range(FEW - 4):
            with way.dial(port) as client:  # refused, with a port of a dial that nobody answered
                server, _ = listener.accept()
                with server:
                    shut(client)


@pytest.mark.parametrize("version", [4, 6])
def test_we_dial_from_ports_that_connect_leaves_for_last(side: Sidecar, version: int) -> None:
    way = side.outbound(version)
    theirs, ours = set(), []
    for _ in range(20):
        with way.open() as (client, server):
            theirs.add(client.getsockname()[1] % 2)
            ours.append(server.getpeername()[1])
    assert (theirs, {port % 2 for port in ours}) == ({0}, {1})
    assert [later - port for port, later in pairwise(ours)] == [2] * 19


@pytest.mark.parametrize(
    ("text", "ports"),
    [("\n", set()), ("33001\n", {33001}), ("33001,33005-33007\n", {33001, 33005, 33006, 33007})],
)
def test_what_the_administrator_has_reserved_is_understood(text: str, ports: set[int]) -> None:
    assert source_ports._ports(text) == ports


def test_ports_that_are_taken_are_passed_by_and_in_the_end_the_kernel_chooses() -> None:
    def dialed() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            taken = server.getsockname()[1]
            low = taken - 1
            with SourcePorts(low, taken).dial(server.getsockname()) as alone:
                assert alone.getsockname()[1] != taken
            ports = SourcePorts(low, taken + 2, reserved=frozenset({taken}))
            with ports.dial(server.getsockname()) as next_one:
                assert next_one.getsockname()[1] == taken + 2

    with namespace() as alone:  # no other program has ports here
        alone.run(dialed)


def test_an_error_that_another_port_would_not_mend_is_told() -> None:
    with pytest.raises(OSError) as told:
        SourcePorts(33000, 33010).dial(("255.255.255.255", 9))
    assert told.value.errno in (errno.ENETUNREACH, errno.EACCES, errno.ENETDOWN)
