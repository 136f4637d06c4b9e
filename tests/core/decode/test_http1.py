"""HTTP/1 read along: where messages end, what is refused, and that what is refused never arrives as a whole.

Two parsers that disagree about a message are a bypass, so whatever is ambiguous is `malformed_http`, at any cutting.
"""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.decode.http1 import (
    CHUNK_OVERHEAD_LIMIT,
    HEAD_LIMIT,
    SIZE_LINE_LIMIT,
    TRAILER_LIMIT,
    Exchange,
    Http1Reader,
    RequestReader,
    ResponseReader,
)
from sidecar.core.decode.pieces import Kind, Piece, Unit
from sidecar.core.flow import Flow
from sidecar.core.reasons import Reason
from tests.kit.cuts import Outcome, bytewise, cuttings, outcome, pieces
from tests.kit.effort import effort
from tests.kit.engines import flow
from tests.kit.http import Conversation, conversation

# --- where messages end ------------------------------------------------------------------------------------------------


class Boundaries:
    """A reader, fed like the inspection feeds it; remembers where messages ended."""

    def __init__(self, reader: Http1Reader) -> None:
        self.reader = reader
        self.ends: list[int] = []
        self.wire = b""

    def feed(self, data: bytes) -> None:
        unit = self.reader.whole(data)
        if unit is None:
            self.take(self.reader.feed(data))
            return
        self.wire += data
        if unit is not Unit.HEAD:
            self.ends.append(len(self.wire))

    def take(self, made: Iterable[Piece]) -> None:
        for piece in made:
            self.wire += piece.wire
            if piece.kind is Kind.END:
                self.ends.append(len(self.wire))


def ends(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[: at + 1])) for at in range(len(parts))]


@effort(300)
@given(st.integers(0, 10**9), st.data())
def test_messages_end_where_they_were_made_to_end(seed: int, data: st.DataObject) -> None:
    made = conversation(Random(seed))
    exchange = Exchange()
    request, response = Boundaries(RequestReader(exchange)), Boundaries(ResponseReader(exchange))
    asked, answered = b"".join(made.requests), b"".join(made.responses)
    for side, wire in ((request, asked), (response, answered)):
        for piece in data.draw(cuttings(wire)):
            side.feed(piece)
    for side, tail in zip((request, response), made.tunnel or (), strict=False):
        side.feed(tail)
    assert request.ends == ends(made.requests)
    # A last message without a length ends with the connection, not before.
    assert response.ends == (made.endings[:-1] if made.until_close else made.endings)
    for side, wire, tail in zip(
        (request, response), (asked, answered), made.tunnel or (b"", b""), strict=True
    ):
        side.take(side.reader.close())
        assert side.wire == wire + tail
        assert side.ends[-1] == len(side.wire)
    assert not exchange.waiting
    assert exchange.tunnel is (made.tunnel is not None)


# --- what is refused --------------------------------------------------------------------------------------------------


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: shop", *fields, b"", b""]) + body


TE = b"Transfer-Encoding: chunked"
CL = b"Content-Length: 5"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: shop\r\n\r\n"

MALFORMED_REQUESTS = {
    # Which length?  (RFC 9112 6.3, 11.2)
    "both lengths": post(CL, TE, body=b"0\r\n\r\n"),
    "both lengths, the other way round": post(TE, CL, body=b"0\r\n\r\n"),
    "both lengths, Content-Length 0": post(b"Content-Length: 0", TE, body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths that differ": post(CL, b"Content-Length: 6", body=b"hello!"),
    "two lengths that agree": post(CL, CL, body=b"hello"),
    "two lengths in one field": post(b"Content-Length: 5, 5", body=b"hello"),
    "two lengths behind a space": post(b"Content-Length: 5 5", body=b"hello"),
    "length with a plus": post(b"Content-Length: +5", body=b"hello"),
    "length with a minus": post(b"Content-Length: -5", body=b"hello"),
    "length in hexadecimal": post(b"Content-Length: 0x5", body=b"hello"),
    "length with a fraction": post(b"Content-Length: 5.0", body=b"hello"),
    "length in other digits": post("Content-Length: \u0665".encode(), body=b"hello"),
    "empty length": post(b"Content-Length:", body=b"hello"),
    "length behind a vertical tab": post(b"Content-Length:\x0b5", body=b"hello"),
    "length of 2^64 + 5": post(b"Content-Length: 18446744073709551621", body=b"hello"),
    # Chunked, or not?
    "coding that is not chunked": post(b"Transfer-Encoding: gzip", body=b"hello"),
    "coding that is like chunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"),
    "chunked behind a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "chunked is not the last coding": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "chunked is not the last of two fields": post(TE, b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked in two fields": post(TE, TE, body=b"0\r\n\r\n"),
    "empty coding": post(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity", CL, body=b"hello"),
    "chunked in HTTP/1.0": post(TE, line=b"POST / HTTP/1.0", body=b"0\r\n\r\n"),
    # Is this a field?
    "space before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "tab before the colon": post(b"Content-Length\t: 5", body=b"hello"),
    "folded field": post(b"X-A: b\r\n c", CL, body=b"hello"),
    "folded length": post(b"Content-Length:\r\n 5", body=b"hello"),
    "folded coding": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "first field begins with a space": post(line=b"POST / HTTP/1.1\r\n Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "field without a colon": post(b"Transfer-Encoding chunked", body=b"0\r\n\r\n"),
    "field without a name": post(b": chunked", body=b""),
    "name in quotes": post(b'"Content-Length": 5', body=b"hello"),
    "name with a control byte": post(b"Content-Length\x00: 5", body=b"hello"),
    "NUL in a value": post(b"X-A: b\x00c"),
    "control byte in a value": post(b"X-A: b\x01c"),
    "DEL in a value": post(b"X-A: b\x7fc"),
    # Where does a line end?
    "bare CR in a value": post(b"X-A: b\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "bare LF in a value": post(b"X-A: b\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "bare LF behind the request line": post(line=b"POST / HTTP/1.1\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "bare LFs everywhere": b"POST / HTTP/1.1\nHost: shop\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
    "bare CRs everywhere": b"POST / HTTP/1.1\rHost: shop\rContent-Length: 5\r\rhello",
    "head that ends in LF LF": b"GET / HTTP/1.1\r\nHost: shop\n\n",
    "head that ends in CR CR LF": b"GET / HTTP/1.1\r\nHost: shop\r\r\n\r\n",
    "head that ends in LF CR LF": b"GET / HTTP/1.1\r\nHost: shop\n\r\n",
    # What is the request line?
    "HTTP/1.2": post(line=b"GET / HTTP/1.2"),
    "HTTP/2.0": post(line=b"GET / HTTP/2.0"),
    "HTTP/11": post(line=b"GET / HTTP/11"),
    "HTTP/1.10": post(line=b"GET / HTTP/1.10"),
    "HTTP/+1.1": post(line=b"GET / HTTP/+1.1"),
    "lower-case version": post(line=b"GET / http/1.1"),
    "lower-case method": post(line=b"get / HTTP/1.1"),
    "lower-case head": post(line=b"head / HTTP/1.1"),
    "method nobody knows": post(line=b"BREW / HTTP/1.1"),
    "RTSP with HTTP/ in its target": post(line=b"GET /HTTP/1.1 RTSP/1.0"),
    "HTTP/0.9 in a line that mentions HTTP/": b"GET /HTTP/1.1\r\n\r\n",
    "two versions": post(line=b"GET / HTTP/1.1 HTTP/1.1"),
    "space behind the version": post(line=b"GET / HTTP/1.1 "),
    "space before the method": post(line=b" GET / HTTP/1.1"),
    "tabs for spaces": post(line=b"GET\t/\tHTTP/1.1"),
    "control byte in the target": post(line=b"GET /\x01 HTTP/1.1"),
    "bytes beyond ASCII in the target": post(line="GET /\u00e9 HTTP/1.1".encode()),
    "target that is none": post(line=b"GET shop HTTP/1.1"),
    "no target": post(line=b"GET HTTP/1.1"),
    # Chunks (RFC 9112 7.1)
    "size that is no number": post(TE, body=b"x\r\nhello\r\n0\r\n\r\n"),
    "size with 0x": post(TE, body=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "size with a plus": post(TE, body=b"+5\r\nhello\r\n0\r\n\r\n"),
    "size with a minus": post(TE, body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "empty size": post(TE, body=b"\r\nhello\r\n0\r\n\r\n"),
    "size of 2^64 + 5": post(TE, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "size behind a space": post(TE, body=b" 5\r\nhello\r\n0\r\n\r\n"),
    "size before a space": post(TE, body=b"5 \r\nhello\r\n0\r\n\r\n"),
    "size before a tab": post(TE, body=b"5\t\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than its size": post(TE, body=b"3\r\nhello\r\n0\r\n\r\n"),
    "chunk shorter than its size": post(TE, body=b"6\r\nhello\r\n0\r\n\r\n"),
    "chunk without a line end": post(TE, body=b"5\r\nhello0\r\n\r\n"),
    "chunk with a bare LF behind it": post(TE, body=b"5\r\nhello\n0\r\n\r\n"),
    "size line with a bare LF": post(TE, body=b"5\nhello\r\n0\r\n\r\n"),
    "size lines with bare LFs": post(TE, body=b"5\nhello\n0\n\n"),
    "last size line with a bare LF": post(TE, body=b"5\r\nhello\r\n0\n\r\n"),
    "bare LF in an extension": post(TE, body=b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "bare CR in an extension": post(TE, body=b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    # Trailers
    "bare LF in a trailer": post(TE, body=b"0\r\nX-A: b\n\r\n\r\n"),
    "trailers end in LF LF": post(TE, body=b"0\r\nX-A: b\n\n" + SMUGGLED),
    "trailer without a colon": post(TE, body=b"0\r\nX-A\r\n\r\n"),
    "folded trailer": post(TE, body=b"0\r\nX-A: b\r\n c\r\n\r\n"),
    "NUL in a trailer": post(TE, body=b"0\r\nX-A: b\x00\r\n\r\n"),
    "length in a trailer": post(TE, body=b"0\r\nContent-Length: 5\r\n\r\n"),
    # The same behind a head that llhttp itself does not follow
    "upgrade, chunk longer than its size": post(
        b"Connection: Upgrade", b"Upgrade: x", TE, body=b"3\r\nhello\r\n0\r\n\r\n"
    ),
    "upgrade, trailers end in LF LF": post(
        b"Connection: Upgrade", b"Upgrade: x", TE, body=b"0\r\nX-A: b\n\n" + SMUGGLED
    ),
    "upgrade, both lengths": post(b"Connection: Upgrade", b"Upgrade: x", TE, CL, body=b"0\r\n\r\n"),
    # Too large
    "head": post(b"X-A: " + b"b" * HEAD_LIMIT),
    "size line": post(TE, body=b"5;" + b"a" * SIZE_LINE_LIMIT + b"\r\nhello\r\n0\r\n\r\n"),
    "trailers": post(TE, body=b"0\r\n" + b"X-A: b\r\n" * (TRAILER_LIMIT // 8 + 1) + b"\r\n"),
    "more framing than data": post(TE, body=b"1;%b\r\nx\r\n" % (b"a" * 600) * (CHUNK_OVERHEAD_LIMIT // 500) + b"0\r\n\r\n"),
    # Pipelines
    "HTTP/0.9 in a pipeline": SMUGGLED + b"GET /\r\n\r\n",
    "HTTP/0.9 in a pipeline, one line": SMUGGLED + b"GET /\r\n",
    "a request behind Connection: close": post(b"Connection: close", body=SMUGGLED),
    "a request behind HTTP/1.0": post(line=b"GET / HTTP/1.0", body=SMUGGLED),
    "a body that was not announced": post(body=b"hello\r\n\r\n"),
    "more body than announced": post(CL, body=b"hello, world\r\n\r\n"),
}  # fmt: skip


def client(one: Flow, cut: list[bytes]) -> Outcome:
    return outcome(lambda data: one.client.feed(data), cut, one.client_close)


def some_cuts(wire: bytes) -> list[list[bytes]]:
    """Whole, bytewise, and in two everywhere; of long streams some of that."""
    if len(wire) > 2000:
        return [[wire], pieces(wire, range(0, len(wire), 1000)), pieces(wire, [len(wire) - 1])]
    return [[wire], bytewise(wire), *(pieces(wire, [cut]) for cut in range(1, len(wire)))]


@pytest.mark.parametrize("wire", MALFORMED_REQUESTS.values(), ids=MALFORMED_REQUESTS)
def test_malformed_requests_are_refused_at_any_cutting(wire: bytes) -> None:
    for cut in some_cuts(wire):
        seen = client(flow(), cut)
        assert seen.verdict is not None
        assert seen.verdict.reason is Reason.MALFORMED_HTTP
        assert wire.startswith(seen.released)
        assert len(seen.released) < len(wire)
        assert not seen.findings


def server(one: Flow, asked: bytes, cut: list[bytes]) -> Outcome:
    if asked:
        assert one.client.feed(asked).verdict is None
    return outcome(lambda data: one.server.feed(data), cut, one.server_close)


GET, HEAD = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n"
CONNECT = b"CONNECT bank:443 HTTP/1.1\r\nHost: bank\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

MALFORMED_RESPONSES = {
    "both lengths": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "length with a plus": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"),
    "coding that does not end in chunked": (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
    "chunked in HTTP/1.0": (GET, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "bad chunk": (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"),
    "bare LF in chunks": (GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n"),
    "space before the colon": (GET, b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
    "folded field": (GET, b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n"),
    "bare LFs": (GET, b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    "bare CR in the reason": (GET, b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello"),
    "NUL in a value": (GET, b"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 5\r\n\r\nhello"),
    "HTTP/1.2": (GET, b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "HTTP/2.0": (GET, b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "HTTP/0.9": (GET, b"<html>hello</html>"),
    "ICY": (GET, b"ICY 200 OK\r\n\r\nhello"),
    "RTSP": (GET, b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "status of two digits": (GET, b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "status of four digits": (GET, b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "status below 100": (GET, b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "two spaces before the status": (GET, b"HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "interim answer with a body": (GET, b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + OK),
    "204 with a body": (GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    "304 with a body": (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n"),
    "HEAD with a body": (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n"),
    "more behind Connection: close": (GET + GET, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" + OK),
    "more behind HTTP/1.0": (GET + GET, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" + OK),
    "101 that nobody asked for": (GET, SWITCH),
    "101 on an idle connection": (b"GET / HTTP/1.1\r\n\r\n", OK + SWITCH),
    "101 to HEAD": (b"HEAD / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", SWITCH),
    "101 to CONNECT": (CONNECT, SWITCH),
    "101 that names no protocol": (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "101 to an earlier request": (GET + UPGRADE, SWITCH),
    "CONNECT answered with a length": (CONNECT, OK),
    "CONNECT answered in chunks": (CONNECT, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "head too large": (GET, b"HTTP/1.1 200 OK\r\nX-A: %b\r\n\r\n" % (b"b" * HEAD_LIMIT)),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "wire"), MALFORMED_RESPONSES.values(), ids=MALFORMED_RESPONSES)
def test_malformed_responses_are_refused_at_any_cutting(asked: bytes, wire: bytes) -> None:
    for cut in some_cuts(wire):
        seen = server(flow(), asked, cut)
        assert seen.verdict is not None
        assert seen.verdict.reason is Reason.MALFORMED_HTTP
        assert wire.startswith(seen.released)
        assert len(seen.released) < len(wire)


# --- what looks odd and is right ----------------------------------------------------------------------------------------

RIGHT_REQUESTS = {
    "length with zeros": post(b"Content-Length: 0005", body=b"hello"),
    "length between tabs": post(b"Content-Length:\t5\t", body=b"hello"),
    "CHUNKED": post(b"TRANSFER-ENCODING: Chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "size with zeros": post(TE, body=b"0005\r\nhello\r\n0000\r\n\r\n"),
    "extensions": post(TE, body=b'5;a;b=c;d="e f"\r\nhello\r\n0;last\r\n\r\n'),
    "trailers": post(TE, body=b"0\r\nX-A: b\r\nX-C: d\r\n\r\n"),
    "empty lines between requests": SMUGGLED + b"\r\n\n\r\n" + SMUGGLED,
    "a line end behind a body": post(CL, body=b"hello\r\n" + SMUGGLED),
    "Expect": post(b"Expect: 100-continue", CL, body=b"hello"),
    "a body with GET": post(CL, line=b"GET / HTTP/1.1", body=b"hello"),
    "an upgrade with a body": post(b"Connection: Upgrade", b"Upgrade: h2c", TE, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "an upgrade with a length": post(b"Connection: Upgrade", b"Upgrade: h2c", CL, body=b"hello" + SMUGGLED),
    "a head as long as it may be": post(b"X-A: " + b"b" * (HEAD_LIMIT - len(post(b"X-A: ")) + 4)),
    "many one-byte chunks": post(TE, body=b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("wire", RIGHT_REQUESTS.values(), ids=RIGHT_REQUESTS)
def test_what_looks_odd_and_is_right_passes_at_any_cutting(wire: bytes) -> None:
    for cut in some_cuts(wire):
        seen = client(flow(), cut)
        assert seen.verdict is None
        assert seen.released == wire


def test_a_refused_upgrade_goes_on_as_http() -> None:
    one = flow()
    assert server(one, UPGRADE + GET, [OK, OK[:9], OK[9:]]).verdict is None
    assert not one.exchange.tunnel
    assert not one.exchange.waiting


@pytest.mark.parametrize(("asked", "answer"), [(UPGRADE, SWITCH), (CONNECT, b"HTTP/1.1 200 OK\r\n\r\n")])
def test_a_tunnel_is_opaque_in_both_directions(asked: bytes, answer: bytes) -> None:
    one = flow()
    assert one.client.feed(asked).release == asked
    early = one.client.feed(b"\x16")  # before the answer this is no beginning of a request
    assert early.verdict is not None
    one = flow()
    one.client.feed(asked)
    assert one.server.feed(answer + b"\x00\n\n").release == answer + b"\x00\n\n"
    assert one.client.feed(b"\x00GET\n\n").release == b"\x00GET\n\n"
    assert one.server.feed(b"4111111111111111;" + b" " * 200).verdict is not None


def test_an_unasked_response_is_framed_like_any_other() -> None:
    one = flow()
    wire = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    assert server(one, GET, [OK, wire]).released == OK + wire


def test_a_response_before_the_request_is_no_http() -> None:
    one = flow()
    assert one.server.feed(OK).release == OK
    step = one.client.feed(GET)
    assert step.verdict is not None
    assert step.verdict.reason is Reason.MALFORMED_HTTP
    assert step.release == b""
    assert one.request_pending, "the server has spoken, no answer of ours may follow"


@effort(100)
@given(st.data())
def test_a_truncated_message_is_passed_as_far_as_it_goes(data: st.DataObject) -> None:
    """The client vanished in the middle: its server sees the same."""
    wire = data.draw(st.sampled_from(sorted(RIGHT_REQUESTS.values(), key=len)[:10]))
    cut = wire[: data.draw(st.integers(0, len(wire)))]
    assert client(flow(), data.draw(cuttings(cut))).released == cut


def test_a_conversation_has_as_many_answers_as_questions() -> None:
    """The generator keeps its own promises."""
    for seed in range(200):
        made: Conversation = conversation(Random(seed))
        assert len(made.requests) == len(made.responses)
        assert made.endings == sorted(set(made.endings))
