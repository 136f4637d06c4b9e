"""Many connections, too many, and no descriptors left: memory stays small, refusals are told, nothing spins or dies."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.net.netns import ROOT, command, lab
from tests.relay.sidecar import PATIENCE, Room, Sidecar, Way, eventually, sidecar
from tests.relay.sockets import MB, exactly

pytestmark = lab

WANTED = 10_000
ENOUGH = 9_000
"""Idle connections; two descriptors each in the proxy, so 10,000 need a limit of 20,200."""
AT_ONCE = 500
"""Dialed before they are used: more than the echo server has places for would wait for it longer than a dial may."""


@contextmanager
def echoing(way: Way) -> Iterator[int]:
    """An echo server at the far end; its port."""
    with way.listening(backlog=4096) as listener:
        number = listener.fileno()
        command = (sys.executable, "-m", "tests.relay.echo", str(number))
        with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(number,), cwd=ROOT) as server:
            yield listener.getsockname()[1]
            server.communicate()


@pytest.fixture
def descriptors() -> Iterator[int]:
    """As many as this process may have; the limit is as before afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_idle_connections(here: Room, descriptors: int) -> None:
    count = min(WANTED, (descriptors - 200) // 2)
    if count < ENOUGH:
        pytest.skip(
            f"{WANTED} connections need 20,200 open files in the proxy; the hard limit is {descriptors}"
        )
    with sidecar(here) as side, echoing(side.inbound()) as port, ExitStack() as held:
        before = side.rss
        clients: list[socket.socket] = []
        while len(clients) < count:
            for client in dialed(side.inbound(), port, min(AT_ONCE, count - len(clients))):
                clients.append(held.enter_context(client))
                client.sendall(b"hello\n")
                assert exactly(client, 6) == b"hello\n"
        eventually(lambda: side.value("cdefence_active_connections") == count)
        grown = side.rss - before
        print(f"\n{count} idle connections: {side.rss / MB:.0f} MB, {grown / count / 1024:.1f} KiB each")
        assert side.rss < 400 * MB
        assert int(side.value("process_open_fds")) < 2 * count + 100  # idle ones hold no pipes
        for client in clients:
            client.sendall(b"still there\n")
            assert exactly(client, 12) == b"still there\n"


def dialed(way: Way, port: int, count: int) -> list[socket.socket]:
    """That many connections of one client."""

    def dial() -> list[socket.socket]:
        return [socket.create_connection((way.address, port), timeout=PATIENCE) for _ in range(count)]

    return way.source.run(dial)


def test_one_more_than_allowed_is_refused_and_told(here: Room) -> None:
    with sidecar(here, {"MAX_CONNECTIONS": "2"}) as side:
        watch, way = side.watch(), side.inbound()
        with way.open() as (client, server), way.open():
            with way.listening() as listener:
                assert way.denied(listener.getsockname()[1])
            eventually(lambda: watch.told() == ["denied:overloaded"])
            assert watch.flows("denied", "overloaded", direction="inbound") == 1
            client.sendall(b"the others go on\n")
            assert exactly(server, 17) == b"the others go on\n"
        eventually(lambda: side.value("cdefence_active_connections") == 0)
        with way.open() as (client, server):
            client.sendall(b"room again\n")
            assert exactly(server, 11) == b"room again\n"


def test_no_more_connections_than_descriptors_last_for(here: Room) -> None:
    """Better to refuse at once and say why than to let a client wait in the backlog."""
    with sidecar(here, limits=("prlimit", "--nofile=100:100")) as side:
        assert "at most 37 connections, not 20000: the limit of open files is 100" in side.log()
        watch, way = side.watch(), side.inbound()
        with ExitStack() as held:
            for _ in range(37):
                held.enter_context(way.open())
            assert way.denied(9)
            eventually(lambda: watch.told() == ["denied:overloaded"])
            assert side.ready


def test_without_a_descriptor_clients_wait_and_nothing_spins(here: Room) -> None:
    with sidecar(here) as side, side.inbound().open() as (client, server):
        way, tries = side.inbound(), lambda: side.log().count("accept failed: Too many open files")
        with way.listening() as listener:
            side.descriptors(3)
            with way.dial(listener.getsockname()[1]) as waiting:
                eventually(tries)
                begun, before = time.monotonic(), tries()
                woken = int(side.status("voluntary_ctxt_switches"))
                eventually(lambda: tries() >= before + 2)
                woken = int(side.status("voluntary_ctxt_switches")) - woken
                assert woken < 100 * (time.monotonic() - begun)  # spinning is thousands a second
                client.sendall(b"the others go on\n")
                assert exactly(server, 17) == b"the others go on\n"
                side.descriptors(1000)
                waiting.sendall(b"at last\n")
                late, _ = listener.accept()
                with late:
                    assert exactly(late, 8) == b"at last\n"


def test_a_descriptor_for_the_client_but_none_for_the_upstream(here: Room) -> None:
    with sidecar(here, {"RELOAD_S": "3600"}) as side:
        watch, way = side.watch(), side.inbound()
        eventually(lambda: _asked_for_nothing(side))
        lasting = side.open_files()
        free = next(number for number in range(3, 1000) if number not in lasting)
        side.descriptors(free + 1)
        assert way.denied(9)
        side.descriptors(1000)
        eventually(lambda: watch.told() == ["failed:overloaded"])
        assert side.ready


def _asked_for_nothing(side: Sidecar) -> bool:
    """Whether no page is being told any more: its connection holds a descriptor for a moment longer."""
    established = command(
        "ip", "netns", "exec", side.pod.name, "ss", "-Htn", "state", "connected", "exclude", "time-wait"
    )
    return established.strip() == ""
