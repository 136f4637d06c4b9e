"""What becomes of content: answers instead of blocked messages, resets where no answer can be, nothing that leaks."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection

from sidecar.lab.samples import AMEX, VISA, VISA_PRINTED
from tests.net.netns import lab
from tests.relay.sidecar import Room, Sidecar, Way, eventually, policy, python, sidecar
from tests.relay.sockets import EOF, MB, RESET, ending, exactly, shut

pytestmark = lab

CARD = f"card={VISA}".encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(body: bytes, *fields: bytes) -> bytes:
    """A request with a body."""
    head = (b"POST /pay HTTP/1.1", b"Host: shop", b"Content-Length: %d" % len(body), *fields)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def get(path: bytes = b"/") -> bytes:
    """A request without one."""
    return b"GET %b HTTP/1.1\r\nHost: shop\r\n\r\n" % path


def answered(heard: bytes) -> tuple[int, dict[str, str]]:
    """Status and document of an answer of ours, which must be complete to the byte."""
    head, _, body = heard.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert int(fields["content-length"]) == len(body)
    assert fields["connection"] == "close"
    return int(lines[0].split(" ")[1]), json.loads(body)


@pytest.fixture(params=["inbound", "outbound"])
def way(request: pytest.FixtureRequest, side: Sidecar) -> Way:
    return getattr(side, request.param)()


# --- HTTP/2 without TLS --------------------------------------------------------------------------------------------


def http2(body: bytes) -> bytes:
    """What a client of HTTP/2 says that knows its server (gRPC does): one request with a body."""
    client = H2Connection()
    client.initiate_connection()
    head = [(":method", "POST"), (":path", "/pay"), (":scheme", "http"), (":authority", "shop")]
    client.send_headers(1, head)
    client.send_data(1, body, end_stream=True)
    return bytes(client.data_to_send())


def test_http2_without_tls_passes_and_is_read_as_a_stream(way: Way) -> None:
    with way.open() as (client, server):
        said = http2(b"two books, one pen")
        client.sendall(said)
        assert exactly(server, len(said)) == said
    with way.open() as (client, server):
        client.sendall(http2(CARD + b" "))
        assert ending(client) == (b"", RESET)
        heard, end = ending(server)
        assert end == RESET
        assert VISA[:7].encode() not in heard


# --- blocked requests ----------------------------------------------------------------------------------------------


def test_a_blocked_request_is_answered_and_the_events_name_the_incident(way: Way, side: Sidecar) -> None:
    watch = side.watch()
    with way.open() as (client, server):
        client.sendall(post(CARD))
        heard, end = ending(client)
        assert ending(server) == (b"", RESET)
        client.close()
    status, document = answered(heard)
    assert (status, end) == (403, EOF)
    assert (document["reason"], document["pattern"]) == ("pan_in_cleartext", "pci/pan")
    told = eventually(lambda: watch.events()[1:] and watch.events())
    assert {event["metadata"]["correlation_uid"] for event in told} == {document["incident"]}
    assert watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"]
    assert watch.moved("cdefence_blocked_flows_total", reason="pan_in_cleartext") == 1
    assert watch.moved("cdefence_dlp_findings_total", detector="pci/pan", action="block") == 1
    eventually(lambda: watch.flows("blocked", "pan_in_cleartext", protocol="http1") == 1)


def test_the_answer_is_whole_although_the_client_has_megabytes_still_to_send(side: Sidecar) -> None:
    """A reset while unread data waits would take the answer from the client."""
    with side.inbound().open() as (client, server):
        client.sendall(post(CARD + bytes(8 * MB))[: 4 * MB])
        client.sendall(bytes(4 * MB))
        heard, end = ending(client)
        assert ending(server)[1] == RESET
    assert (answered(heard)[0], end) == (403, EOF)


def test_the_answer_is_whole_for_a_client_that_uploads_slowly_and_reads_last(side: Sidecar) -> None:
    """Longer than any fixed time to linger: what counts is that the client goes on."""
    with side.inbound().open() as (client, _):
        client.sendall(post(CARD + bytes(MB))[: MB // 2])
        begun = time.monotonic()
        while time.monotonic() - begun < 3.0:
            client.sendall(bytes(1024))
            time.sleep(0.05)  # the client is slow: that is what is tested
        heard, end = ending(client)
    assert (answered(heard)[0], end) == (403, EOF)


def test_the_answer_is_whole_for_a_client_that_ended_its_side(side: Sidecar) -> None:
    with side.inbound().open() as (client, _):
        client.sendall(post(CARD))
        shut(client)
        heard, end = ending(client)
    assert (answered(heard)[0], end) == (403, EOF)


def test_the_answer_comes_behind_all_of_the_response_before_it(side: Sidecar) -> None:
    """The client has not read its first answer yet when its second request is blocked."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n"
    first = head + bytes(16_000)  # one read of the proxy, and more than a client with a small window takes
    watch = side.watch()
    with side.inbound().open() as (client, server):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(get())
        assert exactly(server, len(get()))
        server.sendall(first)
        eventually(lambda: watch.moved("cdefence_inspected_bytes_total") == len(get()) + len(first))
        client.sendall(post(CARD))
        shut(client)
        heard, end = ending(client)
    assert heard[: len(first)] == first
    assert (answered(heard[len(first) :])[0], end) == (403, EOF)


def test_no_answer_while_an_earlier_request_waits_for_its_own(way: Way, side: Sidecar) -> None:
    """It would be taken for the answer to the earlier request (RFC 9112 9.3.2)."""
    watch = side.watch()
    with way.open() as (client, server):
        client.sendall(get())
        assert exactly(server, len(get())) == get()
        client.sendall(post(CARD))
        assert ending(client) == (b"", RESET)
        assert ending(server) == (b"", RESET)
    eventually(lambda: watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"])


def test_pipelined_behind_a_good_request_it_does_not_arrive(side: Sidecar) -> None:
    with side.inbound().open() as (client, server):
        client.sendall(get() + post(CARD))
        assert ending(client) == (b"", RESET)
        heard, end = ending(server)
    assert end == RESET
    assert get().startswith(heard)


def test_the_upstream_never_gets_a_blocked_request_whole(side: Sidecar) -> None:
    """Head and body come apart, so the head has left when the body is found."""
    request = post(b"x" * 1000 + CARD)
    with side.inbound().open() as (client, server):
        client.sendall(request[:200])
        client.sendall(request[200:-8])
        client.sendall(request[-8:])
        heard, end = ending(server)
        assert answered(ending(client)[0])[0] == 403
    assert end == RESET
    assert len(heard) < len(request)
    assert VISA[:7].encode() not in heard


# --- blocked responses ---------------------------------------------------------------------------------------------


def test_a_blocked_response_is_replaced(way: Way, side: Sidecar) -> None:
    watch = side.watch()
    with way.open() as (client, server):
        client.sendall(get())
        assert exactly(server, len(get()))
        server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CARD))
        server.sendall(CARD)
        heard, end = ending(client)
    status, document = answered(heard)
    assert (status, end) == (502, EOF)
    assert document["reason"] == "pan_in_cleartext"
    told = eventually(lambda: watch.events()[1:] and watch.events())
    assert {event["metadata"]["correlation_uid"] for event in told} == {document["incident"]}


def test_a_response_that_has_begun_is_cut_off(side: Sidecar) -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"y" * 50_000
    with side.inbound().open() as (client, server):
        client.sendall(get())
        assert exactly(server, len(get()))
        server.sendall(begun)
        assert exactly(client, 40_000)
        server.sendall(b"\n" + CARD + b"\n" + bytes(100))
        heard, end = ending(client)
    assert end == RESET
    assert VISA[:7].encode() not in heard


# --- tunnels -------------------------------------------------------------------------------------------------------

UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
CONNECT = b"CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.mark.parametrize(
    ("ask", "agree"), [(UPGRADE, SWITCHED), (CONNECT, CONNECTED)], ids=["upgrade", "connect"]
)
def test_a_tunnel_passes_both_ways_and_is_still_inspected(side: Sidecar, ask: bytes, agree: bytes) -> None:
    frame = b"\x82\x05hello"
    with side.inbound().open() as (client, server):
        client.sendall(ask)
        assert exactly(server, len(ask)) == ask
        server.sendall(agree)
        assert exactly(client, len(agree)) == agree
        client.sendall(frame)
        assert exactly(server, len(frame)) == frame
        server.sendall(frame)
        assert exactly(client, len(frame)) == frame
        client.sendall(b"\x82\x20 " + CARD + b" \n" + bytes(100))
        assert ending(client) == (b"", RESET)  # an HTTP answer would be nonsense in a tunnel
        assert VISA[:7].encode() not in ending(server)[0]


# --- opaque --------------------------------------------------------------------------------------------------------


def test_a_message_that_ends_in_digits_without_a_line_end_is_answered(side: Sidecar) -> None:
    """Both sides wait for each other: the held tail must leave although nothing follows it."""
    with side.inbound().open() as (client, server):
        for question, answer in ((b"GET order 411111", b"status 4"), (b"\0\0\0\x09ref 55551", b"5105 1051")):
            client.sendall(question)
            assert exactly(server, len(question)) == question
            server.sendall(answer)
            assert exactly(client, len(answer)) == answer


@pytest.mark.parametrize(
    ("number", "digits"),
    [(VISA, 12), (VISA_PRINTED, 12), (AMEX, 12), ("3782 822463 10005", 13)],
    ids=["plain", "printed", "amex", "amex printed"],
)
def test_a_number_that_drips_gives_away_what_cannot_be_a_whole_number_yet(
    side: Sidecar, number: str, digits: int
) -> None:
    """Each pause releases what came, until that has the shape of a number; from then on nothing leaves any more.

    The shape begins with the thirteenth digit, in groups of 4-6-5 with the fourteenth.
    """
    watch = side.watch()
    with side.inbound().open() as (client, server):
        client.sendall(b"no: ")
        assert exactly(server, 4) == b"no: "
        heard = ""
        while sum(map(str.isdigit, heard)) < digits:
            drop = number[len(heard)].encode()
            client.sendall(drop)
            assert exactly(server, 1) == drop
            heard += drop.decode()
        for rest in number[len(heard) :].encode():
            client.sendall(bytes([rest]))
            time.sleep(0.1)  # the drip itself
        assert ending(client) == (b"", RESET)
        left, end = ending(server)
    assert end == RESET
    assert left.strip() == b""  # at most the space between two groups
    eventually(lambda: watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"])


# --- TLS that is none ------------------------------------------------------------------------------------------------

HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) + b"\0\0\2\x13\1\1\0" + bytes(0x99)


def test_a_disguise_as_tls_ends_with_the_first_clear_answer(way: Way, side: Sidecar) -> None:
    watch = side.watch()
    with way.open() as (client, server):
        client.sendall(HELLO)
        assert exactly(server, len(HELLO)) == HELLO
        server.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + CARD)
        assert ending(client) == (b"", RESET)
        assert ending(server) == (b"", RESET)
    eventually(lambda: watch.told() == ["blocked:fake_tls"])
    assert watch.flows("blocked", "fake_tls", protocol="tls") == 1


# --- the engine fails ------------------------------------------------------------------------------------------------

SABOTAGE = """
from sidecar.match import hs
def fail(self, *_):
    raise hs.EngineError("sabotaged by a test")
hs.HyperscanMatcher.once = hs.HyperscanMatcher.more = fail
"""


@pytest.fixture(scope="module")
def broken(here: Room) -> Iterator[Sidecar]:
    """A sidecar whose engine always fails."""
    with sidecar(here, program=python(SABOTAGE)) as made:
        yield made


@pytest.mark.parametrize(
    "first", [b"hello\n", get(), post(b"x=1"), post(b"x=1")[:-1]], ids=["opaque", "head", "whole", "part"]
)
def test_an_engine_that_fails_denies(broken: Sidecar, first: bytes) -> None:
    watch = broken.watch()
    with broken.inbound().open() as (client, server):
        client.sendall(first)
        assert ending(client) == (b"", RESET)
        assert ending(server) == (b"", RESET)
    eventually(lambda: watch.told() == ["blocked:engine_error"])
    assert watch.moved("cdefence_blocked_flows_total", reason="engine_error") == 1


def test_an_engine_that_fails_on_an_answer_denies(broken: Sidecar) -> None:
    with broken.inbound().open() as (client, server):
        server.sendall(b"220 hello\r\n")
        assert ending(client) == (b"", RESET)
        assert ending(server) == (b"", RESET)


def test_in_monitor_mode_an_engine_that_fails_is_told_and_counted(here: Room) -> None:
    with sidecar(here, {"MODE": "monitor"}, program=python(SABOTAGE)) as side:
        watch = side.watch()
        with side.inbound().open() as (client, server):
            client.sendall(b"hello\n")
            assert exactly(server, 6) == b"hello\n"
            client.sendall(b"again\n")
            shut(client)
            assert ending(server) == (b"again\n", EOF)
            server.close()
            assert ending(client) == (b"", EOF)
        eventually(lambda: watch.moved("cdefence_uninspected_bytes_total", reason="engine_error") == 12)
        assert watch.told() == ["would_deny:engine_error"]


# --- masking and monitoring ----------------------------------------------------------------------------------------


def test_what_the_policy_masks_arrives_masked(here: Room) -> None:
    files = {"policy.yaml": policy("dlp:", "  - {class: test_pan, action: mask}")}
    with sidecar(here, files=files) as side, side.inbound().open() as (client, server):
        watch = side.watch()
        client.sendall(b"pay " + VISA.encode() + b" now\n")
        assert exactly(server, 25) == b"pay 411111******1111 now\n"
        eventually(lambda: watch.told() == ["pci/pan:mask"])


def test_monitor_mode_changes_nothing_and_says_what_it_would_do(here: Room) -> None:
    files = {"policy.yaml": policy("mode: monitor")}
    with sidecar(here, files=files) as side, side.inbound().open() as (client, server):
        watch = side.watch()
        request = post(CARD)
        client.sendall(request)
        assert exactly(server, len(request)) == request
        server.sendall(OK)
        assert exactly(client, len(OK)) == OK
        eventually(lambda: watch.told() == ["pci/pan:alert"])


def test_a_client_that_paused_is_left_alone(here: Room) -> None:
    """A beginning that could still become anything is looked at once, and not again before there is more of it."""
    files = {"policy.yaml": policy("dlp:", "  - {class: test_pan, action: mask}")}
    with sidecar(here, {"RELOAD_S": "60"}, files=files) as side, side.inbound().open() as (client, server):
        client.sendall(b"GET /" + VISA.encode() + b" ")
        eventually(lambda: side.value("cdefence_scan_duration_seconds_count"))
        woken, until = int(side.status("voluntary_ctxt_switches")), time.monotonic() + 1.0
        while time.monotonic() < until:  # a second in which nothing happens
            assert int(side.status("voluntary_ctxt_switches")) - woken < 20
        client.sendall(b"HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"GET /411111******1111 HTTP/1.1" in exactly(server, 30)
