"""Clients as data: what they run, that nothing sensitive is on a command line, and what their answers mean."""

import json
from subprocess import CompletedProcess

import pytest

from sidecar.lab.client import Outcome
from sidecar.lab.clients import Client, Curl, Openssl, Raw, Reply
from sidecar.lab.samples import AWS_KEY, PANS, TRACK2, VISA
from sidecar.lab.scenarios import SCENARIOS, Scenario


def test_curl_reads_everything_from_standard_input() -> None:
    call = Curl(path=f"/pay?card={VISA}", body='{"a": "b\\n"}\n', headers=("X-A: b",), v6=True).call("vault")
    assert call.command == ["curl", "-q", "--config", "-"]
    assert call.stdin.decode().splitlines() == [
        "silent",
        "ipv6",
        f'url = "http://vault:8080/pay?card={VISA}"',
        'cacert = "/run/cdefence/ca.crt"',
        'max-time = "30"',
        'write-out = "%{stderr}%{json}"',
        'header = "X-A: b"',
        'data-binary = "{\\"a\\": \\"b\\\\n\\"}\\n"',
    ]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.title)
def test_nothing_sensitive_is_in_a_process_list_or_repr(scenario: Scenario) -> None:
    words = " ".join(scenario.client.call(scenario.target).command)
    for value in (*PANS, AWS_KEY, TRACK2):
        assert value not in words


def done(code: int, out: bytes = b"", err: bytes = b"") -> CompletedProcess[bytes]:
    return CompletedProcess([], code, out, err)


def curl_says(code: int, status: int) -> CompletedProcess[bytes]:
    return done(code, b"body", json.dumps({"http_code": status}).encode())


def raw_says(outcome: str, answer: str) -> CompletedProcess[bytes]:
    return done(0, json.dumps({"outcome": outcome, "sent": 1, "answer": answer}).encode())


REPLIES: list[tuple[Client, CompletedProcess[bytes], Reply]] = [
    (Curl(), curl_says(0, 403), Reply(Outcome.ANSWERED, 403, "body")),
    (Curl(), curl_says(7, 0), Reply(Outcome.REFUSED, None, "body")),
    (Curl(), curl_says(28, 0), Reply(Outcome.TIMEOUT, None, "body")),
    (Curl(), curl_says(35, 0), Reply(Outcome.RESET, None, "body")),
    (Curl(), curl_says(52, 0), Reply(Outcome.CLOSED, None, "body")),
    (Curl(), curl_says(56, 200), Reply(Outcome.RESET, None, "body")),
    (Curl(), curl_says(18, 200), Reply(Outcome.CLOSED, None, "body")),
    (Raw(payload=b""), raw_says("answered", "echo"), Reply(Outcome.ANSWERED, None, "echo")),
    (
        Raw(payload=b""),
        raw_says("answered", "HTTP/1.1 403 No\r\nA: b\r\n\r\n{}"),
        Reply(Outcome.ANSWERED, 403, "{}"),
    ),
    (
        Raw(payload=b""),
        raw_says("reset", "HTTP/1.1 200 OK\r\n\r\nha"),
        Reply(Outcome.RESET, None, "HTTP/1.1 200 OK\r\n\r\nha"),
    ),
    (Raw(payload=b""), raw_says("rejected", ""), Reply(Outcome.REJECTED)),
    (
        Openssl(request=b""),
        done(0, b"HTTP/1.1 200 OK\r\n\r\nhi"),
        Reply(Outcome.ANSWERED, 200, "hi"),
    ),
    (Openssl(request=b""), done(1, b""), Reply(Outcome.RESET)),
]


@pytest.mark.parametrize(("client", "finished", "reply"), REPLIES)
def test_what_an_answer_means(client: Client, finished: CompletedProcess[bytes], reply: Reply) -> None:
    assert client.reply(finished) == reply


def test_a_reply_does_not_show_its_body() -> None:
    assert VISA not in repr(Reply(Outcome.ANSWERED, 200, VISA))
    assert VISA not in repr(Raw(payload=VISA.encode()))
    assert VISA not in repr(Openssl(request=VISA.encode()))
