"""Captures: connections put together again, through the same core as live traffic."""

import io
import random
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import dpkt
import pytest

from tests.scan.conftest import PAN, Run

FIN, SYN, RST, ACK, PUSH = 1, 2, 4, 16, 8
BODY = b"card=4111111111111111&amount=100"
REQUEST = b"POST /pay HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLIENT, SERVER = ("10.0.0.1", 40_000), ("10.0.0.2", 80)
CLIENT6, SERVER6 = ("fd00::1", 40_000), ("fd00::2", 80)
Peer = tuple[str, int]


def ip(source: Peer, target: Peer, inner: dpkt.Packet, protocol: int) -> bytes:
    six = ":" in source[0]
    family = socket.AF_INET6 if six else socket.AF_INET
    src, dst = (socket.inet_pton(family, each[0]) for each in (source, target))
    if six:
        return bytes(dpkt.ip6.IP6(src=src, dst=dst, nxt=protocol, hlim=64, plen=len(inner), data=inner))
    return bytes(dpkt.ip.IP(src=src, dst=dst, p=protocol, data=inner, len=20 + len(inner)))


def tcp(source: Peer, target: Peer, seq: int, data: bytes = b"", flags: int = ACK) -> bytes:
    inner = dpkt.tcp.TCP(sport=source[1], dport=target[1], seq=seq % 2**32, flags=flags, data=data)
    return ip(source, target, inner, 6)


def udp(source: Peer, target: Peer, data: bytes) -> bytes:
    return ip(
        source, target, dpkt.udp.UDP(sport=source[1], dport=target[1], data=data, ulen=8 + len(data)), 17
    )


def conversation(
    client: Peer = CLIENT, server: Peer = SERVER, request: bytes = REQUEST, *, at: int = 1000, cut: int = 20
) -> list[bytes]:
    """A whole connection; the request in segments of `cut` bytes."""
    parts = [request[begin : begin + cut] for begin in range(0, len(request), cut)]
    return [
        tcp(client, server, at, flags=SYN),
        tcp(server, client, 5000, flags=SYN | ACK),
        *(tcp(client, server, at + 1 + cut * number, part, ACK | PUSH) for number, part in enumerate(parts)),
        tcp(client, server, at + 1 + len(request), flags=FIN | ACK),
        tcp(server, client, 5001, ANSWER),
        tcp(server, client, 5001 + len(ANSWER), flags=FIN | ACK),
    ]


def ethernet(packet: bytes) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return b"\0" * 12 + struct.pack(">H", kind) + packet


def vlan(packet: bytes) -> bytes:
    framed = ethernet(packet)
    return framed[:12] + b"\x81\x00\x00\x05" + framed[12:]


def pcap(frames: Sequence[bytes], link: int = 1) -> bytes:
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=link)
    for frame in frames:
        writer.writepkt(frame, 0)
    return file.getvalue()


def pcapng(frames: Sequence[bytes], link: int = 1, order: str = "<") -> bytes:
    """Two interfaces, the frames on the second; packets in blocks of their own."""

    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        length = len(body) + 12
        return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)

    section = struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)
    interfaces = [struct.pack(f"{order}HHI", each, 0, 65535) for each in (147, link)]
    return b"".join(
        [
            block(0x0A0D0D0A, section),
            *(block(1, each) for each in interfaces),
            *(block(6, struct.pack(f"{order}IIIII", 1, 0, 0, len(f), len(f)) + f) for f in frames),
        ]
    )


def scanned(cdefence: Run, tmp_path: Path, capture: bytes) -> tuple[list[tuple[str, str, str]], str]:
    """Findings, with paths inside the capture, and what was said besides."""
    file = tmp_path / "a.pcap"
    file.write_bytes(capture)
    said = cdefence("scan", "--format", "json", file)
    return [
        (path.removeprefix(f"{file}!"), pattern, where) for path, pattern, where in said.found()
    ], said.err


FOUND = [("10.0.0.1:40000>10.0.0.2:80", "pci/pan", "$.card")]
FOUND6 = [("[fd00::1]:40000>[fd00::2]:80", "pci/pan", "$.card")]

V4, V6 = conversation(), conversation(CLIENT6, SERVER6)
CAPTURES: dict[str, tuple[bytes, list[tuple[str, str, str]]]] = {
    "ethernet": (pcap(list(map(ethernet, V4))), FOUND),
    "ethernet, v6": (pcap(list(map(ethernet, V6))), FOUND6),
    "vlan": (pcap(list(map(vlan, V4))), FOUND),
    "raw": (pcap(V4, 101), FOUND),
    "loopback": (pcap([b"\x02\0\0\0" + each for each in V4], 0), FOUND),
    "linux any": (pcap([b"\0" * 16 + each for each in V4], 113), FOUND),
    "linux any 2": (pcap([b"\0" * 20 + each for each in V6], 276), FOUND6),
    "pcapng": (pcapng(list(map(ethernet, V4))), FOUND),
    "pcapng, big endian": (pcapng(list(map(ethernet, V6)), order=">"), FOUND6),
    "one byte a segment": (pcap(list(map(ethernet, conversation(cut=1)))), FOUND),
    "sequence numbers go around": (pcap(list(map(ethernet, conversation(at=2**32 - 30)))), FOUND),
    "not from its beginning": (pcap(list(map(ethernet, V4[2:]))), FOUND),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_a_request_is_found_whatever_carries_it(cdefence: Run, tmp_path: Path, name: str) -> None:
    capture, found = CAPTURES[name]
    assert scanned(cdefence, tmp_path, capture)[0] == found


def shuffled(packets: list[bytes]) -> list[bytes]:
    segments = packets[2:-3]
    random.Random(5).shuffle(segments)
    return [*packets[:2], *segments, *packets[-3:]]


def repeated(packets: list[bytes]) -> list[bytes]:
    return [*packets[:6], *packets[2:6], *packets[4:], *packets[3:7]]


def overlapping(packets: list[bytes]) -> list[bytes]:
    again = [tcp(CLIENT, SERVER, 1001 + at, REQUEST[at : at + 50]) for at in range(0, len(REQUEST), 13)]
    return [*packets[:2], *again, *packets[-3:]]


def answered_first(packets: list[bytes]) -> list[bytes]:
    """The far side's FIN is captured before the last segments."""
    return [*packets[:4], packets[-3], *packets[4:-3], *packets[-2:]]


@pytest.mark.parametrize("disorder", [shuffled, repeated, overlapping, answered_first])
def test_order_and_repetition_do_not_matter(
    cdefence: Run, tmp_path: Path, disorder: Callable[[list[bytes]], list[bytes]]
) -> None:
    found, said = scanned(cdefence, tmp_path, pcap(list(map(ethernet, disorder(V4)))))
    assert found == FOUND
    assert "missing" not in said


def test_a_gap_is_told_and_what_is_behind_it_is_looked_at(cdefence: Run, tmp_path: Path) -> None:
    request = b"x" * 60 + b" " + PAN
    packets = conversation(("10.0.0.2", 40_000), ("10.0.0.9", 9999), request)  # no HTTP
    del packets[3]
    found, said = scanned(cdefence, tmp_path, pcap(list(map(ethernet, packets))))
    assert [(pattern, where) for _, pattern, where in found] == [("pci/pan", "stream")]
    assert "bytes are missing in 1 places" in said


def test_a_port_that_is_used_again_is_another_connection(cdefence: Run, tmp_path: Path) -> None:
    packets = [*conversation(), *conversation(at=90_000)]
    assert scanned(cdefence, tmp_path, pcap(list(map(ethernet, packets))))[0] == FOUND * 2


def test_the_answer_is_looked_at_as_an_answer(cdefence: Run, tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Card: 4111111111111111\r\nContent-Length: 0\r\n\r\n"
    packets = conversation(request=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")[:-3]
    packets.append(tcp(SERVER, CLIENT, 5001, answer))
    found, _ = scanned(cdefence, tmp_path, pcap(list(map(ethernet, packets))))
    assert found == [("10.0.0.2:80>10.0.0.1:40000", "pci/pan", "header:X-Card")]


def test_datagrams(cdefence: Run, tmp_path: Path) -> None:
    log = udp(("10.0.0.1", 5000), ("10.0.0.9", 514), b"<13>Jan 1 00:00:00 till: " + PAN)
    found, _ = scanned(cdefence, tmp_path, pcap([ethernet(log)]))
    assert found == [("10.0.0.1:5000>10.0.0.9:514", "pci/pan", "datagram")]


def test_what_is_not_looked_into_is_named(cdefence: Run, tmp_path: Path) -> None:
    fragment = bytearray(V4[3])
    fragment[6] |= 0x20  # more fragments
    found, said = scanned(cdefence, tmp_path, pcap([ethernet(bytes(fragment)), b"\0" * 60]))
    assert found == []
    assert "1 packets not looked at: IP fragment" in said
    _, said = scanned(cdefence, tmp_path, pcap(V4, 147))
    assert f"{len(V4)} packets not looked at: link type that is not known" in said


def test_a_capture_that_is_cut_short_is_a_finding(cdefence: Run, tmp_path: Path) -> None:
    whole = pcap(list(map(ethernet, V4)))
    found, _ = scanned(cdefence, tmp_path, whole[:-5])
    assert [pattern for _, pattern, _ in found] == ["pci/pan", "unscannable"]
