"""What the kubelet asks of a sidecar: probes and hooks of the application, and the drain before the end."""

import json
import os
import signal
import socket
import subprocess
from http.client import HTTPConnection
from threading import Thread

import pytest

from sidecar import contract
from sidecar.lab import netns
from sidecar.lab.lab import CDEFENCE, PROXY
from tests.net.netns import Namespace, lab
from tests.relay.sidecar import PATIENCE, POD, Room, Sidecar, eventually, scope_map, sidecar
from tests.relay.sockets import EOF, ending, exactly, shut
from tests.relay.test_content import OK, get

pytestmark = lab

LIVEZ, PRESTOP = "/app/shop/livez", "/app/shop/prestop"
PORT = 8080
PROBES = {
    LIVEZ: {"kind": "http", "port": PORT, "path": "/healthz", "timeout": 60},
    PRESTOP: {"kind": "hook", "port": PORT, "path": "/bye", "timeout": 60},
}


def ask(
    side: Sidecar, path: str, method: str = "GET", where: Namespace | None = None, to: str = POD[4]
) -> int:
    """The status of a page on the health port, asked for from outside or elsewhere."""
    source = where or side.outside
    connection = HTTPConnection(to, contract.HEALTH_PORT)
    connection.sock = netns.connect(source.name, to, contract.HEALTH_PORT, timeout=PATIENCE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.read() in (b"", f"{answer.reason}\n".encode())
        return answer.status
    finally:
        connection.close()


def serve(side: Sidecar, address: str, status: str, heard: list[str]) -> socket.socket:
    """An application in the pod that answers one request after the other."""
    listener = side.pod.run(lambda: socket.create_server((address, PORT)))

    def work() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                heard.append(client.recv(4096).decode().split()[1])
                client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nsecret".encode())

    Thread(target=work, daemon=True).start()
    return listener


@pytest.mark.parametrize("address", [POD[4], "127.0.0.1"])
def test_a_node_has_probes_and_hooks_relayed(here: Room, address: str) -> None:
    heard: list[str] = []
    settings = {"PROBES": json.dumps(PROBES), "POD_IPS": ",".join(POD.values())}
    with sidecar(here, settings, files={"scope-map.json": scope_map(outside="node")}) as side:
        assert ask(side, LIVEZ) == 502
        listener = serve(side, address, "207 Multi-Status", heard)
        assert ask(side, LIVEZ) == 207
        assert ask(side, PRESTOP) == 207
        assert ask(side, PRESTOP, where=side.pod, to="127.0.0.1") == 207
        assert heard == ["/healthz", "/bye", "/bye"]
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        eventually(lambda: ask(side, LIVEZ) == 502)


# Who the outside is, what it gets for a probe and for a hook.  The outside is the pod's default gateway, too.
STRANGERS = [("in-scope", 404, 404), ("out-of-scope", 404, 404), ("external", 502, 502), ("", 502, 502)]


@pytest.mark.parametrize(("scope", "probe", "hook"), STRANGERS)
def test_a_pod_has_nothing_relayed(here: Room, scope: str, probe: int, hook: int) -> None:
    settings = {"PROBES": json.dumps(PROBES), "POD_IPS": POD[4]}
    with sidecar(here, settings, files={"scope-map.json": scope_map(outside=scope)}) as side:
        assert (ask(side, LIVEZ), ask(side, PRESTOP)) == (probe, hook)
        side.pod.ip("route delete default via 10.79.0.1")
        assert (ask(side, LIVEZ), ask(side, PRESTOP)) == (probe, 404)


def test_probes_that_cannot_be_read_are_no_start(here: Room) -> None:
    with sidecar(here, {"PROBES": '{"/app/shop/livez": {"kind": "exec", "port": 1}}'}, ready=False) as side:
        assert side.exit_code() == 2
        assert "CDEFENCE_PROBES: /app/shop/livez.kind: is 'exec'; use http, tcp, grpc or hook" in side.log()


# --- the drain ---------------------------------------------------------------------------------------------------------


def drain(here: Room, side: Sidecar, **environment: str) -> subprocess.CompletedProcess[str]:
    """`cdefence drain` in the pod, as the proxy's own user."""
    given = {"PATH": os.defpath, "CDEFENCE_SCOPE": "in-scope", **environment}
    command = here.enter(side.pod, (*PROXY.prefix(), *CDEFENCE, "drain"))
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_drain_before_the_end_is_inbound_only(here: Room) -> None:
    """Idle inbound connections are closed, whatever is under way goes on, new ones are served; nothing outbound ends."""
    with sidecar(here, {"DRAIN_S": PATIENCE}) as side, side.outbound().open() as (out, far):
        out.sendall(get())
        assert exactly(far, len(get())) == get()
        far.sendall(OK)
        assert exactly(out, len(OK)) == OK
        with side.inbound().open() as (idle, bored), side.inbound().open() as (busy, server):
            for client, app in ((idle, bored), (busy, server)):
                client.sendall(get())
                assert exactly(app, len(get())) == get()
            bored.sendall(OK)
            assert exactly(idle, len(OK)) == OK
            for _ in range(2):  # a second time changes nothing
                done = drain(here, side)
                assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert ending(idle) == (b"", EOF)
            assert "shutting down" in side.page(contract.HEALTH_PORT, "/readyz")[1]
            assert side.page(contract.HEALTH_PORT, "/livez")[0] == 200
            with side.inbound().open() as (late, app):
                late.sendall(get())
                assert exactly(app, len(get())) == get()
                app.sendall(OK)
                assert exactly(late, len(OK)) == OK
                assert ending(late) == (b"", EOF)
            server.sendall(OK)
            assert exactly(busy, len(OK)) == OK
            assert ending(busy) == (b"", EOF)
        out.sendall(get())
        assert exactly(far, len(get())) == get()
        with side.outbound().open() as (fresh, app):
            fresh.sendall(get())
            assert exactly(app, len(get())) == get()
        assert side.log().count("draining") == 1
        shut(out)
        far.close()
        side.signal(signal.SIGTERM)
        assert side.exit_code() == 0


def test_nobody_outside_the_pod_can_order_a_drain(side: Sidecar) -> None:
    assert ask(side, contract.DRAIN_PATH, "POST") == 404
    assert ask(side, contract.DRAIN_PATH, "POST", where=side.pod) == 404  # not even by the pod's own address
    assert ask(side, contract.DRAIN_PATH, "GET", where=side.pod, to="127.0.0.1") == 405
    assert side.ready


def test_a_drain_without_a_proxy_is_an_error(here: Room, side: Sidecar) -> None:
    done = drain(here, side, CDEFENCE_HEALTH_PORT="9")
    assert (done.returncode, done.stderr) == (1, "cdefence: no proxy listens at port 9 of this pod\n")
    done = drain(here, side, CDEFENCE_SCOPE="inside")
    assert (done.returncode, done.stderr.count("CDEFENCE_SCOPE")) == (2, 1)
