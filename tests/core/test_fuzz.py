"""Any bytes, in any cutting, from both sides: never an exception, never a byte that was not sent, bounded memory.

`EngineError` is the only exception that may leave the core.  The fragments below are what parsers trip over.
"""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.masking import STAR
from sidecar.core.flow import Flow
from sidecar.core.inspection import Step
from sidecar.core.policy import Policy
from sidecar.core.scopes import Mode
from tests.kit.effort import DEEP, effort
from tests.kit.engines import ALERT_ALL, BLOCK_ALL, MASK_ALL, flow
from tests.kit.tls import client_hello, server_hello

HELD = 70 * 1024
"""Most that may be held besides what was just read: a head of 64 KiB and a little."""

PIECES = 500
"""Most into which what one side sends is cut: byte by byte only if it is no longer.  A deep run cuts everything so."""

GZIP = gzip.compress(b"card=4111111111111111;" * 3, mtime=0)
FRAGMENTS = [
    b"GET / HTTP/1.1\r\n", b"HEAD /x HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n", b"CONNECT a:1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 101 S\r\n", b"HTTP/1.0 204 N\r\n",
    b"HTTP/1.1 304 N\r\n", b"HTTP/1.1 000 x\r\n", b"PRI * HTTP/2.0\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 70000\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n", b"Connection: Upgrade\r\nUpgrade: x\r\n",
    b"Connection: close\r\n", b"Host: a\r\n", b"X: \xff\r\n", b"X : y\r\n", b" folded\r\n",
    b"\r\n", b"\r\n\r\n", b"\n", b"\n\n", b"\r", b"\x00", b" ", b":", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n",
    b"5;x=" + b"y" * 3000 + b"\r\nhello\r\n", b"1\r\nz\r\n" * 40, b"fffffffffffffff\r\n", b"0\r\nX: y\r\n\r\n",
    GZIP, GZIP[:20], GZIP[20:], zlib.compress(b"hello 4111111111111111 "), b"\x00\x00\x00\xff\xff" * 500,
    gzip.compress(b"", mtime=0) * 300, b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 5000,
    b"4111111111111111", b"41111111", b"4111 1111 1111 1111 ", b"DE89370400440532013000 ", b";", b"=",
    b"%B4111111111111111^DOE/JOHN^30121010000000000000000?", b"-----BEGIN PRIVATE KEY-----\n", b"x" * 9000,
    client_hello(), client_hello()[:7], server_hello(), b"\x16\x03\x01", b"\x15\x03\x03\x00\x02\x02\x28",
]  # fmt: skip

CLIENT, SERVER, CLIENT_PAUSE, SERVER_PAUSE = range(4)
fragments = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=30)), min_size=1, max_size=6
).map(b"".join)
events = st.lists(
    st.tuples(st.sampled_from([CLIENT, CLIENT, SERVER, SERVER, CLIENT_PAUSE, SERVER_PAUSE]), fragments)
)
size = st.sampled_from([1, 3, 100, 4096, 10**6])


class Ledger:
    """What went in and came out on one side."""

    def __init__(self, one: Flow, *, masks: bool) -> None:
        self.sent, self.out = [b"", b""], [b"", b""]
        self._flow = one
        self._masks = masks

    def event(self, kind: int, data: bytes) -> bool:
        """Whether the connection goes on."""
        one = self._flow
        if kind == CLIENT_PAUSE:
            return self._book(0, one.client_idle(), 0)
        if kind == SERVER_PAUSE:
            return self._book(1, one.server_idle(), 0)
        self.sent[kind] += data
        return self._book(kind, (one.client, one.server)[kind].feed(data), len(data))

    def close(self) -> None:
        one = self._flow
        if self._book(0, one.client_close(), 0) and self._book(1, one.server_close(), 0):
            assert self.out == self.sent or self._masks

    def _book(self, kind: int, step: Step, read: int) -> bool:
        start = len(self.out[kind])
        self.out[kind] += step.release
        sent, out = self.sent[kind], self.out[kind]
        assert len(out) <= len(sent)
        if self._masks:
            pairs = zip(out[start:], sent[start : len(out)], strict=True)
            assert all(new in (old, STAR) for new, old in pairs)
        else:
            assert sent.startswith(out)
        for finding in step.findings:
            assert "4111111111111111" not in repr(finding)
        if step.verdict is not None:
            assert "4111111111111111" not in repr(step.verdict)
            if step.verdict.enforced:
                return False
        assert len(sent) - len(out) <= HELD + read
        return True


@effort(150)
@given(events, size, size)
@pytest.mark.parametrize(
    ("mode", "policy"),
    [(Mode.PROTECT, Policy()), (Mode.PROTECT, MASK_ALL), (Mode.PROTECT, ALERT_ALL), (Mode.PROTECT, BLOCK_ALL),
     (Mode.MONITOR, Policy())],
    ids=["default", "mask", "alert", "block", "monitor"],
)  # fmt: skip
def test_nothing_but_steps_comes_out(
    mode: Mode, policy: Policy, happened: list[tuple[int, bytes]], client: int, server: int
) -> None:
    one = flow(mode, policy)
    ledger = Ledger(one, masks=policy is MASK_ALL)
    for kind, data in happened:
        step = max(client if kind == CLIENT else server, 1 if DEEP else len(data) // PIECES)
        for at in range(0, len(data), step):
            if not ledger.event(kind, data[at : at + step]):
                return
    ledger.close()
