"""TLS as far as recognising it: real first flights, their beginnings, and what only looks like them."""

import ssl

import pytest

from sidecar.core.tls import is_client_hello, is_server_answer
from tests.kit.tls import client_hello, server_alert, server_hello

V12 = ssl.TLSVersion.TLSv1_2
V13 = ssl.TLSVersion.TLSv1_3
ENOUGH = 11
"""Bytes of a hello that are looked at."""


@pytest.mark.parametrize("hello", [client_hello(), client_hello((V12, V12)), client_hello((V13, V13))])
def test_a_client_hello_is_recognised_as_soon_as_it_can_be(hello: bytes) -> None:
    answers = [is_client_hello(hello[:size]) for size in range(len(hello) + 1)]
    assert answers[:ENOUGH] == [None] * ENOUGH
    assert set(answers[ENOUGH:]) == {True}


def test_a_server_hello_is_recognised_as_soon_as_it_can_be() -> None:
    hello = server_hello()
    answers = [is_server_answer(hello[:size]) for size in range(len(hello) + 1)]
    assert answers[:ENOUGH] == [None] * ENOUGH
    assert set(answers[ENOUGH:]) == {True}


def test_an_alert_is_an_answer() -> None:
    alert = server_alert()
    assert [is_server_answer(alert[:size]) for size in range(len(alert) + 1)] == [None] * len(alert) + [True]


def test_each_side_has_its_own_hello() -> None:
    assert is_client_hello(server_hello()) is False
    assert is_server_answer(client_hello()) is False
    assert is_client_hello(server_alert()) is False


def changed(at: int, byte: int) -> bytes:
    hello = bytearray(client_hello())
    hello[at] = byte
    return bytes(hello)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("another record type", changed(0, 0x17)),
        ("SSL 2", changed(1, 0x02)),
        ("a version that does not exist", changed(2, 0x05)),
        ("a record longer than 2^14 + 2048", changed(3, 0x60)),
        ("an empty record", changed(3, 0)[:4] + b"\x00" + client_hello()[5:]),
        ("another handshake message", changed(5, 0x0B)),
        ("a message longer than 2^17", changed(6, 0x02)),
        ("a version of SSL 2 inside", changed(9, 0x02)),
        ("text", b"GET / HTTP/1.1\r\n"),
        ("a number", b"4111111111111111"),
    ],
)
def test_what_is_none(what: str, data: bytes) -> None:
    assert is_client_hello(data) is False
    assert is_server_answer(data) is False


def test_the_first_byte_that_is_wrong_settles_it() -> None:
    assert is_client_hello(b"\x16") is None
    assert is_client_hello(b"\x16\x04") is False
    assert is_server_answer(b"\x15\x03\x03\x00\x00\x02\x28") is False
    assert is_server_answer(b"H") is False
