"""The application: echoes whatever the framing, and counts exactly what reached it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.lab import app
from sidecar.lab.app import CARD, FILLER, Ledger, PanWatch, Tally
from sidecar.lab.samples import AMEX, NO_CARD, PANS, VISA, VISA_PRINTED


def converse(tmp_path: Path, name: str, payload: bytes) -> tuple[bytes, Tally]:
    """What the listener `name` answers to `payload`, and what it has counted."""

    async def exchange() -> tuple[bytes, Tally]:
        ledger = Ledger(tmp_path / "received.json")
        server = await app.listen(ledger, name, at=("127.0.0.1", 0))
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(payload)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        ledger.write()
        return answer, Tally(**json.loads(ledger.path.read_text())[name])

    return asyncio.run(exchange())


def ok(body: bytes, kind: bytes = b"text/plain") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body)


EXCHANGES = {
    "GET": (b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", ok(b"GET /a?b\n\n")),
    "body": (b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", ok(b"POST /a\n\nabc")),
    "HEAD": (
        b"HEAD /a HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n",
    ),
    "keep-alive": (b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", ok(b"GET /1\n\n") + ok(b"GET /2\n\n")),
    "close": (
        b"GET /1 HTTP/1.1\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
        ok(b"GET /1\n\n"),
    ),
    "chunks, extension, trailer": (
        b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n",
        ok(b"POST /c\n\nabcT: v\r\n"),
    ),
    "100-continue": (
        b"POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz",
        b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"POST /e\n\nz"),
    ),
    "card": (b"GET /card HTTP/1.1\r\n\r\n", ok(CARD, b"application/json")),
    "late card": (b"GET /card/late HTTP/1.1\r\n\r\n", ok(FILLER + CARD)),
}


@pytest.mark.parametrize(("request_", "answer"), EXCHANGES.values(), ids=EXCHANGES)
def test_http(tmp_path: Path, request_: bytes, answer: bytes) -> None:
    assert converse(tmp_path, "http", request_)[0] == answer


MALFORMED = {
    "both lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "no length at all": b"POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
    "chunk size": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "chunk end": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "header without a colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "request line": b"HELLO\r\n\r\n",
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_http_is_answered_with_400_and_the_end(tmp_path: Path, request_: bytes) -> None:
    answer, tally = converse(tmp_path, "http", request_ + b"GET /next HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"/next" not in answer
    assert tally.messages == 0


def test_a_chunked_card_has_no_whole_number_in_any_chunk(tmp_path: Path) -> None:
    answer, _ = converse(tmp_path, "http", b"GET /card/chunked HTTP/1.1\r\n\r\n")
    assert VISA.encode() not in answer
    chunks = answer.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert b"".join(chunks[1::2]) == CARD


def test_tcp_echo_ends_when_the_client_does(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    assert converse(tmp_path, "tcp", data)[0] == data


HEAD = f"POST /{VISA} HTTP/1.1\r\nContent-Length: 15\r\n\r\n"

# listener, what is sent, and of it: messages, PANs
COUNTED = {
    "nothing": ("tcp", "", 1, 0),
    "a card": ("tcp", VISA_PRINTED, 1, 1),
    "no card": ("tcp", NO_CARD, 1, 0),
    "cards in head and body": ("http", HEAD + AMEX, 1, 2),
    "half a request": ("http", HEAD + AMEX[:9], 0, 1),
}


@pytest.mark.parametrize(("listener", "text", "messages", "pans"), COUNTED.values(), ids=COUNTED)
def test_the_ledger(tmp_path: Path, listener: str, text: str, messages: int, pans: int) -> None:
    tally = Tally(connections=1, messages=messages, received_bytes=len(text), pans=pans)
    assert converse(tmp_path, listener, text.encode())[1] == tally


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PANS), st.lists(st.integers(0, 60), max_size=8), st.sampled_from(["", " ", "-", "\r\n"])
)
def test_pans_are_counted_once_however_the_stream_is_cut(pan: str, cuts: list[int], gap: str) -> None:
    text = (b"x" + gap.join(pan).encode() + b"y") * 2
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    watch = PanWatch()
    assert sum(watch.feed(text[start:end]) for start, end in pairwise(edges)) == 2


def test_the_application_answers_datagrams(tmp_path: Path) -> None:
    async def exchange() -> tuple[bytes, Tally]:
        ledger, answer = Ledger(tmp_path / "received.json"), asyncio.Event()
        got: list[bytes] = []
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_datagram_endpoint(
            lambda: app.UdpEcho(ledger), local_addr=("127.0.0.1", 0)
        )
        client, _ = await loop.create_datagram_endpoint(
            lambda: Catch(got.append, answer.set), remote_addr=server.get_extra_info("sockname")
        )
        client.sendto(VISA.encode())
        await answer.wait()
        client.close()
        server.close()
        return got[0], ledger.tally("udp")

    assert asyncio.run(exchange()) == (VISA.encode(), Tally(messages=1, received_bytes=16, pans=1))


class Catch(asyncio.DatagramProtocol):
    def __init__(self, keep: Callable[[bytes], object], done: Callable[[], Awaitable[None] | None]) -> None:
        self._keep, self._done = keep, done

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._keep(data)
        self._done()
