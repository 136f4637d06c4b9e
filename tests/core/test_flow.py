"""Both directions of one connection, told as transcripts: what it speaks, what is answered, what may be answered."""

import gzip

import pytest

from sidecar.core.findings import Action, Channel
from sidecar.core.flow import Flow
from sidecar.core.policy import DlpRule, Policy
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Mode
from tests.kit.cuts import bytewise
from tests.kit.engines import MASK_ALL, flow
from tests.kit.script import (
    Answer,
    Blocked,
    ClientClosed,
    ClientPaused,
    Found,
    Payload,
    Released,
    Reported,
    ServerClosed,
    ServerPaused,
    script,
)
from tests.kit.tls import client_hello, server_alert, server_hello

VISA = b"4111111111111111"
SHOWN = "411111******1111"


def post(body: bytes, *fields: bytes) -> tuple[bytes, bytes]:
    """The head and the body of a request."""
    return b"\r\n".join([b"POST / HTTP/1.1", b"Content-Length: %d" % len(body), *fields, b"", b""]), body


def test_a_card_split_across_two_reads():
    assert (
        script(flow())
        >> Payload(b"\x00card: 41111111")
        << Released(b"\x00card: 4111")  # four digits could begin a record: number|date|code
        >> Payload(b"11111111;")
        >> ClientClosed()
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )


def test_what_follows_a_number_tells_as_much_as_what_precedes_it():
    beginning_of_an_id = b"\x00id=" + VISA
    assert (
        script(flow())
        >> Payload(beginning_of_an_id)
        << Released(b"\x00id=411111")
        >> Payload(b"a3ce929d0e0e4736" + b" " * 64)
        << Released(b"1111111111a3ce929d0e0e4736" + b" " * 64)
    )


def test_a_compressed_body_is_opened_when_it_arrives_behind_its_head():
    head, body = post(gzip.compress(b"card=%b;" % VISA, mtime=0), b"Content-Encoding: gzip")
    assert (
        script(flow())
        >> Payload(head)
        << Released(head)
        >> Payload(body)
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )


class TestAnswerable:
    """A blocked request can be answered with 403 unless earlier requests still wait for their responses."""

    def test_however_head_and_body_arrive(self):
        head, body = post(b"card=" + VISA)
        for pieces in ([head + body], [head, body], [head[:9], head[9:], body[:9], body[9:]]):
            one = flow()
            steps = [one.client.feed(piece) for piece in pieces]
            assert steps[-1].verdict is not None
            assert one.request_answerable

    def test_however_a_malformed_head_arrives(self):
        for wire in (
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc",
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            for pieces in ([wire], [wire[:20], wire[20:]], [wire[:-1], wire[-1:]]):
                one = flow()
                last = [one.client.feed(piece) for piece in pieces][-1]
                assert last.verdict is not None
                assert last.verdict.reason is Reason.MALFORMED_HTTP
                assert one.request_answerable

    def test_not_while_an_earlier_request_waits(self):
        one = flow()
        one.client.feed(b"GET /slow HTTP/1.1\r\n\r\n")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert not one.request_answerable

    def test_not_while_an_earlier_response_is_under_way(self):
        one = flow()
        one.client.feed(b"GET /slow HTTP/1.1\r\n\r\n")
        one.server.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert not one.request_answerable

    def test_again_when_the_response_is_complete(self):
        one = flow()
        for _ in range(2):
            one.client.feed(b"GET /quick HTTP/1.1\r\n\r\n")
            one.server.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
            one.server.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert one.request_answerable

    def test_not_into_a_tunnel(self):
        one = flow()
        one.client.feed(b"CONNECT bank:443 HTTP/1.1\r\n\r\n")
        one.server.feed(b"HTTP/1.1 200 OK\r\n\r\n")
        one.client.feed(b"\n%b;" % VISA + b" " * 200)
        assert not one.request_answerable

    def test_not_when_it_is_no_http(self):
        one = flow()
        one.client.feed(b"\n%b;" % VISA + b" " * 200)
        assert not one.request_answerable

    def test_not_when_the_server_spoke_first(self):
        one = flow()
        one.server.feed(b"220 hello\r\n")
        one.client.feed(b"GET / HTTP/1.1\r\n\r\n")
        assert not one.request_answerable

    def test_after_an_interim_response(self):
        head, body = post(b"card=" + VISA, b"Expect: 100-continue")
        one = flow()
        one.client.feed(head)
        one.server.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert one.client.feed(body).verdict is not None
        assert one.request_answerable


def test_between_messages_nothing_is_open():
    """Where a connection can be closed without cutting anything short."""
    head, body = post(b"hello")
    one = flow()
    asked, answered = (
        [head[:9], head[9:], body],
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            b"hel",
            b"lo",
        ],
    )
    seen = []
    for piece in asked:
        one.client.feed(piece)
        seen.append(one.between_messages)
    for piece in answered:
        one.server.feed(piece)
        seen.append(one.between_messages)
    assert seen == [False] * 6 + [True]


# --- what a connection turns out to be ------------------------------------------------------------------------------------


def spoken(first: list[tuple[str, bytes]]) -> Flow:
    """A flow in which these bytes were said, all of which passed."""
    one = flow()
    for side, data in first:
        step = one.client.feed(data) if side == "client" else one.server.feed(data)
        assert step.verdict is None
    return one


CONVERSATIONS: dict[str, tuple[list[tuple[str, bytes]], Channel]] = {
    "SMTP": ([("server", b"220 mail ESMTP\r\n"), ("client", b"EHLO shop\r\n"), ("server", b"250 ok\r\n")], Channel.OPAQUE),
    "MySQL": ([("server", b"\x4a\x00\x00\x00\x0a8.0.36\x00"), ("client", b"\x20\x00\x00\x01\x85\xa6")], Channel.OPAQUE),
    "SSH, server first": ([("server", b"SSH-2.0-x\r\n"), ("client", b"SSH-2.0-y\r\n")], Channel.OPAQUE),
    "SSH, client first": ([("client", b"SSH-2.0-y\r\n"), ("server", b"SSH-2.0-x\r\n")], Channel.OPAQUE),
    "Redis": ([("client", b"*1\r\n$4\r\nPING\r\n"), ("server", b"+PONG\r\n")], Channel.OPAQUE),
    "Postgres": ([("client", b"\x00\x00\x00\x08\x04\xd2\x16\x2f"), ("server", b"N")], Channel.OPAQUE),
    "HTTP": ([("client", b"GET / HTTP/1.1\r\n\r\n"), ("server", b"HTTP/1.1 204 x\r\n\r\n")], Channel.HTTP1),
    "HTTP/0.9": ([("client", b"GET /\r\n"), ("server", b"<p>hello</p>")], Channel.OPAQUE),
    "TLS": ([("client", client_hello()), ("server", server_hello())], Channel.TLS),
    "TLS, refused": ([("client", client_hello()), ("server", server_alert())], Channel.TLS),
    "TLS inside what the server began": ([("server", b"220 go ahead\r\n"), ("client", client_hello())], Channel.OPAQUE),
    "a server that speaks, a client that does not": ([("server", b"hello\n")], Channel.UNDECIDED),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations(said: list[tuple[str, bytes]], expected: Channel) -> None:
    one = spoken(said)
    assert one.channel is expected
    assert one.encrypted is (expected is Channel.TLS)


@pytest.mark.parametrize(
    "name", [name for name, (_, channel) in CONVERSATIONS.items() if channel is Channel.OPAQUE]
)
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_card_number_is_found_whatever_is_spoken(name: str, side: str) -> None:
    one = spoken(CONVERSATIONS[name][0])
    step = (one.client if side == "client" else one.server).feed(b"\n" + VISA + b";" + b" " * 200)
    assert step.verdict is not None


def test_a_server_that_speaks_first_is_inspected_too():
    assert (
        script(flow())
        >> Answer(b"220 " + VISA + b"\r\n")
        >> ServerPaused()
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )


class TestUndecided:
    """The client pauses before it has said what it speaks."""

    def test_a_request_byte_by_byte_with_pauses_is_still_http(self):
        """And a number in pieces of its chunks, none of which looks like anything, is found in its body."""
        one = flow()
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        out = b""
        for byte in bytewise(head):
            out += one.client.feed(byte).release + one.client_idle().release
        assert out == head
        assert one.channel is Channel.HTTP1
        steps = [
            one.client.feed(piece) for piece in (b"8\r\n41111111\r\n", b"8;x\r\n11111111\r\n", b"0\r\n\r\n")
        ]
        assert steps[-1].verdict is not None
        assert steps[-1].verdict.reason is Reason.PAN_IN_CLEARTEXT

    def test_what_the_client_sent_is_released_in_a_pause_and_not_twice(self):
        assert (
            script(flow())
            >> Payload(b"GE")
            >> ClientPaused()
            << Released(b"GE")
            >> ClientPaused()
            >> Payload(b"T / HT")
            >> ClientPaused()
            << Released(b"T / HT")
            >> Payload(b"TP/1.1\r\n\r\n")
            << Released(b"TP/1.1\r\n\r\n")
        )

    def test_a_pause_with_a_card_number_in_the_target(self):
        assert (
            script(flow())
            >> Payload(b"GET /?c=" + VISA)
            >> ClientPaused()
            << Found("pci/pan", SHOWN)
            << Blocked(Reason.PAN_IN_CLEARTEXT)
        )

    def test_a_number_that_goes_on_after_the_pause(self):
        assert (
            script(flow())
            >> Payload(b"GET /?c=411111111")
            >> ClientPaused()
            << Released(b"GET /?c=411111111")
            >> Payload(b"1111111 HTTP/1.1\r\n\r\n")
            << Found("pci/pan", SHOWN)
            << Blocked(Reason.PAN_IN_CLEARTEXT)
        )

    def test_what_has_left_cannot_be_masked(self):
        for rest in (b"1111111 HTTP/1.1\r\n\r\n", b"1111111 ok\n" + b" " * 200):
            one = flow(policy=MASK_ALL)
            one.client.feed(b"GET /?c=411111111")
            assert one.client_idle().release == b"GET /?c=411111111"
            step = one.client.feed(rest)
            assert step.verdict is not None
            assert step.release == b""

    def test_what_has_not_left_can(self):
        assert (
            script(flow(policy=MASK_ALL))
            >> Payload(b"GET /?c")
            >> ClientPaused()
            << Released(b"GET /?c")
            >> Payload(b"=" + VISA + b" HTTP/1.1\r\n\r\n")
            << Released(b"=" + SHOWN.encode() + b" HTTP/1.1\r\n\r\n")
            << Found("pci/pan", SHOWN)
        )

    def test_to_mask_is_to_decide_unless_it_could_be_a_request(self):
        one = flow(policy=MASK_ALL)
        one.client.feed(VISA)
        assert one.client_idle().release == SHOWN.encode()
        assert one.channel is Channel.OPAQUE
        waits = flow(policy=MASK_ALL)
        waits.client.feed(b"GET /?c=" + VISA)
        assert waits.client_idle().release == b""
        assert (
            waits.client.feed(b" HTTP/1.1\r\n\r\n").release
            == b"GET /?c=" + SHOWN.encode() + b" HTTP/1.1\r\n\r\n"
        )

    def test_nothing_leaves_that_the_rules_for_http_would_stop(self):
        """A file may say less about opaque streams than about HTTP, and this could be either."""
        policy = Policy(dlp=(DlpRule("opaque", Action.ALLOW, channel=Channel.OPAQUE),))
        one = flow(policy=policy)
        one.client.feed(b"GET /?c=" + VISA)
        assert one.client_idle().release == b""
        assert one.client.feed(b" HTTP/1.1\r\n\r\n").verdict is not None
        plain = flow(policy=policy)
        plain.client.feed(b"GET /?c=" + VISA)
        plain.client_idle()
        assert plain.client.feed(b"\n").release == b"GET /?c=" + VISA + b"\n"

    def test_a_client_that_ends_without_a_line_end(self):
        assert script(flow()) >> Payload(b"hello") >> ClientClosed() << Released(b"hello")
        assert (
            script(flow())
            >> Payload(b"card " + VISA)
            >> ClientClosed()
            << Released(b"card 411111")
            << Found("pci/pan", SHOWN)
            << Blocked(Reason.PAN_IN_CLEARTEXT)
        )

    def test_a_request_whose_lines_end_with_bare_returns(self):
        assert (
            script(flow())
            >> Payload(b"POST / HTTP/1.1\rTransfer-Encoding: chunked\r\r8\r41111111\r8\r11111111\r0\r\r")
            << Blocked(Reason.MALFORMED_HTTP)
        )

    def test_a_client_that_ends_in_what_could_be_a_request(self):
        assert (
            script(flow()) >> Payload(b"post / HTTP/1.1") >> ClientClosed() << Blocked(Reason.MALFORMED_HTTP)
        )

    def test_a_client_that_says_nothing(self):
        assert script(flow()) >> ClientPaused() >> ClientClosed() >> ServerClosed()


class TestTls:
    """Both sides have to prove that they speak TLS."""

    def test_both_do(self):
        one = flow()
        hello, answer = client_hello(), server_hello()
        assert one.client.feed(hello).release == hello
        assert not one.encrypted
        assert one.server.feed(answer[:7]).release == b""
        assert one.server.feed(answer[7:]).release == answer
        assert one.encrypted
        assert one.client.feed(VISA).release == VISA
        assert one.client.uninspected == {Reason.ENCRYPTED: len(VISA)}, "the hello was looked at"
        assert one.server.uninspected == {Reason.ENCRYPTED: len(answer)}

    def test_until_the_server_has_answered_the_client_is_looked_at(self):
        """A listener that never answers would get everything behind a ClientHello in clear."""
        assert (
            script(flow())
            >> Payload(client_hello())
            << Released(client_hello())
            >> Payload(b"card=" + VISA)
            << Released(b"card=411111")
            >> ClientClosed()
            << Found("pci/pan", SHOWN)
            << Blocked(Reason.PAN_IN_CLEARTEXT)
        )

    def test_early_data_that_ends_like_a_number_is_not_lost(self):
        one, hello = flow(), client_hello()
        early = hello + b"\x17\x03\x03\x00\x0841111111"
        first = one.client.feed(early).release
        assert one.waiting
        one.server.feed(server_hello())
        assert not one.encrypted
        assert first + one.client.feed(VISA).release == early + VISA
        assert one.encrypted
        assert not one.waiting

    def test_a_clear_text_answer_to_a_client_hello_is_a_disguise(self):
        assert (
            script(flow())
            >> Payload(client_hello())
            << Released(client_hello())
            >> Answer(b"HTTP/1.1 200 OK\r\n\r\n")
            << Blocked(Reason.FAKE_TLS)
        )

    def test_one_byte_is_enough_if_it_is_wrong(self):
        assert (
            script(flow())
            >> Payload(client_hello())
            << Released(client_hello())
            >> Answer(b"\x16")
            >> Answer(b"\x17")
            << Blocked(Reason.FAKE_TLS)
        )

    def test_half_an_answer_is_none(self):
        assert (
            script(flow())
            >> Payload(client_hello())
            << Released(client_hello())
            >> Answer(server_hello()[:9])
            >> ServerClosed()
            << Blocked(Reason.FAKE_TLS)
        )

    def test_no_answer_is_no_disguise(self):
        assert (
            script(flow())
            >> Payload(client_hello())
            << Released(client_hello())
            >> ServerClosed()
            >> ClientClosed()
        )

    def test_monitor_mode_reports_and_goes_on_looking(self):
        wire = b"220 " + VISA + b";" + b" " * 200
        assert (
            script(flow(Mode.MONITOR))
            >> Payload(client_hello())
            << Released(client_hello())
            >> Answer(wire)
            << Released(wire)
            << Found("pci/pan", SHOWN)
            << Reported(Reason.FAKE_TLS)
        )

    def test_a_client_hello_in_pieces_with_pauses(self):
        one, hello = flow(), client_hello()
        out = b""
        for piece in (hello[:1], hello[1:3], hello[3:10], hello[10:]):
            out += one.client.feed(piece).release + one.client_idle().release
        assert out == hello
        assert one.channel is Channel.TLS
