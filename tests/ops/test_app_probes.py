"""Probes relayed to real servers: what the application hears, which status comes back, and that nothing else does."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvloop

from sidecar.core.scopes import PeerClass
from sidecar.ops.app_probes import AppProbes
from sidecar.ops.callers import Callers
from sidecar.ops.endpoint import Endpoint
from sidecar.ops.probes import Probe, ProbeKind
from tests.ops.grpc_server import NOT_SERVING, SERVING, UNIMPLEMENTED, UNKNOWN, HealthServer
from tests.ops.pki import authority

POD = "127.0.0.2"
"""Stands for the pod's address; loopback is 127.0.0.1."""
SECRET = b"4111111111111111 and other things that only the application may say"

type Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


class Application:
    """An HTTP server that says the same to everybody; `heard` has the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.heard: list[str] = []
        self._answers = list(answers)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])
            await writer.drain()
            await reader.read()  # until the other side has gone
        writer.close()


@asynccontextmanager
async def serving(talk: Talk, where: str = POD, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server."""
    server = await asyncio.start_server(talk, where, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def probe(kind: ProbeKind, port: int, **more: object) -> Probe:
    return Probe("/app/shop/livez", kind, port, **({"timeout": 60.0} | more))  # type: ignore[arg-type]


def asked(probe: Probe) -> Awaitable[int]:
    return AppProbes((probe,), (POD,), Callers(lambda _: PeerClass.UNKNOWN, ())).ask(probe)


def answer(status: str, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", "Content-Length: 70", *headers, "", "")
    return "\r\n".join(lines).encode() + SECRET


# --- HTTP ----------------------------------------------------------------------------------------------------------------

# What the application says, and the status of it.
ANSWERS = [
    (answer("200 OK"), 200),
    (answer("204 No Content"), 204),
    (answer("399"), 399),
    (answer("404 Not Found"), 404),
    (answer("503 Service Unavailable", "Retry-After: 1"), 503),
    (answer("599 "), 599),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer("200 OK"), 200),
    (answer("301 Moved", "Location: https://elsewhere.example/"), 301),
    (answer("302 Found", "Location: http://127.0.0.2:1/"), 302),
    (answer("302 Found"), 302),
    (answer("302 Found", "Location: http://[::"), 302),
    (b"SSH-2.0-OpenSSH\r\n\r\n", 502),
    (b"HTTP/2 200\r\n\r\n", 502),
    (b"HTTP/1.1 666 Beast\r\n\r\n", 502),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 502),
]


@pytest.mark.parametrize(("said", "status"), ANSWERS, ids=[repr(said[:40]) for said, _ in ANSWERS])
def test_the_status_is_the_applications(runner: asyncio.Runner, said: bytes, status: int) -> None:
    async def main() -> None:
        async with serving(Application(said).talk) as port:
            assert await asked(probe(ProbeKind.HTTP, port)) == status

    runner.run(main())


def test_the_request_is_the_kubelets(runner: asyncio.Runner) -> None:
    given = (("X-Probe", "1"), ("x-probe", "2"), ("accept", ""), ("User-Agent", "me"))

    async def main() -> tuple[int, list[str], list[str]]:
        app = Application(answer("200 OK"))
        async with serving(app.talk) as port:
            await asked(probe(ProbeKind.HTTP, port, path="/healthz?full=1"))
            await asked(probe(ProbeKind.HOOK, port, headers=given, host="shop.example"))
        return port, *(text.split("\r\n")[:-2] for text in app.heard)

    port, plain, full = runner.run(main())
    assert plain == [
        "GET /healthz?full=1 HTTP/1.1",
        f"Host: {POD}:{port}",
        "User-Agent: kube-probe/cdefence",
        "Accept: */*",
        "Connection: close",
    ]
    assert full == [
        "GET / HTTP/1.1",
        "Host: shop.example",
        "Connection: close",
        "X-Probe: 1",
        "x-probe: 2",
        "User-Agent: me",
    ]


def test_a_redirect_is_followed_on_the_same_server_only(runner: asyncio.Runner) -> None:
    async def main() -> None:
        app = Application(
            answer("302 Found", "location:  b?x=1 "), answer("307 On", "Location: /c"), answer("503 No")
        )
        async with serving(app.talk) as port:
            assert await asked(probe(ProbeKind.HTTP, port, path="/a/")) == 503
        assert [text.split()[1] for text in app.heard] == ["/a/", "/a/b?x=1", "/c"]
        circle = Application(answer("302 Found", "Location: /"))
        async with serving(circle.talk) as port:
            assert await asked(probe(ProbeKind.HTTP, port)) == 502
        assert len(circle.heard) == 10

    runner.run(main())


def test_https_is_not_verified(runner: asyncio.Runner, tmp_path: Path) -> None:
    context = authority().server(tmp_path, "somebody.else")

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer("400 Bad Request"))
        writer.close()

    async def main() -> None:
        async with serving(Application(answer("200 OK")).talk, tls=context) as port:
            assert await asked(probe(ProbeKind.HTTP, port, tls=True)) == 200
        async with serving(plain) as port:
            assert await asked(probe(ProbeKind.HTTP, port, tls=True)) == 502

    runner.run(main())


def test_an_application_that_listens_on_loopback_only_is_found(runner: asyncio.Runner) -> None:
    async def main() -> None:
        there, here = Application(answer("201 Created")), Application(answer("202 Accepted"))
        async with serving(there.talk, POD) as port, serving(here.talk, "127.0.0.1") as other:
            assert await asked(probe(ProbeKind.HTTP, port)) == 201
            assert await asked(probe(ProbeKind.HTTP, other)) == 202

    runner.run(main())


def test_what_does_not_answer_in_time(runner: asyncio.Runner) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def main() -> None:
        async with serving(silent) as port:
            for kind in (ProbeKind.HTTP, ProbeKind.HOOK):
                assert await asked(probe(kind, port, timeout=0.05)) == 504

    runner.run(main())


# --- TCP and gRPC ----------------------------------------------------------------------------------------------------


@contextmanager
def refusing() -> Iterator[int]:
    """A port that nobody listens on, nor gets meanwhile."""
    with socket.socket() as sock:
        sock.bind((POD, 0))
        yield int(sock.getsockname()[1])


def test_tcp_is_only_whether_it_accepts(runner: asyncio.Runner) -> None:
    async def main() -> None:
        async with serving(Application(b"").talk) as port:
            assert await asked(probe(ProbeKind.TCP, port)) == 200
        with refusing() as port:
            for kind in ProbeKind:
                assert await asked(probe(kind, port)) == 502

    runner.run(main())


# Services the server knows, the code of the call, the service asked for, the status.
HEALTH = [
    ({"": SERVING}, 0, "", 200),
    ({"": NOT_SERVING}, 0, "", 503),
    ({"": UNKNOWN}, 0, "", 503),
    ({"": SERVING, "shop.v1": NOT_SERVING}, 0, "shop.v1", 503),
    ({"": NOT_SERVING, "s" * 200: SERVING}, 0, "s" * 200, 200),
    ({"": SERVING}, 0, "nobody", 503),
    ({"": SERVING}, UNIMPLEMENTED, "", 503),
]


@pytest.mark.parametrize(("services", "code", "service", "status"), HEALTH)
def test_grpc_health(
    runner: asyncio.Runner, services: dict[str, int], code: int, service: str, status: int
) -> None:
    async def main() -> None:
        server = HealthServer(services, code)
        async with serving(server.talk) as port:
            assert await asked(probe(ProbeKind.GRPC, port, service=service)) == status
        (heard,) = server.heard
        assert heard[":path"] == "/grpc.health.v1.Health/Check"
        assert heard[":authority"] == f"{POD}:{port}"
        assert (heard[":method"], heard["te"], heard["content-type"]) == (
            "POST",
            "trailers",
            "application/grpc",
        )

    runner.run(main())


@pytest.mark.parametrize("said", [answer("200 OK"), b"", b"\0\0\0\x04\0\0\0\0\0garbage"])
def test_grpc_that_is_none(runner: asyncio.Runner, said: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        writer.close()

    async def main() -> None:
        async with serving(other) as port:
            assert await asked(probe(ProbeKind.GRPC, port)) == 502

    runner.run(main())


def test_h2_is_loaded_only_where_it_is_needed() -> None:
    code = "import sys, sidecar.ops.app_probes; sys.exit('h2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- the page ------------------------------------------------------------------------------------------------------------


async def page(port: int, path: str, peer: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(peer, 0))
    writer.write(f"GET {path} HTTP/1.1\r\nX-Port: 1\r\n\r\n".encode())
    told = await reader.read()
    writer.close()
    return told


def test_only_the_status_leaves(runner: asyncio.Runner) -> None:
    async def main() -> None:
        app = Application(answer("418 Teapot", "X-Secret: 4111111111111111", "Set-Cookie: a=b"))
        async with serving(app.talk) as port:
            callers = Callers(lambda _: PeerClass.UNKNOWN, ())
            probes = AppProbes((probe(ProbeKind.HTTP, port, path="/fixed"),), (POD,), callers)
            endpoint = Endpoint(probes.routes())
            await endpoint.start(["127.0.0.1"], 0)
            told = await page(endpoint.ports[0], "/app/shop/livez?path=/other&port=1")
            for path in ("/app/shop/readyz", "/app/shop/livez/", "/app/../app/shop/livez", "/app"):
                assert (await page(endpoint.ports[0], path)).startswith(b"HTTP/1.1 404 ")
            await endpoint.stop()
        assert [text.split()[1] for text in app.heard] == ["/fixed"]
        assert told.split(b"\r\n") == [
            b"HTTP/1.1 418 I'm a Teapot",
            b"Content-Type: text/plain",
            b"Content-Length: 0",
            b"Cache-Control: no-store",
            b"X-Content-Type-Options: nosniff",
            b"Connection: close",
            b"",
            b"",
        ]

    runner.run(main())


def test_who_may_not_ask_finds_nothing_and_nothing_is_asked(runner: asyncio.Runner) -> None:
    async def main() -> None:
        app = Application(answer("200 OK"))
        async with serving(app.talk) as port:
            callers = Callers(lambda _: PeerClass.UNKNOWN, (), lambda: frozenset({"x"}))
            callers.may = lambda peer, hook: not hook  # type: ignore[method-assign]  # all of this host is loopback
            for kind, status in ((ProbeKind.HTTP, b"200"), (ProbeKind.HOOK, b"404")):
                endpoint = Endpoint(AppProbes((probe(kind, port),), (POD,), callers).routes())
                await endpoint.start(["127.0.0.1"], 0)
                assert (await page(endpoint.ports[0], "/app/shop/livez")).split()[1] == status
                await endpoint.stop()
        assert len(app.heard) == 1

    runner.run(main())
