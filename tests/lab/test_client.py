"""The raw client: sends the bytes it is given, cut as it is told, and says how the exchange ended."""

import errno
import os
import socket
import threading
from collections.abc import Callable

import pytest

from sidecar.lab import client
from sidecar.lab.client import Exchange, Outcome

ERRORS = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.TIMEOUT,
    errno.EPERM: Outcome.REJECTED,  # our own firewall, on sending
    errno.EACCES: Outcome.REJECTED,  # ICMPv6 administratively prohibited
    errno.EHOSTUNREACH: Outcome.REJECTED,  # ICMP administratively prohibited
}


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.__getitem__)
def test_errors_of_the_kernel(number: int) -> None:
    assert client.outcome_of(OSError(number, os.strerror(number))) == ERRORS[number]


@pytest.mark.parametrize(
    ("cut", "parts"), [(0, [b"abcde"]), (1, [b"a", b"b", b"c", b"d", b"e"]), (2, [b"ab", b"cd", b"e"])]
)
def test_pieces(cut: int, parts: list[bytes]) -> None:
    assert client.pieces(b"abcde", cut) == parts


def against(serve: Callable[[socket.socket], None], payload: bytes, cut: int = 0) -> Exchange:
    """The exchange with a server that runs `serve` on one accepted connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=60) as connection:
            done = client.exchange_tcp(connection, payload, cut)
        thread.join()
    return done


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))


def echo(connection: socket.socket) -> None:
    connection.sendall(read_all(connection))


def hang_up(connection: socket.socket) -> None:
    read_all(connection)


def reset(connection: socket.socket) -> None:
    read_all(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("serve", "cut", "seen"),
    [
        (echo, 0, Exchange(Outcome.ANSWERED, 5, "a\u00e9\x00bc")),
        (echo, 1, Exchange(Outcome.ANSWERED, 5, "a\u00e9\x00bc")),
        (hang_up, 0, Exchange(Outcome.CLOSED, 5)),
        (reset, 0, Exchange(Outcome.RESET, 5)),
    ],
)
def test_tcp(serve: Callable[[socket.socket], None], cut: int, seen: Exchange) -> None:
    assert against(serve, b"a\xe9\x00bc", cut) == seen
