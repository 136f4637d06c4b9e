"""From which ports we dial for the pod: ports that an application's own `connect` does not get.

An application and the proxy that dials for it go from the same address to the same destination.  The kernel keeps their
source ports apart as long as both sockets exist, but its connection tracking remembers a flow for longer: for two minutes
if nobody has answered, as when a Service had no endpoints.  An application that got such a port was taken for that flow of
ours, which is not redirected, and so its connection was refused.

For `connect` the kernel takes ports of one parity, that of the range's beginning, until there are none left (Linux since
4.2, `__inet_hash_connect`).  We take the others, one after the other, so that each rests for as long as it can.

What never belongs here: which address is dialled.
"""

import errno
import random
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from sidecar.relay import sockets

TRIES: Final = 4
"""Ports that are tried before the kernel is left to choose: some are taken, or still known from a flow that has ended."""

_TAKEN: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
_SETTINGS: Final = Path("/proc/sys/net/ipv4")


class SourcePorts:
    """The ports of one network namespace that are ours to dial from."""

    def __init__(self, low: int, high: int, reserved: frozenset[int] = frozenset()) -> None:
        """`low` to `high` is the range for ephemeral ports, both included; `reserved` ones are left alone."""
        self._ports = _endless(range(low + 1, high + 1, 2), reserved)

    @classmethod
    def here(cls) -> "SourcePorts":
        """Of the namespace that this process is in; none where the kernel does not tell."""
        try:
            low, high = map(int, (_SETTINGS / "ip_local_port_range").read_text().split())
            return cls(low, high, _ports((_SETTINGS / "ip_local_reserved_ports").read_text()))
        except OSError:
            return cls(0, 0)

    def dial(self, destination: tuple[str, int]) -> socket.socket:
        """A non-blocking socket on its way to `destination`.  Raises OSError."""
        for port in islice(self._ports, TRIES):
            try:
                return sockets.dial(destination, port)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
        return sockets.dial(destination)


def _endless(ours: range, reserved: frozenset[int]) -> Iterator[int]:
    """One after the other for ever; not from where the last process began.  Nothing where all are reserved."""
    if all(port in reserved for port in ours):
        return
    at = random.randrange(len(ours))  # noqa: S311 - nobody has to guess it
    while True:
        at = (at + 1) % len(ours)
        if ours[at] not in reserved:
            yield ours[at]


def _ports(text: str) -> frozenset[int]:
    """`ip_local_reserved_ports`: numbers and ranges with a dash, joined by commas; or nothing."""
    ends = [part.partition("-") for part in text.strip().split(",") if part]
    return frozenset(port for low, _, high in ends for port in range(int(low), int(high or low) + 1))
