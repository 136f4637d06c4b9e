"""A sidecar from start to end: as whom it runs, what it refuses, how it takes new files, and how it goes."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sidecar import __version__, contract
from sidecar.lab import netns
from sidecar.lab.lab import CDEFENCE, PROXY
from sidecar.lab.samples import VISA
from tests.net.netns import lab, namespace
from tests.relay.sidecar import (
    PATIENCE,
    START_PATIENCE,
    Room,
    Sidecar,
    eventually,
    policy,
    python,
    scope_map,
    sidecar,
)
from tests.relay.sockets import EOF, RESET, ending, exactly, shut, throw_away
from tests.relay.test_content import OK, SWITCHED, UPGRADE, answered, get, post

pytestmark = lab


# --- as whom it runs -------------------------------------------------------------------------------------------------


def test_it_runs_without_rights_and_says_what_it_is_in_one_line(side: Sidecar) -> None:
    for what in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(side.status(what), 16) == 0
    assert side.status("Uid").split() == side.status("Gid").split() == [str(contract.PROXY_UID)] * 4
    (line,) = (line for line in side.log().splitlines() if f"cdefence {__version__}" in line)
    said = re.search(r"INFO cdefence: (.*)", line)
    assert said
    assert re.fullmatch(
        rf"cdefence {re.escape(__version__)}: scope in-scope, mode protect, packs pci, pii, secrets \(\d+ patterns\), "
        r"uid 15001, gid 15001, capabilities none",
        said[1],
    )


@contextmanager
def as_root(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """`cdefence proxy` as root, in no pod, where all ports are free."""
    given = {
        "CDEFENCE_SCOPE": "in-scope",
        "CDEFENCE_BIND": "127.0.0.1",
        "PATH": "/usr/bin:/bin",
        **environment,
    }
    with namespace() as alone:
        command = ("nsenter", f"--net={netns.path(alone.name)}", "--", *CDEFENCE, "proxy")
        with subprocess.Popen(command, env=given, stderr=subprocess.PIPE, text=True) as process:
            yield process


def test_it_refuses_to_run_as_root(here: Room) -> None:
    with as_root() as process:
        assert process.wait(PATIENCE) == 2
        assert process.stderr
        assert (
            "refusing to run as root; run as another uid, or set CDEFENCE_ALLOW_ROOT=true"
            in process.stderr.read()
        )


def test_it_runs_as_root_when_told() -> None:
    with as_root(CDEFENCE_ALLOW_ROOT="true", CDEFENCE_EVENTS="/dev/null") as process:
        assert process.stderr
        assert any("uid 0, gid 0, capabilities 1" in line for line in process.stderr)
        assert any("ready to relay" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


SLOW_START = """
import time
from sidecar.relay import process
def start(*_):
    print("compiling", flush=True)
    time.sleep(60)
process.Process.__init__ = start
"""


def test_a_signal_while_it_starts_ends_it(here: Room) -> None:
    """As the first process of a container it would otherwise not be ended by any signal but KILL."""
    with sidecar(here, program=python(SLOW_START), ready=False) as side:
        eventually(lambda: "compiling" in side.log())
        side.signal(signal.SIGTERM)
        assert side.exit_code() == 0


def test_a_policy_that_cannot_be_used_is_no_start(here: Room) -> None:
    with sidecar(here, files={"policy.yaml": policy("dlp: nothing")}, ready=False) as side:
        assert side.exit_code() == 2
        assert "cannot start" in side.log()
        assert "dlp" in side.log()


def test_a_port_that_is_taken_is_no_start(side: Sidecar, here: Room) -> None:
    alone = ("env", "-i", "PATH=/usr/bin:/bin", "CDEFENCE_SCOPE=in-scope", *CDEFENCE, "proxy")
    command = here.enter(side.pod, (*PROXY.prefix(), *alone))
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_PATIENCE, check=False)
    assert done.returncode == 2
    assert "cannot start" in done.stderr
    assert "Address already in use: '0.0.0.0 port 15421'" in done.stderr


# --- the scope map -----------------------------------------------------------------------------------------------------


def readiness(side: Sidecar) -> str:
    return side.page(contract.HEALTH_PORT, "/readyz")[1]


def test_without_a_scope_map_everything_is_denied_until_there_is_one(here: Room) -> None:
    with sidecar(here, files={"scope-map.json": ""}, ready=False) as side:
        eventually(lambda: "ready to relay" in side.log())
        eventually(lambda: readiness(side) == "no scope map is loaded, or it has expired\n")
        assert side.value("cdefence_scope_map_reload_errors_total") == 1
        assert side.page(contract.HEALTH_PORT, "/livez") == (200, "alive\n")
        watch = side.watch()
        for way in (side.inbound(), side.outbound()):
            with way.listening() as listener:
                assert way.denied(listener.getsockname()[1])
        eventually(lambda: watch.told() == ["denied:no_scope_map"] * 2)
        side.give("scope-map.json", scope_map())
        eventually(lambda: side.ready)
        assert served(side)


def served(side: Sidecar) -> bool:
    """Whether a request from outside is answered."""
    with side.inbound().listening() as listener, side.inbound().dial(listener.getsockname()[1]) as client:
        listener.settimeout(PATIENCE)
        client.sendall(b"question\n")
        try:
            server, _ = listener.accept()
        except TimeoutError:
            return False
        with server:
            return exactly(server, 9) == b"question\n"


AGED_S = 6
"""Seconds after which maps count no more here: short to wait for, long for what must come before."""


def test_a_stale_map_does_not_vouch_for_those_it_lacks(here: Room) -> None:
    """In scope nobody unknown may talk anyway; connected to the CDE they may, while the map is fresh."""
    files = {"scope-map.json": scope_map(outside="")}
    settings = {"SCOPE": "connected-to", "SCOPE_MAP_STALE_AFTER_S": AGED_S}
    with sidecar(here, settings, files=files) as side:
        assert served(side)
        watch = side.watch()
        eventually(lambda: side.value("cdefence_scope_map_age_seconds") > AGED_S)
        assert side.inbound().denied(80)
        eventually(lambda: watch.told() == ["denied:stale_scope_map"])
        assert side.ready
        side.give("scope-map.json", scope_map(epoch=2, outside=""))
        eventually(lambda: side.value("cdefence_scope_map_age_seconds") < AGED_S)
        assert served(side)


def test_an_expired_map_counts_as_none(here: Room) -> None:
    with sidecar(here, {"SCOPE_MAP_EXPIRE_AFTER_S": AGED_S}) as side:
        watch = side.watch()
        eventually(lambda: readiness(side) == "no scope map is loaded, or it has expired\n")
        assert side.inbound().denied(80)
        eventually(lambda: watch.told() == ["denied:no_scope_map"])
        side.give("scope-map.json", scope_map(epoch=2))
        eventually(lambda: side.ready)


def test_an_expired_map_is_nothing_to_a_pod_out_of_scope(here: Room) -> None:
    with sidecar(here, {"SCOPE": "out-of-scope", "SCOPE_MAP_EXPIRE_AFTER_S": "0.5"}) as side:
        eventually(lambda: side.value("cdefence_scope_map_age_seconds") > 0.6)
        assert served(side)
        assert side.ready


# --- reload ------------------------------------------------------------------------------------------------------------


@contextmanager
def talking(side: Sidecar) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection on which a request was answered before, and is afterwards."""

    def exchange() -> None:
        client.sendall(get())
        assert exactly(server, len(get())) == get()
        server.sendall(OK)
        assert exactly(client, len(OK)) == OK

    with side.inbound().open() as (client, server):
        exchange()
        yield client, server
        exchange()


def version(side: Sidecar) -> str:
    found = re.search(r'cdefence_policy_info\{version="([^"]*)"', side.page()[1])
    assert found
    return found[1]


def test_a_new_policy_is_for_new_connections(here: Room) -> None:
    """Also for what is only decided later: an open connection that has said nothing yet keeps the policy it met."""
    card = post(VISA.encode())
    with sidecar(here) as side:
        old = version(side)
        with talking(side), side.inbound().open() as (silent, _):
            side.give("policy.yaml", policy("dlp:", "  - {class: test_pan, action: allow}"))
            eventually(lambda: version(side) != old)
            silent.sendall(card)
            assert answered(ending(silent)[0])[0] == 403
            with side.inbound().open() as (client, server):
                client.sendall(card)
                assert exactly(server, len(card)) == card
        assert side.value("cdefence_policy_reload_errors_total") == 0


SLOW_COMPILER = """
import os, time
from pathlib import Path
from sidecar.match.hs import HyperscanMatcher
compile_hold = HyperscanMatcher._compile_hold
go = Path(os.environ["CDEFENCE_POLICY"]).with_name("go")
def slowly(self, patterns):
    if len(self._holds) > 0:
        print("compiling", flush=True)
        while not go.exists():
            time.sleep(0.01)
    return compile_hold(self, patterns)
HyperscanMatcher._compile_hold = slowly
"""


def test_traffic_does_not_wait_for_a_new_policy_to_be_compiled(here: Room) -> None:
    with sidecar(here, program=python(SLOW_COMPILER)) as side:
        old = version(side)
        with talking(side):
            side.give("policy.yaml", policy("dlp:", "  - {class: secret, action: allow}"))
            eventually(lambda: "compiling" in side.log())
        assert served(side)
        assert version(side) == old
        side.give("go", "")
        eventually(lambda: version(side) != old)
        assert served(side)


def test_a_new_mode_is_for_new_connections(here: Room) -> None:
    card = post(VISA.encode())
    with sidecar(here) as side:
        old = version(side)
        with side.inbound().open() as (silent, _):
            side.give("policy.yaml", policy("mode: monitor"))
            eventually(lambda: version(side) != old)
            watch = side.watch()
            silent.sendall(card)
            assert answered(ending(silent)[0])[0] == 403
            eventually(lambda: watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"])


def test_a_new_scope_map_is_for_new_connections(here: Room) -> None:
    with sidecar(here) as side, talking(side):
        side.give("scope-map.json", scope_map(epoch=2, outside="out-of-scope"))
        eventually(lambda: side.value("cdefence_scope_map_entries", scope="out-of-scope") == 2)
        watch = side.watch()
        assert side.inbound().denied(80)
        assert side.outbound().denied(80)
        eventually(lambda: watch.told() == ["denied:grid"] * 2)


@pytest.mark.parametrize(
    ("name", "what"), [("policy.yaml", "policy"), ("scope-map.json", "scope map")], ids=["policy", "map"]
)
def test_a_broken_file_changes_nothing_and_is_told(here: Room, name: str, what: str) -> None:
    with sidecar(here) as side, talking(side):
        old = version(side)
        side.give(name, "kind: [broken\n")
        eventually(lambda: side.value(f"cdefence_{what.replace(' ', '_')}_reload_errors_total") == 1)
        assert f"{what} not usable, the last one stays" in side.log()
        assert version(side) == old
        assert side.ready
        assert served(side)
        side.give(name, policy() if name == "policy.yaml" else scope_map(epoch=3))
        eventually(lambda: side.log().count("in force") == 3)


# --- the end -----------------------------------------------------------------------------------------------------------


def test_a_drain_lets_requests_finish_and_closes_what_is_idle(here: Room) -> None:
    with sidecar(here, {"DRAIN_S": PATIENCE}) as side:
        with side.inbound().open() as (idle, bored), side.inbound().open() as (busy, server):
            idle.sendall(get())
            busy.sendall(get())
            assert exactly(bored, len(get()))
            bored.sendall(OK)
            assert exactly(idle, len(OK)) == OK
            assert exactly(server, len(get())) == get()
            server.sendall(OK[:-1])  # all but the last byte
            begun = time.monotonic()
            side.signal(signal.SIGTERM)
            assert ending(idle) == (b"", EOF)
            with pytest.raises(ConnectionRefusedError):
                side.inbound().dial(80)
            assert "shutting down" in readiness(side)
            eventually(lambda: side.value("cdefence_active_connections") == 1)
            eventually(lambda: time.monotonic() - begun > 2)  # longer than an idle connection is given
            server.sendall(OK[-1:])
            assert exactly(busy, len(OK)) == OK
            assert ending(busy) == (b"", EOF)
            assert ending(server) == (b"", EOF)
        assert side.exit_code() == 0
        assert "draining" in side.log()
        assert time.monotonic() - begun < PATIENCE


def test_what_does_not_end_is_reset_after_the_drain(here: Room) -> None:
    with sidecar(here, {"DRAIN_S": "0.5"}) as side:
        with side.inbound().open() as (opaque, far), side.outbound().open() as (tunnel, server):
            opaque.sendall(b"no idea when this ends\n")
            assert exactly(far, 23)
            tunnel.sendall(UPGRADE)
            assert exactly(server, len(UPGRADE))
            server.sendall(SWITCHED)
            assert exactly(tunnel, len(SWITCHED))
            side.signal(signal.SIGTERM)
            assert ending(opaque) == (b"", RESET)
            assert ending(tunnel) == (b"", RESET)
            assert ending(server) == (b"", RESET)
        assert side.exit_code() == 0
        assert sorted(event["unmapped"]["direction"] for event in side.events()) == ["inbound", "outbound"]
        assert {event["status_code"] for event in side.events()} == {"draining"}


def test_an_open_tunnel_is_not_taken_for_idle(here: Room) -> None:
    with sidecar(here, {"DRAIN_S": PATIENCE}) as side, side.inbound().open() as (client, server):
        client.sendall(UPGRADE)
        assert exactly(server, len(UPGRADE))
        server.sendall(SWITCHED)
        assert exactly(client, len(SWITCHED))
        side.signal(signal.SIGTERM)
        eventually(lambda: "draining" in side.log())
        client.settimeout(2.5)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(PATIENCE)
        server.sendall(b"\x82\5hello")
        assert exactly(client, 7) == b"\x82\5hello"
        shut(client)
        assert ending(server) == (b"", EOF)
        server.close()
        assert ending(client) == (b"", EOF)
        assert side.exit_code() == 0


def test_killed_it_refuses_and_does_not_let_pass(here: Room) -> None:
    with sidecar(here) as side, side.inbound().listening() as listener:
        side.signal(signal.SIGKILL)
        side.exit_code()
        for way in (side.inbound(), side.outbound()):
            with pytest.raises(ConnectionRefusedError):
                way.dial(listener.getsockname()[1])


def test_clients_that_come_and_go_leave_nothing_behind(side: Sidecar) -> None:
    """Each way to end a connection gives back its descriptors and its place."""
    eventually(lambda: side.value("cdefence_active_connections") == 0)
    before = len(side.open_files())
    for _ in range(20):
        with side.inbound().open() as (client, _server):
            client.sendall(b"x\n")
            throw_away(client)
        with side.inbound().open() as (client, server):
            client.sendall(post(VISA.encode()))
            throw_away(server)
        with side.outbound().open() as (client, server):
            shut(client)
            shut(server)
        side.inbound().denied(9)
    eventually(lambda: side.value("cdefence_active_connections") == 0)
    eventually(lambda: len(side.open_files()) <= before + 1)
