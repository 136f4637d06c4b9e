"""A small raw client for scenarios that curl cannot play: cut streams, half-closes, malformed messages,
datagrams.

Reads the payload from standard input, so that it is in no process list, sends it, and prints one line of
JSON: `{"outcome": …, "sent": bytes, "answer": text}`.

What never belongs here: protocol knowledge; it sends the bytes it is given.
"""

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an exchange ended, as the client's kernel told it."""

    ANSWERED = "answered"
    CLOSED = "closed"
    """The other side closed in order, without an answer."""
    RESET = "reset"
    REFUSED = "refused"
    REJECTED = "rejected"
    """A firewall said no: ICMP administratively prohibited, or permission denied by the local one."""
    TIMEOUT = "timeout"


@dataclass(slots=True)
class Exchange:
    """What happened.  `answer` is the received bytes as Latin-1; kept if a reset follows."""

    outcome: Outcome
    sent: int = 0
    answer: str = ""


# What the kernel calls the ends we distinguish; PermissionError is EPERM and EACCES (ICMP "prohibited"), and
# EHOSTUNREACH is what IPv4 makes of "administratively prohibited".
_ENDS: tuple[tuple[type[OSError], Outcome], ...] = (
    (ConnectionRefusedError, Outcome.REFUSED),
    (ConnectionResetError, Outcome.RESET),
    (BrokenPipeError, Outcome.RESET),
    (TimeoutError, Outcome.TIMEOUT),
    (PermissionError, Outcome.REJECTED),
)


def outcome_of(error: OSError) -> Outcome:
    """The outcome that an error of the kernel means; any other (unreachable) counts as rejected."""
    return next((outcome for kind, outcome in _ENDS if isinstance(error, kind)), Outcome.REJECTED)


def pieces(payload: bytes, cut: int) -> list[bytes]:
    """`payload` in pieces of `cut` bytes; 0 leaves it whole."""
    step = cut or max(len(payload), 1)
    return [payload[start : start + step] for start in range(0, len(payload), step)]


def exchange_tcp(connection: socket.socket, payload: bytes, cut: int) -> Exchange:
    """Send `payload` piece by piece, end our side, read until the end.

    TCP_NODELAY makes each piece a segment of its own as long as the window is open.
    """
    done = Exchange(Outcome.CLOSED)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces(payload, cut):
            connection.sendall(piece)
            done.sent += len(piece)
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        done.outcome = outcome_of(error)
    return _read_rest(connection, done)


def _read_rest(connection: socket.socket, done: Exchange) -> Exchange:
    """Also after a failed send: an answer may be waiting."""
    try:
        while data := connection.recv(65536):
            done.answer += data.decode("latin-1")
            done.outcome = Outcome.ANSWERED
    except OSError as error:
        done.outcome = outcome_of(error)
    return done


def exchange_udp(connection: socket.socket, payload: bytes) -> Exchange:
    """Send one datagram and wait for one.  On a connected socket the kernel reports ICMP errors."""
    try:
        sent = connection.send(payload)
        return Exchange(Outcome.ANSWERED, sent, connection.recv(65536).decode("latin-1"))
    except OSError as error:
        return Exchange(outcome_of(error))


def converse(options: argparse.Namespace, payload: bytes) -> Exchange:
    """Connect as the options say, then exchange."""
    kind = socket.SOCK_DGRAM if options.udp else socket.SOCK_STREAM
    family = socket.AF_INET6 if options.v6 else socket.AF_INET
    try:
        address = socket.getaddrinfo(options.host, options.port, family, kind)[0][4]
        with socket.socket(family, kind) as connection:
            connection.settimeout(options.timeout)
            connection.connect(address)
            if options.udp:
                return exchange_udp(connection, payload)
            return exchange_tcp(connection, payload, options.cut)
    except OSError as error:
        return Exchange(outcome_of(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m sidecar.lab.client HOST PORT [--udp] [--v6] [--cut N] <payload`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--v6", action="store_true", help="IPv6 instead of IPv4")
    parser.add_argument("--cut", type=int, default=0, help="send in pieces of this many bytes")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds to wait for anything")
    done = converse(parser.parse_args(arguments), sys.stdin.buffer.read())
    print(json.dumps(asdict(done)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
