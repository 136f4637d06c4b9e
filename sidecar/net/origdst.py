"""Where a redirected connection was going before the firewall turned it to the proxy.

What belongs here: one getsockopt and the unpacking of its answer, quick enough for every accept.  What never
does: deciding what to do with a connection that was not redirected (the relay refuses it).
"""

import errno
import socket
import struct
import sys
from typing import Final

SO_ORIGINAL_DST: Final = 80
"""linux/netfilter_ipv4.h; IP6T_SO_ORIGINAL_DST in linux/netfilter_ipv6/ip6_tables.h has the same number."""

_SOCKADDR_IN: Final = struct.Struct("!2xH4s8x")  # family, port, address, padding
_SOCKADDR_IN6: Final = struct.Struct(
    "!2xH4x16s4s"
)  # family, port, flow, address, zone (in the machine's byte order)
_MAPPED: Final = "::ffff:"
_NOT_TRACKED: Final = frozenset({errno.ENOENT, errno.ENOPROTOOPT})


def original_destination(sock: socket.socket) -> tuple[str, int] | None:
    """The address and port that the peer of an accepted TCP connection called, or None if it called us.

    IPv4 on a dual-stack IPv6 socket comes back as IPv4 text ("192.0.2.7", not "::ffff:192.0.2.7"); a
    link-local address keeps its zone as a number ("fe80::1%2"), without which it could not be dialled.  None
    also means that the kernel does not track the connection at all, so no firewall redirected it.  Raises
    OSError if the socket is closed or unconnected.
    """
    host, port = sock.getsockname()[:2]
    ipv4 = sock.family == socket.AF_INET or host.startswith(_MAPPED)
    try:
        original, zone = _original4(sock) if ipv4 else _original6(sock)
    except OSError as error:
        if error.errno in _NOT_TRACKED:
            return None
        raise
    if original == (host.removeprefix(_MAPPED).partition("%")[0], port):
        return None
    return (f"{original[0]}%{zone}", original[1]) if zone else original


def _original4(sock: socket.socket) -> tuple[tuple[str, int], int]:
    port, address = _SOCKADDR_IN.unpack(sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, _SOCKADDR_IN.size))
    return (socket.inet_ntoa(address), port), 0


def _original6(sock: socket.socket) -> tuple[tuple[str, int], int]:
    answer = sock.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, _SOCKADDR_IN6.size)
    port, address, zone = _SOCKADDR_IN6.unpack(answer)
    return (socket.inet_ntop(socket.AF_INET6, address), port), int.from_bytes(zone, sys.byteorder)
