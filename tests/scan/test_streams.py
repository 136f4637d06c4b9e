"""`cdefence inspect --jsonl`: the same verdict as on the wire, with the borders that a line gives."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest

from tests.scan.conftest import Run, jsonl

BODY = b"card=4111111111111111&amount=100"
HEAD = b"POST /pay HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CLEAN = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
SMUGGLED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


def asked(segments: Sequence[bytes], **more: str) -> dict[str, Any]:
    return {"id": 1, "segments": [base64.b64encode(each).decode() for each in segments], **more}


# What a line says -> verdict, reason, segment of the verdict.
LINES: list[tuple[list[bytes], dict[str, str], tuple[str, str | None, int | None]]] = [
    ([HEAD, BODY], {"protocol": "auto", "direction": "request"}, ("block", "pan_in_cleartext", 1)),
    ([HEAD + BODY], {"protocol": "http1", "direction": "request"}, ("block", "pan_in_cleartext", 0)),
    ([HEAD[:9], HEAD[9:] + BODY[:9], BODY[9:]], {}, ("block", "pan_in_cleartext", 2)),
    ([CLEAN, HEAD + BODY, CLEAN], {}, ("block", "pan_in_cleartext", 1)),
    ([CLEAN], {"protocol": "http1", "direction": "request"}, ("allow", None, None)),
    ([ANSWER, BODY], {"protocol": "auto", "direction": "response"}, ("block", "pan_in_cleartext", 1)),
    ([ANSWER + BODY], {"protocol": "http1", "direction": "response"}, ("block", "pan_in_cleartext", 0)),
    ([b"220 mail ready\r\n"], {"protocol": "auto", "direction": "response"}, ("allow", None, None)),
    ([b"220 ready\r\n"], {"protocol": "http1", "direction": "response"}, ("block", "malformed_http", 0)),
    ([b"rubbish\r\n\r\n"], {"protocol": "http1", "direction": "request"}, ("block", "malformed_http", 0)),
    ([SMUGGLED], {"protocol": "auto", "direction": "request"}, ("block", "malformed_http", 0)),
    ([b"a 4111 1111", b" 1111 ", b"1111"], {"protocol": "opaque"}, ("block", "pan_in_cleartext", 2)),
    ([b"\x00ssn 536-22-1234 "], {"protocol": "opaque", "direction": "response"}, ("alert", None, None)),
    ([], {}, ("allow", None, None)),
]


@pytest.mark.parametrize(("segments", "more", "told"), LINES)
def test_verdicts(
    cdefence: Run, segments: list[bytes], more: dict[str, str], told: tuple[str, str | None, int | None]
) -> None:
    said = cdefence("inspect", "--jsonl", "-", stdin=jsonl([asked(segments, **more)]))
    (line,) = said.lines
    assert said.code == 0
    assert list(line) == ["id", "verdict", "findings", "released", "blocked_at", "reason"]
    assert (line["verdict"], line["reason"], line["blocked_at"]) == told
    total = sum(map(len, segments))
    assert line["released"] == total if told[0] != "block" else line["released"] < total


def test_of_a_blocked_value_no_more_left_than_may_be_shown(cdefence: Run) -> None:
    whole = HEAD + BODY
    value = whole.index(b"4111")
    lines = [asked([whole[:cut], whole[cut:]]) for cut in range(1, len(whole))]
    for line in cdefence("inspect", "--jsonl", "-", stdin=jsonl(lines)).lines:
        assert line["verdict"] == "block"
        assert line["released"] <= value + 6
        assert line["findings"][0]["masked"] == "411111******1111"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"id": 1}, "field segments is missing"),
        ({"id": 1, "segments": "YQ=="}, "field segments is no list"),
        ({"id": 1, "segments": ["?"]}, "field segments[0] is no base64"),
        ({"id": 1, "segments": [], "protocol": "http2"}, "field protocol is none of auto, http1, opaque"),
        ({"id": 1, "segments": [], "direction": "in"}, "field direction is none of request, response"),
    ],
)
def test_a_bad_line_is_named(cdefence: Run, line: dict[str, Any], complaint: str) -> None:
    said = cdefence("inspect", "--jsonl", "-", stdin=jsonl([line, asked([CLEAN])]))
    assert said.code == 2
    assert said.lines[0] == {"id": 1, "error": f"line 1: {complaint}"}
    assert said.lines[1]["verdict"] == "allow"
