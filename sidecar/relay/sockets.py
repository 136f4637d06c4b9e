"""Small truths about TCP sockets that the relay needs in more than one place."""

import contextlib
import errno
import resource
import socket
import struct

_LINGER_RESET = struct.pack("ii", 1, 0)
BACKLOG = 4096


def listen(port: int, addresses: tuple[str, ...]) -> list[socket.socket]:
    """Listening sockets on `port`, one for each address.

    IPv6 is left out where the machine does not have it.  Raises OSError when nothing can be bound.
    """
    sockets = []
    for address in addresses:
        try:
            sockets.append(_listener(address, port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) or ":" not in address:
                raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, f"no address to listen on port {port}")
    return sockets


def _listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def client_socket(address: str) -> socket.socket:
    """A non-blocking socket to dial `address` with.  Raises OSError when descriptors run out."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    no_delay(sock)
    return sock


def no_delay(sock: socket.socket) -> None:
    """Send small messages at once: we only forward, the sender has already decided to send."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


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
