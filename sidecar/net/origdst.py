"""Where a redirected connection was going before the firewall turned it to the proxy.

What belongs here: one getsockopt and the unpacking of its answer, quick enough for every accept.  What never
does: deciding what to do with a connection that was not redirected (the relay refuses it).
"""

import errno
import socket
import struct
from typing import Final

SO_ORIGINAL_DST: Final = 80
"""linux/netfilter_ipv4.h; IP6T_SO_ORIGINAL_DST in linux/netfilter_ipv6/ip6_tables.h has the same number."""

_SOCKADDR_IN: Final = struct.Struct("!2xH4s8x")  # family, port, address, padding
_SOCKADDR_IN6: Final = struct.Struct("!2xH4x16s4x")  # family, port, flow, address, zone
_MAPPED: Final = "::ffff:"
_NOT_TRACKED: Final = frozenset({errno.ENOENT, errno.ENOPROTOOPT})


def original_destination(sock: socket.socket) -> tuple[str, int] | None:
    """The address and port that the peer of an accepted TCP connection called, or None if it called us.

    IPv4 on a dual-stack IPv6 socket comes back as IPv4 text ("192.0.2.7", not "::ffff:192.0.2.7").  A link-local
    IPv6 address has lost its zone, so it cannot be dialled.  None also means that the kernel does not track the
    connection at all, so no firewall redirected it.  Raises OSError if the socket is closed or not connected.
    """
    host, port = sock.getsockname()[:2]
    try:
        if sock.family == socket.AF_INET or host.startswith(_MAPPED):
            host, original = host.removeprefix(_MAPPED), _original4(sock)
        else:
            host, original = host.partition("%")[0], _original6(sock)
    except OSError as error:
        if error.errno in _NOT_TRACKED:
            return None
        raise
    return None if original == (host, port) else original


def _original4(sock: socket.socket) -> tuple[str, int]:
    port, address = _SOCKADDR_IN.unpack(sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, _SOCKADDR_IN.size))
    return socket.inet_ntoa(address), port


def _original6(sock: socket.socket) -> tuple[str, int]:
    answer = sock.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, _SOCKADDR_IN6.size)
    port, address = _SOCKADDR_IN6.unpack(answer)
    return socket.inet_ntop(socket.AF_INET6, address), port
