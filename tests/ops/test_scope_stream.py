"""The scope stream against a controller that speaks the real protocol over real TLS: what is taken, and every end."""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread

import pytest
import uvloop

from sidecar.core.scope_feed import Change, NewMap, NewPolicy, ScopeFeed, encode_delta
from sidecar.core.scopes import PeerClass, ScopeMap
from sidecar.ops import scope_stream
from sidecar.ops.kinds import Origin
from sidecar.ops.metrics import Metrics
from sidecar.ops.scope_api import Access
from sidecar.ops.scope_stream import ScopeStream
from tests.ops.controller import Controller, controlled
from tests.ops.pki import Authority, authority

IN, OUT = PeerClass.IN_SCOPE, PeerClass.OUT_OF_SCOPE
POLICY = "apiVersion: cdefence.io/v1\nkind: Policy\n"


@dataclass
class Heard:
    """A listener that notes what it is told."""

    maps: list[ScopeMap] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)

    def new_map(self, change: NewMap) -> None:
        self.maps.append(change.scopes)

    async def new_policy(self, change: NewPolicy) -> None:
        await asyncio.sleep(0)
        self.policies.append(change.text)

    def heard(self, age: float) -> None:
        self.ages.append(age)

    def who(self, ip: str) -> PeerClass:
        return self.maps[-1].classify(ip)


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_stream, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(scope_stream, "LONGEST_WAIT_S", 0.05)


@dataclass
class Pair:
    """A controller and a stream that follows it."""

    controller: Controller
    access: Access
    heard: Heard
    metrics: Metrics

    def follow(self, test: "Callable[[Pair], Awaitable[None]]") -> None:
        """Run the stream and the test, on the loop that the relay uses."""

        async def main() -> None:
            stream = ScopeStream(self.access, self.heard, self.metrics)
            task = asyncio.create_task(stream.run())
            try:
                async with asyncio.timeout(120):
                    await test(self)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())


@contextmanager
def pair(
    ca: Authority, folder: Path, controller: Controller | None = None, name: str = "localhost"
) -> Iterator[Pair]:
    """Both, with token and CA files in `folder`."""
    context = ca.server(folder, name)
    (folder / "ca.crt").write_text(ca.pem)
    (folder / "token").write_text("token-1\n")
    with (
        socket.create_server(("127.0.0.1", 0)) as sock,
        controlled(controller or Controller(), context, sock) as made,
    ):
        access = Access(Origin("localhost", made.port), folder / "token", folder / "ca.crt")
        yield Pair(made, access, Heard(), Metrics())


async def until(look: Callable[[], object]) -> None:
    """Wait until something is true; the runner bounds the time."""
    while not look():
        await asyncio.sleep(0.002)


def test_map_policy_and_heartbeats(ca: Authority, tmp_path: Path) -> None:
    async def test(pair: Pair) -> None:
        controller, heard = pair.controller, pair.heard
        await until(lambda: heard.maps)
        assert heard.policies == [POLICY]  # told before the map
        assert (heard.who("10.0.0.1"), heard.who("10.0.0.2")) == (IN, PeerClass.UNKNOWN)
        assert pair.metrics.scope_stream_connected
        await asyncio.to_thread(controller.put, ("10.0.0.2", None, OUT), ("10.96.0.1", 80, IN))
        await until(lambda: len(heard.maps) == 2)
        assert heard.who("10.0.0.2") is OUT
        assert heard.maps[-1].is_service("10.96.0.1", 80)
        await asyncio.to_thread(controller.put, drop=(("10.0.0.1", None),))
        await until(lambda: len(heard.maps) == 3)
        assert heard.who("10.0.0.1") is PeerClass.UNKNOWN
        await asyncio.to_thread(controller.set_policy, POLICY + "mode: monitor\n")
        await until(lambda: len(heard.policies) == 2)
        await asyncio.to_thread(controller.beat)
        await until(lambda: len(heard.ages) == 5)
        assert pair.metrics.scope_stream_reconnects == 0
        assert controller.requests == ["/v1/scopes token-1"]

    controller = Controller(entries={("10.0.0.1", None): IN}, policy=POLICY)
    with pair(ca, tmp_path, controller) as both:
        both.follow(test)


def test_the_map_is_as_old_as_the_controllers_knowledge(ca: Authority, tmp_path: Path) -> None:
    """A controller that has lost its API server says so, and a delta that only time has made does not hide it."""

    async def test(pair: Pair) -> None:
        await until(lambda: pair.heard.maps)
        pair.controller.age = 40
        await asyncio.to_thread(pair.controller.beat)
        await asyncio.to_thread(pair.controller.put, ("10.0.0.2", None, OUT))
        pair.controller.age = 0
        await asyncio.to_thread(pair.controller.beat)
        await until(lambda: len(pair.heard.ages) == 4)
        assert pair.heard.ages == [0.0, 40.0, 40.0, 0.0]

    with pair(ca, tmp_path) as both:
        both.follow(test)


def test_the_loop_goes_on_while_a_large_map_is_read(ca: Authority, tmp_path: Path) -> None:
    entries = {(f"10.1.{n // 250}.{n % 250}", None): IN for n in range(40_000)}
    threads: set[str] = set()
    real = ScopeFeed.line

    def line(self: ScopeFeed, line: bytes) -> Change:
        threads.add(current_thread().name)
        return real(self, line)

    async def test(pair: Pair) -> None:
        await until(lambda: pair.heard.maps)
        assert pair.heard.maps[0].counts()[IN] == 40_000
        assert "MainThread" not in threads
        await asyncio.to_thread(pair.controller.beat)
        await until(lambda: len(pair.heard.ages) == 2)
        assert "MainThread" in threads  # a short line is not worth a thread

    with pair(ca, tmp_path, Controller(entries=dict(entries))) as both, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScopeFeed, "line", line)
        both.follow(test)


SILENT = "no answer in time"

# What ends a stream, and what the log says of it.  Each time the sidecar comes back, and is told everything anew.
ENDS: list[tuple[Callable[[Controller], None], str]] = [
    (lambda it: it.resync(), "resync: the controller asks for it"),
    (lambda it: it.hang_up(), "the answer is no whole HTTP message"),
    (lambda it: it.say(lambda: b"nonsense\n"), "garbage: a line that is no JSON"),
    (
        lambda it: it.say(lambda: encode_delta(it.seq + 1, {}, (), 1)),
        "mismatch: the state is not what its hash says",
    ),
    (lambda it: it.say(lambda: encode_delta(it.seq + 2, {}, (), it.state)), "order: delta 2 after 0"),
    (lambda it: it.say(lambda: b'{"type":"heart'), SILENT),
    (lambda it: None, SILENT),
]


@pytest.mark.parametrize(("end", "why"), ENDS, ids=[f"{n}-{why[:20]}" for n, (_, why) in enumerate(ENDS)])
def test_it_comes_back_after_any_end(
    ca: Authority,
    tmp_path: Path,
    end: Callable[[Controller], None],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(scope_stream, "SILENCE_S", 0.5 if why == SILENT else 60.0)
    caplog.set_level(logging.INFO)

    async def test(pair: Pair) -> None:
        await until(lambda: pair.heard.maps)
        await asyncio.to_thread(end, pair.controller)
        await until(lambda: len(pair.heard.maps) >= 2 and pair.metrics.scope_stream_connected)
        assert pair.metrics.scope_stream_reconnects >= 1
        assert any(why in record.getMessage() for record in caplog.records), caplog.text

    with pair(ca, tmp_path) as both:
        both.follow(test)


def test_nothing_of_a_bad_line_is_taken(ca: Authority, tmp_path: Path) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.heard.maps)
        pair.controller.status = 503
        bad = encode_delta(1, {("10.0.0.1", None): IN}, (), 0)
        await asyncio.to_thread(pair.controller.say, lambda: bad)
        await until(lambda: len(pair.controller.requests) > 3)
        assert len(pair.heard.maps) == 1
        assert pair.heard.who("10.0.0.1") is PeerClass.UNKNOWN
        assert not pair.metrics.scope_stream_connected

    with pair(ca, tmp_path) as both:
        both.follow(test)


def test_a_controller_that_refuses_or_is_not_there_is_asked_again(
    ca: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: len(pair.controller.requests) > 2)
        assert not pair.heard.maps
        assert not pair.heard.ages
        pair.controller.status = 200
        await until(lambda: pair.heard.maps)
        assert caplog.text.count("answers 403") == 1  # told once, not at every attempt

    with pair(ca, tmp_path, Controller(status=403)) as both:
        both.follow(test)


def test_a_new_token_is_used_for_the_next_connection(ca: Authority, tmp_path: Path) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.heard.maps)
        pair.access.token.write_text("token-2\n")
        await asyncio.to_thread(pair.controller.resync)
        await until(lambda: len(pair.heard.maps) == 2)
        assert pair.controller.requests == ["/v1/scopes token-1", "/v1/scopes token-2"]

    with pair(ca, tmp_path) as both:
        both.follow(test)


def test_a_new_ca_is_used_for_the_next_connection(ca: Authority, tmp_path: Path) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.metrics.scope_stream_reconnects > 1)
        assert pair.controller.requests == []
        pair.access.ca.write_text(authority("old").pem + ca.pem)
        await until(lambda: pair.heard.maps)

    with pair(ca, tmp_path) as both:
        both.access.ca.write_text(authority().pem)
        both.follow(test)


# What is wrong with the other end or our files, and what is said of it.
DISTRUST: list[tuple[Callable[[Pair], None], str]] = [
    (
        lambda it: it.access.ca.write_text(authority().pem) and None,
        "is not to be trusted: unable to get local issuer",
    ),
    (lambda it: it.access.ca.write_text("nothing") and None, "no CA certificates: .* holds none in PEM form"),
    (lambda it: it.access.ca.unlink(), "no CA certificates: .*No such file"),
    (lambda it: it.access.token.unlink(), "no token: .*No such file"),
    (lambda it: it.access.token.write_text("a\r\nX: y") and None, "no token: .* does not hold one"),
    (lambda it: it.access.token.write_text("\n") and None, "no token: .* does not hold one"),
]


@pytest.mark.parametrize(("spoil", "said"), DISTRUST, ids=[said[:25] for _, said in DISTRUST])
def test_no_word_to_whom_we_do_not_trust(
    ca: Authority, tmp_path: Path, spoil: Callable[[Pair], None], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.metrics.scope_stream_reconnects > 1)
        assert pair.controller.requests == []
        assert re.search(said, caplog.text), caplog.text

    with pair(ca, tmp_path) as both:
        spoil(both)
        both.follow(test)


def test_the_certificate_must_be_the_services(
    ca: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.metrics.scope_stream_reconnects > 1)
        assert pair.controller.requests == []
        assert "is not to be trusted: Hostname mismatch" in caplog.text

    with pair(ca, tmp_path, name="somebody.else") as both:
        both.follow(test)


def test_old_tls_is_refused(ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Authority.server

    def old(self: Authority, folder: Path, *names: str) -> ssl.SSLContext:
        context = real(self, folder, *names)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    monkeypatch.setattr(Authority, "server", old)

    async def test(pair: Pair) -> None:
        await until(lambda: pair.metrics.scope_stream_reconnects > 1)
        assert pair.controller.requests == []

    with pair(ca, tmp_path) as both:
        both.follow(test)


def test_a_name_that_does_not_resolve_is_tried_again(
    ca: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        await until(lambda: pair.metrics.scope_stream_reconnects > 1)
        assert "https://scopes.invalid:8443 cannot be reached" in caplog.text

    with pair(ca, tmp_path) as both:
        both.access = Access(Origin("scopes.invalid", 8443), both.access.token, both.access.ca)
        both.follow(test)
