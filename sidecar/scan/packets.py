"""The TCP segments and UDP datagrams of a capture, whatever it was captured on.

What belongs here: pcap and pcapng, link layers, IPv4 and IPv6.  What never does: what is in a connection (connections.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

import dpkt

if TYPE_CHECKING:
    from sidecar.scan.opened import Peeked


class End(NamedTuple):
    """One end of a connection."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Segment(NamedTuple):
    """One TCP segment."""

    source: End
    target: End
    seq: int
    flags: int
    data: bytes

    def has(self, flag: int) -> bool:
        """Whether a flag is set."""
        return bool(self.flags & flag)


class Datagram(NamedTuple):
    """One UDP datagram."""

    source: End
    target: End
    data: bytes


class Unread(NamedTuple):
    """A packet that is not looked into, and why."""

    why: str


Packet = Segment | Datagram | Unread


class CaptureError(Exception):
    """The capture cannot be read (any further)."""


PCAP: Final = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_LARGEST: Final = 16 * 1024 * 1024
"""No packet is that large; a length in a file that is broken can be."""
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_PORTS: Final = {dpkt.ip.IP_PROTO_TCP, dpkt.ip.IP_PROTO_UDP}


def packets(stream: Peeked) -> Iterator[Packet]:
    """Everything in a capture that is TCP or UDP.  Raises CaptureError."""
    try:
        frames = _pcapng(stream) if stream.peek(4) == PCAPNG else _pcap(stream)
        for link, frame in frames:
            packet = _packet(link, frame)
            if packet is not None:
                yield packet
    except (ValueError, struct.error, dpkt.Error) as error:
        raise CaptureError(f"is no complete capture: {error}") from None


def _pcap(stream: Peeked) -> Iterator[tuple[int, bytes]]:
    reader = dpkt.pcap.Reader(_Exact(stream))
    for _, frame in reader:
        yield reader.datalink(), bytes(frame)


def _pcapng(stream: Peeked) -> Iterator[tuple[int, bytes]]:
    """The frames of a pcapng file, each with its interface's link type (draft-ietf-opsawg-pcapng 4)."""
    order, links = "<", list[int]()
    exact = _Exact(stream)
    while head := exact.read(8):
        if int.from_bytes(head[:4], "little") == _SECTION:
            head += exact.read(4)
            order, links = ("<" if head[8:] == b"\x4d\x3c\x2b\x1a" else ">"), []
        kind, length = struct.unpack(f"{order}II", head[:8])
        if length < 12 or length % 4:
            raise ValueError("a block has no length")
        body = exact.read(length - len(head))[:-4]
        if kind == _INTERFACE:
            links.append(struct.unpack_from(f"{order}H", body)[0])
        elif kind == _PACKET:
            interface, _, _, size = struct.unpack_from(f"{order}IIII", body)
            yield links[interface] if interface < len(links) else -1, body[20 : 20 + size]
        elif kind == _OLD_PACKET:
            interface, _, _, _, size = struct.unpack_from(f"{order}HHIII", body)
            yield links[interface] if interface < len(links) else -1, body[20 : 20 + size]
        elif kind == _SIMPLE_PACKET:
            yield links[0] if links else -1, body[4:]


class _Exact:
    """Reads exactly what is asked for, or nothing at the end of the file."""

    def __init__(self, stream: Peeked) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        if size > _LARGEST:
            raise ValueError("a length is beyond any packet")
        data = self._stream.full(size)
        if data and len(data) < size:
            raise ValueError("it ends in the middle of a packet")
        return data


# --- from frame to payload ----------------------------------------------------------------------------------------------


def _ethernet(frame: bytes) -> bytes:
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        at += 4
    return frame[at + 2 :] if frame[at : at + 2] in (b"\x08\x00", b"\x86\xdd") else b""


_LINKS: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: lambda frame: frame[4:],  # loopback of BSD
    1: _ethernet,
    12: lambda frame: frame,
    14: lambda frame: frame,
    101: lambda frame: frame,  # raw IP, by its old and new numbers
    108: lambda frame: frame[4:],
    113: lambda frame: frame[16:],  # Linux, interface "any"
    228: lambda frame: frame,
    229: lambda frame: frame,
    276: lambda frame: frame[20:],  # the same, second version
}
"""Where the IP packet begins, by link type (tcpdump.org/linktypes)."""


def _packet(link: int, frame: bytes) -> Packet | None:
    """The TCP or UDP in a frame; None for what carries nothing (ARP, ICMP)."""
    if link not in _LINKS:
        return Unread("link type that is not known")
    data = _LINKS[link](frame)
    if not data or data[0] >> 4 not in (4, 6):
        return None
    try:
        ip = dpkt.ip.IP(data) if data[0] >> 4 == 4 else dpkt.ip6.IP6(data)
    except dpkt.Error:
        return Unread("broken IP packet")
    if _is_fragment(ip):
        return Unread("IP fragment")
    source, target = str(ip_address(ip.src)), str(ip_address(ip.dst))
    inner = ip.data
    if isinstance(inner, dpkt.tcp.TCP):
        return Segment(
            End(source, inner.sport), End(target, inner.dport), inner.seq, inner.flags, bytes(inner.data)
        )
    if isinstance(inner, dpkt.udp.UDP):
        return Datagram(End(source, inner.sport), End(target, inner.dport), bytes(inner.data))
    return Unread("cut short") if ip.p in _PORTS else None


def _is_fragment(ip: dpkt.ip.IP | dpkt.ip6.IP6) -> bool:
    if isinstance(ip, dpkt.ip.IP):
        return bool(ip.mf or ip.offset)
    return any(isinstance(each, dpkt.ip6.IP6FragmentHeader) for each in ip.all_extension_headers)
