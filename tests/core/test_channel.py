"""What a connection speaks, by its first bytes: the same answer at any cutting, and in doubt http1."""

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.channel import FIRST_LINE_LIMIT, channel
from sidecar.core.findings import Channel
from tests.kit.effort import effort
from tests.kit.tls import client_hello

HTTP1, OPAQUE, TLS, UNDECIDED = Channel.HTTP1, Channel.OPAQUE, Channel.TLS, Channel.UNDECIDED
LONG = FIRST_LINE_LIMIT
PROXY1 = b"PROXY TCP4 10.77.0.30 10.77.0.12 40000 8080\r\n"
PROXY2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes.fromhex("0a4d001e0a4d000c9c401f90")

# What a client sends first, by protocol, and what that is to us.
FIRST_BYTES = {
    "HTTP/1.1": (b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n", HTTP1),
    "HTTP/1.0": (b"POST /pay HTTP/1.0\r\n\r\n", HTTP1),
    "HTTP, a method of its own": (b"M-SEARCH * HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP, lower-case method": (b"post / HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP, lower-case version": (b"GET / http/1.1\r\n\r\n", HTTP1),
    "HTTP, CONNECT": (b"CONNECT bank:443 HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP, absolute target": (b"GET http://shop/ HTTP/1.1\r\n", HTTP1),
    "HTTP behind empty lines": (b"\r\n\r\n\nGET / HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP behind blanks": (b" \t\x0b\x0cGET / HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with tabs for spaces": (b"GET\t/\tHTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with form feeds for spaces": (b"GET\x0c/\x0cHTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with bare line feeds": (b"GET / HTTP/1.1\nHost: shop\n\n", HTTP1),
    "HTTP with a control byte in the target": (b"POST /\x01 HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with a control byte as the target": (b"POST \x01 HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with a NUL in the target": (b"POST /\x00 HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with bytes beyond ASCII": (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", HTTP1),
    "HTTP with a bare CR in the line": (b"GET / HTTP/1.1\rHost: shop\r\n\r\n", HTTP1),
    "HTTP with bare CRs for all line ends": (b"GET / HTTP/1.1\rHost: shop\r\r", HTTP1),
    "HTTP, a version nobody knows": (b"GET / HTTP/7.7\r\n\r\n", HTTP1),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", OPAQUE),
    "HTTP/2, half of its preface": (b"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n", HTTP1),
    "HTTP/2 behind an empty line": (b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP1),
    "the beginning of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\n", UNDECIDED),
    "HTTP, an endless request line": (b"GET /" + b"a" * LONG, HTTP1),
    "HTTP, an endless line, lower case": (b"get /" + b"a" * LONG, HTTP1),
    "HTTP, an endless line, absolute target": (b"GET http://" + b"a" * LONG, HTTP1),
    "HTTP, endless empty lines": (b"\r\n" * (LONG // 2) + b"\x00", HTTP1),
    "HTTP/0.9": (b"GET /\r\n", OPAQUE),
    "TLS": (client_hello(), TLS),
    "PROXY 1, HTTP": (PROXY1 + b"GET / HTTP/1.1\r\n", HTTP1),
    "PROXY 1, TLS": (PROXY1 + client_hello(), TLS),
    "PROXY 1, Postgres": (PROXY1 + struct.pack("!ii", 8, 80877103), OPAQUE),
    "PROXY 1, longer than its limit": (b"PROXY " + b"a" * 120 + b"\r\nGET / HTTP/1.1\r\n", OPAQUE),
    "PROXY 1 alone": (PROXY1, UNDECIDED),
    "a method of that name": (b"PROXY / HTTP/1.1\r\nGET / HTTP/1.1\r\n", HTTP1),
    "PROXY 2, HTTP": (PROXY2 + b"GET / HTTP/1.1\r\n", HTTP1),
    "PROXY 2, TLS": (PROXY2 + client_hello(), TLS),
    "PROXY 2, Postgres": (PROXY2 + struct.pack("!ii", 8, 80877103), OPAQUE),
    "PROXY 2 alone": (PROXY2, UNDECIDED),
    "SSLv2": (bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0"), OPAQUE),
    "a handshake record that is no ClientHello": (b"\x16\x03\x01\x00\x2f\x02" + bytes(40), OPAQUE),
    "a ClientHello of an impossible length": (
        b"\x16\x03\x01\x00\x2f\x01\xff\xff\xff\x03\x03" + bytes(40),
        OPAQUE,
    ),
    "a TLS record of an impossible length": (b"\x16\x03\x01\xff\xff\x01\x00\x00\x30\x03\x03", OPAQUE),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", OPAQUE),
    "SMTP": (b"EHLO shop\r\n", OPAQUE),
    "RESP, Redis": (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", OPAQUE),
    "Redis inline": (b"PING\r\n", OPAQUE),
    "Postgres": (struct.pack("!ii", 41, 196608) + b"user\x00shop\x00database\x00shop\x00\x00", OPAQUE),
    "Postgres, asking for TLS": (struct.pack("!ii", 8, 80877103), OPAQUE),
    "MySQL": (b"\x20\x00\x00\x01\x85\xa6\x3f\x20", OPAQUE),
    "MongoDB": (struct.pack("<iiii", 65, 1, 0, 2013), OPAQUE),
    "AMQP": (b"AMQP\x00\x00\x09\x01", OPAQUE),
    "Kafka": (struct.pack("!ihhi", 35, 18, 3, 1) + b"\x00\x0cshop", OPAQUE),
    "MQTT": (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c", OPAQUE),
    "LDAP": (bytes.fromhex("300c020101600702010304008000"), OPAQUE),
    "memcached": (b"set key 0 0 2\r\nok\r\n", OPAQUE),
    "STOMP": (b"CONNECT\naccept-version:1.2\n\n\x00", OPAQUE),
    "NATS": (b'CONNECT {"verbose":false}\r\n', OPAQUE),
    "protobuf": (b"\x0a\x05hello", OPAQUE),
    "JSON lines": (b'{"pan":1}\n', OPAQUE),
    "text without a line end": (b"Lorem ipsum " * (LONG // 12 + 1), OPAQUE),
    "one endless word": (b"a" * LONG, OPAQUE),
    "nothing": (b"", UNDECIDED),
    "the beginning of a request": (b"GET / HTT", UNDECIDED),
    "the beginning of a ClientHello": (client_hello()[:9], UNDECIDED),
    "empty lines": (b"\r\n\r\n", UNDECIDED),
}


@pytest.mark.parametrize(("start", "expected"), FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_first_bytes(start: bytes, expected: Channel) -> None:
    assert channel(start) is expected


def decided(stream: bytes, steps: list[int]) -> Channel:
    """What is decided when the stream arrives in these steps."""
    seen = (channel(stream[:step]) for step in (*steps, len(stream)))
    return next((found for found in seen if found is not UNDECIDED), UNDECIDED)


@pytest.mark.parametrize(("start", "expected"), FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_an_answer_stays_whatever_follows(start: bytes, expected: Channel) -> None:
    every = range(1, len(start)) if len(start) < 2000 else sorted(Random(1).sample(range(1, len(start)), 300))
    assert decided(start, list(every)) is expected
    if expected is not UNDECIDED:
        for tail in (b"\n", b"\x00", b" HTTP/1.1\r\n\r\n", b"a" * 300 + b"\n"):
            assert channel(start + tail) is expected


_ALPHABET = [b"GET", b"post", b"0", b" ", b"\t", b"\x0c", b"/", b"*", b"HTTP/1.1", b"http/", b"\r", b"\n", b"\r\n",
             b"\x00", b"\x16\x03\x01", b"\x01", b"x" * 4000, b"://", b"card=4111", b"\xc3\xa9"]  # fmt: skip


@effort(300)
@given(
    st.lists(st.sampled_from(_ALPHABET), max_size=14).map(b"".join),
    st.lists(st.integers(0, 60000), max_size=6),
)
def test_any_cutting_decides_the_same(stream: bytes, cuts: list[int]) -> None:
    whole = channel(stream)
    steps = sorted(cut % (len(stream) + 1) for cut in cuts)
    assert decided(stream, steps) is whole
