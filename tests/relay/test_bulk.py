"""Much data: nothing is lost, memory stays bounded while a reader is slow, and TLS passes inside the kernel."""

import hashlib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sidecar.core.scopes import PeerClass
from sidecar.lab import certs
from sidecar.lab.topology import Pod
from tests.net.netns import lab
from tests.relay.sidecar import PATIENCE, POD, Room, Sidecar, eventually, sidecar
from tests.relay.sockets import MB, digest_of, exactly, noise, shut, stalled
from tests.relay.test_content import HELLO

pytestmark = lab

OFFERED = 200
"""Megabytes."""
SERVER_HELLO = bytes.fromhex("160303007a0200007603 03") + bytes(32) + b"\0\x13\1\0" + bytes(0x7A - 42)


def opaque(client: socket.socket, server: socket.socket) -> None:
    client.sendall(b"LOAD\n")
    assert exactly(server, 5)


def http(client: socket.socket, server: socket.socket) -> None:
    head = b"PUT /big HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (OFFERED * MB)
    client.sendall(head)
    assert exactly(server, len(head))


def tls(client: socket.socket, server: socket.socket) -> None:
    client.sendall(HELLO)
    assert exactly(server, len(HELLO))
    server.sendall(SERVER_HELLO)
    assert exactly(client, len(SERVER_HELLO))


def test_a_body_digit_by_digit_leaves_the_others_their_turn(side: Sidecar) -> None:
    body = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    way, rounds = side.inbound(), 0
    with way.open() as (costly, sink), way.open() as (client, server), ThreadPoolExecutor() as pool:
        sending = pool.submit(costly.sendall, head + body)
        arriving = pool.submit(exactly, sink, len(head + body))
        while not arriving.done():
            client.sendall(b"ping\n")
            assert exactly(server, 5) == b"ping\n"
            rounds += 1
        sending.result()
    assert rounds > 20  # one connection that took all the time there is would leave a handful


@pytest.mark.parametrize("begin", [opaque, http, tls])
def test_a_slow_reader_stalls_the_sender_and_costs_no_memory(
    side: Sidecar, begin: Callable[[socket.socket, socket.socket], None]
) -> None:
    def send(client: socket.socket) -> str:
        digest = hashlib.sha256()
        for piece in noise(OFFERED):
            client.sendall(piece)
            digest.update(piece)
        return digest.hexdigest()

    with side.inbound().open() as (client, server), ThreadPoolExecutor() as pool:
        begin(client, server)
        before = side.rss
        client.settimeout(PATIENCE)
        sending = pool.submit(send, client)
        eventually(lambda: stalled(client))
        assert not sending.done()
        grown = side.rss - before
        assert digest_of(server, OFFERED * MB) == sending.result()
        print(f"\n{begin.__name__}: {grown / MB:.1f} MB more while {OFFERED} MB were offered")
        assert grown < 16 * MB
        assert side.rss - before < 16 * MB


# --- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The client's and the server's side of TLS with a certificate of our own."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = certs.make_authority(folder)
    certs.make_server(folder, Pod("pod", POD[4], POD[6], PeerClass.IN_SCOPE), authority, 0)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return ssl.create_default_context(cafile=str(authority)), server


AMOUNT = 64
"""Megabytes each way, encrypted."""


def exchange(side: Sidecar, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Send and receive under TLS; what arrives is what was sent."""
    ours, theirs = contexts

    def serve(raw: socket.socket) -> str:
        with theirs.wrap_socket(raw, server_side=True) as server:
            digest = digest_of(server, AMOUNT * MB)
            for piece in noise(AMOUNT, seed=2):
                server.sendall(piece)
            return digest

    with side.inbound().open() as (client, server), ThreadPoolExecutor() as pool:
        serving = pool.submit(serve, server)
        with ours.wrap_socket(client, server_hostname=POD[4]) as secure:
            for piece in noise(AMOUNT):
                secure.sendall(piece)
            received = digest_of(secure, AMOUNT * MB)
        assert serving.result() == hashlib.sha256(b"".join(noise(AMOUNT))).hexdigest()
        assert received == hashlib.sha256(b"".join(noise(AMOUNT, seed=2))).hexdigest()


@pytest.mark.parametrize("splice", ["true", "false"])
def test_tls_passes_and_is_counted_as_encrypted(
    here: Room, contexts: tuple[ssl.SSLContext, ssl.SSLContext], splice: str
) -> None:
    """Whether the bytes entered the process is told by the number of looks: none, where the kernel moved them."""
    with sidecar(here, {"SPLICE": splice}) as side:
        watch = side.watch()
        exchange(side, contexts)
        eventually(lambda: watch.flows("allowed", "grid", protocol="tls") == 1)
        assert watch.moved("cdefence_uninspected_bytes_total", reason="encrypted") > 2 * AMOUNT * MB
        assert watch.moved("cdefence_inspected_bytes_total") < 2**11, "only the ClientHello is looked at"
        looks = watch.moved("cdefence_scan_duration_seconds_count")
        print(f"\nsplice {splice}: {looks:.0f} reads came to the process")
        assert looks < 20 if splice == "true" else looks > 2 * AMOUNT * MB / (256 * 1024)
        assert watch.told() == []


def test_a_spliced_connection_half_closes(side: Sidecar) -> None:
    with side.inbound().open() as (client, server):
        tls(client, server)
        client.sendall(b"\x17\3\3\0\1x")
        shut(client)
        assert exactly(server, 6) == b"\x17\3\3\0\1x"
        assert server.recv(1) == b""
        server.sendall(b"\x17\3\3\0\1y")
        server.close()
        assert exactly(client, 7) == b"\x17\3\3\0\1y"


def test_pipes_run_out_and_nothing_is_lost(here: Room) -> None:
    """Descriptors are needed for a moment only; who finds none left waits for them."""
    with sidecar(here) as side, side.inbound().open() as (client, server):
        tls(client, server)
        client.settimeout(PATIENCE)
        side.descriptors(3)
        client.sendall(b"\x17\3\3\x40\0" + bytes(0x4000))
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            exactly(server, 1)
        side.descriptors(1000)
        server.settimeout(PATIENCE)
        assert len(exactly(server, 5 + 0x4000)) == 5 + 0x4000
