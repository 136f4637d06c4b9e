"""Questions about single peers: answers, budget, bounds, and connections that are used again."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from sidecar.core.scopes import PeerClass
from sidecar.ops import scope_lookup
from sidecar.ops.kinds import Origin
from sidecar.ops.metrics import Lookup, Metrics
from sidecar.ops.scope_api import Access
from sidecar.ops.scope_lookup import MOST_AT_ONCE, ScopeLookup
from tests.ops.controller import Controller, controlled
from tests.ops.pki import authority

IN, OUT, UNKNOWN = PeerClass.IN_SCOPE, PeerClass.OUT_OF_SCOPE, PeerClass.UNKNOWN
KNOWN = {("10.0.0.1", None): IN, ("10.96.0.1", 443): OUT, ("fd00::1", None): IN, ("10.0.0.9", None): UNKNOWN}

type Test = Callable[[ScopeLookup, Controller, Metrics], Awaitable[None]]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Test], None]:
    """Runs a test that asks a controller."""
    ca = authority()
    context = ca.server(tmp_path, "localhost")
    (tmp_path / "ca.crt").write_text(ca.pem)
    (tmp_path / "token").write_text("token-1")

    async def main(test: Test, controller: Controller) -> None:
        metrics = Metrics()
        access = Access(Origin("localhost", controller.port), tmp_path / "token", tmp_path / "ca.crt")
        lookup = ScopeLookup(access, metrics)
        async with asyncio.timeout(120):
            await test(lookup, controller, metrics)
        await lookup.close()

    def run(test: Test) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as sock,
            controlled(Controller(known=dict(KNOWN)), context, sock) as controller,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(main(test, controller))

    return run


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, a question is answered in time and an answer is still remembered."""
    monkeypatch.setattr(scope_lookup, "BUDGET_S", 60.0)
    monkeypatch.setattr(scope_lookup, "FORGET_S", 600.0)


@pytest.mark.usefixtures("_patient")
def test_answers_and_one_connection_for_all(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        asked = [*KNOWN, ("10.0.0.2", None), ("10.96.0.1", 80)]
        answers = [await lookup.ask(*key) for key in asked]
        assert answers == [IN, OUT, IN, UNKNOWN, UNKNOWN, UNKNOWN]
        assert controller.requests[1] == "/v1/scopes/10.96.0.1?port=443 token-1"
        assert controller.connections == 1
        assert metrics.scope_lookups == {Lookup.FOUND: 3, Lookup.UNKNOWN: 3, Lookup.FAILED: 0}

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_an_unknown_peer_is_not_asked_about_again_for_a_while(
    ask: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        for _ in range(3):
            assert await lookup.ask("10.0.0.2", None) is UNKNOWN
        assert len(controller.requests) == 1
        monkeypatch.setattr(scope_lookup, "FORGET_S", 0.0)
        assert await lookup.ask("10.0.0.3", None) is UNKNOWN
        controller.known["10.0.0.3", None] = IN
        assert await lookup.ask("10.0.0.3", None) is IN
        for _ in range(2):  # what is known is asked about each time: only the map keeps it
            assert await lookup.ask("10.0.0.1", None) is IN
        assert len(controller.requests) == 5

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_many_who_ask_the_same_are_one_question(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        answers = await asyncio.gather(*(lookup.ask("10.0.0.1", None) for _ in range(100)))
        assert answers == [IN] * 100
        assert len(controller.requests) == 1

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_one_question_too_many_is_not_asked(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        controller.known |= {(f"10.0.1.{n}", None): IN for n in range(50)}
        answers = await asyncio.gather(*(lookup.ask(f"10.0.1.{n}", None) for n in range(50)))
        assert answers == [IN] * MOST_AT_ONCE + [UNKNOWN] * (50 - MOST_AT_ONCE)
        assert await lookup.ask("10.0.1.49", None) is IN

    ask(test)


def test_an_answer_that_does_not_come_in_time_is_unknown(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        controller.lookup_delay = 30.0
        assert await lookup.ask("10.0.0.1", None) is UNKNOWN
        assert metrics.scope_lookups[Lookup.FAILED] == 1
        assert lookup._free == []  # an answer that comes late is nobody's

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_a_connection_that_the_controller_closed_is_not_used_again(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        controller.keep_alive = False
        assert await lookup.ask("10.0.0.1", None) is IN
        while lookup._free[0].reusable:
            await asyncio.sleep(0.001)
        assert await lookup.ask("fd00::1", None) is IN
        assert controller.connections == 2

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_an_answer_about_somebody_else_is_none(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        real = controller._lookup

        async def wrong(path: str, writer: asyncio.StreamWriter) -> None:
            await real("/v1/scopes/10.0.0.1", writer)

        controller._lookup = wrong  # type: ignore[method-assign]
        assert await lookup.ask("10.0.0.7", None) is UNKNOWN
        assert metrics.scope_lookups[Lookup.FAILED] == 1

    ask(test)


@pytest.mark.usefixtures("_patient")
def test_nobody_there_is_unknown_and_not_asked_again_for_a_while(ask: Callable[[Test], None]) -> None:
    async def test(lookup: ScopeLookup, controller: Controller, metrics: Metrics) -> None:
        access = Access(Origin("127.0.0.1", 1), lookup._access.token, lookup._access.ca)
        alone = ScopeLookup(access, metrics)
        for _ in range(2):
            assert await alone.ask("10.0.0.1", None) is UNKNOWN
        assert metrics.scope_lookups[Lookup.FAILED] == 1
        await alone.close()

    ask(test)
