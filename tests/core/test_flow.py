"""Both directions of one connection, told as transcripts: what it speaks, what is answered, what may be answered."""

import gzip

from sidecar.core.reasons import Reason
from tests.kit.engines import flow
from tests.kit.script import (
    Blocked,
    ClientClosed,
    Found,
    Payload,
    Released,
    script,
)

VISA = b"4111111111111111"
SHOWN = "411111******1111"


def post(body: bytes, *fields: bytes) -> tuple[bytes, bytes]:
    """The head and the body of a request."""
    return b"\r\n".join([b"POST / HTTP/1.1", b"Content-Length: %d" % len(body), *fields, b"", b""]), body


def test_a_card_split_across_two_reads():
    assert (
        script(flow())
        >> Payload(b"\x00card=41111111")
        << Released(b"\x00card=411111")
        >> Payload(b"11111111;")
        >> ClientClosed()
        << Found("pci.pan", SHOWN)
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
        << Found("pci.pan", SHOWN)
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
            assert not one.request_pending

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
                assert not one.request_pending

    def test_not_while_an_earlier_request_waits(self):
        one = flow()
        one.client.feed(b"GET /slow HTTP/1.1\r\n\r\n")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert one.request_pending

    def test_not_while_an_earlier_response_is_under_way(self):
        one = flow()
        one.client.feed(b"GET /slow HTTP/1.1\r\n\r\n")
        one.server.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert one.request_pending

    def test_again_when_the_response_is_complete(self):
        one = flow()
        for _ in range(2):
            one.client.feed(b"GET /quick HTTP/1.1\r\n\r\n")
            one.server.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
            one.server.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        one.client.feed(b"GET /?card=%b HTTP/1.1\r\n\r\n" % VISA)
        assert not one.request_pending

    def test_after_an_interim_response(self):
        head, body = post(b"card=" + VISA, b"Expect: 100-continue")
        one = flow()
        one.client.feed(head)
        one.server.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert one.client.feed(body).verdict is not None
        assert not one.request_pending
