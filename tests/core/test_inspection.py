"""One direction of one connection: when values are told, what is held meanwhile, what is masked, what a pause lets go."""

import gzip
import tracemalloc
import zlib

import pytest

from dlp_patterns.sums import luhn
from sidecar.core.decode.http1 import CHUNK_OVERHEAD_LIMIT
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.hits import NOBODY, EngineError, Hit, Hold, Matcher
from sidecar.core.inspection import FINDINGS_LIMIT
from sidecar.core.inspector import AHEAD
from sidecar.core.policy import DlpRule, Policy
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Mode
from tests.kit.cuts import Outcome, bytewise, outcome, pieces
from tests.kit.engines import ALERT_ALL, MASK_ALL, flow, hyperscan
from tests.kit.script import (
    Answer,
    Blocked,
    ClientClosed,
    ClientPaused,
    Found,
    Payload,
    Released,
    Reported,
    ServerClosed,
    ServerPaused,
    script,
)

VISA = b"4111111111111111"
SHOWN = "411111******1111"
MASKED = SHOWN.encode()
IBAN = b"DE89370400440532013000"
BLANK = b" " * 200
"""More than anything waits for."""


def sent(wire: bytes, policy: Policy | None = None, cut: list[bytes] | None = None) -> Outcome:
    """What comes of a client that sends `wire` and ends."""
    one = flow(policy=policy)
    return outcome(lambda data: one.client.feed(data), [wire] if cut is None else cut, one.client_close)


def chunks(*parts: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


PROXY_HEADERS = {
    "1": b"PROXY TCP4 10.77.0.30 10.77.0.12 40000 8080\r\n",
    "2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes.fromhex("0a4d001e0a4d000c9c401f90"),
}


@pytest.mark.parametrize("header", PROXY_HEADERS.values(), ids=PROXY_HEADERS)
def test_http_behind_a_header_of_the_proxy_protocol_is_http(header: bytes) -> None:
    """As a plain stream, chunks would tear the number apart."""
    for parts in ((b"card=4111 ", b"1111", b" 1111 1111"), (b"hello",)):
        wire = header + chunks(*parts)
        for cut in ([wire], [header, wire[len(header) :]], bytewise(wire)):
            seen = sent(wire, None, cut)
            if len(parts) == 1:
                assert seen.released == wire
            else:
                assert [finding.shown for finding in seen.findings] == ["4111 11** **** 1111"]
                assert seen.verdict is not None
                assert b"1111 1111" not in seen.released


def test_a_header_of_the_proxy_protocol_that_left_in_a_pause_is_not_sent_twice():
    header, request = PROXY_HEADERS["1"], chunks(b"hello")
    assert (
        script(flow())
        >> Payload(header)
        >> ClientPaused()
        << Released(header)
        >> Payload(request)
        << Released(request)
    )


# --- which value it is ------------------------------------------------------------------------------------------------


def long_number_with_a_short_one_in_it() -> bytes:
    """A card number of 19 digits in groups, whose first 16 are a card number too; made here."""
    short = b"620550000000000"
    short += luhn.check_digit(short)
    number = next(n for n in (short + b"%02d" % at for at in range(100)) if luhn.check_digit(n) != b"0")
    number += luhn.check_digit(number)
    return b" ".join((number[:4], number[4:8], number[8:12], number[12:16], number[16:]))


def test_of_two_values_that_begin_together_the_longer_is_told():
    number = long_number_with_a_short_one_in_it()
    shown = number[:7] + b"** **** ***" + number[18:]
    wire = b"\x00%b;\n" % number
    for cut in ([wire], bytewise(wire)):
        seen = sent(wire, MASK_ALL, cut)
        assert [finding.shown.encode() for finding in seen.findings] == [shown]
        assert seen.released == b"\x00%b;\n" % shown


def test_what_one_value_hides_another_does_not_show():
    """Two numbers share three groups: the first six digits of the second are in the middle of the first."""
    seen = sent(b"\x00 4000 0000 0000 0002 0000 0000 0000 00;" + BLANK, MASK_ALL)
    out = seen.released.split(b";")[0]
    for finding in seen.findings:
        hidden = (at for at, char in enumerate(finding.shown) if char == "*")
        assert {out[finding.offset + at] for at in hidden} == {ord("*")}


@pytest.mark.parametrize(
    ("decoy", "token", "pattern"),
    [
        (b"xoxb-xxxxxxxxxxxxxxxxxxxx-", b"xoxb-962688577952-1497334115126-AEFvXHn49zrr2GwvqM5XNZA6", "secrets/slack_token"),
        (b"AB12 ", b"DE89 3704 0044 0532 0130 00", "pii/iban"),
    ],
)  # fmt: skip
def test_a_decoy_does_not_hide_the_value_behind_it(decoy: bytes, token: bytes, pattern: str) -> None:
    seen = sent(b"\x00 " + decoy + token + b";\n", ALERT_ALL)
    assert [finding.pattern for finding in seen.findings] == [pattern]
    assert seen.findings[0].offset == 2 + len(decoy)


# --- what is held -------------------------------------------------------------------------------------------------------


def test_a_known_end_of_the_message_waits_for_nothing():
    wire = b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n41111111"
    assert script(flow()) >> Payload(wire) << Released(wire)


def test_an_alert_is_not_held():
    assert (
        script(flow(policy=ALERT_ALL))
        >> Payload(b"\x00%b;" % VISA)
        << Released(b"\x00%b;" % VISA)
        >> Payload(BLANK)
        << Released(BLANK)
        << Found("pci/pan", SHOWN)
        >> ClientClosed()
    )


def test_a_value_is_held_until_all_that_matters_behind_it_is_known():
    one = flow()
    one.client.feed(b"\x00%b;" % VISA)
    for _ in range(AHEAD - 1):
        step = one.client.feed(b" ")
        assert step.verdict is None
        assert step.release == b""
    assert one.client.feed(BLANK).verdict is not None


def test_framing_cannot_make_us_hold_without_limit():
    """A value that may still grow, then chunks of one byte whose size lines are full of nothing."""
    one = flow()
    one.client.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n4111\r\n")
    held = 0
    while (step := one.client.feed(b"1;%b\r\n1\r\n" % (b"x" * 1000))).verdict is None:
        held += 1010 - len(step.release)
        assert held <= CHUNK_OVERHEAD_LIMIT + 4096
    assert step.verdict.reason is Reason.MALFORMED_HTTP


def test_compressed_nothing_cannot_make_us_hold_without_limit():
    """A value that may still grow, then blocks of deflate that open to nothing, for ever."""
    packer = zlib.compressobj(wbits=31)
    start = packer.compress(b"card=41111111") + packer.flush(zlib.Z_FULL_FLUSH)
    one = flow(policy=Policy(dlp=(DlpRule("let", Action.ALERT, klass=FindingClass.UNSCANNABLE),)))
    one.client.feed(b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 9999999\r\n\r\n" + start)
    nothing, fed, released = b"\x00\x00\x00\xff\xff" * 200, 0, 0
    while True:
        step = one.client.feed(nothing)
        fed, released = fed + len(nothing), released + len(step.release)
        assert fed - released < 64 * 1024
        if step.findings:
            break
    assert [finding.kind for finding in step.findings] == ["too_large"]
    assert one.client.uninspected[Reason.TOO_LARGE] > 0


def test_many_tiny_chunks_in_one_read_take_no_time_worth_mentioning():
    """Quadratic work would take minutes here; the test's own time limit is the judge."""
    wire = chunks(*[b"x"] * 60_000)
    assert sent(wire).released == wire


def test_a_long_stream_of_alerts_costs_no_memory():
    one = flow(policy=ALERT_ALL)
    record = b"\x00%b;" % IBAN + BLANK
    for _ in range(500):
        one.client.feed(record)
    tracemalloc.start()
    for _ in range(2000):
        one.client.feed(record)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000


def test_alerts_are_told_one_by_one_up_to_a_limit_per_message():
    body = b"\n".join([IBAN] * (FINDINGS_LIMIT + 50))
    wire = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    one = flow(
        policy=Policy(dlp=(DlpRule("each counts", Action.ALERT, klass=FindingClass.PII, at_least=1000),))
    )
    assert len(one.client.feed(wire).findings) == FINDINGS_LIMIT
    assert len(one.client.feed(wire).findings) == FINDINGS_LIMIT
    many = b"\n".join([IBAN] * FINDINGS_LIMIT + [VISA])
    last = one.client.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(many) + many)
    assert last.verdict is not None, "the limit is for alerts only"


# --- masking ------------------------------------------------------------------------------------------------------------


def test_a_value_spread_over_chunks_is_masked_chunk_by_chunk():
    plain, masked = (
        chunks(b"card=411", b"1111", b"111111111 ok"),
        chunks(b"card=411", b"111*", b"*****1111 ok"),
    )
    for cut in ([plain], bytewise(plain), pieces(plain, range(0, len(plain), 7))):
        seen = sent(plain, MASK_ALL, cut)
        assert seen.verdict is None
        assert seen.released == masked


def test_masking_reaches_heads_extensions_and_trailers():
    wire = (
        b"POST /?c=%b HTTP/1.1\r\nX-Card: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;c=%b\r\nok\r\n0\r\nX-Card: %b\r\n\r\n"
    ) % ((VISA,) * 4)
    seen = sent(wire, MASK_ALL)
    assert seen.released == wire.replace(VISA, MASKED)
    assert [finding.part for finding in seen.findings] == ["head", "head", "framing", "framing"]


def test_a_compressed_body_cannot_be_masked_and_is_blocked():
    body = gzip.compress(VISA, mtime=0)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    seen = sent(head + body, MASK_ALL)
    assert seen.verdict is not None
    assert seen.verdict.reason is Reason.PAN_IN_CLEARTEXT
    assert seen.released == b""


def test_a_response_is_masked_too():
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
    request = b"GET / HTTP/1.1\r\n\r\n"
    assert (
        script(flow(policy=MASK_ALL))
        >> Payload(request)
        << Released(request)
        >> Answer(response)
        >> Answer(VISA)
        << Released(response + MASKED)
        << Found("pci/pan", SHOWN)
    )


# --- pauses ---------------------------------------------------------------------------------------------------------------


def test_a_pause_releases_a_tail_that_is_no_whole_value():
    assert (
        script(flow())
        >> Payload(b"\x00card 4111111")
        << Released(b"\x00card 411")
        >> ClientPaused()
        << Released(b"1111")
        >> ClientPaused()
        >> Payload(b" ok")
        << Released(b" ok")
        >> ClientClosed()
    )


def test_a_pause_judges_a_tail_that_is_a_whole_value():
    assert (
        script(flow())
        >> Payload(b"\x00card " + VISA)
        << Released(b"\x00card 411111")
        >> ClientPaused()
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )


def test_a_value_is_told_once_whatever_pauses():
    assert (
        script(flow(policy=MASK_ALL))
        >> Payload(b"\x00card " + VISA)
        << Released(b"\x00card 4")
        >> ClientPaused()
        << Released(b"11111******1111")
        << Found("pci/pan", SHOWN)
        >> Payload(b";" + BLANK)
        << Released(b";" + BLANK)
        >> ClientClosed()
    )


def test_what_has_left_in_a_pause_cannot_be_masked_any_more():
    assert (
        script(flow(policy=MASK_ALL))
        >> Payload(b"\x00card 41111111")
        << Released(b"\x00card 4")
        >> ClientPaused()
        << Released(b"1111111")
        >> Payload(b"11111111;" + BLANK)
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )


def test_a_number_that_trickles_in_is_not_released_digit_by_digit():
    one, out = flow(), b""
    for digit in bytewise(b"\x00" + VISA):
        step = one.client.feed(digit)
        paused = one.client_idle() if step.verdict is None else step
        out += step.release + (paused.release if paused is not step else b"")
        if paused.verdict is not None:
            break
    assert paused.verdict is not None
    assert len(out) - 1 < 13


def test_a_response_head_waits_for_the_first_of_its_body_so_that_it_can_be_replaced():
    request = b"GET / HTTP/1.1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
    assert (
        script(flow())
        >> Payload(request)
        << Released(request)
        >> Answer(head)
        >> Answer(VISA)
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )
    assert (
        script(flow())
        >> Payload(request)
        << Released(request)
        >> Answer(head)
        >> ServerPaused()
        << Released(head)
        >> Answer(VISA)
        << Found("pci/pan", SHOWN)
        << Blocked(Reason.PAN_IN_CLEARTEXT)
    )
    assert (
        script(flow())
        >> Payload(request)
        << Released(request)
        >> Answer(head)
        >> ServerClosed()
        << Released(head)
    )


@pytest.mark.parametrize(
    ("cut", "untouched"),
    [
        (["head+body"], True),
        (["head", "body"], True),
        (["he", "ad", "bo", "dy"], True),
        (["head", "pause", "body"], False),
        (["head", "begin", "body"], False),
    ],
)
@pytest.mark.parametrize("malformed", [False, True])
def test_a_response_can_be_replaced_while_none_of_it_has_left(
    cut: list[str], untouched: bool, malformed: bool
) -> None:
    bad = b"x\r\n" if malformed else b"10\r\n%b\r\n0\r\n\r\n" % VISA
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = {"head": head, "he": head[:9], "ad": head[9:], "begin": b"2\r\nok\r\n", "body": bad, "bo": bad[:1],
             "dy": bad[1:], "head+body": head + bad}  # fmt: skip
    one = flow()
    one.client.feed(b"GET / HTTP/1.1\r\n\r\n")
    steps = [one.server_idle() if name == "pause" else one.server.feed(parts[name]) for name in cut]
    verdict = next(step.verdict for step in steps if step.verdict is not None)
    assert verdict.untouched is untouched


# --- modes, limits, errors ----------------------------------------------------------------------------------------------


def test_monitor_mode_goes_on_with_a_plain_stream_behind_malformed_http():
    bad = b"GET / HTTP/1.1\r\nA : b\r\nX-Card: %b\r\n\r\n" % VISA
    for cut in ([bad], [bad[:20], bad[20:]], bytewise(bad)):
        one = flow(Mode.MONITOR)
        seen = outcome(lambda data, one=one: one.client.feed(data), cut, one.client_close)
        assert seen.released == bad
        assert seen.verdict is not None
        assert not seen.verdict.enforced
        assert seen.verdict.reason is Reason.MALFORMED_HTTP
        assert [finding.shown for finding in seen.findings] == [SHOWN]


def test_discover_and_monitor_only_report():
    wire = b"\x00%b;" % VISA + BLANK
    for mode in (Mode.DISCOVER, Mode.MONITOR):
        assert (
            script(flow(mode))
            >> Payload(wire)
            << Released(wire)
            << Found("pci/pan", SHOWN)
            >> ClientPaused()
            >> ClientClosed()
        )
    assert (
        script(flow(Mode.MONITOR))
        >> Payload(b"GET / HTTP/1.2\r\n\r\n")
        << Released(b"GET / HTTP/1.2\r\n\r\n")
        << Reported(Reason.MALFORMED_HTTP)
    )


UNSCANNABLE = {
    "compress": (b"compress", b"\x1f\x9d\x90hello", "content coding: compress"),
    "two codings": (b"gzip, compress", b"xx", "content coding: several or unknown"),
    "no brotli": (b"br", b"\x21hello, world", "body does not match its content coding"),
    "no zstd": (b"zstd", b"hello, world", "body does not match its content coding"),
    "a coding of the peer's own": (VISA, b"xx", "content coding: several or unknown"),
    "no gzip": (b"gzip", b"hello, world", "body does not match its content coding"),
    "behind the end of deflate": (b"deflate", zlib.compress(b"a") + b"b", "data behind the end of a deflate body"),
}  # fmt: skip


@pytest.mark.parametrize(("coding", "body", "shown"), UNSCANNABLE.values(), ids=UNSCANNABLE)
def test_what_cannot_be_read_is_reported_counted_and_passed_by_default(
    coding: bytes, body: bytes, shown: str
) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
    one = flow(policy=Policy(dlp=(DlpRule("let", Action.ALERT),)))
    for cut in ([head + body], [head, body], bytewise(head + body)):
        step = [one.client.feed(piece) for piece in cut]
        assert b"".join(each.release for each in step) == head + body
        found = [finding for each in step for finding in each.findings if finding.pattern == "unscannable"]
        assert [(each.shown, each.klass) for each in found] == [(shown, FindingClass.UNSCANNABLE)]
    assert one.client.uninspected[Reason.UNSUPPORTED_ENCODING] > 0


def gzip_name(name: bytes) -> bytes:
    return b"\x1f\x8b\x08\x08" + bytes(6) + name + b"\x00" + gzip.compress(b"hello")[10:]


LIES = {
    "no gzip": (b"gzip", b"card=%b" % VISA),
    "no gzip, from the first byte": (b"gzip", VISA),
    "no deflate": (b"deflate", b"card=%b&x=1" % VISA),
    "no brotli": (b"br", b"card=%b" % VISA + BLANK),
    "no coding that there is": (b"x-none", VISA),
    "twice": (b"gzip, gzip", VISA),
    "the name in a gzip header": (b"gzip", gzip_name(b" %b " % VISA)),
    "behind the end of gzip": (b"gzip", gzip.compress(b"hello") + b" " + VISA),
    "behind the end of deflate": (b"deflate", zlib.compress(b"hello") + b" " + VISA + BLANK),
}


MASK_PANS = Policy(dlp=(DlpRule("mask", Action.MASK, pattern="pci/pan"),))


@pytest.mark.parametrize("policy", [None, MASK_PANS], ids=["default", "mask"])
@pytest.mark.parametrize(("coding", "body"), LIES.values(), ids=LIES)
def test_a_coding_that_is_only_claimed_hides_nothing(
    coding: bytes, body: bytes, policy: Policy | None
) -> None:
    """A receiver that does not care for Content-Encoding reads the bytes as they are, and so do we."""
    head = b"POST / HTTP/1.1\r\nContent-Encoding: %b\r\n" % coding
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    chunked += b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    for wire in (whole, chunked):
        for cut in ([wire], bytewise(wire)):
            seen = sent(wire, policy, cut)
            assert VISA not in seen.released.replace(b"\r\n1\r\n", b"")
            assert SHOWN in [finding.shown for finding in seen.findings]


def test_a_stored_value_is_told_once():
    body = gzip.compress(b"card=%b&x=1" % VISA, 0)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    for cut in ([head + body], [head, body], bytewise(head + body)):
        seen = sent(head + body, ALERT_ALL, cut)
        assert [finding.shown for finding in seen.findings] == [SHOWN]
        assert seen.released == head + body


@pytest.mark.parametrize("action", [Action.BLOCK, Action.MASK])
@pytest.mark.parametrize(("coding", "body", "shown"), [row for row in UNSCANNABLE.values() if row[0] != VISA])
def test_what_cannot_be_read_is_blocked_if_the_policy_says_so(
    coding: bytes, body: bytes, shown: str, action: Action
) -> None:
    """Masking what cannot be read is impossible, so the stricter action applies."""
    policy = Policy(dlp=(DlpRule("strict", action, klass=FindingClass.UNSCANNABLE),))
    head = b"POST / HTTP/1.1\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
    for cut in ([head + body], [head, body], bytewise(head + body)):
        seen = sent(head + body, policy, cut)
        assert seen.verdict is not None
        assert seen.verdict.reason is Reason.UNSCANNABLE
        assert len(seen.released) < len(head + body)


def test_a_coding_without_a_body_is_nothing_to_report():
    one = flow()
    one.client.feed(b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: br\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n",
    ):
        assert one.server.feed(answer) == (answer, (), None)


class BrokenEngine:
    """Hyperscan, until it is told to fail: the one thing that the real engine does not do on demand."""

    def __init__(self) -> None:
        self.fails = False
        self._real = hyperscan()
        self.patterns, self.reach = self._real.patterns, self._real.reach

    def _check(self) -> None:
        if self.fails:
            raise EngineError("scratch in use")

    def once(self, text: bytes, without: frozenset[int] = NOBODY) -> "list[Hit]":
        self._check()
        return list(self._real.once(text, without))

    def more(self, seen: bytes, known: int, without: frozenset[int] = NOBODY) -> "list[Hit]":
        self._check()
        return list(self._real.more(seen, known, without))

    def last(self, seen: bytes) -> "list[Hit]":
        self._check()
        return list(self._real.last(seen))

    def hold(self, patterns: frozenset[int]) -> Hold:
        return self._real.hold(patterns)


@pytest.mark.parametrize("channel", [Channel.HTTP1, Channel.OPAQUE])
@pytest.mark.parametrize("mode", Mode)
def test_an_error_of_the_engine_is_never_no_findings(channel: Channel, mode: Mode) -> None:
    engine: Matcher = (broken := BrokenEngine())
    one = flow(mode, matcher=engine)
    broken.fails = True
    with pytest.raises(EngineError):
        one.client.feed(b"GET / HTTP/1.1\r\n\r\n" if channel is Channel.HTTP1 else b"\x00hello")
