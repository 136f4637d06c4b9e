"""Small truths about TCP sockets that the relay needs in more than one place."""

import contextlib
import errno
import resource
import socket
import struct
from collections.abc import Iterable
from typing import Final

from sidecar.ops import endpoint

_LINGER_RESET: Final = struct.pack("ii", 1, 0)
BACKLOG: Final = 4096
_ANY: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - the route chooses the address

SPARE: Final = 200
"""Descriptors that are not for connections: listeners, files, probes and scrapes, pipes that are in use."""

# The ends think that they talk to each other, but the keep-alives of both end here.  Without ours, a peer that vanished
# would be held until the idle time-out.  A minute is what databases and Linkerd's 10 s have between them; the kernel's
# own two hours are longer than any NAT or load balancer waits.
_KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
# Small messages leave at once: we only forward, the sender has already decided to send.
_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *_KEEPALIVE)


def listen(port: int, addresses: Iterable[str]) -> list[socket.socket]:
    """Listening sockets on `port`, one for each address whose family the kernel has; see `ops.endpoint.listen`.

    What they accept has our options already: on Linux they are inherited.  Raises OSError.
    """
    listeners = endpoint.listen(addresses, port, BACKLOG)
    for listener in listeners:
        _set_options(listener)
    return listeners


def client_socket(address: str) -> socket.socket:
    """A non-blocking socket to dial `address` with.  Raises OSError when descriptors run out."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    _set_options(sock)
    return sock


def dial(destination: tuple[str, int], source_port: int | None = None) -> socket.socket:
    """A non-blocking socket on its way to `destination`, from a port that the kernel chooses if none is given.

    Raises OSError.
    """
    sock = client_socket(destination[0])
    try:
        if source_port is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((_ANY[sock.family], source_port))
        sock.connect(destination)
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def _set_options(sock: socket.socket) -> None:
    for level, name, value in _OPTIONS:
        sock.setsockopt(level, name, value)


def connect_error(sock: socket.socket) -> int:
    """Why a socket that was being connected is not; 0 when it is, or was and the peer has said something.

    Not by SO_ERROR: a server may speak and reset before we look, and to ask would forget the reset, so that its last
    words would end like a message that is complete.
    """
    try:
        sock.getpeername()
    except OSError:
        try:
            sock.recv(1, socket.MSG_PEEK)
        except OSError as error:
            return error.errno or errno.ECONNRESET
    return 0


def reset(sock: socket.socket) -> None:
    """Close with RST, so that the peer cannot take what it has for a complete message."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    sock.close()


def shut_write(sock: socket.socket) -> None:
    """Half-close: no more bytes from us.  The peer may already be gone."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def room(descriptors: int) -> int:
    """For how many connections, of two sockets each, that many descriptors are enough."""
    return (descriptors - min(SPARE, descriptors // 4)) // 2
