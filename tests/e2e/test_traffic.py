"""Real traffic through real sidecars: whole, in order, and stopped where it must be."""

import json
import random
import socket
import threading

import pytest

from sidecar.lab import netns
from sidecar.lab.app import Tally
from sidecar.lab.clients import AUTHORITY
from sidecar.lab.lab import Lab
from sidecar.lab.samples import VISA
from sidecar.lab.topology import HTTP_PORT, TCP_PORT, pod
from tests.e2e.waiting import PACE, at_rest
from tests.kit.waiting import until

pytestmark = pytest.mark.lab

CHECKOUT, VAULT, SHOP, INTERNET = (pod(name) for name in ("checkout", "vault", "shop", "internet"))


def connect(lab: Lab, source: str, target: str, port: int) -> socket.socket:
    """A raw connection from one pod to another."""
    return netns.connect(lab.namespace(pod(source)), target, port, timeout=60)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send, then end our side."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("target", VAULT.addresses)
def test_a_megabyte_arrives_whole_and_comes_back(lab: Lab, target: str) -> None:
    data = random.Random(7).randbytes(1_000_000)
    with connect(lab, "checkout", target, TCP_PORT) as connection:
        sender = threading.Thread(target=send_all, args=(connection, data))
        sender.start()
        answer = read_all(connection)
        sender.join()
    assert answer == data


def test_pipelined_requests_are_answered_in_order(lab: Lab) -> None:
    requests = [f"POST /{n} HTTP/1.1\r\nHost: v\r\nContent-Length: 3\r\n\r\n{n:03}" for n in range(20)]
    requests.append("GET /end HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n")
    with connect(lab, "checkout", VAULT.v4, HTTP_PORT) as connection:
        connection.sendall("".join(requests).encode())
        answer = read_all(connection).decode()
    places = [answer.index(f"POST /{n}\n\n{n:03}") for n in range(20)]
    assert places == sorted(places)
    assert answer.endswith("GET /end\n\n")


def test_what_came_before_a_card_on_the_same_connection_has_passed(lab: Lab) -> None:
    good = b"POST /good HTTP/1.1\r\nHost: i\r\nContent-Length: 4\r\n\r\nfine"
    bad = b"POST /bad HTTP/1.1\r\nHost: i\r\nContent-Length: 16\r\n\r\n" + VISA.encode()
    before = at_rest(lab, INTERNET).get("http", Tally())
    with connect(lab, "shop", INTERNET.v4, HTTP_PORT) as connection:
        connection.sendall(good)
        first = connection.recv(65536)
        connection.sendall(bad)
        second = read_all(connection)
    after = at_rest(lab, INTERNET)["http"]
    assert first.endswith(b"POST /good\n\nfine")
    assert second.startswith(b"HTTP/1.1 403 ")
    assert after.messages - before.messages == 1
    assert after.pans == before.pans


def test_the_answer_of_a_blocked_request(lab: Lab) -> None:
    done = lab.run(SHOP, ("curl", "-sS", "-i", "-d", "@-", "http://internet:8080/"), stdin=VISA.encode())
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    lines = head.lower().split("\r\n")
    assert lines[0].startswith("http/1.1 403 ")
    assert "content-type: application/json" in lines
    answer = json.loads(body)
    assert (answer["reason"], answer["pattern"]) == ("pan_in_cleartext", "pci/pan")
    assert VISA[4:12] not in body
    until(lambda: any(answer["incident"] in line for line in lab.events(SHOP)), "it is told", pace=PACE)


def test_openssl_speaks_tls_end_to_end(lab: Lab) -> None:
    """The certificate that the client sees is the pod's own: nobody sits in between."""
    command = ("openssl", "s_client", "-connect", "vault:8443", "-CAfile", AUTHORITY, "-verify_return_error")
    done = lab.run(CHECKOUT, command)
    assert done.returncode == 0
    assert "subject=O = cdefence lab, CN = vault" in done.stdout.decode().replace("O=", "O = ").replace(
        "CN=", "CN = "
    )


def test_a_policy_opens_a_path_while_the_sidecar_runs_and_closes_it_again(lab: Lab) -> None:
    acquirer = """\
apiVersion: cdefence.io/v1
kind: Policy
segmentation:
  - {from: in-scope, to: external, ports: [8443], action: allow, why: "acquirer API"}
"""
    call = ("curl", "-sS", "--cacert", AUTHORITY, "https://internet:8443/authorise")
    assert lab.run(CHECKOUT, call).returncode != 0
    lab.apply_policy(CHECKOUT, acquirer)
    try:
        assert lab.run(CHECKOUT, call).stdout == b"GET /authorise\n\n"
        assert lab.run(CHECKOUT, ("curl", "-sS", "http://internet:8080/")).returncode != 0
    finally:
        lab.apply_policy(CHECKOUT)
    assert lab.run(CHECKOUT, call).returncode != 0


def test_the_firewall_stays_when_the_sidecar_goes(lab: Lab) -> None:
    lab.stop_sidecar(SHOP)
    try:
        for call in (
            ("curl", "-sS", "http://internet:8080/"),
            ("curl", "-sS", "-6", "http://internet:8080/"),
        ):
            assert lab.run(SHOP, call).returncode == 7
    finally:
        lab.start_sidecar(SHOP)
    assert lab.run(SHOP, ("curl", "-sS", "http://internet:8080/")).returncode == 0
