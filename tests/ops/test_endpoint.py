"""The probe and scrape server, spoken to over real sockets: good requests, bad ones, slow ones, many at once."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from sidecar.ops import endpoint
from sidecar.ops.endpoint import Answer, Asked, Endpoint, listen
from sidecar.ops.exposition import Exposition
from sidecar.ops.health import Health
from sidecar.ops.metrics import Metrics

REQUEST = b"GET /echo HTTP/1.1\r\n\r\n"


def echo(asked: Asked) -> Answer:
    return Answer(200, "text/plain", f"accept={asked.accept}".encode())


async def slow(asked: Asked) -> Answer:
    await asyncio.sleep(0)
    return Answer(599, "text/plain", f"peer={asked.peer}".encode())


def broken(asked: Asked) -> Answer:
    raise ZeroDivisionError


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    pages = {"/echo": echo, "/slow": slow, "/readyz": Health().readyz, "/broken": broken}
    server = Endpoint(pages, {"/order": echo})
    await server.start(["127.0.0.1"], 0)
    try:
        yield server.ports[0]
    finally:
        await server.stop()


async def ask(port: int, request: bytes) -> bytes:
    """Everything the server says to `request` until it closes or resets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


type Conversation = Callable[[int], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request) -> Callable[[Conversation], None]:
    """Runs a conversation with a server, on asyncio's loop and on the one the relay uses."""

    def run(conversation: Conversation) -> None:
        async def main() -> None:
            async with asyncio.timeout(120), served() as port:
                await conversation(port)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    return run


# Request, status line, body.
TALK = [
    (b"GET /echo HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=1 \r\n\r\n", "200 OK", b"accept=text/plain;q=1"),
    (b"GET /echo?x=1 HTTP/1.0\r\n\r\n", "200 OK", b"accept="),
    (b"HEAD /echo HTTP/1.1\r\n\r\n", "200 OK", b""),
    (b"GET /readyz HTTP/1.1\r\n\r\n", "503 Service Unavailable", Health().readyz().body),
    (b"GET /slow HTTP/1.1\r\n\r\n", "599 ", b"peer=127.0.0.1"),
    (b"POST /order HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "200 OK", b"accept="),
    (b"GET /order HTTP/1.1\r\n\r\n", "405 Method Not Allowed", b"Method Not Allowed\n"),
    (b"POST /none HTTP/1.1\r\n\r\n", "404 Not Found", b"Not Found\n"),
    (b"DELETE /echo HTTP/1.1\r\n\r\n", "405 Method Not Allowed", b"Method Not Allowed\n"),
    (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found", b"Not Found\n"),
    (b"GET /echo/../readyz HTTP/1.1\r\n\r\n", "404 Not Found", b"Not Found\n"),
    (b"HEAD /none HTTP/1.1\r\n\r\n", "404 Not Found", b""),
    (b"POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed", b"Method Not Allowed\n"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request", b"Bad Request\n"),
    (b"\x16\x03\x01\x00\x00\r\n\r\n", "400 Bad Request", b"Bad Request\n"),
    (
        b"GET /echo HTTP/1.1\r\nX: " + b"x" * 9_000,
        "431 Request Header Fields Too Large",
        b"Request Header Fields Too Large\n",
    ),
]


@pytest.mark.parametrize(("request_", "status", "body"), TALK, ids=[repr(row[0][:30]) for row in TALK])
def test_one_request_one_answer(run, request_, status, body):
    async def conversation(port: int) -> None:
        head, _, got = (await ask(port, request_)).partition(b"\r\n\r\n")
        first, *headers = head.decode().split("\r\n")
        assert first == f"HTTP/1.1 {status}"
        assert got == body
        assert "Connection: close" in headers
        length = next(int(line.partition(": ")[2]) for line in headers if line.startswith("Content-Length"))
        assert length == len(body) or request_.startswith(b"HEAD")

    run(conversation)


def test_a_request_in_small_pieces(run):
    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in b"GET /echo HTTP/1.1\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.read()).endswith(b"accept=")
        writer.close()

    run(conversation)


def test_a_client_that_says_nothing_is_dropped(run, monkeypatch):
    monkeypatch.setattr(endpoint, "TIMEOUT_S", 0.05)

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /echo HT")
        assert await reader.read() == b""
        writer.close()

    run(conversation)


def test_a_client_that_leaves_is_no_error(run, caplog):
    async def conversation(port: int) -> None:
        assert await ask(port, REQUEST)  # alive
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ec")
        writer.close()
        assert await ask(port, REQUEST)  # still alive

    run(conversation)
    assert caplog.records == []


@pytest.mark.parametrize("limit", ["MAX_AT_ONCE", "MAX_OF_ONE"])
def test_too_many_at_once_are_turned_away_and_others_go_on(run, monkeypatch, limit):
    monkeypatch.setattr(endpoint, limit, 2)

    async def conversation(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in held:
            writer.write(b"GET /echo")
        while await ask(port, REQUEST):  # answered only until both are being served
            await asyncio.sleep(0)
        for reader, writer in held:
            writer.write(b" HTTP/1.1\r\n\r\n")
            assert (await reader.read()).endswith(b"accept=")
            writer.close()
        assert (await ask(port, REQUEST)).endswith(b"accept=")

    run(conversation)


def test_a_defect_in_a_page_is_logged_and_ends_one_connection(run, caplog):
    async def conversation(port: int) -> None:
        assert await ask(port, b"GET /broken HTTP/1.1\r\n\r\n") == b""
        assert await ask(port, REQUEST)

    run(conversation)
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_stop_drops_what_is_open():
    async def main() -> None:
        async with asyncio.timeout(120):
            async with served() as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /ec")
                assert await ask(port, REQUEST)
            assert await reader.read() == b""
            writer.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())


def test_the_metrics_page():
    async def main() -> bytes:
        metrics = Exposition(Metrics())

        def page(asked: Asked) -> Answer:
            body, content_type = metrics.page(asked.accept)
            return Answer(200, content_type, body)

        server = Endpoint({"/metrics": page})
        await server.start(["127.0.0.1"], 0)
        try:
            return await ask(server.ports[0], b"GET /metrics HTTP/1.1\r\n\r\n")
        finally:
            await server.stop()

    answer = asyncio.run(main())
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in answer
    assert b"\ncdefence_events_dropped_total 0.0\n" in answer


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def test_both_families_share_a_port():
    first = listen(["127.0.0.1"], 0)
    port = first[0].getsockname()[1]
    both = listen(["::"], port)
    assert both[0].getsockname()[1] == port
    close([*first, *both])


def test_a_family_that_is_not_there_is_left_out(monkeypatch):
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    sockets = listen(["127.0.0.1", "::1"], 0)
    assert len(sockets) == 1
    close(sockets)
    with pytest.raises(OSError, match="not supported"):
        listen(["::1"], 0)


def test_a_port_that_is_taken_is_an_error():
    taken = listen(["127.0.0.1"], 0)
    with pytest.raises(OSError, match="in use"):
        listen(["127.0.0.2", "127.0.0.1"], taken[0].getsockname()[1])
    close(taken)
