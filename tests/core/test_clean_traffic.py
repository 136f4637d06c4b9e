"""Clean traffic: what is released is what was sent, byte for byte and in order, and after the end nothing is left.

Both directions are interleaved as a network would, with pauses, and cut anywhere.
"""

from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.flow import Flow
from sidecar.core.inspection import Step
from sidecar.core.scopes import Mode
from tests.kit.cuts import pieces
from tests.kit.effort import effort
from tests.kit.engines import BLOCK_ALL, flow
from tests.kit.http import Conversation, conversation
from tests.kit.tls import client_hello, server_hello


class Wire:
    """One direction: what is sent, how much of that may be sent by now, and what came out."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.sent = 0
        self.out = b""

    def next(self, limit: int, rng: Random) -> bytes:
        size = rng.choice((1, 2, 7, 60, 1000))
        piece = self.stream[self.sent : min(self.sent + size, limit)]
        self.sent += len(piece)
        return piece


class Exchanged:
    """A conversation under way: no response begins before its request is complete, no tunnel before it is open."""

    def __init__(self, made: Conversation, one: Flow) -> None:
        tunnel = made.tunnel or (b"", b"")
        self.flow = one
        self.request = Wire(b"".join(made.requests) + tunnel[0])
        self.response = Wire(b"".join(made.responses) + tunnel[1])
        self._asked = _ends(made.requests)
        self._answered = _ends(made.responses)
        self._tunnel = made.tunnel is not None

    def run(self, rng: Random) -> None:
        while not self._done():
            self._event(rng)
        # Either side may be the first to end, and a pause may come before that.
        for last in rng.sample(["client", "server"], 2):
            self._idle(rng)
            self._close(last)

    def _done(self) -> bool:
        return all(wire.sent == len(wire.stream) for wire in (self.request, self.response))

    def _event(self, rng: Random) -> None:
        kind = rng.randrange(5)
        if kind == 0:
            self._idle(rng)
        elif kind < 3:
            self._feed(self.flow.client.feed, self.request, self._may_ask(), rng)
        else:
            self._feed(self.flow.server.feed, self.response, self._may_answer(), rng)

    def _may_ask(self) -> int:
        """The client waits with the first bytes of a tunnel until it is open."""
        closed = self._tunnel and self.response.sent < self._answered[-1]
        return self._asked[-1] if closed else len(self.request.stream)

    def _may_answer(self) -> int:
        """The server answers complete requests only."""
        complete = sum(end <= self.request.sent for end in self._asked)
        if complete == len(self._asked):
            return len(self.response.stream)
        return self._answered[complete - 1] if complete else 0

    def _feed(self, feed: Callable[[bytes], Step], wire: Wire, limit: int, rng: Random) -> None:
        piece = wire.next(limit, rng)
        if piece:
            self._take(wire, feed(piece))

    def _idle(self, rng: Random) -> None:
        if rng.random() < 0.5:
            self._take(self.request, self.flow.client_idle())
        else:
            self._take(self.response, self.flow.server_idle())

    def _close(self, side: str) -> None:
        if side == "client":
            self._take(self.request, self.flow.client_close())
        else:
            self._take(self.response, self.flow.server_close())

    def _take(self, wire: Wire, step: Step) -> None:
        assert step.verdict is None
        assert not step.findings
        wire.out += step.release
        assert wire.stream.startswith(wire.out), "what comes out is what was sent, in order"
        assert len(wire.out) <= wire.sent, "nothing comes out that was not sent"


def _ends(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[: at + 1])) for at in range(len(parts))] or [0]


def passes(exchanged: Exchanged, rng: Random) -> None:
    exchanged.run(rng)
    assert exchanged.request.out == exchanged.request.stream
    assert exchanged.response.out == exchanged.response.stream
    assert not exchanged.flow.waiting


@effort(300)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_http_passes_unchanged(what: int, how: int) -> None:
    made = conversation(Random(what))
    passes(Exchanged(made, flow(policy=BLOCK_ALL)), Random(how))


_NO_DIGITS = st.binary(max_size=600).map(lambda data: data.translate(None, b"0123456789"))


@effort(150)
@given(_NO_DIGITS, _NO_DIGITS, st.integers(0, 10**9))
def test_opaque_streams_pass_unchanged(asked: bytes, answered: bytes, how: int) -> None:
    made = Conversation(requests=[b"\x00" + asked], responses=[answered])
    passes(Exchanged(made, flow(policy=BLOCK_ALL)), Random(how))


@effort(150)
@given(st.text("0123456789 -.;=\n", max_size=200), st.integers(0, 10**9))
def test_streams_of_digits_pass_unless_something_is_found(text: str, how: int) -> None:
    """Near-misses are held and released all the time."""
    stream, rng, one = b"\x00" + text.encode(), Random(how), flow()
    cuts = [rng.randrange(len(stream) + 1) for _ in range(rng.randrange(10))]
    out = b""
    for piece in pieces(stream, cuts):
        step = one.client.feed(piece)
        idle = one.client_idle() if step.verdict is None and rng.random() < 0.2 else Step(b"")
        out += step.release + idle.release
        assert stream.startswith(out)
        if step.verdict or idle.verdict:
            return
    last = one.client_close()
    assert last.verdict is not None or out + last.release == stream


@effort(60)
@given(st.binary(max_size=400), st.binary(max_size=400), st.integers(0, 10**9))
def test_tls_passes_unchanged(asked: bytes, answered: bytes, how: int) -> None:
    made = Conversation(requests=[client_hello(), asked], responses=[server_hello(), answered])
    one = flow()
    passes(Exchanged(made, one), Random(how))
    one.client.feed(b"\x17")  # what the client sent before the answer was looked at, and may have waited
    assert one.encrypted


@effort(100)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_monitor_mode_delays_nothing(what: int, how: int) -> None:
    """Whatever arrives leaves in the same step, findings or not."""
    made, rng, one = conversation(Random(what)), Random(how), flow(Mode.MONITOR)
    cards = b"\r\nX-Card: 4111111111111111\r\n\r\n"
    for request in made.requests:
        for piece in pieces(request.replace(b"\r\n\r\n", cards, 1), [rng.randrange(400) for _ in range(4)]):
            step = one.client.feed(piece)
            assert step.release == piece
            assert step.verdict is None or not step.verdict.enforced
            assert one.client_idle().release == b""
    for response in made.responses:
        for piece in pieces(response, [rng.randrange(400) for _ in range(4)]):
            assert one.server.feed(piece).release == piece
            assert one.server_idle().release == b""
    assert one.client_close().release == b""
    assert one.server_close().release == b""
